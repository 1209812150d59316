/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A memory balloon (virtio 1.4, "Traditional Memory Balloon Device").
 *
 * Queues. The specification numbers five; drivers number those that they have,
 * one after the other. Linux (drivers/virtio, find_vqs of both transports) does
 * without numbers for queues whose feature was not negotiated: the queue of
 * reports is 3 for it, or 2 without statistics, and would be 4 by the letter.
 * Queue 2 is the one for statistics if these were negotiated, all others behind
 * 1 are for reports, so that each way of counting is right.
 *
 * Pages. What is inflated or reported is given back at once, by the queue's
 * thread. Nothing is kept of it: deflating, or a reset, is only accounting.
 * Free pages that a guest fills with a pattern and looks at when it takes them
 * ("Page Poison") would change: it tells the pattern, and its reports are
 * without effect unless that is 0. If it cannot tell, Linux reports none.
 *
 * Statistics. The driver always leaves a buffer with us. When it gets that back
 * it fills in and returns another, which is what a question is. That queue has
 * no thread: there is no work.
 *
 * Locks: the queue's for `held`, the device's for what is written to the
 * configuration; all else is atomic.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>

#include "balloon.h"
#include "lkvm/util/iov.h"
#include "lkvm/util/json.h"
#include "lkvm/virtio/balloon.h"
#include "lkvm/virtio/runner.h"
#include "lkvm/vmm/evloop.h"

/* Linux takes reports of 32 pages at once, and queues of that size at least. */
#define QUEUE_SIZE 128

#define NS_PER_SECOND 1000000000ULL

enum {
	INFLATE,
	DEFLATE,
	STATS,
	NR_QUEUES = 5,
};

/* A queue with a thread of its own, whose buffers these are. */
struct balloon_queue {
	struct virtio_runner runner;
	struct iovec iov[QUEUE_SIZE];
};

struct virtio_balloon {
	struct virtio_device vdev;
	struct balloon_pages pages;
	struct balloon_stats stats;
	struct balloon_queue queues[NR_QUEUES];
	u32 numbers[BALLOON_MAX_PAGES]; /* of who serves INFLATE */

	/* "Device configuration layout"; pages of 4 KiB. */
	_Atomic(u32) target, actual, poison;

	_Atomic(u64) inflated, deflated; /* pages, so far */
	_Atomic(u64) reported;		 /* bytes */

	struct evloop *loop;
	struct evloop_timer timer;
	u32 interval; /* seconds; 0: there is no timer */
	bool has_held;
	struct virtq_chain held; /* the driver's buffer, to be returned */
	struct iovec stats_iov[QUEUE_SIZE];
};

static struct virtio_balloon *from_device(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_balloon, vdev);
}

static bool has(const struct virtio_device *vdev, unsigned int feature)
{
	return vdev->features & BIT(feature);
}

/* See the head of this file for how drivers count. */
static bool is_stats(const struct virtio_device *vdev, unsigned int queue)
{
	return queue == STATS && has(vdev, VIRTIO_BALLOON_F_STATS_VQ);
}

/* ---- Pages --------------------------------------------------------------- */

/* A list without end is cut: whatever is not taken stays the guest's. */
static void inflate(struct virtio_balloon *balloon,
		    const struct virtq_chain *chain)
{
	u32 *numbers = balloon->numbers;
	size_t n = iov_read(chain->iov, chain->nr_out, 0, numbers,
			    sizeof(balloon->numbers)) /
		   sizeof(*numbers);

	for (size_t i = 0; i < n; i++)
		numbers[i] = le32toh(numbers[i]);
	atomic_fetch_add(&balloon->inflated, n);
	balloon_give_pages(&balloon->pages, numbers, n);
}

/*
 * "Free Page Reporting": the buffers are the free pages themselves. They were
 * copied from the ring as addresses in RAM, so they are checked.
 */
static void report(struct virtio_balloon *balloon,
		   const struct virtq_chain *chain)
{
	if (!has(&balloon->vdev, VIRTIO_BALLOON_F_REPORTING))
		return;
	atomic_fetch_add(&balloon->reported, chain->in_len);
	if (atomic_load(&balloon->poison))
		return;
	for (u32 i = 0; i < chain->nr_in; i++) {
		const struct iovec *buf = &chain->iov[chain->nr_out + i];

		balloon_give_range(&balloon->pages, buf->iov_base,
				   buf->iov_len);
	}
}

static void carry_out(struct virtio_balloon *balloon, unsigned int queue,
		      const struct virtq_chain *chain)
{
	if (queue == INFLATE)
		inflate(balloon, chain);
	else if (queue == DEFLATE)
		atomic_fetch_add(&balloon->deflated,
				 chain->out_len / sizeof(u32));
	else
		report(balloon, chain);
}

/* Nothing is written to the buffers, so the length is always 0. */
static int serve(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_balloon *balloon = from_device(vdev);
	struct virtio_queue *queue = &vdev->queues[n];
	struct virtq_chain chain = { .iov = balloon->queues[n].iov,
				     .max_iov = QUEUE_SIZE };
	int ret = virtq_pop(&queue->q, &chain);

	if (ret <= 0)
		return ret;
	pthread_mutex_unlock(&queue->lock);
	carry_out(balloon, n, &chain);
	pthread_mutex_lock(&queue->lock);
	virtq_push(&queue->q, &chain, 0);
	return 1;
}

/* ---- Statistics: with the queue's lock ----------------------------------- */

static void give_held(struct virtio_balloon *balloon)
{
	struct virtio_device *vdev = &balloon->vdev;

	if (!balloon->has_held)
		return;
	balloon->has_held = false;
	virtq_push(&vdev->queues[STATS].q, &balloon->held, 0);
	virtio_queue_done(vdev, STATS);
}

/* A driver has one buffer; from one with more the last one is kept. */
static int take_stats(struct virtio_balloon *balloon)
{
	struct virtq_chain chain = { .iov = balloon->stats_iov,
				     .max_iov = QUEUE_SIZE };
	int ret = virtq_pop(&balloon->vdev.queues[STATS].q, &chain);

	if (ret <= 0)
		return ret;
	balloon_stats_take(&balloon->stats, chain.iov, chain.nr_out);
	give_held(balloon);
	balloon->held = chain;
	balloon->has_held = true;
	return 1;
}

/* What a driver adds without end stays there for its next notification. */
static void kick_stats(struct virtio_balloon *balloon)
{
	struct virtq *q = &balloon->vdev.queues[STATS].q;
	u32 left = q->size;

	while (left-- && virtq_enable_kicks(q))
		if (take_stats(balloon) < 0)
			virtio_needs_reset(&balloon->vdev,
					   "its driver has broken a queue");
}

/* The buffer is taken back, to be looked at again if the device goes on. */
static void stop_stats(struct virtio_balloon *balloon)
{
	struct virtio_queue *queue = &balloon->vdev.queues[STATS];

	pthread_mutex_lock(&queue->lock);
	if (balloon->has_held)
		virtq_unpop(&queue->q, &balloon->held);
	balloon->has_held = false;
	pthread_mutex_unlock(&queue->lock);
}

static void set_timer(struct virtio_balloon *balloon)
{
	if (balloon->interval)
		evloop_timer_set(&balloon->timer,
				 balloon->interval * NS_PER_SECOND);
}

/* The event loop's thread. Without a driver it ends; `start` begins again. */
static void ask(struct evloop_timer *timer)
{
	struct virtio_balloon *balloon =
		container_of(timer, struct virtio_balloon, timer);
	struct virtio_device *vdev = &balloon->vdev;
	struct virtio_queue *queue = &vdev->queues[STATS];

	if (virtio_get_status(vdev) & VIRTIO_S_NEEDS_RESET ||
	    !atomic_load(&vdev->running))
		return;
	pthread_mutex_lock(&queue->lock);
	give_held(balloon);
	pthread_mutex_unlock(&queue->lock);
	set_timer(balloon);
}

/* ---- The device ---------------------------------------------------------- */

static void balloon_read_config(struct virtio_device *vdev, u32 offset,
				void *buf, u32 len)
{
	const struct virtio_balloon *balloon = from_device(vdev);
	const struct virtio_balloon_config config = {
		.num_pages = htole32(atomic_load(&balloon->target)),
		.actual = htole32(atomic_load(&balloon->actual)),
		.poison_val = htole32(atomic_load(&balloon->poison)),
	};

	memcpy(buf, (const u8 *)&config + offset, len);
}

/* In pieces of any size; the target is not the driver's to write. */
static void balloon_write_config(struct virtio_device *vdev, u32 offset,
				 const void *buf, u32 len)
{
	struct virtio_balloon *balloon = from_device(vdev);
	struct virtio_balloon_config config;

	balloon_read_config(vdev, 0, &config, sizeof(config));
	memcpy((u8 *)&config + offset, buf, len);
	atomic_store(&balloon->actual, le32toh(config.actual));
	if (has(vdev, VIRTIO_BALLOON_F_PAGE_POISON))
		atomic_store(&balloon->poison, le32toh(config.poison_val));
}

/* The timer's first question is for a driver that has had time to settle. */
static int balloon_start(struct virtio_device *vdev)
{
	set_timer(from_device(vdev));
	return 0;
}

static void stop_one(struct virtio_device *vdev, unsigned int queue)
{
	if (is_stats(vdev, queue))
		stop_stats(from_device(vdev));
	else
		virtio_runner_stop(&from_device(vdev)->queues[queue].runner);
}

static void balloon_stop(struct virtio_device *vdev)
{
	for (unsigned int i = 0; i < NR_QUEUES; i++)
		stop_one(vdev, i);
}

/* All pages are the guest's again. */
static void balloon_reset(struct virtio_device *vdev)
{
	struct virtio_balloon *balloon = from_device(vdev);

	atomic_store(&balloon->actual, 0);
	atomic_store(&balloon->poison, 0);
}

/* With the queue's lock. */
static void balloon_kick(struct virtio_device *vdev, unsigned int queue)
{
	if (is_stats(vdev, queue))
		kick_stats(from_device(vdev));
	else
		virtio_runner_kick(&from_device(vdev)->queues[queue].runner);
}

static void balloon_stats(struct virtio_device *vdev, struct json_writer *json)
{
	struct virtio_balloon *balloon = from_device(vdev);
	u64 target = atomic_load(&balloon->target);
	u64 actual = atomic_load(&balloon->actual);

	json_u64(json, "target", target * BALLOON_PAGE);
	json_u64(json, "actual", actual * BALLOON_PAGE);
	json_u64(json, "inflated",
		 atomic_load(&balloon->inflated) * BALLOON_PAGE);
	json_u64(json, "deflated",
		 atomic_load(&balloon->deflated) * BALLOON_PAGE);
	json_u64(json, "reported", atomic_load(&balloon->reported));
	json_u64(json, "given_back", atomic_load(&balloon->pages.given));
	json_u64(json, "no_ram", atomic_load(&balloon->pages.no_ram));
	json_u64(json, "errors", atomic_load(&balloon->pages.errors));
	balloon_stats_write(&balloon->stats, json);
}

static void balloon_destroy(struct virtio_device *vdev)
{
	struct virtio_balloon *balloon = from_device(vdev);

	if (balloon->interval)
		evloop_timer_destroy(balloon->loop, &balloon->timer);
	for (unsigned int i = 0; i < NR_QUEUES; i++)
		virtio_runner_destroy(&balloon->queues[i].runner);
	virtio_device_destroy(vdev);
	free(balloon);
}

static const struct virtio_model_ops balloon_ops = {
	.read_config = balloon_read_config,
	.write_config = balloon_write_config,
	.start = balloon_start,
	.stop = balloon_stop,
	.stop_queue = stop_one,
	.reset = balloon_reset,
	.kick = balloon_kick,
	.stats = balloon_stats,
	.destroy = balloon_destroy,
};

/* A guest whose pages stay need not look for free ones. */
static u64 choose_features(u64 page)
{
	u64 features = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
		       VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED |
		       BIT(VIRTIO_BALLOON_F_STATS_VQ) |
		       BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM);

	if (page)
		features |= BIT(VIRTIO_BALLOON_F_REPORTING) |
			    BIT(VIRTIO_BALLOON_F_PAGE_POISON);
	return features;
}

static void init(struct virtio_balloon *balloon,
		 const struct virtio_balloon_params *params)
{
	struct virtio_device *vdev = &balloon->vdev;

	vdev->ops = &balloon_ops;
	vdev->name = params->name;
	vdev->id = VIRTIO_ID_BALLOON;
	vdev->config_size = sizeof(struct virtio_balloon_config);
	vdev->offered = choose_features(params->page);
	vdev->nr_queues = NR_QUEUES;
	vdev->queue_size = QUEUE_SIZE;
	virtio_device_init(vdev, params->mem);
	for (unsigned int i = 0; i < NR_QUEUES; i++)
		virtio_runner_init(&balloon->queues[i].runner, vdev, i, serve);
	balloon->pages.name = params->name;
	balloon->pages.mem = params->mem;
	balloon->pages.page = params->page;
	balloon->interval = params->interval;
}

static u32 pages_of(u64 bytes)
{
	return (u32)MIN(bytes / BALLOON_PAGE, (u64)UINT32_MAX);
}

int virtio_balloon_create(const struct virtio_balloon_params *params,
			  struct virtio_device **out)
{
	struct virtio_balloon *balloon = calloc(1, sizeof(*balloon));
	int ret = 0;

	if (!balloon)
		return -ENOMEM;
	balloon->loop = params->loop;
	if (params->interval)
		ret = evloop_timer_init(params->loop, &balloon->timer, ask);
	if (ret) {
		free(balloon);
		return ret;
	}
	init(balloon, params);
	atomic_store(&balloon->target, pages_of(params->target));
	*out = &balloon->vdev;
	return 0;
}

void virtio_balloon_set_target(struct virtio_device *vdev, u64 bytes)
{
	struct virtio_balloon *balloon = from_device(vdev);
	u32 pages = pages_of(bytes);

	if (atomic_exchange(&balloon->target, pages) != pages)
		virtio_config_changed(vdev);
}
