/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of a disk that are under way at the same time. They belong to one
 * thread at a time, which adds them, hands them over together, and takes back
 * those that have ended. It may wait for something else meanwhile: an eventfd
 * says that there is something to be taken.
 *
 * io_uring, opened here, does what the disk can name a place in a file for, and
 * threads do the rest; or all of it, where there is none: a kernel without it,
 * or one that does not allow it. Neighbours among the requests that are handed
 * over together are done as one.
 */
#ifndef LKVM_DISK_QUEUE_H
#define LKVM_DISK_QUEUE_H

#include "lkvm/disk/disk.h"

enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH, /* without a range */
	DISK_CALL,  /* whatever `call` does */
};

/* The caller's; from disk_queue_add() until it is taken back only to be read.
 */
struct disk_request {
	enum disk_op op;
	struct iovec *iov; /* may be changed */
	u32 count;	   /* of `iov` */
	u64 offset, len;   /* bytes, as of disk_read() */
	int ret;	   /* once it has ended: as disk_read() and its kin */
	/* Of DISK_CALL: any thread; its result is the request's. May wait. */
	int (*call)(struct disk_request *rq);
	/* Private to disk/ from here on. */
	struct disk_request *next;
	struct disk_place place;
	u64 done;    /* bytes, by the kernel: the rest is left */
	bool merged; /* it stands for several: see disk/merge.c */
};

struct disk_queue;

/*
 * Does a transfer if that needs no wait for a medium; any thread. `queue` is
 * one of the disk, of which nothing is under way and that no other thread uses
 * meanwhile, or NULL. Returns 0, or -EAGAIN: a part may have been done, and a
 * queue has to do it as a whole. That is also for what has an error, so nothing
 * is logged here.
 */
int disk_try(struct disk *disk, struct disk_queue *queue,
	     struct disk_request *rq);

/*
 * A queue for up to `depth` requests at a time, 1 to 4096, of a disk that
 * outlives it. `fd` is an eventfd, which stays the caller's. Returns 0, or
 * -errno: then the calls of disk.h still do.
 */
int disk_queue_open(struct disk *disk, u32 depth, int fd,
		    struct disk_queue **out);

/* Nothing is under way. NULL is fine. */
void disk_queue_close(struct disk_queue *queue);

/* To be begun with the next disk_queue_submit(), in any order with others. */
void disk_queue_add(struct disk_queue *queue, struct disk_request *rq);

/* Begins what was added; some of it may have ended when it returns. */
void disk_queue_submit(struct disk_queue *queue);

/*
 * A request that has ended, or NULL. With `wait` NULL means that nothing is
 * under way any more.
 */
struct disk_request *disk_queue_next(struct disk_queue *queue, bool wait);

/*
 * Whether the end of a request is written to the eventfd; at first it is not,
 * nor need it be if the request has ended when disk_queue_submit() returns.
 * If it is from now on, returns true if one has ended before that.
 */
bool disk_queue_wake(struct disk_queue *queue, bool on);

#endif
