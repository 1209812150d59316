/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs of tests: each is a child that makes its copies and then becomes
 * `lkvm run`, in a process group and with a folder of its own. The parent waits
 * for signals only, SIGCHLD among them, by one descriptor.
 *
 * A run that was good leaves nothing. Of one that was not the console, the
 * messages, the result and the script stay in its folder; the folder for
 * copies within it, whose name nobody else has, is removed in each case.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builtin-test.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/clock.h"
#include "lkvm/util/file.h"
#include "lkvm/util/file_replace.h"
#include "lkvm/util/log.h"

/* Seconds in which guests have to end after a signal. */
#define GRACE_SIGNAL 30

/* What lkvm leaves in a run's folder. */
static const char *const kept[] = { "console.log", "messages.log",
				    "result.json", "script" };
enum {
	CONSOLE,
	MESSAGES,
	RESULT,
	SCRIPT
};

/* A run that is under way. */
struct job {
	struct test_state *state; /* NULL: the slot is free */
	unsigned int number;	  /* from 1 on */
	pid_t pid;		  /* also of its process group */
	char *dir, *tmp;
	u64 began, deadline; /* ns */
	bool is_late;	     /* it was killed at that */
};

struct jobs {
	const struct test_params *params;
	struct job *slots;
	unsigned int running;
	int signals; /* signalfd(2) */
	sigset_t old_mask;
	u64 stopping; /* when what is left is killed, ns; 0: nothing stops */
};

/* To be freed; NULL if there is no memory. */
static char *join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* ---- The child ----------------------------------------------------------- */

/* One argument after the other; a NULL is behind the last one. */
struct args {
	struct string_list list;
	int err;
};

/*
 * A NULL is a string for which there was no memory; the error is kept, so that
 * only the end of the list has to be checked.
 */
static void add_arg(struct args *args, const char *arg)
{
	if (!arg || string_list_add(&args->list, arg))
		args->err = -ENOMEM;
}

static void add_option(struct args *args, const char *option, const char *arg)
{
	add_arg(args, option);
	add_arg(args, arg);
}

/* Texts go to `lkvm run` as they are: patterns have no quoting of their own. */
static void add_list(struct args *args, const char *option,
		     const struct test_values *values)
{
	for (unsigned int i = 0; i < values->count; i++)
		add_option(args, option, values->items[i].text);
}

/* An error of the file that only this run's values show. */
static int split(const struct job *job, const struct test_value *value,
		 struct words *words)
{
	const struct test_case *test = job->state->test;
	const struct words_vars vars = { .tmp = job->tmp, .run = job->number };
	char why[WORDS_WHY] = "out of memory";
	int ret = words_split(value->text, &vars, words, why);

	if (ret)
		pr_fatal("%s:%u: %s", test->path, value->line, why);
	return ret;
}

/* By the child: others go on meanwhile, and a signal ends it. */
static int make_copies(const struct job *job)
{
	const struct test_values *copies = &job->state->test->lists[TEST_COPY];

	for (unsigned int i = 0; i < copies->count; i++) {
		struct words words;
		int ret = split(job, &copies->items[i], &words);
		char *to;

		if (ret)
			return ret;
		to = join(job->tmp, test_copy_name(&words));
		ret = to ? test_copy(words.items[0], to) : -ENOMEM;
		if (ret) {
			pr_fatal("%s:%u: unable to copy %s: %s",
				 job->state->test->path, copies->items[i].line,
				 words.items[0], strerror(-ret));
			return ret;
		}
		free(to);
		words_free(&words);
	}
	return 0;
}

/* A script of the file itself is written where its user may look at it. */
static void add_script(struct args *args, const struct job *job)
{
	const struct test_case *test = job->state->test;
	struct words words = { 0 };
	char *path = join(job->dir, kept[SCRIPT]);

	if (test->steps.text) {
		int ret = path ? file_replace(path, test->steps.text,
					      strlen(test->steps.text))
			       : -ENOMEM;

		if (ret) {
			pr_fatal("unable to write %s: %s", path ?: "a script",
				 strerror(-ret));
			args->err = ret;
			return;
		}
		add_option(args, "--script", path);
	} else if (test->script.text) {
		args->err = split(job, &test->script, &words);
		if (!args->err)
			add_option(args, "--script", words.items[0]);
	}
}

/*
 * What is the test's own comes before the options of the file, of which some
 * may be wrong: the result is written all the same. The process ends soon:
 * nothing is freed.
 */
static void fill_args(struct args *args, const struct job *job)
{
	const struct test_case *test = job->state->test;
	char *seconds;

	add_option(args, "lkvm", "run");
	add_option(args, "--result", join(job->dir, kept[RESULT]));
	add_option(args, "--name", test->name);
	add_option(args, "--control", "off");
	/* A comma would have to be doubled, but the path has none. */
	add_option(args, "--console-log", join(job->dir, kept[CONSOLE]));
	if (asprintf(&seconds, "%llu", (unsigned long long)test->seconds) < 0)
		seconds = NULL;
	add_option(args, "--timeout", seconds);
	add_script(args, job);
	add_list(args, "--expect", &test->lists[TEST_EXPECT]);
	add_list(args, "--fail-on", &test->lists[TEST_FAIL_ON]);
	for (unsigned int i = 0; !args->err && i < test->lists[TEST_RUN].count;
	     i++) {
		struct words words;

		args->err = split(job, &test->lists[TEST_RUN].items[i], &words);
		for (unsigned int j = 0; !args->err && j < words.count; j++)
			add_arg(args, words.items[j]);
	}
}

/* This program, by its name if it has that still: `ps` shows it. */
static void exec_self(char *const argv[])
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len > 0) {
		path[len] = '\0';
		execv(path, argv);
	}
	execv("/proc/self/exe", argv);
	pr_fatal("unable to start lkvm: %s", strerror(errno));
}

/* Input is empty; what the console shows goes to its log, which has a limit. */
static int redirect(const struct job *job)
{
	char *path = join(job->dir, kept[MESSAGES]);
	int null = file_open("/dev/null", O_RDWR, 0);
	int fd = path ? file_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666)
		      : -ENOMEM;

	if (null < 0 || fd < 0)
		return null < 0 ? null : fd;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(fd, STDERR_FILENO) < 0)
		return -errno;
	return 0;
}

/* With the parent it ends, too, which that cannot see to if it is killed. */
static void leave_parent(const struct jobs *jobs, pid_t parent)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &jobs->old_mask, NULL);
	if (getppid() != parent)
		_exit(EXIT_STATUS_KILLED);
}

/*
 * From here on errors are messages in the run's folder, and the status is that
 * of `lkvm run` for what could not be set up.
 */
static void __attribute__((noreturn))
be_child(const struct jobs *jobs, const struct job *job, pid_t parent)
{
	struct args args = { 0 };
	int ret;

	leave_parent(jobs, parent);
	ret = redirect(job);
	if (ret)
		_exit(EXIT_STATUS_SETUP);
	if (chdir(job->state->test->folder) < 0) {
		pr_fatal("%s: %s", job->state->test->folder, strerror(errno));
		_exit(EXIT_STATUS_SETUP);
	}
	if (make_copies(job))
		_exit(EXIT_STATUS_SETUP);
	fill_args(&args, job);
	if (!args.err && !string_list_add(&args.list, NULL))
		exec_self((char *const *)(uintptr_t)args.list.items);
	_exit(EXIT_STATUS_SETUP);
}

/* ---- Folders ------------------------------------------------------------- */

/* Names that lkvm gave; the folder may have others, which are the user's. */
static void remove_kept(const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		char *path = join(dir, kept[i]);

		if (path)
			unlink(path);
		free(path);
	}
}

/* What an earlier lkvm test has kept there of this run is out of date. */
static int make_folder(const struct jobs *jobs, struct job *job)
{
	const char *name = job->state->test->name;
	int ret;

	ret = jobs->params->report->repeat > 1
		      ? asprintf(&job->dir, "%s/%s@%u", jobs->params->logs,
				 name, job->number)
		      : asprintf(&job->dir, "%s/%s", jobs->params->logs, name);
	if (ret < 0) {
		job->dir = NULL;
		return -ENOMEM;
	}
	if (mkdir(job->dir, 0777) < 0 && errno != EEXIST)
		return -errno;
	remove_kept(job->dir);
	job->tmp = join(job->dir, "tmp.XXXXXX");
	if (!job->tmp)
		return -ENOMEM;
	if (mkdtemp(job->tmp))
		return 0;
	ret = -errno;
	free(job->tmp);
	job->tmp = NULL;
	return ret;
}

/* The copies in each case, the logs if there is nothing to be seen in them. */
static void clean_folder(const struct job *job, bool is_good)
{
	if (job->tmp)
		test_remove_tree(job->tmp);
	if (is_good)
		remove_kept(job->dir);
	/* Empty, or it stays. */
	rmdir(job->dir);
}

/* ---- Start and end ------------------------------------------------------- */

/*
 * A run that cannot even be started ends all: there is no space, or memory.
 * Standard output is flushed before fork(2), or the child could write what is
 * in the buffer a second time.
 */
static int start(struct jobs *jobs, struct job *job, struct test_state *state)
{
	pid_t parent = getpid();
	int ret;

	*job = (struct job) { .state = state, .number = state->started + 1 };
	ret = make_folder(jobs, job);
	if (!ret) {
		fflush(stdout);
		job->began = clock_now();
		job->deadline = job->began +
				(state->test->seconds + jobs->params->grace) *
					NS_PER_SECOND;
		job->pid = fork();
		if (!job->pid)
			be_child(jobs, job, parent);
		ret = job->pid < 0 ? -errno : 0;
	}
	if (ret) {
		pr_fatal("test: unable to start a run of %s in %s: %s",
			 state->test->name, jobs->params->logs, strerror(-ret));
		if (job->dir)
			clean_folder(job, true);
		free(job->dir);
		free(job->tmp);
		job->state = NULL;
		return ret;
	}
	/* Both do it: neither can be too late for a signal to the group. */
	setpgid(job->pid, job->pid);
	state->started++;
	state->is_running = true;
	jobs->running++;
	test_report_begin(jobs->params->report);
	return 0;
}

/* Judges and tells; a run that a signal has ended says nothing. */
static void finish(struct jobs *jobs, struct job *job, int status)
{
	struct test_state *state = job->state;
	u64 ns = clock_now() - job->began;
	struct test_end end = {
		.status = status,
		.is_late = job->is_late,
		.console = join(job->dir, kept[CONSOLE]),
		.messages = join(job->dir, kept[MESSAGES]),
		.result = join(job->dir, kept[RESULT]),
	};
	bool is_stopped = jobs->stopping;
	bool is_good = !is_stopped && test_judge(state, &end);

	clean_folder(job, is_good);
	jobs->running--;
	state->is_running = false;
	state->ns += ns;
	if (is_good)
		state->passed++;
	else if (!is_stopped)
		state->failed++;
	if (!is_stopped)
		test_report_end(jobs->params->report, state, job->number, ns,
				!is_good);
	free(end.console);
	free(end.messages);
	free(end.result);
	free(job->dir);
	free(job->tmp);
	job->state = NULL;
}

/*
 * The group gets its end while the leader is not reaped: until then the number
 * is no other group's.
 */
static void reap(struct jobs *jobs)
{
	for (u32 i = 0; i < jobs->params->jobs; i++) {
		struct job *job = &jobs->slots[i];
		siginfo_t info = { 0 };
		int status = 0;

		if (!job->state)
			continue;
		if (waitid(P_PID, (id_t)job->pid, &info,
			   WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    !info.si_pid)
			continue;
		kill(-job->pid, SIGKILL);
		while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
			;
		finish(jobs, job, status);
	}
}

/* ---- What is next -------------------------------------------------------- */

/*
 * All tests have one run before any has its second, and no test runs beside
 * itself: it may use a port or a file that is not its own.
 */
static struct test_state *next_test(const struct test_report *report)
{
	struct test_state *best = NULL;

	for (unsigned int i = 0; i < report->count; i++) {
		struct test_state *state = &report->states[i];

		if (state->skipped || state->is_running ||
		    state->started == report->repeat)
			continue;
		if (!best || state->started < best->started)
			best = state;
	}
	return best;
}

/* As many runs as there may be, and tests for them. */
static int fill_slots(struct jobs *jobs)
{
	for (u32 i = 0; i < jobs->params->jobs; i++) {
		struct test_state *state;
		int ret;

		if (jobs->slots[i].state)
			continue;
		state = next_test(jobs->params->report);
		if (!state)
			return 0;
		ret = start(jobs, &jobs->slots[i], state);
		if (ret)
			return ret;
	}
	return 0;
}

/* The groups of all runs under way. */
static void kill_all(const struct jobs *jobs, int sig)
{
	for (u32 i = 0; i < jobs->params->jobs; i++)
		if (jobs->slots[i].state)
			kill(-jobs->slots[i].pid, sig);
}

/* At the second signal, or after a grace period, the hard way. */
static void stop(struct jobs *jobs)
{
	kill_all(jobs, jobs->stopping ? SIGKILL : SIGTERM);
	if (!jobs->stopping)
		jobs->stopping = clock_now() + GRACE_SIGNAL * NS_PER_SECOND;
}

/* Kills what is late; returns how long to wait for the next one, -1: ever. */
static int check_time(struct jobs *jobs)
{
	u64 now = clock_now(),
	    next = jobs->stopping ? jobs->stopping : UINT64_MAX;

	if (jobs->stopping && now >= jobs->stopping) {
		kill_all(jobs, SIGKILL);
		return -1;
	}
	for (u32 i = 0; i < jobs->params->jobs; i++) {
		struct job *job = &jobs->slots[i];

		if (!job->state || job->is_late)
			continue;
		if (now >= job->deadline) {
			job->is_late = true;
			kill(-job->pid, SIGKILL);
		} else {
			next = MIN(next, job->deadline);
		}
	}
	if (next == UINT64_MAX)
		return -1;
	return (int)MIN((next - now) / NS_PER_MS + 1, (u64)INT_MAX);
}

/* SIGCHLD stands for any number of children: each is looked at. */
static void take_signals(struct jobs *jobs)
{
	struct signalfd_siginfo info;

	while (read(jobs->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			stop(jobs);
	reap(jobs);
}

/* An error of its own ends what runs as a signal does. */
static int loop(struct jobs *jobs)
{
	int err = 0;

	for (;;) {
		struct pollfd poller = { .fd = jobs->signals,
					 .events = POLLIN };

		if (!jobs->stopping && !err) {
			err = fill_slots(jobs);
			if (err)
				stop(jobs);
		}
		if (!jobs->running)
			return err ? err : jobs->stopping ? -EINTR : 0;
		poll(&poller, 1, check_time(jobs));
		take_signals(jobs);
	}
}

/* What the parent has set to be ignored, as nohup(1) does, stays ignored. */
static int open_signals(struct jobs *jobs)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction old;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (!sigaction(ends[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaddset(&set, ends[i]);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, &jobs->old_mask);
	jobs->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return jobs->signals < 0 ? -errno : 0;
}

/* The signal mask is not restored: `lkvm test` ends soon after. */
int test_jobs_run(const struct test_params *params)
{
	struct jobs jobs = { .params = params };
	int ret;

	jobs.slots = calloc(params->jobs, sizeof(*jobs.slots));
	ret = jobs.slots ? open_signals(&jobs) : -ENOMEM;
	if (ret) {
		pr_fatal("test: %s", strerror(-ret));
		free(jobs.slots);
		return ret;
	}
	ret = loop(&jobs);
	close(jobs.signals);
	free(jobs.slots);
	return ret;
}
