/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all queues of requests have in common: a request is checked here before
 * it is begun, and its failure is logged here when it has ended.
 */
#include <errno.h>

#include "queue.h"
#include "raw.h"

/*
 * A ring is of use only where the medium can name places of a file (`begin`).
 * Any other disk, and a kernel without io_uring, has threads that make calls
 * which wait; whoever uses the queue sees no difference.
 */
int disk_queue_open(struct disk *disk, u32 depth, int fd,
		    struct disk_queue **out)
{
	int ret = disk->ops->begin ? uring_create(depth, fd, out) : -ENOSYS;

	if (ret)
		ret = pool_create(out);
	if (ret)
		return ret;
	(*out)->disk = disk;
	(*out)->fd = fd;
	return 0;
}

void disk_queue_close(struct disk_queue *queue)
{
	if (queue)
		queue->ops->close(queue);
}

/* True if there is nothing to be done: `ret` says why. */
static bool is_ended(const struct disk *disk, struct disk_request *rq)
{
	rq->ret = 0;
	if (rq->op == DISK_CALL)
		return false;
	if (rq->op == DISK_FLUSH)
		return disk->readonly;
	rq->ret = disk_check(disk, rq->offset, rq->len, rq->op == DISK_WRITE);
	return rq->ret || !rq->len;
}

/*
 * A request that has ended before it was begun is not handed over, but comes
 * back from disk_queue_next() like others: callers have one path for both.
 */
void disk_queue_add(struct disk_queue *queue, struct disk_request *rq)
{
	rq->done = 0;
	rq->merged = false;
	request_append(
		is_ended(queue->disk, rq) ? &queue->ended : &queue->added, rq);
}

void disk_queue_submit(struct disk_queue *queue)
{
	merge_added(queue);
	queue->ops->submit(queue);
}

/* A call has logged its own failure. */
static void log_end(struct disk *disk, struct disk_request *rq)
{
	static const char *const names[] = {
		[DISK_READ] = "read",
		[DISK_WRITE] = "write",
		[DISK_FLUSH] = "flush",
	};

	if (rq->op != DISK_CALL)
		disk_ended(disk, names[rq->op],
			   rq->op == DISK_FLUSH ? 0 : rq->offset, rq->ret);
}

struct disk_request *disk_queue_next(struct disk_queue *queue, bool wait)
{
	struct disk_request *rq = request_take(&queue->ended);

	while (!rq) {
		rq = queue->ops->next(queue, wait);
		if (!rq)
			return NULL;
		if (!rq->merged) {
			log_end(queue->disk, rq);
			return rq;
		}
		merge_ended(queue, rq);
		rq = request_take(&queue->ended);
	}
	return rq;
}

/*
 * What has ended without the kind of queue would not make `fd` readable: for
 * that the caller must not wait.
 */
bool disk_queue_wake(struct disk_queue *queue, bool on)
{
	return queue->ops->wake(queue, on) || (on && queue->ended.first);
}
