/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/a64/decode.c arm/a64/barrier.c */
/* WRAP: a64_host_dmb a64_host_dsb a64_host_isb */
/* SOURCES: arm/a64/a64.c arm/a64/alu.c arm/a64/bits.c arm/a64/branch.c */
/* SOURCES: arm/a64/mem.c tests/unit/a64_fixture.c */
/* The A64 interpreter's loop: branches, hints, its budget, code that changes.
 */
#include <errno.h>
#include <string.h>

#include "a64_fixture.h"

#define ADD_X0_X0_1   0x91000400
#define ADD_X0_X0_2   0x91000800
#define SUBS_X1_X1_1  0xf1000421
#define BACK_8_NE     0x54ffffc1
#define BACK_4	      0x17ffffff
#define BRANCH_SELF   0x14000000
#define BL_SELF	      0x94000000
#define BL_8	      0x94000002
#define BR_X1	      0xd61f0020
#define BLR_X1	      0xd63f0020
#define BLR_X30	      0xd63f03c0
#define RET_X1	      0xd65f0020
#define STR_X2_X1     0xf9000022
#define STR_W2_X1     0xb9000022
#define ADR_X0_M4     0x10ffffe0
#define ADRP_X0_4096  0xb0000000
#define ADRP_X0_M8192 0xd0ffffe0

/* The way from the start of the code. */
static u64 step(u32 word, u64 x1)
{
	rig_set(word, x1, 0, 0);
	assert_true(rig_step());
	return rig.cpu.pc - CODE;
}

static void test_branches(void **state)
{
	(void)state;
	/* b .+0x7fffffc */
	assert_int_equal(step(0x15ffffff, 0), 0x7fffffc);
	/* b .-0x8000000 */
	assert_int_equal(step(0x16000000, 0), -0x8000000ULL);
	assert_int_equal(rig.cpu.x[A64_LR], 30 * 0x0101);
	assert_int_equal(step(BL_8, 0), 8);
	assert_int_equal(rig.cpu.x[A64_LR], CODE + 4);
	/* cbz x1, .+0xffffc */
	assert_int_equal(step(0xb47fffe1, 0), 0xffffc);
	/* cbz x1, .-0x100000 */
	assert_int_equal(step(0xb4800001, 1ULL << 32), 4);
	/* cbz w1, .-0x100000 */
	assert_int_equal(step(0x34800001, 1ULL << 32), -0x100000ULL);
	/* cbnz x1, .+8 */
	assert_int_equal(step(0xb5000041, 1ULL << 63), 8);
	/* cbnz w1, .+8 */
	assert_int_equal(step(0x35000041, 1ULL << 32), 4);
	/* cbz xzr, .+8 */
	assert_int_equal(step(0xb400005f, 0), 8);
	/* tbz x1, #63, .-0x8000 */
	assert_int_equal(step(0xb6fc0001, 0), -0x8000ULL);
	/* tbnz x1, #63, .+0x7ffc */
	assert_int_equal(step(0xb7fbffe1, 1ULL << 63), 0x7ffc);
	/* tbnz w1, #31, .+8 */
	assert_int_equal(step(0x37f80041, 1ULL << 63), 4);
	/* tbz w1, #0, .+8 */
	assert_int_equal(step(0x36000041, 1), 4);
}

/* Each condition with all flags, against the table of DDI 0487, C1.2.4. */
static void test_conditions(void **state)
{
	(void)state;
	for (u32 flags = 0; flags < 16; flags++) {
		bool n = flags & 8, z = flags & 4, c = flags & 2, v = flags & 1;
		const bool expected[16] = {
			z,
			!z,
			c,
			!c,
			n,
			!n,
			v,
			!v,
			c && !z,
			!c || z,
			n == v,
			n != v,
			!z && n == v,
			z || n != v,
			true,
			true,
		};

		for (u32 cond = 0; cond < 16; cond++) {
			rig_set(0x54000200 | cond, 0, 0, 0); /* b.eq .+64 */
			rig.cpu.pstate = (u64)flags << 28;
			assert_true(rig_step());
			assert_int_equal(rig.cpu.pc,
					 CODE + (expected[cond] ? 64 : 4));
			assert_int_equal(rig.cpu.pstate, (u64)flags << 28);
		}
	}
}

static void test_register_branches(void **state)
{
	static const u32 words[] = { BR_X1, BLR_X1, RET_X1 };
	static const u64 bad[] = { CODE + 1, CODE + 2, 1ULL << 55,
				   0xab00000000010000, 0x00ff000000010000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			rig_set(words[i], bad[j], 0, 0);
			rig.cpu.hints_are_nops = true;
			rig_refuses("a branch to what is no address of code");
		}
		rig_set(words[i], HIGH_CODE + 4, 0, 0);
		rig.cpu.hints_are_nops = true;
		assert_true(rig_step());
		assert_int_equal(rig.cpu.pc, HIGH_CODE + 4);
		assert_int_equal(rig.cpu.x[A64_LR],
				 i == 1 ? CODE + 4 : 30 * 0x0101);
	}
	/* That page may be guarded: BTYPE would be missing. */
	rig_set(BR_X1, MEM, 0, 0);
	rig.cpu.hints_are_nops = true;
	rig_refuses("a branch to what is not interpreted");
	rig_set(BLR_X1, MEM, 0, 0);
	rig.cpu.hints_are_nops = true;
	rig_refuses("a call of what is not interpreted");
	rig_set(RET_X1, MEM, 0, 0);
	assert_true(rig_step());
	assert_int_equal(rig.cpu.pc, MEM);
	rig_set(BLR_X30, 0, 0, 0);
	rig.cpu.hints_are_nops = true;
	rig.cpu.x[30] = CODE + 0x80;
	assert_true(rig_step());
	assert_int_equal(rig.cpu.pc, CODE + 0x80);
	assert_int_equal(rig.cpu.x[30], CODE + 4);
}

/* Only an interrupt ends it, and that is the real CPU's business. */
static void test_branch_to_self(void **state)
{
	static const u32 words[] = { BRANCH_SELF, BL_SELF,    BR_X1,	 BLR_X1,
				     RET_X1,	  0xb5000001, 0x36000001 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		rig_set(words[i], CODE, 0, 0);
		rig.cpu.hints_are_nops = true;
		rig_refuses("a branch to itself");
	}
	/* cbz x1, . */
	assert_int_equal(step(0xb4000001, 1), 4);
}

static void test_addresses(void **state)
{
	(void)state;
	rig_set(NOP, 0, 0, 0);
	rig.code[3] = ADR_X0_M4;
	rig.code[4] = ADRP_X0_4096;
	rig.code[5] = ADRP_X0_M8192;
	rig.cpu.pc = CODE + 12;
	assert_true(rig_step());
	assert_int_equal(rig.cpu.x[0], CODE + 8);
	assert_true(rig_step());
	assert_int_equal(rig.cpu.x[0], CODE + 4096);
	assert_true(rig_step());
	assert_int_equal(rig.cpu.x[0], CODE - 8192);
	/* adr x0, .-0x100000 */
	step(0x10800000, 0);
	assert_int_equal(rig.cpu.x[0], CODE - 0x100000);
	/* adr x0, .+0xfffff */
	step(0x707fffe0, 0);
	assert_int_equal(rig.cpu.x[0], CODE + 0xfffff);
}

/* NOPs where pointer authentication and BTI are off, else left alone. */
static void test_hints(void **state)
{
	static const u32 words[] = {
		0xd503233f, 0xd50323bf, 0xd503237f, 0xd50323ff,
		0xd503231f, 0xd503239f, 0xd503235f, 0xd50323df,
		0xd503211f, 0xd503215f, 0xd503219f, 0xd50321df,
		0xd503241f, 0xd503245f, 0xd503249f, 0xd50324df,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		rig_set(words[i], 0, 0, 0);
		rig_refuses("a hint that may be no NOP");
		rig.cpu.hints_are_nops = true;
		assert_true(rig_step());
		assert_int_equal(rig.cpu.pc, CODE + 4);
		assert_int_equal(rig.cpu.x[30], 30 * 0x0101);
		assert_int_equal(rig.cpu.x[17], 17 * 0x0101);
	}
	rig_set(BR_X1, CODE + 8, 0, 0);
	rig_refuses("a branch that sets BTYPE");
	rig_set(BLR_X1, CODE + 8, 0, 0);
	rig_refuses("a branch that sets BTYPE");
	assert_int_equal(step(RET_X1, CODE + 8), 8);
}

/* The host's barriers that were carried out, in their order. */
static char barriers[8];

void __wrap_a64_host_dmb(void);
void __wrap_a64_host_dsb(void);
void __wrap_a64_host_isb(void);

void __wrap_a64_host_dmb(void)
{
	strcat(barriers, "m");
}

void __wrap_a64_host_dsb(void)
{
	strcat(barriers, "s");
}

void __wrap_a64_host_isb(void)
{
	strcat(barriers, "i");
}

/* Each barrier of the guest, of any kind, is one of the host. */
static void test_barriers(void **state)
{
	static const struct {
		u32 word;
		const char *barrier;
	} words[] = {
		{ 0xd5033fbf, "m" }, /* dmb sy */
		{ 0xd50339bf, "m" }, /* dmb ishld */
		{ 0xd5033abf, "m" }, /* dmb ishst */
		{ 0xd5033f9f, "s" }, /* dsb sy */
		{ 0xd503399f, "s" }, /* dsb ishld */
		{ 0xd5033fdf, "i" }, /* isb */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		barriers[0] = '\0';
		rig_set(words[i].word, 0, 0, 0);
		assert_true(rig_step());
		assert_int_equal(rig.cpu.pc, CODE + 4);
		assert_string_equal(barriers, words[i].barrier);
	}
}

/* Software step, illegal state, BTYPE, AArch32. */
static void test_unfit_states(void **state)
{
	static const u64 bits[] = { BIT(21), BIT(20), BIT(11), BIT(10),
				    BIT(4) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		rig_set(NOP, 0, 0, 0);
		rig.cpu.pstate = bits[i];
		rig_refuses("a NOP in an unfit state");
	}
	rig_set(NOP, 0, 0, 0);
	rig.cpu.pc = CODE + 2;
	rig_refuses("a NOP that is not aligned");
	assert_int_equal(rig.fetches, 0);
}

static void set_loop(u64 count)
{
	rig_set(ADD_X0_X0_1, count, 0, 0);
	rig.code[1] = SUBS_X1_X1_1;
	rig.code[2] = BACK_8_NE;
	rig.code[3] = UDF;
	rig.cpu.x[0] = 0;
}

static void test_budget(void **state)
{
	(void)state;
	set_loop(100);
	assert_int_equal(a64_run(&rig.cpu), 0);
	assert_int_equal(rig.cpu.pc, CODE);
	rig.cpu.left = 4;
	assert_int_equal(a64_run(&rig.cpu), 4);
	assert_int_equal(rig.cpu.left, 0);
	assert_int_equal(rig.cpu.pc, CODE + 4);
	assert_int_equal(rig.cpu.x[0], 2);
	rig.cpu.left = 1000;
	assert_int_equal(a64_run(&rig.cpu), 296);
	assert_int_equal(rig.cpu.left, 1000 - 296);
	assert_int_equal(rig.cpu.pc, CODE + 12);
	assert_int_equal(rig.cpu.x[0], 100);
	assert_int_equal(a64_run(&rig.cpu), 0);
}

/* A device may end it, or give more. */
static void test_budget_changed(void **state)
{
	(void)state;
	rig_set(STR_X2_X1, DEV, 0, 0);
	rig.dev.stop = true;
	rig.cpu.left = 10;
	assert_int_equal(a64_run(&rig.cpu), 1);
	assert_int_equal(rig.cpu.left, 0);
	assert_int_equal(rig.cpu.pc, CODE + 4);
	rig_set(STR_X2_X1, DEV, 0, 0);
	rig.dev.left = 10;
	rig.cpu.left = 1;
	assert_int_equal(a64_run(&rig.cpu), 10);
	assert_int_equal(rig.cpu.pc, CODE + 40);
	/* It failed: the budget stays as it wants it. */
	rig_set(STR_X2_X1, DEV, 0, 0);
	rig.dev.stop = true;
	rig.dev.error = -EIO;
	rig.cpu.left = 10;
	assert_int_equal(a64_run(&rig.cpu), 0);
	assert_int_equal(rig.cpu.left, 0);
	assert_int_equal(rig.cpu.pc, CODE);
}

/* Code is asked for once a page, in each run anew, and may end. */
static void test_pages(void **state)
{
	(void)state;
	rig_set(NOP, 0, 0, 0);
	rig.cpu.left = 1023;
	assert_int_equal(a64_run(&rig.cpu), 1023);
	assert_int_equal(rig.fetches, 1);
	rig.cpu.left = 10000;
	assert_int_equal(a64_run(&rig.cpu), 1025);
	assert_int_equal(rig.fetches, 4);
	assert_int_equal(rig.cpu.pc, CODE + SIZE);
	assert_int_equal(rig.cpu.left, 10000 - 1025);
	rig.cpu.pc = CODE - 4;
	assert_int_equal(a64_run(&rig.cpu), 0);
	assert_int_equal(rig.cpu.pc, CODE - 4);
}

/* Two instructions that share a place in the cache. */
static void test_cache_conflict(void **state)
{
	(void)state;
	rig_set(ADD_X0_X0_1, 0, 0, 0);
	rig.code[1] = 0x140003ff; /* b .+4092 */
	rig.code[1024] = ADD_X0_X0_2;
	rig.code[1025] = 0x17fffbff; /* b .-4100 */
	rig.cpu.x[0] = 0;
	rig.cpu.left = 400;
	assert_int_equal(a64_run(&rig.cpu), 400);
	assert_int_equal(rig.cpu.x[0], 300);
}

/* An instruction changed by somebody else, or by the one before. */
static void test_code_changes(void **state)
{
	(void)state;
	rig_set(ADD_X0_X0_1, 0, 0, 0);
	rig.code[1] = BACK_4;
	rig.cpu.x[0] = 0;
	rig.cpu.left = 10;
	assert_int_equal(a64_run(&rig.cpu), 10);
	assert_int_equal(rig.cpu.x[0], 5);
	rig.code[0] = ADD_X0_X0_2;
	rig.cpu.left = 10;
	assert_int_equal(a64_run(&rig.cpu), 10);
	assert_int_equal(rig.cpu.x[0], 15);
	rig.code[0] = UDF;
	rig.cpu.left = 10;
	assert_int_equal(a64_run(&rig.cpu), 0);
	rig.code[0] = NOP;
	assert_int_equal(a64_run(&rig.cpu), 10);
}

#define X(n) (1ULL << (n))

/* Which registers are asked for, and which are set without. */
static void test_registers_needed(void **state)
{
	static const struct {
		u32 word;
		u64 reads, sets;
	} words[] = {
		{ 0xb9400020, X(1), X(0) },	       /* ldr w0, [x1] */
		{ 0xf8408c20, X(1), X(0) | X(1) },     /* ldr x0, [x1, #8]! */
		{ 0xf8627820, X(1) | X(2), X(0) },     /* ldr x0, [x1, x2..] */
		{ 0xb9000022, X(1) | X(2), 0 },	       /* str w2, [x1] */
		{ 0xf800842a, X(1) | X(10), X(1) },    /* str x10, [x1], #8 */
		{ 0xa9400821, X(1), X(1) | X(2) },     /* ldp x1, x2, [x1] */
		{ 0xa9000c22, X(1) | X(2) | X(3), 0 }, /* stp x2, x3, [x1] */
		{ 0xf9800020, X(1), 0 },	       /* prfm [x1] */
		{ ADD_X0_X0_1, X(0), X(0) },	       /* */
		{ 0x8b040060, X(3) | X(4), X(0) },     /* add x0, x3, x4 */
		{ 0x91000420, X(1), X(0) },	       /* add x0, x1, #1 */
		{ 0x8b236041, X(2) | X(3), X(1) }, /* add x1, x2, x3, uxtx */
		{ 0x9a030041, X(2) | X(3), X(1) }, /* adc x1, x2, x3 */
		{ 0x92400041, X(2), X(1) },	   /* and x1, x2, #1 */
		{ 0xaa030041, X(2) | X(3), X(1) }, /* orr x1, x2, x3 */
		{ 0x9a830041, X(2) | X(3), X(1) }, /* csel x1, x2, x3, eq */
		{ 0xfa430042, X(2) | X(3), 0 },	   /* ccmp x2, x3, .., eq */
		{ 0x910043ff, X(31), X(31) },	   /* add sp, sp, #16 */
		{ 0xeb02003f, X(1) | X(2), 0 },	   /* cmp x1, x2 */
		{ 0xfa410848, X(2), 0 },	   /* ccmp x2, #1, .. */
		{ 0x9b030441, X(1) | X(2) | X(3),
		  X(1) },			   /* madd x1, x2, x3, x1 */
		{ 0xd2800020, 0, X(0) },	   /* movz x0, #1 */
		{ 0xf2800020, X(0), X(0) },	   /* movk x0, #1 */
		{ 0xd340fc20, X(1), X(0) },	   /* ubfm x0, x1, .. */
		{ 0xb3400020, X(0) | X(1), X(0) }, /* bfm x0, x1, .. */
		{ 0x10000001, 0, X(1) },	   /* adr x1, . */
		{ 0x93c30841, X(2) | X(3), X(1) }, /* extr x1, x2, x3, #2 */
		{ 0x9ac30841, X(2) | X(3), X(1) }, /* udiv x1, x2, x3 */
		{ 0x9b031041, X(2) | X(3) | X(4),
		  X(1) },		    /* madd x1, x2, x3, x4 */
		{ 0xdac01020, X(1), X(0) }, /* clz x0, x1 */
		{ 0xb5000041, X(1), 0 },    /* cbnz x1, .+8 */
		{ BL_8, 0, X(30) },	    /* */
		{ BLR_X1, X(1), X(30) },    /* */
		{ BLR_X30, X(30), X(30) },  /* */
		{ NOP, 0, 0 },		    /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		rig_set(words[i].word, MEM, 8, 0);
		rig.cpu.hints_are_nops = true;
		rig.cpu.x[30] = CODE + 64;
		if (words[i].word == BLR_X1)
			rig.cpu.x[1] = CODE + 64;
		rig_forget();
		assert_true(rig_step());
		if (rig.loaded != words[i].reads ||
		    (rig.cpu.have & A64_X_ALL) !=
			    (words[i].reads | words[i].sets))
			fail_msg("%08x: asked for %llx, has %llx",
				 words[i].word, (unsigned long long)rig.loaded,
				 (unsigned long long)rig.cpu.have);
		/* Once is enough. */
		rig.loaded = 0;
		rig.cpu.pc = CODE;
		rig_step();
		assert_int_equal(rig.loaded, 0);
	}
}

static void test_registers_missing(void **state)
{
	(void)state;
	rig_set(ADD_X0_X0_1, 0, 0, 0);
	rig.code[0] = 0xd2800020; /* movz x0, #1 */
	rig.code[1] = 0x91000400; /* add x0, x0, #1 */
	rig.code[2] = 0x91000420; /* add x0, x1, #1 */
	rig_forget();
	rig.no_load = true;
	rig.cpu.left = 10;
	assert_int_equal(a64_run(&rig.cpu), 2);
	assert_int_equal(rig.cpu.x[0], 2);
	assert_int_equal(rig.cpu.pc, CODE + 8);
	assert_int_equal(rig.cpu.have & A64_X_ALL, X(0));
}

static const void *code_in_mem(struct a64_cpu *cpu, u64 va)
{
	(void)cpu;
	return ALIGN_DOWN(va, A64_PAGE) == MEM ? rig.mem : NULL;
}

static void test_code_changes_itself(void **state)
{
	struct a64_ops ops;
	u32 code[] = { STR_W2_X1, ADD_X0_X0_1, 0x17fffffe };

	(void)state;
	rig_set(NOP, MEM + 4, ADD_X0_X0_2, 0);
	ops = *rig.cpu.ops;
	ops.code = code_in_mem;
	rig.cpu.ops = &ops;
	memcpy(rig.mem, code, sizeof(code));
	rig.cpu.pc = MEM;
	rig.cpu.x[0] = 0;
	/* Decoded as it was before, once. */
	rig.cpu.pc = MEM + 4;
	rig.cpu.left = 1;
	assert_int_equal(a64_run(&rig.cpu), 1);
	assert_int_equal(rig.cpu.x[0], 1);
	rig.cpu.pc = MEM;
	rig.cpu.left = 5;
	assert_int_equal(a64_run(&rig.cpu), 5);
	assert_int_equal(rig.cpu.x[0], 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_register_branches),
		cmocka_unit_test(test_branch_to_self),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_hints),
		cmocka_unit_test(test_barriers),
		cmocka_unit_test(test_unfit_states),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_budget_changed),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_cache_conflict),
		cmocka_unit_test(test_code_changes),
		cmocka_unit_test(test_code_changes_itself),
		cmocka_unit_test(test_registers_needed),
		cmocka_unit_test(test_registers_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
