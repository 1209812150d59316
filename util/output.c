/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing with a time limit, for stderr and for statistics, whose readers may
 * have stopped. O_NONBLOCK belongs to the open file description, which standard
 * output shares with the shell and other processes, so it must not be set
 * there. A pipe or a terminal is opened a second time instead, by its name
 * below /proc, for an open file description of our own; a socket takes
 * MSG_DONTWAIT. Regular files are written to as they are: they have no reader
 * to wait for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/util/clock.h"
#include "lkvm/util/output.h"

/* The descriptor that is written to in place of the caller's. */
struct output {
	int fd;
	int own;     /* opened here, to be closed; -1: none */
	bool socket; /* MSG_DONTWAIT for each call instead */
};

/*
 * Without /proc, or with a terminal of another user, only poll(2) is left: then
 * a write blocks if another process fills the pipe in between.
 */
static int open_output(struct output *out, int fd)
{
	char path[32];
	struct stat st;

	*out = (struct output) { .fd = fd, .own = -1 };
	if (fstat(fd, &st) < 0)
		return -errno;
	out->socket = S_ISSOCK(st.st_mode);
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	out->own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	/* fifo(7): no process has it open for reading. */
	if (out->own < 0 && errno == ENXIO)
		return -EPIPE;
	if (out->own >= 0)
		out->fd = out->own;
	return 0;
}

/* MSG_NOSIGNAL as for pipes, for which the program ignores SIGPIPE. */
static ssize_t write_now(const struct output *out, const char *buf, size_t len)
{
	if (out->socket)
		return send(out->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(out->fd, buf, len);
}

/* For poll(2): what is left until `deadline`, rounded up; 0 once it is over. */
static int ms_left(u64 deadline)
{
	u64 now = clock_now();

	if (now >= deadline)
		return 0;
	return (int)MIN((deadline - now + NS_PER_MS - 1) / NS_PER_MS,
			(u64)INT_MAX);
}

/*
 * The limit is for all waits together: what the reader takes, or a signal, does
 * not renew it. Once it is over, only what needs no wait is still written.
 *
 * A pipe in O_NONBLOCK mode takes up to PIPE_BUF bytes as a whole or not at
 * all, whereas poll(2) reports it writable at one free page: EAGAIN may follow
 * POLLOUT. It ends the call, so that the time limit is not exceeded by polling
 * in a loop.
 */
static int write_all(const struct output *out, const char *buf, size_t len,
		     unsigned int ms, size_t *written)
{
	struct pollfd pfd = { .fd = out->fd, .events = POLLOUT };
	u64 deadline = clock_now() + ms * NS_PER_MS;

	while (*written < len) {
		int ready = poll(&pfd, 1, ms_left(deadline));
		ssize_t n = -1;

		if (!ready)
			return -EAGAIN;
		if (ready > 0)
			n = write_now(out, buf + *written, len - *written);
		if (n >= 0)
			*written += (size_t)n;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int output_write(int fd, const void *buf, size_t len, unsigned int ms,
		 size_t *written)
{
	struct output out;
	size_t done = 0;
	int ret = open_output(&out, fd);

	if (!ret)
		ret = write_all(&out, buf, len, ms, &done);
	if (out.own >= 0)
		close(out.own);
	if (written)
		*written = done;
	return ret;
}
