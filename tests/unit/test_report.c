/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: builtin-report.c chardev/judge.c chardev/d*.c util/lines.c */
/* SOURCES: config/watch.c config/pattern.c config/list.c config/outcome.c */
/* SOURCES: util/json.c config/console_log.c config/keyvalue.c util/names.c */
/* SOURCES: util/parse.c util/file.c util/file_replace.c util/output.c */
/* SOURCES: util/xml.c */
/* What --result and --junit write, for each way in which a run ends. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "builtin-outcome.h"
#include "lkvm/arm/machine.h"
#include "lkvm/chardev/judge.h"
#include "lkvm/util/clock.h"
#include "lkvm/util/file.h"
#include "lkvm/util/json.h"
#include "lkvm/util/log.h"

static struct {
	char dir[32], result[64], junit[64];
	struct vm_config config;
	struct report report;
	struct judge *judge;
	char message[256];
	unsigned int messages;
	char *text, *stats;
} t;

static void keep_message(const char *fmt, va_list args)
{
	vsnprintf(t.message, sizeof(t.message), fmt, args);
	t.messages++;
}

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	keep_message(fmt, args);
	va_end(args);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	keep_message(fmt, args);
	va_end(args);
}

void machine_put_stats(struct machine *machine, struct json_writer *json,
		       const char *name)
{
	assert_ptr_equal(machine, (struct machine *)&t);
	json_begin_object(json, name);
	json_u64(json, "exits", 7);
	json_end_object(json);
}

static void end(void *opaque)
{
	(void)opaque;
}

static u64 cpu_time(void *opaque)
{
	(void)opaque;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	strcpy(t.dir, "/tmp/report.XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	snprintf(t.result, sizeof(t.result), "%s/result", t.dir);
	snprintf(t.junit, sizeof(t.junit), "%s/junit", t.dir);
	t.config.name = "a <guest> & \"more\"";
	t.report.config = &t.config;
	t.report.detail = "";
	t.report.exec = clock_now() - 5000 * NS_PER_MS;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (t.judge)
		judge_destroy(t.judge);
	watch_config_free(&t.config.watch);
	free(t.text);
	free(t.stats);
	unlink(t.result);
	unlink(t.junit);
	return rmdir(t.dir);
}

static const char *read_text(const char *path)
{
	void *text;
	size_t len;

	free(t.text);
	t.text = NULL;
	assert_int_equal(file_read_all(path, SZ_1M, &text, &len), 0);
	t.text = text;
	return t.text;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in:\n%s", part, text);
}

static void print(const char *text, u64 now)
{
	judge_output(t.judge, (const u8 *)text, strlen(text), now);
}

/* A guest that has printed something, and was to print "PASS" and "never". */
static void run_guest(void)
{
	static const struct judge_ops ops = { .end = end,
					      .cpu_time = cpu_time };
	u64 exec = t.report.exec;

	watch_pattern_add(&t.config.watch.expect, "", "PASS");
	watch_pattern_add(&t.config.watch.expect, "", "ne\\ver");
	t.report.run = exec + 10 * NS_PER_MS;
	t.judge = judge_create(&t.config.watch, NULL, t.report.run, &ops, NULL);
	assert_non_null(t.judge);
	print("U-Boot 2025.01\n", exec + 20 * NS_PER_MS);
	print("Linux version 6\n", exec + 1030 * NS_PER_MS);
	print("PASS \001<b>\xff]]>\n", exec + 2040 * NS_PER_MS);
	t.report.outcome = judge_outcome(t.judge, OUTCOME_POWEROFF,
					 exec + 3000 * NS_PER_MS);
	t.report.status = outcome_row(t.report.outcome)->status;
	t.report.judge = t.judge;
	t.report.detail = judge_detail(t.judge);
	t.report.stats = t.stats = report_stats((struct machine *)&t);
	assert_non_null(t.stats);
}

static void result(void **state)
{
	const char *text;

	(void)state;
	run_guest();
	t.config.watch.result = t.result;
	assert_int_equal(report_write(&t.report), 0);
	text = read_text(t.result);
	assert_has(text, "\"name\": \"a <guest> & \\\"more\\\"\"");
	assert_has(text, "\"outcome\": \"unexpected\"");
	assert_has(text, "\"status\": 11");
	assert_has(text, "\"success\": false");
	assert_has(text, "\"detail\": \"not seen: ne\\\\ver\"");
	assert_has(text, "\"run\": 10,");
	assert_has(text, "\"first_byte\": 20,");
	assert_has(text, "\"firmware\": 20,");
	assert_has(text, "\"kernel\": 1030,");
	assert_has(text, "\"expected\": 2040,");
	assert_has(text, "\"end\": 50");
	assert_has(text, "\"regex\": \"PASS\",\n      \"seen\": true,\n"
			 "      \"ms\": 2040");
	assert_has(text, "\"regex\": \"ne\\\\ver\",\n      \"seen\": false\n");
	assert_has(text, "\"console_bytes\": 45");
	assert_has(text, "\"stats\": {\n    \"exits\": 7\n  }");
	assert_true(access(t.junit, F_OK) < 0);
}

static void junit(void **state)
{
	const char *text;

	(void)state;
	run_guest();
	t.config.watch.junit = t.junit;
	assert_int_equal(report_write(&t.report), 0);
	text = read_text(t.junit);
	assert_has(text, "failures=\"1\" errors=\"0\" time=\"5.0");
	assert_has(text, "name=\"a &lt;guest&gt; &amp; &quot;more&quot;\"");
	assert_has(text, "<failure type=\"unexpected\" message=\"The guest");
	assert_has(text, ">not seen: ne\\ver</failure>");
	assert_has(text, "<system-out>U-Boot 2025.01\nLinux version 6\n"
			 "PASS &lt;b&gt;?]]&gt;\n</system-out>");
}

/* Before there was a guest: nothing is known, and it is no failure of it. */
static void usage(void **state)
{
	const char *text;

	(void)state;
	t.config.watch.result = t.result;
	t.config.watch.junit = t.junit;
	t.report.outcome = OUTCOME_USAGE;
	t.report.status = 2;
	assert_int_equal(report_write(&t.report), 0);
	text = read_text(t.result);
	assert_has(text, "\"outcome\": \"usage\",\n  \"status\": 2,");
	assert_has(text, "\"times_ms\": {\n    \"end\": 50");
	assert_null(strstr(text, "stats"));
	text = read_text(t.junit);
	assert_has(text, "failures=\"0\" errors=\"1\"");
	assert_has(text, "<error type=\"usage\"");
	assert_null(strstr(text, "system-out"));
}

static void success(void **state)
{
	(void)state;
	t.config.watch.junit = t.junit;
	t.report.outcome = OUTCOME_POWEROFF;
	t.report.is_success = true;
	assert_int_equal(report_write(&t.report), 0);
	assert_has(read_text(t.junit), "failures=\"0\" errors=\"0\"");
	assert_null(strstr(t.text, "<failure"));
	assert_null(strstr(t.text, "<error"));
}

/* A status that the guest has set is one or the other. */
static void by_guest(void **state)
{
	(void)state;
	t.config.watch.result = t.result;
	t.config.watch.junit = t.junit;
	t.report.outcome = OUTCOME_GUEST;
	t.report.status = 3;
	t.report.detail = "status 3";
	assert_int_equal(report_write(&t.report), 0);
	assert_has(read_text(t.result), "\"outcome\": \"guest\",\n"
					"  \"status\": 3,\n"
					"  \"success\": false");
	assert_has(read_text(t.junit), "failures=\"1\" errors=\"0\"");
	assert_has(t.text, "<failure type=\"guest\"");
	t.report.status = 0;
	t.report.is_success = true;
	assert_int_equal(report_write(&t.report), 0);
	assert_has(read_text(t.result), "\"status\": 0,\n"
					"  \"success\": true");
	assert_has(read_text(t.junit), "failures=\"0\" errors=\"0\"");
}

/* The second file is written all the same. */
static void not_writable(void **state)
{
	(void)state;
	t.config.watch.result = "/nonexistent/x";
	t.config.watch.junit = t.junit;
	assert_int_equal(report_write(&t.report), -ENOENT);
	assert_int_equal(t.messages, 1);
	assert_has(read_text(t.junit), "</testsuite>");
	/* It is said once, before there is a guest. */
	assert_int_equal(report_check(&t.config.watch), -ENOENT);
	assert_string_equal(t.message, "--result: unable to write "
				       "/nonexistent/x: No such file or "
				       "directory");
	assert_int_equal(report_write(&t.report), 0);
	assert_int_equal(t.messages, 2);
	t.config.watch.result = "-";
	t.config.watch.junit = "/nonexistent/x";
	assert_int_equal(report_check(&t.config.watch), -ENOENT);
	assert_has(t.message, "--junit");
	assert_null(t.config.watch.junit);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(result),  TEST(junit),    TEST(usage),
		TEST(success), TEST(by_guest), TEST(not_writable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
