/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's part of vhost, played by a test: what /dev/vhost-vsock and
 * /dev/vhost-net answer, in the order that they want. It serves rings by the
 * addresses that it was told, and with a virtqueue of its own. For tests that
 * wrap open, close and ioctl.
 */
#ifndef TESTS_VHOST_FAKE_H
#define TESTS_VHOST_FAKE_H

#include "lkvm/virtio/queue.h"
#include "lkvm/vmm/gmem.h"

#define VHOST_FAKE_RINGS 2U
#define VHOST_FAKE_FD	 70 /* the first device that is opened, and so on */
#define VHOST_FAKE_MAX	 4U

struct vhost_fake_ring {
	u32 num, base;
	u64 desc, avail, used; /* in the test's address space */
	int kick, call, err;   /* -1: none */
	int backend;	       /* net: the interface's descriptor, or -1 */
	struct virtq q;	       /* while it runs */
};

struct vhost_fake {
	bool open, owned, running;
	u64 features; /* that were set */
	u64 cid;
	struct gmem mem;
	struct vhost_fake_ring rings[VHOST_FAKE_RINGS];
};

extern struct vhost_fake vhost_fakes[VHOST_FAKE_MAX];

/* What all of them are like. */
extern struct vhost_fake_settings {
	u64 features; /* that are offered */
	u64 taken;    /* this CID is another guest's */
	int open;     /* errno to fail with, or 0 */
	unsigned int nr_open;
	char path[32];
	/* This request fails, with that errno, unless that is 0. */
	unsigned long failing;
	int error;
	int (*other)(int fd, unsigned long request, void *arg);
} vhost_fake;

/* As at the start of a test. */
void vhost_fake_reset(u64 features);

/* Notifications that have come since the last call. */
u64 vhost_fake_kicks(unsigned int fake, unsigned int ring);

/*
 * Serves one chain of a ring that runs: `fill` goes to all its buffers that can
 * be written, and the driver is told. False if there is none.
 */
bool vhost_fake_serve(unsigned int fake, unsigned int ring, u8 fill);

/* The ring has met an error. */
void vhost_fake_error(unsigned int fake, unsigned int ring);

#endif
