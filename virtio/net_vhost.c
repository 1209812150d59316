/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pair of queues between which and a tap interface the host's kernel moves
 * frames (vhost-net; it has one instance for each pair). Each frame has its
 * header before it, as for the interface's own descriptor: the kernel checks
 * what the guest puts there.
 */
#include <string.h>

#include <linux/vhost.h>

#include "lkvm/util/log.h"
#include "net.h"

static int set_backend(const struct vhost *vhost, unsigned int ring, int fd)
{
	struct vhost_vring_file file = { .index = ring, .fd = fd };

	return vhost_ioctl(vhost, VHOST_NET_SET_BACKEND, &file);
}

/* A driver may do with one of the queues. */
static int run(struct vhost *vhost)
{
	const struct net_pair *pair =
		container_of(vhost, struct net_pair, vhost);
	int ret = 0;

	for (unsigned int i = 0; !ret && i < vhost->nr; i++)
		if (virtio_queue_is_enabled(vhost->vdev, vhost->first + i))
			ret = set_backend(vhost, i, pair->net->fd);
	return ret;
}

static void halt(struct vhost *vhost)
{
	for (unsigned int i = 0; i < vhost->nr; i++) {
		int ret = set_backend(vhost, i, VHOST_FILE_UNBIND);

		if (ret)
			pr_guest(&vhost->vdev->messages,
				 "%s: unable to stop vhost: %s",
				 vhost->vdev->name, strerror(-ret));
	}
}

/* What other threads do with their pairs meanwhile does no harm. */
static void halt_all(struct vhost *vhost)
{
	struct virtio_net *vn = container_of(vhost, struct net_pair, vhost)->vn;

	for (unsigned int i = 0; i < vn->nr_pairs; i++)
		halt(&vn->pairs[i].vhost);
}

/* The kernel does not say that the interface is gone, so another part does. */
static void look(struct vhost *vhost)
{
	struct net_pair *pair = container_of(vhost, struct net_pair, vhost);
	struct virtio_net *vn = pair->vn;

	if (pair->net->ops->is_gone(pair->net) &&
	    atomic_exchange(&vn->link, false))
		virtio_config_changed(&vn->vdev);
}

static const struct vhost_ops vhost_ops = {
	.run = run,
	.halt = halt,
	.halt_all = halt_all,
	.look = look,
};

int net_vhost_init(struct net_pair *pair)
{
	struct virtio_device *vdev = &pair->vn->vdev;
	int ret = vhost_init(&pair->vhost, pair->net->vhost_fd, &vhost_ops,
			     vdev, pair->first, NET_PAIR);

	if (!pair->first)
		pair->vhost.watched = pair->net->link_fd;
	vdev->offered = vhost_mask(&pair->vhost, vdev->offered);
	return ret;
}
