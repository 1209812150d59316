/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A share by 9p (virtio 1.4, "Device Types": 9P transport). */
#ifndef LKVM_VIRTIO_9P_H
#define LKVM_VIRTIO_9P_H

#include "lkvm/share/p9.h"
#include "lkvm/virtio/device.h"

struct virtio_9p_params {
	const char *name; /* copied; at most 15 bytes of it */
	const char *tag;  /* copied; at most SHARE_MAX_TAG bytes of it */
	struct p9_server *server;
	const struct gmem *mem; /* the guest's RAM; outlives the device */
};

/*
 * Creates the model; its `destroy` frees it and the server, which is the
 * model's from here on, also after an error. Returns 0 or -ENOMEM.
 */
int virtio_9p_create(const struct virtio_9p_params *params,
		     struct virtio_device **out);

#endif
