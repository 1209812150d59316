/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/batch.c arm/batch_account.c arm/batch_veto.c util/json.c */
/* SOURCES: arm/a64/?*.c vmm/mmio.c vmm/gmem.c tests/unit/batch_rig.c */
/* WRAP: ioctl */
/* The one instruction whose access KVM could not describe. */
#include <errno.h>
#include <string.h>

#include "batch_rig.h"

#define STR_W3_X0_POST 0xb8004403 /* str w3, [x0], #4 */
#define LDR_W3_X0_PRE  0xb8404c03 /* ldr w3, [x0, #4]! */
#define LDP_W3_W4_X0   0x29401003
#define STP_W3_W4_X0   0x29001003
#define LDR_Q0_X0      0x3dc00000
#define LDXR_W3_X0     0x885f7c03

/* The vCPU is at the first instruction, and KVM has nothing to complete. */
static void begin(void **state)
{
	tear_down(state);
	set_up(state);
	SET_CODE(STR_W3_X0_POST, LDR_W3_X0_PRE, BRK);
	t.regs[CPU_PC] = CODE;
	t.regs[3] = 0x12345678;
}

static void store_and_load(void **state)
{
	begin(state);
	assert_int_equal(batch_access(&t.vcpu), 0);
	assert_int_equal(t.writes, 1);
	assert_int_equal(t.written[0], 0x12345678);
	assert_int_equal(t.offsets[0], 0);
	assert_int_equal(t.flushes, 1);
	assert_int_equal(t.regs[0], DEVICE + 4);
	/* One, although the next could be carried out, too. */
	assert_int_equal(t.regs[CPU_PC], CODE + 4);
	assert_int_equal(t.reads, 0);
	assert_false(atomic_load(&t.vcpu.in_guest));
	assert_int_equal(batch_access(&t.vcpu), 0);
	assert_int_equal(t.regs[3], 0x1008);
	assert_int_equal(t.regs[0], DEVICE + 8);
	assert_int_equal(t.regs[CPU_PC], CODE + 8);
	assert_int_equal(t.completions, 0);
	/* It is no batch. */
	assert_int_equal(atomic_load(&t.vcpu.stats.attempts), 0);
	assert_int_equal(atomic_load(&t.vcpu.stats.batched), 0);
	assert_int_equal(atomic_load(&t.region.batched_writes), 0);
	assert_int_equal(t.measured, 0);
}

/* Each goes on as if the other had not been. */
static void batches_before_and_after(void **state)
{
	begin(state);
	SET_CODE(COPY_LOOP);
	t.regs[CPU_PC] = CODE - 4;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	expect_copied(16);
	SET_CODE(STR_W3_X0_POST, BRK);
	t.regs[CPU_PC] = CODE;
	assert_int_equal(batch_access(&t.vcpu), 0);
	assert_int_equal(t.writes, 17);
	set_registers();
	SET_CODE(COPY_LOOP);
	t.writes = 0;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	expect_copied(16);
	assert_int_equal(atomic_load(&t.region.batched_writes), 32);
}

/* What forbids batches for other reasons than that they are not understood. */
static void where_batches_are_off(void **state)
{
	begin(state);
	t.config.debug.no_batch = true;
	t.machine.features.mte = true;
	t.machine.features.pmu = true;
	batch_forbid(&t.machine, BATCH_DIRTY_LOG, true);
	assert_int_equal(batch_access(&t.vcpu), 0);
	assert_int_equal(t.writes, 1);
}

/* The guest is left as it is, for the abort. */
static void expect_not_done(void)
{
	u64 before[CPU_REGS];

	memcpy(before, t.regs, sizeof(before));
	assert_int_equal(batch_access(&t.vcpu), -ENOTSUP);
	assert_memory_equal(before, t.regs, sizeof(before));
	assert_int_equal(t.writes + t.reads, 0);
	assert_false(atomic_load(&t.vcpu.in_guest));
	for (unsigned int i = 0; i < BATCH_VETOES; i++)
		assert_int_equal(atomic_load(&t.machine.batch_refusals[i]), 0);
}

static void not_other_instructions(void **state)
{
	static const u32 words[] = { LDP_W3_W4_X0, STP_W3_W4_X0, LDR_Q0_X0,
				     LDXR_W3_X0, BRK };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		begin(state);
		set_code(&words[i], 1);
		expect_not_done();
	}
	begin(state);
	t.regs[0] = DEVICE + 2; /* not aligned */
	expect_not_done();
}

/* KVM has said that it is a device; tables may have changed since. */
static void not_other_places(void **state)
{
	const u32 *data;

	begin(state);
	t.regs[0] = ELSE;
	expect_not_done();
	begin(state);
	t.regs[0] = DATA;
	data = (const u32 *)(const void *)(t.ram + (DATA - RAM));
	expect_not_done();
	assert_int_equal(data[0], 0xabcd0000);
	begin(state);
	t.region.code = true; /* a flash that is executed in place */
	expect_not_done();
}

/* A translation is of no use for the next exit: the guest has run since. */
static void translations_do_not_last(void **state)
{
	begin(state);
	assert_int_equal(batch_access(&t.vcpu), 0);
	t.writes = 0;
	table(2)[DEVICE / SZ_2M] = 0;
	expect_not_done();
}

static void not_in_other_states(void **state)
{
	static const struct {
		enum cpu_reg reg;
		u64 value;
	} states[] = {
		{ CPU_PSTATE, 0 }, /* EL0 */
		{ CPU_SCTLR, 4 },  /* MMU off */
		{ CPU_TCR2, 2 },   { CPU_MDSCR, 1 }, { CPU_PC, ELSE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		begin(state);
		t.regs[states[i].reg] = states[i].value;
		expect_not_done();
	}
	begin(state);
	t.machine.features.aarch32 = true;
	expect_not_done();
	begin(state);
	t.machine.features.vcpu_init = 1 << 7; /* KVM_ARM_VCPU_HAS_EL2 */
	expect_not_done();
	begin(state);
	t.unreadable = 1ULL << CPU_PC;
	expect_not_done();
}

static void pause_now(void)
{
	atomic_store(&t.vm.paused, true);
}

/* It exits once more when the pause is over; what was accessed is done. */
static void pauses(void **state)
{
	begin(state);
	pause_now();
	assert_int_equal(batch_access(&t.vcpu), 0);
	assert_int_equal(t.writes, 0);
	assert_int_equal(t.regs[CPU_PC], CODE);
	atomic_store(&t.vm.paused, false);
	t.at = 1;
	t.then = pause_now;
	assert_int_equal(batch_access(&t.vcpu), 0);
	assert_int_equal(t.writes, 1);
	assert_int_equal(t.regs[0], DEVICE + 4);
	assert_int_equal(t.regs[CPU_PC], CODE + 4);
}

static void lost_registers_end_the_run(void **state)
{
	begin(state);
	t.put_error = -EINVAL;
	assert_int_equal(batch_access(&t.vcpu), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(store_and_load),
		TEST(batches_before_and_after),
		TEST(where_batches_are_off),
		TEST(not_other_instructions),
		TEST(not_other_places),
		TEST(translations_do_not_last),
		TEST(not_in_other_states),
		TEST(pauses),
		TEST(lost_registers_end_the_run),
	};

	return cmocka_run_group_tests_name("batch_access", tests, NULL, NULL);
}
