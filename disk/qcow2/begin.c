/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel can do by itself: transfers to and from clusters that exist
 * and are in one piece, and a flush when there are no tables to be written.
 * Nothing here waits for others, nor for I/O.
 */
#include "lkvm/disk/queue.h"
#include "lkvm/util/iov.h"
#include "qcow2.h"

/* Other tables than those of the file would have to be written first. */
static enum disk_way begin_flush(struct qcow2 *q, const struct disk_request *rq,
				 struct disk_place *place)
{
	bool committed;

	if (pthread_mutex_trylock(&q->change))
		return DISK_BY_CALLS;
	committed = qcow2_is_committed(q);
	pthread_mutex_unlock(&q->change);
	return committed ? q->file->ops->begin(q->file, rq, place)
			 : DISK_BY_CALLS;
}

/*
 * A medium without `begin`, or content behind the backing file's end, which
 * reads as zero, is left to calls.
 */
static enum disk_way begin_backing(struct qcow2 *q,
				   const struct disk_request *rq,
				   struct disk_place *place)
{
	if (!q->backing) {
		iov_zero(rq->iov, rq->count, 0, rq->len);
		return DISK_IS_DONE;
	}
	if (!q->backing->ops->begin ||
	    !range_within(rq->offset, rq->len, 0, q->backing->size))
		return DISK_BY_CALLS;
	return q->backing->ops->begin(q->backing, rq, place);
}

/* The last cluster need not be whole: see file.c. */
static enum disk_way begin_data(struct qcow2 *q, const struct disk_request *rq,
				const struct qcow2_extent *e,
				struct disk_place *place)
{
	struct disk_request there = *rq;

	if ((rq->op == DISK_WRITE && !e->in_place) ||
	    !qcow2_file_has(q, e->at, e->len))
		return DISK_BY_CALLS;
	there.offset = e->at;
	q->file->ops->begin(q->file, &there, place);
	place->owner = &q->disk;
	return DISK_BY_KERNEL;
}

/* Of a transfer that is in one place. */
static enum disk_way begin_there(struct qcow2 *q, const struct disk_request *rq,
				 const struct qcow2_extent *e,
				 struct disk_place *place)
{
	if (e->kind == QCOW2_DATA)
		return begin_data(q, rq, e, place);
	if (rq->op == DISK_WRITE || e->kind == QCOW2_PACKED)
		return DISK_BY_CALLS;
	if (e->kind == QCOW2_ABSENT)
		return begin_backing(q, rq, place);
	iov_zero(rq->iov, rq->count, 0, rq->len);
	return DISK_IS_DONE;
}

/* Who reads from the backing file is not in a group: that does not change. */
enum disk_way qcow2_begin(struct disk *disk, const struct disk_request *rq,
			  struct disk_place *place)
{
	struct qcow2 *q = qcow2_from_disk(disk);
	enum disk_way way = DISK_BY_CALLS;
	struct qcow2_extent e;
	unsigned int group;

	if (rq->op == DISK_FLUSH)
		return begin_flush(q, rq, place);
	group = qcow2_enter(q);
	if (!qcow2_find_cached(q, rq->offset, rq->len, &e) && e.len == rq->len)
		way = begin_there(q, rq, &e, place);
	if (way == DISK_BY_KERNEL && place->owner == disk)
		place->group = group;
	else
		qcow2_leave(q, group);
	return way;
}

void qcow2_end(struct disk *disk, const struct disk_place *place)
{
	qcow2_leave(qcow2_from_disk(disk), place->group);
}
