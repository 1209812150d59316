/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: chardev/judge.c chardev/d*.c util/lines.c config/watch.c */
/* SOURCES: config/pattern.c config/list.c config/console_log.c */
/* SOURCES: config/keyvalue.c util/names.c util/parse.c config/script.c */
/* SOURCES: util/file.c */
/* What becomes of a run whose console a script talks to. */
#include "judge_fixture.h"

static void begin_script(const char *text)
{
	t.config.script = "file";
	assert_int_equal(script_parse(&t.script, "file", strdup(text)), 0);
	begin();
}

static void assert_sent(const char *want)
{
	assert_string_equal(t.sent, want);
	t.sent[0] = '\0';
}

/* Each after the last, also in the same line; answers at once. */
static void dialog(void **state)
{
	(void)state;
	begin_script("send \\r\nexpect login: $\nsend root\\n\n"
		     "expect ^Password\nexpect :\nsend secret\\n\n"
		     "expect [#$]\npower\n");
	assert_sent("\r");
	print("Password :#\nhost login: ");
	pass(SECOND);
	/* It may go on. */
	assert_sent("");
	print("\n");
	assert_sent("root\n");
	print("root\nPassword: ");
	pass(20 * MS);
	assert_sent("secret\n");
	print("\n");
	assert_int_equal(t.presses, 0);
	print("# ");
	assert_running();
	pass(20 * MS);
	assert_int_equal(t.presses, 1);
	assert_verdict(OUTCOME_EXPECTED, "# ");
	assert_int_equal(judge_times(t.judge)->expected, t.now);
}

/* What was found is not found twice, and is no beginning of a line. */
static void dialog_goes_on(void **state)
{
	(void)state;
	begin_script("expect a\nexpect ^a\nexpect a\nexpect b\n");
	print("aa\n");
	print("ab");
	pass(20 * MS);
	assert_running();
	print("a");
	pass(20 * MS);
	assert_running();
	print("b");
	pass(20 * MS);
	assert_verdict(OUTCOME_EXPECTED, "abab");
}

static void dialog_in_time(void **state)
{
	(void)state;
	begin_script("within 5\nexpect one\nwithin 2\nexpect two\n");
	assert_int_equal(t.next, START + 5 * SECOND);
	pass(4 * SECOND);
	print("one\n");
	pass(2 * SECOND - 1);
	assert_running();
	pass(1);
	assert_verdict(OUTCOME_UNEXPECTED,
		       "line 4 of the script: not seen within 2 s: two");
}

static void dialog_is_cut(void **state)
{
	(void)state;
	begin_script("expect one\nexpect two\n");
	print("one\n");
	assert_int_equal(ended(OUTCOME_POWEROFF), OUTCOME_UNEXPECTED);
	assert_string_equal(judge_detail(t.judge),
			    "line 2 of the script: not seen: two");
}

/* The guest's own end, if it comes. */
static void dialog_waits_for_the_end(void **state)
{
	(void)state;
	begin_script("expect bye\nwithin 3\nwait\n");
	print("bye\n");
	pass(2 * SECOND);
	assert_int_equal(ended(OUTCOME_POWEROFF), OUTCOME_POWEROFF);
	assert_int_equal(ended(OUTCOME_RESET), OUTCOME_RESET);
	assert_running();
	pass(SECOND);
	assert_verdict(OUTCOME_UNEXPECTED, "line 3 of the script: the guest "
					   "has not ended within 3 s");
}

/* Both have to come to their end. */
static void dialog_and_patterns(void **state)
{
	(void)state;
	expect_pattern("PASS");
	begin_script("expect done\n");
	print("done\n");
	pass(100 * SECOND);
	assert_running();
	assert_int_equal(ended(OUTCOME_TIMEOUT), OUTCOME_TIMEOUT);
	assert_string_equal(judge_detail(t.judge), "not seen: PASS");
	print("PASS\n");
	assert_verdict(OUTCOME_EXPECTED, "PASS");
}

static void dialog_sends_only(void **state)
{
	(void)state;
	begin_script("send x\n");
	assert_sent("x");
	assert_verdict(OUTCOME_EXPECTED, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dialog),
		TEST(dialog_goes_on),
		TEST(dialog_in_time),
		TEST(dialog_is_cut),
		TEST(dialog_waits_for_the_end),
		TEST(dialog_and_patterns),
		TEST(dialog_sends_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
