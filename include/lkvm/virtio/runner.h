/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who serves a queue: the vCPU that notifies it, or a thread of the queue's
 * own. A driver that waits for the used ring in lock-step, as firmware does, is
 * served before its notification returns, with one exit and no change of
 * threads. One that wants interrupts gets a thread, and KVM hands notifications
 * to that thread without an exit to lkvm. If the model can try what a chain
 * wants without waiting, and each chain is alone, vCPUs do it after all.
 */
#ifndef LKVM_VIRTIO_RUNNER_H
#define LKVM_VIRTIO_RUNNER_H

#include "lkvm/virtio/device.h"
#include "lkvm/virtio/gather.h"
#include "lkvm/virtio/lone.h"
#include "lkvm/vmm/iothread.h"

/*
 * Takes one chain from the queue, does what it wants and pushes it. Called with
 * the queue's lock, which may be released meanwhile; by one thread at a time.
 * Returns 1; 0 if there is nothing to be done now; or -errno, if the device has
 * to be reset.
 */
typedef int virtio_serve_fn(struct virtio_device *dev, unsigned int queue);

/*
 * For a model whose `serve` only begins what a chain wants, on the queue's
 * thread: goes on with that, pushes what has ended, and says whether there was
 * any. If not, the thread has to be woken (iothread_kick(), or its `fd`) when
 * something ends. Called with the queue's lock, which may be released.
 */
typedef bool virtio_settle_fn(struct virtio_device *dev, unsigned int queue);

/* One for each queue, part of the model. */
struct virtio_runner {
	struct virtio_device *dev;
	unsigned int queue;
	virtio_serve_fn *serve;
	virtio_settle_fn *settle; /* NULL, or set by the model at its start */
	/*
	 * The same. As `serve`, on a vCPU's thread and when nothing is under
	 * way, but does not wait for anybody: -EAGAIN if it would have to; the
	 * chain is in the queue then, as before.
	 */
	virtio_serve_fn *attempt;
	/*
	 * Set after virtio_runner_init(): the driver waits in lock-step
	 * whatever it says of interrupts. `serve` may wait for somebody outside
	 * then, in a system call that is interrupted when the run ends.
	 */
	bool lock_step;
	/* As above: a thread serves the queue from the start all the same. */
	bool own_thread;
	/* Of the queue's lock. */
	bool serving;
	bool stopping;
	bool notified; /* KVM notifies the thread */
	struct virtio_lone lone;
	struct virtio_gather gather;
	bool here; /* vCPUs try first; the thread follows lone.here */
	pthread_cond_t idle;
	struct iothread thread;
	char name[16];
};

/* Once in the life of a device, after virtio_device_init(). */
void virtio_runner_init(struct virtio_runner *runner, struct virtio_device *dev,
			unsigned int queue, virtio_serve_fn *serve);

/* It is stopped. */
void virtio_runner_destroy(struct virtio_runner *runner);

/* For the model's `kick`: with the queue's lock. */
void virtio_runner_kick(struct virtio_runner *runner);

/*
 * For the model's `stop`: `serve` has returned and is not called again until
 * the next kick. Without the queue's lock.
 */
void virtio_runner_stop(struct virtio_runner *runner);

#endif
