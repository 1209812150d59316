/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/debugger.c arm/debugger_exit.c arm/debugger_memory.c */
/* SOURCES: arm/debugger_break.c arm/a64/stage1.c vmm/gmem.c gdb/aarch64.c */
/* SOURCES: tests/unit/debugger_rig.c */
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

static void old_kvm(void **state)
{
	(void)state;
	t.no_debug = true;
	assert_int_equal(debugger_open(&t.machine), 0);
	assert_int_equal(debugger_start(&t.machine), -ENOTSUP);
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

static void threads(void **state)
{
	char text[64];

	(void)state;
	start();
	attach();
	t.target->ops->describe(t.target, 1, text, sizeof(text));
	assert_string_equal(text, "vCPU 1, EL1");
	t.target->ops->describe(t.target, 2, text, sizeof(text));
	assert_string_equal(text, "vCPU 2, off");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_it), TEST(old_kvm), TEST(all_stop),
		TEST(the_end),	  TEST(waiting), TEST(resume_fails),
		TEST(resets),	  TEST(threads),
	};

	return cmocka_run_group_tests_name("debugger", tests, NULL, NULL);
}
