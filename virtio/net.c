/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network device (virtio 1.4, "Network Device"): its configuration, what
 * drivers may negotiate, and its life. Frames from the guest are in net_tx.c,
 * frames for it in net_rx.c, unless the host's kernel has both: net_vhost.c.
 *
 * Offloads are offered as far as the back end has them. There is no control
 * queue: the guest gets all frames that come, whatever their address.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_ids.h>

#include "lkvm/util/json.h"
#include "net.h"

static struct virtio_net *from_device(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_net, vdev);
}

/* ---- Configuration ------------------------------------------------------- */

/* What comes behind is of features that are not offered. */
#define CONFIG_SIZE offsetof(struct virtio_net_config, speed)

static void net_read_config(struct virtio_device *vdev, u32 offset, void *buf,
			    u32 len)
{
	struct virtio_net *vn = from_device(vdev);
	struct virtio_net_config config = {
		.status = htole16(atomic_load(&vn->link) ? VIRTIO_NET_S_LINK_UP
							 : 0),
		.max_virtqueue_pairs = htole16(1),
		.mtu = htole16(vn->mtu),
	};

	memcpy(config.mac, vn->mac, sizeof(config.mac));
	memcpy(buf, (const u8 *)&config + offset, len);
}

/* ---- The device ---------------------------------------------------------- */

/* Threads come with the first notifications. */
static int net_start(struct virtio_device *vdev)
{
	struct virtio_net *vn = from_device(vdev);

	return vn->net->ops->set_offloads(vn->net, vdev->features);
}

static void net_stop_queue(struct virtio_device *vdev, unsigned int queue)
{
	struct virtio_net *vn = from_device(vdev);

	if (queue == NET_RX)
		net_rx_stop(vn);
	else
		virtio_runner_stop(&vn->tx);
}

/* The next driver may have no offloads: those of firmware have not. */
static void net_stop(struct virtio_device *vdev)
{
	struct virtio_net *vn = from_device(vdev);

	net_stop_queue(vdev, NET_RX);
	net_stop_queue(vdev, NET_TX);
	vn->net->ops->set_offloads(vn->net, 0);
}

/* With the queue's lock. */
static void net_kick(struct virtio_device *vdev, unsigned int queue)
{
	struct virtio_net *vn = from_device(vdev);

	if (queue == NET_RX)
		net_rx_kick(vn);
	else
		virtio_runner_kick(&vn->tx);
}

/* As the guest sees it. What the kernel moves it does not count. */
static void net_stats(struct virtio_device *vdev, struct json_writer *json)
{
	struct virtio_net *vn = from_device(vdev);

	json_bool(json, "link", atomic_load(&vn->link));
	json_bool(json, "vhost", vn->net->vhost);
	if (vn->net->vhost)
		return;
	json_u64(json, "rx_frames", atomic_load(&vn->received.frames));
	json_u64(json, "rx_bytes", atomic_load(&vn->received.bytes));
	json_u64(json, "rx_dropped", atomic_load(&vn->received.dropped));
	json_u64(json, "tx_frames", atomic_load(&vn->sent.frames));
	json_u64(json, "tx_bytes", atomic_load(&vn->sent.bytes));
	json_u64(json, "tx_dropped", atomic_load(&vn->sent.dropped));
}

static void net_destroy(struct virtio_device *vdev)
{
	struct virtio_net *vn = from_device(vdev);

	virtio_runner_destroy(&vn->tx);
	virtio_device_destroy(vdev);
	net_close(vn->net);
	free(vn);
}

static const struct virtio_model_ops net_ops = {
	.read_config = net_read_config,
	.start = net_start,
	.stop = net_stop,
	.stop_queue = net_stop_queue,
	.kick = net_kick,
	.stats = net_stats,
	.destroy = net_destroy,
};

static const struct virtio_model_ops net_vhost_ops = {
	.read_config = net_read_config,
	.start = net_vhost_start,
	.stop = net_vhost_stop,
	.kick = net_vhost_kick,
	.stats = net_stats,
	.destroy = net_destroy,
};

static u64 features_of(const struct virtio_net_params *params)
{
	u64 features = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
		       VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED |
		       VIRTQ_F_RING_RESET | BIT(VIRTIO_NET_F_MAC) |
		       BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MRG_RXBUF);

	if (params->mtu)
		features |= BIT(VIRTIO_NET_F_MTU);
	return features | params->net->offloads;
}

/* The back end is closed by `destroy`, or here if that is never called. */
int virtio_net_create(const struct virtio_net_params *params,
		      struct virtio_device **out)
{
	struct virtio_net *vn = calloc(1, sizeof(*vn));
	int ret;

	if (!vn) {
		net_close(params->net);
		return -ENOMEM;
	}
	vn->net = params->net;
	vn->mtu = (u16)params->mtu;
	vn->link = true;
	memcpy(vn->mac, params->mac, sizeof(vn->mac));
	snprintf(vn->name, sizeof(vn->name), "%s", params->name);
	snprintf(vn->rx.name, sizeof(vn->rx.name), "%.10s/%u", vn->name,
		 NET_RX);
	vn->vdev.ops = vn->net->vhost ? &net_vhost_ops : &net_ops;
	vn->vdev.name = vn->name;
	vn->vdev.id = VIRTIO_ID_NET;
	vn->vdev.config_size = CONFIG_SIZE;
	vn->vdev.offered = features_of(params);
	vn->vdev.nr_queues = NET_QUEUES;
	vn->vdev.queue_size = NET_QUEUE_SIZE;
	virtio_device_init(&vn->vdev, params->mem);
	virtio_runner_init(&vn->tx, &vn->vdev, NET_TX, net_tx_serve);
	ret = vn->net->vhost ? net_vhost_init(vn) : 0;
	if (ret) {
		net_destroy(&vn->vdev);
		return ret;
	}
	*out = &vn->vdev;
	return 0;
}
