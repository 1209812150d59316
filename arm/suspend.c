/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PSCI SYSTEM_SUSPEND (Arm DEN0022, 5.20). KVM exits with the call instead of
 * handling it; once user space has set the vCPU's state to suspended, KVM
 * blocks it until an interrupt and exits again to have it woken (Linux
 * Documentation/virt/kvm/api.rst, KVM_CAP_ARM_SYSTEM_SUSPEND).
 *
 * On the thread of the calling vCPU. Other states of the machine are not saved:
 * RAM and devices stay as they are, which PSCI permits.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cpu.h"
#include "lkvm/util/log.h"
#include "lkvm/vmm/pause.h"
#include "machine.h"

/* Turned off by CPU_OFF, or never started. */
static bool is_off(struct vcpu *vcpu)
{
	struct kvm_mp_state args = { 0 };

	return !ioctl(vcpu->fd, KVM_GET_MP_STATE, &args) &&
	       args.mp_state == KVM_MP_STATE_STOPPED;
}

/*
 * SYSTEM_SUSPEND requires it (DEN0022). vm_pause(): KVM reports the state of a
 * vCPU only while that vCPU is not in KVM_RUN.
 */
static bool others_are_off(struct vcpu *caller)
{
	struct vm *vm = caller->vm;
	bool off = true;

	vm_pause(vm);
	for (unsigned int i = 0; i < vm->nr_vcpus && off; i++)
		off = vm->vcpus[i] == caller || is_off(vm->vcpus[i]);
	vm_resume(vm);
	return off;
}

/*
 * The call's arguments are still in X0 to X2: function, entry point, context.
 * The 32-bit function has 32-bit arguments.
 */
static int suspend(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->vm->arch;
	u64 x[3];
	int ret = 0;

	if (!others_are_off(vcpu))
		return cpu_set_x(vcpu, 0, (u64)PSCI_RET_DENIED);
	for (unsigned int n = 0; !ret && n < ARRAY_SIZE(x); n++)
		ret = cpu_read(vcpu, n, &x[n]);
	if (ret) {
		pr_err("vCPU %u: unable to read its registers: %s", vcpu->id,
		       strerror(-ret));
		return ret;
	}
	machine->wake.entry = x[1];
	machine->wake.context = x[2];
	if ((u32)x[0] == PSCI_1_0_FN_SYSTEM_SUSPEND) {
		machine->wake.entry = (u32)x[1];
		machine->wake.context = (u32)x[2];
	}
	return cpu_set_mp_state(vcpu, KVM_MP_STATE_SUSPENDED);
}

/* The wake-up interrupt stays pending in the GIC. */
static int wake(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->vm->arch;

	return cpu_wake(machine, vcpu, machine->wake.entry,
			machine->wake.context);
}

/*
 * vm_arch_ops.system_event: -ENOTSUP for events that are not about suspension.
 */
int suspend_system_event(struct vcpu *vcpu)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SUSPEND:
		return suspend(vcpu);
	case KVM_SYSTEM_EVENT_WAKEUP:
		return wake(vcpu);
	default:
		return -ENOTSUP;
	}
}

/*
 * Before Linux 6.0 PSCI reports the call as not supported, which PSCI permits.
 */
void suspend_enable(struct machine *machine)
{
	int ret = vm_enable_cap(&machine->vm, KVM_CAP_ARM_SYSTEM_SUSPEND, 0);

	if (ret)
		pr_debug("the guest cannot suspend itself: %s", strerror(-ret));
}
