/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues that the host's kernel serves (vhost): it takes chains from them and
 * returns them by itself. Split rings only; the descriptor is that of
 * /dev/vhost-vsock or /dev/vhost-net. Of virtio/ only.
 */
#ifndef VIRTIO_VHOST_H
#define VIRTIO_VHOST_H

#include "lkvm/virtio/device.h"
#include "lkvm/vmm/iothread.h"

#define VHOST_MAX_RINGS 2U

struct vhost;

/* What the kinds of vhost differ in. With the device's lock, or by `halt`. */
struct vhost_ops {
	/*
	 * The rings are set up: they are to be served from now on. 0 or -errno,
	 * then `halt` follows.
	 */
	int (*run)(struct vhost *vhost);
	/*
	 * No ring is served any more, which may have been so before: the kernel
	 * does not touch the guest's memory when it returns. On vhost's thread
	 * as well, without a lock.
	 */
	void (*halt)(struct vhost *vhost);
	/*
	 * The same for all rings of the device, if it has several of these:
	 * the driver has broken one. On vhost's thread; NULL: `halt` is all.
	 */
	void (*halt_all)(struct vhost *vhost);
	/* `watched` has become readable. On vhost's thread, or in `stop`. */
	void (*look)(struct vhost *vhost);
};

struct vhost_ring {
	int kick, call, err; /* eventfds while the device runs, or -1 */
	bool notified;	     /* KVM writes `kick` */
};

/* Part of a model; all of it is of vhost.c, but `fd` and the queues. */
struct vhost {
	const struct vhost_ops *ops;
	struct virtio_device *vdev;
	int fd;		    /* not owned */
	unsigned int first; /* its rings are this queue of the device ... */
	unsigned int nr;    /* ... and those behind it */
	u64 features;	    /* that the kernel has */
	int watched;	    /* for `look`; -1: none. Set by the model */
	struct vhost_ring rings[VHOST_MAX_RINGS];
	/* For interrupts: it waits for what `call` and `err` have to say. */
	struct iothread thread;
	int epoll;
	char name[16];
};

/*
 * For the model's creation: lkvm becomes the owner of `fd`, and asks for the
 * features. Returns 0 or -errno.
 */
int vhost_init(struct vhost *vhost, int fd, const struct vhost_ops *ops,
	       struct virtio_device *vdev, unsigned int first, unsigned int nr);

/* Of `features` those that a device with vhost cannot offer are taken away. */
u64 vhost_mask(const struct vhost *vhost, u64 features);

/*
 * For the model's `start`: sets up those of its queues that are enabled, each
 * from where it was, and has the kernel run them. 0 or -errno.
 */
int vhost_start(struct vhost *vhost);

/* For the model's `stop`: the indices of the queues are as the kernel left. */
void vhost_stop(struct vhost *vhost);

/* For the model's `kick`, with the queue's lock: passes it on. */
void vhost_kick(struct vhost *vhost, unsigned int queue);

/* ioctl(2) of the descriptor. 0 or -errno. */
int vhost_ioctl(const struct vhost *vhost, unsigned long request, void *arg);

#endif
