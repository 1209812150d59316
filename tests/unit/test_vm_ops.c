/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/vm_ops.c vmm/mmio.c */
/* Exits that only arm64 has: accesses without a syndrome, cache maintenance. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "arm/batch.h"
#include "arm/cpu.h"
#include "arm/debugger.h"
#include "arm/machine.h"

/* Arm ARM, ISS of a Data Abort: WnR and CM. */
#define WNR (1U << 6)
#define CM  (1U << 8)

#define BASE 0x1000000
#define SIZE 0x10000

static struct {
	struct vm vm;
	struct machine machine;
	struct vcpu vcpu;
	struct kvm_run run;
	struct mmio_region region;
	unsigned int asked, refusals, skipped, aborts, explained, debug_exits,
		dones;
	unsigned int accesses;
	int access;  /* what becomes of them */
	bool repeat; /* what the device wants */
	u64 offset;
	bool write;
	int error;
} t;

int cpu_skip_instruction(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &t.vcpu);
	t.skipped++;
	return t.error;
}

int cpu_inject_external_abort(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &t.vcpu);
	t.aborts++;
	return t.error;
}

int cpu_get_pc(struct vcpu *vcpu, u64 *pc)
{
	(void)vcpu;
	*pc = BASE + 4;
	return t.error;
}

void machine_explain_pmems(const struct machine *machine)
{
	assert_ptr_equal(machine, &t.machine);
	t.explained++;
}

u64 cpu_fingerprint(struct vcpu *vcpu)
{
	(void)vcpu;
	fail();
	return 0;
}

void cpu_describe(struct vcpu *vcpu, char *buf, size_t size)
{
	(void)vcpu;
	(void)buf;
	(void)size;
}

int debugger_exit(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &t.vcpu);
	t.debug_exits++;
	return t.error;
}

void debugger_exit_done(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &t.vcpu);
	t.dones++;
}

void debugger_held(struct vcpu *vcpu)
{
	(void)vcpu;
}

int batch_continue(struct vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}

int batch_access(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &t.vcpu);
	t.accesses++;
	return t.access;
}

void batch_release(struct vcpu *vcpu)
{
	(void)vcpu;
}

int machine_reset(struct vm *vm)
{
	(void)vm;
	return 0;
}

int suspend_system_event(struct vcpu *vcpu)
{
	(void)vcpu;
	return -ENOTSUP;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

void pr_guest(struct ratelimit *rl, const char *fmt, ...)
{
	(void)rl;
	(void)fmt;
}

static bool no_syndrome(struct mmio_region *region, u64 offset, bool is_write)
{
	assert_ptr_equal(region, &t.region);
	t.asked++;
	t.offset = offset;
	t.write = is_write;
	return t.repeat;
}

static void refused(struct mmio_region *region, u64 offset, bool is_write)
{
	assert_ptr_equal(region, &t.region);
	assert_int_equal(offset, t.offset);
	assert_int_equal(is_write, t.write);
	t.refusals++;
}

static const struct mmio_ops region_ops = {
	.no_syndrome = no_syndrome,
	.refused = refused,
};

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.vm.arch = &t.machine;
	t.vcpu.vm = &t.vm;
	t.vcpu.run = &t.run;
	t.access = -ENOTSUP;
	mmio_bus_init(&t.vm.bus);
	t.region = (struct mmio_region) {
		.name = "device", .base = BASE, .size = SIZE, .ops = &region_ops
	};
	assert_int_equal(mmio_bus_add(&t.vm.bus, &t.region), 0);
	mmio_bus_freeze(&t.vm.bus);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mmio_bus_destroy(&t.vm.bus);
	return 0;
}

static int nisv(u64 addr, u64 iss)
{
	t.run.exit_reason = KVM_EXIT_ARM_NISV;
	t.run.arm_nisv.fault_ipa = addr;
	t.run.arm_nisv.esr_iss = iss;
	return arm_vm_ops.handle_exit(&t.vcpu);
}

/* The same for the instructions of 64 bytes, which have an exit of their own.
 */
static void loads_and_stores_of_64_bytes(void **state)
{
	(void)state;
	t.run.exit_reason = 42; /* KVM_EXIT_ARM_LDST64B */
	t.run.arm_nisv.fault_ipa = BASE + 64;
	t.run.arm_nisv.esr_iss = WNR;
	assert_int_equal(arm_vm_ops.handle_exit(&t.vcpu), 0);
	assert_int_equal(t.asked, 1);
	assert_int_equal(t.aborts, 1);
	t.repeat = true;
	assert_int_equal(arm_vm_ops.handle_exit(&t.vcpu), 0);
	assert_int_equal(t.aborts, 1);
	t.run.exit_reason = 4711;
	assert_int_equal(arm_vm_ops.handle_exit(&t.vcpu), -ENOTSUP);
}

static void the_device_decides(void **state)
{
	(void)state;
	t.repeat = true;
	assert_int_equal(nisv(BASE + 8, 0), 0);
	assert_int_equal(t.asked, 1);
	assert_int_equal(t.offset, 8);
	assert_false(t.write);
	assert_int_equal(t.aborts + t.accesses, 0);
	t.repeat = false;
	assert_int_equal(t.refusals, 0);
	assert_int_equal(nisv(BASE + 8, WNR), 0);
	assert_true(t.write);
	assert_int_equal(t.aborts, 1);
	assert_int_equal(t.refusals, 1);
	assert_int_equal(atomic_load(&t.vcpu.stats.no_syndrome), 2);
}

/* What the interpreter has is done, at a device's address. */
static void carried_out(void **state)
{
	(void)state;
	t.access = 0;
	assert_int_equal(nisv(BASE + 8, WNR), 0);
	assert_int_equal(t.asked, 1);
	assert_int_equal(t.accesses, 1);
	assert_int_equal(t.aborts, 0);
	assert_int_equal(nisv(BASE + SIZE, 0), 0);
	assert_int_equal(t.accesses, 1);
	assert_int_equal(t.aborts, 1);
	t.access = -EIO;
	assert_int_equal(nisv(BASE + 8, WNR), -EIO);
	assert_int_equal(t.aborts, 1);
}

static void nobody_there(void **state)
{
	(void)state;
	assert_int_equal(nisv(BASE + SIZE, 0), 0);
	assert_int_equal(t.asked, 0);
	assert_int_equal(t.aborts, 1);
	t.error = -EIO;
	assert_int_equal(nisv(BASE + SIZE, 0), -EIO);
}

/* DC IVAC and DC CIVAC of a mapped flash, or of nothing at all. */
static void cache_maintenance_is_skipped(void **state)
{
	static const u64 addrs[] = { BASE, BASE + SIZE - 4, BASE + SIZE };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++)
		assert_int_equal(nisv(addrs[i], CM | WNR), 0);
	assert_int_equal(t.skipped, ARRAY_SIZE(addrs));
	assert_int_equal(t.aborts, 0);
	assert_int_equal(t.asked, 0);
	t.error = -EIO;
	assert_int_equal(nisv(BASE, CM | WNR), -EIO);
}

static void unknown_exits(void **state)
{
	(void)state;
	t.run.exit_reason = KVM_EXIT_HYPERCALL;
	assert_int_equal(arm_vm_ops.handle_exit(&t.vcpu), -ENOTSUP);
}

static void executes(void **state)
{
	(void)state;
	assert_true(arm_vm_ops.executes(&t.vcpu, BASE, SIZE));
	assert_true(arm_vm_ops.executes(&t.vcpu, BASE + 4, 1));
	assert_false(arm_vm_ops.executes(&t.vcpu, BASE, 4));
	t.error = -EIO;
	assert_false(arm_vm_ops.executes(&t.vcpu, BASE, SIZE));
}

/* Only where memory was not there, files may be the reason. */
static void failed_runs(void **state)
{
	(void)state;
	t.vm.arch = &t.machine;
	t.vcpu.vm = &t.vm;
	arm_vm_ops.run_failed(&t.vcpu, ENOSYS);
	assert_int_equal(t.explained, 0);
	arm_vm_ops.run_failed(&t.vcpu, EFAULT);
	assert_int_equal(t.explained, 1);
}

/* A debugger is told of its own exits, and of the ends of others. */
static void debugging(void **state)
{
	(void)state;
	t.run.exit_reason = KVM_EXIT_DEBUG;
	assert_int_equal(arm_vm_ops.handle_exit(&t.vcpu), 0);
	assert_int_equal(t.debug_exits, 1);
	assert_int_equal(t.dones, 0);
	t.error = -ENOTSUP;
	assert_int_equal(arm_vm_ops.handle_exit(&t.vcpu), -ENOTSUP);
	t.error = 0;
	assert_int_equal(nisv(BASE + 8, 0), 0);
	assert_int_equal(t.dones, 1);
	assert_int_equal(arm_vm_ops.mmio_done(&t.vcpu), 0);
	assert_int_equal(t.dones, 2);
	atomic_store(&t.machine.batch_allowed, true);
	assert_int_equal(arm_vm_ops.mmio_done(&t.vcpu), 0);
	assert_int_equal(t.dones, 2);
}

#define OPS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPS_TEST(the_device_decides),
		OPS_TEST(carried_out),
		OPS_TEST(loads_and_stores_of_64_bytes),
		OPS_TEST(nobody_there),
		OPS_TEST(cache_maintenance_is_skipped),
		OPS_TEST(unknown_exits),
		OPS_TEST(executes),
		OPS_TEST(failed_runs),
		OPS_TEST(debugging),
	};

	return cmocka_run_group_tests_name("vm_ops", tests, NULL, NULL);
}
