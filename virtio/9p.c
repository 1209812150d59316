/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A share (Linux, virtio_9p.h; the virtio specification has no more than the
 * device's number): one queue, whose chains are a message of 9p to be read and
 * room for the reply. What the messages say is share/'s business.
 *
 * A request is done by the thread that takes it from the queue, without the
 * queue's lock, so that a vCPU can notify the queue meanwhile.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_9p.h>
#include <linux/virtio_ids.h>

#include "lkvm/config/share.h"
#include "lkvm/util/json.h"
#include "lkvm/virtio/9p.h"
#include "lkvm/virtio/runner.h"

/* As QEMU: Linux's driver makes no longer chains, whatever is offered. */
#define QUEUE_SIZE 128

struct virtio_9p {
	struct virtio_device vdev;
	struct p9_server *server;
	struct virtio_runner runner;
	char name[16];
	struct {
		u16 tag_len; /* little-endian */
		char tag[SHARE_MAX_TAG];
	} config;
	struct iovec iov[QUEUE_SIZE]; /* of who serves the queue */
};

static struct virtio_9p *from_device(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_9p, vdev);
}

static void read_config(struct virtio_device *vdev, u32 offset, void *buf,
			u32 len)
{
	memcpy(buf, (const u8 *)&from_device(vdev)->config + offset, len);
}

/* ---- The queue ----------------------------------------------------------- */

/*
 * Requests of a session are in order, as one thread serves the queue. An error
 * of p9_server_serve() is a chain that is no message or has no room for a
 * reply: it breaks the queue.
 */
static int serve(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_9p *p9 = from_device(vdev);
	struct virtio_queue *queue = &vdev->queues[n];
	struct virtq_chain chain = { .iov = p9->iov, .max_iov = QUEUE_SIZE };
	int ret = virtq_pop(&queue->q, &chain);
	struct p9_io io;
	s64 len;

	if (ret <= 0)
		return ret;
	io = (struct p9_io) {
		.out = chain.iov,
		.nr_out = chain.nr_out,
		.out_len = chain.out_len,
		.in = chain.iov + chain.nr_out,
		.nr_in = chain.nr_in,
		.in_len = chain.in_len,
	};
	pthread_mutex_unlock(&queue->lock);
	len = p9_server_serve(p9->server, &io);
	pthread_mutex_lock(&queue->lock);
	if (len < 0)
		return (int)len;
	virtq_push(&queue->q, &chain, (u32)len);
	return 1;
}

/* The thread comes with the first notification. */
static int start(struct virtio_device *vdev)
{
	(void)vdev;
	return 0;
}

/* The session ends with the driver that began it, and frees its files. */
static void stop(struct virtio_device *vdev)
{
	struct virtio_9p *p9 = from_device(vdev);

	virtio_runner_stop(&p9->runner);
	p9_server_reset(p9->server);
}

/* With the queue's lock. */
static void kick(struct virtio_device *vdev, unsigned int queue)
{
	(void)queue;
	virtio_runner_kick(&from_device(vdev)->runner);
}

/* ---- The device ---------------------------------------------------------- */

static void stats(struct virtio_device *vdev, struct json_writer *json)
{
	const struct p9_stats *s = p9_server_stats(from_device(vdev)->server);

	json_u64(json, "requests", atomic_load(&s->requests));
	json_u64(json, "errors", atomic_load(&s->errors));
	json_u64(json, "reads", atomic_load(&s->reads));
	json_u64(json, "bytes_read", atomic_load(&s->bytes_read));
	json_u64(json, "writes", atomic_load(&s->writes));
	json_u64(json, "bytes_written", atomic_load(&s->bytes_written));
	json_u64(json, "fids", atomic_load(&s->fids));
}

static void destroy(struct virtio_device *vdev)
{
	struct virtio_9p *p9 = from_device(vdev);

	virtio_runner_destroy(&p9->runner);
	virtio_device_destroy(vdev);
	p9_server_destroy(p9->server);
	free(p9);
}

static const struct virtio_model_ops p9_ops = {
	.read_config = read_config,
	.start = start,
	.stop = stop,
	.kick = kick,
	.stats = stats,
	.destroy = destroy,
};

/* The tag has no zero at its end. */
int virtio_9p_create(const struct virtio_9p_params *params,
		     struct virtio_device **out)
{
	struct virtio_9p *p9 = calloc(1, sizeof(*p9));
	size_t len = MIN(strlen(params->tag), sizeof(p9->config.tag));

	if (!p9) {
		p9_server_destroy(params->server);
		return -ENOMEM;
	}
	p9->server = params->server;
	snprintf(p9->name, sizeof(p9->name), "%s", params->name);
	p9->config.tag_len = htole16((u16)len);
	memcpy(p9->config.tag, params->tag, len);
	p9->vdev.ops = &p9_ops;
	p9->vdev.name = p9->name;
	p9->vdev.id = VIRTIO_ID_9P;
	p9->vdev.config_size = (u32)(sizeof(p9->config.tag_len) + len);
	p9->vdev.offered = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
			   VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED |
			   BIT(VIRTIO_9P_MOUNT_TAG);
	p9->vdev.nr_queues = 1;
	p9->vdev.queue_size = QUEUE_SIZE;
	virtio_device_init(&p9->vdev, params->mem);
	virtio_runner_init(&p9->runner, &p9->vdev, 0, serve);
	*out = &p9->vdev;
	return 0;
}
