/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads for jobs that may block: a queue of jobs, and threads that take them
 * from it. A finished job with a `done` goes to a second queue, and an eventfd
 * has the event loop call it, so `done` needs no lock against other handlers.
 *
 * A job's state says which queue it is in, if any; worker_drain() and
 * worker_cancel() wait for it to change and may take the job out themselves.
 * One lock guards both queues and all states, and is released while a job runs.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/vmm/thread.h"
#include "lkvm/vmm/worker.h"

void worker_init(struct worker *w, struct evloop *loop, const char *name,
		 unsigned int max_threads)
{
	memset(w, 0, sizeof(*w));
	w->name = name;
	w->loop = loop;
	w->max_threads = MIN(max_threads, WORKER_MAX_THREADS);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	pthread_cond_init(&w->changed, NULL);
	STAILQ_INIT(&w->queue);
	STAILQ_INIT(&w->finished);
}

/*
 * Jobs are drained or cancelled by their owners before; idle threads are woken
 * to see `ending`.
 */
void worker_destroy(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->lock);
	for (unsigned int i = 0; i < w->nr_threads; i++)
		pthread_join(w->threads[i], NULL);
	if (w->watched) {
		evloop_del(w->loop, &w->source);
		close(w->source.fd);
	}
	pthread_cond_destroy(&w->changed);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
}

/* ---- The event loop's side ----------------------------------------------- */

/*
 * The next job whose `done` is due, NULL if there is none. It is idle from here
 * on, so `done` may submit or free it.
 */
static struct worker_job *take_finished(struct worker *w)
{
	struct worker_job *job;

	pthread_mutex_lock(&w->lock);
	job = STAILQ_FIRST(&w->finished);
	if (job) {
		STAILQ_REMOVE_HEAD(&w->finished, next);
		job->state = JOB_IDLE;
	}
	pthread_mutex_unlock(&w->lock);
	return job;
}

/*
 * On the loop's thread. The eventfd is read before the queue: a job that is
 * queued in between makes it readable again.
 */
static void handle_finished(struct evloop_source *source, u32 events)
{
	struct worker *w = container_of(source, struct worker, source);
	struct worker_job *job;
	uint64_t count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	while ((job = take_finished(w)))
		job->done(job);
}

/* Set up with the first job that has a `done`, for the life of the worker. */
static int watch(struct worker *w)
{
	int ret;

	w->source.handle = handle_finished;
	w->source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->source.fd < 0)
		return -errno;
	ret = evloop_add(w->loop, &w->source, EPOLLIN);
	if (ret)
		close(w->source.fd);
	w->watched = !ret;
	return ret;
}

/* ---- The threads --------------------------------------------------------- */

/*
 * With the lock held; after it is released the job may be freed by its owner.
 */
static void finish(struct worker *w, struct worker_job *job)
{
	const uint64_t one = 1;

	if (job->done) {
		job->state = JOB_FINISHED;
		STAILQ_INSERT_TAIL(&w->finished, job, next);
	} else {
		job->state = JOB_IDLE;
	}
	pthread_cond_broadcast(&w->changed);
	/* Fails only if the counter is full: then the loop wakes anyway. */
	if (job->state == JOB_FINISHED &&
	    write(w->source.fd, &one, sizeof(one)) < 0)
		return;
}

/* The lock is held except while a job runs. */
static void *worker_thread(void *arg)
{
	struct worker *w = arg;
	struct worker_job *job;

	pthread_setname_np(pthread_self(), w->name);
	pthread_mutex_lock(&w->lock);
	while (!w->ending) {
		job = STAILQ_FIRST(&w->queue);
		if (!job) {
			w->nr_idle++;
			pthread_cond_wait(&w->work, &w->lock);
			w->nr_idle--;
			continue;
		}
		STAILQ_REMOVE_HEAD(&w->queue, next);
		w->nr_queued--;
		job->state = JOB_RUNNING;
		pthread_mutex_unlock(&w->lock);
		job->run(job);
		pthread_mutex_lock(&w->lock);
		finish(w, job);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static int start_thread(struct worker *w)
{
	int ret = thread_create(&w->threads[w->nr_threads], worker_thread, w);

	w->nr_threads += !ret;
	return ret;
}

/* ---- Jobs ---------------------------------------------------------------- */

/*
 * Makes sure that there is a thread for the job, a new one if all others have
 * work. If no more can be created, one is enough.
 */
static int prepare(struct worker *w, const struct worker_job *job)
{
	int ret = job->done && !w->watched ? watch(w) : 0;

	if (!ret && w->nr_queued >= w->nr_idle &&
	    w->nr_threads < w->max_threads) {
		ret = start_thread(w);
		if (w->nr_threads)
			ret = 0;
	}
	return ret;
}

/* An idle thread takes the job, else the first that finishes its own. */
int worker_submit(struct worker *w, struct worker_job *job)
{
	int ret = -EBUSY;

	pthread_mutex_lock(&w->lock);
	if (job->state == JOB_IDLE)
		ret = prepare(w, job);
	if (!ret) {
		job->state = JOB_QUEUED;
		STAILQ_INSERT_TAIL(&w->queue, job, next);
		w->nr_queued++;
		pthread_cond_signal(&w->work);
	}
	pthread_mutex_unlock(&w->lock);
	return ret;
}

/*
 * With the lock held. True if the caller has to call `done`: the job is out of
 * the queue then.
 */
static bool wait_for(struct worker *w, struct worker_job *job)
{
	bool finished;

	while (job->state == JOB_QUEUED || job->state == JOB_RUNNING)
		pthread_cond_wait(&w->changed, &w->lock);
	finished = job->state == JOB_FINISHED;
	if (finished)
		STAILQ_REMOVE(&w->finished, job, worker_job, next);
	job->state = JOB_IDLE;
	return finished;
}

/* `done` may be called here: this is the thread of the loop. */
void worker_drain(struct worker *w, struct worker_job *job)
{
	bool finished;

	pthread_mutex_lock(&w->lock);
	finished = wait_for(w, job);
	pthread_mutex_unlock(&w->lock);
	if (finished)
		job->done(job);
}

/* A queued job is removed, one that runs is waited for. */
void worker_cancel(struct worker *w, struct worker_job *job)
{
	pthread_mutex_lock(&w->lock);
	if (job->state == JOB_QUEUED) {
		STAILQ_REMOVE(&w->queue, job, worker_job, next);
		w->nr_queued--;
		job->state = JOB_IDLE;
	}
	wait_for(w, job);
	pthread_mutex_unlock(&w->lock);
}
