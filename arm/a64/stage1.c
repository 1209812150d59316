/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A walk of the guest's stage 1 tables for EL1, in user space: DDI 0487, D8.
 *
 * KVM has no translation ioctl for arm64, so the interpreter walks the tables
 * for code and data of a batch; arm/batch.c calls it on the vCPU's thread. The
 * guest may change its tables at the same time; as for a TLB, an entry read
 * before a TLBI may be used until the batch ends.
 *
 * It never writes the access flag or dirty state. Where hardware would, and
 * with 52-bit addresses (LPA2, LVA), big-endian tables and all that is not
 * known here, it returns -EFAULT: then the CPU executes the instruction.
 */
#include <errno.h>

#include "lkvm/arm/a64/stage1.h"

/* Arm ARM, D23.2, SCTLR_EL1. */
#define SCTLR_M	   BIT(0)
#define SCTLR_C	   BIT(2)
#define SCTLR_WXN  BIT(19)
#define SCTLR_EE   BIT(25)
#define SCTLR_EPAN BIT(57)

/* Arm ARM, D23.2, TCR_EL1: T0SZ, EPD0 and TG0, with those of TTBR1 at 16. */
#define TCR_TSZ	     0x3fU
#define TCR_EPD	     BIT(7)
#define TCR_TG_SHIFT 14
#define TCR_TTBR1    16
#define TCR_HD	     BIT(40) /* hardware sets the dirty state */
#define TCR_DS	     BIT(59)
#define TSZ_MIN	     16U
#define TSZ_MAX	     39U
#define TTBR_BASE    0x0000ffffffffffc0ULL
#define TTBR_HIGH    0x3cULL /* bits 51:48 of a 52-bit address */
#define PSTATE_PAN   BIT(22)
#define LAST_LEVEL   3U
#define GRANULE_64K  16U
#define MAIR_NORMAL  0xff /* write-back, read and write allocate */
#define MAIR_TAGGED  0xf0
#define PAGE_BITS    12U

/* Arm ARM, D8.3, "Translation table descriptor formats". */
#define DESC_VALID	BIT(0)
#define DESC_TABLE	BIT(1) /* level 3: a page */
#define DESC_EL0	BIT(6) /* AP[1] */
#define DESC_RO		BIT(7) /* AP[2] */
#define DESC_AF		BIT(10)
#define DESC_GP		BIT(50)
#define DESC_DBM	BIT(51)
#define DESC_PXN	BIT(53)
#define DESC_UXN	BIT(54)
#define DESC_PXN_TABLE	BIT(59)
#define DESC_RO_TABLE	BIT(62)
#define DESC_ADDR	0x0000fffffffff000ULL
#define DESC_ATTR_SHIFT 2

/* State of a walk between two levels. */
struct walk {
	unsigned int granule; /* bits of an offset into a page */
	unsigned int va_bits;
	unsigned int level;
	u64 table;
	bool readonly, no_exec; /* from the levels above */
};

/* Mask of the `n` lowest bits; n is below 64. */
static u64 low_bits(unsigned int n)
{
	return (1ULL << n) - 1;
}

/* TG0 and TG1 have different codes for the same sizes; 0: reserved. */
static unsigned int granule_of(u64 tcr, bool upper)
{
	static const u8 tg0[4] = { 12, 16, 14, 0 };
	static const u8 tg1[4] = { 0, 14, 12, 16 };
	unsigned int tg = (tcr >> TCR_TG_SHIFT) & 3;

	return upper ? tg1[tg] : tg0[tg];
}

/* Bits of the address that are translated from `level` on, offset included. */
static unsigned int bits_from(const struct walk *walk, unsigned int level)
{
	return walk->granule + (LAST_LEVEL + 1 - level) * (walk->granule - 3);
}

/* Tagged addresses, and those between both halves, are left to the CPU. */
static bool is_canonical(u64 va, unsigned int bits, bool upper)
{
	return va >> bits == (upper ? UINT64_MAX >> bits : 0);
}

/*
 * Initial lookup level and table address from TCR_EL1 and TTBRn_EL1: as many
 * levels as the address size needs (D8.2).
 */
static int start(const struct stage1 *mmu, u64 va, struct walk *walk)
{
	bool upper = va >> 63;
	u64 tcr = mmu->tcr >> (upper ? TCR_TTBR1 : 0);
	unsigned int tsz = tcr & TCR_TSZ;
	u64 ttbr = mmu->ttbr[upper];
	unsigned int index_bits;

	walk->granule =
		granule_of(upper ? mmu->tcr >> TCR_TTBR1 : mmu->tcr, upper);
	if (!(mmu->sctlr & SCTLR_M) || mmu->sctlr & SCTLR_EE ||
	    mmu->tcr & TCR_DS || tcr & TCR_EPD || !walk->granule ||
	    tsz < TSZ_MIN || tsz > TSZ_MAX ||
	    (walk->granule == GRANULE_64K && ttbr & TTBR_HIGH))
		return -EFAULT;
	walk->va_bits = 64 - tsz;
	if (!is_canonical(va, walk->va_bits, upper))
		return -EFAULT;
	walk->level = LAST_LEVEL;
	while (bits_from(walk, walk->level) < walk->va_bits)
		walk->level--;
	index_bits = walk->va_bits - bits_from(walk, walk->level + 1);
	walk->table = ttbr & TTBR_BASE & ~low_bits(index_bits + 3);
	return 0;
}

/* An entry is read at once, as the hardware would. */
static int read_entry(const struct stage1 *mmu, const struct walk *walk, u64 va,
		      u64 *desc)
{
	unsigned int shift = bits_from(walk, walk->level + 1);
	unsigned int top = MIN(bits_from(walk, walk->level), walk->va_bits);
	u64 index = (va & low_bits(top)) >> shift;
	const u64 *entry = gmem_ptr(mmu->mem, walk->table + index * sizeof(u64),
				    sizeof(u64));

	if (!entry)
		return -EFAULT;
	*desc = __atomic_load_n(entry, __ATOMIC_RELAXED);
	return *desc & DESC_VALID ? 0 : -EFAULT;
}

/* True if it has address bits above 47, which only 52-bit addresses have. */
static bool has_high_address(const struct walk *walk, u64 desc)
{
	return walk->granule == GRANULE_64K && desc & 0xf000;
}

/* Address of the next table; tables are aligned to the granule. */
static u64 table_of(const struct walk *walk, u64 desc)
{
	return desc & DESC_ADDR & ~low_bits(walk->granule);
}

/* Blocks: 1 GiB and 2 MiB; 32 MiB; 512 MiB. */
static bool may_be_block(const struct walk *walk)
{
	return walk->level == 2 || (walk->level == 1 && walk->granule == 12);
}

/*
 * Memory of user space is not accessible while PAN is set; with EPAN that which
 * user space may only execute is as well.
 */
static bool is_kept_from_el1(const struct stage1 *mmu, u64 desc)
{
	bool user = desc & DESC_EL0 ||
		    (mmu->sctlr & SCTLR_EPAN && !(desc & DESC_UXN));

	return user && mmu->pstate & PSTATE_PAN;
}

/*
 * Whether a page counts as one that may be written where that decides on
 * executing it (Arm ARM, D8.4): one that is clean and that hardware makes dirty
 * does. What the tables above forbid is left out, as TCR_EL1.HPD may have
 * disabled it: more is left to the CPU then.
 */
static bool may_get_written(const struct stage1 *mmu, u64 desc)
{
	return !(desc & DESC_RO) || (desc & DESC_DBM && mmu->tcr & TCR_HD);
}

/*
 * Less than the guest has where that is simpler, never more: the CPU finds out.
 */
static unsigned int rights(const struct stage1 *mmu, const struct walk *walk,
			   u64 desc)
{
	bool writable = !(desc & DESC_RO) && !walk->readonly;
	unsigned int flags = 0;

	if (!is_kept_from_el1(mmu, desc))
		flags = STAGE1_READ | (writable ? STAGE1_WRITE : 0);
	if (!(desc & (DESC_PXN | DESC_GP)) && !walk->no_exec &&
	    !(may_get_written(mmu, desc) &&
	      (desc & DESC_EL0 || mmu->sctlr & SCTLR_WXN)))
		flags |= STAGE1_EXEC;
	return flags;
}

/*
 * From a leaf to the address and the rights. Only Normal write-back memory
 * counts as cached; with MTE's tagged attribute the CPU has to check tags.
 */
static int finish(const struct stage1 *mmu, const struct walk *walk, u64 desc,
		  u64 va, u64 *ipa, unsigned int *flags)
{
	u64 offset = low_bits(bits_from(walk, walk->level + 1));
	unsigned int index = (desc >> DESC_ATTR_SHIFT) & 7;
	u8 attr = (u8)(mmu->mair >> (8 * index));

	if (!(desc & DESC_AF) || attr == MAIR_TAGGED)
		return -EFAULT;
	*ipa = ((desc & DESC_ADDR & ~offset) | (va & offset)) &
	       ~low_bits(PAGE_BITS);
	*flags = rights(mmu, walk, desc);
	if (attr == MAIR_NORMAL && mmu->sctlr & SCTLR_C)
		*flags |= STAGE1_CACHED;
	return 0;
}

/*
 * The guest may change its tables meanwhile: each entry is read once, and the
 * levels bound the walk.
 */
int stage1_walk(const struct stage1 *mmu, u64 va, u64 *ipa, unsigned int *flags)
{
	struct walk walk = { 0 };
	u64 desc;
	int ret = start(mmu, va, &walk);

	for (; !ret; walk.level++) {
		ret = read_entry(mmu, &walk, va, &desc);
		if (ret || has_high_address(&walk, desc))
			break;
		if (walk.level == LAST_LEVEL)
			return desc & DESC_TABLE ? finish(mmu, &walk, desc, va,
							  ipa, flags)
						 : -EFAULT;
		if (!(desc & DESC_TABLE))
			return may_be_block(&walk) ? finish(mmu, &walk, desc,
							    va, ipa, flags)
						   : -EFAULT;
		walk.table = table_of(&walk, desc);
		walk.readonly |= !!(desc & DESC_RO_TABLE);
		walk.no_exec |= !!(desc & DESC_PXN_TABLE);
	}
	return -EFAULT;
}
