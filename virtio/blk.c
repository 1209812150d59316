/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk (virtio 1.4, "Block Device"): its configuration, its queues, and what
 * drivers may negotiate. Requests are in blk_request.c.
 *
 * A request that a vCPU takes from a queue is done before its notification
 * returns; a queue's thread begins those that there are, see blk_async.c.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_ids.h>

#include "blk.h"
#include "lkvm/util/json.h"

static struct virtio_blk *from_device(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_blk, vdev);
}

/* ---- Configuration ------------------------------------------------------- */

/* What comes behind is of features that are not offered. */
#define CONFIG_SIZE offsetof(struct virtio_blk_config, max_secure_erase_sectors)

/*
 * virtio 1.4, "Block Device", "Device Initialization": 0 for a driver that can
 * look at it and cannot flush. Its writes are durable, see end_write().
 */
static bool shows_cache(const struct virtio_blk *blk)
{
	u64 both = BIT(VIRTIO_BLK_F_CONFIG_WCE) | BIT(VIRTIO_BLK_F_FLUSH);

	return atomic_load(&blk->writeback) &&
	       (blk->vdev.features & both) != BIT(VIRTIO_BLK_F_CONFIG_WCE);
}

/* Ranges to be discarded had better be whole blocks or clusters. */
static void fill_config(const struct virtio_blk *blk,
			struct virtio_blk_config *config)
{
	u32 block = blk->disk->block;
	u32 unit = MAX(block, blk->disk->cluster);

	*config = (struct virtio_blk_config) {
		.capacity = htole64(blk->disk->size / BLK_SECTOR),
		.seg_max = htole32(BLK_MAX_SEGMENTS),
		.blk_size = htole32(BLK_SECTOR),
		.physical_block_exp = (u8)ilog2(block / BLK_SECTOR),
		.min_io_size = htole16((u16)(block / BLK_SECTOR)),
		.wce = shows_cache(blk),
		.num_queues = htole16((u16)blk->vdev.nr_queues),
		.max_discard_sectors = htole32(BLK_MAX_RANGE_SECTORS),
		.max_discard_seg = htole32(BLK_MAX_RANGES),
		.discard_sector_alignment = htole32(unit / BLK_SECTOR),
		.max_write_zeroes_sectors = htole32(BLK_MAX_RANGE_SECTORS),
		.max_write_zeroes_seg = htole32(BLK_MAX_RANGES),
		.write_zeroes_may_unmap = 1,
	};
}

static void blk_read_config(struct virtio_device *vdev, u32 offset, void *buf,
			    u32 len)
{
	struct virtio_blk_config config;

	fill_config(from_device(vdev), &config);
	memcpy(buf, (const u8 *)&config + offset, len);
}

/* Only whether there is a cache can be written, once that is negotiated. */
static void blk_write_config(struct virtio_device *vdev, u32 offset,
			     const void *buf, u32 len)
{
	if (offset == offsetof(struct virtio_blk_config, wce) && len == 1 &&
	    vdev->features & BIT(VIRTIO_BLK_F_CONFIG_WCE))
		atomic_store(&from_device(vdev)->writeback,
			     *(const u8 *)buf & 1);
}

/* ---- Queues -------------------------------------------------------------- */

/*
 * One request at a time if the queue has no asynchronous ones. The lock is not
 * held during it, so that the vCPU's notifications do not wait for the disk.
 */
static int serve(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_blk *blk = from_device(vdev);
	struct virtio_queue *queue = &vdev->queues[n];
	struct virtq_chain chain = { .iov = blk->queues[n].iov,
				     .max_iov = BLK_QUEUE_SIZE };
	s64 len;
	int ret;

	if (blk_async_open(blk, n))
		return blk_async_serve(blk, n);
	ret = virtq_pop(&queue->q, &chain);
	if (ret <= 0)
		return ret;
	pthread_mutex_unlock(&queue->lock);
	len = blk_request(blk, &chain);
	pthread_mutex_lock(&queue->lock);
	if (len < 0)
		return (int)len;
	virtq_push(&queue->q, &chain, (u32)MIN(len, (s64)UINT32_MAX));
	return 1;
}

/* What a vCPU does though the queue has a thread, if it is quick: runner.h. */
static int attempt(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_blk *blk = from_device(vdev);
	struct virtio_queue *queue = &vdev->queues[n];
	struct virtq_chain chain = { .iov = blk->queues[n].iov,
				     .max_iov = BLK_QUEUE_SIZE };
	int ret = virtq_pop(&queue->q, &chain);
	s64 len;

	if (ret <= 0)
		return ret;
	pthread_mutex_unlock(&queue->lock);
	len = blk_attempt(blk, n, &chain);
	pthread_mutex_lock(&queue->lock);
	if (len == -EAGAIN)
		virtq_unpop(&queue->q, &chain);
	if (len < 0)
		return (int)len;
	virtq_push(&queue->q, &chain, (u32)MIN(len, (s64)UINT32_MAX));
	atomic_fetch_add(&blk->attempts, 1);
	return 1;
}

/* Threads come with the first notification. */
static int blk_start(struct virtio_device *vdev)
{
	(void)vdev;
	return 0;
}

/* All its requests have ended when it returns. */
static void blk_stop_queue(struct virtio_device *vdev, unsigned int queue)
{
	struct virtio_blk *blk = from_device(vdev);

	virtio_runner_stop(&blk->queues[queue].runner);
	blk_async_stop(blk, queue);
}

static void blk_stop(struct virtio_device *vdev)
{
	for (unsigned int i = 0; i < vdev->nr_queues; i++)
		blk_stop_queue(vdev, i);
}

static void blk_reset(struct virtio_device *vdev)
{
	atomic_store(&from_device(vdev)->writeback, true);
}

/* With the queue's lock. */
static void blk_kick(struct virtio_device *vdev, unsigned int queue)
{
	virtio_runner_kick(&from_device(vdev)->queues[queue].runner);
}

/* ---- The device ---------------------------------------------------------- */

static void blk_stats(struct virtio_device *vdev, struct json_writer *json)
{
	struct virtio_blk *blk = from_device(vdev);

	json_u64(json, "reads", atomic_load(&blk->reads));
	json_u64(json, "bytes_read", atomic_load(&blk->bytes_read));
	json_u64(json, "writes", atomic_load(&blk->writes));
	json_u64(json, "bytes_written", atomic_load(&blk->bytes_written));
	json_u64(json, "flushes", atomic_load(&blk->flushes));
	json_u64(json, "discards", atomic_load(&blk->discards));
	json_u64(json, "by_vcpus", atomic_load(&blk->attempts));
	json_u64(json, "merged", atomic_load(&blk->disk->merged));
	json_u64(json, "errors", atomic_load(&blk->errors));
}

static void blk_destroy(struct virtio_device *vdev)
{
	struct virtio_blk *blk = from_device(vdev);

	for (unsigned int i = 0; i < vdev->nr_queues; i++)
		virtio_runner_destroy(&blk->queues[i].runner);
	virtio_device_destroy(vdev);
	disk_close(blk->disk);
	free(blk);
}

static const struct virtio_model_ops blk_ops = {
	.read_config = blk_read_config,
	.write_config = blk_write_config,
	.start = blk_start,
	.stop = blk_stop,
	.stop_queue = blk_stop_queue,
	.reset = blk_reset,
	.kick = blk_kick,
	.stats = blk_stats,
	.destroy = blk_destroy,
};

/* A disk that is only read has nothing to discard. */
static u64 features_of(const struct virtio_blk_params *params)
{
	u64 features = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
		       VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED |
		       VIRTQ_F_RING_RESET | BIT(VIRTIO_BLK_F_SEG_MAX) |
		       BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_TOPOLOGY) |
		       BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_CONFIG_WCE);

	if (params->disk->readonly)
		features |= BIT(VIRTIO_BLK_F_RO);
	else
		features |= BIT(VIRTIO_BLK_F_DISCARD) |
			    BIT(VIRTIO_BLK_F_WRITE_ZEROES);
	if (params->nr_queues > 1)
		features |= BIT(VIRTIO_BLK_F_MQ);
	return features;
}

static void add_runner(struct virtio_blk *blk, unsigned int n)
{
	struct virtio_runner *runner = &blk->queues[n].runner;

	virtio_runner_init(runner, &blk->vdev, n, serve);
	runner->settle = blk_async_settle;
	runner->attempt = attempt;
}

/* The disk is closed by `destroy`, or here if that is never called. */
int virtio_blk_create(const struct virtio_blk_params *params,
		      struct virtio_device **out)
{
	size_t queues = params->nr_queues * sizeof(struct blk_queue);
	struct virtio_blk *blk = calloc(1, sizeof(*blk) + queues);

	if (!blk) {
		disk_close(params->disk);
		return -ENOMEM;
	}
	blk->disk = params->disk;
	blk->writeback = true;
	snprintf(blk->name, sizeof(blk->name), "%s", params->name);
	if (params->serial)
		memcpy(blk->serial, params->serial,
		       MIN(strlen(params->serial), sizeof(blk->serial)));
	blk->vdev.ops = &blk_ops;
	blk->vdev.name = blk->name;
	blk->vdev.id = VIRTIO_ID_BLOCK;
	blk->vdev.config_size = CONFIG_SIZE;
	blk->vdev.offered = features_of(params);
	blk->vdev.nr_queues = params->nr_queues;
	blk->vdev.queue_size = BLK_QUEUE_SIZE;
	virtio_device_init(&blk->vdev, params->mem);
	for (unsigned int i = 0; i < params->nr_queues; i++)
		add_runner(blk, i);
	*out = &blk->vdev;
	return 0;
}
