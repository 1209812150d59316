/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space as bytes (PCI, chapter 6): content, and a mask of the
 * bits that a driver can write. How a device fills it in before it is plugged
 * in.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/pci/pci.h"

/* PCI, section 6.2.1: type 0. */
#define HEADER_SIZE 0x40

/* Little-endian, whatever the host is (section 6.1). */
u32 pci_config_get(const struct pci_function *fn, u32 offset, u32 len)
{
	u32 value = 0;

	for (u32 i = 0; i < len; i++)
		value |= (u32)fn->config[offset + i] << 8 * i;
	return value;
}

void pci_config_set(struct pci_function *fn, u32 offset, u32 len, u32 value)
{
	for (u32 i = 0; i < len; i++)
		fn->config[offset + i] = (u8)(value >> 8 * i);
}

/* The bits are the driver's; all others stay as they were set. */
void pci_config_writable(struct pci_function *fn, u32 offset, u32 len, u32 mask)
{
	for (u32 i = 0; i < len; i++)
		fn->writable[offset + i] = (u8)(mask >> 8 * i);
}

/*
 * All zero but what identifies the function, and what every command register
 * has.
 */
void pci_function_init(struct pci_function *fn)
{
	memset(fn->config, 0, sizeof(fn->config));
	memset(fn->writable, 0, sizeof(fn->writable));
	pci_config_set(fn, PCI_VENDOR_ID, 2, fn->vendor);
	pci_config_set(fn, PCI_DEVICE_ID, 2, fn->device);
	pci_config_set(fn, PCI_CLASS_REVISION, 4,
		       fn->class << 8 | fn->revision);
	pci_config_set(fn, PCI_SUBSYSTEM_VENDOR_ID, 2, fn->subsystem_vendor);
	pci_config_set(fn, PCI_SUBSYSTEM_ID, 2, fn->subsystem);
	pci_config_writable(fn, PCI_COMMAND, 2,
			    PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
				    PCI_COMMAND_MASTER |
				    PCI_COMMAND_INTX_DISABLE);
	/* A register that is only kept for the driver (section 6.2.4). */
	pci_config_writable(fn, PCI_INTERRUPT_LINE, 1, 0xff);
	fn->next_cap = HEADER_SIZE;
	fn->last_cap = PCI_CAPABILITY_LIST;
	fn->msix.nr = 0;
	fn->msix.entries = NULL;
	pthread_mutex_init(&fn->msix.lock, NULL);
	for (unsigned int i = 0; i < PCI_BARS; i++)
		fn->bars[i] = (struct pci_bar) { .at = PCI_NO_ADDRESS };
}

void pci_function_destroy(struct pci_function *fn)
{
	free(fn->msix.entries);
	fn->msix.entries = NULL;
	fn->msix.nr = 0;
	pthread_mutex_destroy(&fn->msix.lock);
}

/* Each base address is a word; one of 64 bits is two of them. */
static u32 bar_register(unsigned int bar)
{
	return PCI_BASE_ADDRESS_0 + bar * 4;
}

/* The flags are in the low bits, which the mask of a size leaves alone. */
void pci_add_bar(struct pci_function *fn, unsigned int bar, u64 size, u32 flags)
{
	u64 writable = ~(size - 1);

	fn->bars[bar].size = size;
	fn->bars[bar].flags = flags;
	pci_config_set(fn, bar_register(bar), 4, flags);
	pci_config_writable(fn, bar_register(bar), 4, (u32)writable);
	if (flags & PCI_BASE_ADDRESS_MEM_TYPE_64)
		pci_config_writable(fn, bar_register(bar + 1), 4,
				    (u32)(writable >> 32));
}

/* Capabilities are a list, each a multiple of four bytes (section 6.7). */
u32 pci_add_cap(struct pci_function *fn, u8 id, u32 len)
{
	u32 at = fn->next_cap;

	pci_config_set(fn, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	pci_config_set(fn, fn->last_cap, 1, at);
	pci_config_set(fn, at, 1, id);
	fn->last_cap = at + PCI_CAP_LIST_NEXT;
	fn->next_cap = at + ALIGN_UP(len, 4U);
	return at;
}
