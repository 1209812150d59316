/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `lkvm run` leaves behind for programs: --result, a JSON object, and
 * --junit, a test suite with one test case. Members are never renamed; the
 * manual lists them. Both are made in memory and then replace the file as a
 * whole (util/file_replace.c).
 *
 * Bytes of the guest are in both; the writers of JSON and XML escape them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builtin-outcome.h"
#include "lkvm/arm/machine.h"
#include "lkvm/chardev/judge.h"
#include "lkvm/util/clock.h"
#include "lkvm/util/file.h"
#include "lkvm/util/file_replace.h"
#include "lkvm/util/json.h"
#include "lkvm/util/log.h"
#include "lkvm/util/output.h"
#include "lkvm/util/xml.h"

/* How long the reader of stderr may take for the next bytes. */
#define WAIT_MS 1000

static bool is_stderr(const char *path)
{
	return !strcmp(path, "-");
}

/* ---- JSON ---------------------------------------------------------------- */

/* Milliseconds since lkvm began; what has not happened has no member. */
static void put_time(const struct report *report, struct json_writer *json,
		     const char *name, u64 time)
{
	if (time)
		json_u64(json, name, (time - report->exec) / NS_PER_MS);
}

/* Without a judge only lkvm's own times are known. */
static void put_times(const struct report *report, struct json_writer *json,
		      u64 end)
{
	const struct judge_times *times =
		report->judge ? judge_times(report->judge) : NULL;

	json_begin_object(json, "times_ms");
	put_time(report, json, "run", report->run);
	if (times) {
		put_time(report, json, "first_byte", times->first_byte);
		put_time(report, json, "firmware", times->firmware);
		put_time(report, json, "kernel", times->kernel);
		put_time(report, json, "expected", times->expected);
	}
	put_time(report, json, "end", end);
	json_end_object(json);
}

/* Each of --expect, with when it was seen. */
static void put_patterns(const struct report *report, struct json_writer *json)
{
	const struct watch_patterns *list = &report->config->watch.expect;

	json_begin_array(json, "expect");
	for (unsigned int i = 0; i < list->count; i++) {
		u64 seen = report->judge ? judge_seen(report->judge, i) : 0;

		json_begin_object(json, NULL);
		json_string(json, "regex", list->items[i].text);
		json_bool(json, "seen", seen);
		put_time(report, json, "ms", seen);
		json_end_object(json);
	}
	json_end_array(json);
}

/* A member of an object that has others before it. */
char *report_stats(struct machine *machine)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct json_writer json = { .out = out,
				    .depth = 1,
				    .first_done = true };

	if (!out)
		return NULL;
	machine_put_stats(machine, &json, "stats");
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

/*
 * report->stats was formatted while the machine was there: it is put in as it
 * is, a member with its comma.
 */
static void write_json(const struct report *report, FILE *out, u64 end)
{
	const struct outcome_row *row = outcome_row(report->outcome);
	struct json_writer json = { .out = out };

	json_begin_object(&json, NULL);
	json_string(&json, "name", report->config->name);
	json_string(&json, "outcome", row->name);
	json_u64(&json, "status", (u64)report->status);
	json_bool(&json, "success", report->is_success);
	json_string(&json, "what", row->what);
	json_string(&json, "detail", report->detail);
	put_times(report, &json, end);
	put_patterns(report, &json);
	if (report->judge) {
		json_u64(&json, "console_bytes", judge_bytes(report->judge));
		json_u64(&json, "panics_with_reset",
			 judge_panics(report->judge));
	}
	if (report->stats)
		fputs(report->stats, out);
	json_end_object(&json);
}

/* ---- JUnit --------------------------------------------------------------- */

/* A failure is the guest's, an error that of whoever runs it. */
static void put_failure(const struct report *report, FILE *out)
{
	const struct outcome_row *row = outcome_row(report->outcome);

	fprintf(out, "    <%s type=\"%s\" message=\"",
		row->is_guest ? "failure" : "error", row->name);
	xml_put(out, row->what);
	fputs("\">", out);
	xml_put(out, report->detail);
	fprintf(out, "</%s>\n", row->is_guest ? "failure" : "error");
}

/* A run that failed counts as a failure or as an error, never as both. */
static void write_junit(const struct report *report, FILE *out, u64 end)
{
	const struct outcome_row *row = outcome_row(report->outcome);
	u64 ms = (end - report->exec) / NS_PER_MS;

	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuite name=\"lkvm\" tests=\"1\" failures=\"%d\" "
		"errors=\"%d\" time=\"%" PRIu64 ".%03u\">\n"
		"  <testcase classname=\"lkvm\" name=\"",
		!report->is_success && row->is_guest,
		!report->is_success && !row->is_guest, ms / 1000,
		(unsigned int)(ms % 1000));
	xml_put(out, report->config->name);
	fprintf(out, "\" time=\"%" PRIu64 ".%03u\">\n", ms / 1000,
		(unsigned int)(ms % 1000));
	if (!report->is_success)
		put_failure(report, out);
	if (report->judge) {
		fputs("    <system-out>", out);
		xml_put(out, judge_tail(report->judge));
		fputs("</system-out>\n", out);
	}
	fputs("  </testcase>\n</testsuite>\n", out);
}

/* ---- Files --------------------------------------------------------------- */

/*
 * For either file: `write` formats the whole text, which then replaces the file
 * at once. stderr has a time limit, as its reader may have stopped.
 */
static int put_file(const char *option, const char *path,
		    const struct report *report, u64 end,
		    void (*write)(const struct report *report, FILE *out,
				  u64 end))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int ret = -ENOMEM;

	if (out) {
		write(report, out, end);
		ret = fclose(out) ? -ENOMEM : 0;
	}
	if (!ret && is_stderr(path))
		ret = output_write(STDERR_FILENO, text, len, WAIT_MS, NULL);
	else if (!ret)
		ret = file_replace(path, text, len);
	free(text);
	if (ret)
		pr_err("%s: unable to write %s: %s", option, path,
		       strerror(-ret));
	return ret;
}

/*
 * A --result that could not be written does not keep --junit from being
 * written; the first error counts.
 */
int report_write(const struct report *report)
{
	const struct watch_config *config = &report->config->watch;
	u64 end = clock_now();
	int ret = 0, err;

	if (config->result)
		ret = put_file("--result", config->result, report, end,
			       write_json);
	if (!config->junit)
		return ret;
	err = put_file("--junit", config->junit, report, end, write_junit);
	return ret ? ret : err;
}

/*
 * The path is forgotten after an error: at the end of the run there would be
 * the same message again.
 */
static int check_file(const char *option, const char **path)
{
	int ret = *path && !is_stderr(*path) ? file_check_writable(*path) : 0;

	if (!ret)
		return 0;
	pr_fatal("%s: unable to write %s: %s", option, *path, strerror(-ret));
	*path = NULL;
	return ret;
}

int report_check(struct watch_config *config)
{
	int ret = check_file("--result", &config->result);

	return ret ? ret : check_file("--junit", &config->junit);
}
