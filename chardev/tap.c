/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A backend before a backend; see include/lkvm/chardev/tap.h. Whoever writes
 * leaves the bytes in a ring, for the thread, and then passes them on. So a
 * regular expression that takes long, or a slow disk, holds up a vCPU only when
 * the ring is full, which loses nothing, and no longer than the run lasts.
 *
 * To wake a thread for each character that a UART sends would cost more than
 * all else: while it waits for a moment only, as it does behind the start of a
 * line, newlines wake it, and a ring that is half full.
 *
 * `lock` guards all that both sides see, and is innermost: neither the front
 * nor the backend is called with it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/chardev/tap.h"
#include "lkvm/util/clock.h"
#include "lkvm/vmm/thread.h"

#define RING  SZ_64K
#define PIECE SZ_4K

/* A wait for the thread looks so often whether the run is at its end. */
#define LOOK_AGAIN (20 * NS_PER_MS)

/* What is that near is not worth to be woken for earlier. */
#define SOON (50 * NS_PER_MS)

#define RESET_WAIT  (1 * NS_PER_SECOND)
#define FINISH_WAIT (10 * NS_PER_SECOND)

struct tap {
	struct chardev chr;
	struct chardev *backend;
	const atomic_bool *stopping;
	const struct tap_ops *ops;
	void *opaque;
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;	/* of what follows */
	pthread_cond_t changed; /* for the thread */
	pthread_cond_t done;	/* the thread has done something */
	u8 ring[RING];
	size_t first, len;
	u64 resets, seen_resets;
	bool ending, ended;
	bool asleep, soon; /* the thread, and for a moment only */
	bool stuck;	   /* it was waited for in vain at the end */

	/* Input that does not come from the backend: see tap_take_input(). */
	struct evloop *loop;	    /* NULL: it does */
	struct evloop_source input; /* an eventfd: there may be some */
	size_t accept;		    /* bytes that the front takes now */
	u8 *queue;
	size_t nr_queue;
	unsigned int waiters;
};

/* False if it is `until`. With `lock` held. */
static bool wait_until(struct tap *tap, pthread_cond_t *cond, u64 until)
{
	struct timespec ts = {
		.tv_sec = (time_t)(until / NS_PER_SECOND),
		.tv_nsec = (long)(until % NS_PER_SECOND),
	};

	if (until == UINT64_MAX)
		return !pthread_cond_wait(cond, &tap->lock);
	return pthread_cond_clockwait(cond, &tap->lock, CLOCK_MONOTONIC, &ts) !=
	       ETIMEDOUT;
}

/* ---- The side of the guest ----------------------------------------------- */

static struct tap *from_chardev(struct chardev *chr)
{
	return container_of(chr, struct tap, chr);
}

/* As much as there is room for. */
static size_t put(struct tap *tap, const u8 *buf, size_t len)
{
	size_t end = (tap->first + tap->len) % RING;
	size_t n = MIN(len, RING - tap->len);
	size_t part = MIN(n, RING - end);

	memcpy(tap->ring + end, buf, part);
	memcpy(tap->ring, buf + part, n - part);
	tap->len += n;
	return n;
}

/*
 * Waits for room. False if that is in vain: the run is at its end, and the
 * thread does not get on, which is given one moment more for the last bytes.
 */
static bool wait_for_room(struct tap *tap, u64 *give_up)
{
	u64 now = clock_now();

	if (!atomic_load(tap->stopping)) {
		*give_up = now + NS_PER_SECOND;
		tap->stuck = false;
	} else if (tap->stuck || now >= *give_up) {
		tap->stuck = true;
		return false;
	}
	tap->waiters++;
	wait_until(tap, &tap->done, now + LOOK_AGAIN);
	tap->waiters--;
	return true;
}

/* A thread that is not there takes nothing: no guest waits for it. */
static void store(struct tap *tap, const u8 *buf, size_t len)
{
	u64 give_up = clock_now() + NS_PER_SECOND;

	pthread_mutex_lock(&tap->lock);
	while (len && tap->started && !tap->ended) {
		size_t n = put(tap, buf, len);

		if (tap->asleep && n &&
		    (!tap->soon || tap->len > RING / 2 || memchr(buf, '\n', n)))
			pthread_cond_signal(&tap->changed);
		buf += n;
		len -= n;
		if (len && !wait_for_room(tap, &give_up))
			break;
	}
	pthread_mutex_unlock(&tap->lock);
}

/* First what lkvm itself wants to know: the backend may block for long. */
static void tap_write(struct chardev *chr, const u8 *buf, size_t len)
{
	struct tap *tap = from_chardev(chr);

	store(tap, buf, len);
	if (tap->backend)
		tap->backend->ops->write(tap->backend, buf, len);
}

/* Has the loop look for input. With `lock` held. */
static void wake_loop(struct tap *tap)
{
	const u64 one = 1;

	/* Can only fail by being full, and then it is awake. */
	if (tap->loop && tap->accept && tap->nr_queue &&
	    write(tap->input.fd, &one, sizeof(one)) < 0)
		return;
}

/* With input of its own the backend is asked for none. */
static void tap_accept(struct chardev *chr, size_t n)
{
	struct tap *tap = from_chardev(chr);

	if (tap->loop) {
		pthread_mutex_lock(&tap->lock);
		tap->accept = n;
		wake_loop(tap);
		pthread_mutex_unlock(&tap->lock);
		return;
	}
	if (tap->backend)
		tap->backend->ops->accept(tap->backend, n);
}

/* Before what is left, with room for it: it has been there before. */
static void put_back(struct tap *tap, const u8 *buf, size_t len)
{
	pthread_mutex_lock(&tap->lock);
	memmove(tap->queue + len, tap->queue, tap->nr_queue);
	memcpy(tap->queue, buf, len);
	tap->nr_queue += len;
	pthread_mutex_unlock(&tap->lock);
}

static void tap_unread(struct chardev *chr, const u8 *buf, size_t len)
{
	struct tap *tap = from_chardev(chr);

	if (tap->loop)
		put_back(tap, buf, len);
	else if (tap->backend)
		tap->backend->ops->unread(tap->backend, buf, len);
}

static const struct chardev_ops tap_chardev_ops = {
	.write = tap_write,
	.accept = tap_accept,
	.unread = tap_unread,
};

static void backend_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	struct tap *tap = chr->front;

	if (tap->chr.receive)
		tap->chr.receive(&tap->chr, buf, len);
}

static bool backend_ended(struct chardev *chr)
{
	struct tap *tap = chr->front;

	return !tap->chr.ended || tap->chr.ended(&tap->chr);
}

static void backend_begun(struct chardev *chr)
{
	struct tap *tap = chr->front;

	if (tap->chr.begun)
		tap->chr.begun(&tap->chr);
}

/* ---- Input of its own ---------------------------------------------------- */

/* A piece at a time, as the front takes it. On the loop's thread. */
static void handle_input(struct evloop_source *source, u32 events)
{
	struct tap *tap = container_of(source, struct tap, input);
	u8 buf[64];
	size_t len;
	u64 count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&tap->lock);
	len = MIN(tap->nr_queue, tap->accept);
	len = MIN(len, sizeof(buf));
	memcpy(buf, tap->queue, len);
	tap->nr_queue -= len;
	memmove(tap->queue, tap->queue + len, tap->nr_queue);
	tap->accept -= len;
	pthread_mutex_unlock(&tap->lock);
	if (!len || !tap->chr.receive)
		return;
	tap->chr.receive(&tap->chr, buf, len);
	pthread_mutex_lock(&tap->lock);
	wake_loop(tap);
	pthread_mutex_unlock(&tap->lock);
}

int tap_take_input(struct tap *tap, struct evloop *loop)
{
	int ret;

	tap->input.handle = handle_input;
	tap->input.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (tap->input.fd < 0)
		return -errno;
	ret = evloop_add(loop, &tap->input, EPOLLIN);
	if (ret)
		close(tap->input.fd);
	else
		tap->loop = loop;
	return ret;
}

/* With room for a piece that the front gives back. */
int tap_send(struct tap *tap, const char *buf, size_t len)
{
	int ret = -ENOMEM;
	u8 *queue;

	pthread_mutex_lock(&tap->lock);
	queue = realloc(tap->queue, tap->nr_queue + len + 64);
	if (queue) {
		tap->queue = queue;
		memcpy(queue + tap->nr_queue, buf, len);
		tap->nr_queue += len;
		wake_loop(tap);
		ret = 0;
	}
	pthread_mutex_unlock(&tap->lock);
	return ret;
}

/* ---- The thread ---------------------------------------------------------- */

/* A piece of what is there, in one part. With `lock` held. */
static size_t take(struct tap *tap, u8 *buf)
{
	size_t n = MIN(tap->len, PIECE);

	n = MIN(n, RING - tap->first);
	memcpy(buf, tap->ring + tap->first, n);
	tap->first = (tap->first + n) % RING;
	tap->len -= n;
	return n;
}

static bool has_work(const struct tap *tap)
{
	return tap->len || tap->resets != tap->seen_resets || tap->ending;
}

static void sleep_until(struct tap *tap, u64 until)
{
	tap->asleep = true;
	tap->soon = until != UINT64_MAX && until < clock_now() + SOON;
	while (!has_work(tap) && wait_until(tap, &tap->changed, until))
		;
	tap->asleep = false;
}

/*
 * Returns when there is to be a call without bytes. Resets come behind all that
 * was written before them: tap_reset() has waited for the guest.
 */
static u64 work(struct tap *tap, u64 next)
{
	u8 buf[PIECE];
	size_t len = take(tap, buf);
	bool reset = !len && tap->resets != tap->seen_resets;
	u64 now = clock_now();

	if (!len && !reset && now < next)
		return next;
	pthread_mutex_unlock(&tap->lock);
	if (reset) {
		tap->ops->reset(tap->opaque, now);
		/* It may have changed when `output` is to be called. */
		next = 0;
	} else {
		next = tap->ops->output(tap->opaque, buf, len, now);
	}
	pthread_mutex_lock(&tap->lock);
	tap->seen_resets += reset;
	if (tap->waiters)
		pthread_cond_broadcast(&tap->done);
	return next;
}

/* Ends when all has been looked at, and not before. */
static void *tap_thread(void *arg)
{
	struct tap *tap = arg;
	u64 next = 0;

	pthread_mutex_lock(&tap->lock);
	while (!tap->ending || tap->len || tap->resets != tap->seen_resets) {
		next = work(tap, next);
		if (!has_work(tap))
			sleep_until(tap, next);
	}
	tap->ended = true;
	pthread_cond_broadcast(&tap->done);
	pthread_mutex_unlock(&tap->lock);
	return NULL;
}

/* ---- Its life ------------------------------------------------------------ */

struct tap *tap_create(struct chardev *backend, const atomic_bool *stopping,
		       const struct tap_ops *ops, void *opaque)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (!tap)
		return NULL;
	tap->chr.ops = &tap_chardev_ops;
	tap->backend = backend;
	tap->stopping = stopping;
	tap->ops = ops;
	tap->opaque = opaque;
	pthread_mutex_init(&tap->lock, NULL);
	pthread_cond_init(&tap->changed, NULL);
	pthread_cond_init(&tap->done, NULL);
	if (!backend)
		return tap;
	backend->front = tap;
	backend->receive = backend_receive;
	backend->ended = backend_ended;
	backend->begun = backend_begun;
	return tap;
}

struct chardev *tap_chardev(struct tap *tap)
{
	return &tap->chr;
}

int tap_start(struct tap *tap)
{
	int ret = thread_create(&tap->thread, tap_thread, tap);

	if (ret)
		return ret;
	pthread_setname_np(tap->thread, "lkvm-console");
	tap->started = true;
	return 0;
}

/* The wait has a limit, as a reset must not depend on a slow pattern. */
void tap_reset(struct tap *tap)
{
	u64 until = clock_now() + RESET_WAIT;

	pthread_mutex_lock(&tap->lock);
	tap->resets++;
	pthread_cond_signal(&tap->changed);
	tap->waiters++;
	while (tap->started && !tap->ended &&
	       (tap->len || tap->resets != tap->seen_resets) &&
	       wait_until(tap, &tap->done, until))
		;
	tap->waiters--;
	pthread_mutex_unlock(&tap->lock);
}

/* The loop may be gone before the tap is. */
static void end_input(struct tap *tap)
{
	if (!tap->loop)
		return;
	evloop_del(tap->loop, &tap->input);
	close(tap->input.fd);
	tap->loop = NULL;
}

/* Joins the thread only if it has ended: nothing can interrupt it. */
bool tap_finish(struct tap *tap)
{
	u64 until = clock_now() + FINISH_WAIT;
	bool ended;

	end_input(tap);
	if (!tap->started)
		return true;
	pthread_mutex_lock(&tap->lock);
	tap->ending = true;
	pthread_cond_signal(&tap->changed);
	tap->waiters++;
	while (!tap->ended && wait_until(tap, &tap->done, until))
		;
	tap->waiters--;
	ended = tap->ended;
	pthread_mutex_unlock(&tap->lock);
	if (!ended)
		return false;
	pthread_join(tap->thread, NULL);
	tap->started = false;
	return true;
}

void tap_destroy(struct tap *tap)
{
	if (!tap)
		return;
	free(tap->queue);
	pthread_mutex_destroy(&tap->lock);
	pthread_cond_destroy(&tap->changed);
	pthread_cond_destroy(&tap->done);
	free(tap);
}
