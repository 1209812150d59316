/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/debugger.c arm/debugger_exit.c arm/debugger_memory.c */
/* SOURCES: arm/debugger_break.c arm/vcpu_memory.c arm/a64/stage1.c */
/* SOURCES: vmm/gmem.c gdb/aarch64.c tests/unit/debugger_rig.c */
/* What vCPUs stop for, what is the guest's own, and memory as they see it. */
#include <errno.h>
#include <string.h>

#include "debugger_rig.h"

#define PMEM 0x100000000ULL

static void steps(void **state)
{
	(void)state;
	start();
	attach();
	resume(GDB_STEP, GDB_STAY, GDB_CONTINUE);
	assert_true(t.steps[0]);
	assert_false(t.steps[2]);
	/* Not the one that steps. */
	assert_int_equal(exits(2, STEP), 0);
	assert_false(atomic_load(&t.vcpus[2].hold));
	t.cpu[0][CPU_PC] += 4;
	assert_int_equal(exits(0, STEP), 0);
	expect_stop(0, GDB_REASON_STEP, 0);
	/* One that ends in another exit, at last. */
	resume(GDB_STEP, GDB_STAY, GDB_STAY);
	t.completed_pc = t.cpu[0][CPU_PC];
	debugger_exit_done(&t.vcpus[0]);
	assert_int_equal(t.completes, 1);
	assert_false(atomic_load(&t.vcpus[0].hold));
	t.completed_pc += 4;
	debugger_exit_done(&t.vcpus[0]);
	expect_stop(0, GDB_REASON_STEP, 0);
	go();
	debugger_exit_done(&t.vcpus[0]);
	assert_int_equal(t.completes, 2);
	assert_int_equal(exits(0, EC(0x15)), -ENOTSUP);
}

/* Masked for the step, and then as they were. */
static void masked_steps(void **state)
{
	static const struct {
		u32 word;
		bool masked;
	} cases[] = {
		{ NOP, true },	       { ISB, true },
		{ SVC, false },	       { BRK, false },
		{ READ_DAIF, false },  { SET_DAIF, false },
		{ 0xd69f03e0, false }, /* ERET */
		{ 0xd51b4221, false }, /* MSR DAIF, X1 */
		{ 0xd538d080, true },  /* MRS X0, TPIDR_EL1 */
	};
	static const u64 no_entries[] = { VBAR + 0x200, VBAR + 0x800,
					  VBAR + 0x240, VBAR - 0x80 };

	(void)state;
	start();
	attach();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		t.cpu[0][CPU_PC] = BASE;
		t.cpu[0][CPU_PSTATE] = EL1H;
		t.ram[0] = cases[i].word;
		resume(GDB_STEP, GDB_STAY, GDB_STAY);
		assert_int_equal(t.cpu[0][CPU_PSTATE],
				 EL1H | (cases[i].masked ? I_F : 0));
		t.cpu[0][CPU_PC] += 4;
		assert_int_equal(exits(0, STEP), 0);
		expect_stop(0, GDB_REASON_STEP, 0);
		assert_int_equal(t.cpu[0][CPU_PSTATE], EL1H);
	}
	/* It has taken an exception: what that saved is put right. */
	t.cpu[0][CPU_PC] = BASE;
	t.ram[0] = NOP;
	resume(GDB_STEP, GDB_STAY, GDB_STAY);
	t.regs[0][GDB_ELR_EL1] = BASE;
	t.regs[0][GDB_SPSR_EL1] = EL1H | I_F;
	t.cpu[0][CPU_PC] = VBAR + 0x200;
	t.cpu[0][CPU_PSTATE] = EL1H | DAIF;
	assert_int_equal(exits(0, STEP), 0);
	expect_stop(0, GDB_REASON_STEP, 0);
	assert_int_equal(t.cpu[0][CPU_PSTATE], EL1H | DAIF);
	assert_int_equal(t.regs[0][GDB_SPSR_EL1], EL1H);
	/* Where no exception begins, or another one has begun: not that. */
	for (size_t i = 0; i < ARRAY_SIZE(no_entries); i++) {
		t.cpu[0][CPU_PC] = no_entries[i];
		t.cpu[0][CPU_PSTATE] = EL1H;
		t.regs[0][GDB_ELR_EL1] = no_entries[i] + (i ? 0 : 4);
		t.regs[0][GDB_SPSR_EL1] = EL1H | I_F;
		resume(GDB_STEP, GDB_STAY, GDB_STAY);
		assert_int_equal(exits(0, STEP), 0);
		expect_stop(0, GDB_REASON_STEP, 0);
		assert_int_equal(t.cpu[0][CPU_PSTATE], EL1H);
		assert_int_equal(t.regs[0][GDB_SPSR_EL1], EL1H | I_F);
	}
	t.cpu[0][CPU_PSTATE] = EL1H | DAIF;
	/* They were masked. */
	resume(GDB_STEP, GDB_STAY, GDB_STAY);
	assert_int_equal(exits(0, STEP), 0);
	expect_stop(0, GDB_REASON_STEP, 0);
	assert_int_equal(t.cpu[0][CPU_PSTATE], EL1H | DAIF);
}

static void watchpoints(void **state)
{
	(void)state;
	start();
	attach();
	assert_int_equal(insert(GDB_WATCH_WRITE, 0x1010, 8), 0);
	go();
	t.far = 0x1014;
	assert_int_equal(exits(1, WATCH), 0);
	expect_stop(1, GDB_REASON_WATCH, GDB_WATCH_WRITE);
	assert_int_equal(t.stop.addr, 0x1014);
	/* An access that begins before it. */
	go();
	t.far = 0x1008;
	assert_int_equal(exits(1, WATCH), 0);
	expect_stop(1, GDB_REASON_WATCH, GDB_WATCH_WRITE);
	assert_int_equal(t.stop.addr, 0x1010);
	/* Of none: it stops all the same. */
	go();
	t.far = 0x9000;
	assert_int_equal(exits(1, WATCH), 0);
	expect_stop(1, GDB_REASON_STEP, 0);
}

/* A BRK that is no breakpoint, at each level. */
static void own_traps(void **state)
{
	static const struct {
		u64 pstate, offset;
	} cases[] = {
		{ 0x4, 0 },
		{ EL1H, 0x200 },
		{ 0, 0x400 },
		{ 0x10, 0x600 },
	};

	(void)state;
	start();
	attach();
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, BASE + 4, 4), 0);
	assert_int_equal(t.ram[1], BRK);
	go();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		t.cpu[0][CPU_PC] = BASE;
		t.cpu[0][CPU_PSTATE] = cases[i].pstate | 0xf0000000 | BIT(20);
		t.cpu[0][CPU_SCTLR] = BIT(23);
		assert_int_equal(exits(0, TRAP), 0);
		assert_false(atomic_load(&t.vcpus[0].hold));
		assert_int_equal(t.cpu[0][CPU_PC], VBAR + cases[i].offset);
		assert_int_equal(t.cpu[0][CPU_PSTATE],
				 0xf0000000 | DAIF | EL1H);
		assert_int_equal(t.regs[0][GDB_ELR_EL1], BASE);
		assert_int_equal(t.regs[0][GDB_ESR_EL1], TRAP);
		assert_int_equal(t.regs[0][GDB_SPSR_EL1],
				 cases[i].pstate | 0xf0000000 | BIT(20));
	}
	/* PAN is set, unless SCTLR_EL1.SPAN says no. */
	t.cpu[0][CPU_SCTLR] = 0;
	t.cpu[0][CPU_PC] = BASE;
	assert_int_equal(exits(0, TRAP), 0);
	assert_true(t.cpu[0][CPU_PSTATE] & BIT(22));
	/* And the breakpoint. */
	t.cpu[0][CPU_PC] = BASE + 4;
	assert_int_equal(exits(0, TRAP), 0);
	expect_stop(0, GDB_REASON_BREAK, GDB_BREAK_SOFTWARE);
}

/* What an exception keeps of PSTATE, and what it sets. */
static void state_of_exceptions(void **state)
{
	static const struct {
		u64 pstate, sctlr;
		bool mte;
		u64 want;
	} cases[] = {
		{ 0, BIT(23), false, 0 },
		{ BIT(22), BIT(23), false, BIT(22) },
		{ BIT(24), BIT(23), false, BIT(24) },
		{ BIT(28), BIT(23), false, BIT(28) },
		{ BIT(31), 0, false, BIT(31) | BIT(22) },
		/* SSBS is as SCTLR_EL1.DSSBS says. */
		{ BIT(12), BIT(23), false, 0 },
		{ 0, BIT(23) | BIT(44), false, BIT(12) },
		/* TCO is set, where it is. */
		{ 0, BIT(23), true, BIT(25) },
	};

	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		t.cpu[0][CPU_PC] = BASE;
		t.cpu[0][CPU_PSTATE] = cases[i].pstate | 0x10;
		t.cpu[0][CPU_SCTLR] = cases[i].sctlr;
		t.machine.features.mte = cases[i].mte;
		assert_int_equal(exits(0, BKPT_32), 0);
		assert_int_equal(t.cpu[0][CPU_PSTATE],
				 cases[i].want | DAIF | EL1H);
		assert_int_equal(t.cpu[0][CPU_PC], VBAR + 0x600);
	}
	assert_false(atomic_load(&t.vcpus[0].hold));
}

/* Each of nine accesses; the last one is the jump. */
static void exceptions_fail(void **state)
{
	(void)state;
	start();
	for (unsigned int n = 1; n <= 9; n++) {
		t.cpu[0][CPU_PC] = BASE;
		t.failing_access = n;
		assert_int_equal(exits(0, BKPT_32), -EIO);
		assert_int_equal(t.failing_access, 0);
		assert_int_equal(t.cpu[0][CPU_PC], BASE);
	}
	assert_int_equal(exits(0, BKPT_32), 0);
	assert_int_equal(t.cpu[0][CPU_PC], VBAR + 0x200);
}

/* With the MMU off: by physical addresses. */
static void physical(void **state)
{
	u32 word = 0x12345678, buf[2048], pmem[4] = { 1, 2, 3, 4 };

	(void)state;
	t.machine.pmems[MACHINE_MAX_VIRTIO - 1] = (struct machine_pmem) {
		.base = PMEM,
		.size = sizeof(pmem),
		.hva = pmem,
	};
	start();
	attach();
	t.flash[3] = 0xcafe;
	assert_int_equal(read_memory(FLASH + 12, buf, 4), 4);
	assert_int_equal(buf[0], 0xcafe);
	assert_int_equal(write_memory(FLASH + 12, &word, 4), -EFAULT);
	assert_int_equal(read_memory(PMEM + 8, buf, 8), 8);
	assert_memory_equal(buf, pmem + 2, 8);
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, FLASH, 4), -EFAULT);
	assert_int_equal(insert(GDB_BREAK_HARDWARE, FLASH, 4), 0);
	assert_int_equal(write_memory(BASE + 0xffe, &word, 4), 0);
	assert_int_equal(t.ram[0x3ff] >> 16, 0x5678);
	assert_int_equal(read_memory(BASE + 0xffe, buf, 4), 4);
	assert_int_equal(buf[0], word);
	/* To the end of RAM, and not beyond. */
	assert_int_equal(read_memory(BASE + sizeof(t.ram) - SZ_4K - 8, buf,
				     sizeof(buf)),
			 SZ_4K + 8);
	assert_int_equal(read_memory(BASE + sizeof(t.ram), buf, 4), -EFAULT);
	assert_int_equal(read_memory(UINT64_MAX, buf, 4), -EFAULT);
	assert_int_equal(write_memory(BASE - 2, &word, 4), -EFAULT);
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, BASE, 4), 0);
	assert_int_equal(read_memory(BASE, buf, 8), 8);
	assert_int_equal(buf[0], NOP);
	assert_int_equal(t.target->ops->remove(t.target, 0, GDB_BREAK_SOFTWARE,
					       BASE, 4),
			 0);
	assert_int_equal(t.ram[0], NOP);
}

/* More than one page, with a breakpoint in each. */
static void pages(void **state)
{
	const u64 at = BASE + SZ_4K - 8;
	u32 words[1024 + 4], buf[1024 + 4];

	(void)state;
	start();
	attach();
	for (u32 i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = t.ram[1022 + i] = i;
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, at + 4, 4), 0);
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, at + 16, 4), 0);
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, at + SZ_4K + 12, 4), 0);
	assert_int_equal(read_memory(at, buf, sizeof(buf)), sizeof(buf));
	assert_memory_equal(buf, words, sizeof(buf));
	for (u32 i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = 0x10000 + i;
	assert_int_equal(write_memory(at, words, sizeof(words)), 0);
	assert_int_equal(t.ram[1023], BRK);
	assert_int_equal(t.ram[1021], NOP);
	assert_int_equal(t.ram[1022 + ARRAY_SIZE(words)], NOP);
	assert_int_equal(read_memory(at, buf, sizeof(buf)), sizeof(buf));
	assert_memory_equal(buf, words, sizeof(buf));
}

/* Registers that the MMU's state is in cannot be read. */
static void no_registers(void **state)
{
	u32 word = 0;
	u64 pa;

	(void)state;
	start();
	attach();
	for (unsigned int n = 1; n <= 5; n++) {
		t.failing_access = n;
		assert_int_equal(debugger_translate(t.machine.debugger,
						    &t.vcpus[0], BASE, &pa),
				 -EFAULT);
		t.failing_access = n;
		assert_int_equal(read_memory(BASE, &word, 4), -EFAULT);
		t.failing_access = n;
		assert_int_equal(write_memory(BASE, &word, 4), -EFAULT);
		t.failing_access = n;
		assert_int_equal(insert(GDB_BREAK_SOFTWARE, BASE, 4), -EFAULT);
	}
	assert_int_equal(t.ram[0], NOP);
}

/*
 * 4 KiB pages, 39 bits: level 1 at RAM + 4 KiB, then 2, then 3, which is
 * returned. Of vCPU 1.
 */
static u64 *set_tables(void)
{
	u64 *tables = (u64 *)&t.ram[1024];

	memset(tables, 0, 3 * SZ_4K);
	tables[0] = (BASE + 0x2000) | 3;
	tables[512] = (BASE + 0x3000) | 3;
	t.cpu[1][CPU_SCTLR] = 1;
	t.cpu[1][CPU_TCR] = 25ULL << 16 | 2ULL << 30;
	t.cpu[1][CPU_TTBR1] = BASE + 0x1000;
	return &tables[1024];
}

static void virtual(void **state)
{
	const u64 va = 0xffffff8000001000;
	u64 *pages = set_tables();
	u32 buf[2];

	(void)state;
	start();
	attach();
	pages[1] = BASE | 0x403;
	t.ram[2] = 0xabcd;
	assert_int_equal(read_memory(va + 8, buf, 4), 4);
	assert_int_equal(buf[0], 0xabcd);
	/* The page behind it is not mapped. */
	assert_int_equal(read_memory(va + 0xffc, buf, 8), 4);
	assert_int_equal(read_memory(va + 0x1000, buf, 8), -EFAULT);
	assert_int_equal(read_memory(BASE, buf, 8), -EFAULT);
	/* That a program may read it keeps PAN from the kernel only. */
	pages[1] |= 0x40;
	t.cpu[1][CPU_PSTATE] |= BIT(22);
	assert_int_equal(read_memory(va + 8, buf, 4), 4);
	assert_int_equal(write_memory(va + 8, buf, 4), 0);
	assert_int_equal(t.target->ops->insert(t.target, 1, GDB_BREAK_SOFTWARE,
					       va + 4, 4),
			 0);
	assert_int_equal(t.ram[1], BRK);
	assert_int_equal(t.target->ops->insert(t.target, 1, GDB_BREAK_SOFTWARE,
					       va + 0x1000, 4),
			 -EFAULT);
}

/* Pages that follow each other are elsewhere in memory. */
static void scattered(void **state)
{
	const u64 va = 0xffffff8000001400;
	u64 *pages = set_tables();
	u32 words[2048 + 256], buf[2048 + 256];

	(void)state;
	start();
	attach();
	pages[1] = BASE | 0x403;
	pages[2] = (BASE + 0x6000) | 0x403;
	pages[3] = (BASE + 0x4000) | 0x403;
	for (u32 i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = 0x20000 + i;
	assert_int_equal(write_memory(va, words, sizeof(words)), 0);
	assert_int_equal(t.ram[0xff], NOP);
	assert_memory_equal(&t.ram[0x100], words, 0xc00);
	assert_memory_equal(&t.ram[0x1800], words + 0x300, SZ_4K);
	assert_memory_equal(&t.ram[0x1000], words + 0x700, 0x800);
	assert_int_equal(t.ram[0x1200], NOP);
	assert_int_equal(t.ram[0x1c00], NOP);
	assert_int_equal(read_memory(va, buf, sizeof(buf)), sizeof(buf));
	assert_memory_equal(buf, words, sizeof(buf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(steps),
		TEST(masked_steps),
		TEST(watchpoints),
		TEST(own_traps),
		TEST(state_of_exceptions),
		TEST(exceptions_fail),
		TEST(physical),
		TEST(pages),
		TEST(no_registers),
		TEST(virtual),
		TEST(scattered),
	};

	return cmocka_run_group_tests_name("debugger_exit", tests, NULL, NULL);
}
