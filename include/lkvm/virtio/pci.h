/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI transport of a virtio device (virtio 1.4, "Virtio Over PCI Bus"). */
#ifndef LKVM_VIRTIO_PCI_H
#define LKVM_VIRTIO_PCI_H

#include "lkvm/pci/pci.h"
#include "lkvm/virtio/device.h"

/*
 * A function with a device. Interrupts: MSI-X, one vector for each queue and
 * one for the configuration, or INTA.
 */
struct virtio_pci {
	struct pci_function fn;
	struct virtio_device *vdev;
	struct vm *vm; /* for notifications that KVM passes on */
	u32 access;    /* offset of the capability to access ranges by */
	/* Selectors; of the device's lock. */
	u32 offered_sel, wanted_sel;
	u16 queue_sel;

	pthread_mutex_t irq_lock; /* of the next four; before MSI-X's */
	u8 isr;
	u16 config_vector;
	u16 vectors[VIRTIO_MAX_QUEUES];
	u64 interrupts;
	struct pci_irqfd *irqfds; /* of each queue; NULL: KVM has none */

	pthread_mutex_t notify_lock; /* of the next two */
	u64 notify_base; /* where it is decoded, or PCI_NO_ADDRESS */
	int notify_fds[VIRTIO_MAX_QUEUES]; /* -1: none */
	_Atomic(u64) kicks;
};

/*
 * Creates a function for the model, which is the transport's from here on, also
 * after an error, and plugs it in, into *slot, unless that is
 * NULL. Returns 0, -ENOSPC if there is no
 * slot, or -ENOMEM. The bridge destroys it.
 */
int virtio_pci_create(struct virtio_device *vdev, struct pci_host *host,
		      u32 *slot);

#endif
