/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network device (virtio 1.4, "Network Device"): its configuration, what
 * drivers may negotiate, and its life. Frames from the guest are in net_tx.c,
 * frames for it in net_rx.c, unless the host's kernel has both: net_vhost.c.
 *
 * Offloads are offered as far as the back end has them. A queue for control is
 * there only if there are several pairs of others (net_control.c): the guest
 * gets all frames that come, whatever their address.
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
		.max_virtqueue_pairs = htole16((u16)vn->nr_pairs),
		.mtu = htole16(vn->mtu),
	};

	memcpy(config.mac, vn->mac, sizeof(config.mac));
	memcpy(buf, (const u8 *)&config + offset, len);
}

/* ---- The device ---------------------------------------------------------- */

/* The next driver may have no offloads: those of firmware have not. */
static void end_pairs(struct virtio_net *vn)
{
	for (unsigned int i = vn->nr_pairs; i--;)
		net_pair_stop(&vn->pairs[i]);
	vn->net->ops->set_offloads(vn->net, 0);
}

/* Threads come with the first notifications. */
static int net_start(struct virtio_device *vdev)
{
	struct virtio_net *vn = from_device(vdev);
	int ret = vn->net->ops->set_offloads(vn->net, vdev->features);

	vn->control.queue = net_control_queue(vn);
	for (u32 i = 0; !ret && i < atomic_load(&vn->nr_active); i++)
		ret = net_pair_start(&vn->pairs[i]);
	if (ret)
		end_pairs(vn);
	return ret;
}

/* The control queue first: its commands start pairs. */
static void net_stop(struct virtio_device *vdev)
{
	struct virtio_net *vn = from_device(vdev);

	if (vn->control.queue < vdev->nr_queues)
		virtio_runner_stop(&vn->control);
	end_pairs(vn);
}

/* A pair until there is a command for more. */
static void net_reset(struct virtio_device *vdev)
{
	atomic_store(&from_device(vdev)->nr_active, 1);
}

static void net_stop_queue(struct virtio_device *vdev, unsigned int queue)
{
	struct virtio_net *vn = from_device(vdev);

	if (queue == vn->control.queue)
		virtio_runner_stop(&vn->control);
	else if (queue / NET_PAIR < vn->nr_pairs)
		net_pair_stop_queue(&vn->pairs[queue / NET_PAIR], queue);
}

/* With the queue's lock. */
static void net_kick(struct virtio_device *vdev, unsigned int queue)
{
	struct virtio_net *vn = from_device(vdev);

	if (queue == vn->control.queue)
		virtio_runner_kick(&vn->control);
	else if (queue / NET_PAIR < vn->nr_pairs)
		net_pair_kick(&vn->pairs[queue / NET_PAIR], queue);
}

/* As the guest sees it. What the kernel moves it does not count. */
static void net_stats(struct virtio_device *vdev, struct json_writer *json)
{
	struct virtio_net *vn = from_device(vdev);

	json_bool(json, "link", atomic_load(&vn->link));
	json_bool(json, "vhost", vn->net->vhost);
	json_u64(json, "pairs", atomic_load(&vn->nr_active));
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

	for (unsigned int i = 0; i < vn->nr_pairs; i++)
		net_pair_destroy(&vn->pairs[i]);
	virtio_runner_destroy(&vn->control);
	virtio_device_destroy(vdev);
	net_close(vn->net);
	free(vn);
}

static const struct virtio_model_ops net_ops = {
	.read_config = net_read_config,
	.start = net_start,
	.stop = net_stop,
	.reset = net_reset,
	.stop_queue = net_stop_queue,
	.kick = net_kick,
	.stats = net_stats,
	.destroy = net_destroy,
};

/* Without a way to stop a queue alone. */
static const struct virtio_model_ops net_vhost_ops = {
	.read_config = net_read_config,
	.start = net_start,
	.stop = net_stop,
	.reset = net_reset,
	.kick = net_kick,
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
	if (params->net->next)
		features |= BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ);
	return features | params->net->offloads;
}

static unsigned int count_pairs(const struct net *net)
{
	unsigned int n = 0;

	for (; net; net = net->next)
		n++;
	return n;
}

/* The queue for control comes last. */
static void fill_in(struct virtio_net *vn,
		    const struct virtio_net_params *params)
{
	vn->net = params->net;
	vn->mtu = (u16)params->mtu;
	vn->link = true;
	vn->nr_active = 1;
	memcpy(vn->mac, params->mac, sizeof(vn->mac));
	snprintf(vn->name, sizeof(vn->name), "%s", params->name);
	vn->vdev.ops = vn->net->vhost ? &net_vhost_ops : &net_ops;
	vn->vdev.name = vn->name;
	vn->vdev.id = VIRTIO_ID_NET;
	vn->vdev.config_size = CONFIG_SIZE;
	vn->vdev.offered = features_of(params);
	vn->vdev.nr_queues = NET_PAIR * vn->nr_pairs + (vn->nr_pairs > 1);
	vn->vdev.queue_size = NET_QUEUE_SIZE;
}

static int init_pairs(struct virtio_net *vn)
{
	struct net *net = vn->net;
	int ret = 0, err;

	for (unsigned int i = 0; i < vn->nr_pairs; i++, net = net->next) {
		vn->pairs[i].vn = vn;
		vn->pairs[i].net = net;
		err = net_pair_init(&vn->pairs[i], i);
		ret = ret ? ret : err;
	}
	return ret;
}

/* The back end is closed by `destroy`, or here if that is never called. */
int virtio_net_create(const struct virtio_net_params *params,
		      struct virtio_device **out)
{
	unsigned int n = count_pairs(params->net);
	struct virtio_net *vn =
		calloc(1, sizeof(*vn) + n * sizeof(vn->pairs[0]));
	int ret;

	if (!vn) {
		net_close(params->net);
		return -ENOMEM;
	}
	vn->nr_pairs = n;
	fill_in(vn, params);
	virtio_device_init(&vn->vdev, params->mem);
	virtio_runner_init(&vn->control, &vn->vdev, NET_PAIR * n,
			   net_control_serve);
	vn->control.lock_step = true;
	ret = init_pairs(vn);
	if (ret) {
		net_destroy(&vn->vdev);
		return ret;
	}
	*out = &vn->vdev;
	return 0;
}
