/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests that are done at once, by the thread that has them: where the file
 * is in memory, and where the kernel need not wait for the medium, as it finds
 * out itself (RWF_NOWAIT, which it does not know for files in memory). With
 * O_DIRECT that means that the device takes the request at once; its end is
 * waited for.
 */
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "queue.h"
#include "raw.h"

ssize_t disk_place_do(struct disk_request *rq)
{
	const struct disk_place *at = &rq->place;
	int flags = at->in_memory ? 0 : RWF_NOWAIT;
	ssize_t n;

	if (rq->op == DISK_READ)
		n = preadv2(at->fd, rq->iov, (int)rq->count, (off_t)at->offset,
			    flags);
	else if (rq->op == DISK_WRITE)
		n = pwritev2(at->fd, rq->iov, (int)rq->count, (off_t)at->offset,
			     flags);
	else
		n = fdatasync(at->fd);
	n = n < 0 ? -errno : n;
	if (at->owner)
		at->owner->ops->end(at->owner, at);
	return n;
}

static ssize_t transfer(struct disk_queue *queue, struct disk_request *rq)
{
	if (rq->place.by_ring && queue && queue->ops->alone)
		return queue->ops->alone(queue, rq);
	return disk_place_do(rq);
}

int disk_try(struct disk *disk, struct disk_queue *queue,
	     struct disk_request *rq)
{
	bool write = rq->op == DISK_WRITE;

	if (!disk->ops->begin || !rq->len ||
	    disk_check(disk, rq->offset, rq->len, write))
		return -EAGAIN;
	rq->ret = 0;
	switch (disk->ops->begin(disk, rq, &rq->place)) {
	case DISK_BY_KERNEL:
		return transfer(queue, rq) == (ssize_t)rq->len ? 0 : -EAGAIN;
	case DISK_IS_DONE:
		return rq->ret ? -EAGAIN : 0;
	default:
		return -EAGAIN;
	}
}
