/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a driver's access to configuration space does (PCI, chapter 6). A base
 * address needs nothing more than the mask to be sized, as its low bits cannot
 * be written. What has an effect when it is written is looked at afterwards:
 * the command register, base addresses, MSI-X.
 */
#include "function.h"

/* Section 6.2.3: the status says what the function wants, sent or not. */
u32 pci_function_read(struct pci_function *fn, u32 offset, u32 len)
{
	if (range_overlaps(offset, len, PCI_STATUS, 1))
		fn->config[PCI_STATUS] =
			(u8)((fn->config[PCI_STATUS] & ~PCI_STATUS_INTERRUPT) |
			     (atomic_load(&fn->intx) ? PCI_STATUS_INTERRUPT
						     : 0));
	if (fn->ops && fn->ops->config_read)
		fn->ops->config_read(fn, offset, len);
	return pci_config_get(fn, offset, len);
}

/* PCI, section 6.2.2: without it no cycles but interrupts by INTx. */
static void update_master(struct pci_function *fn)
{
	if (fn->ops && fn->ops->set_master)
		fn->ops->set_master(fn, pci_config_get(fn, PCI_COMMAND, 2) &
						PCI_COMMAND_MASTER);
}

/*
 * Registers are changed first, then what follows from them, in one go for a
 * write that touches several.
 */
void pci_function_write(struct pci_function *fn, u32 offset, u32 len, u32 value)
{
	bool command = range_overlaps(offset, len, PCI_COMMAND, 2);
	bool msix = fn->msix.nr && range_overlaps(offset, len, fn->msix.cap, 4);

	for (u32 i = 0; i < len; i++) {
		u8 *byte = &fn->config[offset + i];
		u8 mask = fn->writable[offset + i];

		*byte = (*byte & ~mask) | ((u8)(value >> 8 * i) & mask);
	}
	if (command ||
	    range_overlaps(offset, len, PCI_BASE_ADDRESS_0, 4 * PCI_BARS))
		pci_decode_update(fn);
	if (command || msix)
		pci_intx_update(fn);
	if (fn->msix.nr && (command || msix))
		pci_msix_update(fn);
	if (command)
		update_master(fn);
	if (fn->ops && fn->ops->config_written)
		fn->ops->config_written(fn, offset, len);
}

/* All that can be written is zero then. */
void pci_function_reset(struct pci_function *fn)
{
	for (u32 i = 0; i < PCI_CONFIG_SIZE; i++)
		fn->config[i] &= ~fn->writable[i];
	pci_decode_update(fn);
	pci_intx_update(fn);
	pci_msix_reset(fn);
	update_master(fn);
}
