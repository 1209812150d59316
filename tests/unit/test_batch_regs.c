/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/batch.c arm/batch_account.c arm/batch_veto.c util/json.c */
/* SOURCES: arm/a64/?*.c vmm/mmio.c vmm/gmem.c tests/unit/batch_rig.c */
/* WRAP: ioctl */
/* Which registers an attempt reads, when one is made, and what forbids it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch_rig.h"
#include "lkvm/util/json.h"

/* A loop that uses four of them, in the lower half. */
static void reads_what_it_needs(void **state)
{
	static const unsigned int once[] = { 0,		 1,	    2,
					     CPU_PSTATE, CPU_MDSCR, CPU_TCR2,
					     CPU_SCTLR,	 CPU_TCR,   CPU_MAIR,
					     CPU_TTBR0 };
	unsigned int sum = 0, written = 0;

	(void)state;
	SET_CODE(COPY_LOOP);
	assert_int_equal(batch_continue(&t.vcpu), 0);
	expect_copied(16);
	for (size_t i = 0; i < ARRAY_SIZE(once); i++)
		assert_int_equal(t.got[once[i]], 1);
	assert_int_equal(t.got[CPU_PC], 2);
	for (unsigned int i = 0; i < CPU_REGS; i++) {
		sum += t.got[i];
		written += t.put[i];
	}
	assert_int_equal(sum, ARRAY_SIZE(once) + 2);
	/* PC, and X0 to X3; the flags are as they were. */
	assert_int_equal(written, 5);
	assert_int_equal(
		t.put[CPU_PC] + t.put[0] + t.put[1] + t.put[2] + t.put[3], 5);
	assert_int_equal(atomic_load(&t.vcpu.stats.registers), sum + written);
	assert_int_equal(atomic_load(&t.vcpu.stats.attempts), 1);
}

/* One that is set without having been read is written, whatever it was. */
static void writes_what_it_has_not_read(void **state)
{
	(void)state;
	SET_CODE(0xd2800006 /* movz x6, #0 */, BRK);
	t.regs[6] = 1234;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.got[6], 0);
	assert_int_equal(t.regs[6], 0);
	assert_int_equal(t.put[6], 1);
	assert_int_equal(t.regs[CPU_PC], CODE + 4);

	SET_CODE(0x58000046 /* ldr x6, the next but one */, BRK, 0x12345678, 9);
	t.regs[CPU_PC] = CODE - 4;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.regs[6], 0x912345678);
	assert_int_equal(t.got[6], 0);
}

/* What the batch before had read does not count any more. */
static void what_was_read_before(void **state)
{
	(void)state;
	SET_CODE(ADD_X5, BRK);
	t.regs[5] = 5;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.regs[5], 6);
	SET_CODE(0xd28000a5 /* movz x5, #5 */, BRK);
	t.regs[CPU_PC] = CODE - 4;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.regs[5], 5);
}

/* One that KVM does not give ends the attempt, and only that. */
static void registers_that_cannot_be_read(void **state)
{
	static const unsigned int all[] = { 0,	       CPU_PC,	 CPU_PSTATE,
					    CPU_MDSCR, CPU_TCR2, CPU_SCTLR,
					    CPU_TCR,   CPU_MAIR, CPU_TTBR0 };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		tear_down(state);
		set_up(state);
		SET_CODE(STR_W3_X0, BRK);
		t.unreadable = BIT(all[i]);
		assert_int_equal(batch_continue(&t.vcpu), 0);
		assert_int_equal(t.writes, 0);
		assert_int_equal(t.put[CPU_PC], 0);
		assert_int_equal(atomic_load(&t.vcpu.stats.attempts), 1);
	}
}

/* That is tried once; where it fails there are no batches. */
static void costs_that_cannot_be_measured(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.costs_error = -EIO;
	expect_nothing(0);
	t.costs_error = 0;
	expect_nothing(0);
	assert_int_equal(t.measured, 1);
}

static void statistics(void **state)
{
	struct json_writer json = { 0 };
	char *text = NULL;
	size_t len = 0;

	(void)state;
	atomic_store(&t.machine.batch_refusals[BATCH_PSTATE], 3);
	json.out = open_memstream(&text, &len);
	json_begin_object(&json, NULL);
	batch_write_stats(&t.machine, &json);
	json_end_object(&json);
	fclose(json.out);
	assert_non_null(strstr(text, "\"batch_refusals\": {\n"));
	assert_non_null(strstr(text, batch_veto_key(BATCH_PSTATE)));
	assert_non_null(strstr(text, "\": 3"));
	assert_non_null(strstr(text, batch_veto_key(BATCH_VETOES - 1)));
	assert_non_null(strstr(text, "}\n}"));
	free(text);
}

/* Where nothing can be carried out. */
static void reads_little_in_vain(void **state)
{
	unsigned int sum = 0;

	(void)state;
	SET_CODE(BRK);
	t.no_tcr2 = true;
	expect_nothing(1);
	assert_int_equal(t.got[CPU_TCR2], 1);
	set_registers();
	t.completions = 0;
	expect_nothing(1);
	for (unsigned int i = 0; i < CPU_REGS; i++)
		sum += t.got[i] + t.put[i];
	/* PC twice, PSTATE, MDSCR, SCTLR, TCR, MAIR, TTBR0. */
	assert_int_equal(sum, 8);
	tear_down(state);
	set_up(state);
	t.regs[CPU_PSTATE] = 0;
	expect_nothing(1);
	assert_int_equal(t.got[CPU_SCTLR], 0);
}

/* Debug exceptions are masked there, so what enables them does not count. */
static void masked_breakpoints(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.regs[CPU_PSTATE] |= 1 << 9;
	t.regs[CPU_MDSCR] = 1 | 1 << 15;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	expect_copied(16);
	assert_int_equal(t.got[CPU_MDSCR], 0);
}

static void refusals_are_counted(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.regs[CPU_PSTATE] = 0;
	expect_nothing(1);
	assert_int_equal(atomic_load(&t.machine.batch_refusals[BATCH_PSTATE]),
			 1);
	set_registers();
	t.completions = 0;
	t.regs[CPU_SCTLR] = 4;
	expect_nothing(1);
	assert_int_equal(atomic_load(&t.machine.batch_refusals[BATCH_MMU_OFF]),
			 1);
}

/* What forbids batches in a VM, at start and later. */
static void vetoes_of_the_vm(void **state)
{
	(void)state;
	batch_setup(&t.machine);
	assert_true(atomic_load(&t.machine.batch_allowed));
	t.machine.features.pmu = true;
	batch_setup(&t.machine);
	assert_false(atomic_load(&t.machine.batch_allowed));
	assert_int_equal(batch_vm_veto(&t.machine), BATCH_PMU);
	t.config.debug.no_batch = true;
	assert_int_equal(batch_vm_veto(&t.machine), BATCH_OFF);
	t.machine.features.pmu = false;
	t.config.debug.no_batch = false;
	batch_forbid(&t.machine, BATCH_DIRTY_LOG, true);
	assert_false(atomic_load(&t.machine.batch_allowed));
	assert_int_equal(batch_vm_veto(&t.machine), BATCH_DIRTY_LOG);
	batch_forbid(&t.machine, BATCH_DIRTY_LOG, false);
	assert_true(atomic_load(&t.machine.batch_allowed));
}

static void vain_attempts_are_few(void **state)
{
	unsigned int tries = 0;

	(void)state;
	SET_CODE(BRK);
	for (unsigned int i = 0; i < 2000; i++) {
		t.regs[CPU_PC] = CODE - 4;
		assert_int_equal(batch_continue(&t.vcpu), 0);
	}
	tries = t.completions;
	assert_in_range(tries, 4, 30);
	/* Another address has not been tried. */
	t.run.mmio.phys_addr = DEVICE + 4;
	t.regs[CPU_PC] = CODE - 4;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.completions, tries + 1);
	assert_false(atomic_load(&t.region.in_batches));
}

/* Each place in an array has the account of all. */
static void an_array_is_one_address(void **state)
{
	struct memslot slot = { .mapped = false };

	(void)state;
	SET_CODE(BRK);
	t.region.slot = &slot;
	for (unsigned int i = 0; i < 100; i++) {
		t.run.mmio.phys_addr = DEVICE + 4 * i;
		t.regs[CPU_PC] = CODE - 4;
		assert_int_equal(batch_continue(&t.vcpu), 0);
	}
	assert_in_range(t.completions, 1, 10);
}

static void success_brings_it_back(void **state)
{
	unsigned int exits = 0;

	(void)state;
	SET_CODE(BRK);
	for (unsigned int i = 0; i < 2000; i++) {
		t.regs[CPU_PC] = CODE - 4;
		assert_int_equal(batch_continue(&t.vcpu), 0);
	}
	SET_CODE(COPY_LOOP);
	while (!t.writes && ++exits < 1500) {
		set_registers();
		assert_int_equal(batch_continue(&t.vcpu), 0);
	}
	expect_copied(16);
	/* From then on at every exit. */
	for (unsigned int i = 0; i < 100; i++) {
		t.writes = 0;
		set_registers();
		assert_int_equal(batch_continue(&t.vcpu), 0);
		expect_copied(16);
	}
	assert_true(atomic_load(&t.region.in_batches));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_what_it_needs),
		TEST(writes_what_it_has_not_read),
		TEST(what_was_read_before),
		TEST(registers_that_cannot_be_read),
		TEST(costs_that_cannot_be_measured),
		TEST(statistics),
		TEST(reads_little_in_vain),
		TEST(masked_breakpoints),
		TEST(refusals_are_counted),
		TEST(vetoes_of_the_vm),
		TEST(vain_attempts_are_few),
		TEST(an_array_is_one_address),
		TEST(success_brings_it_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
