/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The identity map, and how the window of the flash appears in it. */
#ifndef GUEST_MMU_H
#define GUEST_MMU_H

#include "guest.h"

/* Indices into MAIR_EL1, which mmu_enable() in start.S sets to match. */
enum memory_type {
	MEMORY_DEVICE, /* Device-nGnRnE, not executable: as after start-up */
	MEMORY_NC,     /* Normal non-cacheable: unaligned accesses work */
	MEMORY_WB,     /* Normal write-back */
};

/* Builds the tables; called once, by start-up, with the MMU off. */
void mmu_init(void);

/* Turns the MMU on for this processor. In start.S: uses no stack. */
void mmu_enable(void);

/* Maps where the flash may be anew; normal memory is executable too. */
void mmu_map_flash(enum memory_type type);

/* What fn() returns when called with the MMU off. fn must not use memory. */
u64 call_mmu_off(u64 fn);

/* Makes what this processor wrote visible to one whose caches are off. */
void cache_clean(const void *start, size_t len);

/* Drops fetched instructions. */
void icache_invalidate(void);

#endif
