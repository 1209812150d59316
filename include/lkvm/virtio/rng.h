/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source of random bytes (virtio 1.4, "Entropy Device"). */
#ifndef LKVM_VIRTIO_RNG_H
#define LKVM_VIRTIO_RNG_H

#include "lkvm/virtio/device.h"

/* What one request gets at most, in bytes, however long its buffers are. */
#define VIRTIO_RNG_MAX SZ_64K

struct virtio_rng_params {
	const char *name;	/* for messages and statistics; not copied */
	const struct gmem *mem; /* the guest's RAM; outlives the device */
};

/* Creates the model; its `destroy` frees it. Returns 0 or -ENOMEM. */
int virtio_rng_create(const struct virtio_rng_params *params,
		      struct virtio_device **out);

#endif
