/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests that the kernel does by io_uring: all that were added are begun with
 * one system call, and what has ended is found in memory. A build without
 * liburing has no such queues.
 *
 * What takes more than a transfer to a file, as a cluster that is new in an
 * image, is done by threads. It may have to wait for what the ring has under
 * way, also in the ring of another queue, and only the thread of that queue
 * sees it end. So no thread waits for a disk while its own ring has anything
 * under way.
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
	bool wake;     /* the last word of uring_wake() */
	/* What the ring does not do, up to the next submission, and its end. */
	struct request_list others, done;
	struct disk_queue *pool; /* NULL: not needed so far */
	u32 in_pool;
};

static struct uring *from_queue(struct disk_queue *queue)
{
	return container_of(queue, struct uring, q);
}

/*
 * One buffer needs no list that the kernel would copy and check. Its length is
 * that of a descriptor, which has 32 bits.
 */
static void prepare_transfer(struct io_uring_sqe *sqe,
			     const struct disk_request *rq)
{
	const struct disk_place *at = &rq->place;
	bool write = rq->op == DISK_WRITE;

	if (rq->count == 1)
		io_uring_prep_rw(write ? IORING_OP_WRITE : IORING_OP_READ, sqe,
				 at->fd, rq->iov->iov_base,
				 (unsigned int)rq->iov->iov_len, at->offset);
	else
		io_uring_prep_rw(write ? IORING_OP_WRITEV : IORING_OP_READV,
				 sqe, at->fd, rq->iov, rq->count, at->offset);
}

/* There is an entry: the ring has as many as requests can be under way. */
static struct io_uring_sqe *add_to_ring(struct uring *uring,
					struct disk_request *rq)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	if (rq->op == DISK_FLUSH)
		io_uring_prep_fsync(sqe, rq->place.fd, IORING_FSYNC_DATASYNC);
	else
		prepare_transfer(sqe, rq);
	io_uring_sqe_set_data(sqe, rq);
	uring->added++;
	uring->under_way++;
	return sqe;
}

/*
 * `res` is how much was done, or an error. What the kernel would not begin, or
 * what O_DIRECT does not take, is left to the calls, as is the rest of what was
 * not done as a whole.
 */
static bool is_finished(struct disk_request *rq, int res)
{
	if (rq->op == DISK_FLUSH) {
		rq->ret = MIN(res, 0);
		return true;
	}
	if (res == -EINVAL || res == -EAGAIN || res == -EINTR)
		res = 0;
	rq->ret = MIN(res, 0);
	if (res < 0 || (u64)res >= rq->len)
		return true;
	rq->done = (u64)res;
	return false;
}

/*
 * The kernel cannot see that a file in memory needs no wait: it would have one
 * of its own threads do it.
 */
static void do_at_once(struct uring *uring, struct disk_request *rq)
{
	int res = (int)disk_place_do(rq);

	request_append(is_finished(rq, res) ? &uring->done : &uring->others,
		       rq);
}

static void uring_add(struct disk_queue *queue, struct disk_request *rq)
{
	struct uring *uring = from_queue(queue);
	struct disk *disk = queue->disk;
	enum disk_way way = rq->op == DISK_CALL
				    ? DISK_BY_CALLS
				    : disk->ops->begin(disk, rq, &rq->place);

	if (way != DISK_BY_KERNEL)
		request_append(way == DISK_IS_DONE ? &uring->done
						   : &uring->others,
			       rq);
	else if (rq->place.in_memory)
		do_at_once(uring, rq);
	else
		add_to_ring(uring, rq);
}

/*
 * A kernel that is short of memory takes them a moment later. What else could
 * be wrong would be lkvm's own fault; nothing is lost then, either. `wait`: for
 * one to end, if nothing interrupts that.
 */
static void submit_ring(struct uring *uring, bool wait)
{
	while (uring->added) {
		int ret = io_uring_submit_and_wait(&uring->ring, wait);

		if (ret >= 0) {
			uring->added -= MIN(uring->added, (u32)ret);
			continue;
		}
		if (ret != -EINTR && ret != -EAGAIN && ret != -EBUSY &&
		    !uring->told)
			pr_err("disk %s: io_uring: error %d; it is tried again",
			       uring->q.disk->path, -ret);
		uring->told |= ret != -EINTR;
		poll(NULL, 0, 1);
	}
}

/* The kernel has done with the request. Returns what it says of it. */
static int end_place(struct uring *uring, struct io_uring_cqe *cqe)
{
	struct disk_request *rq = io_uring_cqe_get_data(cqe);
	struct disk *owner = rq->place.owner;
	int res = cqe->res;

	io_uring_cqe_seen(&uring->ring, cqe);
	uring->under_way--;
	if (owner)
		owner->ops->end(owner, &rq->place);
	return res;
}

static void take_end(struct uring *uring, struct io_uring_cqe *cqe)
{
	struct disk_request *rq = io_uring_cqe_get_data(cqe);
	int res = end_place(uring, cqe);

	request_append(is_finished(rq, res) ? &uring->done : &uring->others,
		       rq);
}

static void wait_for_ring(struct uring *uring)
{
	struct io_uring_cqe *cqe;

	while (uring->under_way)
		if (!io_uring_wait_cqe(&uring->ring, &cqe))
			take_end(uring, cqe);
}

/* ---- What the ring does not do ------------------------------------------- */

static bool has_pool(struct uring *uring)
{
	struct disk_queue *pool;

	if (uring->pool)
		return true;
	if (pool_create(&pool))
		return false;
	pool->disk = uring->q.disk;
	pool->fd = uring->q.fd;
	pool->ops->wake(pool, uring->wake);
	uring->pool = pool;
	return true;
}

/* A read or a write that is alone changes no thread; others take longer. */
static bool is_for_this_thread(const struct uring *uring)
{
	const struct disk_request *rq = uring->others.first;

	return !uring->under_way && !uring->in_pool && !rq->next &&
	       (rq->op == DISK_READ || rq->op == DISK_WRITE);
}

/* Without memory for a pool, or without threads, there is this one. */
static void submit_others(struct uring *uring)
{
	bool alone, handed = false;
	struct disk_request *rq;

	if (!uring->others.first)
		return;
	alone = is_for_this_thread(uring);
	if (!alone && has_pool(uring)) {
		for (; (rq = request_take(&uring->others)); uring->in_pool++)
			uring->pool->ops->add(uring->pool, rq);
		handed = pool_hand_over(uring->pool);
	}
	if (handed)
		return;
	wait_for_ring(uring);
	while ((rq = request_take(&uring->others))) {
		rq->ret = disk_request_do(uring->q.disk, rq);
		request_append(&uring->done, rq);
	}
	if (uring->pool)
		uring->pool->ops->submit(uring->pool);
}

/* -------------------------------------------------------------------------- */

static void uring_submit(struct disk_queue *queue)
{
	struct uring *uring = from_queue(queue);

	submit_ring(uring, false);
	submit_others(uring);
}

static void take_ends(struct uring *uring)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&uring->ring, &cqe))
		take_end(uring, cqe);
	submit_others(uring);
}

static struct disk_request *take_done(struct uring *uring, bool wait)
{
	struct disk_request *rq = request_take(&uring->done);

	if (rq || !uring->in_pool)
		return rq;
	rq = uring->pool->ops->next(uring->pool, wait);
	uring->in_pool -= !!rq;
	return rq;
}

static struct disk_request *uring_next(struct disk_queue *queue, bool wait)
{
	struct uring *uring = from_queue(queue);
	struct disk_request *rq = request_take(&uring->done);

	if (rq)
		return rq;
	take_ends(uring);
	rq = take_done(uring, false);
	if (rq || !wait)
		return rq;
	wait_for_ring(uring);
	submit_others(uring);
	return take_done(uring, true);
}

/* The thread of the queue is not told of its end. */
static ssize_t uring_alone(struct disk_queue *queue, struct disk_request *rq)
{
	struct uring *uring = from_queue(queue);
	struct io_uring_cqe *cqe;
	int res;

	io_uring_cq_eventfd_toggle(&uring->ring, false);
	add_to_ring(uring, rq)->rw_flags = RWF_NOWAIT;
	submit_ring(uring, true);
	while (io_uring_wait_cqe(&uring->ring, &cqe))
		;
	res = end_place(uring, cqe);
	io_uring_cq_eventfd_toggle(&uring->ring, uring->wake);
	return res;
}

/* Of the ring it is a flag in memory that is shared with the kernel. */
static bool uring_wake(struct disk_queue *queue, bool on)
{
	struct uring *uring = from_queue(queue);
	bool ended = uring->pool && uring->pool->ops->wake(uring->pool, on);

	uring->wake = on;
	io_uring_cq_eventfd_toggle(&uring->ring, on);
	atomic_thread_fence(memory_order_seq_cst);
	return on &&
	       (ended || uring->done.first || io_uring_cq_ready(&uring->ring));
}

static void uring_close(struct disk_queue *queue)
{
	struct uring *uring = from_queue(queue);

	if (uring->pool)
		uring->pool->ops->close(uring->pool);
	io_uring_queue_exit(&uring->ring);
	free(uring);
}

static const struct disk_queue_ops uring_ops = {
	.add = uring_add,
	.submit = uring_submit,
	.next = uring_next,
	.wake = uring_wake,
	.alone = uring_alone,
	.close = uring_close,
};

/*
 * The end of a request needs nothing from this thread before its next system
 * call, so it is not interrupted for it; kernels before 5.19 do not know that.
 */
static int set_up(struct uring *uring, u32 depth, int fd)
{
	int ret = io_uring_queue_init(depth, &uring->ring,
				      IORING_SETUP_COOP_TASKRUN);

	if (ret == -EINVAL)
		ret = io_uring_queue_init(depth, &uring->ring, 0);
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
