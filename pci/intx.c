/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * INTx (PCI, section 2.2.6): four lines that functions share, level triggered.
 * A line is high as long as one of its functions wants it and may drive it.
 */
#include "function.h"

/* The bridge's lines are swizzled by slot; all functions use INTA. */
static unsigned int line_of(const struct pci_function *fn)
{
	return fn->slot % PCI_INTX_LINES;
}

/* With intx_lock. A line is high as long as one of its functions wants it. */
static void drive(struct pci_function *fn)
{
	struct pci_host *host = fn->host;
	unsigned int *users = &host->intx_users[line_of(fn)];
	bool high = atomic_load(&fn->intx) && !fn->intx_disabled;
	struct irq_line line = host->params.intx;

	if (high == fn->intx_driven)
		return;
	fn->intx_driven = high;
	*users += high ? 1 : -1U;
	line.gsi += line_of(fn);
	if (*users == high)
		irq_line_set(&line, high);
}

/* Changes of a line reach KVM in the order in which they are made. */
void pci_set_intx(struct pci_function *fn, bool high)
{
	pthread_mutex_lock(&fn->host->intx_lock);
	atomic_store(&fn->intx, high);
	drive(fn);
	pthread_mutex_unlock(&fn->host->intx_lock);
}

/* PCI, section 6.8.2.1: a function that uses messages drives no line. */
static bool uses_messages(const struct pci_function *fn)
{
	return fn->msix.nr &&
	       pci_config_get(fn, fn->msix.cap + PCI_MSIX_FLAGS, 2) &
		       PCI_MSIX_FLAGS_ENABLE;
}

/* The driver may take the line away from a function that wants it. */
void pci_intx_update(struct pci_function *fn)
{
	u32 command = pci_config_get(fn, PCI_COMMAND, 2);

	pthread_mutex_lock(&fn->host->intx_lock);
	fn->intx_disabled = command & PCI_COMMAND_INTX_DISABLE ||
			    uses_messages(fn);
	drive(fn);
	pthread_mutex_unlock(&fn->host->intx_lock);
}
