/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second processor that does one thing again and again while the first one
 * does another. It is off in between: one that waits would take time from lkvm.
 */
#include "hostile.h"

#define SLOT	     1
#define AFFINITY_OFF 1

static void (*action)(void);
static bool stopping;
static u32 seed = 1;

static void run(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE))
		action();
	cpu_off();
}

bool rival_start(void (*what)(void))
{
	u64 mpidr;

	action = what;
	__atomic_store_n(&stopping, false, __ATOMIC_RELEASE);
	return fdt_cpu(1, &mpidr) &&
	       cpu_start(SLOT, mpidr, run, NULL) == PSCI_SUCCESS;
}

bool rival_stop(void)
{
	u64 end = time_after(PATIENCE_MS), mpidr;

	__atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
	fdt_cpu(1, &mpidr);
	while (psci(PSCI_AFFINITY_INFO, mpidr, 0, 0) != AFFINITY_OFF)
		if (time_now() > end)
			return false;
	return true;
}

/* Numerical Recipes' generator; both processors may call it. */
u32 rival_random(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}
