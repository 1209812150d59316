/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets between host and guest (virtio 1.4, "Socket Device"), by the host's
 * kernel: programs of the host reach the guest by AF_VSOCK and its CID, those
 * of the guest reach the host by CID 2. The kernel has the queues for packets;
 * that for events is lkvm's, and stays unused: the one event that there is
 * tells of a guest that was moved to another host.
 *
 * A guest that is reset in place keeps its CID, for the descriptor stays open.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vhost.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_vsock.h>

#include "lkvm/util/json.h"
#include "lkvm/util/log.h"
#include "lkvm/virtio/vsock.h"
#include "vhost.h"

#define VHOST_VSOCK "/dev/vhost-vsock"

/* virtio 1.4, "Socket Device", "Virtqueues": rx, tx, event */
#define VSOCK_RX     0U
#define VSOCK_TX     1U
#define VSOCK_VHOST  2U /* so many are the kernel's */
#define VSOCK_QUEUES 3U
#define QUEUE_SIZE   128U /* as QEMU */

struct virtio_vsock {
	struct virtio_device vdev;
	struct vhost vhost;
	u32 cid;
};

static struct virtio_vsock *from_device(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_vsock, vdev);
}

/* ---- The kernel's part --------------------------------------------------- */

static int set_running(const struct vhost *vhost, int on)
{
	return vhost_ioctl(vhost, VHOST_VSOCK_SET_RUNNING, &on);
}

/* Without one of the two the kernel would look for it at address 0. */
static int run(struct vhost *vhost)
{
	if (!virtio_queue_is_enabled(vhost->vdev, VSOCK_RX) ||
	    !virtio_queue_is_enabled(vhost->vdev, VSOCK_TX))
		return -EINVAL;
	return set_running(vhost, 1);
}

static void halt(struct vhost *vhost)
{
	int ret = set_running(vhost, 0);

	if (ret)
		pr_guest(&vhost->vdev->messages, "%s: unable to stop vhost: %s",
			 vhost->vdev->name, strerror(-ret));
}

static const struct vhost_ops vhost_ops = {
	.run = run,
	.halt = halt,
};

/* What to do about the common reasons. */
static const char *advice(int error)
{
	switch (error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return ": the host's kernel needs the module vhost_vsock";
	case EPERM:
	case EACCES:
		return ": root may open it, and whom root lets: often the "
		       "group kvm";
	case EADDRINUSE:
		return ": another guest has this CID";
	default:
		return "";
	}
}

static int fail(u32 cid, const char *what, int error)
{
	pr_fatal("--vsock %u: %s: %s%s", cid, what, strerror(error),
		 advice(error));
	return -error;
}

/*
 * The CID is the descriptor's until it is closed: two guests with the same one
 * are found out here, before the machine is made.
 */
int virtio_vsock_open(u32 cid)
{
	int fd = open(VHOST_VSOCK, O_RDWR | O_CLOEXEC), ret;
	u64 guest = cid;

	if (fd < 0)
		return fail(cid, VHOST_VSOCK, errno);
	if (!ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &guest))
		return fd;
	ret = fail(cid, "unable to take this CID", errno);
	close(fd);
	return ret;
}

/* ---- The device ---------------------------------------------------------- */

static void vsock_read_config(struct virtio_device *vdev, u32 offset, void *buf,
			      u32 len)
{
	const struct virtio_vsock_config config = {
		.guest_cid = htole64(from_device(vdev)->cid),
	};

	memcpy(buf, (const u8 *)&config + offset, len);
}

/* From here to vsock_stop() rx and tx are in the kernel, with their indices. */
static int vsock_start(struct virtio_device *vdev)
{
	return vhost_start(&from_device(vdev)->vhost);
}

static void vsock_stop(struct virtio_device *vdev)
{
	vhost_stop(&from_device(vdev)->vhost);
}

/* With the queue's lock. Buffers for events wait for ever. */
static void vsock_kick(struct virtio_device *vdev, unsigned int queue)
{
	if (queue < VSOCK_VHOST)
		vhost_kick(&from_device(vdev)->vhost, queue);
}

/* Packets are not counted: lkvm sees none of them. */
static void vsock_stats(struct virtio_device *vdev, struct json_writer *json)
{
	json_u64(json, "cid", from_device(vdev)->cid);
}

static void vsock_destroy(struct virtio_device *vdev)
{
	struct virtio_vsock *vs = from_device(vdev);

	virtio_device_destroy(vdev);
	close(vs->vhost.fd);
	free(vs);
}

static const struct virtio_model_ops vsock_ops = {
	.read_config = vsock_read_config,
	.start = vsock_start,
	.stop = vsock_stop,
	.kick = vsock_kick,
	.stats = vsock_stats,
	.destroy = vsock_destroy,
};

/* The kernel says which kinds of sockets it has besides streams. */
static u64 features_of(const struct vhost *vhost)
{
	u64 features = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
		       VIRTQ_F_EVENT_IDX;

	return vhost_mask(vhost, features) |
	       (vhost->features & BIT(VIRTIO_VSOCK_F_SEQPACKET));
}

/*
 * The descriptor of params is this device's from the call on, also after an
 * error.
 */
int virtio_vsock_create(const struct virtio_vsock_params *params,
			struct virtio_device **out)
{
	struct virtio_vsock *vs = calloc(1, sizeof(*vs));
	int ret;

	if (!vs) {
		close(params->fd);
		return -ENOMEM;
	}
	vs->cid = params->cid;
	vs->vdev.ops = &vsock_ops;
	vs->vdev.name = params->name;
	vs->vdev.id = VIRTIO_ID_VSOCK;
	vs->vdev.config_size = sizeof(struct virtio_vsock_config);
	vs->vdev.nr_queues = VSOCK_QUEUES;
	vs->vdev.queue_size = QUEUE_SIZE;
	virtio_device_init(&vs->vdev, params->mem);
	ret = vhost_init(&vs->vhost, params->fd, &vhost_ops, &vs->vdev,
			 VSOCK_RX, VSOCK_VHOST);
	if (ret) {
		vsock_destroy(&vs->vdev);
		return ret;
	}
	vs->vdev.offered = features_of(&vs->vhost);
	*out = &vs->vdev;
	return 0;
}
