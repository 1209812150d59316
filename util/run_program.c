/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that devices need. They are started before the guest is, by the main
 * thread; what they say is kept, so that a failure is reported in one
 * message. They get neither lkvm's descriptors, which are all closed on exec,
 * nor its signal mask.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lkvm/util/run_program.h"
#include "lkvm/util/util.h"

extern char **environ;

/* The defaults that lkvm has changed for itself, and nothing blocked. */
static int set_signals(posix_spawnattr_t *attr)
{
	sigset_t none, changed;

	sigemptyset(&none);
	sigemptyset(&changed);
	sigaddset(&changed, SIGPIPE);
	sigaddset(&changed, SIGXFSZ);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &changed);
	return -posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
						       POSIX_SPAWN_SETSIGDEF);
}

/* lkvm's stdout is for the guest. A descriptor stays open if it is copied. */
static int set_files(posix_spawn_file_actions_t *files, int fd, int output)
{
	int ret = posix_spawn_file_actions_addopen(files, STDIN_FILENO,
						   "/dev/null", O_RDONLY, 0);

	if (!ret && output >= 0)
		ret = posix_spawn_file_actions_adddup2(files, output,
						       STDERR_FILENO);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(files, STDERR_FILENO,
						       STDOUT_FILENO);
	if (!ret && fd >= 0)
		ret = posix_spawn_file_actions_adddup2(files, fd, RUN_FD);
	return -ret;
}

static int start(const char *const argv[], int fd, int output, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int ret;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	ret = set_files(&files, fd, output);
	if (!ret)
		ret = set_signals(&attr);
	/* POSIX: the strings are not changed. */
	if (!ret)
		ret = -posix_spawnp(pid, argv[0], &files, &attr,
				    (char *const *)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return ret;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * Of what is in the pipe now: its other end may still be open in what the
 * program has left running.
 */
static void read_last_line(int fd, char output[RUN_OUTPUT])
{
	char text[SZ_4K];
	ssize_t n = read(fd, text, sizeof(text) - 1);
	size_t len = n > 0 ? (size_t)n : 0;
	const char *line;

	while (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	line = strrchr(text, '\n');
	snprintf(output, RUN_OUTPUT, "%.*s", RUN_OUTPUT - 1,
		 line ? line + 1 : text);
}

int run_program(const char *const argv[], int fd, char output[RUN_OUTPUT])
{
	int pipes[2] = { -1, -1 }, ret;
	pid_t pid;

	if (output && pipe2(pipes, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	ret = start(argv, fd, pipes[1], &pid);
	if (!ret)
		ret = wait_for(pid);
	if (output) {
		close(pipes[1]);
		read_last_line(pipes[0], output);
		close(pipes[0]);
	}
	return ret;
}
