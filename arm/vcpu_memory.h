/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory as a vCPU sees it at EL1: through the guest's page tables where its
 * MMU is on, else by physical addresses. The vCPU is not in the guest.
 */
#ifndef LKVM_ARM_VCPU_MEMORY_H
#define LKVM_ARM_VCPU_MEMORY_H

#include "lkvm/arm/a64/stage1.h"

struct vcpu;

/*
 * Reads from the vCPU what its translation depends on; `mem`, which holds the
 * tables, outlives *mmu. What PAN keeps from the kernel can be read all the
 * same. Returns 0 or -EFAULT.
 */
int vcpu_memory_init(struct stage1 *mmu, struct vcpu *vcpu,
		     const struct gmem *mem);

/* Where `va` is, up to the next multiple of 4 KiB. 0 or -EFAULT. */
int vcpu_memory_translate(const struct stage1 *mmu, u64 va, u64 *pa);

/*
 * An address of code without what pointer authentication, or a tag, has put
 * into its upper bits.
 */
u64 vcpu_memory_strip(const struct stage1 *mmu, u64 va);

#endif
