/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests that the disk does while others are taken from the queue: by the
 * thread of the queue, for drivers that want interrupts. The thread is woken by
 * the eventfd that it waits for anyway, so it waits for notifications and for
 * the disk at the same time.
 *
 * Each request has a slot. A chain takes at least one of the queue's entries
 * until it is returned, so with one slot more than these there always is one:
 * it is with the last that a guest's chain too many is found out.
 */
#include <errno.h>
#include <stdlib.h>

#include "blk.h"

static struct virtio_blk *from_device(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_blk, vdev);
}

static struct blk_slot *from_request(struct disk_request *rq)
{
	return container_of(rq, struct blk_slot, rq);
}

static void put_slot(struct blk_queue *bq, struct blk_slot *slot)
{
	slot->next = bq->unused;
	bq->unused = slot;
}

#define SLOTS (BLK_QUEUE_SIZE + 1U)

/* Slots that are used rarely are never touched. */
static int open_queue(struct virtio_blk *blk, struct blk_queue *bq)
{
	int ret;

	bq->slots = calloc(SLOTS, sizeof(*bq->slots));
	if (!bq->slots)
		return -ENOMEM;
	ret = disk_queue_open(blk->disk, BLK_QUEUE_SIZE, bq->runner.thread.fd,
			      &bq->async);
	if (ret) {
		free(bq->slots);
		bq->slots = NULL;
		return ret;
	}
	bq->unused = NULL;
	for (u32 i = SLOTS; i--;)
		put_slot(bq, &bq->slots[i]);
	return 0;
}

/* Without one, requests are done one after the other. */
bool blk_async_open(struct virtio_blk *blk, unsigned int n)
{
	struct blk_queue *bq = &blk->queues[n];

	if (!bq->runner.thread.started)
		return false;
	if (!bq->async && !bq->refused)
		bq->refused = open_queue(blk, bq);
	return bq->async;
}

/* With the queue's lock. */
static void end_slot(struct virtio_blk *blk, unsigned int n,
		     struct blk_slot *slot)
{
	virtq_push(&blk->vdev.queues[n].q, &slot->chain, blk_end(blk, slot));
	put_slot(&blk->queues[n], slot);
}

/* There is an unused slot: there is one more than a queue has requests. */
int blk_async_serve(struct virtio_blk *blk, unsigned int n)
{
	struct virtio_queue *queue = &blk->vdev.queues[n];
	struct blk_queue *bq = &blk->queues[n];
	struct blk_slot *slot = bq->unused;
	int ret;

	slot->chain = (struct virtq_chain) { .iov = slot->iov,
					     .max_iov = BLK_QUEUE_SIZE };
	ret = virtq_pop(&queue->q, &slot->chain);
	if (ret <= 0)
		return ret;
	bq->unused = slot->next;
	pthread_mutex_unlock(&queue->lock);
	ret = blk_begin(blk, slot);
	if (ret > 0)
		disk_queue_add(bq->async, &slot->rq);
	pthread_mutex_lock(&queue->lock);
	if (ret < 0)
		put_slot(bq, slot);
	else if (!ret)
		end_slot(blk, n, slot);
	return ret < 0 ? ret : 1;
}

/* A write that has to be durable goes on as a flush. */
static bool goes_on(struct blk_queue *bq, struct blk_slot *slot)
{
	if (!slot->flushes || slot->rq.ret)
		return false;
	slot->flushes = false;
	slot->rq.op = DISK_FLUSH;
	disk_queue_add(bq->async, &slot->rq);
	return true;
}

bool blk_async_settle(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_blk *blk = from_device(vdev);
	struct virtio_queue *queue = &vdev->queues[n];
	struct blk_queue *bq = &blk->queues[n];
	struct disk_request *rq;
	bool any = false;

	if (!bq->async)
		return false;
	disk_queue_wake(bq->async, false);
	pthread_mutex_unlock(&queue->lock);
	disk_queue_submit(bq->async);
	pthread_mutex_lock(&queue->lock);
	while ((rq = disk_queue_next(bq->async, false))) {
		if (!goes_on(bq, from_request(rq)))
			end_slot(blk, n, from_request(rq));
		any = true;
	}
	return any || disk_queue_wake(bq->async, true);
}

/* The guest gets the results, since a reset is not all that stops a queue. */
void blk_async_stop(struct virtio_blk *blk, unsigned int n)
{
	struct virtio_queue *queue = &blk->vdev.queues[n];
	struct blk_queue *bq = &blk->queues[n];
	struct disk_request *rq;

	bq->refused = false;
	if (!bq->async)
		return;
	disk_queue_submit(bq->async);
	while ((rq = disk_queue_next(bq->async, true))) {
		if (goes_on(bq, from_request(rq))) {
			disk_queue_submit(bq->async);
			continue;
		}
		pthread_mutex_lock(&queue->lock);
		end_slot(blk, n, from_request(rq));
		virtio_queue_done(&blk->vdev, n);
		pthread_mutex_unlock(&queue->lock);
	}
	disk_queue_close(bq->async);
	bq->async = NULL;
	free(bq->slots);
	bq->slots = NULL;
}
