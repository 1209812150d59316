/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests that threads do, each with the calls that wait: for what is more
 * than a transfer to a file, and where there is no io_uring. Threads are
 * created when there is work for them, and stay until the queue is closed.
 *
 * The thread that submits does one request itself, so that a request that is
 * alone changes no thread.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "lkvm/vmm/thread.h"
#include "queue.h"

/* What most disks have to do at a time to be busy. */
#define POOL_THREADS 8

struct pool {
	struct disk_queue q;
	/* Of the queue's thread. */
	struct request_list added;
	u32 under_way; /* that were submitted and not taken back */
	unsigned int nr_threads;
	pthread_t threads[POOL_THREADS];

	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t work, end;
	struct request_list todo, done;
	unsigned int idle; /* threads that wait for work */
	bool wake, closing;
};

static struct pool *from_queue(struct disk_queue *queue)
{
	return container_of(queue, struct pool, q);
}

/* With the lock, which is not held while the request is done. */
static void do_one(struct pool *pool, struct disk_request *rq)
{
	const uint64_t one = 1;

	pthread_mutex_unlock(&pool->lock);
	rq->ret = disk_request_do(pool->q.disk, rq);
	pthread_mutex_lock(&pool->lock);
	request_append(&pool->done, rq);
	pthread_cond_signal(&pool->end);
	if (pool->wake)
		while (write(pool->q.fd, &one, sizeof(one)) < 0 &&
		       errno == EINTR)
			;
}

/*
 * A thread of the pool. It blocks in calls for as long as the disk does, so
 * pool_close() waits for whatever is under way.
 */
static void *run(void *arg)
{
	struct pool *pool = arg;
	struct disk_request *rq;

	pthread_mutex_lock(&pool->lock);
	while (!pool->closing) {
		rq = request_take(&pool->todo);
		if (rq) {
			do_one(pool, rq);
			continue;
		}
		pool->idle++;
		pthread_cond_wait(&pool->work, &pool->lock);
		pool->idle--;
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void pool_add(struct disk_queue *queue, struct disk_request *rq)
{
	struct pool *pool = from_queue(queue);

	request_append(&pool->added, rq);
	pool->under_way++;
}

/*
 * One more thread for `n` requests, unless there are enough. Without any the
 * requests are done by the thread of the queue.
 */
static bool have_threads(struct pool *pool, unsigned int n)
{
	if (pool->idle < n && pool->nr_threads < POOL_THREADS &&
	    !thread_create(&pool->threads[pool->nr_threads], run, pool))
		pool->nr_threads++;
	return pool->nr_threads;
}

/* As many as there is work for: others would go back to sleep. */
static void wake_threads(struct pool *pool, unsigned int n)
{
	for (n = MIN(n, pool->idle); n; n--)
		pthread_cond_signal(&pool->work);
}

static void pool_submit(struct disk_queue *queue)
{
	struct pool *pool = from_queue(queue);
	struct disk_request *own = request_take(&pool->added), *rq;
	unsigned int n = 0;

	if (!own)
		return;
	pthread_mutex_lock(&pool->lock);
	while ((rq = request_take(&pool->added))) {
		if (have_threads(pool, ++n))
			request_append(&pool->todo, rq);
		else
			do_one(pool, rq);
	}
	wake_threads(pool, n);
	do_one(pool, own);
	pthread_mutex_unlock(&pool->lock);
}

/*
 * All or nothing, for who must not do a request itself: the thread of an
 * io_uring, whose own transfers would not be seen to end meanwhile.
 */
bool pool_hand_over(struct disk_queue *queue)
{
	struct pool *pool = from_queue(queue);
	const struct disk_request *rq;
	unsigned int n = 0;
	bool can = true;

	pthread_mutex_lock(&pool->lock);
	for (rq = pool->added.first; rq && can; rq = rq->next)
		can = have_threads(pool, ++n);
	if (can)
		request_move(&pool->todo, &pool->added);
	wake_threads(pool, can ? n : 0);
	pthread_mutex_unlock(&pool->lock);
	return can;
}

static struct disk_request *pool_next(struct disk_queue *queue, bool wait)
{
	struct pool *pool = from_queue(queue);
	struct disk_request *rq;

	if (!pool->under_way)
		return NULL;
	pthread_mutex_lock(&pool->lock);
	while (!pool->done.first && wait && pool->under_way)
		pthread_cond_wait(&pool->end, &pool->lock);
	rq = request_take(&pool->done);
	pthread_mutex_unlock(&pool->lock);
	if (rq)
		pool->under_way--;
	return rq;
}

/* True if something has ended already: `fd` was not written for that. */
static bool pool_wake(struct disk_queue *queue, bool on)
{
	struct pool *pool = from_queue(queue);
	bool ended;

	pthread_mutex_lock(&pool->lock);
	pool->wake = on;
	ended = on && pool->done.first;
	pthread_mutex_unlock(&pool->lock);
	return ended;
}

static void pool_close(struct disk_queue *queue)
{
	struct pool *pool = from_queue(queue);

	pthread_mutex_lock(&pool->lock);
	pool->closing = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < pool->nr_threads; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->end);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static const struct disk_queue_ops pool_ops = {
	.add = pool_add,
	.submit = pool_submit,
	.next = pool_next,
	.wake = pool_wake,
	.close = pool_close,
};

int pool_create(struct disk_queue **out)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->end, NULL);
	pool->q.ops = &pool_ops;
	*out = &pool->q;
	return 0;
}
