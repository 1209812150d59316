/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads for jobs that may block: a queue of jobs, and threads that take them
 * from it.
 *
 * A job's state says whether it is in the queue; worker_drain() and
 * worker_cancel() wait for it to change and may take the job out themselves.
 * One lock guards the queue and all states, and is released while a job runs.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/vmm/thread.h"
#include "lkvm/vmm/worker.h"

void worker_init(struct worker *w, const char *name, unsigned int max_threads)
{
	memset(w, 0, sizeof(*w));
	w->name = name;
	w->max_threads = MIN(max_threads, WORKER_MAX_THREADS);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	pthread_cond_init(&w->changed, NULL);
	STAILQ_INIT(&w->queue);
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
	pthread_cond_destroy(&w->changed);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
}

/* ---- The threads --------------------------------------------------------- */

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
		/* Once the lock is released its owner may free the job. */
		job->state = JOB_IDLE;
		pthread_cond_broadcast(&w->changed);
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
static int prepare(struct worker *w)
{
	int ret = 0;

	if (w->nr_queued >= w->nr_idle && w->nr_threads < w->max_threads) {
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
		ret = prepare(w);
	if (!ret) {
		job->state = JOB_QUEUED;
		STAILQ_INSERT_TAIL(&w->queue, job, next);
		w->nr_queued++;
		pthread_cond_signal(&w->work);
	}
	pthread_mutex_unlock(&w->lock);
	return ret;
}

/* With the lock held, which is released meanwhile. */
static void wait_for(struct worker *w, const struct worker_job *job)
{
	while (job->state != JOB_IDLE)
		pthread_cond_wait(&w->changed, &w->lock);
}

void worker_drain(struct worker *w, struct worker_job *job)
{
	pthread_mutex_lock(&w->lock);
	wait_for(w, job);
	pthread_mutex_unlock(&w->lock);
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
