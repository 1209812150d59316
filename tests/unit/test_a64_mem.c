/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/a64/decode.c arm/a64/barrier.c */
/* SOURCES: arm/a64/a64.c arm/a64/alu.c arm/a64/bits.c arm/a64/branch.c */
/* SOURCES: arm/a64/mem.c tests/unit/a64_fixture.c */
/* A64 loads and stores, to memory and to a device. */
#include <errno.h>
#include <string.h>

#include "a64_fixture.h"

#define AT     (MEM + 0x1100)
#define VALUE  0x8899aabbccddeeffULL /* what is there... */
#define SECOND 0x0123456789abcdefULL /* ...and behind it */
#define DATA   0x1122334455667788ULL /* what is stored */

#define LDR_X0_AT_8    0x58000040
#define LDRSW_X0_AT_16 0x98000080
#define LDR_X0_AT_4    0x58000020
#define PRFM_AT_4      0xd8000020
#define LDR_W0_DEV     0x18100020
#define LDRSW_X0_DEV   0x98100020
#define LDR_X0_X1      0xf9400020
#define LDRB_W0_X1     0x39400020
#define LDRSH_W0_X1    0x79c00020
#define LDR_X0_X1_PRE  0xf8408c20
#define LDR_X0_X1_POST 0xf8408420
#define LDR_X0_SP_PRE  0xf8408fe0
#define STR_X0_SP_POST 0xf80087e0
#define STR_SP_REG     0xf8226be0
#define STR_X2_X1      0xf9000022
#define STRH_W2_X1     0x79000022
#define STR_W2_X1_POST 0xb8004422
#define STRB_W2_X1_PRE 0x38001c22
#define STR_XZR_X1     0xf900003f
#define LDP_X0_X2_X1   0xa9400820
#define LDP_W0_W2_X1   0x29400820
#define LDP_POST       0xa8c10820
#define STP_X2_X3_X1   0xa9000c22
#define STP_W2_W3_PRE  0x29810c22
#define LDP_SP	       0xa8c10be0
#define STP_SP_PRE     0xa9bf7bfd

static u64 read_mem(u64 va, unsigned int len)
{
	u64 value = 0;

	memcpy(&value, rig.mem + (va - MEM), len);
	return value;
}

static void set(u32 word, u64 x1, u64 x2)
{
	const u64 content[] = { VALUE, SECOND };

	rig_set(word, x1, x2, 3);
	memcpy(rig.mem + (AT - MEM), content, sizeof(content));
}

static void test_loads(void **state)
{
	static const struct {
		u32 word;
		const char *text;
		u64 x1, x2;
		u64 x0, x1_after;
	} loads[] = {
		{ 0x39400020, "ldrb w0, [x1]", AT, 0, 0xff, AT },
		{ 0x39c00020, "ldrsb w0, [x1]", AT, 0, 0xffffffff, AT },
		{ 0x39800020, "ldrsb x0, [x1]", AT, 0, 0xffffffffffffffff, AT },
		{ 0x79400020, "ldrh w0, [x1]", AT, 0, 0xeeff, AT },
		{ 0x79c00020, "ldrsh w0, [x1]", AT, 0, 0xffffeeff, AT },
		{ 0x79800020, "ldrsh x0, [x1]", AT, 0, 0xffffffffffffeeff, AT },
		{ 0xb9400020, "ldr w0, [x1]", AT, 0, 0xccddeeff, AT },
		{ 0xb9800020, "ldrsw x0, [x1]", AT, 0, 0xffffffffccddeeff, AT },
		{ 0xf9400020, "ldr x0, [x1]", AT, 0, VALUE, AT },
		{ 0x39bffc20, "ldrsb x0, [x1, #4095]", AT - 4088, 0,
		  0xffffffffffffff88, AT - 4088 },
		{ 0x79400420, "ldrh w0, [x1, #2]", AT, 0, 0xccdd, AT },
		{ 0xb97ffc20, "ldr w0, [x1, #16380]", AT - 16376, 0, 0x8899aabb,
		  AT - 16376 },
		{ 0xf97ffc20, "ldr x0, [x1, #32760]", AT - 32760, 0, VALUE,
		  AT - 32760 },
		{ 0xf8500020, "ldur x0, [x1, #-256]", AT + 256, 0, VALUE,
		  AT + 256 },
		{ 0x384ff020, "ldurb w0, [x1, #255]", AT - 255, 0, 0xff,
		  AT - 255 },
		{ 0xb8801020, "ldursw x0, [x1, #1]", AT + 3, 0,
		  0xffffffff8899aabb, AT + 3 },
		{ 0xf85f8c20, "ldr x0, [x1, #-8]!", AT + 8, 0, VALUE, AT },
		{ 0xb8500420, "ldr w0, [x1], #-256", AT, 0, 0xccddeeff,
		  AT - 256 },
		{ 0x78c04c20, "ldrsh w0, [x1, #4]!", AT, 0, 0xffffaabb,
		  AT + 4 },
		{ 0x384ff420, "ldrb w0, [x1], #255", AT, 0, 0xff, AT + 255 },
		{ 0xf840843f, "ldr xzr, [x1], #8", AT, 0, UNTOUCHD, AT + 8 },
		{ 0xf8626820, "ldr x0, [x1, x2]", AT + 1, -1ULL, VALUE,
		  AT + 1 },
		{ 0xf8627820, "ldr x0, [x1, x2, lsl #3]", AT - 16, 2, VALUE,
		  AT - 16 },
		{ 0xb8624820, "ldr w0, [x1, w2, uxtw]", AT - 0xffffffff, -1ULL,
		  0xccddeeff, AT - 0xffffffff },
		{ 0xb8625820, "ldr w0, [x1, w2, uxtw #2]", AT - 8, 0xf00000002,
		  0xccddeeff, AT - 8 },
		{ 0x7862d820, "ldrh w0, [x1, w2, sxtw #1]", AT + 2, 0x0ffffffff,
		  0xeeff, AT + 2 },
		{ 0x3862e820, "ldrb w0, [x1, x2, sxtx]", AT + 2, -2ULL, 0xff,
		  AT + 2 },
		{ 0x38e2d820, "ldrsb w0, [x1, w2, sxtw #0]", AT + 2, 0xfffffffe,
		  0xffffffff, AT + 2 },
		{ 0xf87f6820, "ldr x0, [x1, xzr]", AT, 0, VALUE, AT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		set(loads[i].word, loads[i].x1, loads[i].x2);
		if (!rig_step())
			fail_msg("%s was not carried out", loads[i].text);
		if (rig.cpu.x[0] != loads[i].x0 ||
		    rig.cpu.x[1] != loads[i].x1_after)
			fail_msg("%s: x0 %#llx, x1 %#llx", loads[i].text,
				 (unsigned long long)rig.cpu.x[0],
				 (unsigned long long)rig.cpu.x[1]);
		assert_int_equal(rig.cpu.pc, CODE + 4);
		assert_int_equal(rig.dev.calls, 0);
	}
}

/* The memory holds `value` at AT, and around it what it held before. */
static bool stored(u64 value, unsigned int len)
{
	u8 before[SIZE];

	memcpy(before, rig.mem, SIZE);
	set(NOP, 0, 0);
	memcpy(rig.mem + (AT - MEM), &value, len);
	return !memcmp(before, rig.mem, SIZE);
}

static void test_stores(void **state)
{
	static const struct {
		u32 word;
		const char *text;
		u64 x1;
		unsigned int len;
		u64 value, x1_after;
	} stores[] = {
		{ 0x39000022, "strb w2, [x1]", AT, 1, 0x88, AT },
		{ 0x79000022, "strh w2, [x1]", AT, 2, 0x7788, AT },
		{ 0xb9000022, "str w2, [x1]", AT, 4, 0x55667788, AT },
		{ 0xf9000022, "str x2, [x1]", AT, 8, DATA, AT },
		{ 0xf900003f, "str xzr, [x1]", AT, 8, 0, AT },
		{ 0x7900003f, "strh wzr, [x1]", AT, 2, 0, AT },
		{ 0x393ffc22, "strb w2, [x1, #4095]", AT - 4095, 1, 0x88,
		  AT - 4095 },
		{ 0xb93ffc22, "str w2, [x1, #16380]", AT - 16380, 4, 0x55667788,
		  AT - 16380 },
		{ 0x781fd022, "sturh w2, [x1, #-3]", AT + 3, 2, 0x7788,
		  AT + 3 },
		{ 0xf8100c22, "str x2, [x1, #-256]!", AT + 256, 8, DATA, AT },
		{ 0x38001c22, "strb w2, [x1, #1]!", AT - 1, 1, 0x88, AT },
		{ 0xb80fc422, "str w2, [x1], #252", AT, 4, 0x55667788,
		  AT + 252 },
		{ 0x781fe422, "strh w2, [x1], #-2", AT, 2, 0x7788, AT - 2 },
		{ 0xb8237822, "str w2, [x1, x3, lsl #2]", AT - 12, 4,
		  0x55667788, AT - 12 },
		{ 0xf823d822, "str x2, [x1, w3, sxtw #3]", AT - 24, 8, DATA,
		  AT - 24 },
		{ 0x38234822, "strb w2, [x1, w3, uxtw]", AT - 3, 1, 0x88,
		  AT - 3 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		set(stores[i].word, stores[i].x1, DATA);
		if (!rig_step())
			fail_msg("%s was not carried out", stores[i].text);
		assert_int_equal(rig.cpu.x[1], stores[i].x1_after);
		assert_int_equal(rig.cpu.x[2], DATA);
		if (!stored(stores[i].value, stores[i].len))
			fail_msg("%s stored something else", stores[i].text);
	}
}

static void test_load_pairs(void **state)
{
	static const struct {
		u32 word;
		const char *text;
		u64 x1;
		u64 x0, x2, x1_after;
	} pairs[] = {
		{ 0xa9400820, "ldp x0, x2, [x1]", AT, VALUE, SECOND, AT },
		{ 0x29400820, "ldp w0, w2, [x1]", AT, 0xccddeeff, 0x8899aabb,
		  AT },
		{ 0x69400820, "ldpsw x0, x2, [x1]", AT, 0xffffffffccddeeff,
		  0xffffffff8899aabb, AT },
		{ 0xa9600820, "ldp x0, x2, [x1, #-512]", AT + 512, VALUE,
		  SECOND, AT + 512 },
		{ 0xa95f8820, "ldp x0, x2, [x1, #504]", AT - 504, VALUE, SECOND,
		  AT - 504 },
		{ 0x29df8820, "ldp w0, w2, [x1, #252]!", AT - 252, 0xccddeeff,
		  0x8899aabb, AT },
		{ 0x28e00820, "ldp w0, w2, [x1], #-256", AT, 0xccddeeff,
		  0x8899aabb, AT - 256 },
		{ 0x68c10820, "ldpsw x0, x2, [x1], #8", AT, 0xffffffffccddeeff,
		  0xffffffff8899aabb, AT + 8 },
		{ 0xa9c10820, "ldp x0, x2, [x1, #16]!", AT - 16, VALUE, SECOND,
		  AT },
		{ 0xa8c1083f, "ldp xzr, x2, [x1], #16", AT, UNTOUCHD, SECOND,
		  AT + 16 },
		{ 0xa9407c20, "ldp x0, xzr, [x1]", AT, VALUE, 2, AT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		set(pairs[i].word, pairs[i].x1, 2);
		if (!rig_step())
			fail_msg("%s was not carried out", pairs[i].text);
		if (rig.cpu.x[0] != pairs[i].x0 || rig.cpu.x[2] != pairs[i].x2)
			fail_msg("%s: x0 %#llx, x2 %#llx", pairs[i].text,
				 (unsigned long long)rig.cpu.x[0],
				 (unsigned long long)rig.cpu.x[2]);
		assert_int_equal(rig.cpu.x[1], pairs[i].x1_after);
	}
}

static void test_store_pairs(void **state)
{
	static const struct {
		u32 word;
		const char *text;
		u64 x1;
		unsigned int len;
		u64 first, second, x1_after;
	} pairs[] = {
		{ 0xa9000c22, "stp x2, x3, [x1]", AT, 8, DATA, 3, AT },
		{ 0x29000c22, "stp w2, w3, [x1]", AT, 4, 0x55667788, 3, AT },
		{ 0xa9bf7c22, "stp x2, xzr, [x1, #-16]!", AT + 16, 8, DATA, 0,
		  AT },
		{ 0x28810822, "stp w2, w2, [x1], #8", AT, 4, 0x55667788,
		  0x55667788, AT + 8 },
		{ 0xa91f883f, "stp xzr, x2, [x1, #504]", AT - 504, 8, 0, DATA,
		  AT - 504 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		set(pairs[i].word, pairs[i].x1, DATA);
		if (!rig_step())
			fail_msg("%s was not carried out", pairs[i].text);
		assert_int_equal(read_mem(AT, pairs[i].len), pairs[i].first);
		assert_int_equal(read_mem(AT + pairs[i].len, pairs[i].len),
				 pairs[i].second);
		assert_int_equal(rig.cpu.x[1], pairs[i].x1_after);
		assert_int_equal(rig.rams, 1);
	}
}

/* Relative to the pc: that of code that lies in the memory. */
static void test_literals(void **state)
{
	(void)state;
	set(LDR_X0_AT_8, 0, 0);
	rig_refuses("a literal where there is no data");
	assert_int_equal(rig.dev.va, CODE + 8);
	set(LDRSW_X0_AT_16, 0, 0);
	rig_refuses("a literal where there is no data");
	assert_int_equal(rig.dev.va, CODE + 16);
	assert_int_equal(rig.dev.len, 4);
	set(LDR_X0_AT_4, 0, 0);
	rig_refuses("a literal that is not aligned");
	assert_int_equal(rig.dev.calls, 0);
	set(PRFM_AT_4, 0, 0);
	assert_true(rig_step());
	/* The device is 0x20000 above the code. */
	set(LDR_W0_DEV, 0, 0);
	rig.dev.value = VALUE;
	assert_true(rig_step());
	assert_int_equal(rig.cpu.x[0], 0xccddeeff);
	set(LDRSW_X0_DEV, 0, 0);
	rig.dev.value = VALUE;
	assert_true(rig_step());
	assert_int_equal(rig.cpu.x[0], 0xffffffffccddeeff);
}

/* What is not aligned is left to the real CPU, and nobody is asked. */
static void test_alignment(void **state)
{
	static const struct {
		u32 word;
		u64 x1;
	} accesses[] = {
		{ LDR_X0_X1, AT + 4 },	    { LDRSH_W0_X1, AT + 1 },
		{ LDR_X0_X1_PRE, AT + 1 },  { LDR_X0_X1_POST, AT + 2 },
		{ STR_X2_X1, DEV + 4 },	    { STRH_W2_X1, DEV + 1 },
		{ STR_W2_X1_POST, AT + 2 }, { LDP_X0_X2_X1, AT + 4 },
		{ LDP_W0_W2_X1, AT + 2 },   { STP_X2_X3_X1, AT + 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++) {
		set(accesses[i].word, accesses[i].x1, DATA);
		rig_refuses("an access that is not aligned");
		assert_int_equal(rig.rams + rig.dev.calls, 0);
	}
}

/* A page ends 8 bytes behind it: one register fits, two do not. */
static void test_page_end(void **state)
{
	const u64 end = MEM + A64_PAGE;

	(void)state;
	set(LDR_X0_X1, end - 8, 0);
	assert_true(rig_step());
	set(LDP_X0_X2_X1, end - 16, 0);
	assert_true(rig_step());
	set(LDP_W0_W2_X1, end - 8, 0);
	assert_true(rig_step());
	set(LDP_X0_X2_X1, end - 8, 0);
	rig_refuses("a pair over the end of a page");
	set(LDP_POST, end - 8, 0);
	rig_refuses("a pair over the end of a page");
	set(STP_X2_X3_X1, end - 8, 0);
	rig_refuses("a pair over the end of a page");
	set(STP_W2_W3_PRE, end - 12, 0);
	rig_refuses("a pair over the end of a page");
	assert_int_equal(rig.rams + rig.dev.calls, 0);
	set(STP_W2_W3_PRE, end - 16, DATA);
	assert_true(rig_step());
	assert_int_equal(read_mem(end - 8, 8), 3ULL << 32 | (u32)DATA);
}

static void test_stack(void **state)
{
	(void)state;
	set(STP_SP_PRE, 0, 0);
	assert_true(rig_step());
	assert_int_equal(rig.cpu.x[A64_SP], MEM + 0xf0);
	assert_int_equal(read_mem(MEM + 0xf0, 8), 29 * 0x0101);
	assert_int_equal(read_mem(MEM + 0xf8, 8), 30 * 0x0101);
	set(LDR_X0_SP_PRE, 0, 0);
	assert_true(rig_step());
	assert_int_equal(rig.cpu.x[A64_SP], MEM + 0x108);
	rig.cpu.pc = CODE;
	rig_refuses("a stack pointer that is not aligned to 16");
	rig.code[0] = STR_X0_SP_POST;
	rig_refuses("a stack pointer that is not aligned to 16");
	rig.code[0] = LDP_SP;
	rig_refuses("a stack pointer that is not aligned to 16");
	rig.code[0] = STR_SP_REG;
	rig_refuses("a stack pointer that is not aligned to 16");
	rig.code[0] = STP_SP_PRE;
	rig_refuses("a stack pointer that is not aligned to 16");
	set(STR_X0_SP_POST, 0, 0);
	assert_true(rig_step());
	assert_int_equal(rig.cpu.x[A64_SP], MEM + 0x108);
	assert_int_equal(read_mem(MEM + 0x100, 8), UNTOUCHD);
}

/* Memory is asked first, and for a write if it is one. */
static void test_read_only(void **state)
{
	(void)state;
	set(LDP_X0_X2_X1, AT, 0);
	rig.read_only = true;
	assert_true(rig_step());
	assert_int_equal(rig.rams, 1);
	set(STR_X2_X1, AT, DATA);
	rig.read_only = true;
	rig_refuses("a store to what is read-only");
	assert_int_equal(rig.rams, 1);
	assert_int_equal(rig.dev.calls, 1);
	set(STP_W2_W3_PRE, AT, DATA);
	rig.read_only = true;
	rig_refuses("a pair to what is read-only");
	assert_int_equal(rig.dev.calls, 0);
}

static void check_access(u64 va, unsigned int len, bool write)
{
	assert_int_equal(rig.dev.calls, 1);
	assert_int_equal(rig.dev.va, va);
	assert_int_equal(rig.dev.len, len);
	assert_int_equal(rig.dev.write, write);
}

static void test_device_reads(void **state)
{
	(void)state;
	set(LDR_X0_X1, DEV, 0);
	rig.dev.value = VALUE;
	assert_true(rig_step());
	check_access(DEV, 8, false);
	assert_int_equal(rig.cpu.x[0], VALUE);
	/* Bits above the access do not come through. */
	set(LDRB_W0_X1, DEV + 3, 0);
	rig.dev.value = VALUE;
	assert_true(rig_step());
	check_access(DEV + 3, 1, false);
	assert_int_equal(rig.cpu.x[0], 0xff);
	set(LDRSH_W0_X1, DEV + 2, 0);
	rig.dev.value = VALUE;
	assert_true(rig_step());
	check_access(DEV + 2, 2, false);
	assert_int_equal(rig.cpu.x[0], 0xffffeeff);
	set(LDR_X0_X1_PRE, DEV, 0);
	rig.dev.value = VALUE;
	assert_true(rig_step());
	check_access(DEV + 8, 8, false);
	assert_int_equal(rig.cpu.x[0], VALUE);
	assert_int_equal(rig.cpu.x[1], DEV + 8);
}

static void test_device_writes(void **state)
{
	(void)state;
	set(STRH_W2_X1, DEV + 2, DATA);
	assert_true(rig_step());
	check_access(DEV + 2, 2, true);
	assert_int_equal(rig.dev.value, 0x7788);
	set(STR_W2_X1_POST, DEV, DATA);
	assert_true(rig_step());
	check_access(DEV, 4, true);
	assert_int_equal(rig.dev.value, 0x55667788);
	assert_int_equal(rig.cpu.x[1], DEV + 4);
	set(STR_XZR_X1, DEV, 0);
	rig.dev.value = VALUE;
	assert_true(rig_step());
	check_access(DEV, 8, true);
	assert_int_equal(rig.dev.value, 0);
}

static void test_device_fails(void **state)
{
	static const u32 words[] = {
		LDR_X0_X1, LDR_X0_X1_PRE,  LDR_X0_X1_POST,
		STR_X2_X1, STR_W2_X1_POST, STRB_W2_X1_PRE
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		set(words[i], DEV, DATA);
		rig.dev.error = -EIO;
		rig.dev.value = VALUE;
		rig_refuses("an access that failed");
		assert_int_equal(rig.dev.calls, 1);
	}
}

/* A device gets single registers only. */
static void test_device_pairs(void **state)
{
	static const u32 words[] = { LDP_X0_X2_X1, LDP_W0_W2_X1, LDP_POST,
				     STP_X2_X3_X1, STP_W2_W3_PRE };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		set(words[i], DEV, DATA);
		rig_refuses("a pair to a device");
		assert_int_equal(rig.dev.calls, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loads),
		cmocka_unit_test(test_stores),
		cmocka_unit_test(test_load_pairs),
		cmocka_unit_test(test_store_pairs),
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_page_end),
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_device_reads),
		cmocka_unit_test(test_device_writes),
		cmocka_unit_test(test_device_fails),
		cmocka_unit_test(test_device_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
