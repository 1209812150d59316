/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest of `lkvm selftest`: the test that its command line names. */
#include "guest.h"
#include "tests.h"

static void (*const tests[])(void) = {
	[GUEST_START] = test_start,   [GUEST_FLASH] = test_flash,
	[GUEST_BATCH] = test_batch,   [GUEST_LITMUS] = test_litmus,
	[GUEST_ICACHE] = test_icache, [GUEST_RESETS] = test_resets,
	[GUEST_TIMERS] = test_timers,
};

/* RAM, device tree, MMU and console have been used when this is reached. */
void test_start(void)
{
	check(fdt_compatible("arm,armv8-timer", 0), "device tree");
}

void main(void)
{
	u64 test = param("test", GUEST_START);

	if (check(test < ARRAY_SIZE(tests), "there is a test of that number"))
		tests[test]();
}
