/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts of a virtio device behind the PCI transport: INTA and the register
 * that says what it was for, vectors of MSI-X, and eventfds that stand for
 * queues. They come from any thread, hence a lock of their own, `irq_lock`.
 */
#include <stdlib.h>

#include <linux/virtio_pci.h>

#include "pci_irq.h"

/* virtio 1.4, "ISR status capability" */
#define ISR_QUEUE  1
#define ISR_CONFIG 2

/*
 * With MSI-X the vector says what it was; a queue without one has none. INTA is
 * high until the driver reads the ISR status.
 */
static void raise(struct virtio_pci *pci, const u16 *vector, u8 isr)
{
	bool msix = pci_msix_enabled(&pci->fn);
	u16 n;

	pthread_mutex_lock(&pci->irq_lock);
	n = *vector;
	pci->interrupts++;
	if (!msix) {
		pci->isr |= isr;
		pci_set_intx(&pci->fn, true);
	}
	pthread_mutex_unlock(&pci->irq_lock);
	if (msix && n != VIRTIO_MSI_NO_VECTOR)
		pci_msix_notify(&pci->fn, n);
}

/*
 * Called with the queue's lock, or without. Those of an eventfd that KVM has
 * come here where KVM does not keep what it was woken by (before Linux 5.11).
 */
void virtio_pci_queue_interrupt(struct virtio_device *vdev, unsigned int queue)
{
	struct virtio_pci *pci = vdev->transport_data;

	if (pci->irqfds && pci_irqfd_is_bound(&pci->irqfds[queue]))
		return;
	raise(pci, &pci->vectors[queue], ISR_QUEUE);
}

/* Also tells of NEEDS_RESET. */
void virtio_pci_config_interrupt(struct virtio_device *vdev)
{
	struct virtio_pci *pci = vdev->transport_data;

	raise(pci, &pci->config_vector, ISR_CONFIG);
}

/* "ISR status capability": reading it clears it. */
u8 virtio_pci_read_isr(struct virtio_pci *pci)
{
	u8 isr;

	pthread_mutex_lock(&pci->irq_lock);
	isr = pci->isr;
	pci->isr = 0;
	pci_set_intx(&pci->fn, false);
	pthread_mutex_unlock(&pci->irq_lock);
	return isr;
}

/* A vector that there is not reads back as none: drivers look at that. */
static u16 checked(const struct virtio_pci *pci, u16 vector)
{
	return vector < pci->fn.msix.nr ? vector : VIRTIO_MSI_NO_VECTOR;
}

void virtio_pci_set_config_vector(struct virtio_pci *pci, u16 vector)
{
	pthread_mutex_lock(&pci->irq_lock);
	pci->config_vector = checked(pci, vector);
	pthread_mutex_unlock(&pci->irq_lock);
}

void virtio_pci_set_vector(struct virtio_pci *pci, u32 queue, u16 vector)
{
	pthread_mutex_lock(&pci->irq_lock);
	pci->vectors[queue] = checked(pci, vector);
	if (pci->irqfds)
		pci_irqfd_set_vector(&pci->fn, &pci->irqfds[queue],
				     pci->vectors[queue]);
	pthread_mutex_unlock(&pci->irq_lock);
}

void virtio_pci_reset_interrupts(struct virtio_device *vdev)
{
	struct virtio_pci *pci = vdev->transport_data;

	virtio_pci_read_isr(pci);
	virtio_pci_set_config_vector(pci, VIRTIO_MSI_NO_VECTOR);
	for (unsigned int i = 0; i < vdev->nr_queues; i++)
		virtio_pci_set_vector(pci, i, VIRTIO_MSI_NO_VECTOR);
}

void virtio_pci_queue_irqfd(struct virtio_device *vdev, unsigned int queue,
			    int fd)
{
	struct virtio_pci *pci = vdev->transport_data;

	if (pci->irqfds)
		pci_irqfd_set_fd(&pci->fn, &pci->irqfds[queue], fd);
}

/* Read on vCPUs' threads while others raise interrupts. */
u16 virtio_pci_get_vector(struct virtio_pci *pci, const u16 *vector)
{
	u16 value;

	pthread_mutex_lock(&pci->irq_lock);
	value = *vector;
	pthread_mutex_unlock(&pci->irq_lock);
	return value;
}

/* There are as many as vectors, without that of the configuration. */
void virtio_pci_free_irqfds(struct virtio_pci *pci)
{
	for (unsigned int i = 0; pci->irqfds && i + 1 < pci->fn.msix.nr; i++)
		pci_irqfd_release(&pci->fn, &pci->irqfds[i]);
	free(pci->irqfds);
}
