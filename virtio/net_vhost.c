/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network device whose frames the host's kernel moves between a tap interface
 * and the guest's queues (vhost-net). Each frame has its header before it, as
 * for the interface's own descriptor: the kernel checks what the guest puts
 * there.
 */
#include <string.h>

#include <linux/vhost.h>

#include "lkvm/util/log.h"
#include "net.h"

static struct virtio_net *from_device(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_net, vdev);
}

static int set_backend(const struct vhost *vhost, unsigned int ring, int fd)
{
	struct vhost_vring_file file = { .index = ring, .fd = fd };

	return vhost_ioctl(vhost, VHOST_NET_SET_BACKEND, &file);
}

/* A driver may do with one of the queues. */
static int run(struct vhost *vhost)
{
	struct virtio_net *vn = from_device(vhost->vdev);
	int ret = 0;

	for (unsigned int i = 0; !ret && i < vhost->nr; i++)
		if (virtio_queue_is_enabled(vhost->vdev, vhost->first + i))
			ret = set_backend(vhost, i, vn->net->fd);
	return ret;
}

static void halt(struct vhost *vhost)
{
	for (unsigned int i = 0; i < vhost->nr; i++) {
		int ret = set_backend(vhost, i, VHOST_FILE_UNBIND);

		if (ret)
			pr_err("%s: unable to stop vhost: %s",
			       vhost->vdev->name, strerror(-ret));
	}
}

static const struct vhost_ops vhost_ops = {
	.run = run,
	.halt = halt,
};

int net_vhost_init(struct virtio_net *vn)
{
	int ret = vhost_init(&vn->vhost, vn->net->vhost_fd, &vhost_ops,
			     &vn->vdev, NET_RX, NET_QUEUES);

	vn->vdev.offered = vhost_mask(&vn->vhost, vn->vdev.offered);
	return ret;
}

int net_vhost_start(struct virtio_device *vdev)
{
	struct virtio_net *vn = from_device(vdev);
	int ret = vn->net->ops->set_offloads(vn->net, vdev->features);

	return ret ? ret : vhost_start(&vn->vhost);
}

/* As with net_stop(): the next driver may have no offloads. */
void net_vhost_stop(struct virtio_device *vdev)
{
	struct virtio_net *vn = from_device(vdev);

	vhost_stop(&vn->vhost);
	vn->net->ops->set_offloads(vn->net, 0);
}

/* With the queue's lock. */
void net_vhost_kick(struct virtio_device *vdev, unsigned int queue)
{
	vhost_kick(&from_device(vdev)->vhost, queue);
}
