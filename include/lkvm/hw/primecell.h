/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Arm's PrimeCell peripherals have in common: 4 KiB of registers, each in
 * a word of its own, and at their end eight that identify the part.
 */
#ifndef LKVM_HW_PRIMECELL_H
#define LKVM_HW_PRIMECELL_H

#include "lkvm/util/util.h"

#define PRIMECELL_SIZE SZ_4K
#define PRIMECELL_IDS  0xfe0 /* PeriphID0-3, PCellID0-3: a byte each */
#define PRIMECELL_CELL 0xb105f00d

/*
 * The register at `offset`, a multiple of 4 from PRIMECELL_IDS on, of the part
 * whose PeriphID registers hold `periph`, the first one in its low byte.
 */
static inline u32 primecell_id(u32 periph, u64 offset)
{
	u64 ids = (u64)PRIMECELL_CELL << 32 | periph;

	return (u32)(ids >> (offset - PRIMECELL_IDS) * 2) & 0xff;
}

#endif
