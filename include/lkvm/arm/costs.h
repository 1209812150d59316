/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What things cost on this host, in nanoseconds: an exit, a register, an
 * instruction that is interpreted.
 */
#ifndef LKVM_ARM_COSTS_H
#define LKVM_ARM_COSTS_H

#include "lkvm/util/util.h"

struct a64_cpu;
struct vcpu;

struct costs {
	u64 exit_ns;   /* from the guest to user space and back */
	u64 return_ns; /* KVM_RUN with immediate_exit set */
	u64 reg_ns;    /* KVM_GET_ONE_REG or KVM_SET_ONE_REG */
	u64 insn_ns;   /* of ordinary code, interpreted; never 0 */
};

/*
 * Measures all but exits, whose cost is then taken for that of `return_ns`,
 * which is less: costs_exit_came() finds out. To be called by the vCPU's
 * thread, while it is not in the guest; KVM completes an MMIO exit meanwhile.
 * Takes some twenty system calls. `scratch` is written to. 0, or -errno without
 * a message.
 */
int costs_measure(struct vcpu *vcpu, struct a64_cpu *scratch,
		  struct costs *costs);

/* Of one vCPU, zero at first: when it left user space after an exit. */
struct costs_clock {
	u64 exit_done_ns; /* 0: not to be measured */
	unsigned int exits;
	bool measured; /* one, at least */
};

/*
 * Called when an exit has been handled, and when the next has come: that of the
 * vCPU's exits which took the least time has `exit_ns` as its cost, as the
 * guest did little meanwhile. The clock is looked at for the first exits, then
 * for one in many.
 */
void costs_exit_done(struct costs_clock *clock);
void costs_exit_came(struct costs_clock *clock, struct costs *costs);

/* Whether `exit_ns` has been measured. */
bool costs_exit_known(const struct costs_clock *clock);

#endif
