/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/debugger.c arm/debugger_exit.c arm/debugger_memory.c */
/* SOURCES: arm/debugger_break.c arm/vcpu_memory.c arm/a64/stage1.c */
/* SOURCES: vmm/gmem.c gdb/aarch64.c */
/* SOURCES: tests/unit/debugger_rig.c */
/* WRAP: calloc */
/* A machine as a debugger's target: who stops, who goes on, its beginning and
 * its end. */
#include <errno.h>
#include <string.h>

#include "debugger_rig.h"

static void without_it(void **state)
{
	(void)state;
	t.config.debug.gdb.path = NULL;
	assert_int_equal(debugger_open(&t.machine), 0);
	assert_null(t.machine.debugger);
	assert_int_equal(debugger_start(&t.machine), 0);
	assert_int_equal(debugger_exit(&t.vcpus[0]), -ENOTSUP);
	debugger_exit_done(&t.vcpus[0]);
	debugger_held(&t.vcpus[0]);
	debugger_reset(&t.machine);
	machine_tell_debugger(&t.machine, 124);
	assert_int_equal(t.wakes + t.ends, 0);
}

static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

static void no_beginning(void **state)
{
	(void)state;
	t.listen_error = -EADDRINUSE;
	assert_int_equal(debugger_open(&t.machine), -EADDRINUSE);
	assert_null(t.machine.debugger);
	t.listen_error = 0;
	no_memory = true;
	assert_int_equal(debugger_open(&t.machine), -ENOMEM);
	assert_null(t.machine.debugger);
	no_memory = false;
	assert_int_equal(t.fatals, 1);
	assert_int_equal(debugger_open(&t.machine), 0);
	no_memory = true;
	assert_int_equal(debugger_start(&t.machine), -ENOMEM);
	no_memory = false;
	assert_int_equal(t.fatals, 2);
	assert_null(t.target);
}

static void old_kvm(void **state)
{
	(void)state;
	t.no_debug = true;
	assert_int_equal(debugger_open(&t.machine), 0);
	assert_int_equal(debugger_start(&t.machine), -ENOTSUP);
	assert_int_equal(t.fatals, 1);
}

static void all_stop(void **state)
{
	(void)state;
	start();
	assert_false(stopped());
	assert_false(atomic_load(&t.vcpus[0].hold));
	attach();
	assert_int_equal(t.wakes, NR_VCPUS);
	go();
	assert_false(atomic_load(&t.vcpus[0].hold));
	/* The second one is the first of two. */
	assert_int_equal(exits(1, BREAK), 0);
	assert_true(atomic_load(&t.vcpus[1].hold));
	assert_false(atomic_load(&t.vcpus[2].hold));
	assert_int_equal(exits(0, BREAK), 0);
	expect_stop(1, GDB_REASON_BREAK, GDB_BREAK_HARDWARE);
	/* Others stay as they are. */
	resume(GDB_STAY, GDB_STAY, GDB_CONTINUE);
	assert_true(atomic_load(&t.vcpus[0].hold));
	assert_false(atomic_load(&t.vcpus[2].hold));
	t.target->ops->stop(t.target);
	let_hold();
	assert_true(stopped());
	machine_tell_debugger(&t.machine, 124);
	assert_int_equal(t.ends, 1);
}

static void breaks_now(void)
{
	assert_int_equal(exits(1, BREAK), 0);
}

/* It had been asked to stop, and meets a breakpoint before it is held. */
static void breaks_meanwhile(void **state)
{
	(void)state;
	start();
	attach();
	go();
	t.target->ops->stop(t.target);
	let_hold();
	t.looked = breaks_now;
	assert_true(stopped());
	assert_int_equal(t.stop.reason, GDB_REASON_BREAK);
	assert_int_equal(t.stop.thread, 1);
}

static void the_end(void **state)
{
	(void)state;
	start();
	attach();
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, BASE, 4), 0);
	t.target->ops->detach(t.target);
	assert_int_equal(t.ram[0], NOP);
	assert_false(t.forbidden);
	assert_false(atomic_load(&t.vcpus[0].hold));
	assert_false(stopped());
	attach();
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, BASE, 4), 0);
	t.target->ops->lost(t.target);
	assert_int_equal(t.ram[0], NOP);
	assert_false(atomic_load(&t.vcpus[0].hold));
	t.target->ops->kill(t.target);
	assert_int_equal(t.end, VM_EXIT_KILLED);
}

/* Neither a step nor what it has stopped for. */
static void nothing_is_left(void **state)
{
	(void)state;
	start();
	attach();
	resume(GDB_STEP, GDB_STAY, GDB_STAY);
	assert_int_equal(exits(0, STEP), 0);
	expect_stop(0, GDB_REASON_STEP, 0);
	t.target->ops->detach(t.target);
	assert_false(stopped());
	assert_int_equal(exits(0, STEP), 0);
	for (unsigned int i = 0; i < NR_VCPUS; i++) {
		assert_false(t.steps[i]);
		assert_false(atomic_load(&t.vcpus[i].hold));
	}
}

/* --gdb-wait: held until a debugger says so, and not because it goes. */
static void waiting(void **state)
{
	(void)state;
	t.config.debug.gdb.wait = true;
	start();
	assert_true(atomic_load(&t.vcpus[NR_VCPUS - 1].hold));
	let_hold();
	assert_false(stopped());
	t.target->ops->stop(t.target);
	assert_true(stopped());
	t.target->ops->lost(t.target);
	assert_true(atomic_load(&t.vcpus[0].hold));
	assert_false(stopped());
	t.target->ops->stop(t.target);
	assert_true(stopped());
	go();
	t.target->ops->stop(t.target);
	let_hold();
	assert_true(stopped());
	t.target->ops->lost(t.target);
	assert_false(atomic_load(&t.vcpus[0].hold));
}

/* A debugger that detaches says so, too. */
static void waiting_no_more(void **state)
{
	(void)state;
	t.config.debug.gdb.wait = true;
	start();
	let_hold();
	t.target->ops->stop(t.target);
	assert_true(stopped());
	t.target->ops->detach(t.target);
	assert_false(atomic_load(&t.vcpus[0].hold));
	attach();
	t.target->ops->lost(t.target);
	assert_false(atomic_load(&t.vcpus[0].hold));
}

/* None goes on, and nothing is left of it. */
static void resume_fails(void **state)
{
	const enum gdb_action actions[] = { GDB_STEP, GDB_STEP, GDB_STEP };

	(void)state;
	start();
	attach();
	t.failing = NR_VCPUS;
	assert_int_equal(t.target->ops->resume(t.target, actions), -EIO);
	assert_int_equal(t.cpu[0][CPU_PSTATE], EL1H);
	t.failing = 0;
	/* PC, or PSTATE. */
	for (unsigned int n = 1; n <= 2; n++) {
		t.failing_access = n;
		assert_int_equal(t.target->ops->resume(t.target, actions),
				 -EIO);
	}
	assert_true(stopped());
}

static void resets(void **state)
{
	(void)state;
	start();
	attach();
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, BASE, 4), 0);
	assert_int_equal(t.target->ops->reset(t.target), 0);
	assert_int_equal(t.end, VM_EXIT_RESET);
	/* Threads end, and start again. */
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		atomic_store(&t.vcpus[i].held, false);
	assert_false(stopped());
	memset(t.ram, 0, sizeof(t.ram));
	debugger_reset(&t.machine);
	assert_int_equal(t.ram[0], BRK);
	let_hold();
	assert_true(stopped());
	assert_int_equal(t.stop.reason, GDB_REASON_ASKED);
	t.machine.vm.no_reboot = true;
	assert_int_equal(t.target->ops->reset(t.target), -EPERM);
}

/* It had stopped for something, which is of no interest any more. */
static void reset_after_a_stop(void **state)
{
	(void)state;
	start();
	attach();
	go();
	assert_int_equal(exits(1, BREAK), 0);
	expect_stop(1, GDB_REASON_BREAK, GDB_BREAK_HARDWARE);
	assert_int_equal(t.target->ops->reset(t.target), 0);
	for (unsigned int i = 0; i < NR_VCPUS; i++) {
		assert_true(atomic_load(&t.vcpus[i].hold));
		atomic_store(&t.vcpus[i].held, false);
	}
	debugger_reset(&t.machine);
	assert_false(stopped());
	let_hold();
	assert_true(stopped());
	assert_int_equal(t.stop.reason, GDB_REASON_ASKED);
}

/* The guest's own reset, in a step: PSTATE is as it is at power-on. */
static void reset_in_a_step(void **state)
{
	(void)state;
	start();
	attach();
	resume(GDB_STEP, GDB_STAY, GDB_STAY);
	assert_int_equal(t.cpu[0][CPU_PSTATE], EL1H | I_F);
	t.cpu[0][CPU_PSTATE] = EL1H | DAIF;
	debugger_reset(&t.machine);
	t.target->ops->stop(t.target);
	let_hold();
	assert_int_equal(t.cpu[0][CPU_PSTATE], EL1H | DAIF);
}

static void threads(void **state)
{
	u64 value = 0;
	char text[64];

	(void)state;
	start();
	attach();
	t.target->ops->describe(t.target, 1, text, sizeof(text));
	assert_string_equal(text, "vCPU 1, EL1");
	t.target->ops->describe(t.target, 2, text, sizeof(text));
	assert_string_equal(text, "vCPU 2, off");
	assert_string_equal(t.target->architecture, "aarch64");
	t.regs[1][7] = 0x1234;
	assert_int_equal(
		t.target->ops->read_register(t.target, 1, 7, (u8 *)&value), 0);
	assert_int_equal(value, 0x1234);
	assert_int_equal(
		t.target->ops->write_register(t.target, 2, 8, (u8 *)&value), 0);
	assert_int_equal(t.regs[2][8], 0x1234);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_it),
		TEST(no_beginning),
		TEST(old_kvm),
		TEST(breaks_meanwhile),
		TEST(nothing_is_left),
		TEST(waiting_no_more),
		TEST(reset_after_a_stop),
		TEST(reset_in_a_step),
		TEST(all_stop),
		TEST(the_end),
		TEST(waiting),
		TEST(resume_fails),
		TEST(resets),
		TEST(threads),
	};

	return cmocka_run_group_tests_name("debugger", tests, NULL, NULL);
}
