/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts of the PCI transport. Of virtio/ only. */
#ifndef VIRTIO_PCI_IRQ_H
#define VIRTIO_PCI_IRQ_H

#include "lkvm/virtio/pci.h"

/* Of struct virtio_transport_ops. */
void virtio_pci_queue_interrupt(struct virtio_device *vdev, unsigned int queue);
void virtio_pci_config_interrupt(struct virtio_device *vdev);
void virtio_pci_reset_interrupts(struct virtio_device *vdev);
void virtio_pci_queue_irqfd(struct virtio_device *vdev, unsigned int queue,
			    int fd);

/* The ISR status, which is 0 then, and INTA low. Any thread. */
u8 virtio_pci_read_isr(struct virtio_pci *pci);

/* A vector of *pci; written by vCPUs while others raise interrupts. */
u16 virtio_pci_get_vector(struct virtio_pci *pci, const u16 *vector);
void virtio_pci_set_config_vector(struct virtio_pci *pci, u16 vector);
void virtio_pci_set_vector(struct virtio_pci *pci, u32 queue, u16 vector);

/* At the end, when nobody raises interrupts any more. */
void virtio_pci_free_irqfds(struct virtio_pci *pci);

#endif
