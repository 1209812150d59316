/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PSCI (ARM DEN 0022) and the processors of the device tree: cpus=N, if
 * given, is how many there are.
 */
#include "guest.h"

#define AFFINITY_ON  0
#define AFFINITY_OFF 1
#define PATIENCE_MS  20000

/* What each processor says of itself. */
static u64 said[MAX_CPUS];

static void say_and_off(void *arg)
{
	u64 *to = arg;

	__atomic_store_n(to, cpu_mpidr() | 1UL << 63, __ATOMIC_RELEASE);
	cpu_off();
}

static bool wait_for_affinity(u64 mpidr, long want)
{
	u64 end = time_after(PATIENCE_MS);

	while (psci(PSCI_AFFINITY_INFO, mpidr, 0, 0) != want)
		if (time_now() > end)
			return false;
	return true;
}

/* Twice, so that one which was off is known to come back. */
static void test_cpu(unsigned int nr, u64 mpidr)
{
	check_eq((u64)psci(PSCI_AFFINITY_INFO, mpidr, 0, 0), AFFINITY_OFF,
		 "cpu %u mpidr 0x%lx: is off", nr, mpidr);
	for (int i = 0; i < 2; i++) {
		said[nr] = 0;
		check_eq((u64)cpu_start(nr, mpidr, say_and_off, &said[nr]),
			 PSCI_SUCCESS, "cpu %u: CPU_ON", nr);
		check(wait_for_affinity(mpidr, AFFINITY_OFF),
		      "cpu %u: turns itself off", nr);
		check_eq(said[nr], mpidr | 1UL << 63, "cpu %u: its mpidr", nr);
	}
}

static void sleep_on(void *arg)
{
	(void)arg;
}

static void test_on_twice(u64 mpidr)
{
	check_eq((u64)cpu_start(1, mpidr, sleep_on, NULL), PSCI_SUCCESS,
		 "cpu 1 goes on");
	check(cpu_join(1, PATIENCE_MS), "cpu 1 runs");
	check_eq((u64)psci(PSCI_AFFINITY_INFO, mpidr, 0, 0), AFFINITY_ON,
		 "cpu 1 is on");
	check_eq((u64)psci(PSCI_CPU_ON, mpidr, 0, 0), (u64)PSCI_ALREADY_ON,
		 "cpu 1 is on already");
}

void main(void)
{
	long version = psci(PSCI_VERSION, 0, 0, 0);
	unsigned int count = 0;
	u64 mpidr = 0;

	check(version >= 0x10000, "PSCI %lu.%lu", (u64)version >> 16,
	      (u64)version & 0xffff);
	check_eq((u64)psci(PSCI_FEATURES, PSCI_CPU_ON, 0, 0), PSCI_SUCCESS,
		 "has CPU_ON");
	check_eq((u64)psci(PSCI_FEATURES, PSCI_SYSTEM_RESET, 0, 0),
		 PSCI_SUCCESS, "has SYSTEM_RESET");
	check_eq((u64)psci(0x8400ffff, 0, 0, 0), (u64)PSCI_NOT_SUPPORTED,
		 "an unknown function is not supported");
	while (count < MAX_CPUS && fdt_cpu(count, &mpidr)) {
		if (count)
			test_cpu(count, mpidr);
		else
			check_eq(mpidr, cpu_mpidr(), "cpu 0: its mpidr");
		count++;
	}
	check_eq(count, param("cpus", count), "processors: %u", count);
	check_eq((u64)psci(PSCI_CPU_ON, 0xffffff, 0, 0),
		 (u64)PSCI_INVALID_PARAMS, "there is no other one");
	if (fdt_cpu(1, &mpidr))
		test_on_twice(mpidr);
}
