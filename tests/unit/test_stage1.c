/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/a64/stage1.c vmm/gmem.c */
/*
 * Page tables are written here from the manual's formats (Arm ARM, D8.3), for
 * each granule, and then walked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "include/lkvm/arm/a64/stage1.h"

#define RAM	 0x80000000ULL
#define RAM_SIZE SZ_2M

#define VALID	 1ULL
#define TABLE	 3ULL /* and page */
#define AF	 (1ULL << 10)
#define RO	 (1ULL << 7)
#define EL0	 (1ULL << 6)
#define ATTR(n)	 ((u64)(n) << 2)
#define GP	 (1ULL << 50)
#define PXN	 (1ULL << 53)
#define NEXT_RO	 (1ULL << 62)
#define NEXT_PXN (1ULL << 59)
#define PAN	 (1ULL << 22)
#define WXN	 (1ULL << 19)
#define EPAN	 (1ULL << 57)
#define UXN	 (1ULL << 54)
#define DBM	 (1ULL << 51)
#define HD	 (1ULL << 40)

#define NORMAL	 ATTR(0)
#define DEVICE	 ATTR(1)
#define TAGGED	 ATTR(2)
#define UNCACHED ATTR(3)

#define UPPER 0xffff000000000000ULL

struct fixture {
	struct gmem mem;
	struct stage1 mmu;
	u8 *ram;
	unsigned int granule;
	u64 next; /* where the next table goes */
};

static u64 new_table(struct fixture *f)
{
	u64 table = f->next;

	f->next += 1ULL << f->granule;
	assert_true(f->next <= RAM + RAM_SIZE);
	return table;
}

static u64 *entry_at(struct fixture *f, u64 table, u64 index)
{
	return (u64 *)(void *)(f->ram + (table - RAM)) + index;
}

/* 48-bit halves, one granule for both. */
static void set_granule(struct fixture *f, unsigned int granule)
{
	u64 tg0 = granule == 12 ? 0 : granule == 16 ? 1 : 2;
	u64 tg1 = granule == 12 ? 2 : granule == 16 ? 3 : 1;

	memset(f->ram, 0, RAM_SIZE);
	f->granule = granule;
	f->next = RAM;
	f->mmu.tcr = 16 | tg0 << 14 | 16 << 16 | tg1 << 30;
	/* With an ASID and CnP. */
	f->mmu.ttbr[0] = new_table(f) | 0x1234ULL << 48 | 1;
	f->mmu.ttbr[1] = new_table(f);
}

static unsigned int shift_of(const struct fixture *f, unsigned int level)
{
	return f->granule + (3 - level) * (f->granule - 3);
}

/* Puts `desc` at `level` for `va`, with `bits` in the tables above it. */
static void put(struct fixture *f, u64 va, unsigned int level, u64 desc,
		u64 bits)
{
	u64 table = f->mmu.ttbr[va >> 63] & 0xfffffffffffeULL;
	unsigned int first = f->granule == 16 ? 1 : 0;

	for (unsigned int l = first;; l++) {
		unsigned int shift = shift_of(f, l);
		unsigned int width = MIN(f->granule - 3, 48 - shift);
		u64 *entry = entry_at(f, table,
				      (va >> shift) & ((1ULL << width) - 1));

		if (l == level) {
			*entry = desc;
			return;
		}
		if (!*entry)
			*entry = new_table(f) | TABLE;
		*entry |= bits;
		table = *entry & 0xfffffffff000ULL;
	}
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->ram = aligned_alloc(SZ_64K, RAM_SIZE);
	assert_int_equal(gmem_add(&f->mem, RAM, RAM_SIZE, f->ram), 0);
	f->mmu.mem = &f->mem;
	f->mmu.sctlr = 5; /* M and C */
	/* Write-back; device; tagged; not cacheable. */
	f->mmu.mair = 0xff | 0x04 << 8 | 0xf0 << 16 | 0x44ULL << 24;
	set_granule(f, 12);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->ram);
	free(f);
	return 0;
}

static void leads_to(struct fixture *f, u64 va, u64 ipa, unsigned int flags)
{
	u64 got = 1;
	unsigned int got_flags = 0;

	assert_int_equal(stage1_walk(&f->mmu, va, &got, &got_flags), 0);
	assert_int_equal(got, ipa);
	assert_int_equal(got_flags, flags);
}

static void leads_nowhere(struct fixture *f, u64 va)
{
	u64 ipa;
	unsigned int flags;

	assert_int_equal(stage1_walk(&f->mmu, va, &ipa, &flags), -14);
}

#define RW  (STAGE1_READ | STAGE1_WRITE)
#define RWX (RW | STAGE1_EXEC)

static void pages_of_each_granule(void **state)
{
	static const unsigned int granules[] = { 12, 14, 16 };
	struct fixture *f = *state;
	const u64 va = 0x123456780000ULL, ipa = 0x9abcde780000ULL;

	for (size_t i = 0; i < ARRAY_SIZE(granules); i++) {
		set_granule(f, granules[i]);
		put(f, va, 3, ipa | TABLE | AF | NORMAL, 0);
		put(f, va | UPPER, 3, ipa | TABLE | AF | DEVICE, 0);
		leads_to(f, va + 0x123, ipa, RWX | STAGE1_CACHED);
		leads_to(f, (va + 0xff8) | UPPER, ipa, RWX);
		/* The last 4 KiB of the page, and the first behind it. */
		leads_to(f, va + (1ULL << granules[i]) - 1,
			 ipa + (1ULL << granules[i]) - SZ_4K,
			 RWX | STAGE1_CACHED);
		leads_nowhere(f, va + (1ULL << granules[i]));
		leads_nowhere(f, va - 1);
	}
}

static void blocks(void **state)
{
	struct fixture *f = *state;

	put(f, 0x40000000, 1, 0x80000000 | VALID | AF | DEVICE, 0);
	put(f, 0x200000, 2, 0x600000 | VALID | AF, 0);
	leads_to(f, 0x7654321f, 0xb6543000, RWX);
	leads_to(f, 0x3ff123, 0x7ff000, RWX | STAGE1_CACHED);
	leads_nowhere(f, 0x400000);
	set_granule(f, 14);
	put(f, 0x2000000, 2, 0x4000000 | VALID | AF, 0);
	leads_to(f, 0x3ffffff, 0x5fff000, RWX | STAGE1_CACHED);
	set_granule(f, 16);
	put(f, 0x20000000, 2, 0x60000000 | VALID | AF, 0);
	leads_to(f, 0x3fffffff, 0x7ffff000, RWX | STAGE1_CACHED);
}

static void blocks_where_none_can_be(void **state)
{
	struct fixture *f = *state;

	put(f, 0, 0, VALID | AF, 0);
	leads_nowhere(f, 0);
	set_granule(f, 14);
	put(f, 0, 1, VALID | AF, 0);
	leads_nowhere(f, 0);
	set_granule(f, 16);
	put(f, 0, 1, VALID | AF, 0);
	leads_nowhere(f, 0);
	set_granule(f, 12);
	put(f, 0, 3, VALID | AF, 0);
	leads_nowhere(f, 0);
}

static void rights_of_pages(void **state)
{
	struct fixture *f = *state;
	const u64 page = 0x5000 | TABLE | AF;

	put(f, 0x1000, 3, page | RO, 0);
	leads_to(f, 0x1000, 0x5000, STAGE1_READ | STAGE1_EXEC | STAGE1_CACHED);
	put(f, 0x1000, 3, page | PXN, 0);
	leads_to(f, 0x1000, 0x5000, RW | STAGE1_CACHED);
	put(f, 0x1000, 3, page | GP, 0);
	leads_to(f, 0x1000, 0x5000, RW | STAGE1_CACHED);
	/* What user space can write is not for EL1 to execute. */
	put(f, 0x1000, 3, page | EL0, 0);
	leads_to(f, 0x1000, 0x5000, RW | STAGE1_CACHED);
	put(f, 0x1000, 3, page | EL0 | RO, 0);
	leads_to(f, 0x1000, 0x5000, STAGE1_READ | STAGE1_EXEC | STAGE1_CACHED);
	f->mmu.pstate = PAN;
	leads_to(f, 0x1000, 0x5000, STAGE1_EXEC | STAGE1_CACHED);
	f->mmu.sctlr |= WXN;
	put(f, 0x1000, 3, page, 0);
	leads_to(f, 0x1000, 0x5000, RW | STAGE1_CACHED);
}

/* With EPAN, PAN keeps EL1 from what user space can only execute, too. */
static void execute_only_pages(void **state)
{
	struct fixture *f = *state;
	const u64 page = 0x5000 | TABLE | AF;

	put(f, 0x1000, 3, page, 0);
	f->mmu.sctlr |= EPAN;
	leads_to(f, 0x1000, 0x5000, RWX | STAGE1_CACHED);
	f->mmu.pstate = PAN;
	leads_to(f, 0x1000, 0x5000, STAGE1_EXEC | STAGE1_CACHED);
	put(f, 0x1000, 3, page | UXN, 0);
	leads_to(f, 0x1000, 0x5000, RWX | STAGE1_CACHED);
	f->mmu.sctlr &= ~EPAN;
	put(f, 0x1000, 3, page, 0);
	leads_to(f, 0x1000, 0x5000, RWX | STAGE1_CACHED);
}

/* A clean page that hardware makes dirty is one that may be written. */
static void clean_pages(void **state)
{
	struct fixture *f = *state;
	const u64 clean = 0x5000 | TABLE | AF | RO | DBM;
	const unsigned int read = STAGE1_READ | STAGE1_CACHED;

	put(f, 0x1000, 3, clean, 0);
	put(f, 0x2000, 3, clean | EL0, 0);
	f->mmu.tcr |= HD;
	/* To write it the table has to be changed, so that is the CPU's. */
	leads_to(f, 0x1000, 0x5000, read | STAGE1_EXEC);
	leads_to(f, 0x2000, 0x5000, read);
	f->mmu.sctlr |= WXN;
	leads_to(f, 0x1000, 0x5000, read);
	put(f, 0x3000, 3, 0x5000 | TABLE | AF | RO, 0); /* stays so */
	leads_to(f, 0x3000, 0x5000, read | STAGE1_EXEC);
	f->mmu.tcr &= ~HD; /* then the bit means nothing */
	leads_to(f, 0x1000, 0x5000, read | STAGE1_EXEC);
	leads_to(f, 0x2000, 0x5000, read | STAGE1_EXEC);
}

/* Hardware may be told to ignore that the table says read-only: HPD0. */
static void tables_above_do_not_make_executable(void **state)
{
	struct fixture *f = *state;

	put(f, 0x1000, 3, 0x5000 | TABLE | AF, NEXT_RO);
	f->mmu.sctlr |= WXN;
	leads_to(f, 0x1000, 0x5000, STAGE1_READ | STAGE1_CACHED);
}

static void rights_from_the_tables_above(void **state)
{
	struct fixture *f = *state;

	put(f, 0x1000, 3, 0x5000 | TABLE | AF, NEXT_RO);
	leads_to(f, 0x1000, 0x5000, STAGE1_READ | STAGE1_EXEC | STAGE1_CACHED);
	set_granule(f, 12);
	put(f, 0x1000, 3, 0x5000 | TABLE | AF, NEXT_PXN);
	leads_to(f, 0x1000, 0x5000, RW | STAGE1_CACHED);
}

/* Only where this process sees the same bytes as the guest. */
static void kinds_of_memory(void **state)
{
	struct fixture *f = *state;

	put(f, 0x1000, 3, 0x5000 | TABLE | AF | UNCACHED, 0);
	leads_to(f, 0x1000, 0x5000, RWX);
	put(f, 0x1000, 3, 0x5000 | TABLE | AF | TAGGED, 0);
	leads_nowhere(f, 0x1000);
	put(f, 0x1000, 3, 0x5000 | TABLE | AF | NORMAL, 0);
	f->mmu.sctlr = 1; /* caches are off */
	leads_to(f, 0x1000, 0x5000, RWX);
}

static void faults(void **state)
{
	struct fixture *f = *state;
	const u64 page = 0x5000 | TABLE | AF;

	leads_nowhere(f, 0x1000);
	put(f, 0x1000, 3, page & ~AF, 0);
	leads_nowhere(f, 0x1000);
	put(f, 0x1000, 3, page & ~VALID, 0);
	leads_nowhere(f, 0x1000);
	put(f, 0x1000, 3, page, 0);
	leads_to(f, 0x1000, 0x5000, RWX | STAGE1_CACHED);
	/* Tags, and what is between both halves. */
	leads_nowhere(f, 0x1000 | 1ULL << 56);
	leads_nowhere(f, 0x1000 | 1ULL << 48);
	leads_nowhere(f, (0x1000 | UPPER) & ~(1ULL << 50));
	f->mmu.ttbr[0] = RAM + RAM_SIZE; /* no RAM there */
	leads_nowhere(f, 0x1000);
}

static void what_the_registers_forbid(void **state)
{
	struct fixture *f = *state;
	const struct stage1 sound = f->mmu;

	put(f, 0x1000, 3, 0x5000 | TABLE | AF, 0);
	f->mmu.sctlr &= ~1ULL; /* translation is off */
	leads_nowhere(f, 0x1000);
	f->mmu.sctlr = sound.sctlr | 1 << 25; /* big endian */
	leads_nowhere(f, 0x1000);
	f->mmu.sctlr = sound.sctlr;
	f->mmu.tcr = sound.tcr | 1 << 7; /* EPD0 */
	leads_nowhere(f, 0x1000);
	f->mmu.tcr = sound.tcr | 1ULL << 59; /* DS */
	leads_nowhere(f, 0x1000);
	f->mmu.tcr = sound.tcr | 3 << 14; /* no such granule */
	leads_nowhere(f, 0x1000);
	f->mmu.tcr = sound.tcr & ~1ULL << 4; /* T0SZ 0 */
	leads_nowhere(f, 0x1000);
	f->mmu.tcr = sound.tcr | 0x3f;
	leads_nowhere(f, 0x1000);
	f->mmu.tcr = sound.tcr;
	leads_to(f, 0x1000, 0x5000, RWX | STAGE1_CACHED);
}

/* Fewer bits begin further down, in a smaller table. */
static void short_addresses(void **state)
{
	struct fixture *f = *state;
	u64 table;

	f->mmu.tcr = (f->mmu.tcr & ~0x3fULL) |
		     32; /* 4 GiB: level 1, 4 entries */
	table = f->mmu.ttbr[0] = new_table(f) + 0x40;
	*entry_at(f, table, 3) = 0x80000000 | VALID | AF;
	leads_to(f, 0xc0001234, 0x80001000, RWX | STAGE1_CACHED);
	leads_nowhere(f, 0x1c0001234);
	f->mmu.tcr = (f->mmu.tcr & ~0x3fULL) | 39; /* 32 MiB: level 2 */
	*entry_at(f, table, 5) = 0x600000 | VALID | AF;
	leads_nowhere(f, 0xa00000); /* 16 entries: aligned to 128 bytes */
	f->mmu.ttbr[0] = table + 0x40;
	*entry_at(f, table + 0x40, 5) = 0x600000 | VALID | AF;
	leads_to(f, 0xa01000, 0x601000, RWX | STAGE1_CACHED);
}

static void no_addresses_of_52_bits(void **state)
{
	struct fixture *f = *state;

	set_granule(f, 16);
	put(f, 0x10000, 3, 0x50000 | TABLE | AF, 0);
	leads_to(f, 0x10000, 0x50000, RWX | STAGE1_CACHED);
	put(f, 0x10000, 3, 0x51000 | TABLE | AF, 0);
	leads_nowhere(f, 0x10000);
	put(f, 0x10000, 3, 0x50000 | TABLE | AF, 0);
	f->mmu.ttbr[0] |= 4;
	leads_nowhere(f, 0x10000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_of_each_granule),
		TEST(blocks),
		TEST(blocks_where_none_can_be),
		TEST(rights_of_pages),
		TEST(execute_only_pages),
		TEST(clean_pages),
		TEST(tables_above_do_not_make_executable),
		TEST(rights_from_the_tables_above),
		TEST(kinds_of_memory),
		TEST(faults),
		TEST(what_the_registers_forbid),
		TEST(short_addresses),
		TEST(no_addresses_of_52_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
