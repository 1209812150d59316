/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: builtin-test-file.c builtin-test-words.c config/script.c */
/* SOURCES: config/pattern.c config/list.c config/outcome.c util/file.c */
/* SOURCES: util/parse.c config/control.c tests/unit/flash_fixture.c */
/* The language of `lkvm test`: what is understood, and what is said of the
 * rest. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builtin-test.h"
#include "flash_fixture.h"

static struct test_suite suite;
static const struct words_vars vars = { .tmp = "/t m,p", .run = 7 };

static int setup(void **state)
{
	(void)state;
	forget_messages();
	setenv("WORDS", "a  b'", 1);
	unsetenv("NOTHING");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_suite_free(&suite);
	return 0;
}

/* ---- Words --------------------------------------------------------------- */

/* assert_words("text", "word", ..., NULL) */
static void assert_words(const char *text, ...)
{
	char why[WORDS_WHY] = "";
	struct words words;
	const char *want;
	va_list args;

	if (words_split(text, &vars, &words, why))
		fail_msg("%s: %s", text, why);
	va_start(args, text);
	for (unsigned int i = 0; (want = va_arg(args, const char *)); i++) {
		assert_true(i < words.count);
		assert_string_equal(words.items[i], want);
		assert_null(words.items[words.count]);
		if (i + 1 == words.count)
			assert_null(words.items[i + 1]);
	}
	va_end(args);
	words_free(&words);
}

static void assert_no_words(const char *text, const char *want)
{
	char why[WORDS_WHY] = "";
	struct words words;

	assert_int_equal(words_split(text, &vars, &words, why), -EINVAL);
	if (!strstr(why, want))
		fail_msg("%s: said: %s", text, why);
}

static void words_of_a_shell(void **state)
{
	struct words words;
	char why[WORDS_WHY];

	(void)state;
	assert_words("a  --b=c\td ", "a", "--b=c", "d", NULL);
	assert_words("'a  b'\"c d\"e\\ f ''", "a  bc de f", "", NULL);
	assert_words("'\\' \"\\\"\\\\\\$\\a\" \\'", "\\", "\"\\$\\a", "'",
		     NULL);
	assert_words("${tmp}/x ${run}", "/t m,p/x", "7", NULL);
	assert_words("\"${WORDS}\"${run} '${run}'", "a  b'7", "${run}", NULL);
	assert_words("end$ (a$|b) \"c$\"", "end$", "(a$|b)", "c$", NULL);
	assert_int_equal(words_split("", &vars, &words, why), 0);
	assert_int_equal(words.count, 0);
	words_free(&words);
	assert_int_equal(words_split("a ''", &vars, &words, why), 0);
	assert_int_equal(words.count, 2);
	words_free(&words);
}

static void words_that_are_wrong(void **state)
{
	(void)state;
	assert_no_words("a 'b", "a ' has no other one");
	assert_no_words("a \"b", "a \" has no other one");
	assert_no_words("a \"b\\", "a \" has no other one");
	assert_no_words("a\\", "nothing is behind the last \\");
	assert_no_words("${NOTHING}", "${NOTHING} is not set");
	assert_no_words("\"${NOTHING}\"", "${NOTHING} is not set");
	assert_no_words("${", "want a name between ${ and }");
	assert_no_words("${}", "want a name between ${ and }");
	assert_no_words("${a b}", "want a name between ${ and }");
	assert_no_words("$HOME", "want ${NAME}");
	assert_no_words("$(ls)", "want ${NAME}");
	assert_no_words("$$", "want ${NAME}");
	assert_no_words("${aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			"aaaaaaaaaaaaaaaaaaaaaaa}",
			"want a name");
}

/* ---- Files --------------------------------------------------------------- */

static int parse(const char *text)
{
	test_suite_free(&suite);
	forget_messages();
	return test_file_parse(&suite, "dir/a.boot", strdup(text));
}

static void assert_bad(const char *text, const char *want)
{
	assert_int_equal(parse(text), -EINVAL);
	assert_int_equal(nr_fatal, 1);
	if (strncmp(messages, want, strlen(want)))
		fail_msg("\"%s\": said: %s", text, messages);
}

#define assert_good(text)                               \
	do {                                            \
		if (parse(text))                        \
			fail_msg("said: %s", messages); \
	} while (0)

static void assert_line(unsigned int test, enum test_list list, unsigned int n,
			const char *text, unsigned int line)
{
	const struct test_values *values = &suite.items[test]->lists[list];

	assert_true(n < values->count);
	assert_string_equal(values->items[n].text, text);
	assert_int_equal(values->items[n].line, line);
}

static void all_keys(void **state)
{
	const struct test_case *test;

	(void)state;
	assert_good("# a comment\n"
		    "\n"
		    "[one]\r\n"
		    "run = --kernel Image \r\n"
		    "run=-m 64\n"
		    "copy = a/vars.fd\n"
		    "copy = 'b c' as disk\n"
		    "expect = ^PASS = #1$ \n"
		    "fail-on = Oops\n"
		    "fail-on = BUG\n"
		    "script = talk\n"
		    "status = panic\n"
		    "timeout = 0x10\n"
		    "skip-unless = /dev/kvm\n"
		    "  \n"
		    "[ two ]\n"
		    "status = 3");
	assert_int_equal(suite.count, 2);
	test = suite.items[0];
	assert_string_equal(test->name, "one");
	assert_string_equal(test->path, "dir/a.boot");
	assert_string_equal(test->folder, "dir");
	assert_int_equal(test->line, 3);
	assert_line(0, TEST_RUN, 0, "--kernel Image", 4);
	assert_line(0, TEST_RUN, 1, "-m 64", 5);
	assert_line(0, TEST_COPY, 1, "'b c' as disk", 7);
	assert_line(0, TEST_EXPECT, 0, "^PASS = #1$", 8);
	assert_line(0, TEST_FAIL_ON, 1, "BUG", 10);
	assert_line(0, TEST_SKIP_UNLESS, 0, "/dev/kvm", 14);
	assert_string_equal(test->script.text, "talk");
	assert_string_equal(test->end.text, "panic");
	assert_false(test->is_status);
	assert_int_equal(test->seconds, 16);
	test = suite.items[1];
	assert_string_equal(test->name, "two");
	assert_int_equal(test->seconds, TEST_TIMEOUT);
	assert_true(test->is_status);
	assert_int_equal(test->status, 3);
	assert_null(test->script.text);
	assert_int_equal(test->lists[TEST_RUN].count, 0);
}

static void defaults(void **state)
{
	(void)state;
	assert_good("[before]\n"
		    "[defaults]\n"
		    "run = -m 64\n"
		    "timeout = 5\n"
		    "script:\n"
		    " expect a\n"
		    "[one]\n"
		    "run = -c 1\n"
		    "timeout = 6\n"
		    "[two]\n"
		    "script = talk\n");
	assert_int_equal(suite.count, 3);
	assert_int_equal(suite.items[0]->lists[TEST_RUN].count, 0);
	assert_int_equal(suite.items[0]->seconds, TEST_TIMEOUT);
	assert_line(1, TEST_RUN, 0, "-m 64", 3);
	assert_line(1, TEST_RUN, 1, "-c 1", 8);
	assert_int_equal(suite.items[1]->seconds, 6);
	assert_string_equal(suite.items[1]->steps.text, "expect a\n");
	assert_int_equal(suite.items[2]->lists[TEST_RUN].count, 1);
	assert_int_equal(suite.items[2]->seconds, 5);
	assert_null(suite.items[2]->steps.text);
	assert_string_equal(suite.items[2]->script.text, "talk");
}

static void scripts(void **state)
{
	(void)state;
	assert_good("[one]\n"
		    "script:\n"
		    "\n"
		    "\t expect login: \n"
		    "\n"
		    "\t send root \r\n"
		    "\t # more\n"
		    "timeout = 9\n"
		    "[two]\n"
		    "script:\n"
		    "  wait");
	assert_string_equal(suite.items[0]->steps.text,
			    "\nexpect login: \n\nsend root \n# more\n");
	assert_int_equal(suite.items[0]->seconds, 9);
	assert_string_equal(suite.items[1]->steps.text, "wait\n");

	assert_bad("[one]\nscript:\n", "dir/a.boot:2: script: is followed by");
	assert_bad("[one]\nscript:\n\n \nrun = a\n",
		   "dir/a.boot:2: script: is");
	assert_bad("[one]\nscript:\n\r wait\n", "dir/a.boot:2: script: is");
	assert_bad("[one]\nscript:\n  wait\n expect x\n",
		   "dir/a.boot:4: want the indentation");
	assert_bad("[one]\nscript:\n wait\nscript:\n wait\n",
		   "dir/a.boot:4: script was in line 2");
	assert_bad("[one]\nscript = a\nscript:\n wait\n",
		   "dir/a.boot:3: script was in line 2");
	assert_bad("[one]\nscript:\n wait\nscript = a\n",
		   "dir/a.boot:4: script was in line 2");
	assert_bad("[one]\nscript:\n expect a\n say b\n",
		   "--script dir/a.boot:2, line 2: there are expect");
	assert_bad("script:\n wait\n", "dir/a.boot:1: a section");
}

static void wrong(void **state)
{
	(void)state;
	assert_bad("", "dir/a.boot: there is no test in it");
	assert_bad("[defaults]\nrun = -m 64\n", "dir/a.boot: there is no test");
	assert_bad("run = -m 64\n", "dir/a.boot:1: a section, [NAME], has to");
	assert_bad("[one\n", "dir/a.boot:1: want [NAME]");
	assert_bad("[]\n", "dir/a.boot:1: want a name of letters");
	assert_bad("[-a]\n", "dir/a.boot:1: want a name of letters");
	assert_bad("[a/b]\n", "dir/a.boot:1: want a name of letters");
	assert_bad("[..]\n", "dir/a.boot:1: want a name of letters");
	assert_bad("[one]\n[two]\n[one]\n",
		   "dir/a.boot:3: there is a test \"one\" already, at "
		   "dir/a.boot:1");
	assert_bad("[defaults]\n[a]\n[defaults]\n",
		   "dir/a.boot:3: [defaults] was in line 1");
	assert_bad("[one]\nrun\n", "dir/a.boot:2: want [NAME], KEY = VALUE");
	assert_bad("[one]\nrun =\n", "dir/a.boot:2: nothing is behind run =");
	assert_bad("[one]\nRun = x\n", "dir/a.boot:2: there are run, copy");
	assert_bad("[one]\n run = x\n", "dir/a.boot:2: indented lines are");
	assert_bad("[one]\nrun = 'x\n", "dir/a.boot:2: a ' has no other one");
	assert_bad("[one]\nrun = ${NOTHING}\n",
		   "dir/a.boot:2: ${NOTHING} is not set");
	assert_bad("[one]\nrun = --timeout=5\n",
		   "dir/a.boot:2: --timeout: there is the key timeout");
	assert_bad("[one]\nrun = -m 1 --result x\n",
		   "dir/a.boot:2: --result is not for tests");
	assert_bad("[one]\nrun = -h\n", "dir/a.boot:2: -h is not for tests");
	assert_bad("[one]\nexpect = (\n", "dir/a.boot:2: ");
	assert_bad("[one]\nfail-on = a{2\n", "dir/a.boot:2: ");
	assert_bad("[one]\nstatus = well\n", "dir/a.boot:2: status: \"well\"");
	assert_bad("[one]\nstatus = 256\n", "dir/a.boot:2: status: \"256\"");
	assert_bad("[one]\ntimeout = 0\n", "dir/a.boot:2: timeout takes");
	assert_bad("[one]\ntimeout = 1\n#\ntimeout = 2\n",
		   "dir/a.boot:4: timeout was in line 2");
	assert_bad("[one]\ncopy = a b\n", "dir/a.boot:2: copy takes FILE");
	assert_bad("[one]\ncopy = a to b\n", "dir/a.boot:2: copy takes FILE");
	assert_bad("[one]\ncopy = a as ../b\n", "dir/a.boot:2: copy: \"../b\"");
	assert_bad("[one]\ncopy = a/..\n", "dir/a.boot:2: copy: \"..\" is no");
	assert_bad("[one]\ncopy = a/\n", "dir/a.boot:2: copy: \"\" is no");
	assert_bad("[defaults]\ncopy = x/a\n[one]\ncopy = y as a\n",
		   "dir/a.boot:4: copy: there is a \"a\" already, by line 2");
	assert_bad("[one]\nskip-unless = a b\n", "dir/a.boot:2: want one file");
	assert_bad("[one]\nscript = ''\n", "dir/a.boot:2: want one file");
	assert_good("[run]\nrun = -k --timeouts\n");
}

/* Names are one set over all files; what was read before stays. */
static void several_files(void **state)
{
	(void)state;
	assert_good("[one]\n");
	assert_int_equal(test_file_parse(&suite, "b", strdup("[two]\n")), 0);
	assert_string_equal(suite.items[1]->folder, ".");
	assert_int_equal(test_file_parse(&suite, "/c", strdup("[three]\n")), 0);
	assert_string_equal(suite.items[2]->folder, "/");
	assert_int_equal(test_file_parse(&suite, "d", strdup("[two]\n")),
			 -EINVAL);
	assert_said("d:1: there is a test \"two\" already, at b:1");
	assert_int_equal(suite.count, 3);
}

static void limits(void **state)
{
	char *text = malloc(SZ_1M), *to;

	(void)state;
	to = text + sprintf(text, "[one]\n");
	for (int i = 0; i < TEST_LINES_MAX; i++)
		to += sprintf(to, "expect = a\n");
	assert_good(text);
	sprintf(to, "expect = a\n");
	assert_bad(text, "dir/a.boot:258: a test has 256 lines of expect");
	sprintf(text, "[%064d]\n", 1);
	assert_good(text);
	sprintf(text, "[%065d]\n", 1);
	assert_bad(text, "dir/a.boot:1: want a name of letters");
	free(text);
}

static void from_disk(void **state)
{
	char path[] = "/tmp/tests.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(test_file_read(&suite, "/nonexistent/x"), -ENOENT);
	assert_said("test: unable to read /nonexistent/x: No such file");
	assert_int_equal(write(fd, "[one]\n", 6), 6);
	assert_int_equal(test_file_read(&suite, path), 0);
	assert_string_equal(suite.items[0]->folder, "/tmp");
	assert_int_equal(write(fd, "\0[two]\n", 7), 7);
	assert_int_equal(test_file_read(&suite, path), -EINVAL);
	assert_said("it is no text");
	close(fd);
	unlink(path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(words_of_a_shell), TEST(words_that_are_wrong),
		TEST(all_keys),		TEST(defaults),
		TEST(scripts),		TEST(wrong),
		TEST(several_files),	TEST(limits),
		TEST(from_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
