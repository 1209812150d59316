/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's own page tables: where an address of its EL1 leads to. Arm ARM
 * (DDI 0487), D8, "The AArch64 Virtual Memory System Architecture".
 */
#ifndef LKVM_ARM_A64_STAGE1_H
#define LKVM_ARM_A64_STAGE1_H

#include "lkvm/vmm/gmem.h"

/* What the walk depends on; the caller has read it from the vCPU. */
struct stage1 {
	u64 sctlr; /* SCTLR_EL1 */
	u64 tcr;   /* TCR_EL1 */
	u64 ttbr[2];
	u64 mair;   /* MAIR_EL1 */
	u64 pstate; /* for PAN */
	const struct gmem *mem;
};

/* What EL1 may do with a page. */
#define STAGE1_READ  1
#define STAGE1_WRITE 2
#define STAGE1_EXEC  4
/* Normal memory, write-back: what this process sees is what the guest sees. */
#define STAGE1_CACHED 8

/*
 * Finds the 4 KiB page of `va`, whatever the granule: *ipa is its intermediate
 * physical address, *flags a set of STAGE1_. Returns 0, or -EFAULT where the
 * guest would take a fault or hardware would write to the tables, and wherever
 * something is in use that is not known here: the CPU has to find out.
 */
int stage1_walk(const struct stage1 *mmu, u64 va, u64 *ipa,
		unsigned int *flags);

#endif
