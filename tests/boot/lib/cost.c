/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a short command costs, address space randomisation off:
 *
 *   cost calls [-v] COMMAND...	how many system calls it makes, all threads
 *				counted; -v: each of them on stderr
 *   cost time N M COMMAND...	microseconds until M at once have ended, and
 *				page faults of one: the medians of N rounds
 *
 * Prints lines NAME VALUE. The command has no input and its output goes
 * nowhere; a status other than 0 is an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROUNDS 1000

static void fail(const char *what)
{
	fprintf(stderr, "cost: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int null_fd;

/* The child of a fork becomes the command. */
static void become(char *const argv[])
{
	dup2(null_fd, 0);
	dup2(null_fd, 1);
	execvp(argv[0], argv);
	fprintf(stderr, "cost: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void check_status(int status)
{
	if (status) {
		fprintf(stderr, "cost: the command ended with status 0x%x\n",
			status);
		exit(1);
	}
}

/* ---- system calls ------------------------------------------------------ */

#define OPTIONS                                                           \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL | \
	 PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK)

static void show(pid_t pid, const struct __ptrace_syscall_info *info)
{
	fprintf(stderr, "%d %" PRIu64, pid, (uint64_t)info->entry.nr);
	for (int i = 0; i < 5; i++)
		fprintf(stderr, " %" PRIx64, (uint64_t)info->entry.args[i]);
	fputc('\n', stderr);
}

/* Returns the signal that the stopped thread is to be continued with. */
static int stopped(pid_t pid, int status, bool verbose, unsigned long *calls)
{
	struct __ptrace_syscall_info info = { 0 };
	int sig = WSTOPSIG(status);

	if (sig == (SIGTRAP | 0x80)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <
		    0)
			fail("PTRACE_GET_SYSCALL_INFO");
		if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
			return 0;
		++*calls;
		if (verbose)
			show(pid, &info);
		return 0;
	}
	/* A new thread's first stop, and the event of its making. */
	return sig == SIGTRAP || sig == SIGSTOP ? 0 : sig;
}

static int count_calls(bool verbose, char *const argv[])
{
	unsigned long calls = 0;
	int status, first_status = 0;
	pid_t first = fork(), pid;

	if (first < 0)
		fail("fork");
	if (!first) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		become(argv);
	}
	if (waitpid(first, &status, 0) != first ||
	    ptrace(PTRACE_SETOPTIONS, first, 0, OPTIONS) < 0)
		fail("ptrace");
	/* Up to the end of execve() the calls are not the command's. */
	ptrace(PTRACE_SYSCALL, first, 0, 0);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status)) {
			if (pid == first)
				first_status = status;
			continue;
		}
		if (status >> 16 == PTRACE_EVENT_EXEC)
			calls = 0;
		ptrace(PTRACE_SYSCALL, pid, 0,
		       stopped(pid, status, verbose, &calls));
	}
	check_status(first_status);
	printf("calls %lu\n", calls);
	return 0;
}

/* ---- time -------------------------------------------------------------- */

struct sample {
	long us;
	long faults;
};

static long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

/* Not by fork(), which would copy page tables of this program first. */
static void start(char *const argv[])
{
	posix_spawn_file_actions_t files;
	pid_t pid;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, null_fd, 0);
	posix_spawn_file_actions_adddup2(&files, null_fd, 1);
	errno = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
	if (errno)
		fail(argv[0]);
	posix_spawn_file_actions_destroy(&files);
}

/* One round of `n` at once: until the last has ended, and the faults of one. */
static struct sample take(int n, char *const argv[])
{
	struct sample sample = { .us = -now_us() };
	struct rusage usage = { 0 };

	for (int i = 0; i < n; i++)
		start(argv);
	for (int i = 0; i < n; i++) {
		int status;

		if (wait4(-1, &status, 0, &usage) < 0)
			fail("wait4");
		check_status(status);
	}
	sample.us += now_us();
	sample.faults = usage.ru_minflt;
	return sample;
}

static int compare(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

static int take_time(int rounds, int at_once, char *const argv[])
{
	static long us[MAX_ROUNDS], faults[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++) {
		struct sample sample = take(at_once, argv);

		us[i] = sample.us;
		faults[i] = sample.faults;
	}
	qsort(us, (size_t)rounds, sizeof(us[0]), compare);
	qsort(faults, (size_t)rounds, sizeof(faults[0]), compare);
	printf("us %ld\nus_least %ld\nfaults %ld\n", us[rounds / 2], us[0],
	       faults[rounds / 2]);
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: cost calls [-v] COMMAND...\n"
			"       cost time ROUNDS AT_ONCE COMMAND...\n");
	return 2;
}

int main(int argc, char *argv[])
{
	bool verbose = argc > 2 && !strcmp(argv[2], "-v");

	/* Of what is executed from here on. */
	personality(ADDR_NO_RANDOMIZE);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		fail("/dev/null");
	if (argc > 2 + verbose && !strcmp(argv[1], "calls"))
		return count_calls(verbose, argv + 2 + verbose);
	if (argc > 4 && !strcmp(argv[1], "time") && atoi(argv[2]) > 0 &&
	    atoi(argv[2]) <= MAX_ROUNDS && atoi(argv[3]) > 0)
		return take_time(atoi(argv[2]), atoi(argv[3]), argv + 4);
	return usage();
}
