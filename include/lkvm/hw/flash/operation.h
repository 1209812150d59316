/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program or an erase, carried out on a flash_store. */
#ifndef LKVM_HW_FLASH_OPERATION_H
#define LKVM_HW_FLASH_OPERATION_H

#include "lkvm/hw/cfi_chip.h"
#include "lkvm/hw/flash/store.h"

/* Bytes of the bus: chip 0 on bits 15:0, chip 1 on bits 31:16. */
#define FLASH_BUS_WIDTH 4

/* What one or both chips, else NULL, do to words [addr, addr + count). */
struct flash_operation {
	const struct cfi_effect *effects[2]; /* not owned */
	bool erase;
	u32 addr; /* in words of the bus */
	u32 count;
};

/*
 * Carries it out on array and file, in the order that the store's `sync` asks
 * for. The caller holds the bank's lock. Returns 0, or -errno of the file
 * without a message; part of it may be done then.
 */
int flash_operation_perform(struct flash_store *store,
			    const struct flash_operation *op);

/*
 * Leaves in array and file what a part has after power was lost half way. The
 * caller holds the bank's lock. Returns 0, -ENOMEM or the -errno of the file.
 */
int flash_operation_tear(struct flash_store *store,
			 const struct flash_operation *op);

#endif
