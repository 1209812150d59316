/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to pci/: between the bridge and its functions. */
#ifndef PCI_FUNCTION_H
#define PCI_FUNCTION_H

#include "lkvm/pci/pci.h"

/* function.c: an access to configuration space; with the bridge's lock. */
u32 pci_function_read(struct pci_function *fn, u32 offset, u32 len);
void pci_function_write(struct pci_function *fn, u32 offset, u32 len,
			u32 value);

/* Back to the state after power-on; with the bridge's lock. */
void pci_function_reset(struct pci_function *fn);

/* decode.c: where base addresses are decoded now; with the bridge's lock. */
void pci_decode_update(struct pci_function *fn);

/*
 * The function that decodes [at, at + len) on the bus, with *bar and the offset
 * in its range, or NULL. Any thread, without a lock.
 */
struct pci_function *pci_decode_find(struct pci_host *host, bool io, u64 at,
				     unsigned int len, unsigned int *bar,
				     u64 *offset);

/* msix.c: its state follows the control register; with the bridge's lock. */
void pci_msix_update(struct pci_function *fn);
void pci_msix_reset(struct pci_function *fn);

/*
 * intx.c: INTA of the function follows the command register, and is low while
 * MSI-X is used; with the bridge's lock.
 */
void pci_intx_update(struct pci_function *fn);

#endif
