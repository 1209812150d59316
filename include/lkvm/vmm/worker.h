/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads for what may block for long, such as a sync of a file, so that
 * neither the event loop nor a vCPU waits for it.
 */
#ifndef LKVM_VMM_WORKER_H
#define LKVM_VMM_WORKER_H

#include <pthread.h>
#include <sys/queue.h>

#include "lkvm/util/util.h"

#define WORKER_MAX_THREADS 8U

/*
 * Something to be done, embedded in what it is for and owned by the caller, who
 * may free it when it is not under way: before worker_submit(), and after
 * worker_drain() or worker_cancel(). All zeroes but for the function at first.
 */
struct worker_job {
	/* On a thread of the worker, with no lock held. */
	void (*run)(struct worker_job *job);
	/* Private from here on. */
	enum {
		JOB_IDLE,
		JOB_QUEUED,
		JOB_RUNNING,
	} state;
	STAILQ_ENTRY(worker_job) next;
};

STAILQ_HEAD(worker_jobs, worker_job);

struct worker {
	const char *name; /* of the threads; not owned */
	unsigned int max_threads;
	pthread_mutex_t lock; /* of all that follows, and of jobs' states */
	pthread_cond_t work, changed;
	struct worker_jobs queue;
	unsigned int nr_queued;
	unsigned int nr_threads, nr_idle;
	pthread_t threads[WORKER_MAX_THREADS];
	bool ending;
};

/*
 * Prepares *worker. Threads, up to `max_threads` of them, are created when
 * there is work for them.
 */
void worker_init(struct worker *worker, const char *name,
		 unsigned int max_threads);

/* No job is under way. */
void worker_destroy(struct worker *worker);

/*
 * Has the job run; jobs begin in the order in which they were submitted. Any
 * thread. Returns 0; -EBUSY if it is under way already; or, if no thread can be
 * had, -errno: then the caller has to do the work itself.
 */
int worker_submit(struct worker *worker, struct worker_job *job);

/* Waits until the job is not under way; with no lock held that `run` takes. */
void worker_drain(struct worker *worker, struct worker_job *job);

/* The same, but a job that has not begun is taken back. */
void worker_cancel(struct worker *worker, struct worker_job *job);

#endif
