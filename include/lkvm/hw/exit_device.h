/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A register that ends the run with a status that the guest has chosen: for
 * tests that run as a guest, with or without an OS.
 */
#ifndef LKVM_HW_EXIT_DEVICE_H
#define LKVM_HW_EXIT_DEVICE_H

#include "lkvm/vmm/device.h"
#include "lkvm/vmm/mmio.h"

/* A page, so that an OS can map it for a program; the register is at its start.
 */
#define EXIT_DEVICE_SIZE SZ_4K

/* What it reads as: "exit", the first byte first. */
#define EXIT_DEVICE_ID 0x74697865

struct exit_device_params {
	const char *name; /* for messages and statistics; not copied */
	u64 base;	  /* of EXIT_DEVICE_SIZE bytes */
	/*
	 * A status was written, of which its eight bits are left. On the thread
	 * of the vCPU that has done so, several at once.
	 */
	void (*end)(void *opaque, u8 status);
	void *opaque;
};

/*
 * Adds its region to `bus`. Its node is "exit@BASE", compatible with
 * "lkvm,exit-device". *dev is for a registry, whose `destroy` frees it once the
 * bus does not call it any more. The register is of 32 bits; accesses of other
 * widths do the same, and all behind it reads as zero and ignores writes.
 * Returns 0, what mmio_bus_add() returns, or -ENOMEM.
 */
int exit_device_create(const struct exit_device_params *params,
		       struct mmio_bus *bus, struct device **dev);

#endif
