/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `lkvm test`: what a file of tests says, and what came of them. Main thread.
 */
#ifndef BUILTIN_TEST_H
#define BUILTIN_TEST_H

#include <stdio.h>

#include "lkvm/util/options.h"
#include "lkvm/util/util.h"

/* Bytes of a file of tests. */
#define TEST_FILE_MAX SZ_1M

/* Tests, and lines of one key in one of them. */
#define TEST_MAX       10000
#define TEST_LINES_MAX 256

/* Seconds that a guest may take unless the file says otherwise. */
#define TEST_TIMEOUT 300

/* ---- builtin-test-words.c: words as in a shell --------------------------- */

/* Bytes of the text that says why words are wrong. */
#define WORDS_WHY 128

/* What ${tmp} and ${run} stand for; other names are the environment's. */
struct words_vars {
	const char *tmp;  /* the folder of a run's own */
	unsigned int run; /* its number, from 1 on */
};

/* Zero-initialise it. */
struct words {
	char **items; /* with a NULL behind the last one */
	unsigned int count;
	char *text; /* what they point into */
};

/*
 * Splits `text` at spaces, with the quoting of a shell, and replaces ${NAME}.
 * Returns 0, for which the caller frees the words, -EINVAL with the reason in
 * `why`, or -ENOMEM. Prints nothing.
 */
int words_split(const char *text, const struct words_vars *vars,
		struct words *words, char why[WORDS_WHY]);
void words_free(struct words *words);

/* ---- builtin-test-file.c: the language of test files --------------------- */

/* What is behind a key, and in which line. */
struct test_value {
	const char *text; /* NULL: there is none */
	unsigned int line;
};

struct test_values {
	struct test_value *items;
	unsigned int count;
};

/* Keys whose lines add up. */
enum test_list {
	TEST_RUN,	  /* words: options of `lkvm run` */
	TEST_COPY,	  /* words: FILE, or FILE "as" NAME */
	TEST_SKIP_UNLESS, /* a word: a file */
	TEST_EXPECT,	  /* a pattern */
	TEST_FAIL_ON,	  /* a pattern */
	TEST_NR_LISTS
};

struct test_case {
	const char *name;
	const char *path;   /* of its file */
	const char *folder; /* where relative paths begin */
	unsigned int line;
	struct test_values lists[TEST_NR_LISTS];
	struct test_value script; /* a word: a file */
	struct test_value steps;  /* a script that is in the file itself */
	struct test_value end;	  /* a status or the name of an outcome */
	struct test_value timeout;
	u64 seconds; /* what `timeout` says, or TEST_TIMEOUT */
	u64 status;  /* what `end` says if that is a number */
	bool is_status;
};

/* All tests of all files. Zero-initialise it; they stay where they are. */
struct test_suite {
	struct test_case **items;
	unsigned int count;
	struct test_strings {
		char **items;
		unsigned int count;
	} owned; /* what tests point into */
};

/*
 * Adds the tests of a file. Returns 0, or -errno after a fatal message that
 * names file and line.
 */
int test_file_read(struct test_suite *suite, const char *path);

/* The same of `content`, which is the suite's from here on; `path` stays. */
int test_file_parse(struct test_suite *suite, const char *path, char *content);

/* Frees all tests, also after an error. */
void test_suite_free(struct test_suite *suite);

/* Where the copy that a line of TEST_COPY asks for goes, of its words. */
const char *test_copy_name(const struct words *words);

/* ---- builtin-test-copy.c: files of a run's own --------------------------- */

/*
 * Copies the regular file `from` to `to`, which must not be there, with blocks
 * shared or holes kept where the file system can. Returns 0 or -errno.
 */
int test_copy(const char *from, const char *to);

/* Removes a folder and all that is in it; links are not followed. */
void test_remove_tree(const char *path);

/* ---- builtin-test-judge.c: how runs have ended --------------------------- */

/* What came of a test so far. */
struct test_state {
	const struct test_case *test;
	unsigned int started, passed, failed; /* runs */
	bool is_running;
	char *skipped; /* why it is not run; NULL: it is */
	u64 ns;	       /* that its runs have taken, together */
	/* Of the first run that failed; NULL: none has. */
	char *type; /* the outcome's name */
	char *why;
	char *tail;    /* the console's last lines */
	bool is_error; /* it says nothing of the guest */
};

/* How a run has ended, and what it has left. */
struct test_end {
	int status;   /* as of waitpid(2) */
	bool is_late; /* it was killed, being still there after its time */
	char *console, *messages, *result; /* files, which may be missing */
};

/*
 * Judges a run: true if it has ended as its test wants. Else, if it is the
 * first one that failed, the state gets what there is to say.
 */
bool test_judge(struct test_state *state, const struct test_end *end);

/* ---- builtin-test-report.c: what is told of it --------------------------- */

struct test_report {
	struct test_state *states;
	unsigned int count;
	unsigned int repeat;
	bool is_tty;   /* there is a progress line */
	bool is_drawn; /* the terminal shows one */
};

/* A run of a test has begun. */
void test_report_begin(struct test_report *report);

/* A run has ended; `ns` and `failed` are of that, the state is of all so far.
 */
void test_report_end(struct test_report *report, const struct test_state *state,
		     unsigned int run, u64 ns, bool failed);

/* The summary; returns false unless all tests have passed or were skipped. */
bool test_report_finish(struct test_report *report);

/* Writes all of it as JUnit's XML. Returns 0 or -errno after a message. */
int test_report_junit(const struct test_report *report, const char *path);

/* ---- builtin-test-jobs.c: runs ------------------------------------------- */

struct test_params {
	u32 jobs;
	u64 grace; /* seconds that lkvm may take on top of its time limit */
	const char *logs; /* an absolute path, of a folder */
	struct test_report *report;
};

/*
 * Runs all tests that are not skipped. Returns 0, -EINTR if a signal wanted the
 * end, or another -errno after a message.
 */
int test_jobs_run(const struct test_params *params);

#endif
