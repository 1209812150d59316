/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm test`: boot tests that files describe, several guests at a time. Which
 * tests, and where their logs go, is found out here; see builtin-test-jobs.c
 * for their runs.
 *
 * One process with one thread reads all files, checks them, and then starts a
 * child for each run. Files of tests are their user's own and can run anything
 * that `lkvm run` can; what guests leave in their logs is not trusted. The
 * states of tests are an array that is complete before the first run and does
 * not move.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builtin-test.h"
#include "builtin.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"
#include "lkvm/util/options.h"

#define SYNOPSIS "lkvm test [OPTION]... FILE..."

/* Guests at a time, and runs of a test, at most. */
#define MAX_JOBS   1024
#define MAX_REPEAT 100000

/* Seconds that lkvm gets on top of its time limit; it makes its copies then. */
#define GRACE 120

/* The exit status besides 0 and that of an interruption. */
enum {
	STATUS_FAILED = 1,
	STATUS_IMPOSSIBLE = 2,
};

/* What the command line says. */
struct options {
	u32 jobs, repeat;
	struct string_list only, files;
	const char *junit, *logs;
	bool list;
};

/* Where logs go, locked: two lkvm test would mix theirs. */
struct logs {
	char *path; /* absolute */
	int fd;
	bool is_made; /* it was not there before */
};

static const char about[] =
	"\nRuns the boot tests that the files describe; see docs/test.md.\n\n"
	"Exit status: 0 all tests passed, 1 some did not, 2 nothing could be "
	"run\n(a wrong option or file), 130 it was interrupted.\n";

/* 0, OPTIONS_HELP once help is printed, or -errno after a message. */
static int parse(struct options *opts, int argc, char *const argv[])
{
	static const struct option_def defs[] = {
		OPT_U32('j', "jobs", struct options, jobs, 1, MAX_JOBS, "N",
			"Run up to N guests at a time (default: 1)"),
		OPT_U32(0, "repeat", struct options, repeat, 1, MAX_REPEAT, "N",
			"Run each test N times; one that both passes and fails "
			"is called flaky (default: 1)"),
		OPT_LIST(0, "only", struct options, only, "PATTERN",
			 "Run tests of such names only, as by a shell; "
			 "repeatable"),
		OPT_STRING(0, "junit", struct options, junit, "FILE",
			   "Write the results to FILE as JUnit's XML"),
		OPT_STRING(0, "logs", struct options, logs, "DIR",
			   "Keep logs of what failed in DIR/NAME (default: "
			   "lkvm-test-logs)"),
		OPT_FLAG(0, "list", struct options, list,
			 "List the tests and end"),
		OPT_END(),
	};
	const struct option_group groups[] = {
		{ "Options", defs },
		{ NULL, NULL },
	};
	int ret = options_parse(groups, opts, argc, argv, &opts->files);

	if (ret == OPTIONS_HELP) {
		options_usage(stdout, SYNOPSIS, groups);
		fputs(about, stdout);
	} else if (!ret && !opts->files.count) {
		pr_fatal("test: want a file of tests: " SYNOPSIS);
		ret = -EINVAL;
	}
	return ret;
}

/* ---- Which tests --------------------------------------------------------- */

/* All tests are, without --only. */
static bool is_chosen(const struct options *opts, const struct test_case *test)
{
	for (size_t i = 0; i < opts->only.count; i++)
		if (!fnmatch(opts->only.items[i], test->name, 0))
			return true;
	return !opts->only.count;
}

/* A pattern that is wrong would test nothing, and pass. */
static int check_only(const struct options *opts,
		      const struct test_suite *suite)
{
	for (size_t i = 0; i < opts->only.count; i++) {
		bool found = false;

		for (unsigned int j = 0; !found && j < suite->count; j++)
			found = !fnmatch(opts->only.items[i],
					 suite->items[j]->name, 0);
		if (found)
			continue;
		pr_fatal("--only %s: there is no such test; see --list",
			 opts->only.items[i]);
		return -EINVAL;
	}
	return 0;
}

/* The first file that the test needs and that is not there; to be freed. */
static char *missing_file(const struct test_case *test)
{
	const struct test_values *files = &test->lists[TEST_SKIP_UNLESS];
	const struct words_vars vars = { .tmp = "", .run = 1 };
	char why[WORDS_WHY];
	char *text = NULL;

	for (unsigned int i = 0; !text && i < files->count; i++) {
		struct words words;
		char *path;

		if (words_split(files->items[i].text, &vars, &words, why))
			continue;
		if (asprintf(&path, "%s/%s",
			     *words.items[0] == '/' ? "" : test->folder,
			     words.items[0]) >= 0) {
			if (access(path, F_OK) < 0 &&
			    asprintf(&text, "there is no %s", words.items[0]) <
				    0)
				text = NULL;
			free(path);
		}
		words_free(&words);
	}
	return text;
}

/* Which tests there will be results of. */
static int choose(const struct options *opts, const struct test_suite *suite,
		  struct test_report *report)
{
	if (check_only(opts, suite))
		return -EINVAL;
	report->states = calloc(suite->count, sizeof(*report->states));
	if (!report->states) {
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < suite->count; i++)
		if (is_chosen(opts, suite->items[i]))
			report->states[report->count++].test = suite->items[i];
	return 0;
}

/* Before the first run: what a test makes cannot be what another one needs. */
static void skip_tests(struct test_report *report)
{
	for (unsigned int i = 0; i < report->count; i++) {
		struct test_state *state = &report->states[i];

		state->skipped = missing_file(state->test);
		if (state->skipped)
			printf("skipped %s: %s\n", state->test->name,
			       state->skipped);
	}
}

static void free_states(struct test_report *report)
{
	for (unsigned int i = 0; i < report->count; i++) {
		free(report->states[i].skipped);
		free(report->states[i].type);
		free(report->states[i].why);
		free(report->states[i].tail);
	}
	free(report->states);
}

/* ---- Where logs go ------------------------------------------------------- */

/* The lock goes with the process, however that ends. */
static int lock_logs(struct logs *logs, const char *dir)
{
	if (mkdir(dir, 0777) == 0)
		logs->is_made = true;
	else if (errno != EEXIST)
		return -errno;
	logs->path = realpath(dir, NULL);
	if (!logs->path)
		return -errno;
	logs->fd = file_open(logs->path, O_RDONLY | O_DIRECTORY, 0);
	if (logs->fd < 0)
		return logs->fd;
	return flock(logs->fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

/* A comma would end the name of a copy in an option of key=value. */
static int open_logs(struct logs *logs, const char *dir)
{
	int ret = lock_logs(logs, dir);

	if (ret == -EWOULDBLOCK)
		pr_fatal("--logs %s: another lkvm test uses it", dir);
	else if (ret)
		pr_fatal("--logs: unable to use %s: %s", dir, strerror(-ret));
	else if (logs->path && strchr(logs->path, ',')) {
		pr_fatal("--logs %s: want a path without a comma", logs->path);
		ret = -EINVAL;
	}
	return ret;
}

/* An empty folder that was made for it goes again. */
static void close_logs(struct logs *logs)
{
	if (logs->is_made && logs->path)
		rmdir(logs->path);
	if (logs->fd >= 0)
		close(logs->fd);
	free(logs->path);
}

/* ---- All of it ----------------------------------------------------------- */

/* Not at the end of an hour of tests. */
static int check_junit(const char *path)
{
	int ret = path ? file_check_writable(path) : 0;

	if (ret)
		pr_fatal("--junit: unable to write %s: %s", path,
			 strerror(-ret));
	return ret;
}

/* The exit status. Results that could not be written are none. */
static int tell(const struct options *opts, struct test_report *report, int err)
{
	bool is_good = test_report_finish(report);
	int status = err == -EINTR ? EXIT_STATUS_KILLED
		     : err	   ? STATUS_IMPOSSIBLE
		     : is_good	   ? EXIT_STATUS_POWEROFF
				   : STATUS_FAILED;

	if (opts->junit && test_report_junit(report, opts->junit))
		status = status ? status : STATUS_IMPOSSIBLE;
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	pr_err("test: unable to write the results");
	return status ? status : STATUS_IMPOSSIBLE;
}

/* All that could go wrong is found out before a guest runs. */
static int run(const struct options *opts, struct test_report *report)
{
	struct logs logs = { .fd = -1 };
	struct test_params params = { .jobs = opts->jobs,
				      .grace = GRACE,
				      .report = report };
	int status = STATUS_IMPOSSIBLE;

	if (!check_junit(opts->junit) && !open_logs(&logs, opts->logs)) {
		params.logs = logs.path;
		report->repeat = opts->repeat;
		report->is_tty = isatty(STDOUT_FILENO);
		skip_tests(report);
		status = tell(opts, report, test_jobs_run(&params));
	}
	close_logs(&logs);
	return status;
}

/*
 * With --list nothing is run, looked for or made, so a list can be had
 * anywhere.
 */
static void list(const struct test_report *report)
{
	for (unsigned int i = 0; i < report->count; i++)
		printf("%s\n", report->states[i].test->name);
}

/* All of them, so that --list and --only see the names of all. */
static int read_files(const struct options *opts, struct test_suite *suite)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < opts->files.count; i++)
		ret = test_file_read(suite, opts->files.items[i]);
	if (ret == -ENOMEM)
		pr_fatal("out of memory");
	return ret;
}

/*
 * All files and --only are checked first: a mistake in the last file is known
 * before the first guest has started. Everything is freed in one place,
 * whatever has succeeded.
 */
int cmd_test(int argc, char *const argv[])
{
	struct options opts = {
		.jobs = 1,
		.repeat = 1,
		.logs = "lkvm-test-logs",
	};
	struct test_suite suite = { 0 };
	struct test_report report = { 0 };
	int status = STATUS_IMPOSSIBLE;
	int ret = parse(&opts, argc, argv);

	if (ret == OPTIONS_HELP)
		status = EXIT_STATUS_POWEROFF;
	else if (!ret && !read_files(&opts, &suite) &&
		 !choose(&opts, &suite, &report)) {
		status = EXIT_STATUS_POWEROFF;
		if (opts.list)
			list(&report);
		else
			status = run(&opts, &report);
	}
	free_states(&report);
	test_suite_free(&suite);
	string_list_free(&opts.only);
	string_list_free(&opts.files);
	return status;
}
