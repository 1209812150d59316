/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues served by vCPUs and by threads: see include/lkvm/virtio/runner.h.
 *
 * `serving` says that some thread takes chains from the queue. It looks for
 * more before it clears that, with the queue's lock, so a notification that
 * comes meanwhile need not do anything.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lkvm/virtio/runner.h"

/* Chains that are returned before the driver is told at the latest. */
#define BATCH 16U

/* Chains that a vCPU tries to do at most for one notification. */
#define TRIES 4U

#define NS_PER_SECOND 1000000000L
#define INTERRUPT_NS  10000000L

void virtio_runner_init(struct virtio_runner *runner, struct virtio_device *dev,
			unsigned int queue, virtio_serve_fn *serve)
{
	memset(runner, 0, sizeof(*runner));
	runner->dev = dev;
	runner->queue = queue;
	runner->serve = serve;
	lone_init(&runner->lone);
	gather_init(&runner->gather);
	pthread_cond_init(&runner->idle, NULL);
	snprintf(runner->name, sizeof(runner->name), "%.10s/%u", dev->name,
		 queue % 100);
}

void virtio_runner_destroy(struct virtio_runner *runner)
{
	pthread_cond_destroy(&runner->idle);
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NS_PER_SECOND + (u64)ts.tv_nsec;
}

/* A driver that has to reset the device gets nothing more from any queue. */
static bool may_serve(const struct virtio_runner *runner)
{
	return !runner->stopping &&
	       !(virtio_get_status(runner->dev) & VIRTIO_S_NEEDS_RESET);
}

/* What a thread has begun: a vCPU begins nothing that it does not end. */
static bool settle(struct virtio_runner *runner)
{
	return runner->settle && runner->thread.started &&
	       runner->settle(runner->dev, runner->queue);
}

static void broken(struct virtio_runner *runner)
{
	virtio_needs_reset(runner->dev, "its driver has broken a queue");
}

/* Until the driver would have made other requests, if it does not wait. */
static void hold_back(struct virtio_runner *runner, u64 ns)
{
	struct timespec time = { .tv_nsec = (long)ns };
	pthread_mutex_t *lock = &runner->dev->queues[runner->queue].lock;

	pthread_mutex_unlock(lock);
	nanosleep(&time, NULL);
	pthread_mutex_lock(lock);
}

/*
 * One chain; by the thread, for a model that has `attempt`, with a look at
 * whether it is alone: the chain before may have been held back to see if there
 * is this one. A vCPU holds nothing back.
 */
static int serve_one(struct virtio_runner *runner)
{
	struct virtq *q = &runner->dev->queues[runner->queue].q;
	bool held = runner->lone.probe;
	bool alone = !q->pending && !held && !runner->gather.on;
	int ret = runner->serve(runner->dev, runner->queue);

	if (!runner->attempt || !runner->thread.started)
		return ret;
	if (held)
		lone_held(&runner->lone, ret > 0);
	if (ret <= 0)
		return ret;
	lone_taken(&runner->lone, now_ns(), alone);
	if (runner->lone.probe)
		hold_back(runner, lone_hold_ns(&runner->lone));
	return ret;
}

/*
 * Waits for other requests before the driver is told, if `idle`: none was left
 * in the queue. False: it is to be told.
 */
static bool wait_for_others(struct virtio_runner *runner, bool idle, u32 came)
{
	struct virtq *q = &runner->dev->queues[runner->queue].q;
	u64 ns;

	if (!runner->attempt || !runner->thread.started)
		return false;
	idle = idle && !q->pending && may_serve(runner) &&
	       virtq_would_interrupt(q);
	ns = gather_wait_ns(&runner->gather, came,
			    idle ? runner->lone.interval : 0);
	if (ns)
		hold_back(runner, ns);
	return ns;
}

/* Takes `max` chains at most. True if there may be more. */
static bool serve_some(struct virtio_runner *runner, u32 max)
{
	struct virtio_device *dev = runner->dev;
	struct virtq *q = &dev->queues[runner->queue].q;
	u32 n = 0, before;
	bool ended;
	int ret;

	do {
		virtq_disable_kicks(q);
		ret = 1;
		before = n;
		while (n < max && may_serve(runner)) {
			ret = serve_one(runner);
			if (ret <= 0)
				break;
			if (!(++n % BATCH))
				virtio_queue_done(dev, runner->queue);
		}
		ended = settle(runner);
		if (wait_for_others(runner, !ret, n - before))
			ended = true;
		else
			virtio_queue_done(dev, runner->queue);
	} while (!ret && (ended || virtq_enable_kicks(q)));
	if (ret < 0)
		broken(runner);
	return ret > 0 && may_serve(runner);
}

/* With the queue's lock. */
static bool serve_queue(struct virtio_runner *runner, u32 max)
{
	bool more;

	runner->serving = true;
	more = serve_some(runner, max);
	runner->serving = false;
	pthread_cond_broadcast(&runner->idle);
	return more;
}

/* A driver that never lets the queue get empty may go on for days. */
static void serve_all(struct virtio_runner *runner)
{
	u32 size = runner->dev->queues[runner->queue].q.size;

	while (serve_queue(runner, size))
		;
}

/* Where KVM cannot notify the thread, vCPUs leave the guest for it. */
static void set_notified(struct virtio_runner *runner, bool on)
{
	struct virtio_device *dev = runner->dev;
	int ret;

	if (runner->notified == on || !dev->transport->notify)
		return;
	ret = dev->transport->notify(dev, runner->queue, runner->thread.fd, on);
	runner->notified = on && !ret;
}

/*
 * Only the thread changes who is notified. A notification that was on its way
 * to the eventfd meanwhile wakes the thread once more.
 */
static void follow(struct virtio_runner *runner)
{
	bool here = runner->attempt && runner->lone.here;

	if (runner->here == here || !may_serve(runner))
		return;
	runner->here = here;
	set_notified(runner, !here);
}

/* The thread's part. A guest that never lets the queue get empty has it. */
static void run(void *opaque)
{
	struct virtio_runner *runner = opaque;
	struct virtio_queue *queue = &runner->dev->queues[runner->queue];

	if (runner->lock_step)
		iothread_let_interrupt();
	pthread_mutex_lock(&queue->lock);
	if (!runner->serving && may_serve(runner)) {
		serve_all(runner);
		follow(runner);
	}
	pthread_mutex_unlock(&queue->lock);
}

static int start_thread(struct virtio_runner *runner)
{
	int ret;

	if (runner->thread.started)
		return 0;
	ret = iothread_start(&runner->thread, runner->name, run, runner);
	if (!ret)
		set_notified(runner, true);
	return ret;
}

/*
 * On a vCPU's thread. The driver is told of each chain at once, since it waits
 * for it. True if the thread has nothing to do.
 */
static bool try_some(struct virtio_runner *runner)
{
	struct virtio_device *dev = runner->dev;
	struct virtq *q = &dev->queues[runner->queue].q;

	for (u32 n = 0; n < TRIES && may_serve(runner); n++) {
		u64 began = now_ns();
		int ret;

		virtq_disable_kicks(q);
		ret = runner->attempt(dev, runner->queue);
		if (ret > 0 && !n)
			lone_done(&runner->lone, now_ns() - began);
		else if (ret)
			lone_failed(&runner->lone);
		if (ret < 0 && ret != -EAGAIN)
			broken(runner);
		if (ret < 0)
			return ret != -EAGAIN;
		virtio_queue_done(dev, runner->queue);
		if (!virtq_enable_kicks(q))
			return runner->lone.here;
	}
	return false;
}

/* The same, with the queue's lock. */
static bool serve_here(struct virtio_runner *runner)
{
	bool done;

	if (!runner->lone.here)
		return false;
	if (runner->dev->queues[runner->queue].q.pending) {
		lone_failed(&runner->lone);
		return false;
	}
	runner->serving = true;
	done = try_some(runner);
	runner->serving = false;
	pthread_cond_broadcast(&runner->idle);
	return done;
}

/*
 * Each queue is looked at when the device is started, when the driver may not
 * have said yet how it waits: an empty queue gets no thread.
 *
 * In lock-step there are few chains. A guest that keeps a vCPU here, by adding
 * chains with another, gets the thread, so that the vCPU can be interrupted.
 */
void virtio_runner_kick(struct virtio_runner *runner)
{
	struct virtq *q = &runner->dev->queues[runner->queue].q;

	if (runner->serving || !virtq_enable_kicks(q))
		return;
	runner->stopping = false;
	if (!runner->thread.started && !runner->own_thread &&
	    (runner->lock_step || virtq_is_polled(q)) &&
	    !serve_queue(runner, q->size))
		return;
	if (runner->here && serve_here(runner))
		return;
	if (start_thread(runner))
		serve_all(runner);
	else
		iothread_kick(&runner->thread);
}

/*
 * The system call that is to be interrupted may be about to begin: so this is
 * done again and again. vCPUs are kicked by who ends the run.
 */
static void wait_interrupting(struct virtio_runner *runner,
			      pthread_mutex_t *lock)
{
	struct timespec until;

	iothread_interrupt(&runner->thread);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += INTERRUPT_NS;
	until.tv_sec += until.tv_nsec / NS_PER_SECOND;
	until.tv_nsec %= NS_PER_SECOND;
	pthread_cond_clockwait(&runner->idle, lock, CLOCK_MONOTONIC, &until);
}

void virtio_runner_stop(struct virtio_runner *runner)
{
	struct virtio_device *dev = runner->dev;
	struct virtio_queue *queue = &dev->queues[runner->queue];

	pthread_mutex_lock(&queue->lock);
	runner->stopping = true;
	while (runner->serving)
		if (runner->lock_step)
			wait_interrupting(runner, &queue->lock);
		else
			pthread_cond_wait(&runner->idle, &queue->lock);
	pthread_mutex_unlock(&queue->lock);
	set_notified(runner, false);
	iothread_stop(&runner->thread);
	runner->here = false;
	lone_init(&runner->lone);
	gather_init(&runner->gather);
}
