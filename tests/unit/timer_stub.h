/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of vmm/evloop.c: one timer, which expires when the test says so. */
#ifndef TESTS_TIMER_STUB_H
#define TESTS_TIMER_STUB_H

#include <errno.h>

#include "lkvm/vmm/evloop.h"

static struct {
	struct evloop *loop;
	struct evloop_timer *timer; /* NULL: none exists */
	u64 ns;			    /* 0: not armed */
	unsigned int sets;
	int error; /* what the next calls return */
} stub;

int evloop_timer_init(struct evloop *loop, struct evloop_timer *timer,
		      void (*expired)(struct evloop_timer *timer))
{
	if (stub.error)
		return stub.error;
	timer->expired = expired;
	stub.loop = loop;
	stub.timer = timer;
	return 0;
}

int evloop_timer_set(struct evloop_timer *timer, u64 ns)
{
	if (timer != stub.timer)
		return -EINVAL;
	stub.sets++;
	if (!stub.error)
		stub.ns = ns;
	return stub.error;
}

void evloop_timer_destroy(struct evloop *loop, struct evloop_timer *timer)
{
	if (loop == stub.loop && timer == stub.timer)
		stub.timer = NULL;
}

/* On the event loop's thread. */
static inline void expire(void)
{
	stub.ns = 0;
	stub.timer->expired(stub.timer);
}

#endif
