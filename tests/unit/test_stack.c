/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/stack.c arm/vcpu_memory.c arm/a64/stage1.c vmm/gmem.c */
/* Chains of frame records, with the MMU off and on, and what is none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arm/stack.h"
#include "arm/vcpu_memory.h"

#define RAM   0x40000000ULL
#define WORDS 4096
#define UPPER 0xffff800000000000ULL

struct vcpu;
int cpu_read(struct vcpu *vcpu, unsigned int reg, u64 *value);

/* Registers are what the tests put into `mmu`. */
int cpu_read(struct vcpu *vcpu, unsigned int reg, u64 *value)
{
	(void)vcpu;
	*value = reg;
	return 0;
}

static struct {
	struct gmem ram;
	u64 words[WORDS] __attribute__((aligned(4096)));
	struct stage1 mmu;
	u64 at[STACK_MAX];
} t;

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.mmu.mem = &t.ram;
	return gmem_add(&t.ram, RAM, sizeof(t.words), t.words);
}

/* At `pa`: the caller's frame is at `next`, and it returns to `lr`. */
static void record(u64 pa, u64 next, u64 lr)
{
	t.words[(pa - RAM) / 8] = next;
	t.words[(pa - RAM) / 8 + 1] = lr;
}

static unsigned int walk(u64 fp)
{
	return stack_walk(&t.mmu, &t.ram, fp, t.at);
}

static void without_mmu(void **state)
{
	(void)state;
	record(RAM + 0x1000, RAM + 0x1040, 0x111);
	record(RAM + 0x1040, RAM + 0x800, 0x222);
	record(RAM + 0x800, 0, 0x333);
	assert_int_equal(walk(RAM + 0x1000), 3);
	assert_int_equal(t.at[0], 0x111);
	assert_int_equal(t.at[1], 0x222);
	assert_int_equal(t.at[2], 0x333);
}

static void ends(void **state)
{
	(void)state;
	assert_int_equal(walk(0), 0);
	assert_int_equal(walk(RAM), 0);
	/* Not aligned, outside of RAM, at its end. */
	record(RAM, RAM + 4, 0x111);
	assert_int_equal(walk(RAM), 1);
	record(RAM, RAM - 8, 0x111);
	assert_int_equal(walk(RAM), 1);
	record(RAM, RAM + sizeof(t.words) - 8, 0x111);
	assert_int_equal(walk(RAM), 1);
	record(RAM, UINT64_MAX - 7, 0x111);
	assert_int_equal(walk(RAM), 1);
	/* Rings. */
	record(RAM, RAM, 0x111);
	assert_int_equal(walk(RAM), 1);
	record(RAM, RAM + 16, 0x111);
	record(RAM + 16, RAM, 0x222);
	assert_int_equal(walk(RAM), STACK_MAX);
}

/*
 * Pages of 4 KiB and 48 bits of addresses: tables at RAM, one of each level,
 * and a page at UPPER.
 */
static void map_page(u64 pa)
{
	const u64 table = 3, page = 3 | BIT(10) | 3 << 8;

	t.mmu.sctlr = 1;
	t.mmu.tcr = 16 | 16 << 16 | 2ULL << 30 | 5ULL << 32;
	t.mmu.mair = 0xff;
	t.mmu.ttbr[1] = RAM;
	t.words[256] = (RAM + 0x1000) | table;
	t.words[512] = (RAM + 0x2000) | table;
	t.words[1024] = (RAM + 0x3000) | table;
	t.words[1536] = pa | page;
}

static void with_mmu(void **state)
{
	(void)state;
	map_page(RAM + 0x4000);
	record(RAM + 0x4000, UPPER + 0x100, 0xffff800080001234);
	/* With a code of pointer authentication, and one of a user's. */
	record(RAM + 0x4100, UPPER + 0x200, 0xa5bb800080005678);
	record(RAM + 0x4200, UPPER + 0x1000, 0x5a3f0000deadbeef);
	assert_int_equal(walk(UPPER), 3);
	assert_int_equal(t.at[0], 0xffff800080001234);
	assert_int_equal(t.at[1], 0xffff800080005678);
	assert_int_equal(t.at[2], 0x00000000deadbeef);
}

static void strips(void **state)
{
	(void)state;
	assert_int_equal(vcpu_memory_strip(&t.mmu, 0xa5bb800080005678),
			 0xa5bb800080005678);
	t.mmu.sctlr = 1;
	t.mmu.tcr = 25 | 16 << 16;
	assert_int_equal(vcpu_memory_strip(&t.mmu, 0xa5bb800080005678),
			 0xffff800080005678);
	assert_int_equal(vcpu_memory_strip(&t.mmu, 0xff7f801234567890),
			 0x1234567890);
	/* Sizes that there are not. */
	t.mmu.tcr = 0;
	assert_int_equal(vcpu_memory_strip(&t.mmu, 0xff7f801234567890),
			 0xff7f801234567890);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(without_mmu),
		TEST(ends),
		TEST(with_mmu),
		TEST(strips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
