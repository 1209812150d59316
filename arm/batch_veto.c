/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All reasons against interpreting a vCPU's instructions, in one table. A
 * feature that an interpreted instruction would bypass needs a fact and a row
 * here. What only single instructions depend on, such as pointer
 * authentication, is no reason: the interpreter stops before those.
 *
 * Pure functions of struct batch_facts, without KVM: unit tests cover each row.
 * Facts that cost an ioctl are read one group at a time, and rows that need a
 * later group are skipped until then.
 */
#include "batch_veto.h"

/* Arm ARM, C5.2.18 and D1.4: SPSR_ELx, exceptions from AArch64. */
#define PSTATE_MODE  0x1fU
#define PSTATE_EL1H  0x05U
#define PSTATE_D     BIT(9)
#define PSTATE_BTYPE (3U << 10)
#define PSTATE_IL    BIT(20)
#define PSTATE_SS    BIT(21)

/* Arm ARM, D23.3, MDSCR_EL1: software step, breakpoints and watchpoints. */
#define MDSCR_SS  BIT(0)
#define MDSCR_MDE BIT(15)

#define SCTLR_M BIT(0)

static bool off(const struct batch_facts *facts)
{
	return facts->off;
}

static bool aarch32(const struct batch_facts *facts)
{
	return facts->aarch32;
}

/* A nested guest's EL1 may be behind a stage 2 of the guest's own. */
static bool el2(const struct batch_facts *facts)
{
	return facts->el2;
}

/* Loads and stores would have to check tags. */
static bool mte(const struct batch_facts *facts)
{
	return facts->mte;
}

/* The PMU counts instructions, cycles and accesses, and would miss these. */
static bool pmu(const struct batch_facts *facts)
{
	return facts->pmu;
}

static bool debugger(const struct batch_facts *facts)
{
	return facts->debugger;
}

/* KVM logs the guest's writes, not those of this process. */
static bool dirty_log(const struct batch_facts *facts)
{
	return facts->dirty_log;
}

/*
 * EL0 has rights of its own, SP_EL0 is not read, and a step, an illegal state
 * or BTYPE make an exception of the next instruction.
 */
static bool pstate(const struct batch_facts *facts)
{
	u64 mode = PSTATE_MODE | PSTATE_BTYPE | PSTATE_IL | PSTATE_SS;

	return (facts->pstate & mode) != PSTATE_EL1H;
}

/* Software step, breakpoints and watchpoints of the guest itself. */
static bool breakpoint(const struct batch_facts *facts)
{
	return batch_needs_mdscr(facts->pstate) &&
	       facts->mdscr & (MDSCR_SS | MDSCR_MDE);
}

/* TCR2_EL1: permission indirection and overlays, 128-bit descriptors. */
static bool translation(const struct batch_facts *facts)
{
	return facts->tcr2;
}

/* With the MMU off all data is Device memory, not cached. */
static bool mmu_off(const struct batch_facts *facts)
{
	return !(facts->sctlr & SCTLR_M);
}

static const struct {
	const char *key;
	const char *text;
	enum batch_known needs;
	bool (*applies)(const struct batch_facts *facts);
} rows[BATCH_VETOES] = {
	[BATCH_ALLOWED] = { "none", "nothing", 0, NULL },
	[BATCH_OFF] = { "no_batch", "--no-batch", BATCH_KNOWS_VM, off },
	[BATCH_AARCH32] = { "aarch32", "a 32-bit guest", BATCH_KNOWS_VM,
			    aarch32 },
	[BATCH_EL2] = { "el2", "a guest with EL2", BATCH_KNOWS_VM, el2 },
	[BATCH_MTE] = { "mte", "memory tagging", BATCH_KNOWS_VM, mte },
	[BATCH_PMU] = { "pmu", "a performance monitor", BATCH_KNOWS_VM, pmu },
	[BATCH_DEBUGGER] = { "debugger", "a debugger", BATCH_KNOWS_VM,
			     debugger },
	[BATCH_DIRTY_LOG] = { "dirty_log", "a log of written pages",
			      BATCH_KNOWS_VM, dirty_log },
	[BATCH_PSTATE] = { "pstate", "a PSTATE other than plain EL1h",
			   BATCH_KNOWS_PSTATE, pstate },
	[BATCH_BREAKPOINT] = { "breakpoint", "a guest that debugs itself",
			       BATCH_KNOWS_DEBUG, breakpoint },
	[BATCH_TRANSLATION] = { "translation", "what TCR2_EL1 enables",
				BATCH_KNOWS_REGISTERS, translation },
	[BATCH_MMU_OFF] = { "mmu_off", "an MMU that is off",
			    BATCH_KNOWS_REGISTERS, mmu_off },
};

bool batch_needs_mdscr(u64 value)
{
	return !(value & PSTATE_D);
}

enum batch_veto batch_veto(const struct batch_facts *facts)
{
	for (enum batch_veto veto = BATCH_OFF; veto < BATCH_VETOES; veto++)
		if (rows[veto].needs <= facts->known &&
		    rows[veto].applies(facts))
			return veto;
	return BATCH_ALLOWED;
}

const char *batch_veto_key(enum batch_veto veto)
{
	return rows[veto].key;
}

const char *batch_veto_text(enum batch_veto veto)
{
	return rows[veto].text;
}
