/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a vCPU may be in a batch at all, and if not, why. */
#ifndef ARM_BATCH_VETO_H
#define ARM_BATCH_VETO_H

#include "lkvm/util/util.h"

/* In the order in which they are looked at; the first that applies is named. */
enum batch_veto {
	BATCH_ALLOWED,
	BATCH_OFF,	   /* --no-batch */
	BATCH_AARCH32,	   /* a 32-bit guest */
	BATCH_EL2,	   /* a guest with guests of its own */
	BATCH_MTE,	   /* tags would not be checked */
	BATCH_PMU,	   /* it would miss the instructions */
	BATCH_DEBUGGER,	   /* as would a debugger of the user's */
	BATCH_DIRTY_LOG,   /* KVM does not see what is written */
	BATCH_PSTATE,	   /* not EL1 on its own stack, or a step, or BTYPE */
	BATCH_BREAKPOINT,  /* the guest debugs itself */
	BATCH_TRANSLATION, /* kinds of it that are not known here */
	BATCH_MMU_OFF,
	BATCH_VETOES
};

/* Which facts have been read, in the order of what reading them costs. */
enum batch_known {
	BATCH_KNOWS_VM,	      /* what was chosen at start, or came since */
	BATCH_KNOWS_PSTATE,   /* and its PSTATE... */
	BATCH_KNOWS_DEBUG,    /* and MDSCR_EL1, if `pstate` makes it count */
	BATCH_KNOWS_REGISTERS /* and all others */
};

struct batch_facts {
	enum batch_known known;
	bool off, aarch32, el2, mte, pmu, debugger, dirty_log;
	u64 pstate, mdscr, tcr2, sctlr;
};

/* Any thread. BATCH_ALLOWED, as far as is known. */
enum batch_veto batch_veto(const struct batch_facts *facts);

/* PSTATE.D masks the debug exceptions that MDSCR_EL1 enables. */
bool batch_needs_mdscr(u64 pstate);

/* Its key in the statistics, and its name in messages. Static strings. */
const char *batch_veto_key(enum batch_veto veto);
const char *batch_veto_text(enum batch_veto veto);

#endif
