/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A source of random bytes (virtio 1.4, "Entropy Device"): one queue of buffers
 * to be filled, no features, no configuration. The bytes are the host kernel's,
 * written by it straight into the guest's memory.
 *
 * A request gets VIRTIO_RNG_MAX bytes at most: a driver takes fewer for an
 * answer, and a guest cannot keep a thread at one request for long.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <linux/virtio_ids.h>

#include "lkvm/util/json.h"
#include "lkvm/util/log.h"
#include "lkvm/virtio/rng.h"
#include "lkvm/virtio/runner.h"

/* No driver has more than a few requests; a chain may be as long. */
#define QUEUE_SIZE 256

struct virtio_rng {
	struct virtio_device vdev;
	struct virtio_runner runner;
	struct ratelimit messages;
	_Atomic(u64) requests, bytes, errors;
	struct iovec iov[QUEUE_SIZE]; /* of who serves the queue */
};

static struct virtio_rng *from_device(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_rng, vdev);
}

/* ---- Requests ------------------------------------------------------------ */

static void failed(struct virtio_rng *rng, int err)
{
	atomic_fetch_add(&rng->errors, 1);
	pr_guest(&rng->messages, "%s: the host has no random bytes: %s",
		 rng->vdev.name, strerror(err));
}

/* Returns how many bytes of the buffer were filled, fewer after an error. */
static size_t fill_buffer(struct virtio_rng *rng, u8 *to, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = getrandom(to + done, len - done, 0);

		if (n > 0) {
			done += (size_t)n;
		} else if (n < 0 && errno != EINTR) {
			failed(rng, errno);
			break;
		}
	}
	return done;
}

/*
 * Fills the buffers one after the other. Those that the device is to read mean
 * nothing: a chain of only such is returned as it is.
 */
static u32 fill(struct virtio_rng *rng, const struct virtq_chain *chain)
{
	size_t left = VIRTIO_RNG_MAX;

	for (u32 i = 0; left && i < chain->nr_in; i++) {
		const struct iovec *buf = &chain->iov[chain->nr_out + i];
		size_t len = MIN(left, buf->iov_len);
		size_t done = fill_buffer(rng, buf->iov_base, len);

		left -= done;
		if (done < len)
			break;
	}
	return (u32)(VIRTIO_RNG_MAX - left);
}

/*
 * Without the queue's lock: the first bytes after the host's boot may take
 * long, and a vCPU may notify meanwhile.
 */
static int serve(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_rng *rng = from_device(vdev);
	struct virtio_queue *queue = &vdev->queues[n];
	struct virtq_chain chain = { .iov = rng->iov, .max_iov = QUEUE_SIZE };
	int ret = virtq_pop(&queue->q, &chain);
	u32 len;

	if (ret <= 0)
		return ret;
	pthread_mutex_unlock(&queue->lock);
	len = fill(rng, &chain);
	atomic_fetch_add(&rng->requests, 1);
	atomic_fetch_add(&rng->bytes, len);
	pthread_mutex_lock(&queue->lock);
	virtq_push(&queue->q, &chain, len);
	return 1;
}

/* ---- The device ---------------------------------------------------------- */

/* There is none: `config_size` is 0, so this is never called. */
static void rng_read_config(struct virtio_device *vdev, u32 offset, void *buf,
			    u32 len)
{
	(void)vdev;
	(void)offset;
	memset(buf, 0, len);
}

static int rng_start(struct virtio_device *vdev)
{
	(void)vdev;
	return 0;
}

static void rng_stop(struct virtio_device *vdev)
{
	virtio_runner_stop(&from_device(vdev)->runner);
}

/* The only one. */
static void rng_stop_queue(struct virtio_device *vdev, unsigned int queue)
{
	(void)queue;
	rng_stop(vdev);
}

/* With the queue's lock. */
static void rng_kick(struct virtio_device *vdev, unsigned int queue)
{
	(void)queue;
	virtio_runner_kick(&from_device(vdev)->runner);
}

static void rng_stats(struct virtio_device *vdev, struct json_writer *json)
{
	struct virtio_rng *rng = from_device(vdev);

	json_u64(json, "requests", atomic_load(&rng->requests));
	json_u64(json, "bytes", atomic_load(&rng->bytes));
	json_u64(json, "errors", atomic_load(&rng->errors));
}

static void rng_destroy(struct virtio_device *vdev)
{
	struct virtio_rng *rng = from_device(vdev);

	virtio_runner_destroy(&rng->runner);
	virtio_device_destroy(vdev);
	free(rng);
}

static const struct virtio_model_ops rng_ops = {
	.read_config = rng_read_config,
	.start = rng_start,
	.stop = rng_stop,
	.stop_queue = rng_stop_queue,
	.kick = rng_kick,
	.stats = rng_stats,
	.destroy = rng_destroy,
};

int virtio_rng_create(const struct virtio_rng_params *params,
		      struct virtio_device **out)
{
	struct virtio_rng *rng = calloc(1, sizeof(*rng));

	if (!rng)
		return -ENOMEM;
	rng->vdev.ops = &rng_ops;
	rng->vdev.name = params->name;
	rng->vdev.id = VIRTIO_ID_RNG;
	rng->vdev.offered = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
			    VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED;
	rng->vdev.nr_queues = 1;
	rng->vdev.queue_size = QUEUE_SIZE;
	virtio_device_init(&rng->vdev, params->mem);
	virtio_runner_init(&rng->runner, &rng->vdev, 0, serve);
	*out = &rng->vdev;
	return 0;
}
