/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal to arm/: a machine as a debugger's target (lkvm/gdb/target.h), one
 * thread for each vCPU.
 *
 * While a vCPU is held (lkvm/vmm/hold.h) the event loop's thread reads and sets
 * its state, else its own thread does. Breakpoints change only while all vCPUs
 * are held.
 */
#ifndef ARM_DEBUGGER_H
#define ARM_DEBUGGER_H

#include <linux/kvm.h>
#include <stdatomic.h>

#include "lkvm/gdb/target.h"
#include "lkvm/vmm/gmem.h"

struct gdb_server;
struct machine;
struct stage1;
struct vcpu;

/* Breakpoints and watchpoints of all types. */
#define DEBUGGER_MAX_BREAKS 256

/* Arm ARM: as many as ID_AA64DFR0_EL1 can say that there are. */
#define DEBUGGER_MAX_HW 16U

struct debugger_break {
	enum gdb_break type;
	u64 addr;
	u64 len;
	/* Of a software breakpoint: */
	u64 pa;
	u32 saved; /* what was there */
};

struct debugger_breaks {
	struct debugger_break list[DEBUGGER_MAX_BREAKS];
	unsigned int count;
	unsigned int max_bps, max_wps; /* that the hardware has */
};

/* Debug registers, D_BCRn_EL1 and so on. */
struct debugger_hw {
	u64 bcr[DEBUGGER_MAX_HW], bvr[DEBUGGER_MAX_HW];
	u64 wcr[DEBUGGER_MAX_HW], wvr[DEBUGGER_MAX_HW];
};

struct debugger_vcpu {
	bool stepping;
	u64 from;	      /* where the step begins */
	u64 masked;	      /* bits of PSTATE that were set for it */
	struct gdb_stop stop; /* why it has stopped, if it is `first` */
};

struct debugger {
	struct gdb_target target;
	struct machine *machine;
	struct gdb_server *server;
	bool attached;
	bool wait;	   /* nothing has run yet, nor may it */
	bool asked;	   /* all vCPUs are to stop */
	atomic_uint first; /* one more than the vCPU that has stopped first */
	struct gmem readable; /* RAM, and what else a vCPU executes from */
	struct debugger_breaks breaks;
	struct debugger_vcpu *vcpus;
};

/* ---- debugger_break.c: no KVM -------------------------------------------- */

/*
 * A breakpoint of `pa`, if it is one in software, or else of `addr` and `len`.
 * 0, also if it is there already; -ENOTSUP, -ENOSPC, -EFAULT as struct
 * gdb_target_ops has them, -EINVAL for what there cannot be, -EEXIST if there
 * is one at `pa` by another address.
 */
int debugger_break_add(struct debugger_breaks *breaks, const struct gmem *ram,
		       const struct debugger_break *new);
void debugger_break_remove(struct debugger_breaks *breaks,
			   const struct gmem *ram, enum gdb_break type,
			   u64 addr, u64 len);
void debugger_break_remove_all(struct debugger_breaks *breaks,
			       const struct gmem *ram);

/* RAM has another content: software breakpoints are written to it again. */
void debugger_break_replant(struct debugger_breaks *breaks,
			    const struct gmem *ram);

/* Whether there is a software breakpoint at `pa`. */
bool debugger_break_is_at(const struct debugger_breaks *breaks, u64 pa);
bool debugger_break_has(const struct debugger_breaks *breaks, bool hardware);

/* The watchpoint that an access at `addr` has hit, or NULL. */
const struct debugger_break *
debugger_break_find_watch(const struct debugger_breaks *breaks, u64 addr);

/* What was read from `pa` without what breakpoints have written there. */
void debugger_break_hide(const struct debugger_breaks *breaks,
			 const struct gmem *ram, u64 pa, u8 *buf, size_t len);

/* Writes to RAM, beneath software breakpoints. -EFAULT: it is none. */
int debugger_break_write(struct debugger_breaks *breaks, const struct gmem *ram,
			 u64 pa, const u8 *buf, size_t len);

/* The registers for all that are in hardware; the rest is off. */
void debugger_break_fill(const struct debugger_breaks *breaks,
			 struct debugger_hw *hw);

/* ---- debugger_memory.c --------------------------------------------------- */

/*
 * Where the vCPU finds `va`, with the MMU on or off: 0 with *pa, or -EFAULT.
 * It is held, or this is its own thread.
 */
int debugger_translate(struct debugger *debugger, struct vcpu *vcpu, u64 va,
		       u64 *pa);
ssize_t debugger_read(struct debugger *debugger, struct vcpu *vcpu, u64 va,
		      u8 *buf, size_t len);
int debugger_write(struct debugger *debugger, struct vcpu *vcpu, u64 va,
		   const u8 *buf, size_t len);

/* ---- debugger_regs.c ----------------------------------------------------- */

/* By the numbers of lkvm/gdb/aarch64.h. 0, -ENOENT or another -errno. */
int debugger_get(struct vcpu *vcpu, unsigned int reg, u8 *value);
int debugger_set(struct vcpu *vcpu, unsigned int reg, const u8 *value);

/* Those of 64 bits. */
int debugger_get_u64(struct vcpu *vcpu, unsigned int reg, u64 *value);
int debugger_set_u64(struct vcpu *vcpu, unsigned int reg, u64 value);

/* ---- debugger_kvm.c ------------------------------------------------------ */

/*
 * Has KVM pass on the exceptions of these breakpoints, or that of a step; the
 * vCPU is held. 0 or -errno.
 */
int debugger_apply(struct vcpu *vcpu, const struct debugger_breaks *breaks,
		   bool step);

/* Completes the exit that was handled, on the vCPU's thread. */
void debugger_complete(struct vcpu *vcpu);

/* ESR_EL2 of a KVM_EXIT_DEBUG, and FAR_EL2, which is of watchpoints. */
u32 debugger_syndrome(const struct vcpu *vcpu, u64 *far);

/* Whether PSCI has it switched off; it is held. */
bool debugger_is_off(struct vcpu *vcpu);

/* ---- debugger_exit.c: on the vCPU's thread --------------------------------
 */

/* KVM_EXIT_DEBUG. 0, or -errno after a message. */
int debugger_exit(struct vcpu *vcpu);

/* Another exit has been handled: a step may be done. */
void debugger_exit_done(struct vcpu *vcpu);

/* Allows interrupts again that are masked for a step; the vCPU is held. */
void debugger_unmask(struct vcpu *vcpu);

/* vm_arch_ops.held. */
void debugger_held(struct vcpu *vcpu);

/* ---- debugger.c -----------------------------------------------------------
 */

/*
 * With --gdb: makes the socket, before there is a VM; serves it, once the
 * machine is built. 0, or -errno after a message.
 */
int debugger_open(struct machine *machine);
int debugger_start(struct machine *machine);
void debugger_close(struct machine *machine);

/* The machine has been reset, all is loaded again. */
void debugger_reset(struct machine *machine);

#endif
