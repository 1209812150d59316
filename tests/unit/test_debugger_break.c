/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/debugger_break.c vmm/gmem.c */
/* Breakpoints in memory, and in debug registers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "arm/debugger.h"

#define BASE 0x80000000ULL
#define BRK  0xd4200000U
#define NOP  0xd503201fU

static struct debugger_breaks breaks;
static struct gmem ram;
static u32 words[1024];
static struct debugger_hw hw;

static int setup(void **state)
{
	(void)state;
	memset(&breaks, 0, sizeof(breaks));
	memset(&ram, 0, sizeof(ram));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = NOP + ((u32)i << 8);
	assert_int_equal(gmem_add(&ram, BASE, sizeof(words), words), 0);
	breaks.max_bps = 2;
	breaks.max_wps = 3;
	return 0;
}

static int add(enum gdb_break type, u64 addr, u64 len)
{
	const struct debugger_break new = {
		.type = type,
		.addr = addr,
		.len = len,
		.pa = (addr & 0xffff) | BASE,
	};

	return debugger_break_add(&breaks, &ram, &new);
}

static void drop(enum gdb_break type, u64 addr, u64 len)
{
	debugger_break_remove(&breaks, &ram, type, addr, len);
}

static void read_back(u64 pa, void *buf, size_t len)
{
	assert_int_equal(gmem_read(&ram, pa, buf, len), 0);
	debugger_break_hide(&breaks, &ram, pa, buf, len);
}

static void in_memory(void **state)
{
	u32 before[4];
	u32 now[4];
	u8 bytes[3];

	(void)state;
	memcpy(before, words, sizeof(before));
	assert_false(debugger_break_has(&breaks, false));
	assert_int_equal(add(GDB_BREAK_SOFTWARE, 0xffff800000000004, 4), 0);
	assert_int_equal(add(GDB_BREAK_SOFTWARE, 0xffff800000000004, 4), 0);
	assert_int_equal(add(GDB_BREAK_SOFTWARE, 0x0000000000000004, 4),
			 -EEXIST);
	assert_int_equal(breaks.count, 1);
	assert_int_equal(words[1], BRK);
	assert_true(debugger_break_is_at(&breaks, BASE + 4));
	assert_false(debugger_break_is_at(&breaks, BASE));
	assert_true(debugger_break_has(&breaks, false));
	assert_false(debugger_break_has(&breaks, true));
	/* Whole, and in part, on both sides. */
	read_back(BASE, now, sizeof(now));
	assert_memory_equal(now, before, sizeof(now));
	read_back(BASE + 6, bytes, 3);
	assert_memory_equal(bytes, (u8 *)before + 6, 3);
	read_back(BASE + 3, bytes, 3);
	assert_memory_equal(bytes, (u8 *)before + 3, 3);
	drop(GDB_BREAK_SOFTWARE, 0xffff800000000004, 8);
	assert_int_equal(words[1], BRK);
	drop(GDB_BREAK_SOFTWARE, 0xffff800000000004, 4);
	assert_memory_equal(words, before, sizeof(before));
	assert_false(debugger_break_has(&breaks, false));
}

static void no_place(void **state)
{
	struct debugger_break new = { .pa = BASE + 2 };

	(void)state;
	assert_int_equal(debugger_break_add(&breaks, &ram, &new), -EFAULT);
	new.pa = BASE + sizeof(words);
	assert_int_equal(debugger_break_add(&breaks, &ram, &new), -EFAULT);
	new.pa = BASE + sizeof(words) - 4;
	assert_int_equal(debugger_break_add(&breaks, &ram, &new), 0);
	assert_int_equal(breaks.count, 1);
	for (u64 i = 1; i < DEBUGGER_MAX_BREAKS; i++)
		assert_int_equal(add(GDB_BREAK_SOFTWARE, 4 * i, 4), 0);
	assert_int_equal(add(GDB_BREAK_SOFTWARE, 0, 4), -ENOSPC);
	debugger_break_remove_all(&breaks, &ram);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_int_equal(words[i], NOP + ((u32)i << 8));
}

static void writes(void **state)
{
	u32 new[3] = { 0x11111111, 0x22222222, 0x33333333 };
	u32 now[3];

	(void)state;
	assert_int_equal(add(GDB_BREAK_SOFTWARE, 4, 4), 0);
	assert_int_equal(
		debugger_break_write(&breaks, &ram, BASE, (u8 *)new, 12), 0);
	assert_int_equal(words[0], new[0]);
	assert_int_equal(words[1], BRK);
	assert_int_equal(words[2], new[2]);
	read_back(BASE, now, sizeof(now));
	assert_memory_equal(now, new, sizeof(now));
	drop(GDB_BREAK_SOFTWARE, 4, 4);
	assert_int_equal(words[1], new[1]);
	assert_int_equal(debugger_break_write(&breaks, &ram,
					      BASE + sizeof(words) - 1,
					      (u8 *)new, 2),
			 -EFAULT);
}

/* What the guest has written counts. */
static void overwritten(void **state)
{
	u32 now;

	(void)state;
	assert_int_equal(add(GDB_BREAK_SOFTWARE, 4, 4), 0);
	words[1] = 0x12345678;
	read_back(BASE + 4, &now, sizeof(now));
	assert_int_equal(now, 0x12345678);
	drop(GDB_BREAK_SOFTWARE, 4, 4);
	assert_int_equal(words[1], 0x12345678);
}

static void after_a_reset(void **state)
{
	u32 now;

	(void)state;
	assert_int_equal(add(GDB_BREAK_SOFTWARE, 4, 4), 0);
	assert_int_equal(add(GDB_BREAK_HARDWARE, 8, 4), 0);
	memset(words, 0, sizeof(words));
	debugger_break_replant(&breaks, &ram);
	assert_int_equal(words[1], BRK);
	assert_int_equal(words[2], 0);
	read_back(BASE + 4, &now, sizeof(now));
	assert_int_equal(now, 0);
	debugger_break_remove_all(&breaks, &ram);
	assert_int_equal(words[1], 0);
}

/* Arm ARM, DBGBCR<n>_EL1: E, PMC, BAS. */
static void hardware(void **state)
{
	(void)state;
	assert_int_equal(add(GDB_BREAK_HARDWARE, 0xffff800000000004, 4), 0);
	assert_int_equal(add(GDB_BREAK_HARDWARE, 0xffff800000000006, 4),
			 -EINVAL);
	assert_int_equal(add(GDB_BREAK_HARDWARE, 8, 4), 0);
	assert_int_equal(add(GDB_BREAK_HARDWARE, 8, 4), 0);
	assert_int_equal(add(GDB_BREAK_HARDWARE, 12, 4), -ENOSPC);
	assert_true(debugger_break_has(&breaks, true));
	debugger_break_fill(&breaks, &hw);
	assert_true(hw.bvr[0] == 0xffff800000000004);
	assert_int_equal(hw.bcr[0], 0x1e7);
	assert_int_equal(hw.bvr[1], 8);
	assert_int_equal(hw.bcr[1], 0x1e7);
	assert_int_equal(hw.bcr[2], 0);
	assert_int_equal(hw.wcr[0], 0);
	drop(GDB_BREAK_HARDWARE, 0xffff800000000004, 4);
	debugger_break_fill(&breaks, &hw);
	assert_int_equal(hw.bvr[0], 8);
	assert_int_equal(hw.bcr[1], 0);
	breaks.max_bps = breaks.max_wps = 0;
	assert_int_equal(add(GDB_BREAK_HARDWARE, 12, 4), -ENOTSUP);
	assert_int_equal(add(GDB_WATCH_READ, 12, 4), -ENOTSUP);
}

/* Arm ARM, DBGWCR<n>_EL1: E, PAC, LSC, BAS, MASK. */
static void watchpoints(void **state)
{
	static const struct {
		enum gdb_break type;
		u64 addr, len;
		unsigned int n; /* registers */
		u64 wvr[3], wcr[3];
	} cases[] = {
		{ GDB_WATCH_WRITE, 0x10, 8, 1, { 0x10 }, { 0x1ff7 } },
		{ GDB_WATCH_READ, 0x11, 1, 1, { 0x10 }, { 0x4f } },
		{ GDB_WATCH_ACCESS, 0x14, 4, 1, { 0x10 }, { 0x1e1f } },
		{ GDB_WATCH_WRITE,
		  0x16,
		  4,
		  2,
		  { 0x10, 0x18 },
		  { 0x1817, 0x77 } },
		{ GDB_WATCH_WRITE,
		  0x1000,
		  0x1000,
		  1,
		  { 0x1000 },
		  { 0xc001ff7 } },
		{ GDB_WATCH_WRITE,
		  0x8,
		  16,
		  2,
		  { 0x8, 0x10 },
		  { 0x1ff7, 0x1ff7 } },
		{ GDB_WATCH_WRITE,
		  0x15,
		  16,
		  3,
		  { 0x10, 0x18, 0x20 },
		  { 0x1c17, 0x1ff7, 0x3f7 } },
		/* The longest that a mask can say. */
		{ GDB_WATCH_WRITE,
		  0x80000000,
		  0x80000000,
		  1,
		  { 0x80000000 },
		  { 0x1f001ff7 } },
		{ GDB_WATCH_WRITE,
		  0xfffffffffffffffe,
		  2,
		  1,
		  { 0xfffffffffffffff8 },
		  { 0x1817 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(
			add(cases[i].type, cases[i].addr, cases[i].len), 0);
		debugger_break_fill(&breaks, &hw);
		for (unsigned int n = 0; n < 3; n++) {
			assert_true(hw.wvr[n] == cases[i].wvr[n]);
			assert_true(hw.wcr[n] == cases[i].wcr[n]);
		}
		assert_int_equal(hw.bcr[0], 0);
		drop(cases[i].type, cases[i].addr, cases[i].len);
	}
	assert_int_equal(add(GDB_WATCH_WRITE, 0, 0), -EINVAL);
	assert_int_equal(add(GDB_WATCH_WRITE, UINT64_MAX, 2), -EINVAL);
	assert_int_equal(add(GDB_WATCH_WRITE, 0, UINT64_MAX), -ENOSPC);
	assert_int_equal(add(GDB_WATCH_WRITE, 0, 4 * (u64)SZ_1G), -ENOSPC);
	assert_int_equal(add(GDB_WATCH_WRITE, 0, 32), 0);
	assert_int_equal(add(GDB_WATCH_WRITE, 0x100, 24), -ENOSPC);
	assert_int_equal(add(GDB_WATCH_WRITE, 0x100, 16), 0);
}

/* As many as there can be, which no mask covers at once. */
static void all_registers(void **state)
{
	(void)state;
	breaks.max_wps = DEBUGGER_MAX_HW;
	assert_int_equal(add(GDB_WATCH_WRITE, 8, 8 * DEBUGGER_MAX_HW + 1),
			 -ENOSPC);
	assert_int_equal(add(GDB_WATCH_WRITE, 8, 8 * DEBUGGER_MAX_HW), 0);
	debugger_break_fill(&breaks, &hw);
	for (unsigned int n = 0; n < DEBUGGER_MAX_HW; n++) {
		assert_int_equal(hw.wvr[n], 8 + 8 * n);
		assert_int_equal(hw.wcr[n], 0x1ff7);
	}
}

/* None takes a register of another kind. */
static void kinds(void **state)
{
	(void)state;
	assert_int_equal(add(GDB_BREAK_SOFTWARE, 4, 4), 0);
	assert_int_equal(add(GDB_WATCH_WRITE, 0x10, 8), 0);
	assert_int_equal(add(GDB_BREAK_HARDWARE, 4, 4), 0);
	assert_int_equal(add(GDB_WATCH_WRITE, 0x20, 8), 0);
	assert_int_equal(add(GDB_BREAK_HARDWARE, 8, 4), 0);
	assert_int_equal(add(GDB_WATCH_WRITE, 0x30, 8), 0);
	debugger_break_fill(&breaks, &hw);
	assert_int_equal(hw.bvr[0], 4);
	assert_int_equal(hw.bvr[1], 8);
	assert_int_equal(hw.bcr[2], 0);
	assert_int_equal(hw.wvr[2], 0x30);
	assert_int_equal(hw.wcr[3], 0);
}

/* One that is gone is no more: a BRK there is the guest's own. */
static void gone_from_memory(void **state)
{
	u32 other = 0x12345678;
	u32 now;

	(void)state;
	assert_int_equal(add(GDB_BREAK_SOFTWARE, 4, 4), 0);
	drop(GDB_BREAK_SOFTWARE, 4, 4);
	drop(GDB_BREAK_SOFTWARE, 4, 4);
	assert_false(debugger_break_is_at(&breaks, BASE + 4));
	words[1] = BRK;
	read_back(BASE + 4, &now, sizeof(now));
	assert_int_equal(now, BRK);
	assert_int_equal(debugger_break_write(&breaks, &ram, BASE + 4,
					      (u8 *)&other, sizeof(other)),
			 0);
	assert_int_equal(words[1], other);
	debugger_break_replant(&breaks, &ram);
	assert_int_equal(words[1], other);
	assert_int_equal(add(GDB_BREAK_SOFTWARE, 4, 4), 0);
	assert_int_equal(words[1], BRK);
	drop(GDB_BREAK_SOFTWARE, 4, 4);
	words[1] = BRK;
	debugger_break_remove_all(&breaks, &ram);
	assert_int_equal(words[1], BRK);
}

/* Nor has it a register. */
static void gone_from_registers(void **state)
{
	(void)state;
	assert_int_equal(add(GDB_BREAK_HARDWARE, 8, 4), 0);
	assert_int_equal(add(GDB_BREAK_HARDWARE, 12, 4), 0);
	drop(GDB_BREAK_HARDWARE, 12, 4);
	assert_int_equal(add(GDB_BREAK_HARDWARE, 16, 4), 0);
	assert_int_equal(add(GDB_WATCH_READ, 0x1000, 24), 0);
	drop(GDB_WATCH_READ, 0x1000, 24);
	assert_null(debugger_break_find_watch(&breaks, 0x1000));
	debugger_break_fill(&breaks, &hw);
	assert_int_equal(hw.bvr[1], 16);
	assert_int_equal(hw.wcr[0], 0);
	assert_int_equal(add(GDB_WATCH_READ, 0x2000, 24), 0);
}

/* By an address that may be below what is watched. */
static void which_watchpoint(void **state)
{
	(void)state;
	assert_null(debugger_break_find_watch(&breaks, 0x10));
	assert_int_equal(add(GDB_BREAK_HARDWARE, 0x10, 4), 0);
	assert_int_equal(add(GDB_WATCH_WRITE, 0x10, 8), 0);
	assert_int_equal(add(GDB_WATCH_READ, 0x20, 1), 0);
	assert_int_equal(debugger_break_find_watch(&breaks, 0x17)->type,
			 GDB_WATCH_WRITE);
	assert_int_equal(debugger_break_find_watch(&breaks, 0x20)->type,
			 GDB_WATCH_READ);
	assert_int_equal(debugger_break_find_watch(&breaks, 0x18)->type,
			 GDB_WATCH_READ);
	assert_int_equal(debugger_break_find_watch(&breaks, 0xf)->type,
			 GDB_WATCH_WRITE);
	assert_null(debugger_break_find_watch(&breaks, 0x21));
	/* As far as an access reaches. */
	assert_int_equal(add(GDB_WATCH_ACCESS, 0x2000, 1), 0);
	assert_null(debugger_break_find_watch(&breaks, 0x2000 - 2048));
	assert_int_equal(
		debugger_break_find_watch(&breaks, 0x2000 - 2047)->type,
		GDB_WATCH_ACCESS);
}

#define BREAK_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BREAK_TEST(in_memory),	      BREAK_TEST(no_place),
		BREAK_TEST(writes),	      BREAK_TEST(overwritten),
		BREAK_TEST(after_a_reset),    BREAK_TEST(hardware),
		BREAK_TEST(watchpoints),      BREAK_TEST(which_watchpoint),
		BREAK_TEST(all_registers),    BREAK_TEST(kinds),
		BREAK_TEST(gone_from_memory), BREAK_TEST(gone_from_registers),
	};

	return cmocka_run_group_tests_name("debugger_break", tests, NULL, NULL);
}
