/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt coalescing for a queue whose thread is quicker than its guest. All
 * that the guest has asked for is done then each time, with an interrupt and a
 * notification for each request, although the guest goes on making others. So
 * the thread waits a little before it tells the driver, as long as others come.
 *
 * Only while nothing is under way: a medium that takes its time has the guest
 * told at once. And where a wait is in vain the next one is much later: a guest
 * that waits for its requests would wait longer.
 *
 * Numbers only, of the queue's lock: virtio/runner.c acts on them.
 */
#ifndef LKVM_VIRTIO_GATHER_H
#define LKVM_VIRTIO_GATHER_H

#include "lkvm/util/util.h"

struct virtio_gather {
	bool on; /* the driver has not been told yet of what was done */
	/* Private from here on. */
	u32 since;  /* requests since it was told late last time */
	u32 needed; /* so many of these before that is tried again */
	u32 came;   /* requests while it is not told */
	u32 most;   /* of these before it is */
};

/* As when the guest has not made any request. */
void gather_init(struct virtio_gather *gather);

/*
 * `came` requests were taken since the last call, and all is done; the guest
 * makes one each `interval` ns, or 0 if something is under way. How long to
 * wait for others, in ns; 0: the driver is to be told.
 */
u64 gather_wait_ns(struct virtio_gather *gather, u32 came, u64 interval);

#endif
