/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/selftest/judge.c arm/selftest/report.c util/json.c */
/* SOURCES: util/log.c util/output.c */
/*
 * The judges of `lkvm selftest`: what a guest prints, good and bad, and what
 * becomes of it in the table and in JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arm/selftest/judge.h"

#define GOOD_END "DONE passed=3 failed=0\n"

static struct test_result result;

static int set_up(void **state)
{
	(void)state;
	result = (struct test_result) { .name = "test" };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	result_free(&result);
	return 0;
}

static enum test_verdict judge(const char *console)
{
	char *copy = strdup(console);

	judge_console(&result, copy);
	free(copy);
	return result.verdict;
}

static void assert_note(const char *name, const char *text)
{
	for (size_t i = 0; i < result.nr_notes; i++) {
		if (strcmp(result.notes[i].name, name))
			continue;
		assert_string_equal(result.notes[i].text, text);
		return;
	}
	fail_msg("there is no note %s", name);
}

static void test_good_console(void **state)
{
	(void)state;
	assert_int_equal(judge("ok 1\n..ok 2\r\n.note rounds 4 of them\n"
			       "note bare\n...\n" GOOD_END),
			 TEST_PASSED);
	assert_note("rounds", "4 of them");
	assert_note("bare", "");
	assert_int_equal(result.nr_notes, 2);
	assert_string_equal(result.detail, "");
}

static void test_failed_checks(void **state)
{
	(void)state;
	assert_int_equal(judge("..not ok first: got 1 want 2\nnot ok second\n"
			       "code 0000 1111\nDONE passed=0 failed=2\n"),
			 TEST_FAILED);
	assert_string_equal(result.detail, "first: got 1 want 2");
	assert_note("failure", "second");
	assert_note("code", "0000 1111");
}

static void test_no_end(void **state)
{
	(void)state;
	assert_int_equal(judge("ok 1\n"), TEST_FAILED);
	assert_string_equal(result.detail, "the guest did not come to its end");
}

static void test_other_ends(void **state)
{
	static const char *const ends[] = {
		"",
		"DONE passed=0 failed=0\n",
		"DONE passed=5 failed=1\n",
		"DONE passed=5\n",
		GOOD_END "ok and on it goes\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		set_up(state);
		assert_int_equal(judge(ends[i]), TEST_FAILED);
		tear_down(state);
	}
}

/* Each outcome of a litmus test alone: 00, 10, 01, 11. */
static void assert_allowed(const char *name, const char *allowed)
{
	for (unsigned int i = 0; i < 4; i++) {
		u64 counts[4] = { 0 };

		counts[i] = 7;
		result = (struct test_result) { .name = "litmus" };
		judge_litmus(&result, name, counts);
		if ((result.verdict == TEST_PASSED) != (allowed[i] == 'y'))
			fail_msg("%s, outcome %u: %s", name, i, result.detail);
		result_free(&result);
	}
}

static void test_litmus(void **state)
{
	(void)state;
	assert_allowed("MP", "yyyy");
	assert_allowed("SB", "yyyy");
	assert_allowed("LB", "yyyy");
	assert_allowed("MP+dmb", "ynyy");
	assert_allowed("MP+dmb+ctrlisb", "ynyy");
	assert_allowed("MP+rel+acq", "ynyy");
	assert_allowed("SB+dmb", "nyyy");
	assert_allowed("LB+dmb", "yyyn");
	assert_allowed("LB+acq", "yyyn");
	assert_allowed("MP+batch", "yyyy");
	assert_allowed("MP+dmb+batch-writes", "ynyy");
	assert_allowed("MP+dmb+batch-reads", "ynyy");
	assert_allowed("MP+dmb+ctrlisb+batch-reads", "ynyy");
	assert_allowed("MP+dmb+batch-both", "ynyy");
	assert_allowed("SB+dmb+batch", "nyyy");
	assert_allowed("SB+dmb+batch-both", "nyyy");
	assert_allowed("LB+dmb+batch", "yyyn");
	assert_allowed("MP-device", "yyyy");
	assert_allowed("MP-device+dmb", "ynyy");
	assert_allowed("MP-device+dmb+batch", "ynyy");
	assert_allowed("MP-flash-ram+dmb", "ynyy");
	assert_allowed("MP-flash-device+dmb", "ynyy");
	assert_allowed("unknown", "nnnn");
}

static void test_litmus_lines(void **state)
{
	(void)state;
	assert_int_equal(judge("..litmus MP+dmb 1 0 2 3\n" GOOD_END),
			 TEST_PASSED);
	assert_note("MP+dmb", "00: 1, 10: 0, 01: 2, 11: 3");
	assert_int_equal(judge("litmus MP+dmb 1 1 2 3\n" GOOD_END),
			 TEST_FAILED);
	assert_string_equal(result.detail,
			    "MP+dmb: an outcome that is forbidden was seen: "
			    "10");
}

static void test_bad_litmus_lines(void **state)
{
	static const char *const lines[] = {
		"litmus MP 0 0 0 0\n" GOOD_END,
		"litmus MP 1 2 3\n" GOOD_END,
		"litmus\n" GOOD_END "litmus \n" GOOD_END,
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		set_up(state);
		assert_int_equal(judge(lines[i]), TEST_FAILED);
		tear_down(state);
	}
}

static void test_litmus_complete(void **state)
{
	const u64 counts[4] = { 1, 0, 0, 1 };

	(void)state;
	judge_litmus(&result, "MP-flash-ram+dmb", counts);
	judge_litmus_complete(&result, true, 1);
	assert_int_equal(result.verdict, TEST_FAILED);
	assert_string_equal(result.detail,
			    "MP-flash-device+dmb: it was not run");
	result.verdict = TEST_PASSED;
	judge_litmus(&result, "MP-flash-device+dmb", counts);
	judge_litmus_complete(&result, true, 1);
	assert_int_equal(result.verdict, TEST_PASSED);
	judge_litmus_complete(&result, true, 2);
	assert_int_equal(result.verdict, TEST_FAILED);
	result.verdict = TEST_PASSED;
	judge_litmus_complete(&result, false, 1);
	assert_int_equal(result.verdict, TEST_FAILED);
}

static void test_verdicts(void **state)
{
	struct test_result r[3] = { { .verdict = TEST_PASSED },
				    { .verdict = TEST_SKIPPED },
				    { .verdict = TEST_PASSED } };

	(void)state;
	assert_int_equal(report_verdict(r, 3), SELFTEST_PASSED);
	r[0].verdict = TEST_STOPPED;
	assert_int_equal(report_verdict(r, 3), SELFTEST_STOPPED);
	r[2].verdict = TEST_FAILED;
	assert_int_equal(report_verdict(r, 3), SELFTEST_FAILED);
}

/* A failure stays one, whatever comes afterwards. */
static void test_skip_after_failure(void **state)
{
	(void)state;
	result_fail(&result, "%s", "broken");
	result_skip(&result, "%s", "not here");
	assert_int_equal(result.verdict, TEST_FAILED);
	assert_string_equal(result.detail, "broken");
}

/* The user stopped the test: that it found nothing to do is no verdict. */
static void test_skip_after_stop(void **state)
{
	(void)state;
	result.verdict = TEST_STOPPED;
	result_skip(&result, "%s", "not here");
	assert_int_equal(result.verdict, TEST_STOPPED);
	assert_string_equal(result.detail, "");
	assert_int_equal(report_verdict(&result, 1), SELFTEST_STOPPED);
}

static char *shown(void (*show)(FILE *out, const struct selftest_config *config,
				const struct test_result *results, size_t n))
{
	const struct selftest_config config = { .seed = 42, .quick = true };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	show(out, &config, &result, 1);
	fclose(out);
	return text;
}

static void show_json(FILE *out, const struct selftest_config *config,
		      const struct test_result *results, size_t n)
{
	report_json(out, config, report_verdict(results, n), results, n);
}

static void show_impossible(FILE *out, const struct selftest_config *config,
			    const struct test_result *results, size_t n)
{
	report_json(out, config, SELFTEST_IMPOSSIBLE, results, n);
}

static void test_impossible_json(void **state)
{
	char *text;

	(void)state;
	result_skip(&result, "no KVM");
	text = shown(show_impossible);
	assert_non_null(strstr(text, "\"verdict\": \"not possible\""));
	assert_non_null(strstr(text, "\"result\": \"skipped\""));
	free(text);
}

static void test_json(void **state)
{
	char *text;

	(void)state;
	result_note(&result, "kernel", "a \"quoted\" one");
	result_fail(&result, "line one");
	text = shown(show_json);
	assert_non_null(strstr(text, "\"seed\": 42"));
	assert_non_null(strstr(text, "\"quick\": true"));
	assert_non_null(strstr(text, "\"verdict\": \"failed\""));
	assert_non_null(strstr(text, "\"result\": \"failed\""));
	assert_non_null(strstr(text, "\"detail\": \"line one\""));
	assert_non_null(strstr(text, "a \\\"quoted\\\" one"));
	free(text);
}

static void test_last_line(void **state)
{
	char *text = shown(report_table_end);

	(void)state;
	assert_string_equal(text,
			    "selftest passed: 1 ok, 0 failed, 0 skipped\n");
	free(text);
	result_fail(&result, "bad");
	text = shown(report_table_end);
	assert_non_null(strstr(
		text, "selftest FAILED: 0 ok, 1 failed (test), 0 skipped"));
	assert_non_null(strstr(text, "--seed 42"));
	free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good_console),     TEST(test_failed_checks),
		TEST(test_no_end),	     TEST(test_other_ends),
		TEST(test_litmus),	     TEST(test_litmus_lines),
		TEST(test_bad_litmus_lines), TEST(test_litmus_complete),
		TEST(test_verdicts),	     TEST(test_skip_after_failure),
		TEST(test_skip_after_stop),  TEST(test_json),
		TEST(test_impossible_json),  TEST(test_last_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
