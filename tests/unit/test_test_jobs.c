/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: builtin-test*.c config/script.c config/pattern.c config/list.c */
/* SOURCES: config/outcome.c util/file.c util/parse.c util/options.c */
/* SOURCES: util/names.c util/log.c util/output.c util/json.c util/xml.c */
/* SOURCES: util/json_read.c util/lines.c util/file_replace.c */
/* SOURCES: config/control.c */
/*
 * Runs of `lkvm test`. This program is the lkvm that it starts as well: called
 * as `lkvm run` it does what the words tell it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "builtin-test.h"
#include "builtin.h"
#include "lkvm/util/file.h"

/* ---- What is run in place of lkvm ---------------------------------------- */

static void put_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");

	if (!out || fputs(text, out) < 0 || fclose(out))
		abort();
}

static bool has_text(const char *path, const char *text)
{
	char buf[256] = "";
	FILE *in = fopen(path, "re");
	size_t len = in ? fread(buf, 1, sizeof(buf) - 1, in) : 0;

	if (in)
		fclose(in);
	return in && len == strlen(text) && !memcmp(buf, text, len);
}

/* Nobody else is between these. */
static void lock(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		_exit(99);
	close(fd);
}

static void be_lingering(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fork())
		return;
	/* As long as the pipe is open this is here. */
	for (;;)
		pause();
	close(fd);
}

static void do_word(const char *word, const char *arg, const char *result,
		    const char *console)
{
	char text[128];

	if (!strcmp(word, "outcome")) {
		snprintf(text, sizeof(text),
			 "{\"outcome\":\"%s\",\"detail\":\"<why>\"}", arg);
		put_file(result, text);
	} else if (!strcmp(word, "say")) {
		put_file(console, arg);
	} else if (!strcmp(word, "complain")) {
		fprintf(stderr, "first\n Fatal: %s\n", arg);
	} else if (!strcmp(word, "exit")) {
		_exit(atoi(arg));
	} else if (!strcmp(word, "die")) {
		raise(atoi(arg));
	} else if (!strcmp(word, "ignore")) {
		signal(atoi(arg), SIG_IGN);
	} else if (!strcmp(word, "signal")) {
		kill(getppid(), atoi(arg));
	} else if (!strcmp(word, "holds")) {
		if (!has_text(arg, "original"))
			_exit(98);
	} else if (!strcmp(word, "write")) {
		put_file(arg, "changed");
	} else if (!strcmp(word, "meet")) {
		/* Opening a pipe waits for who opens its other end. */
		close(open(arg, arg[0] == 'r' ? O_RDONLY : O_WRONLY));
	} else if (!strcmp(word, "lock")) {
		lock(arg);
	} else if (!strcmp(word, "unlock")) {
		unlink(arg);
	} else if (!strcmp(word, "linger")) {
		be_lingering(arg);
	} else if (!strcmp(word, "nap")) {
		usleep((useconds_t)atoi(arg));
	} else if (!strcmp(word, "hang")) {
		for (;;)
			pause();
	}
}

/* Without exit(3), at which a sanitizer would take its time. */
static int be_lkvm(int argc, char *argv[])
{
	const char *result = NULL, *console = NULL;

	for (int i = 2; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--result"))
			result = argv[i + 1];
		else if (!strcmp(argv[i], "--console-log"))
			console = argv[i + 1];
		else
			do_word(argv[i], argv[i + 1], result, console);
	}
	return 0;
}

/* ---- Running it ---------------------------------------------------------- */

static struct {
	char dir[32];
	char *out;
	int status;
} t;

static int setup(void **state)
{
	(void)state;
	strcpy(t.dir, "/tmp/lkvm-test-XXXXXX");
	return mkdtemp(t.dir) && !chdir(t.dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(t.out);
	t.out = NULL;
	test_remove_tree(t.dir);
	return chdir("/");
}

/* `lkvm test` in a process of its own, which checks for leaks at its end. */
static void test(const char *content, const char *options)
{
	char *argv[16], *words = strdup(options), *pos = words;
	int argc = 0, status;
	void *text;
	size_t len;
	pid_t pid;

	while ((argv[argc] = strsep(&pos, " ")))
		argc++;
	put_file("a.boot", content);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int fd = open("out", O_CREAT | O_TRUNC | O_RDWR, 0600);

		alarm(300);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		exit(cmd_test(argc, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	t.status = WEXITSTATUS(status);
	free(words);
	free(t.out);
	assert_int_equal(file_read_all("out", SZ_1M, &text, &len), 0);
	t.out = text;
}

#define assert_status(want)                                         \
	do {                                                        \
		if (t.status != (want))                             \
			fail_msg("status %d: %s", t.status, t.out); \
	} while (0)

#define assert_said(text)                                \
	do {                                             \
		if (!strstr(t.out, text))                \
			fail_msg("%s: %s", text, t.out); \
	} while (0)

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

/* ---- Tests --------------------------------------------------------------- */

static void ends(void **state)
{
	(void)state;
	test("[good]\n"
	     "[three]\nrun = exit 3\nstatus = 3\n"
	     "[panic]\nrun = outcome panic exit 6\nstatus = panic\n",
	     "a.boot");
	assert_status(0);
	assert_said("ok      good (");
	assert_said("\n3 passed, 0 failed, 0 flaky\n");
	assert_false(exists("lkvm-test-logs"));

	test("[a]\nrun = exit 3\n"
	     "[b]\nstatus = 3\n"
	     "[c]\nrun = outcome panic exit 6\nstatus = hang\n"
	     "[d]\nrun = die 9\nstatus = 137\n"
	     "[e]\nrun = exit 6\nstatus = panic\n"
	     "[f]\nrun = complain 'all is bad' exit 1\n"
	     "[g]\n",
	     "a.boot --jobs 1");
	assert_status(1);
	assert_said("FAILED  a (");
	assert_said("s): status 3\n");
	assert_said("s): status 0, not 3\n");
	assert_said("s): status 6, panic, not hang: <why>\n");
	assert_said("s): lkvm was ended by signal 9\n");
	assert_said("s): status 6, not panic\n");
	assert_said("s): status 1: Fatal: all is bad\n");
	assert_said("ok      g (");
	assert_said("\n1 passed, 6 failed, 0 flaky\n");
}

static void options_of_its_own(void **state)
{
	(void)state;
	test("[a]\n[ab]\nrun = exit 1\n[c]\n", "a.boot --list");
	assert_status(0);
	assert_string_equal(t.out, "a\nab\nc\n");
	test("[a]\n[ab]\nrun = exit 1\n[c]\n", "a.boot --only a --only [b-z]");
	assert_status(0);
	assert_said("2 passed");
	test("[a]\n", "a.boot --only a --only b*");
	assert_status(2);
	assert_said("--only b*: there is no such test");
	test("[a]\n", "a.boot b.boot");
	assert_status(2);
	assert_said("unable to read b.boot");
	test("[a]\n", "--jobs 2");
	assert_status(2);
	assert_said("want a file of tests");
	test("[a]\n", "a.boot --jobs 0");
	assert_status(2);
	test("[a]\n", "a.boot --logs a.boot");
	assert_status(2);
	assert_said("--logs: unable to use a.boot");
	test("[a]\n", "a.boot --logs x,y");
	assert_status(2);
	assert_said("want a path without a comma");
	test("[a]\n", "a.boot --junit no/file");
	assert_status(2);
	assert_said("--junit: unable to write no/file");
}

static void skipped(void **state)
{
	(void)state;
	test("[a]\nskip-unless = a.boot\n[b]\nskip-unless = /no/where\n",
	     "a.boot --junit j");
	assert_status(0);
	assert_said("skipped b: there is no /no/where\n");
	assert_said("\n1 passed, 0 failed, 0 flaky, 1 skipped\n");
}

static void logs(void **state)
{
	(void)state;
	test("[good]\nrun = say text outcome power-off write ${tmp}/x\n"
	     "[bad]\nrun = say 'a\033[1mb|last' outcome panic exit 6\n"
	     "run = write ${tmp}/x\nscript:\n  wait\n",
	     "a.boot --logs l");
	assert_status(1);
	assert_false(exists("l/good"));
	assert_true(has_text("l/bad/console.log", "a\033[1mb|last"));
	assert_true(has_text("l/bad/script", "wait\n"));
	assert_true(exists("l/bad/result.json"));
	assert_true(exists("l/bad/messages.log"));
	assert_said("s): status 6, panic: <why>\n    | ab|last\n");
	/* Five entries, "." and ".." among them: nothing but these. */
	assert_int_equal(system("[ $(ls -a l/bad | wc -l) = 6 ]"), 0);
	/* What was kept is out of date when the test passes. */
	test("[bad]\n", "a.boot --logs l");
	assert_status(0);
	assert_false(exists("l/bad"));
	assert_true(exists("l"));
}

/* What is in a folder that has a test's name may be the user's own. */
static void foreign_files(void **state)
{
	(void)state;
	mkdir("l", 0700);
	mkdir("l/a", 0700);
	put_file("l/a/mine", "mine");
	test("[a]\n", "a.boot --logs l");
	assert_status(0);
	assert_true(has_text("l/a/mine", "mine"));
}

static void copies(void **state)
{
	struct stat st;

	(void)state;
	put_file("disk", "original");
	chmod("disk", 0400);
	test("[defaults]\ncopy = disk\ncopy = disk as other\n"
	     "run = holds ${tmp}/disk holds ${tmp}/other\n"
	     "run = write ${tmp}/disk\n"
	     "[a]\n[b]\n[c]\nrun = exit 1\n",
	     "a.boot --jobs 2 --repeat 2");
	assert_status(1);
	assert_said("2 passed, 1 failed");
	assert_true(has_text("disk", "original"));
	assert_int_equal(system("ls lkvm-test-logs/c@1 | grep -q tmp"), 256);

	test("[a]\ncopy = missing\n[b]\ncopy = /dev/null\n[c]\ncopy = /tmp/.\n",
	     "a.boot");
	assert_status(2);
	assert_said("is no name of a file");
	test("[a]\ncopy = missing\n[b]\ncopy = /dev/null\n[c]\ncopy = /tmp\n",
	     "a.boot");
	assert_status(1);
	assert_said(
		"status 1: Fatal: a.boot:2: unable to copy missing: No such");
	assert_said("unable to copy /dev/null: Invalid argument");
	assert_said("unable to copy /tmp: Is a directory");

	/* Holes stay. */
	put_file("sparse", "original");
	assert_int_equal(truncate("sparse", 1L << 32), 0);
	assert_int_equal(test_copy("sparse", "copy"), 0);
	assert_int_equal(stat("copy", &st), 0);
	assert_int_equal(st.st_size, 1L << 32);
	assert_true(st.st_blocks < 2048);
	assert_int_equal(test_copy("sparse", "copy"), -EEXIST);
}

/* Each opens its end of a pipe, which waits for the other one. */
static void jobs_together(void **state)
{
	(void)state;
	mkfifo("r1", 0600);
	assert_int_equal(symlink("r1", "w1"), 0);
	test("[a]\nrun = meet r1\n[b]\nrun = meet w1\n", "a.boot --jobs 2");
	assert_status(0);
}

static void one_at_a_time(void **state)
{
	(void)state;
	test("[defaults]\nrun = lock l nap 30000 unlock l\n[a]\n[b]\n[c]\n",
	     "a.boot --jobs 1");
	assert_status(0);
	test("[a]\nrun = lock l nap 30000 unlock l\n",
	     "a.boot --jobs 4 --repeat 4");
	assert_status(0);
}

static void flaky(void **state)
{
	void *text;
	size_t len;

	(void)state;
	test("[good]\n[odd]\nrun = exit ${run}\nstatus = 2\n[bad]\n"
	     "run = exit 5\n",
	     "a.boot --repeat 3 --jobs 2 --junit j");
	assert_status(1);
	assert_said("FAILED  odd, run 1 of 3 (");
	assert_said("ok      odd, run 2 of 3 (");
	assert_said("\nflaky   odd: 2 of 3 runs failed\n"
		    "1 passed, 1 failed, 1 flaky\n");
	assert_true(exists("lkvm-test-logs/odd@1/messages.log"));
	assert_false(exists("lkvm-test-logs/odd@2"));
	assert_int_equal(file_read_all("j", SZ_1M, &text, &len), 0);
	free(t.out);
	t.out = text;
	assert_said("tests=\"3\" failures=\"0\" errors=\"2\" skipped=\"0\"");
	assert_said(
		"<error type=\"flaky\" message=\"flaky: 2 of 3 runs failed; "
		"status 1, not 2\"></error>");
}

static void junit(void **state)
{
	void *text;
	size_t len;

	(void)state;
	test("[good]\n[bad]\nrun = say 'a<b\001' outcome panic exit 6\n"
	     "[gone]\nskip-unless = '/no/a&b'\n",
	     "a.boot --junit j");
	assert_status(1);
	assert_int_equal(file_read_all("j", SZ_1M, &text, &len), 0);
	free(t.out);
	t.out = text;
	assert_said(
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
	assert_said("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\"");
	assert_said("<testcase classname=\"a.boot\" name=\"good\" time=\"");
	assert_said("<failure type=\"panic\" message=\"status 6, panic: "
		    "&lt;why&gt;\"></failure>\n"
		    "      <system-out>a&lt;b");
	assert_said("<skipped message=\"there is no /no/a&amp;b\"/>");
}

/* Nothing that a run has started is left, neither of one that has ended... */
static void leftovers(void **state)
{
	char c;
	int fd;

	(void)state;
	mkfifo("pipe", 0600);
	fd = open("pipe", O_RDONLY | O_NONBLOCK);
	test("[a]\nrun = linger pipe\n", "a.boot");
	assert_status(0);
	fcntl(fd, F_SETFL, 0);
	assert_int_equal(read(fd, &c, 1), 0);
	/* ... nor of one that a signal has ended. */
	fcntl(fd, F_SETFL, O_NONBLOCK);
	test("[a]\nrun = linger pipe signal 15 hang 1\n", "a.boot");
	assert_status(130);
	fcntl(fd, F_SETFL, 0);
	assert_int_equal(read(fd, &c, 1), 0);
	close(fd);
}

static void interrupted(void **state)
{
	(void)state;
	test("[done]\n[a]\nrun = say text signal 2 hang 1\n[b]\n",
	     "a.boot --junit j");
	assert_status(130);
	assert_said("\n1 passed, 0 failed, 0 flaky, 2 not run\n");
	assert_true(has_text("lkvm-test-logs/a/console.log", "text"));
	assert_int_equal(system("grep -q 'skipped=\"2\"' j"), 0);
	assert_int_equal(system("ls lkvm-test-logs/a | grep -q tmp"), 256);
	/* The second signal is for those that do not end at the first one. */
	test("[a]\nrun = ignore 15 signal 1 signal 15 hang 1\n", "a.boot");
	assert_status(130);
}

/* lkvm itself hangs, and its time limit does nothing. */
static void late(void **state)
{
	struct test_suite suite = { 0 };
	struct test_state test_state = { 0 };
	struct test_report report = { .states = &test_state,
				      .count = 1,
				      .repeat = 1 };
	const struct test_params params = { .jobs = 1,
					    .logs = t.dir,
					    .report = &report };
	int out = dup(STDOUT_FILENO), fd;

	(void)state;
	put_file("a.boot", "[a]\nrun = hang 1\ntimeout = 1\n");
	assert_int_equal(test_file_read(&suite, "a.boot"), 0);
	test_state.test = suite.items[0];
	fflush(stdout);
	fd = open("out", O_CREAT | O_RDWR, 0600);
	dup2(fd, STDOUT_FILENO);
	assert_int_equal(test_jobs_run(&params), 0);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	close(fd);
	assert_int_equal(test_state.failed, 1);
	assert_non_null(strstr(test_state.why, "did not end with its time"));
	free(test_state.why);
	free(test_state.type);
	free(test_state.tail);
	test_suite_free(&suite);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(ends),	     TEST(options_of_its_own),
		TEST(skipped),	     TEST(logs),
		TEST(foreign_files), TEST(copies),
		TEST(jobs_together), TEST(one_at_a_time),
		TEST(flaky),	     TEST(junit),
		TEST(leftovers),     TEST(interrupted),
		TEST(late),
	};

	if (argc > 1 && !strcmp(argv[1], "run"))
		_exit(be_lkvm(argc, argv));
	/* They may be ignored, as those of a shell's background are. */
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
