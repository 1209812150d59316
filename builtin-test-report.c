/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `lkvm test` tells: a line for each test, with the console's end of one
 * that failed, on a terminal a line below that shows how far it is, a summary,
 * and JUnit's XML.
 *
 * Called by builtin-test-jobs.c and builtin-test.c on the main thread. All goes
 * to stdout, but for errors. The console's text is a guest's:
 * builtin-test-judge.c has taken escape sequences out of it, and XML is escaped
 * here. The progress line is removed before any other line is printed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "builtin-test.h"
#include "lkvm/util/clock.h"
#include "lkvm/util/file_replace.h"
#include "lkvm/util/log.h"
#include "lkvm/util/xml.h"

/* Columns of the progress bar, and of a terminal that does not say. */
#define BAR_COLUMNS 20
#define COLUMNS	    80

/* What came of a test, all its runs together. */
enum verdict {
	PASSED,
	FAILED,
	FLAKY,
	SKIPPED,
	NOT_RUN, /* not all of its runs, and none failed */
	NR_VERDICTS
};

static const char *const verdicts[NR_VERDICTS] = {
	[PASSED] = "passed",   [FAILED] = "failed",   [FLAKY] = "flaky",
	[SKIPPED] = "skipped", [NOT_RUN] = "not run",
};

/* Also while runs are under way; one failure decides, for CI has to see it. */
static enum verdict verdict_of(const struct test_report *report,
			       const struct test_state *state)
{
	if (state->skipped)
		return SKIPPED;
	if (state->failed)
		return state->passed ? FLAKY : FAILED;
	return state->passed == report->repeat ? PASSED : NOT_RUN;
}

/* ---- On a terminal ------------------------------------------------------- */

/* Asked for each line: the window may have changed. */
static unsigned int columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return COLUMNS;
	return size.ws_col;
}

/* Before anything else is printed. ECMA-48, 8.3.41: to the end of the line. */
static void clear_progress(struct test_report *report)
{
	if (report->is_drawn)
		fputs("\r\033[K", stdout);
	report->is_drawn = false;
}

/* Runs, not tests: that is what takes time. */
static void count_runs(const struct test_report *report, unsigned int *done,
		       unsigned int *total, unsigned int *failed)
{
	*done = *total = *failed = 0;
	for (unsigned int i = 0; i < report->count; i++) {
		const struct test_state *state = &report->states[i];

		if (state->skipped)
			continue;
		*done += state->passed + state->failed;
		*failed += state->failed;
		*total += report->repeat;
	}
}

/* How much is done, by marks and by numbers. */
static void put_bar(FILE *out, unsigned int done, unsigned int total)
{
	unsigned int full = (unsigned int)((u64)BAR_COLUMNS * done / total);

	putc('[', out);
	for (unsigned int i = 0; i < BAR_COLUMNS; i++)
		putc(i < full ? '#' : '.', out);
	fprintf(out, "] %u/%u", done, total);
}

/* One line, cut to what the terminal is wide: all of it is ASCII. */
static void draw_progress(struct test_report *report)
{
	unsigned int done, total, failed;
	const char *separator = ": ";
	char *text = NULL;
	size_t len = 0;
	FILE *out;

	if (!report->is_tty)
		return;
	count_runs(report, &done, &total, &failed);
	out = total ? open_memstream(&text, &len) : NULL;
	if (!out)
		return;
	put_bar(out, done, total);
	if (failed)
		fprintf(out, ", %u failed", failed);
	for (unsigned int i = 0; i < report->count; i++) {
		if (!report->states[i].is_running)
			continue;
		fprintf(out, "%s%s", separator, report->states[i].test->name);
		separator = ", ";
	}
	if (!fclose(out)) {
		clear_progress(report);
		printf("%.*s", (int)(columns() - 1), text);
		report->is_drawn = true;
		fflush(stdout);
	}
	free(text);
}

/* ---- Lines --------------------------------------------------------------- */

/* As JUnit wants it, and people. */
static void put_seconds(FILE *out, u64 ns)
{
	u64 ms = ns / NS_PER_MS;

	fprintf(out, "%" PRIu64 ".%03u", ms / 1000, (unsigned int)(ms % 1000));
}

/* What the guest has shown, told apart from what lkvm says. */
static void put_indented(const char *text)
{
	while (*text) {
		int len = (int)strcspn(text, "\n");

		printf("    | %.*s\n", len, text);
		text += len + (text[len] == '\n');
	}
}

/* The name of a run: that of its test unless there are several. */
static void put_name(const struct test_report *report,
		     const struct test_state *state, unsigned int run)
{
	fputs(state->test->name, stdout);
	if (report->repeat > 1)
		printf(", run %u of %u", run, report->repeat);
}

/* On anything but a terminal the begin of a run is not worth a line. */
void test_report_begin(struct test_report *report)
{
	draw_progress(report);
}

/* The state explains the first failure; of others there is a line. */
void test_report_end(struct test_report *report, const struct test_state *state,
		     unsigned int run, u64 ns, bool failed)
{
	clear_progress(report);
	if (failed || !report->is_tty) {
		printf("%-7s ", failed ? "FAILED" : "ok");
		put_name(report, state, run);
		fputs(" (", stdout);
		put_seconds(stdout, ns);
		printf(" s)%s%s\n", failed && state->failed == 1 ? ": " : "",
		       failed && state->failed == 1 ? state->why ?: "" : "");
	}
	if (failed && state->failed == 1 && state->tail)
		put_indented(state->tail);
	draw_progress(report);
	fflush(stdout);
}

/* Their failures were told as those of other tests. */
static void put_flaky(const struct test_report *report)
{
	for (unsigned int i = 0; i < report->count; i++) {
		const struct test_state *state = &report->states[i];

		if (verdict_of(report, state) == FLAKY)
			printf("flaky   %s: %u of %u runs failed\n",
			       state->test->name, state->failed,
			       state->failed + state->passed);
	}
}

/* Each test has one verdict, so the counts add up to the number of tests. */
static void count_verdicts(const struct test_report *report,
			   unsigned int counts[NR_VERDICTS])
{
	memset(counts, 0, NR_VERDICTS * sizeof(*counts));
	for (unsigned int i = 0; i < report->count; i++)
		counts[verdict_of(report, &report->states[i])]++;
}

/* The form of the last line is promised in docs/test.md. */
bool test_report_finish(struct test_report *report)
{
	unsigned int counts[NR_VERDICTS];

	clear_progress(report);
	put_flaky(report);
	count_verdicts(report, counts);
	printf("%u passed, %u failed, %u flaky", counts[PASSED], counts[FAILED],
	       counts[FLAKY]);
	for (int i = SKIPPED; i < NR_VERDICTS; i++)
		if (counts[i])
			printf(", %u %s", counts[i], verdicts[i]);
	putchar('\n');
	return !counts[FAILED] && !counts[FLAKY] && !counts[NOT_RUN];
}

/* ---- JUnit --------------------------------------------------------------- */

/* What a flaky test is called comes first in its message. */
static void put_failure(const struct test_report *report,
			const struct test_state *state, FILE *out)
{
	const char *element = state->is_error ? "error" : "failure";
	bool is_flaky = verdict_of(report, state) == FLAKY;

	fprintf(out, "      <%s type=\"%s\" message=\"", element,
		is_flaky ? "flaky" : state->type ?: "");
	if (is_flaky)
		fprintf(out, "flaky: %u of %u runs failed; ", state->failed,
			state->failed + state->passed);
	xml_put(out, state->why ?: "");
	fprintf(out, "\"></%s>\n", element);
	if (!state->tail)
		return;
	fputs("      <system-out>", out);
	xml_put(out, state->tail);
	fputs("</system-out>\n", out);
}

/* A test of several runs is one case, whose time is that of all of them. */
static void put_case(const struct test_report *report,
		     const struct test_state *state, FILE *out)
{
	enum verdict verdict = verdict_of(report, state);

	fputs("    <testcase classname=\"", out);
	xml_put(out, state->test->path);
	/* A name has no character that XML would want to be escaped. */
	fprintf(out, "\" name=\"%s\" time=\"", state->test->name);
	put_seconds(out, state->ns);
	fputs("\">\n", out);
	if (verdict == FAILED || verdict == FLAKY) {
		put_failure(report, state, out);
	} else if (verdict != PASSED) {
		fputs("      <skipped message=\"", out);
		xml_put(out, state->skipped ?: "interrupted");
		fputs("\"/>\n", out);
	}
	fputs("    </testcase>\n", out);
}

/* The attributes are those that GitLab, GitHub's actions and Jenkins read. */
static void put_junit(const struct test_report *report, FILE *out)
{
	unsigned int counts[NR_VERDICTS], errors = 0;
	u64 ns = 0;

	count_verdicts(report, counts);
	for (unsigned int i = 0; i < report->count; i++) {
		errors += report->states[i].is_error;
		ns += report->states[i].ns;
	}
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
		"  <testsuite name=\"lkvm test\" tests=\"%u\" failures=\"%u\" "
		"errors=\"%u\" skipped=\"%u\" time=\"",
		report->count, counts[FAILED] + counts[FLAKY] - errors, errors,
		counts[SKIPPED] + counts[NOT_RUN]);
	put_seconds(out, ns);
	fputs("\">\n", out);
	for (unsigned int i = 0; i < report->count; i++)
		put_case(report, &report->states[i], out);
	fputs("  </testsuite>\n</testsuites>\n", out);
}

/* In memory first, so that readers see all or nothing of it. */
int test_report_junit(const struct test_report *report, const char *path)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int ret = -ENOMEM;

	if (out) {
		put_junit(report, out);
		ret = fclose(out) ? -ENOMEM : file_replace(path, text, len);
	}
	free(text);
	if (ret)
		pr_err("--junit: unable to write %s: %s", path, strerror(-ret));
	return ret;
}
