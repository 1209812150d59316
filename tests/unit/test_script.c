/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/script.c config/pattern.c config/list.c util/file.c */
/* SOURCES: util/parse.c tests/unit/flash_fixture.c */
/* The language of --script: what is understood, and what is said of the rest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flash_fixture.h"
#include "lkvm/config/script.h"

static struct script script;

static int setup(void **state)
{
	(void)state;
	forget_messages();
	memset(&script, 0, sizeof(script));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	script_free(&script);
	return 0;
}

static int parse(const char *text)
{
	script_free(&script);
	forget_messages();
	return script_parse(&script, "a/file", strdup(text));
}

static void assert_bad(const char *text, const char *want)
{
	assert_int_equal(parse(text), -EINVAL);
	assert_int_equal(script.count, 0);
	assert_int_equal(nr_fatal, 1);
	if (strncmp(messages, "--script a/file, line ", 22) ||
	    !strstr(messages, want))
		fail_msg("\"%s\": said: %s", text, messages);
}

static void assert_step(unsigned int n, enum script_kind kind,
			unsigned int line, u64 within)
{
	assert_true(n < script.count);
	assert_int_equal(script.items[n].kind, kind);
	assert_int_equal(script.items[n].line, line);
	assert_int_equal(script.items[n].within, within);
}

static void steps(void **state)
{
	(void)state;
	if (parse("# a comment\n"
		  "\n"
		  "expect login: \n"
		  "send root\\r\n"
		  "within 5\r\n"
		  "expect ^[#$] $\n"
		  "within 0x10\n"
		  "power\n"
		  "wait\n"
		  "# the end"))
		fail_msg("%s", messages);
	assert_int_equal(script.count, 5);
	assert_step(0, SCRIPT_EXPECT, 3, SCRIPT_WITHIN);
	assert_string_equal(script.items[0].pattern.text, "login: ");
	assert_true(pattern_matches(&script.items[0].pattern, "a login: ", 0,
				    NULL));
	assert_step(1, SCRIPT_SEND, 4, 0);
	assert_step(2, SCRIPT_EXPECT, 6, 5);
	assert_step(3, SCRIPT_POWER, 8, 0);
	assert_step(4, SCRIPT_WAIT, 9, 16);
}

static void escapes(void **state)
{
	(void)state;
	assert_int_equal(parse("send a\\r\\n\\t\\e\\\\\\x00\\xFfz  "), 0);
	assert_int_equal(script.items[0].len, 11);
	assert_memory_equal(script.items[0].text, "a\r\n\t\033\\\0\377z  ", 11);
}

static void wrong(void **state)
{
	(void)state;
	assert_bad("", "line 1: there is nothing to do");
	assert_bad("# x\n\nwithin 5\n", "there is nothing to do");
	assert_bad("expect x\n\nsay it\n", "line 3: there are expect, send");
	assert_bad("expect\n", "line 1: something is missing behind: expect");
	assert_bad("expect \n", "something is missing behind: expect");
	assert_bad("send\n", "something is missing behind: send");
	assert_bad("power off\n", "there is to be nothing behind: power");
	assert_bad("wait 5\n", "there is to be nothing behind: wait");
	assert_bad("within\n", "takes a number of seconds");
	assert_bad("within 0\n", "takes a number of seconds");
	assert_bad("within 5s\n", "takes a number of seconds");
	assert_bad("expect a\nexpect (b\n", "line 2: ");
	assert_bad("expect a\nexpect (b\n", "(b");
	assert_bad("send \\q\n", "there are \\r, ");
	assert_bad("send \\x1\n", "there are \\r, ");
	assert_bad("send \\xg0\n", "there are \\r, ");
	assert_bad("send \\\n", "there are \\r, ");
	assert_bad("wait\nexpect x\n", "line 2: nothing can follow wait");
	assert_bad(" expect x\n", "line 1: there are expect");
}

static void files(void **state)
{
	char path[] = "/tmp/script.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(script_read(&script, "/nonexistent/x"), -ENOENT);
	assert_non_null(strstr(messages, "--script: unable to read "
					 "/nonexistent/x: No such file"));
	assert_int_equal(write(fd, "expect x\n", 9), 9);
	assert_int_equal(script_read(&script, path), 0);
	assert_int_equal(script.count, 1);
	script_free(&script);
	assert_int_equal(write(fd, "\0hidden\n", 8), 8);
	assert_int_equal(script_read(&script, path), -EINVAL);
	assert_non_null(strstr(messages, "it is no text"));
	close(fd);
	unlink(path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(steps), TEST(escapes),
					    TEST(wrong), TEST(files) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
