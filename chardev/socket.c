/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A UNIX socket that listens, as a backend; see include/lkvm/chardev/socket.h.
 *
 * The client is watched edge-triggered, all the time: that it has gone is
 * noticed although the front takes nothing. What it has sent before is passed
 * on all the same, and only then is the next client's turn. One that has shut
 * down its side for writing is still there, and gets answers.
 *
 * Locks: `lock` is for limits and buffer, and held in no call of the front, nor
 * in a system call; `out_lock` keeps the client's descriptor open for who
 * writes to it. Both are innermost.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/chardev/socket.h"
#include "lkvm/util/log.h"
#include "lkvm/util/unix_socket.h"

/* As much as a front takes, or returns, at once. */
#define PIECE 1024UL

/* Clients that wait until the one that is connected has gone. */
#define BACKLOG 16

struct socket_port {
	struct chardev chr;
	const char *name;
	struct unix_socket sock;
	struct evloop *loop;
	const atomic_bool *stopping;
	struct evloop_source listener; /* of `sock` */
	/* Its descriptor is -1: nobody. The loop's thread changes it. */
	struct evloop_source client;
	struct evloop_source again; /* an eventfd: look once more */
	bool hung_up;		    /* the client has gone; of the loop */

	/* Of who writes, and of changes of `client`. */
	pthread_mutex_t out_lock;
	pthread_mutex_t lock; /* of what follows */
	size_t accept;	      /* bytes that the front takes now */
	bool readable;	      /* there may be some */
	u8 unread[PIECE];
	size_t nr_unread;
};

static struct socket_port *from_chardev(struct chardev *chr)
{
	return container_of(chr, struct socket_port, chr);
}

/* ---- The socket ---------------------------------------------------------- */

/* Before the guest starts, so that a path that is in use ends lkvm at once. */
int socket_listen(const char *path, struct socket_port **out)
{
	struct socket_port *port = calloc(1, sizeof(*port));
	int ret;

	if (!port)
		return -ENOMEM;
	port->client.fd = port->again.fd = -1;
	pthread_mutex_init(&port->lock, NULL);
	pthread_mutex_init(&port->out_lock, NULL);
	ret = unix_socket_listen(&port->sock, path, UNIX_SOCKET_UMASK, BACKLOG);
	port->listener.fd = port->sock.fd;
	if (ret)
		socket_close(port);
	else
		*out = port;
	return ret;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Closed descriptors are no longer watched: nobody else has them. */
void socket_close(struct socket_port *port)
{
	unix_socket_close(&port->sock);
	close_fd(port->client.fd);
	close_fd(port->again.fd);
	pthread_mutex_destroy(&port->lock);
	pthread_mutex_destroy(&port->out_lock);
	free(port);
}

/* ---- Output -------------------------------------------------------------- */

/* After the end of the run nobody waits for a client that does not read. */
static bool gives_up(const struct socket_port *port)
{
	struct pollfd pfd = { .fd = port->client.fd, .events = POLLOUT };

	return atomic_load(port->stopping) && poll(&pfd, 1, 0) <= 0;
}

/* Blocks as long as the client does. What nobody is there for is dropped. */
static void socket_write(struct chardev *chr, const u8 *buf, size_t len)
{
	struct socket_port *port = from_chardev(chr);
	struct pollfd pfd = { .events = POLLOUT };
	ssize_t n;

	pthread_mutex_lock(&port->out_lock);
	pfd.fd = port->client.fd;
	while (len && pfd.fd >= 0 && !gives_up(port)) {
		n = send(pfd.fd, buf, len, MSG_NOSIGNAL);
		if (n > 0) {
			buf += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			poll(&pfd, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			break;
		}
	}
	pthread_mutex_unlock(&port->out_lock);
}

/* ---- Input --------------------------------------------------------------- */

/* Has the loop look once more. */
static void wake(struct socket_port *port)
{
	const u64 one = 1;

	/* Can only fail by being full, and then it is awake. */
	if (write(port->again.fd, &one, sizeof(one)) < 0)
		return;
}

static void socket_accept(struct chardev *chr, size_t n)
{
	struct socket_port *port = from_chardev(chr);

	pthread_mutex_lock(&port->lock);
	port->accept = n;
	if (n && (port->readable || port->nr_unread))
		wake(port);
	pthread_mutex_unlock(&port->lock);
}

static void socket_unread(struct chardev *chr, const u8 *buf, size_t len)
{
	struct socket_port *port = from_chardev(chr);

	pthread_mutex_lock(&port->lock);
	/* No more can come back than went out. */
	len = MIN(len, sizeof(port->unread) - port->nr_unread);
	memmove(port->unread + len, port->unread, port->nr_unread);
	memcpy(port->unread, buf, len);
	port->nr_unread += len;
	pthread_mutex_unlock(&port->lock);
}

/* Bytes that the front has returned, up to *room, which is what it takes. */
static size_t take_unread(struct socket_port *port, u8 *buf, size_t *room)
{
	size_t len;

	pthread_mutex_lock(&port->lock);
	*room = MIN(port->accept, PIECE);
	len = MIN(port->nr_unread, *room);
	memcpy(buf, port->unread, len);
	port->nr_unread -= len;
	memmove(port->unread, port->unread + len, port->nr_unread);
	port->accept -= len;
	pthread_mutex_unlock(&port->lock);
	return len;
}

/* There will be another event when there is more than this. */
static size_t read_client(struct socket_port *port, u8 *buf, size_t room)
{
	ssize_t n = recv(port->client.fd, buf, room, MSG_DONTWAIT);

	pthread_mutex_lock(&port->lock);
	/* That the client has gone is looked for again when `accept` is. */
	port->readable = n > 0 || (n < 0 && errno == EINTR) || port->hung_up;
	if (n > 0)
		port->accept -= MIN(port->accept, (size_t)n);
	pthread_mutex_unlock(&port->lock);
	return n > 0 ? (size_t)n : 0;
}

/* All that it had sent is the front's. */
static bool has_ended(struct socket_port *port)
{
	bool returned;
	int left = 0;

	pthread_mutex_lock(&port->lock);
	returned = port->nr_unread;
	pthread_mutex_unlock(&port->lock);
	return port->hung_up && !returned &&
	       (ioctl(port->client.fd, FIONREAD, &left) < 0 || !left);
}

/* A writer that waits for the client has been woken by its end. */
static void set_client(struct socket_port *port, int fd)
{
	pthread_mutex_lock(&port->out_lock);
	close_fd(port->client.fd);
	port->client.fd = fd;
	pthread_mutex_unlock(&port->out_lock);
}

/* Without it the port stays as if nobody were there. */
static bool watch(struct socket_port *port, struct evloop_source *source,
		  u32 events)
{
	int ret = evloop_add(port->loop, source, events | EPOLLET);

	if (ret)
		pr_err("%s: unable to wait for a client: %s", port->name,
		       strerror(-ret));
	return !ret;
}

/* The next one, if there is any, is an event of the listener's. */
static void end_client(struct socket_port *port)
{
	if (port->chr.ended && !port->chr.ended(&port->chr))
		return;
	evloop_del(port->loop, &port->client);
	set_client(port, -1);
	port->hung_up = false;
	pthread_mutex_lock(&port->lock);
	port->readable = false;
	pthread_mutex_unlock(&port->lock);
	watch(port, &port->listener, EPOLLIN);
}

/* A piece at a time: other sources have their turn. */
static void deliver(struct socket_port *port)
{
	u8 buf[PIECE];
	size_t room, len;

	if (port->client.fd < 0)
		return;
	len = take_unread(port, buf, &room);
	if (!len && room)
		len = read_client(port, buf, room);
	if (len) {
		if (port->chr.receive)
			port->chr.receive(&port->chr, buf, len);
		wake(port);
	} else if (has_ended(port)) {
		end_client(port);
	}
}

static void handle_again(struct evloop_source *source, u32 events)
{
	u64 count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	deliver(container_of(source, struct socket_port, again));
}

/* ---- Clients ------------------------------------------------------------- */

static void handle_client(struct evloop_source *source, u32 events)
{
	struct socket_port *port =
		container_of(source, struct socket_port, client);

	if (events & (EPOLLHUP | EPOLLERR))
		port->hung_up = true;
	pthread_mutex_lock(&port->lock);
	port->readable = true;
	pthread_mutex_unlock(&port->lock);
	deliver(port);
}

/*
 * Edge-triggered, so that one that cannot be accepted, for want of descriptors,
 * does not keep the loop busy: the next one is tried.
 */
static void handle_listener(struct evloop_source *source, u32 events)
{
	struct socket_port *port =
		container_of(source, struct socket_port, listener);
	int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0) {
		if (errno != EAGAIN && errno != ECONNABORTED)
			pr_warn("%s: unable to accept a client: %s", port->name,
				strerror(errno));
		return;
	}
	evloop_del(port->loop, &port->listener);
	set_client(port, fd);
	if (port->chr.begun)
		port->chr.begun(&port->chr);
	if (watch(port, &port->client, EPOLLIN | EPOLLRDHUP))
		return;
	/* It gets no further than what it has sent. */
	port->hung_up = true;
	wake(port);
}

/* ---- The backend --------------------------------------------------------- */

static void socket_destroy(struct chardev *chr)
{
	socket_close(from_chardev(chr));
}

static const struct chardev_ops socket_ops = {
	.write = socket_write,
	.accept = socket_accept,
	.unread = socket_unread,
	.destroy = socket_destroy,
};

/* The client's source is added when there is one: see handle_listener(). */
int socket_serve(struct socket_port *port, const char *name,
		 struct evloop *loop, const atomic_bool *stopping,
		 struct chardev **out)
{
	int ret;

	port->chr.ops = &socket_ops;
	port->name = name;
	port->loop = loop;
	port->stopping = stopping;
	port->listener.handle = handle_listener;
	port->client.handle = handle_client;
	port->again.handle = handle_again;
	port->again.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = port->again.fd < 0 ? -errno : 0;
	if (!ret)
		ret = evloop_add(loop, &port->again, EPOLLIN);
	if (!ret)
		ret = evloop_add(loop, &port->listener, EPOLLIN | EPOLLET);
	if (ret)
		socket_close(port);
	else
		*out = &port->chr;
	return ret;
}
