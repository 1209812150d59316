/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A backend before a backend, with room for a user who comes and goes; see
 * include/lkvm/chardev/hub.h.
 *
 * Output is kept in a ring, whose bytes are numbered from the start of the run
 * on. The user reads it from a number of its own: who is too slow misses bytes,
 * and nobody waits for it.
 *
 * Input has two sources, and the front's limit is shared: while some of the
 * user's waits the backend is to send nothing. What it has sent by then is more
 * than the front takes, which gives the rest back to whom it came from.
 *
 * The front writes and accepts on any thread; all else is on the event loop's.
 * `lock` is innermost but for the locks of the backend's `accept`: it is held
 * in that, so that limits reach the backend in their order.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/chardev/hub.h"

/* As much as a front takes, or returns, at once. */
#define PIECE 64U

/* In the queue, in the place of a byte. */
#define LINE_BREAK 0x100

struct hub {
	struct chardev chr;
	struct chardev *backend;
	struct evloop *loop;
	struct evloop_source again; /* an eventfd: look once more */
	/* Of the loop's thread. */
	struct hub_user *user;
	bool from_queue; /* what the front is given now */

	pthread_mutex_t lock; /* of what follows */
	u8 ring[HUB_OUTPUT];
	u64 written;
	bool watched;		      /* there is a user */
	bool woken;		      /* `again` was written to */
	size_t accept;		      /* bytes that the front takes now */
	u16 queue[HUB_INPUT + PIECE]; /* what the front gives back fits, too */
	size_t nr_queue;
};

static struct hub *from_chardev(struct chardev *chr)
{
	return container_of(chr, struct hub, chr);
}

/* Has the loop look once more. With `lock` held. */
static void wake(struct hub *hub)
{
	const u64 one = 1;

	if (hub->woken)
		return;
	/* Can only fail by being full, and then it is awake. */
	hub->woken = write(hub->again.fd, &one, sizeof(one)) > 0;
}

/* ---- Output -------------------------------------------------------------- */

/* The last of it, if it is more than there is room for. */
static void keep(struct hub *hub, const u8 *buf, size_t len)
{
	size_t skip = len > HUB_OUTPUT ? len - HUB_OUTPUT : 0;
	size_t end = (hub->written + skip) % HUB_OUTPUT;
	size_t n = len - skip, part = MIN(n, HUB_OUTPUT - end);

	memcpy(hub->ring + end, buf + skip, part);
	memcpy(hub->ring, buf + skip + part, n - part);
	hub->written += len;
}

/* First for the user, who is not waited for: the backend may block. */
static void hub_write(struct chardev *chr, const u8 *buf, size_t len)
{
	struct hub *hub = from_chardev(chr);

	pthread_mutex_lock(&hub->lock);
	keep(hub, buf, len);
	if (hub->watched)
		wake(hub);
	pthread_mutex_unlock(&hub->lock);
	if (hub->backend)
		hub->backend->ops->write(hub->backend, buf, len);
}

static u64 oldest(const struct hub *hub)
{
	return hub->written > HUB_OUTPUT ? hub->written - HUB_OUTPUT : 0;
}

size_t hub_read(struct hub *hub, u64 *at, u8 *buf, size_t size, u64 *lost)
{
	size_t begin, n, part;
	u64 first;

	pthread_mutex_lock(&hub->lock);
	first = MAX(*at, oldest(hub));
	*lost += first - *at;
	n = MIN(size, (size_t)(hub->written - first));
	begin = first % HUB_OUTPUT;
	part = MIN(n, HUB_OUTPUT - begin);
	memcpy(buf, hub->ring + begin, part);
	memcpy(buf + part, hub->ring, n - part);
	*at = first + n;
	pthread_mutex_unlock(&hub->lock);
	return n;
}

/* Not in the middle of a line, unless that is all there is. */
static u64 history(const struct hub *hub)
{
	u64 at;

	if (hub->written <= HUB_HISTORY)
		return 0;
	for (at = hub->written - HUB_HISTORY; at < hub->written; at++)
		if (hub->ring[at % HUB_OUTPUT] == '\n')
			return at + 1;
	return hub->written - HUB_HISTORY;
}

/* ---- Input --------------------------------------------------------------- */

/* The front's limit is the queue's or the backend's. With `lock` held. */
static void share(struct hub *hub)
{
	if (hub->nr_queue && hub->accept)
		wake(hub);
	if (hub->backend)
		hub->backend->ops->accept(hub->backend,
					  hub->nr_queue ? 0 : hub->accept);
}

static void hub_accept(struct chardev *chr, size_t n)
{
	struct hub *hub = from_chardev(chr);

	pthread_mutex_lock(&hub->lock);
	hub->accept = n;
	share(hub);
	pthread_mutex_unlock(&hub->lock);
}

/* Before what is left, with room for it: it has been there before. */
static void put_back(struct hub *hub, const u8 *buf, size_t len)
{
	pthread_mutex_lock(&hub->lock);
	memmove(hub->queue + len, hub->queue,
		hub->nr_queue * sizeof(*hub->queue));
	for (size_t i = 0; i < len; i++)
		hub->queue[i] = buf[i];
	hub->nr_queue += len;
	pthread_mutex_unlock(&hub->lock);
}

static void hub_unread(struct chardev *chr, const u8 *buf, size_t len)
{
	struct hub *hub = from_chardev(chr);

	if (hub->from_queue)
		put_back(hub, buf, len);
	else if (hub->backend)
		hub->backend->ops->unread(hub->backend, buf, len);
}

static const struct chardev_ops hub_ops = {
	.write = hub_write,
	.accept = hub_accept,
	.unread = hub_unread,
};

/* From the backend. The limit is less before the front says what is next. */
static void backend_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	struct hub *hub = chr->front;

	pthread_mutex_lock(&hub->lock);
	hub->accept -= MIN(hub->accept, len);
	pthread_mutex_unlock(&hub->lock);
	if (hub->chr.receive)
		hub->chr.receive(&hub->chr, buf, len);
}

/*
 * Takes bytes up to the next break, or that: then *is_break is set. With `lock`
 * held.
 */
static size_t take(struct hub *hub, u8 *buf, bool *is_break)
{
	size_t most = MIN(hub->nr_queue, hub->accept), n = 0;

	most = MIN(most, (size_t)PIECE);
	*is_break = most && hub->queue[0] == LINE_BREAK;
	if (*is_break)
		n = 1;
	while (!*is_break && n < most && hub->queue[n] != LINE_BREAK) {
		buf[n] = (u8)hub->queue[n];
		n++;
	}
	hub->nr_queue -= n;
	memmove(hub->queue, hub->queue + n,
		hub->nr_queue * sizeof(*hub->queue));
	hub->accept -= n;
	return n;
}

/* A piece of the queue, if the front takes any. */
static void deliver(struct hub *hub)
{
	bool is_break;
	u8 buf[PIECE];
	size_t n;

	pthread_mutex_lock(&hub->lock);
	n = take(hub, buf, &is_break);
	pthread_mutex_unlock(&hub->lock);
	if (!n)
		return;
	hub->from_queue = true;
	if (is_break && hub->chr.line_break)
		hub->chr.line_break(&hub->chr);
	else if (!is_break && hub->chr.receive)
		hub->chr.receive(&hub->chr, buf, n);
	hub->from_queue = false;
	pthread_mutex_lock(&hub->lock);
	share(hub);
	pthread_mutex_unlock(&hub->lock);
}

static void handle_again(struct evloop_source *source, u32 events)
{
	struct hub *hub = container_of(source, struct hub, again);
	u64 count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	/* Now, for what comes from here on: what was there is seen below. */
	pthread_mutex_lock(&hub->lock);
	hub->woken = false;
	pthread_mutex_unlock(&hub->lock);
	deliver(hub);
	if (hub->user)
		hub->user->changed(hub->user);
}

size_t hub_send(struct hub *hub, const u8 *buf, size_t len)
{
	size_t n = 0;

	pthread_mutex_lock(&hub->lock);
	if (hub->nr_queue < HUB_INPUT)
		n = MIN(len, HUB_INPUT - hub->nr_queue);
	for (size_t i = 0; i < n; i++)
		hub->queue[hub->nr_queue + i] = buf[i];
	hub->nr_queue += n;
	share(hub);
	pthread_mutex_unlock(&hub->lock);
	return n;
}

size_t hub_waiting(struct hub *hub)
{
	size_t n;

	pthread_mutex_lock(&hub->lock);
	n = hub->nr_queue;
	pthread_mutex_unlock(&hub->lock);
	return n;
}

int hub_send_break(struct hub *hub, u8 c)
{
	int ret = -EAGAIN;

	if (!hub->chr.line_break)
		return -ENOTSUP;
	pthread_mutex_lock(&hub->lock);
	if (hub->nr_queue + 2 <= HUB_INPUT) {
		hub->queue[hub->nr_queue++] = LINE_BREAK;
		hub->queue[hub->nr_queue++] = c;
		share(hub);
		ret = 0;
	}
	pthread_mutex_unlock(&hub->lock);
	return ret;
}

/* ---- The user ------------------------------------------------------------ */

u64 hub_enter(struct hub *hub, struct hub_user *user)
{
	u64 at;

	hub->user = user;
	pthread_mutex_lock(&hub->lock);
	hub->watched = true;
	at = history(hub);
	pthread_mutex_unlock(&hub->lock);
	return at;
}

void hub_leave(struct hub *hub)
{
	hub->user = NULL;
	pthread_mutex_lock(&hub->lock);
	hub->watched = false;
	pthread_mutex_unlock(&hub->lock);
}

struct hub_user *hub_user(const struct hub *hub)
{
	return hub->user;
}

/* ---- Its life ------------------------------------------------------------ */

/* The front does not care whether anybody will send: somebody may come. */
static void take_backend(struct hub *hub, struct chardev *backend)
{
	hub->backend = backend;
	if (!backend)
		return;
	backend->front = hub;
	backend->receive = backend_receive;
}

int hub_create(struct chardev *backend, struct evloop *loop, struct hub **out)
{
	struct hub *hub = calloc(1, sizeof(*hub));
	int ret;

	if (!hub)
		return -ENOMEM;
	hub->chr.ops = &hub_ops;
	hub->loop = loop;
	hub->again.handle = handle_again;
	hub->again.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = hub->again.fd < 0 ? -errno
				: evloop_add(loop, &hub->again, EPOLLIN);
	if (ret) {
		if (hub->again.fd >= 0)
			close(hub->again.fd);
		free(hub);
		return ret;
	}
	pthread_mutex_init(&hub->lock, NULL);
	take_backend(hub, backend);
	*out = hub;
	return 0;
}

void hub_disconnect(struct hub *hub)
{
	if (hub->again.fd < 0)
		return;
	evloop_del(hub->loop, &hub->again);
	close(hub->again.fd);
	hub->again.fd = -1;
}

void hub_destroy(struct hub *hub)
{
	if (!hub)
		return;
	hub_disconnect(hub);
	pthread_mutex_destroy(&hub->lock);
	free(hub);
}

struct chardev *hub_chardev(struct hub *hub)
{
	return &hub->chr;
}
