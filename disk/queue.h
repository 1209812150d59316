/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to disk/: the kinds of queues, and what they embed. */
#ifndef DISK_QUEUE_H
#define DISK_QUEUE_H

#include <sys/types.h>

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

/* All of `from` comes behind what is in `to`. */
static inline void request_move(struct request_list *to,
				struct request_list *from)
{
	if (!from->first)
		return;
	if (to->first)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	from->first = NULL;
}

/* As the functions of lkvm/disk/queue.h, for requests that are good. */
struct disk_queue_ops {
	void (*add)(struct disk_queue *queue, struct disk_request *rq);
	void (*submit)(struct disk_queue *queue);
	struct disk_request *(*next)(struct disk_queue *queue, bool wait);
	bool (*wake)(struct disk_queue *queue, bool on);
	/*
	 * Does a transfer at its place, which is given back, with nothing else
	 * under way, if that needs no wait for the medium. Returns bytes, or
	 * -errno. NULL: it has no ring.
	 */
	ssize_t (*alone)(struct disk_queue *queue, struct disk_request *rq);
	void (*close)(struct disk_queue *queue);
};

/* Of the one thread, or of one at a time. */
struct disk_queue {
	const struct disk_queue_ops *ops;
	struct disk *disk;
	int fd;
	struct request_list added; /* since the last submission */
	struct request_list ended;
};

/*
 * request.c: does all of the request from byte `done` on, whatever the medium;
 * returns 0 or -errno. Its buffers are changed.
 */
int disk_request_do(struct disk *disk, struct disk_request *rq);

/*
 * try.c: does a transfer or a flush at its place, which is given back. Returns
 * what the system call does, or -errno.
 */
ssize_t disk_place_do(struct disk_request *rq);

/* merge.c: hands what was added to the kind of queue, neighbours as one. */
void merge_added(struct disk_queue *queue);

/*
 * merge.c: a request that stands for several has ended. So have those, unless
 * there was an error: then each is begun again, for a result of its own.
 */
void merge_ended(struct disk_queue *queue, struct disk_request *rq);

/*
 * uring.c, pool.c: fill in *out, whose `disk` and `fd` are set by the caller. 0
 * or -errno.
 */
int uring_create(u32 depth, int fd, struct disk_queue **out);
int pool_create(struct disk_queue **out);

/*
 * pool.c: begins what was added, as submit() does, but leaves nothing to the
 * thread that calls. False, and nothing is begun, if there are no threads.
 */
bool pool_hand_over(struct disk_queue *queue);

#endif
