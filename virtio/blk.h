/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to virtio/blk*.c. */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include <linux/virtio_blk.h>

#include "lkvm/virtio/blk.h"
#include "lkvm/virtio/runner.h"

/* As QEMU: Linux has so many requests in flight. */
#define BLK_QUEUE_SIZE 256

/*
 * A request needs two more descriptors than it has buffers of data (virtio 1.4,
 * "Virtqueues": no chain is longer than the queue).
 */
#define BLK_MAX_SEGMENTS (BLK_QUEUE_SIZE - 2)

/* Of a discard or a write of zeroes: ranges of one request, sectors of one. */
#define BLK_MAX_RANGES	      16
#define BLK_MAX_RANGE_SECTORS 0x400000U

#define BLK_SECTOR 512U /* whatever the disk's blocks are */

struct blk_queue {
	struct virtio_runner runner;
	struct iovec iov[BLK_QUEUE_SIZE]; /* of who serves the queue */
};

struct virtio_blk {
	struct virtio_device vdev;
	struct disk *disk;
	char name[16];
	char serial[VIRTIO_BLK_ID_BYTES]; /* ends with zeroes, if at all */
	/* What the driver has set: whether a write need not be durable. */
	atomic_bool writeback;
	_Atomic(u64) reads, writes, flushes, discards, errors;
	_Atomic(u64) bytes_read, bytes_written;
	struct blk_queue queues[];
};

/*
 * blk_request.c: does what the chain wants and sets its status. Returns how
 * many bytes were written to the guest, or -EINVAL for a chain that has no
 * room for a header or a status. The chain's iov is changed.
 */
s64 blk_request(struct virtio_blk *blk, struct virtq_chain *chain);

#endif
