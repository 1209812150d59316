/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Results of the self-test: collected as text, shown as a table and as JSON.
 * Free of KVM, so that unit tests build it natively.
 *
 * Strings are truncated to their fields, and a note that cannot be allocated is
 * dropped: reporting never fails a test. Output errors are in the stream's
 * error flag, for the caller. Main thread.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/json.h"
#include "report.h"

/* As in the table; JSON has "failed" in lower case. */
static const char *const verdicts[] = {
	[TEST_PASSED] = "ok",
	[TEST_FAILED] = "FAILED",
	[TEST_SKIPPED] = "skipped",
	[TEST_STOPPED] = "stopped",
};

static const char *const selftest_verdicts[] = {
	[SELFTEST_PASSED] = "passed",
	[SELFTEST_FAILED] = "FAILED",
	[SELFTEST_IMPOSSIBLE] = "not possible",
	[SELFTEST_STOPPED] = "stopped",
};

/* The array grows by one: there are some dozens at most. */
static __printf(3, 0) void add_note(struct test_result *result,
				    const char *name, const char *fmt,
				    va_list *args)
{
	size_t size = (result->nr_notes + 1) * sizeof(*result->notes);
	struct test_note *notes = realloc(result->notes, size);

	if (!notes)
		return;
	result->notes = notes;
	notes += result->nr_notes++;
	snprintf(notes->name, sizeof(notes->name), "%s", name);
	vsnprintf(notes->text, sizeof(notes->text), fmt, *args);
}

void result_note(struct test_result *result, const char *name, const char *fmt,
		 ...)
{
	va_list args;

	va_start(args, fmt);
	add_note(result, name, fmt, &args);
	va_end(args);
}

/* Further failures are kept as notes, as they often explain the first. */
void result_fail(struct test_result *result, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (result->verdict == TEST_FAILED)
		add_note(result, "failure", fmt, &args);
	else
		vsnprintf(result->detail, sizeof(result->detail), fmt, args);
	va_end(args);
	result->verdict = TEST_FAILED;
}

/*
 * A failure is not hidden by a test that is then skipped, nor that the user
 * stopped it.
 */
void result_skip(struct test_result *result, const char *fmt, ...)
{
	va_list args;

	if (result->verdict != TEST_PASSED)
		return;
	va_start(args, fmt);
	vsnprintf(result->detail, sizeof(result->detail), fmt, args);
	va_end(args);
	result->verdict = TEST_SKIPPED;
}

void result_free(struct test_result *result)
{
	free(result->notes);
	result->notes = NULL;
	result->nr_notes = 0;
}

/* A failure outweighs the user's request to stop. */
enum selftest_verdict report_verdict(const struct test_result *results,
				     size_t n)
{
	enum selftest_verdict verdict = SELFTEST_PASSED;

	for (size_t i = 0; i < n; i++) {
		if (results[i].verdict == TEST_FAILED)
			return SELFTEST_FAILED;
		if (results[i].verdict == TEST_STOPPED)
			verdict = SELFTEST_STOPPED;
	}
	return verdict;
}

/* ---- for people ---------------------------------------------------------- */

/* Flushed line by line: the table is complete up to a crash of the host. */
void report_table_head(FILE *out, const struct selftest_config *config)
{
	fprintf(out, "lkvm %s selftest%s --seed %" PRIu64 "\n", LKVM_VERSION,
		config->quick ? " --quick" : "", config->seed);
	fprintf(out, "%-8s %-8s %s\n", "TEST", "RESULT", "DETAIL");
	fflush(out);
}

void report_table_result(FILE *out, const struct test_result *result)
{
	fprintf(out, "%-8s %-8s %s%s%" PRIu64 " ms\n", result->name,
		verdicts[result->verdict], result->detail,
		*result->detail ? "; " : "", result->ms);
	for (size_t i = 0; i < result->nr_notes; i++)
		fprintf(out, "%9s%-24s %s\n", "", result->notes[i].name,
			result->notes[i].text);
	fflush(out);
}

/* How many tests ended like that. */
static size_t count(const struct test_result *results, size_t n,
		    enum test_verdict verdict)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += results[i].verdict == verdict;
	return found;
}

/* At the end, too: it may be all that is looked at, as in a log of CI. */
static void name_failed(FILE *out, const struct test_result *results, size_t n)
{
	const char *before = " (";

	for (size_t i = 0; i < n; i++) {
		if (results[i].verdict != TEST_FAILED)
			continue;
		fprintf(out, "%s%s", before, results[i].name);
		before = ", ";
	}
	if (count(results, n, TEST_FAILED))
		fprintf(out, ")");
}

/* The seed makes the random tests repeatable. */
void report_table_end(FILE *out, const struct selftest_config *config,
		      const struct test_result *results, size_t n)
{
	size_t skipped = count(results, n, TEST_SKIPPED);

	fprintf(out, "selftest %s: %zu ok, %zu failed",
		selftest_verdicts[report_verdict(results, n)],
		count(results, n, TEST_PASSED), count(results, n, TEST_FAILED));
	name_failed(out, results, n);
	fprintf(out, ", %zu skipped\n", skipped);
	if (count(results, n, TEST_FAILED))
		fprintf(out,
			"Repeat it with --seed %" PRIu64 "; a report needs all "
			"of the lines above.\n",
			config->seed);
	fflush(out);
}

/* ---- for programs -------------------------------------------------------- */

/* Notes are an array, not an object: some names come more than once. */
static void result_json(struct json_writer *json,
			const struct test_result *result)
{
	json_begin_object(json, NULL);
	json_string(json, "name", result->name);
	json_string(json, "result",
		    result->verdict == TEST_FAILED ? "failed"
						   : verdicts[result->verdict]);
	json_string(json, "detail", result->detail);
	json_u64(json, "ms", result->ms);
	json_begin_array(json, "notes");
	for (size_t i = 0; i < result->nr_notes; i++) {
		json_begin_object(json, NULL);
		json_string(json, "name", result->notes[i].name);
		json_string(json, "value", result->notes[i].text);
		json_end_object(json);
	}
	json_end_array(json);
	json_end_object(json);
}

void report_json(FILE *out, const struct selftest_config *config,
		 enum selftest_verdict verdict,
		 const struct test_result *results, size_t n)
{
	struct json_writer json = { .out = out };

	json_begin_object(&json, NULL);
	json_string(&json, "version", LKVM_VERSION);
	json_u64(&json, "seed", config->seed);
	json_bool(&json, "quick", config->quick);
	json_string(&json, "verdict",
		    verdict == SELFTEST_FAILED ? "failed"
					       : selftest_verdicts[verdict]);
	json_begin_array(&json, "tests");
	for (size_t i = 0; i < n; i++)
		result_json(&json, &results[i]);
	json_end_array(&json);
	json_end_object(&json);
	fflush(out);
}
