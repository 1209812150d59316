/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers of an arm64 CPU as debuggers know them. */
#ifndef LKVM_GDB_AARCH64_H
#define LKVM_GDB_AARCH64_H

#include "lkvm/gdb/target.h"

/* Their numbers in the target's description, in the order of the features. */
enum gdb_aarch64_register {
	GDB_X0,
	GDB_SP = GDB_X0 + 31, /* the one in use */
	GDB_PC,
	GDB_CPSR, /* PSTATE, as in SPSR_EL1 */
	GDB_V0,
	GDB_FPSR = GDB_V0 + 32,
	GDB_FPCR,
	/* What `info registers` and packet g have ends here. */
	GDB_SYSTEM,
	GDB_SCTLR_EL1 = GDB_SYSTEM,
	GDB_CPACR_EL1,
	GDB_TTBR0_EL1,
	GDB_TTBR1_EL1,
	GDB_TCR_EL1,
	GDB_MAIR_EL1,
	GDB_VBAR_EL1,
	GDB_ELR_EL1,
	GDB_SPSR_EL1,
	GDB_ESR_EL1,
	GDB_FAR_EL1,
	GDB_PAR_EL1,
	GDB_SP_EL0,
	GDB_SP_EL1,
	GDB_TPIDR_EL0,
	GDB_TPIDRRO_EL0,
	GDB_TPIDR_EL1,
	GDB_CONTEXTIDR_EL1,
	GDB_CNTKCTL_EL1,
	GDB_CNTV_CTL_EL0,
	GDB_CNTV_CVAL_EL0,
	GDB_MIDR_EL1,
	GDB_MPIDR_EL1,
	GDB_AARCH64_REGISTERS /* their number */
};

/* Fills in which registers the target has. */
void gdb_aarch64_describe(struct gdb_target *target);

#endif
