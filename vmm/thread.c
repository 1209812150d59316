/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How threads are made that serve devices. Signals are handled by the event
 * loop, and kicks are for vCPUs.
 */
#include <signal.h>

#include "lkvm/util/fault_signals.h"
#include "lkvm/util/util.h"
#include "lkvm/vmm/thread.h"

/* As of vCPU threads: less than a huge page. */
#define STACK_SIZE SZ_1M

/* The mask holds from the thread's first instruction on. */
int thread_create(pthread_t *thread, void *(*function)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t mask;
	int ret;

	sigfill_but_faults(&mask);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_attr_setsigmask_np(&attr, &mask);
	ret = pthread_create(thread, &attr, function, arg);
	pthread_attr_destroy(&attr);
	return -ret;
}
