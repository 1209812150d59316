/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What arm64 adds to the portable core: exits that only it has, and where its
 * resets, suspension and batches are.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "batch.h"
#include "cpu.h"
#include "lkvm/util/log.h"
#include "machine.h"

/* Arm ARM, ISS encoding for an exception from a Data Abort: WnR. */
#define ESR_ISS_WNR BIT(6)

static int inject_external_abort(struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = { 0 };
	int ret;

	if (ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events) < 0)
		goto err;
	events.exception.ext_dabt_pending = 1;
	if (ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events) < 0)
		goto err;
	return 0;

err:
	ret = -errno;
	pr_err("vCPU %u: unable to inject an external abort: %s", vcpu->id,
	       strerror(-ret));
	return ret;
}

/*
 * LDP, SIMD, write-back and the like: the syndrome does not say which register
 * is meant. Either there is memory at the address by now and the instruction
 * is run again, or the guest sees what a bus error is on hardware.
 */
static int exit_nisv(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 addr = run->arm_nisv.fault_ipa;
	bool is_write = run->arm_nisv.esr_iss & ESR_ISS_WNR;
	struct mmio_region *region = mmio_bus_find(&vcpu->vm->bus, addr);

	atomic_fetch_add_explicit(&vcpu->stats.no_syndrome, 1,
				  memory_order_relaxed);
	if (region && region->ops->no_syndrome &&
	    region->ops->no_syndrome(region, addr - region->base, is_write))
		return 0;
	return inject_external_abort(vcpu);
}

static int handle_exit(struct vcpu *vcpu)
{
	if (vcpu->run->exit_reason == KVM_EXIT_ARM_NISV)
		return exit_nisv(vcpu);
	return -ENOTSUP;
}

static void describe(struct vcpu *vcpu, char *buf, size_t size)
{
	u64 pc = 0, pstate = 0, sp = 0, lr = 0;

	cpu_get_reg(vcpu, CORE_REG(regs.pc), &pc);
	cpu_get_reg(vcpu, CORE_REG(regs.pstate), &pstate);
	cpu_get_reg(vcpu, CORE_REG(sp_el1), &sp);
	cpu_get_reg(vcpu, CORE_REG(regs.regs[30]), &lr);
	snprintf(buf, size,
		 "PC 0x%" PRIx64 ", LR 0x%" PRIx64 ", SP_EL1 0x%" PRIx64
		 ", PSTATE 0x%" PRIx64,
		 pc, lr, sp, pstate);
}

/*
 * Code that is executed in place runs before there is a memory map worth the
 * name, or is mapped where it is: the virtual address is the physical one.
 */
static bool executes(struct vcpu *vcpu, u64 base, u64 size)
{
	u64 pc;

	return !cpu_get_pc(vcpu, &pc) && range_within(pc, 1, base, size);
}

static int mmio_done(struct vcpu *vcpu)
{
	const struct machine *machine = vcpu->vm->arch;

	return atomic_load(&machine->batch_allowed) ? batch_continue(vcpu) : 0;
}

const struct vm_arch_ops arm_vm_ops = {
	.handle_exit = handle_exit,
	.mmio_done = mmio_done,
	.executes = executes,
	.system_event = suspend_system_event,
	.reset = machine_reset,
	.release_vcpu = batch_release,
	.describe = describe,
};
