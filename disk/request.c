/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request of a queue done with the calls of the medium, which wait. */
#include "lkvm/util/iov.h"
#include "queue.h"

/* The media do not know of partial requests, so the buffers are cut. */
int disk_request_do(struct disk *disk, struct disk_request *rq)
{
	u64 offset = rq->offset + rq->done;
	u32 count = rq->count;
	struct iovec *iov;

	if (rq->op == DISK_CALL)
		return rq->call(rq);
	if (rq->op == DISK_FLUSH)
		return disk->ops->flush(disk);
	iov = iov_cut(rq->iov, &count, rq->done, UINT64_MAX);
	if (rq->op == DISK_READ)
		return disk->ops->read(disk, iov, count, offset);
	return disk->ops->write(disk, iov, count, offset);
}
