/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to arm/: registers and states of vCPUs. */
#ifndef ARM_CPU_H
#define ARM_CPU_H

#include <linux/kvm.h>

#include "lkvm/util/util.h"

struct machine;
struct vcpu;

/*
 * cpu.c: the arm64 side of the vCPUs. None of them runs, but for the caller's
 * own. 0, or -errno after a message.
 */
int cpu_init_all(struct machine *machine);
int cpu_reset_all(struct machine *machine);
int cpu_set_boot_state(struct machine *machine);

/* api.rst, 4.68: general purpose registers are 64 bits wide in AArch64. */
#define CORE_REG(name)                                         \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 KVM_REG_ARM_CORE_REG(name))

/* KVM_GET_ONE_REG and KVM_SET_ONE_REG of 64 bits: 0 or -errno, no message. */
int cpu_get_reg(struct vcpu *vcpu, u64 id, u64 *value);
int cpu_set_reg(struct vcpu *vcpu, u64 id, u64 value);

u64 cpu_mpidr(struct vcpu *vcpu);
u64 cpu_clidr(struct vcpu *vcpu); /* CLIDR_EL1, or 0 if KVM does not tell */

/* What it takes to go on with a vCPU's instructions. */
struct cpu_regs {
	u64 x[32]; /* [31] is SP_EL1 */
	u64 pc, pstate;
	u64 sctlr, tcr, tcr2, ttbr[2], mair, mdscr; /* of EL1 */
};

/*
 * Reads them, or writes those X, PC and PSTATE of `regs` that differ from
 * `old`. 0, or -errno; if they could not be written there was a message.
 */
int cpu_get_regs(struct vcpu *vcpu, struct cpu_regs *regs);
int cpu_put_regs(struct vcpu *vcpu, const struct cpu_regs *old,
		 const struct cpu_regs *regs);
int cpu_get_pc(struct vcpu *vcpu, u64 *pc);

/* KVM_SET_MP_STATE. 0, or -errno after a message. */
int cpu_set_mp_state(struct vcpu *vcpu, u32 state);

/*
 * How a vCPU goes on after PSCI turned it off: at `entry`, all else as after a
 * reset, but for the timers, which have gone on. 0, or -errno after a message.
 */
int cpu_wake(struct machine *machine, struct vcpu *vcpu, u64 entry,
	     u64 context);

/*
 * For an exit that comes before its instruction is done: the guest goes on
 * behind it, or sees an external abort. 0, or -errno after a message.
 */
int cpu_skip_instruction(struct vcpu *vcpu);
int cpu_inject_external_abort(struct vcpu *vcpu);

/* Writes where the vCPU stands, for a message, into buf[size]. */
void cpu_describe(struct vcpu *vcpu, char *buf, size_t size);

/* Sets an X register. 0, or -errno after a message. */
int cpu_set_x(struct vcpu *vcpu, unsigned int n, u64 value);

#endif
