/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Procedure Call Standard for the Arm 64-bit Architecture (AAPCS64), 6.4.6, the
 * frame pointer: X29 has the address of a record, of the caller's X29 and of
 * where the call returns to; the last record has a zero in the place of the
 * first. A function that keeps no record is missing, or its caller is.
 *
 * The guest may have anything there: what is read is only shown, and the length
 * has a limit, which also ends a chain that is a ring.
 */
#include "stack.h"
#include "vcpu_memory.h"

#define RECORD_ALIGN 8U

static int read_word(const struct stage1 *mmu, const struct gmem *ram, u64 va,
		     u64 *value)
{
	u64 pa;
	int ret = vcpu_memory_translate(mmu, va, &pa);

	/* Aligned, hence in one page. */
	return ret ? ret : gmem_read(ram, pa, value, sizeof(*value));
}

unsigned int stack_walk(const struct stage1 *mmu, const struct gmem *ram,
			u64 fp, u64 at[STACK_MAX])
{
	unsigned int n = 0;
	u64 next, lr;

	while (n < STACK_MAX && fp && IS_ALIGNED(fp, RECORD_ALIGN)) {
		if (read_word(mmu, ram, fp, &next) ||
		    read_word(mmu, ram, fp + sizeof(u64), &lr) || !lr)
			break;
		at[n++] = vcpu_memory_strip(mmu, lr);
		if (next == fp)
			break;
		fp = next;
	}
	return n;
}
