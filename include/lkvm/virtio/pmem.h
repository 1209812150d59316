/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that lasts (virtio 1.4, "PMEM Device"): where the guest finds it, and
 * how it makes sure that its content is on the medium.
 */
#ifndef LKVM_VIRTIO_PMEM_H
#define LKVM_VIRTIO_PMEM_H

#include "lkvm/virtio/device.h"

struct memslot;
struct mmio_bus;

struct virtio_pmem_params {
	const char *name;	/* for messages and statistics; not copied */
	const struct gmem *mem; /* the guest's RAM; outlives the device */
	u64 start, size;	/* guest physical address, and bytes */
	int fd; /* of the file to be synced; not owned. -1: there is none */
	/*
	 * The slot, if the guest cannot write to it: the device takes what it
	 * writes all the same from `bus`. NULL: it can.
	 */
	const struct memslot *readonly;
	struct mmio_bus *bus; /* only with `readonly` */
};

/*
 * Creates the model; its `destroy` frees it. The memory is mapped, and
 * unmapped, by the caller. Returns 0 or -errno.
 */
int virtio_pmem_create(const struct virtio_pmem_params *params,
		       struct virtio_device **out);

#endif
