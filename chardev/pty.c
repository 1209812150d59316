/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pseudo-terminal as a backend; see include/lkvm/chardev/pty.h.
 *
 * Linux reports a hangup of this end while nobody has the other one open, but
 * for the time before it was opened first: hence it is opened and closed once,
 * when it is also made raw, so that neither end sees its own bytes. The hangup
 * stays, so this end is watched edge-triggered.
 *
 * `lock` is for limits and buffer, innermost, and held in no call of the front.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include "lkvm/chardev/pty.h"

/* As much as a front takes, or returns, at once. */
#define PIECE 1024UL

struct pty_port {
	struct chardev chr;
	struct evloop *loop;
	const atomic_bool *stopping;
	struct evloop_source master;
	struct evloop_source again; /* an eventfd: look once more */

	pthread_mutex_t lock; /* of what follows */
	size_t accept;	      /* bytes that the front takes now */
	bool readable;	      /* there may be some */
	u8 unread[PIECE];
	size_t nr_unread;
};

static struct pty_port *from_chardev(struct chardev *chr)
{
	return container_of(chr, struct pty_port, chr);
}

/* ---- The pair ------------------------------------------------------------ */

/* Also what opens the other end for the first time: see above. */
static int make_raw(const char *name)
{
	int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios termios;
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &termios) < 0)
		ret = -errno;
	cfmakeraw(&termios);
	if (!ret && tcsetattr(fd, TCSANOW, &termios) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/*
 * Before the guest starts; pty_serve() takes the descriptor once there is a
 * loop.
 */
int pty_open(char name[PTY_NAME])
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char path[PTY_NAME];
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (grantpt(fd) < 0 || unlockpt(fd) < 0 ||
	    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		ret = -errno;
	if (!ret)
		ret = -ptsname_r(fd, path, sizeof(path));
	if (!ret)
		ret = make_raw(path);
	if (!ret) {
		memcpy(name, path, sizeof(path));
		return fd;
	}
	close(fd);
	return ret;
}

/* ---- Output -------------------------------------------------------------- */

/* Until there is room, somebody has gone, or a kick: then 0. */
static short wait_for_room(const struct pty_port *port)
{
	struct pollfd pfd = { .fd = port->master.fd, .events = POLLOUT };
	int timeout = atomic_load(port->stopping) ? 0 : -1;

	return poll(&pfd, 1, timeout) > 0 ? pfd.revents : 0;
}

/* Blocks as long as the reader does. What nobody is there for is dropped. */
static void pty_write(struct chardev *chr, const u8 *buf, size_t len)
{
	struct pty_port *port = from_chardev(chr);

	while (len) {
		short events = wait_for_room(port);
		ssize_t n;

		if (events & (POLLHUP | POLLERR))
			return;
		if (!events && atomic_load(port->stopping))
			return;
		if (!events)
			continue;
		n = write(port->master.fd, buf, len);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return;
		if (n > 0) {
			buf += n;
			len -= (size_t)n;
		}
	}
}

/* ---- Input --------------------------------------------------------------- */

/* Has the loop look once more. */
static void wake(struct pty_port *port)
{
	const u64 one = 1;

	/* Can only fail by being full, and then it is awake. */
	if (write(port->again.fd, &one, sizeof(one)) < 0)
		return;
}

static void pty_accept(struct chardev *chr, size_t n)
{
	struct pty_port *port = from_chardev(chr);

	pthread_mutex_lock(&port->lock);
	port->accept = n;
	if (n && (port->readable || port->nr_unread))
		wake(port);
	pthread_mutex_unlock(&port->lock);
}

static void pty_unread(struct chardev *chr, const u8 *buf, size_t len)
{
	struct pty_port *port = from_chardev(chr);

	pthread_mutex_lock(&port->lock);
	/* No more can come back than went out. */
	len = MIN(len, sizeof(port->unread) - port->nr_unread);
	memmove(port->unread + len, port->unread, port->nr_unread);
	memcpy(port->unread, buf, len);
	port->nr_unread += len;
	pthread_mutex_unlock(&port->lock);
}

/* Bytes that the front has returned, or what has come, up to its limit. */
static size_t take_input(struct pty_port *port, u8 *buf)
{
	size_t room, len;
	ssize_t n;

	pthread_mutex_lock(&port->lock);
	room = MIN(port->accept, PIECE);
	len = MIN(port->nr_unread, room);
	memcpy(buf, port->unread, len);
	port->nr_unread -= len;
	memmove(port->unread, port->unread + len, port->nr_unread);
	port->accept -= len;
	pthread_mutex_unlock(&port->lock);
	if (len || !room)
		return len;
	n = read(port->master.fd, buf, room);
	pthread_mutex_lock(&port->lock);
	/* EIO: nobody has the other end open. */
	port->readable = n > 0 || (n < 0 && errno == EINTR);
	len = n > 0 ? (size_t)n : 0;
	port->accept -= MIN(port->accept, len);
	pthread_mutex_unlock(&port->lock);
	return len;
}

/* A piece at a time: other sources have their turn. */
static void deliver(struct pty_port *port)
{
	u8 buf[PIECE];
	size_t len = take_input(port, buf);

	if (!len)
		return;
	if (port->chr.receive)
		port->chr.receive(&port->chr, buf, len);
	wake(port);
}

static void handle_master(struct evloop_source *source, u32 events)
{
	struct pty_port *port = container_of(source, struct pty_port, master);

	(void)events;
	pthread_mutex_lock(&port->lock);
	port->readable = true;
	pthread_mutex_unlock(&port->lock);
	deliver(port);
}

static void handle_again(struct evloop_source *source, u32 events)
{
	u64 count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	deliver(container_of(source, struct pty_port, again));
}

/* ---- Its life ------------------------------------------------------------ */

/* Closed descriptors are no longer watched: nobody else has them. */
static void pty_destroy(struct chardev *chr)
{
	struct pty_port *port = from_chardev(chr);

	close(port->master.fd);
	if (port->again.fd >= 0)
		close(port->again.fd);
	pthread_mutex_destroy(&port->lock);
	free(port);
}

static const struct chardev_ops pty_ops = {
	.write = pty_write,
	.accept = pty_accept,
	.unread = pty_unread,
	.destroy = pty_destroy,
};

/* The pair is watched edge-triggered for the reason above, `again` is not. */
int pty_serve(int fd, struct evloop *loop, const atomic_bool *stopping,
	      struct chardev **out)
{
	struct pty_port *port = calloc(1, sizeof(*port));
	int ret;

	if (!port) {
		close(fd);
		return -ENOMEM;
	}
	port->chr.ops = &pty_ops;
	port->loop = loop;
	port->stopping = stopping;
	port->master.fd = fd;
	port->master.handle = handle_master;
	port->again.handle = handle_again;
	pthread_mutex_init(&port->lock, NULL);
	port->again.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = port->again.fd < 0 ? -errno : 0;
	if (!ret)
		ret = evloop_add(loop, &port->again, EPOLLIN);
	if (!ret)
		ret = evloop_add(loop, &port->master, EPOLLIN | EPOLLET);
	if (ret)
		pty_destroy(&port->chr);
	else
		*out = &port->chr;
	return ret;
}
