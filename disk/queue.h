/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to disk/: the kinds of queues, and what they embed. */
#ifndef DISK_QUEUE_H
#define DISK_QUEUE_H

#include "lkvm/disk/queue.h"

/* Requests in the order in which they were appended. Zero-initialise it. */
struct request_list {
	struct disk_request *first, *last;
};

static inline void request_append(struct request_list *list,
				  struct disk_request *rq)
{
	rq->next = NULL;
	if (list->first)
		list->last->next = rq;
	else
		list->first = rq;
	list->last = rq;
}

/* NULL: it is empty. */
static inline struct disk_request *request_take(struct request_list *list)
{
	struct disk_request *rq = list->first;

	if (rq)
		list->first = rq->next;
	return rq;
}

/* As the functions of lkvm/disk/queue.h, for requests that are good. */
struct disk_queue_ops {
	void (*add)(struct disk_queue *queue, struct disk_request *rq);
	void (*submit)(struct disk_queue *queue);
	struct disk_request *(*next)(struct disk_queue *queue, bool wait);
	bool (*wake)(struct disk_queue *queue, bool on);
	void (*close)(struct disk_queue *queue);
};

/* Of the one thread. */
struct disk_queue {
	const struct disk_queue_ops *ops;
	struct disk *disk;
	int fd;
	struct request_list ended; /* without having been begun */
};

/*
 * request.c: does all of the request from byte `done` on, whatever the medium;
 * returns 0 or -errno. Its buffers are changed.
 */
int disk_request_do(struct disk *disk, struct disk_request *rq, u64 done);

/*
 * uring.c, pool.c: fill in *out, whose `disk` and `fd` are set by the caller. 0
 * or -errno.
 */
int uring_create(u32 depth, int fd, struct disk_queue **out);
int pool_create(struct disk_queue **out);

#endif
