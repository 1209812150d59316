/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queues of a virtio device that a daemon serves by vhost-user.
 * Notifications of the guest go to the daemon by eventfds that KVM writes, its
 * own become interrupts by a thread, which also notices when it ends. From then
 * on, lest the guest waits for ever, that thread serves the queues as the model
 * has it.
 */
#ifndef VIRTIO_VHOST_USER_DEVICE_H
#define VIRTIO_VHOST_USER_DEVICE_H

#include "lkvm/virtio/runner.h"
#include "vhost_user.h"

/* The features of a ring that a daemon may offer: packed ones it serves not. */
#define VHOST_USER_RING_FEATURES \
	(VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC | VIRTQ_F_EVENT_IDX)

struct vhost_user_queue {
	struct vhost_user_fds fds;
	bool started;
	bool notified; /* KVM writes `kick` */
};

/* Part of a model, which fills in the first group. */
struct vhost_user_device {
	struct virtio_device *vdev;
	/*
	 * Serves one chain without a daemon: an error for the driver. As
	 * virtio_serve_fn, on the thread.
	 */
	virtio_serve_fn *serve;
	/*
	 * The daemon has failed: it is not to be used any more. `text` of
	 * `size` bytes has why, and may be changed. On the thread, or that of
	 * stop(); once.
	 */
	void (*lost)(struct vhost_user_device *dev, char *text, size_t size);

	struct vhost_user vu;
	_Atomic(u64) calls; /* notifications by the daemon */
	/* Private from here on. Of the device's lock, or of the thread. */
	struct vhost_user_queue queues[VIRTIO_MAX_QUEUES];
	bool reported, serving;
	int err, epoll;
	struct iothread thread;
	char name[16];
};

/*
 * After virtio_device_init() and vhost_user_open(). Creates the descriptors: 0,
 * or -errno, and then there is nothing to be destroyed.
 */
int vhost_user_device_init(struct vhost_user_device *dev);
void vhost_user_device_destroy(struct vhost_user_device *dev);

/* For the model's `start`, `stop` and `kick`, with the locks of those. */
int vhost_user_device_start(struct vhost_user_device *dev);
void vhost_user_device_stop(struct vhost_user_device *dev);
void vhost_user_device_kick(struct vhost_user_device *dev, unsigned int queue);

#endif
