/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's part of debugging: what debug exceptions come to user space
 * (KVM_SET_GUEST_DEBUG, api.rst, 4.87), and what they tell. The structs differ
 * from one architecture to the other, hence a file of their own.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "debugger.h"
#include "lkvm/vmm/vm.h"

int debugger_apply(struct vcpu *vcpu, const struct debugger_breaks *breaks,
		   bool step)
{
	struct kvm_guest_debug args = { 0 };
	struct debugger_hw hw;

	if (debugger_break_has(breaks, false))
		args.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
	if (debugger_break_has(breaks, true))
		args.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW;
	if (step)
		args.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
	debugger_break_fill(breaks, &hw);
	memcpy(args.arch.dbg_bcr, hw.bcr, sizeof(hw.bcr));
	memcpy(args.arch.dbg_bvr, hw.bvr, sizeof(hw.bvr));
	memcpy(args.arch.dbg_wcr, hw.wcr, sizeof(hw.wcr));
	memcpy(args.arch.dbg_wvr, hw.wvr, sizeof(hw.wvr));
	return ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &args) < 0 ? -errno : 0;
}

/* A kick that came before has its reason, which is looked at all the same. */
void debugger_complete(struct vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	ioctl(vcpu->fd, KVM_RUN, 0);
	vcpu->run->immediate_exit = 0;
}

u32 debugger_syndrome(const struct vcpu *vcpu, u64 *far)
{
	*far = vcpu->run->debug.arch.far;
	return vcpu->run->debug.arch.hsr;
}

bool debugger_is_off(struct vcpu *vcpu)
{
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_RUNNABLE };

	return !ioctl(vcpu->fd, KVM_GET_MP_STATE, &state) &&
	       state.mp_state == KVM_MP_STATE_STOPPED;
}
