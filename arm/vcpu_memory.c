/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where addresses of a vCPU lead, for who looks at the guest from outside: a
 * debugger, `lkvm debug`. The walk itself is arm/a64/stage1.c.
 */
#include <errno.h>
#include <string.h>

#include "cpu.h"
#include "vcpu_memory.h"

#define SCTLR_M	    BIT(0)
#define TCR_TSZ	    0x3f
#define TCR_T1SZ    16
#define UPPER_HALF  BIT(55) /* Arm ARM, D8.9: of an address with a code */
#define SMALLEST_SZ 12	    /* addresses of 52 bits */
#define LARGEST_SZ  48	    /* and of 16 */

/*
 * What pages allow is not looked at, so PSTATE is of no use: a debugger may
 * read what PAN keeps from the kernel.
 */
int vcpu_memory_init(struct stage1 *mmu, struct vcpu *vcpu,
		     const struct gmem *mem)
{
	const struct {
		unsigned int reg;
		u64 *value;
	} regs[] = {
		{ CPU_SCTLR, &mmu->sctlr },   { CPU_TCR, &mmu->tcr },
		{ CPU_TTBR0, &mmu->ttbr[0] }, { CPU_TTBR1, &mmu->ttbr[1] },
		{ CPU_MAIR, &mmu->mair },
	};

	memset(mmu, 0, sizeof(*mmu));
	mmu->mem = mem;
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		if (cpu_read(vcpu, regs[i].reg, regs[i].value))
			return -EFAULT;
	return 0;
}

int vcpu_memory_translate(const struct stage1 *mmu, u64 va, u64 *pa)
{
	unsigned int flags;
	int ret;

	if (!(mmu->sctlr & SCTLR_M)) {
		*pa = va;
		return 0;
	}
	ret = stage1_walk(mmu, va, pa, &flags);
	if (!ret)
		*pa += va & (SZ_4K - 1);
	return ret;
}

/* All bits that are no part of the address are as bit 55, which never is. */
u64 vcpu_memory_strip(const struct stage1 *mmu, u64 va)
{
	bool upper = va & UPPER_HALF;
	unsigned int size = mmu->tcr >> (upper ? TCR_T1SZ : 0) & TCR_TSZ;
	u64 outside;

	if (!(mmu->sctlr & SCTLR_M) || size < SMALLEST_SZ || size > LARGEST_SZ)
		return va;
	outside = ~0ULL << (64 - size);
	return upper ? va | outside : va & ~outside;
}
