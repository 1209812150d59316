/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames from the guest (virtio 1.4, "Network Device", "Packet Transmission"):
 * a header, which is copied before it is looked at, and the frame. Buffers may
 * be cut anywhere. A frame that cannot be sent is lost, as on a wire, and
 * counted; its buffers go back to the driver in each case.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "lkvm/util/iov.h"
#include "net.h"

/* The feature that a kind of segments needs, or 0: it is not known. */
static u64 feature_of(u8 gso_type)
{
	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return BIT(VIRTIO_NET_F_HOST_TSO4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return BIT(VIRTIO_NET_F_HOST_TSO6);
	default:
		return 0;
	}
}

/*
 * Leaves what the features allow, and clears what has no meaning here: a driver
 * without checksums need not fill the header in. -EINVAL for segments that were
 * not negotiated. Offsets are the back end's to check.
 */
static int check_header(u64 features, struct virtio_net_hdr_v1 *header)
{
	header->num_buffers = 0;
	if (!(features & BIT(VIRTIO_NET_F_CSUM))) {
		memset(header, 0, sizeof(*header));
		return 0;
	}
	header->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return 0;
	if (header->gso_type & VIRTIO_NET_HDR_GSO_ECN &&
	    !(features & BIT(VIRTIO_NET_F_HOST_ECN)))
		return -EINVAL;
	return features & feature_of(header->gso_type) ? 0 : -EINVAL;
}

/* 0, or -errno: the frame is lost. */
static int send_frame(struct net_pair *pair, struct virtq_chain *chain)
{
	struct virtio_net *vn = pair->vn;
	struct virtio_net_hdr_v1 header;
	u64 len = chain->out_len - NET_HEADER;
	u32 count = chain->nr_out;
	struct iovec *iov;

	if (len < NET_FRAME_MIN || len > NET_FRAME_MAX)
		return -EMSGSIZE;
	iov_read(chain->iov, count, 0, &header, NET_HEADER);
	if (check_header(vn->vdev.features, &header))
		return -EINVAL;
	if (!atomic_load(&vn->link))
		return -EPIPE;
	iov = iov_cut(chain->iov, &count, NET_HEADER, len);
	return pair->net->ops->send(pair->net, &header, iov, count, (u32)len);
}

/* -EINVAL for a chain without room for a header: it breaks the queue. */
static int serve_chain(struct net_pair *pair, struct virtq_chain *chain)
{
	struct virtio_net *vn = pair->vn;
	u64 len = chain->out_len;

	if (len < NET_HEADER)
		return -EINVAL;
	if (send_frame(pair, chain)) {
		net_count(&vn->sent.dropped, 1);
		return 0;
	}
	net_count(&vn->sent.frames, 1);
	net_count(&vn->sent.bytes, len - NET_HEADER);
	return 0;
}

/* Without the queue's lock, so that a vCPU can notify the queue meanwhile. */
int net_tx_serve(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_net *vn = container_of(vdev, struct virtio_net, vdev);
	struct net_pair *pair = &vn->pairs[n / NET_PAIR];
	struct virtio_queue *queue = &vdev->queues[n];
	struct virtq_chain chain = { .iov = pair->tx_iov,
				     .max_iov = NET_QUEUE_SIZE };
	int ret = virtq_pop(&queue->q, &chain);

	if (ret <= 0)
		return ret;
	pthread_mutex_unlock(&queue->lock);
	ret = serve_chain(pair, &chain);
	pthread_mutex_lock(&queue->lock);
	if (ret)
		return ret;
	virtq_push(&queue->q, &chain, 0);
	return 1;
}
