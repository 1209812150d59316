/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a queue's thread pays. A guest that waits for each of its requests
 * before it makes the next gains nothing from a thread that is woken for it:
 * two wake-ups, the thread's and the vCPU's, take longer than a request whose
 * data is in memory. So once there were many requests in a row that were alone,
 * vCPUs do them before their notifications return, if that turns out to make
 * the guest quicker.
 *
 * Numbers only, of the queue's lock: virtio/runner.c acts on them.
 */
#ifndef LKVM_VIRTIO_LONE_H
#define LKVM_VIRTIO_LONE_H

#include "lkvm/util/util.h"

struct virtio_lone {
	bool here; /* vCPUs shall do requests */
	/* Private from here on. */
	u32 streak;   /* of requests that the thread has taken, all alone */
	u32 needed;   /* the streak that makes vCPUs try */
	u32 patience; /* the same, unless they have just been better */
	u32 against;  /* what speaks against vCPUs */
	/* So many requests in a row are a window. */
	u32 count, windows; /* in this one; windows that are full */
	u64 began;	    /* ns */
	/* What the quickest window has taken, in ns. */
	u64 by_thread, by_vcpus;
};

/* As when the guest has not made any request. */
void lone_init(struct virtio_lone *lone);

/* The thread has taken a request at `now`; `alone`: no other is under way. */
void lone_taken(struct virtio_lone *lone, u64 now, bool alone);

/* A vCPU has done a request that was alone in `ns`, which end at `now`. */
void lone_done(struct virtio_lone *lone, u64 now, u64 ns);

/* A vCPU could not do a request, or another one came meanwhile. */
void lone_failed(struct virtio_lone *lone);

#endif
