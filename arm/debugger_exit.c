/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes a vCPU stop for a debugger: debug exceptions, which KVM routes to
 * its own exit while KVM_SET_GUEST_DEBUG says so (api.rst, 4.87), and steps
 * that end in another exit. On the vCPU's thread.
 *
 * A BRK that is no breakpoint is the guest's own, such as that of a BUG() of
 * Linux: the guest gets the exception that the CPU would have taken.
 *
 * Only the vCPU that stops first is told of: others that have stopped by then
 * are before the instruction of their breakpoint, and stop again when they go
 * on.
 */
#include <errno.h>
#include <string.h>

#include "cpu.h"
#include "debugger.h"
#include "lkvm/gdb/aarch64.h"
#include "lkvm/gdb/server.h"
#include "lkvm/util/log.h"
#include "lkvm/vmm/hold.h"
#include "machine.h"

/* Arm ARM, D24.2, ESR_ELx.EC: debug exceptions from a lower level. */
#define ESR_EC_SHIFT  26
#define EC_BREAKPOINT 0x30
#define EC_STEP	      0x32
#define EC_WATCHPOINT 0x34
#define EC_BKPT_32    0x38
#define EC_BRK	      0x3c

/* Arm ARM, D1.4.1 and C5.2: an exception to EL1 that is taken in AArch64. */
#define PSTATE_MODE  0x1fU
#define PSTATE_EL1H  0x05U
#define PSTATE_EL1T  0x04U
#define PSTATE_32    0x10U
#define PSTATE_F     BIT(6)
#define PSTATE_I     BIT(7)
#define PSTATE_DAIF  (0xfU << 6)
#define PSTATE_SSBS  BIT(12)
#define PSTATE_PAN   BIT(22)
#define PSTATE_DIT   BIT(24)
#define PSTATE_TCO   BIT(25)
#define PSTATE_NZCV  (0xfU << 28)
#define SCTLR_SPAN   BIT(23)
#define SCTLR_DSSBS  BIT(44)
#define VECTOR_SIZE  0x80U
#define VECTORS_SIZE 0x800U

static struct debugger *debugger_of(const struct vcpu *vcpu)
{
	const struct machine *machine = vcpu->vm->arch;

	return machine->debugger;
}

/* The event loop has the others stop, once it sees that this one is held. */
static void stop_for(struct vcpu *vcpu, enum gdb_reason reason,
		     enum gdb_break type, u64 addr)
{
	struct debugger *debugger = debugger_of(vcpu);
	unsigned int nobody = 0;

	debugger->vcpus[vcpu->id].stop = (struct gdb_stop) {
		.thread = vcpu->id,
		.reason = reason,
		.type = type,
		.addr = addr,
	};
	atomic_compare_exchange_strong(&debugger->first, &nobody, vcpu->id + 1);
	vcpu_hold(vcpu);
}

/* ---- The guest's own exceptions ------------------------------------------ */

static u64 vector_of(u64 pstate)
{
	switch (pstate & PSTATE_MODE) {
	case PSTATE_EL1T:
		return 0;
	case PSTATE_EL1H:
		return 0x200;
	default:
		return pstate & PSTATE_32 ? 0x600 : 0x400;
	}
}

static u64 pstate_behind(const struct machine *machine, u64 old, u64 sctlr)
{
	u64 pstate = PSTATE_EL1H | PSTATE_DAIF |
		     (old & (PSTATE_NZCV | PSTATE_DIT | PSTATE_PAN));

	if (!(sctlr & SCTLR_SPAN))
		pstate |= PSTATE_PAN;
	if (sctlr & SCTLR_DSSBS)
		pstate |= PSTATE_SSBS;
	if (machine->features.mte)
		pstate |= PSTATE_TCO;
	return pstate;
}

/* As the CPU does it: Arm ARM, D1.3, "Exception entry". */
static int inject(struct vcpu *vcpu, u64 esr)
{
	u64 pc = 0, pstate = 0, sctlr = 0, vbar = 0;
	int ret = cpu_read(vcpu, CPU_PC, &pc);

	if (!ret)
		ret = cpu_read(vcpu, CPU_PSTATE, &pstate);
	if (!ret)
		ret = cpu_read(vcpu, CPU_SCTLR, &sctlr);
	if (!ret)
		ret = debugger_get_u64(vcpu, GDB_VBAR_EL1, &vbar);
	if (!ret)
		ret = debugger_set_u64(vcpu, GDB_ESR_EL1, esr);
	if (!ret)
		ret = debugger_set_u64(vcpu, GDB_ELR_EL1, pc);
	if (!ret)
		ret = debugger_set_u64(vcpu, GDB_SPSR_EL1, pstate);
	if (!ret)
		ret = cpu_write(vcpu, CPU_PSTATE,
				pstate_behind(vcpu->vm->arch, pstate, sctlr));
	if (!ret)
		ret = cpu_write(vcpu, CPU_PC, vbar + vector_of(pstate));
	if (ret)
		pr_err("vCPU %u: unable to pass an exception to the guest: %s",
		       vcpu->id, strerror(-ret));
	return ret;
}

/* ---- Exits --------------------------------------------------------------- */

/* By where the instruction is: other processes have it elsewhere. */
static bool is_ours(struct vcpu *vcpu)
{
	struct debugger *debugger = debugger_of(vcpu);
	u64 pc, pa;

	return !cpu_get_pc(vcpu, &pc) &&
	       !debugger_translate(debugger, vcpu, pc, &pa) &&
	       debugger_break_is_at(&debugger->breaks, pa);
}

static void watchpoint(struct vcpu *vcpu, u64 addr)
{
	struct debugger *debugger = debugger_of(vcpu);
	const struct debugger_break *b =
		debugger_break_find_watch(&debugger->breaks, addr);

	/* The debugger looks for the address in what it watches. */
	if (b)
		stop_for(vcpu, GDB_REASON_WATCH, b->type, MAX(addr, b->addr));
	else
		stop_for(vcpu, GDB_REASON_STEP, 0, 0);
}

/*
 * On the vCPU's thread. What the debugger has not asked for is the guest's own
 * exception and goes back to it.
 */
int debugger_exit(struct vcpu *vcpu)
{
	const struct debugger *debugger = debugger_of(vcpu);
	u64 far;
	u32 esr = debugger_syndrome(vcpu, &far);

	if (!debugger)
		return -ENOTSUP;
	switch (esr >> ESR_EC_SHIFT) {
	case EC_STEP:
		/* A step of which the debugger has been told already. */
		if (debugger->vcpus[vcpu->id].stepping)
			stop_for(vcpu, GDB_REASON_STEP, 0, 0);
		return 0;
	case EC_BREAKPOINT:
		stop_for(vcpu, GDB_REASON_BREAK, GDB_BREAK_HARDWARE, 0);
		return 0;
	case EC_WATCHPOINT:
		watchpoint(vcpu, far);
		return 0;
	case EC_BRK:
		if (!is_ours(vcpu))
			return inject(vcpu, esr);
		stop_for(vcpu, GDB_REASON_BREAK, GDB_BREAK_SOFTWARE, 0);
		return 0;
	case EC_BKPT_32:
		return inject(vcpu, esr);
	default:
		return -ENOTSUP;
	}
}

/*
 * KVM completes the exit at the next KVM_RUN, and would then step one more
 * instruction. One that returns at once only completes it.
 */
void debugger_exit_done(struct vcpu *vcpu)
{
	struct debugger *debugger = debugger_of(vcpu);
	u64 pc;

	if (!debugger || !debugger->vcpus[vcpu->id].stepping)
		return;
	debugger_complete(vcpu);
	if (!cpu_get_pc(vcpu, &pc) && pc != debugger->vcpus[vcpu->id].from)
		stop_for(vcpu, GDB_REASON_STEP, 0, 0);
}

/* ---- Interrupts and steps ------------------------------------------------ */

/*
 * Interrupts that were masked for a step. If the instruction has taken an
 * exception, what it saved has them masked, too.
 */
static void unmask(struct vcpu *vcpu, u64 from, u64 bits)
{
	u64 pc, vbar, elr, value;
	unsigned int reg = GDB_CPSR;

	if (cpu_get_pc(vcpu, &pc) ||
	    debugger_get_u64(vcpu, GDB_VBAR_EL1, &vbar) ||
	    debugger_get_u64(vcpu, GDB_ELR_EL1, &elr))
		return;
	if (pc - vbar < VECTORS_SIZE && !((pc - vbar) % VECTOR_SIZE) &&
	    elr == from)
		reg = GDB_SPSR_EL1;
	if (reg == GDB_CPSR ? cpu_read(vcpu, CPU_PSTATE, &value)
			    : debugger_get_u64(vcpu, reg, &value))
		return;
	value &= ~bits;
	if (reg == GDB_CPSR)
		cpu_write(vcpu, CPU_PSTATE, value);
	else
		debugger_set_u64(vcpu, reg, value);
}

void debugger_unmask(struct vcpu *vcpu)
{
	struct debugger_vcpu *state = &debugger_of(vcpu)->vcpus[vcpu->id];

	if (state->masked)
		unmask(vcpu, state->from, state->masked);
	state->masked = 0;
}

void debugger_held(struct vcpu *vcpu)
{
	struct debugger *debugger = debugger_of(vcpu);

	if (!debugger)
		return;
	debugger_unmask(vcpu);
	gdb_server_wake(debugger->server);
}
