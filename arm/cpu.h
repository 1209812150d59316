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

/* The affinity fields of MPIDR_EL1; the vCPU's number if it cannot be read. */
u64 cpu_mpidr(struct vcpu *vcpu);
u64 cpu_clidr(struct vcpu *vcpu); /* CLIDR_EL1; 0: cannot be read */

/* Registers that batches and the self-test use; X0 to X30 are 0 to 30. */
enum cpu_reg {
	CPU_SP_EL1 = 31,
	CPU_PC,
	CPU_PSTATE,
	CPU_SCTLR, /* this and all that follow: of EL1 */
	CPU_TCR,
	CPU_TCR2,
	CPU_TTBR0,
	CPU_TTBR1,
	CPU_MAIR,
	CPU_MDSCR,
	CPU_TPIDR,
	CPU_REGS, /* their number */
};

/*
 * Reads or writes one register of a vCPU that is not in the guest. Returns 0,
 * -ENOENT if the vCPU has none of that name, or another -errno; no message.
 */
int cpu_read(struct vcpu *vcpu, unsigned int reg, u64 *value);
int cpu_write(struct vcpu *vcpu, unsigned int reg, u64 value);
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

/* vm_arch_ops.fingerprint */
u64 cpu_fingerprint(struct vcpu *vcpu);

/* Writes where the vCPU stands, for a message, into buf[size]. */
void cpu_describe(struct vcpu *vcpu, char *buf, size_t size);

/* Sets an X register. 0, or -errno after a message. */
int cpu_set_x(struct vcpu *vcpu, unsigned int n, u64 value);

#endif
