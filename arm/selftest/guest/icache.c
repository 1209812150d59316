/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that lkvm loads must be what a vCPU fetches, even if it has fetched
 * other code from there before the reset. The stub is changed and executed, the
 * machine resets itself, and then the stub has to be as in the image again,
 * fetched with the MMU off and on. The number of resets so far is in the flash.
 * resets=N.
 */
#include "code.h"
#include "flash.h"
#include "tests.h"

#define CHANGES 4

static bool check_stub(u32 want, const char *when)
{
	return check_eq(call_mmu_off((u64)stub), want, "%s, MMU off", when) &&
	       check_eq(call_at((u64)stub), want, "%s, MMU on", when);
}

/* To the point of coherency, since it is also fetched with the caches off. */
static void change_stub(u32 value)
{
	stub[0] = MOV_W0(value);
	cache_clean(stub, sizeof(stub));
	icache_invalidate();
}

void test_icache(void)
{
	u32 resets = (u32)param("resets", 10), start;
	struct flash flash;

	/* Before anything else is fetched or invalidated. */
	if (!check_stub(1, "code as it was loaded") || !flash_find(&flash, 0))
		return;
	start = flash_count_words(&flash, 0);
	for (u32 i = 0; i < CHANGES; i++) {
		change_stub(2 + i);
		if (!check_stub(2 + i, "code that was changed"))
			return;
	}
	if (start == resets) {
		note("resets %u", resets);
		return;
	}
	flash_program(&flash, 4 * start, start);
	psci(PSCI_SYSTEM_RESET, 0, 0, 0);
}
