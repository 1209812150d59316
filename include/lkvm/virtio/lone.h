/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a queue's thread pays. A guest that waits for each of its requests
 * before it makes the next gains nothing from a thread that is woken for it:
 * two wake-ups, the thread's and the vCPU's, take longer than a request whose
 * data is in memory. So vCPUs do the requests of such a guest before their
 * notifications return.
 *
 * Numbers only, of the queue's lock: virtio/runner.c acts on them.
 */
#ifndef LKVM_VIRTIO_LONE_H
#define LKVM_VIRTIO_LONE_H

#include "lkvm/util/util.h"

struct virtio_lone {
	bool here;  /* vCPUs shall do requests */
	bool probe; /* the request that was taken last is to be held back */
	/* Private from here on. */
	u32 streak;   /* of requests that the thread has taken, all alone */
	u32 needed;   /* the streak that makes it hold one back */
	u32 against;  /* what speaks against vCPUs */
	u32 done;     /* requests that they have done */
	u64 last;     /* ns: when the thread took one; 0: there was none */
	u64 interval; /* ns between two, a moving mean */
};

/* As when the guest has not made any request. */
void lone_init(struct virtio_lone *lone);

/*
 * The thread has taken a request at `now` (ns); `alone`: no other is under way.
 * If `probe` is set then, its end is to be held back for lone_hold_ns().
 */
void lone_taken(struct virtio_lone *lone, u64 now, bool alone);

/* How long, in ns: long enough for a guest to make another request. */
u64 lone_hold_ns(const struct virtio_lone *lone);

/* It was held back; `more`: the guest has made another request meanwhile. */
void lone_held(struct virtio_lone *lone, bool more);

/* A vCPU has done a request that was alone, in `ns`. */
void lone_done(struct virtio_lone *lone, u64 ns);

/* A vCPU could not do a request, or another one came meanwhile. */
void lone_failed(struct virtio_lone *lone);

#endif
