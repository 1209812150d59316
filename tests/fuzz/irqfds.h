/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's part in interrupts of a virtio function by eventfds, of which there is
 * one for each queue, with the queue's number.
 */
#ifndef FUZZ_IRQFDS_H
#define FUZZ_IRQFDS_H

#include <errno.h>

#include "lkvm/virtio/pci.h"
#include "tests/fuzz/input.h"

#define QUEUES 2U

/* Of messages: they lead nowhere. */
#define UNROUTABLE 0x80U

static struct {
	struct virtio_device *vdev;
	bool wanted[QUEUES];
	bool bound[QUEUES];
	u64 address[QUEUES]; /* where the route leads */
	u32 data[QUEUES];
} irqfds;

static u32 queue_of(struct irq_route *route)
{
	const struct virtio_pci *pci = irqfds.vdev->transport_data;
	struct pci_irqfd *irqfd = container_of(route, struct pci_irqfd, route);
	u32 queue = (u32)(irqfd - pci->irqfds);

	require(queue < QUEUES);
	return queue;
}

static int route_msi(void *opaque, struct irq_route *route, u32 id, u64 address,
		     u32 data)
{
	const struct virtio_pci *pci = irqfds.vdev->transport_data;
	u32 queue = queue_of(route);

	require(opaque && id == pci->fn.slot << 3);
	if (address & UNROUTABLE)
		return -EINVAL;
	irqfds.address[queue] = address;
	irqfds.data[queue] = data;
	return 0;
}

int irq_route_bind(struct vm *vm, struct irq_route *route, int fd, int resample)
{
	u32 queue = queue_of(route);

	(void)vm;
	require((u32)fd == queue && resample == -1 && !irqfds.bound[queue]);
	irqfds.bound[queue] = true;
	atomic_store(&route->bound, true);
	return 0;
}

void irq_route_unbind(struct vm *vm, struct irq_route *route)
{
	u32 queue = queue_of(route);

	(void)vm;
	require(irqfds.bound[queue] == atomic_load(&route->bound));
	irqfds.bound[queue] = false;
	atomic_store(&route->bound, false);
}

void irq_route_release(struct vm *vm, struct irq_route *route)
{
	irq_route_unbind(vm, route);
}

/* What the driver has of a queue's vector, if its message can be sent. */
static const struct pci_msix_entry *entry_of(const struct virtio_pci *pci,
					     u32 queue)
{
	const struct pci_function *fn = &pci->fn;
	const struct pci_msix *msix = &fn->msix;
	u16 vector = pci->vectors[queue];
	u32 flags;

	if (!msix->nr || vector >= msix->nr)
		return NULL;
	flags = pci_config_get(fn, msix->cap + PCI_MSIX_FLAGS, 2);
	if (!(flags & PCI_MSIX_FLAGS_ENABLE) ||
	    flags & PCI_MSIX_FLAGS_MASKALL ||
	    msix->entries[vector].control & 1 ||
	    !(pci_config_get(fn, PCI_COMMAND, 2) & PCI_COMMAND_MASTER))
		return NULL;
	return &msix->entries[vector];
}

/* KVM has those that can be sent, with the message of this moment. */
static void check_irqfds(void)
{
	const struct virtio_pci *pci = irqfds.vdev->transport_data;

	for (u32 i = 0; i < QUEUES; i++) {
		const struct pci_msix_entry *entry = entry_of(pci, i);
		bool bound = irqfds.wanted[i] && entry && pci->irqfds &&
			     !(entry->address & UNROUTABLE);

		require(irqfds.bound[i] == bound);
		require(!bound || (irqfds.address[i] == entry->address &&
				   irqfds.data[i] == entry->data));
	}
}

#endif
