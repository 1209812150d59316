/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that devices need. They are started before the guest is, by the main
 * thread; what they say is kept, so that a failure is reported in one
 * message. They get neither lkvm's descriptors, which are all closed on exec,
 * nor its signal mask. One that stays is in a process group of its own: a key
 * that interrupts lkvm is not for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lkvm/util/run_program.h"
#include "lkvm/util/util.h"

extern char **environ;

/* The defaults that lkvm has changed for itself, and nothing blocked. */
static int set_attributes(posix_spawnattr_t *attr, bool stays)
{
	int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, changed;

	sigemptyset(&none);
	sigemptyset(&changed);
	sigaddset(&changed, SIGPIPE);
	sigaddset(&changed, SIGXFSZ);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &changed);
	posix_spawnattr_setpgroup(attr, 0);
	if (stays)
		flags |= POSIX_SPAWN_SETPGROUP;
	return -posix_spawnattr_setflags(attr, (short)flags);
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

static int start(const char *const argv[], int fd, int output, bool stays,
		 pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int ret;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	ret = set_files(&files, fd, output);
	if (!ret)
		ret = set_attributes(&attr, stays);
	/* POSIX: the strings are not changed. */
	if (!ret)
		ret = -posix_spawnp(pid, argv[0], &files, &attr,
				    (char *const *)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return ret;
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return exit_status(status);
}

/*
 * Of what is in the pipe now: its other end may still be open in what the
 * program has left running.
 */
static void read_last_line(int fd, char output[RUN_OUTPUT])
{
	char text[SZ_4K];
	size_t len = 0;
	ssize_t n;
	const char *line;

	/* Of more than fits the last part counts. */
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
		len += (size_t)n;
		if (len < sizeof(text) - 1)
			continue;
		memmove(text, text + sizeof(text) / 2, len - sizeof(text) / 2);
		len -= sizeof(text) / 2;
	}
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
	ret = start(argv, fd, pipes[1], false, &pid);
	if (!ret)
		ret = wait_for(pid);
	if (output) {
		close(pipes[1]);
		read_last_line(pipes[0], output);
		close(pipes[0]);
	}
	return ret;
}

/* ---- Programs that stay -------------------------------------------------- */

/*
 * The pipe is read at the program's end only. It does not block, so a program
 * that says more than fits goes on, and what it says is lost.
 */
int program_start(struct program *program, const char *const argv[], int fd)
{
	int pipes[2], ret;

	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	ret = start(argv, fd, pipes[1], true, &program->pid);
	close(pipes[1]);
	if (ret) {
		close(pipes[0]);
		return ret;
	}
	program->output = pipes[0];
	program->status = -1;
	return 0;
}

/* Without pidfd_open(2), which Linux has since 5.3, nothing is waited for. */
static void await_end(pid_t pid, int ms)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	if (fd < 0)
		return;
	poll(&poller, 1, ms);
	close(fd);
}

int program_wait(struct program *program, int ms)
{
	int status;

	if (program->status >= 0)
		return program->status;
	await_end(program->pid, ms);
	if (waitpid(program->pid, &status, WNOHANG) != program->pid)
		return -ETIMEDOUT;
	program->status = exit_status(status);
	return program->status;
}

void program_read(struct program *program, char output[RUN_OUTPUT])
{
	read_last_line(program->output, output);
}

/* The group: virtiofsd waits for the process that does its work. */
void program_kill(const struct program *program)
{
	if (program->status < 0)
		kill(-program->pid, SIGKILL);
}

void program_end(struct program *program, int ms)
{
	if (program_wait(program, ms) < 0) {
		program_kill(program);
		program->status = wait_for(program->pid);
	}
	close(program->output);
}
