/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event loop: one thread that waits for descriptors and timers. */
#ifndef LKVM_VMM_EVLOOP_H
#define LKVM_VMM_EVLOOP_H

#include <stdatomic.h>

#include "lkvm/util/util.h"

struct evloop;

/*
 * A descriptor the loop watches. Owned by the caller; `fd` stays open until
 * evloop_del(). `events` as for epoll(7): EPOLLIN, EPOLLOUT, level triggered.
 */
struct evloop_source {
	int fd;
	void (*handle)(struct evloop_source *source, u32 events);
};

/* Calls `expired` once on the loop's thread. Prepared by evloop_timer_init().
 */
struct evloop_timer {
	struct evloop_source source;
	void (*expired)(struct evloop_timer *timer);
};

struct evloop {
	int epoll_fd;
	struct evloop_source wake; /* an eventfd: evloop_stop() */
	atomic_bool stop;
};

/* Returns 0 or -errno. */
int evloop_init(struct evloop *loop);

/* After evloop_run() has returned and all sources are deleted. */
void evloop_destroy(struct evloop *loop);

/*
 * Starts or ends watching. Any thread; but a source may only be freed by the
 * loop's own thread or when the loop does not run, for its handler might be
 * running. Return 0 or -errno; evloop_add() says -EPERM for a regular file,
 * which is always ready.
 */
int evloop_add(struct evloop *loop, struct evloop_source *source, u32 events);
int evloop_del(struct evloop *loop, struct evloop_source *source);

/* Handles events until evloop_stop(). Returns 0, or -errno of epoll_wait. */
int evloop_run(struct evloop *loop);

/*
 * Handles what is ready this moment without waiting, stopped or not; each
 * source that is ready has its turn. On the thread of evloop_run(), not from
 * within it. Returns 0, or -errno of epoll_wait.
 */
int evloop_poll(struct evloop *loop);

/* Makes evloop_run() return soon. Any thread, also before it is called. */
void evloop_stop(struct evloop *loop);

/*
 * Prepares a timer; evloop_timer_set() makes it expire once in `ns`
 * nanoseconds, 0 disarms it. Return 0 or -errno.
 */
int evloop_timer_init(struct evloop *loop, struct evloop_timer *timer,
		      void (*expired)(struct evloop_timer *timer));
int evloop_timer_set(struct evloop_timer *timer, u64 ns);
void evloop_timer_destroy(struct evloop *loop, struct evloop_timer *timer);

#endif
