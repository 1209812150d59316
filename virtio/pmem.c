/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that lasts (virtio 1.4, "PMEM Device"): the configuration says where
 * it is, and one queue has requests to flush it, which is a sync of the file
 * that is mapped there. Nothing here touches the memory itself: a file that
 * somebody cuts off would take lkvm with it.
 *
 * A driver is not told that it cannot write, as there is no such feature. What
 * it writes to a read-only one comes here as from a device: it has no effect,
 * is logged, and the next flush fails, so that a file system knows. Stores of
 * pairs of registers, of which KVM does not tell the value, get an external
 * abort.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_ids.h>
#include <linux/virtio_pmem.h>

#include "lkvm/util/file.h"
#include "lkvm/util/iov.h"
#include "lkvm/util/json.h"
#include "lkvm/util/log.h"
#include "lkvm/virtio/pmem.h"
#include "lkvm/virtio/runner.h"
#include "lkvm/vmm/mmio.h"

#define QUEUE_SIZE 64

/* "Device Operations": VIRTIO_PMEM_RESP_TYPE_OK and _EIO. */
#define RESP_OK	 0U
#define RESP_EIO 1U

struct virtio_pmem {
	struct virtio_device vdev;
	struct virtio_runner runner;
	struct mmio_region region; /* of a read-only one */
	struct ratelimit messages;
	u64 start, size;
	int fd;		  /* not owned; -1: there is nothing to be synced */
	atomic_bool lost; /* something was written in vain since a flush */
	_Atomic(u64) flushes, errors, ignored;
	struct iovec iov[QUEUE_SIZE]; /* of who serves the queue */
};

static struct virtio_pmem *from_device(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_pmem, vdev);
}

/* ---- Requests ------------------------------------------------------------ */

/* The size does not change, so that is what fdatasync(2) may leave out. */
static u32 flush(struct virtio_pmem *pmem)
{
	int ret;

	atomic_fetch_add(&pmem->flushes, 1);
	if (atomic_exchange(&pmem->lost, false))
		return RESP_EIO;
	ret = pmem->fd < 0 ? 0 : file_sync_data(pmem->fd);
	if (!ret)
		return RESP_OK;
	pr_guest(&pmem->messages, "%s: a flush has failed: %s", pmem->vdev.name,
		 strerror(-ret));
	return RESP_EIO;
}

/* What is no request of this kind, or of any, is an error. */
static u32 carry_out(struct virtio_pmem *pmem, const struct virtq_chain *chain)
{
	struct virtio_pmem_req req;
	u32 ret = RESP_EIO;

	if (iov_read(chain->iov, chain->nr_out, 0, &req, sizeof(req)) ==
		    sizeof(req) &&
	    le32toh(req.type) == VIRTIO_PMEM_REQ_TYPE_FLUSH)
		ret = flush(pmem);
	if (ret != RESP_OK)
		atomic_fetch_add(&pmem->errors, 1);
	return ret;
}

/*
 * Without the queue's lock while the file is synced, which may take seconds: a
 * vCPU that notifies the queue must not wait for that. A chain without room for
 * the answer gets what fits of it.
 */
static int serve(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_pmem *pmem = from_device(vdev);
	struct virtio_queue *queue = &vdev->queues[n];
	struct virtq_chain chain = { .iov = pmem->iov, .max_iov = QUEUE_SIZE };
	int ret = virtq_pop(&queue->q, &chain);
	struct virtio_pmem_resp resp;
	size_t len;

	if (ret <= 0)
		return ret;
	pthread_mutex_unlock(&queue->lock);
	resp.ret = htole32(carry_out(pmem, &chain));
	len = iov_write(chain.iov + chain.nr_out, chain.nr_in, 0, &resp,
			sizeof(resp));
	pthread_mutex_lock(&queue->lock);
	virtq_push(&queue->q, &chain, (u32)len);
	return 1;
}

/* ---- What is written to a read-only one ---------------------------------- */

/* Reads do not come here, as the memory is there. */
static u64 region_read(struct mmio_region *region, u64 offset, unsigned int len)
{
	(void)region;
	(void)offset;
	(void)len;
	return 0;
}

static void ignore(struct mmio_region *region, u64 offset, const char *what)
{
	struct virtio_pmem *pmem =
		container_of(region, struct virtio_pmem, region);

	atomic_fetch_add(&pmem->ignored, 1);
	atomic_store(&pmem->lost, true);
	pr_guest(&pmem->messages,
		 "%s: the guest writes to 0x%" PRIx64 " in it, which is "
		 "read-only: %s (mount it by \"-o ro\", or use snapshot)",
		 pmem->vdev.name, offset, what);
}

static void region_write(struct mmio_region *region, u64 offset, u64 value,
			 unsigned int len)
{
	(void)value;
	(void)len;
	ignore(region, offset, "that is lost");
}

static bool region_no_syndrome(struct mmio_region *region, u64 offset,
			       bool is_write)
{
	(void)region;
	(void)offset;
	return !is_write;
}

static void region_refused(struct mmio_region *region, u64 offset,
			   bool is_write)
{
	if (is_write)
		ignore(region, offset, "it gets an external abort");
}

static const struct mmio_ops region_ops = {
	.read = region_read,
	.write = region_write,
	.no_syndrome = region_no_syndrome,
	.refused = region_refused,
};

/* ---- The device ---------------------------------------------------------- */

static void pmem_read_config(struct virtio_device *vdev, u32 offset, void *buf,
			     u32 len)
{
	const struct virtio_pmem *pmem = from_device(vdev);
	const struct virtio_pmem_config config = {
		.start = htole64(pmem->start),
		.size = htole64(pmem->size),
	};

	memcpy(buf, (const u8 *)&config + offset, len);
}

/* The thread comes with the first notification. */
static int pmem_start(struct virtio_device *vdev)
{
	(void)vdev;
	return 0;
}

static void pmem_stop(struct virtio_device *vdev)
{
	virtio_runner_stop(&from_device(vdev)->runner);
}

/* The only one. */
static void pmem_stop_queue(struct virtio_device *vdev, unsigned int queue)
{
	(void)queue;
	pmem_stop(vdev);
}

/* With the queue's lock. */
static void pmem_kick(struct virtio_device *vdev, unsigned int queue)
{
	(void)queue;
	virtio_runner_kick(&from_device(vdev)->runner);
}

static void pmem_stats(struct virtio_device *vdev, struct json_writer *json)
{
	struct virtio_pmem *pmem = from_device(vdev);

	json_u64(json, "size", pmem->size);
	json_u64(json, "flushes", atomic_load(&pmem->flushes));
	json_u64(json, "errors", atomic_load(&pmem->errors));
	json_u64(json, "ignored_writes", atomic_load(&pmem->ignored));
}

static void pmem_destroy(struct virtio_device *vdev)
{
	struct virtio_pmem *pmem = from_device(vdev);

	virtio_runner_destroy(&pmem->runner);
	virtio_device_destroy(vdev);
	free(pmem);
}

static const struct virtio_model_ops pmem_ops = {
	.read_config = pmem_read_config,
	.start = pmem_start,
	.stop = pmem_stop,
	.stop_queue = pmem_stop_queue,
	.kick = pmem_kick,
	.stats = pmem_stats,
	.destroy = pmem_destroy,
};

static void init(struct virtio_pmem *pmem,
		 const struct virtio_pmem_params *params)
{
	struct virtio_device *vdev = &pmem->vdev;

	pmem->start = params->start;
	pmem->size = params->size;
	pmem->fd = params->fd;
	vdev->ops = &pmem_ops;
	vdev->name = params->name;
	vdev->id = VIRTIO_ID_PMEM;
	vdev->config_size = sizeof(struct virtio_pmem_config);
	vdev->offered = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
			VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED;
	vdev->nr_queues = 1;
	vdev->queue_size = QUEUE_SIZE;
	virtio_device_init(vdev, params->mem);
	virtio_runner_init(&pmem->runner, vdev, 0, serve);
}

/*
 * Only a read-only one has a region on the bus: its memory slot is read-only to
 * KVM, which hands over writes. In a batch, too, reads are the CPU's as long as
 * the slot is mapped.
 */
int virtio_pmem_create(const struct virtio_pmem_params *params,
		       struct virtio_device **out)
{
	struct virtio_pmem *pmem = calloc(1, sizeof(*pmem));
	int ret = 0;

	if (!pmem)
		return -ENOMEM;
	init(pmem, params);
	if (params->readonly) {
		pmem->region = (struct mmio_region) {
			.name = params->name,
			.base = params->start,
			.size = params->size,
			.ops = &region_ops,
			.slot = params->readonly,
		};
		ret = mmio_bus_add(params->bus, &pmem->region);
	}
	if (ret) {
		pmem_destroy(&pmem->vdev);
		return ret;
	}
	*out = &pmem->vdev;
	return 0;
}
