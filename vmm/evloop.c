/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop of the main thread: epoll over descriptors, eventfds and
 * timers. Level triggered, so a handler that leaves something unread is called
 * again.
 *
 * Handlers run one at a time on the loop's thread and may add or delete any
 * source, their own included. They must not block: terminal, signals, timers
 * and the control of all vCPUs depend on this thread.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lkvm/vmm/evloop.h"

/* A bound for evloop_poll(), more than there ever are sources. */
#define POLL_MAX 64

/* evloop_run() looks at `stop` itself: this only empties the counter. */
static void handle_wake(struct evloop_source *source, u32 events)
{
	uint64_t count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
}

int evloop_init(struct evloop *loop)
{
	int ret;

	memset(loop, 0, sizeof(*loop));
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	loop->wake.handle = handle_wake;
	loop->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake.fd < 0) {
		ret = -errno;
		close(loop->epoll_fd);
		return ret;
	}
	ret = evloop_add(loop, &loop->wake, EPOLLIN);
	if (ret)
		evloop_destroy(loop);
	return ret;
}

void evloop_destroy(struct evloop *loop)
{
	close(loop->wake.fd);
	close(loop->epoll_fd);
}

static int control(struct evloop *loop, int op, struct evloop_source *source,
		   u32 events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (epoll_ctl(loop->epoll_fd, op, source->fd, &event) < 0)
		return -errno;
	return 0;
}

int evloop_add(struct evloop *loop, struct evloop_source *source, u32 events)
{
	return control(loop, EPOLL_CTL_ADD, source, events);
}

int evloop_del(struct evloop *loop, struct evloop_source *source)
{
	return control(loop, EPOLL_CTL_DEL, source, 0);
}

/*
 * Handles one event: a handler may delete and free any source, to which a
 * second event of the same epoll_wait() could still point. Returns how many
 * events there were, or -errno.
 */
static int turn(struct evloop *loop, int timeout)
{
	struct epoll_event event;
	int n = epoll_wait(loop->epoll_fd, &event, 1, timeout);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n > 0) {
		struct evloop_source *source = event.data.ptr;

		source->handle(source, event.events);
	}
	return n;
}

int evloop_run(struct evloop *loop)
{
	int ret = 0;

	while (ret >= 0 && !atomic_load(&loop->stop))
		ret = turn(loop, -1);
	return MIN(ret, 0);
}

int evloop_poll(struct evloop *loop)
{
	int ret = 1;

	/* epoll returns sources that stay ready in turn. */
	for (int i = 0; i < POLL_MAX && ret > 0; i++)
		ret = turn(loop, 0);
	return MIN(ret, 0);
}

/* `stop` is set first: the loop must find it when the eventfd has woken it. */
void evloop_stop(struct evloop *loop)
{
	const uint64_t one = 1;

	atomic_store(&loop->stop, true);
	/* Fails only if the counter is full: then the loop wakes anyway. */
	if (write(loop->wake.fd, &one, sizeof(one)) < 0)
		return;
}

/*
 * A timer that was disarmed or set anew between epoll_wait() and this read has
 * not expired.
 */
static void handle_timer(struct evloop_source *source, u32 events)
{
	struct evloop_timer *timer =
		container_of(source, struct evloop_timer, source);
	uint64_t expirations;

	(void)events;
	if (read(source->fd, &expirations, sizeof(expirations)) < 0)
		return;
	timer->expired(timer);
}

/* CLOCK_MONOTONIC: intervals, independent of settings of the host's clock. */
int evloop_timer_init(struct evloop *loop, struct evloop_timer *timer,
		      void (*expired)(struct evloop_timer *timer))
{
	int ret;

	timer->expired = expired;
	timer->source.handle = handle_timer;
	timer->source.fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer->source.fd < 0)
		return -errno;
	ret = evloop_add(loop, &timer->source, EPOLLIN);
	if (ret)
		close(timer->source.fd);
	return ret;
}

int evloop_timer_set(struct evloop_timer *timer, u64 ns)
{
	struct itimerspec spec = {
		.it_value.tv_sec = (time_t)(ns / 1000000000),
		.it_value.tv_nsec = (long)(ns % 1000000000),
	};

	if (timerfd_settime(timer->source.fd, 0, &spec, NULL) < 0)
		return -errno;
	return 0;
}

void evloop_timer_destroy(struct evloop *loop, struct evloop_timer *timer)
{
	evloop_del(loop, &timer->source);
	close(timer->source.fd);
}
