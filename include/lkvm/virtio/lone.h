/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a queue's thread pays. A guest that waits for each of its requests
 * before it makes the next gains nothing from a thread that is woken for it:
 * two wake-ups, the thread's and the vCPU's, take longer than a request whose
 * data is in memory. So once there were many requests in a row that were alone,
 * vCPUs try to do them before their notifications return, and go on as long as
 * that is quicker than the thread would be.
 *
 * Numbers only, of the queue's lock: virtio/runner.c acts on them.
 */
#ifndef LKVM_VIRTIO_LONE_H
#define LKVM_VIRTIO_LONE_H

#include "lkvm/util/util.h"

struct virtio_lone {
	bool here; /* vCPUs shall do requests */
	/* Private from here on. */
	u32 streak; /* requests that the thread has taken and that were alone */
	u32 patience; /* the streak that makes vCPUs try */
	u32 done;     /* by vCPUs in a row */
	u32 against;  /* what speaks against them */
	/* What waking the thread takes, in ns. */
	u32 samples;
	u64 sum, largest;
};

/* As when the guest has not made any request. */
void lone_init(struct virtio_lone *lone);

/* The thread has taken a request; `alone`: no other is under way. */
void lone_by_thread(struct virtio_lone *lone, bool alone);

/*
 * Whether the next request shall be handed to the thread although `here` is
 * set, which sleeps, and lone_woken() be told how long that took.
 */
bool lone_measures(const struct virtio_lone *lone);
void lone_woken(struct virtio_lone *lone, u64 ns);

/* A vCPU has done a request that was alone, in `ns`. */
void lone_done(struct virtio_lone *lone, u64 ns);

/* A vCPU could not do a request, or another one came meanwhile. */
void lone_failed(struct virtio_lone *lone);

#endif
