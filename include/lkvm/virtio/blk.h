/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk (virtio 1.4, "Block Device"). */
#ifndef LKVM_VIRTIO_BLK_H
#define LKVM_VIRTIO_BLK_H

#include "lkvm/disk/disk.h"
#include "lkvm/virtio/device.h"

struct virtio_blk_params {
	const char *name; /* copied; at most 15 bytes of it */
	struct disk *disk;
	const char *serial;	/* copied; NULL: none */
	unsigned int nr_queues; /* 1 to VIRTIO_MAX_QUEUES */
	const struct gmem *mem; /* the guest's RAM; outlives the device */
};

/*
 * Creates the model; its `destroy` frees it and closes the disk, which is the
 * model's from here on, also after an error. Returns 0 or -ENOMEM.
 */
int virtio_blk_create(const struct virtio_blk_params *params,
		      struct virtio_device **out);

#endif
