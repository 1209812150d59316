/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Identity map of a test program: VMSAv8-64, 4 KiB granule, 39-bit addresses,
 * blocks of 1 GiB, and of 2 MiB in the first GiB, where the flash is. All
 * processors share the tables; start.S has TCR_EL1 and MAIR_EL1.
 *
 * The tables are first written with the MMU off, hence not through the caches.
 * Later changes follow break-before-make (DDI 0487, D8).
 */
#include "mmu.h"

/* Block descriptors of the VMSAv8-64 translation tables, 4 KiB granule. */
#define DESC_TABLE   3UL
#define DESC_BLOCK   1UL
#define DESC_ATTR(n) ((u64)(n) << 2)
#define DESC_INNER   (3UL << 8) /* inner shareable */
#define DESC_AF	     (1UL << 10)
#define DESC_NO_EXEC (3UL << 53) /* UXN, PXN */
#define L1_SHIFT     30
#define L2_SHIFT     21
#define ENTRIES	     512
#define VIRT_RAM     0x40000000UL
#define KVMTOOL_RAM  0x80000000UL

/* Where the flash may be. */
#define KVMTOOL_FLASH	  0x02000000UL
#define KVMTOOL_FLASH_END 0x03000000UL
#define VIRT_FLASH	  0
#define VIRT_FLASH_END	  0x08000000UL

extern char _start[], _end[];

/* 1 GiB an entry; the first GiB in pieces of 2 MiB. */
u64 mmu_root[ENTRIES] __attribute__((aligned(4096)));
static u64 low_table[ENTRIES] __attribute__((aligned(4096)));

/* The machines differ in where RAM is, hence in where the program is linked. */
bool on_virt(void)
{
	return (u64)_start < KVMTOOL_RAM;
}

u64 ram_base(void)
{
	return on_virt() ? VIRT_RAM : KVMTOOL_RAM;
}

/*
 * Device memory is never executable: speculative fetches could reach a device.
 */
static u64 block(u64 addr, enum memory_type type)
{
	u64 flags = DESC_BLOCK | DESC_AF | DESC_INNER | DESC_ATTR(type);

	return addr | flags | (type == MEMORY_DEVICE ? DESC_NO_EXEC : 0);
}

/* Smallest line of the data caches, in bytes. */
static u64 cache_line(void)
{
	u64 ctr;

	asm volatile("mrs %0, ctr_el0" : "=r"(ctr));
	return 4UL << (ctr >> 16 & 15);
}

void mmu_init(void)
{
	u64 line = cache_line();

	for (u64 i = 0; i < ENTRIES; i++) {
		bool ram = i >= ram_base() >> L1_SHIFT;

		low_table[i] = block(i << L2_SHIFT, MEMORY_DEVICE);
		mmu_root[i] =
			block(i << L1_SHIFT, ram ? MEMORY_WB : MEMORY_DEVICE);
	}
	mmu_root[0] = (u64)low_table | DESC_TABLE;
	/* What was written so far went around the caches. */
	for (u64 p = (u64)_start & ~(line - 1); p < (u64)_end; p += line)
		asm volatile("dc ivac, %0" ::"r"(p) : "memory");
	asm volatile("dsb sy" ::: "memory");
}

/*
 * DSB before: the tables' stores are visible to the walker; DSB and ISB after:
 * the invalidation is complete.
 */
static void tlb_invalidate(void)
{
	asm volatile("dsb ishst\n\t"
		     "tlbi vmalle1is\n\t"
		     "dsb ish\n\t"
		     "isb" ::
			     : "memory");
}

void mmu_map_flash(enum memory_type type)
{
	bool virt = on_virt();
	u64 first = (virt ? VIRT_FLASH : KVMTOOL_FLASH) >> L2_SHIFT;
	u64 end = (virt ? VIRT_FLASH_END : KVMTOOL_FLASH_END) >> L2_SHIFT;

	/* Break before make: two types at once are not allowed. */
	for (u64 i = first; i < end; i++)
		low_table[i] = 0;
	tlb_invalidate();
	for (u64 i = first; i < end; i++)
		low_table[i] = block(i << L2_SHIFT, type);
	tlb_invalidate();
}

/* Clean and invalidate to the point of coherency. */
void cache_clean(const void *start, size_t len)
{
	u64 line = cache_line();
	u64 end = (u64)start + len;

	for (u64 p = (u64)start & ~(line - 1); p < end; p += line)
		asm volatile("dc civac, %0" ::"r"(p) : "memory");
	asm volatile("dsb sy" ::: "memory");
}

/* All processors in the inner shareable domain. */
void icache_invalidate(void)
{
	asm volatile("ic ialluis\n\tdsb ish\n\tisb" ::: "memory");
}
