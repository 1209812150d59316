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

#define LONE_SAMPLES 5U

struct virtio_lone {
	bool here; /* vCPUs shall do requests */
	/* Private from here on. */
	u32 streak;   /* of requests that the thread has taken, all alone */
	u32 patience; /* the streak that makes vCPUs try */
	u32 done;     /* by vCPUs in a row */
	u32 against;  /* what speaks against them */
	u32 due;      /* requests that the thread shall have in between */
	/* What waking the thread took, in ns, and where the next one goes. */
	u64 wake[LONE_SAMPLES];
	u32 at;
};

/* As when the guest has not made any request. */
void lone_init(struct virtio_lone *lone);

/* The thread has taken a request; `alone`: no other is under way. */
void lone_by_thread(struct virtio_lone *lone, bool alone);

/*
 * Whether the next request shall be handed to the thread, which sleeps,
 * although `here` is set: then lone_woken() has to be told how long that took.
 */
bool lone_is_due(const struct virtio_lone *lone);
void lone_woken(struct virtio_lone *lone, u64 ns);

/* A vCPU has done a request that was alone, in `ns`. */
void lone_done(struct virtio_lone *lone, u64 ns);

/* A vCPU could not do a request, or another one came meanwhile. */
void lone_failed(struct virtio_lone *lone);

#endif
