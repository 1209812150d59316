/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/batch.c arm/batch_account.c arm/batch_veto.c util/json.c */
/* SOURCES: arm/a64/?*.c vmm/mmio.c vmm/gmem.c tests/unit/batch_rig.c */
/* WRAP: ioctl */
/* What a batch does to a vCPU and its devices, and when it does nothing. */
#include <errno.h>
#include <string.h>

#include "batch_rig.h"

static void copies_words(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.regs[CPU_PSTATE] = EL1H;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	expect_copied(16);
	assert_int_equal(t.completions, 1);
	assert_int_equal(t.run.immediate_exit, 0);
	/* Before each access what other vCPUs wrote. */
	assert_int_equal(t.flushes, 16);
	assert_int_equal(t.regs[CPU_PC], CODE + 16);
	assert_int_equal(t.regs[0], DEVICE + 64);
	assert_int_equal(t.regs[1], DATA + 64);
	assert_int_equal(t.regs[2], 0);
	assert_int_equal(t.regs[3], 0xabcd000f);
	/* Z and C; the mode is as it was. */
	assert_int_equal(t.regs[CPU_PSTATE], EL1H | 0x60000000);
	assert_int_equal(atomic_load(&t.vcpu.stats.batched), 16);
	assert_int_equal(atomic_load(&t.vcpu.stats.batches), 1);
	assert_int_equal(atomic_load(&t.vcpu.stats.instructions), 64);
	assert_int_equal(atomic_load(&t.region.batched_writes), 16);
	assert_int_equal(atomic_load(&t.region.batched_reads), 0);
}

static void reads(void **state)
{
	(void)state;
	SET_CODE(LDR_W3_X0, LDR_W4_X0_4, BRK);
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.reads, 2);
	assert_int_equal(t.regs[3], 0x1000);
	assert_int_equal(t.regs[4], 0x1004);
	assert_int_equal(atomic_load(&t.region.batched_reads), 2);
}

/* The guest can read it without us, as it can the rest of the array. */
static void no_reads_of_what_is_mapped(void **state)
{
	struct memslot slot = { .mapped = true };

	(void)state;

	SET_CODE(STR_W3_X0, LDR_W3_X0, BRK);
	t.region.slot = &slot;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.writes, 1);
	assert_int_equal(t.reads, 0);
	assert_int_equal(t.regs[CPU_PC], CODE + 4);
}

/* The interrupt controller, say, is not ours. */
static void no_access_to_what_has_no_region(void **state)
{
	(void)state;
	SET_CODE(LDR_W3_X0, BRK);
	t.regs[0] = ELSE;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.regs[CPU_PC], CODE);
	assert_int_equal(atomic_load(&t.vm.bus.unclaimed), 0);
	/* Nor to what runs over a region's end. */
	t.regs[0] = DEVICE + SZ_4K - 4;
	SET_CODE(0xf9400003 /* ldr x3, [x0] */);
	t.regs[CPU_PC] = CODE - 4;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.reads, 0);
}

static void not_for_long_without_access(void **state)
{
	(void)state;
	SET_CODE(ADD_X5, 0x17ffffff /* b, back */);
	assert_int_equal(batch_continue(&t.vcpu), 0);
	/* They cost as much as an exit does. */
	assert_in_range(t.regs[5], EXIT_NS / INSN_NS / 2,
			EXIT_NS / INSN_NS / 2 + 32);
}

static void not_for_ever(void **state)
{
	(void)state;
	SET_CODE(LDR_W3_X0, ADD_X5, 0x17fffffe /* b, to the first */);
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_in_range(t.reads, 10000, 11000);
	assert_in_range(t.regs[5], t.reads - 1, t.reads);
}

static void pause_now(void)
{
	atomic_store(&t.vm.paused, true);
}

static void kick_now(void)
{
	t.run.immediate_exit = 1;
}

static void end_now(void)
{
	atomic_store(&t.vm.exit_reason, VM_EXIT_POWER_CUT);
}

/* The access at which it becomes known is the last. */
static void stops_when_wanted(void **state)
{
	static void (*const how[])(void) = { pause_now, kick_now, end_now };

	for (size_t i = 0; i < ARRAY_SIZE(how); i++) {
		tear_down(state);
		set_up(state);
		SET_CODE(COPY_LOOP);
		t.at = 5;
		t.then = how[i];
		assert_int_equal(batch_continue(&t.vcpu), 0);
		expect_copied(5);
		assert_int_equal(t.regs[0], DEVICE + 20);
		assert_int_equal(t.regs[CPU_PC], CODE + 8);
		/* Whoever kicked finds it as he left it. */
		assert_int_equal(t.run.immediate_exit, how[i] == kick_now);
		assert_false(atomic_load(&t.vcpu.in_guest));
		/* What was wanted once is no reason for ever. */
		atomic_store(&t.vm.paused, false);
		atomic_store(&t.vm.exit_reason, VM_EXIT_NONE);
		t.run.immediate_exit = 0;
		t.regs[CPU_PC] -= 4;
		assert_int_equal(batch_continue(&t.vcpu), 0);
		expect_copied(16);
	}
}

/* Whatever the number of the instruction is that it comes with. */
static void stops_at_any_instruction(void **state)
{
	for (unsigned int adds = 0; adds < 70; adds++) {
		u32 code[80];

		tear_down(state);
		set_up(state);
		for (size_t i = 0; i < ARRAY_SIZE(code); i++)
			code[i] = i == adds ? STR_W3_X0 : ADD_X5;
		set_code(code, ARRAY_SIZE(code));
		t.at = 1;
		t.then = pause_now;
		assert_int_equal(batch_continue(&t.vcpu), 0);
		assert_int_equal(t.writes, 1);
		assert_int_equal(t.regs[5], adds);
		assert_int_equal(t.regs[CPU_PC], CODE + 4 * (adds + 1));
	}
}

static void not_in_a_pause(void **state)
{
	(void)state;
	SET_CODE(ADD_X5, ADD_X5, BRK);
	pause_now();
	expect_nothing(1);
	assert_int_equal(t.regs[5], 0);
}

/* An exception was pending: the vCPU is at its vector, say. */
static void not_where_it_was_not_completed(void **state)
{
	static const u64 places[] = { CODE - 4, CODE + 0x200 };
	static const u32 store[] = { STR_W3_X0 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		tear_down(state);
		set_up(state);
		SET_CODE(COPY_LOOP);
		memcpy(t.ram + (places[i] - RAM), store, sizeof(store));
		t.completed_at = places[i];
		assert_int_equal(batch_continue(&t.vcpu), 0);
		assert_int_equal(t.completions, 1);
		assert_int_equal(t.writes, 0);
		assert_int_equal(t.regs[CPU_PC], places[i]);
		assert_int_equal(t.regs[0], DEVICE);
	}
}

static void not_if_kicked_before(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.kicked = true;
	expect_nothing(1);
}

static void not_without_completion(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.no_completion = true;
	expect_nothing(1);
}

static void only_plain_el1(void **state)
{
	static const u64 others[] = {
		0,		/* EL0 */
		4,		/* EL1 with SP_EL0 */
		9,		/* EL2 */
		0x13,		/* AArch32 */
		EL1H | 1 << 10, /* BTYPE */
		EL1H | 1 << 20, /* illegal state */
		EL1H | 1 << 21, /* single step */
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		tear_down(state);
		set_up(state);
		SET_CODE(COPY_LOOP);
		t.regs[CPU_PSTATE] = others[i];
		expect_nothing(1);
	}
}

static void not_under_a_debugger(void **state)
{
	SET_CODE(COPY_LOOP);
	t.regs[CPU_MDSCR] = 1;
	expect_nothing(1);
	tear_down(state);
	set_up(state);
	SET_CODE(COPY_LOOP);
	t.regs[CPU_MDSCR] = 1 << 15;
	expect_nothing(1);
}

static void not_with_unknown_translation(void **state)
{
	SET_CODE(COPY_LOOP);
	t.regs[CPU_TCR2] = 2; /* TCR2_EL1.PIE */
	expect_nothing(1);
	tear_down(state);
	set_up(state);
	SET_CODE(COPY_LOOP);
	t.regs[CPU_SCTLR] = 0;
	expect_nothing(1);
}

/* Memory the guest may not write, or that it sees past the caches. */
static void only_memory_as_the_guest_sees_it(void **state)
{
	u64 *entry;

	SET_CODE(COPY_LOOP);
	entry = &table(4)[(DATA - RAM) / SZ_4K];
	*entry |= 1 << 2; /* device */
	expect_nothing(1);
	tear_down(state);
	set_up(state);
	SET_CODE(0xf9000025 /* str x5, [x1] */, BRK);
	entry = &table(4)[(DATA - RAM) / SZ_4K];
	*entry |= 1 << 7; /* read-only */
	expect_nothing(1);
}

/* A device's page may be read-only, too. */
static void only_accesses_that_are_allowed(void **state)
{
	(void)state;
	SET_CODE(LDR_W3_X0, STR_W3_X0, BRK);
	table(2)[DEVICE / SZ_2M] |= 1 << 7;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.reads, 1);
	assert_int_equal(t.writes, 0);
	assert_int_equal(t.regs[CPU_PC], CODE + 4);
}

/* PSTATE.PAN, and memory that EL0 may access. */
static void not_what_pan_forbids(void **state)
{
	(void)state;
	SET_CODE(0xb9400024 /* ldr w4, [x1] */, BRK);
	table(4)[(DATA - RAM) / SZ_4K] |= 1 << 6;
	t.regs[CPU_PSTATE] |= 1 << 22;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.regs[CPU_PC], CODE);
	t.regs[CPU_PC] = CODE - 4;
	t.regs[CPU_PSTATE] &= ~(1ULL << 22);
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.regs[CPU_PC], CODE + 4);
}

/* A hint is nothing only if the guest does not use what it is for. */
static void pointer_authentication(void **state)
{
	(void)state;
	SET_CODE(0xd503233f /* paciasp */, STR_W3_X0, BRK);
	t.regs[CPU_SCTLR] |= 1U << 31;
	expect_nothing(1);
	t.regs[CPU_PC] = CODE - 4;
	t.regs[CPU_SCTLR] &= ~(1ULL << 31);
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.writes, 1);
}

/* Addresses in the upper half have a base register of their own. */
static void upper_half(void **state)
{
	const u64 upper = 0xffff000000000000;

	(void)state;
	SET_CODE(STR_W3_X0, LDR_W3_X0, BRK);
	t.regs[CPU_PC] = upper + CODE - 4;
	t.regs[0] = upper + DEVICE;
	t.regs[CPU_TTBR0] = 0;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.writes, 1);
	assert_int_equal(t.reads, 1);
	assert_int_equal(t.regs[CPU_PC], upper + CODE + 8);
	assert_int_equal(t.got[CPU_TTBR1], 1);
	assert_int_equal(t.got[CPU_TTBR0], 0);
}

static void hide_data(void)
{
	table(4)[(DATA - RAM) / SZ_4K] = 0;
}

static void hide_code(void)
{
	table(4)[(CODE - RAM) / SZ_4K] = 0;
}

/* That is by instructions, whether there are accesses or not. */
static void translation_of_code_does_not_last(void **state)
{
	(void)state;
	SET_CODE(LDR_W3_X0, ADD_X5, 0x17ffffff /* b, back */);
	t.at = 1;
	t.then = hide_code;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.reads, 1);
	assert_in_range(t.regs[5], 1, 32);
	assert_int_equal(t.regs[3], 0x1000);
}

static void translation_of_data_does_not_last(void **state)
{
	(void)state;
	SET_CODE(LDR_W3_X0, 0xb9400024 /* ldr w4, [x1] */, ADD_X5,
		 0x17fffffe /* b, to the second */);
	t.at = 1;
	t.then = hide_data;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_in_range(t.regs[5], 0, 22);
	assert_int_equal(t.regs[CPU_PC], CODE + 4);
}

/* Another vCPU's change to the tables is noticed before long. */
static void translations_do_not_last(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.regs[2] = 100;
	t.at = 20;
	t.then = hide_data;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_in_range(t.writes, 20, 20 + 64 / 4);
	assert_int_equal(t.regs[CPU_PC], CODE);
	assert_int_equal(t.regs[2], 100 - t.writes);
}

static void lost_registers_end_the_run(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.put_error = -EINVAL;
	assert_int_equal(batch_continue(&t.vcpu), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copies_words),
		TEST(reads),
		TEST(no_reads_of_what_is_mapped),
		TEST(no_access_to_what_has_no_region),
		TEST(not_for_long_without_access),
		TEST(not_for_ever),
		TEST(stops_when_wanted),
		TEST(not_in_a_pause),
		TEST(not_where_it_was_not_completed),
		TEST(not_if_kicked_before),
		TEST(not_without_completion),
		TEST(only_plain_el1),
		TEST(not_under_a_debugger),
		TEST(not_with_unknown_translation),
		TEST(stops_at_any_instruction),
		TEST(only_accesses_that_are_allowed),
		TEST(not_what_pan_forbids),
		TEST(pointer_authentication),
		TEST(upper_half),
		TEST(only_memory_as_the_guest_sees_it),
		TEST(translations_do_not_last),
		TEST(translation_of_code_does_not_last),
		TEST(translation_of_data_does_not_last),
		TEST(lost_registers_end_the_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
