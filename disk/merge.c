/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Neighbours among the requests that are handed over together: reads, or
 * writes, each of which begins where another one ends. One request stands for
 * them, with all their buffers; the kinds of queues and the media do not know.
 *
 * Such a request has a copy of the lists of buffers, so that after an error
 * those of each request are still what they were.
 */
#include <stdlib.h>
#include <string.h>

#include "queue.h"

/* What is large enough that more does not make it cheaper. */
#define MERGE_BYTES   SZ_1M
#define MERGE_BUFFERS 256U

/* Runs that can go on: streams of several threads of the guest alternate. */
#define OPEN_RUNS 4U

struct run {
	struct request_list rqs;
	enum disk_op op;
	u64 offset, end;
	u32 nr, buffers;
};

struct merged {
	struct disk_request rq; /* first: see merge_ended() */
	struct request_list rqs;
	struct iovec iov[];
};

/* An image has neighbours of different clusters in different places. */
static bool in_one_cluster(const struct disk *disk, u64 offset, u64 end)
{
	return !disk->cluster ||
	       offset / disk->cluster == (end - 1) / disk->cluster;
}

static bool continues(const struct disk *disk, const struct run *run,
		      const struct disk_request *rq)
{
	return run->nr && rq->op == run->op && rq->offset == run->end &&
	       rq->offset + rq->len - run->offset <= MERGE_BYTES &&
	       run->buffers + rq->count <= MERGE_BUFFERS &&
	       in_one_cluster(disk, run->offset, rq->offset + rq->len);
}

static void add_to_run(struct run *run, struct disk_request *rq)
{
	if (!run->nr)
		*run = (struct run) { .op = rq->op, .offset = rq->offset };
	request_append(&run->rqs, rq);
	run->end = rq->offset + rq->len;
	run->buffers += rq->count;
	run->nr++;
}

static void add_each(struct disk_queue *queue, struct request_list *rqs)
{
	struct disk_request *rq;

	while ((rq = request_take(rqs)))
		queue->ops->add(queue, rq);
}

/* NULL: there is no memory for it. */
static struct merged *merge(const struct run *run)
{
	struct merged *merged =
		malloc(sizeof(*merged) + run->buffers * sizeof(struct iovec));
	struct iovec *to;

	if (!merged)
		return NULL;
	to = merged->iov;
	for (const struct disk_request *rq = run->rqs.first; rq;
	     rq = rq->next) {
		memcpy(to, rq->iov, rq->count * sizeof(*to));
		to += rq->count;
	}
	merged->rqs = run->rqs;
	merged->rq = (struct disk_request) {
		.op = run->op,
		.iov = merged->iov,
		.count = run->buffers,
		.offset = run->offset,
		.len = run->end - run->offset,
		.merged = true,
	};
	return merged;
}

/* The run is empty then. */
static void end_run(struct disk_queue *queue, struct run *run)
{
	struct merged *merged = run->nr > 1 ? merge(run) : NULL;

	if (merged) {
		queue->ops->add(queue, &merged->rq);
		atomic_fetch_add_explicit(&queue->disk->merged, run->nr - 1,
					  memory_order_relaxed);
	} else {
		add_each(queue, &run->rqs);
	}
	run->nr = 0;
}

/* The run that the request goes on with, or the one that is to make room. */
static struct run *choose_run(struct disk_queue *queue, struct run *runs,
			      const struct disk_request *rq, u32 *oldest)
{
	struct run *run;

	for (u32 i = 0; i < OPEN_RUNS; i++)
		if (continues(queue->disk, &runs[i], rq))
			return &runs[i];
	run = &runs[(*oldest)++ % OPEN_RUNS];
	end_run(queue, run);
	return run;
}

void merge_added(struct disk_queue *queue)
{
	struct run runs[OPEN_RUNS] = { 0 };
	struct disk_request *rq;
	u32 oldest = 0;

	while ((rq = request_take(&queue->added)))
		if (rq->op == DISK_READ || rq->op == DISK_WRITE)
			add_to_run(choose_run(queue, runs, rq, &oldest), rq);
		else
			queue->ops->add(queue, rq);
	for (u32 i = 0; i < OPEN_RUNS; i++)
		end_run(queue, &runs[(oldest + i) % OPEN_RUNS]);
}

void merge_ended(struct disk_queue *queue, struct disk_request *rq)
{
	struct merged *merged = container_of(rq, struct merged, rq);

	if (!rq->ret) {
		request_move(&queue->ended, &merged->rqs);
	} else {
		add_each(queue, &merged->rqs);
		queue->ops->submit(queue);
	}
	free(merged);
}
