/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of a network driver (virtio 1.4, "Network Device", "Control
 * Virtqueue"). There is one: how many pairs of queues it uses. All others are
 * answered with an error, as are values that are out of range.
 */
#include <endian.h>
#include <errno.h>

#include "lkvm/util/iov.h"
#include "net.h"

/* Back to `n` pairs, or up to them; if one cannot work none of the new do. */
static int set_pairs(struct virtio_net *vn, u32 n)
{
	u32 before = atomic_load(&vn->nr_active), i = before;
	int ret = 0;

	if (n < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || n > vn->nr_pairs)
		return -EINVAL;
	while (!ret && i < n)
		ret = net_pair_start(&vn->pairs[i++]);
	if (ret)
		n = before;
	while (i > n)
		net_pair_stop(&vn->pairs[--i]);
	atomic_store(&vn->nr_active, n);
	return ret;
}

/* Copied before it is looked at. Returns what the driver is to be told. */
static u8 carry_out(struct virtio_net *vn, const struct virtq_chain *chain)
{
	struct {
		struct virtio_net_ctrl_hdr head;
		struct virtio_net_ctrl_mq mq;
	} __attribute__((packed)) command;
	size_t n = iov_read(chain->iov, chain->nr_out, 0, &command,
			    sizeof(command));

	if (n < sizeof(command) || command.head.class != VIRTIO_NET_CTRL_MQ ||
	    command.head.cmd != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET ||
	    !(vn->vdev.features & BIT(VIRTIO_NET_F_MQ)) ||
	    set_pairs(vn, le16toh(command.mq.virtqueue_pairs)))
		return VIRTIO_NET_ERR;
	return VIRTIO_NET_OK;
}

/* A chain without room for the answer breaks the queue. */
int net_control_serve(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_net *vn = container_of(vdev, struct virtio_net, vdev);
	struct virtio_queue *queue = &vdev->queues[n];
	struct virtq_chain chain = { .iov = vn->control_iov,
				     .max_iov = NET_QUEUE_SIZE };
	int ret = virtq_pop(&queue->q, &chain);
	u8 ack;

	if (ret <= 0)
		return ret;
	if (!chain.in_len)
		return -EINVAL;
	pthread_mutex_unlock(&queue->lock);
	ack = carry_out(vn, &chain);
	pthread_mutex_lock(&queue->lock);
	iov_write(chain.iov + chain.nr_out, chain.nr_in, 0, &ack, sizeof(ack));
	virtq_push(&queue->q, &chain, sizeof(ack));
	return 1;
}
