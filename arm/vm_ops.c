/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What arm64 adds to the portable core: exits that only it has, and where its
 * resets, suspension and batches are.
 */
#include <errno.h>

#include "batch.h"
#include "cpu.h"
#include "debugger.h"
#include "machine.h"

/* Arm ARM, ISS encoding for an exception from a Data Abort: WnR. */
#define ESR_ISS_WNR BIT(6)
/* The same: CM, a cache maintenance instruction. */
#define ESR_ISS_CM BIT(8)

/*
 * Since Linux 7.2 (api.rst): LD64B or ST64B outside of memory, with the same
 * facts as KVM_EXIT_ARM_NISV has.
 */
#ifndef KVM_EXIT_ARM_LDST64B
#define KVM_EXIT_ARM_LDST64B 42
#endif

/*
 * LDP, SIMD, write-back and the like: the syndrome does not name the register.
 * Either there is memory at the address by now and the instruction is run
 * again, or it is one that the interpreter has, or the guest sees what a bus
 * error is on hardware.
 *
 * Cache maintenance by address in a read-only slot comes here as well (DC IVAC
 * needs write permission, so KVM takes it for a write to the slot). It is
 * skipped: there is no cache to maintain, and devices ignore it.
 */
static int exit_nisv(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 addr = run->arm_nisv.fault_ipa;
	u64 iss = run->arm_nisv.esr_iss;
	bool is_write = iss & ESR_ISS_WNR;
	struct mmio_region *region = mmio_bus_find(&vcpu->vm->bus, addr);
	int ret = -ENOTSUP;

	atomic_fetch_add_explicit(&vcpu->stats.no_syndrome, 1,
				  memory_order_relaxed);
	if (iss & ESR_ISS_CM)
		return cpu_skip_instruction(vcpu);
	if (region && region->ops->no_syndrome &&
	    region->ops->no_syndrome(region, addr - region->base, is_write))
		return 0;
	if (region)
		ret = batch_access(vcpu);
	if (ret != -ENOTSUP)
		return ret;
	if (region && region->ops->refused)
		region->ops->refused(region, addr - region->base, is_write);
	return cpu_inject_external_abort(vcpu);
}

static int handle_exit(struct vcpu *vcpu)
{
	int ret;

	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_ARM_NISV:
	case KVM_EXIT_ARM_LDST64B:
		ret = exit_nisv(vcpu);
		debugger_exit_done(vcpu);
		return ret;
	case KVM_EXIT_DEBUG:
		return debugger_exit(vcpu);
	default:
		return -ENOTSUP;
	}
}

/*
 * The PC is compared with physical addresses: code that is executed in place
 * runs with the MMU off or identity mapped.
 */
static bool executes(struct vcpu *vcpu, u64 base, u64 size)
{
	u64 pc;

	return !cpu_get_pc(vcpu, &pc) && range_within(pc, 1, base, size);
}

static int mmio_done(struct vcpu *vcpu)
{
	const struct machine *machine = vcpu->vm->arch;

	if (atomic_load(&machine->batch_allowed))
		return batch_continue(vcpu);
	debugger_exit_done(vcpu);
	return 0;
}

/* api.rst, KVM_RUN: EFAULT is what a page that is not there gives. */
static void run_failed(struct vcpu *vcpu, int err)
{
	if (err == EFAULT)
		machine_explain_pmems(vcpu->vm->arch);
}

const struct vm_arch_ops arm_vm_ops = {
	.handle_exit = handle_exit,
	.mmio_done = mmio_done,
	.executes = executes,
	.system_event = suspend_system_event,
	.reset = machine_reset,
	.run_failed = run_failed,
	.held = debugger_held,
	.release_vcpu = batch_release,
	.describe = cpu_describe,
	.fingerprint = cpu_fingerprint,
};
