/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets between host and guest: virtio-vsock, by the host's kernel. */
#ifndef LKVM_VIRTIO_VSOCK_H
#define LKVM_VIRTIO_VSOCK_H

#include "lkvm/virtio/device.h"

struct virtio_vsock_params {
	const char *name; /* for messages; not owned */
	u32 cid;	  /* as for virtio_vsock_open() */
	int fd;		  /* from there; the device's, also after an error */
	const struct gmem *mem;
};

/*
 * Opens the kernel's part and takes the address `cid`, from 3 to 0xfffffffe,
 * for the guest. Returns the descriptor, or -errno after a fatal message.
 */
int virtio_vsock_open(u32 cid);

/* Creates the device. 0 or -errno; its `destroy` frees it. */
int virtio_vsock_create(const struct virtio_vsock_params *params,
			struct virtio_device **out);

#endif
