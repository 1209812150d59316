/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/batch_veto.c */
/* Each reason against batches by itself, and which is named of several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arm/batch_veto.h"

#define EL1H  5
#define D     (1 << 9)
#define MMU   1
#define PLAIN .known = BATCH_KNOWS_REGISTERS, .pstate = EL1H, .sctlr = MMU

static const struct {
	enum batch_veto veto;
	struct batch_facts facts;
} reasons[] = {
	{ BATCH_ALLOWED, { PLAIN } },
	{ BATCH_OFF, { PLAIN, .off = true } },
	{ BATCH_AARCH32, { PLAIN, .aarch32 = true } },
	{ BATCH_EL2, { PLAIN, .el2 = true } },
	{ BATCH_MTE, { PLAIN, .mte = true } },
	{ BATCH_PMU, { PLAIN, .pmu = true } },
	{ BATCH_DEBUGGER, { PLAIN, .debugger = true } },
	{ BATCH_DIRTY_LOG, { PLAIN, .dirty_log = true } },
	{ BATCH_BREAKPOINT, { PLAIN, .mdscr = 1 } },
	{ BATCH_BREAKPOINT, { PLAIN, .mdscr = 1 << 15 } },
	{ BATCH_ALLOWED, { PLAIN, .mdscr = 1 << 13 } }, /* KDE alone */
	{ BATCH_TRANSLATION, { PLAIN, .tcr2 = 2 } },
};

static void each_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		assert_int_equal(batch_veto(&reasons[i].facts),
				 reasons[i].veto);
}

static void states_of_the_cpu(void **state)
{
	static const u64 bad[] = {
		0,		/* EL0 */
		4,		/* EL1 with SP_EL0 */
		9,		/* EL2 */
		0x13,		/* AArch32 */
		EL1H | 1 << 10, /* BTYPE */
		EL1H | 1 << 11,
		EL1H | 1 << 20, /* illegal state */
		EL1H | 1 << 21, /* single step */
	};
	struct batch_facts facts = { PLAIN };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		facts.pstate = bad[i];
		assert_int_equal(batch_veto(&facts), BATCH_PSTATE);
	}
	/* Flags, interrupt masks and PAN do not matter. */
	facts.pstate = EL1H | 0xfULL << 28 | 0xfULL << 6 | 1 << 22;
	assert_int_equal(batch_veto(&facts), BATCH_ALLOWED);
	facts.sctlr = ~1ULL;
	assert_int_equal(batch_veto(&facts), BATCH_MMU_OFF);
}

static void masked_debug_exceptions(void **state)
{
	const struct batch_facts facts = { .known = BATCH_KNOWS_REGISTERS,
					   .pstate = EL1H | D,
					   .sctlr = MMU,
					   .mdscr = ~0ULL };

	(void)state;
	assert_int_equal(batch_veto(&facts), BATCH_ALLOWED);
	assert_false(batch_needs_mdscr(EL1H | D));
	assert_true(batch_needs_mdscr(EL1H));
}

/* What is not known yet is no reason. */
static void only_what_is_known(void **state)
{
	struct batch_facts facts = { .mdscr = 1, .tcr2 = 1 };

	(void)state;
	facts.known = BATCH_KNOWS_VM;
	assert_int_equal(batch_veto(&facts), BATCH_ALLOWED);
	facts.known = BATCH_KNOWS_PSTATE;
	assert_int_equal(batch_veto(&facts), BATCH_PSTATE);
	facts.pstate = EL1H;
	assert_int_equal(batch_veto(&facts), BATCH_ALLOWED);
	facts.known = BATCH_KNOWS_DEBUG;
	assert_int_equal(batch_veto(&facts), BATCH_BREAKPOINT);
	facts.mdscr = 0;
	facts.known = BATCH_KNOWS_REGISTERS;
	assert_int_equal(batch_veto(&facts), BATCH_TRANSLATION);
	facts.mte = true;
	assert_int_equal(batch_veto(&facts), BATCH_MTE);
}

static void names(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < BATCH_VETOES; i++) {
		assert_non_null(batch_veto_text(i));
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(batch_veto_key(i),
						batch_veto_key(j));
	}
	assert_string_equal(batch_veto_key(BATCH_PMU), "pmu");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reason),
		cmocka_unit_test(states_of_the_cpu),
		cmocka_unit_test(masked_debug_exceptions),
		cmocka_unit_test(only_what_is_known),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
