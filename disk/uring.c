/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests that the kernel does by io_uring: all that were added are begun with
 * one system call, and what has ended is found in memory. For a disk whose
 * content is in one file. A build without liburing has no such queues.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lkvm/util/log.h"
#include "queue.h"

#ifdef HAVE_URING

#include <liburing.h>

struct uring {
	struct disk_queue q;
	struct io_uring ring;
	u32 added;     /* since the last submission */
	u32 under_way; /* that were added and not taken back */
	bool told;     /* of an error at a submission */
};

static struct uring *from_queue(struct disk_queue *queue)
{
	return container_of(queue, struct uring, q);
}

/* There is an entry: the ring has as many as requests can be under way. */
static void uring_add(struct disk_queue *queue, struct disk_request *rq)
{
	struct uring *uring = from_queue(queue);
	struct disk *disk = queue->disk;
	int fd = disk->ops->target(disk, rq->iov, rq->count, rq->offset);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	if (rq->op == DISK_READ)
		io_uring_prep_readv(sqe, fd, rq->iov, rq->count, rq->offset);
	else if (rq->op == DISK_WRITE)
		io_uring_prep_writev(sqe, fd, rq->iov, rq->count, rq->offset);
	else
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(sqe, rq);
	uring->added++;
	uring->under_way++;
}

/*
 * A kernel that is short of memory takes them a moment later. What else could
 * be wrong would be lkvm's own fault; nothing is lost then, either.
 */
static void uring_submit(struct disk_queue *queue)
{
	struct uring *uring = from_queue(queue);

	while (uring->added) {
		int ret = io_uring_submit(&uring->ring);

		if (ret >= 0) {
			uring->added -= MIN(uring->added, (u32)ret);
			continue;
		}
		if (ret != -EINTR && ret != -EAGAIN && ret != -EBUSY &&
		    !uring->told)
			pr_err("disk %s: io_uring: error %d; it is tried again",
			       queue->disk->path, -ret);
		uring->told |= ret != -EINTR;
		poll(NULL, 0, 1);
	}
}

/*
 * `res` is how much was done, or an error. The rest is done with the calls that
 * wait; so is what the kernel would not begin, or what O_DIRECT does not take.
 */
static int finish(struct disk *disk, struct disk_request *rq, int res)
{
	if (rq->op == DISK_FLUSH)
		return res < 0 ? res : 0;
	if (res == -EINVAL || res == -EAGAIN || res == -EINTR)
		res = 0;
	if (res < 0 || (u64)res >= rq->len)
		return MIN(res, 0);
	return disk_request_do(disk, rq, (u64)res);
}

static struct io_uring_cqe *get_end(struct uring *uring, bool wait)
{
	struct io_uring_cqe *cqe = NULL;

	if (!wait)
		return io_uring_peek_cqe(&uring->ring, &cqe) ? NULL : cqe;
	while (uring->under_way && io_uring_wait_cqe(&uring->ring, &cqe))
		;
	return cqe;
}

static struct disk_request *uring_next(struct disk_queue *queue, bool wait)
{
	struct uring *uring = from_queue(queue);
	struct io_uring_cqe *cqe = get_end(uring, wait);
	struct disk_request *rq;
	int res;

	if (!cqe)
		return NULL;
	rq = io_uring_cqe_get_data(cqe);
	res = cqe->res;
	io_uring_cqe_seen(&uring->ring, cqe);
	uring->under_way--;
	rq->ret = finish(queue->disk, rq, res);
	return rq;
}

/* A flag in memory that is shared with the kernel: no system call. */
static bool uring_wake(struct disk_queue *queue, bool on)
{
	struct uring *uring = from_queue(queue);

	io_uring_cq_eventfd_toggle(&uring->ring, on);
	atomic_thread_fence(memory_order_seq_cst);
	return on && io_uring_cq_ready(&uring->ring);
}

static void uring_close(struct disk_queue *queue)
{
	struct uring *uring = from_queue(queue);

	io_uring_queue_exit(&uring->ring);
	free(uring);
}

static const struct disk_queue_ops uring_ops = {
	.add = uring_add,
	.submit = uring_submit,
	.next = uring_next,
	.wake = uring_wake,
	.close = uring_close,
};

static int set_up(struct uring *uring, u32 depth, int fd)
{
	int ret = io_uring_queue_init(depth, &uring->ring, 0);

	if (ret)
		return ret;
	ret = io_uring_register_eventfd(&uring->ring, fd);
	if (ret)
		io_uring_queue_exit(&uring->ring);
	return ret;
}

int uring_create(u32 depth, int fd, struct disk_queue **out)
{
	struct uring *uring = calloc(1, sizeof(*uring));
	int ret = uring ? set_up(uring, depth, fd) : -ENOMEM;

	if (ret) {
		free(uring);
		return ret;
	}
	uring->q.ops = &uring_ops;
	io_uring_cq_eventfd_toggle(&uring->ring, false);
	*out = &uring->q;
	return 0;
}

#else

int uring_create(u32 depth, int fd, struct disk_queue **out)
{
	(void)depth;
	(void)fd;
	(void)out;
	return -ENOSYS;
}

#endif
