/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to virtio/blk*.c. */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include <linux/virtio_blk.h>

#include "lkvm/disk/queue.h"
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

/* Of a request that a vCPU tries: what is copied in some microseconds. */
#define BLK_ATTEMPT_BYTES SZ_64K

#define BLK_SECTOR 512U /* whatever the disk's blocks are */

/* A chain without header and status. */
struct blk_request {
	struct virtio_blk_outhdr header; /* in the host's byte order */
	struct iovec *out, *in;
	u32 nr_out, nr_in;
	u64 out_len, in_len;
};

/* A request that the disk has begun. */
struct blk_slot {
	struct disk_request rq; /* first: see from_request() */
	struct virtio_blk *blk;
	struct virtq_chain chain;
	struct blk_request parts;
	u8 *status;
	bool flushes; /* a write that is to be durable is flushed after it */
	struct blk_slot *next; /* of those that are not in use */
	struct iovec iov[BLK_QUEUE_SIZE];
};

struct blk_queue {
	struct virtio_runner runner;
	struct iovec iov[BLK_QUEUE_SIZE]; /* of who serves the queue */
	/* Of the queue's thread, or who has stopped it. NULL: not begun. */
	struct disk_queue *async;
	bool refused; /* there is none */
	struct blk_slot *slots, *unused;
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
	_Atomic(u64) attempts; /* requests that vCPUs have done so */
	struct blk_queue queues[];
};

/*
 * blk_request.c: does what the chain wants and sets its status. Returns how
 * many bytes were written to the guest, or -EINVAL for a chain that has no
 * room for a header or a status. The chain's iov is changed.
 */
s64 blk_request(struct virtio_blk *blk, struct virtq_chain *chain);

/*
 * blk_request.c: the same for a read or a write of queue `n` that needs no wait
 * for the disk, while nothing of the queue is under way. -EAGAIN: nothing was
 * done but, perhaps, a part of the transfer.
 */
s64 blk_attempt(struct virtio_blk *blk, unsigned int n,
		struct virtq_chain *chain);

/*
 * blk_request.c: fills in slot->rq and what the end needs if the chain, which
 * is the slot's, wants something of the disk, and returns 1. Another request is
 * done, with its result in slot->rq.ret, and 0 returned; or -EINVAL as above.
 */
int blk_begin(struct virtio_blk *blk, struct blk_slot *slot);

/* blk_request.c: sets the status. Returns how many bytes were written. */
u32 blk_end(struct virtio_blk *blk, const struct blk_slot *slot);

/*
 * blk_async.c: whether requests of the queue can be begun, which only its
 * thread does. With the queue's lock.
 */
bool blk_async_open(struct virtio_blk *blk, unsigned int n);

/* blk_async.c: as virtio_serve_fn, if blk_async_open() is true. */
int blk_async_serve(struct virtio_blk *blk, unsigned int n);

/* blk_async.c: as virtio_settle_fn. */
bool blk_async_settle(struct virtio_device *vdev, unsigned int n);

/* blk_async.c: ends what was begun, once the queue's thread has ended. */
void blk_async_stop(struct virtio_blk *blk, unsigned int n);

#endif
