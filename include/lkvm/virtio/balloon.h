/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A memory balloon (virtio 1.4, "Traditional Memory Balloon Device"): the guest
 * gives pages of its RAM back to the host as it is told to, reports those that
 * it does not use, and tells how much memory it has.
 */
#ifndef LKVM_VIRTIO_BALLOON_H
#define LKVM_VIRTIO_BALLOON_H

#include "lkvm/virtio/device.h"

struct evloop;

struct virtio_balloon_params {
	const char *name;	/* for messages and statistics; not copied */
	const struct gmem *mem; /* the guest's RAM; outlives the device */
	struct evloop *loop;	/* for the timer of `interval` */
	u64 target;		/* see virtio_balloon_set_target() */
	/*
	 * Seconds from one question for the guest's statistics to the next. 0:
	 * it is not asked, and tells them once, when its driver starts.
	 */
	u32 interval;
	/*
	 * The size of a page of the host, in bytes: only whole ones can be
	 * given back. 0: none can, and the balloon is mere accounting.
	 */
	u64 page;
};

/* Creates the model; its `destroy` frees it. Returns 0 or -errno. */
int virtio_balloon_create(const struct virtio_balloon_params *params,
			  struct virtio_device **out);

/*
 * How many bytes the balloon is to hold, rounded down to 4 KiB: the guest's
 * driver inflates or deflates it to that in its own time, or not at all. Any
 * thread.
 */
void virtio_balloon_set_target(struct virtio_device *vdev, u64 bytes);

#endif
