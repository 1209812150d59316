/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread that waits for an eventfd and then calls a function: for a queue of
 * a device, whose notifications KVM can turn into writes of that eventfd. It
 * can wait for what is behind the device as well.
 */
#ifndef LKVM_VMM_IOTHREAD_H
#define LKVM_VMM_IOTHREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "lkvm/util/util.h"

/* All zeroes while there is no thread. */
struct iothread {
	int fd; /* the eventfd, valid while there is a thread */
	bool started;
	/* Private from here on. */
	atomic_bool ending;
	void (*serve)(void *opaque);
	void *opaque;
	pthread_t thread;
	int watched; /* -1: none; the thread's own */
};

/*
 * Creates descriptor and thread, which is called `name` and calls serve(opaque)
 * after each kick; several kicks may be one call. Returns 0 or -errno.
 */
int iothread_start(struct iothread *thread, const char *name,
		   void (*serve)(void *opaque), void *opaque);

/*
 * Within `serve`: it is called as well once `fd` is readable, or has an error,
 * until this is called with another one or -1, which is how it begins.
 */
void iothread_watch(struct iothread *thread, int fd);

/* Any thread. */
void iothread_kick(struct iothread *thread);

/*
 * From within `serve`: from now on system calls that block there can be ended
 * by iothread_interrupt().
 */
void iothread_let_interrupt(void);

/*
 * Has a system call that `serve` is in end with EINTR, if it has allowed that.
 * Any thread, but not at the time of iothread_stop(); harmless if there is no
 * thread.
 */
void iothread_interrupt(struct iothread *thread);

/*
 * Ends the thread: `serve` has returned, and is not called again. With no lock
 * that `serve` takes; harmless if there is no thread.
 */
void iothread_stop(struct iothread *thread);

#endif
