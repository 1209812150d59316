/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MMIO transport of a virtio device (virtio 1.4, "Virtio Over MMIO"). */
#ifndef LKVM_VIRTIO_MMIO_H
#define LKVM_VIRTIO_MMIO_H

#include "lkvm/virtio/device.h"
#include "lkvm/vmm/device.h"
#include "lkvm/vmm/irq.h"
#include "lkvm/vmm/mmio.h"

#define VIRTIO_MMIO_SIZE 0x200

struct virtio_mmio_params {
	u64 base;
	struct irq_line irq;
	/* The model, initialised: the transport's, also after an error. */
	struct virtio_device *vdev;
};

/*
 * A slot with a device. Its reset resets the model; its statistics are the
 * transport's and the queues'.
 */
struct virtio_mmio {
	struct device dev;
	struct mmio_region region;
	struct irq_line irq;
	struct virtio_device *vdev;
	/* Selectors; of the device's lock. */
	u32 offered_sel, wanted_sel, queue_sel;
	pthread_mutex_t irq_lock; /* of the next two */
	u32 interrupt_status;
	u64 interrupts;
	_Atomic(u64) kicks;
};

/*
 * Creates the transport, which destroys the model in the end, and adds its
 * region to `bus`. Returns 0 or -errno; *out is for the registry, which
 * destroys it.
 */
int virtio_mmio_create(const struct virtio_mmio_params *params,
		       struct mmio_bus *bus, struct virtio_mmio **out);

#endif
