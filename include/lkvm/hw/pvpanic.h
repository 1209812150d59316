/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic, QEMU's device (docs/specs/pvpanic.rst) by which a guest says that
 * its kernel has panicked: one register of a byte, on the MMIO bus or in a
 * function of PCI.
 */
#ifndef LKVM_HW_PVPANIC_H
#define LKVM_HW_PVPANIC_H

#include "lkvm/pci/pci.h"
#include "lkvm/vmm/device.h"
#include "lkvm/vmm/mmio.h"

/*
 * Bytes of the range, of which the first is the register: no base address of
 * PCI is smaller.
 */
#define PVPANIC_SIZE 16

#define PVPANIC_VENDOR 0x1b36
#define PVPANIC_DEVICE 0x0011

/* What a guest can say; bit n of the register is event n. */
enum pvpanic_event {
	PVPANIC_PANICKED,     /* its kernel has panicked */
	PVPANIC_CRASH_LOADED, /* the same, but another kernel takes over */
	PVPANIC_SHUTDOWN,     /* it has shut down */
	NR_PVPANIC_EVENTS
};

struct pvpanic_params {
	const char *name; /* for messages and statistics; not copied */
	/* On the thread of the vCPU that has written, several at once. */
	void (*event)(void *opaque, enum pvpanic_event event);
	void *opaque;
};

/*
 * Creates one at `base`, PVPANIC_SIZE bytes of `bus`. Its node is
 * "pvpanic-mmio@BASE". *dev is for a registry, whose `destroy` frees it once
 * the bus does not call it any more. Reads of any width give the bits that are
 * known, writes look at the lowest byte; the rest of the range reads as zero.
 * Returns 0, what mmio_bus_add() returns, or -ENOMEM.
 */
int pvpanic_create(const struct pvpanic_params *params, u64 base,
		   struct mmio_bus *bus, struct device **dev);

/*
 * The same as a function without an interrupt in the next free slot of the
 * bridge, which owns it. Returns 0, -ENOSPC, or -ENOMEM.
 */
int pvpanic_create_pci(const struct pvpanic_params *params,
		       struct pci_host *host);

#endif
