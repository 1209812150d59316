/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The A64 interpreter against the CPU, see arm/selftest/a64_compare.h. Prints
 * TAP. Arguments: a seed, and how many instructions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "arm/selftest/a64_compare.h"

int main(int argc, char *argv[])
{
	u64 seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (u64)time(NULL);
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : 200000;
	unsigned long done = 0;
	const char *missing;
	bool failed, refused;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# seed %llu, %lu instructions\n", (unsigned long long)seed,
	       count);
	if (a64_compare_start(seed, stdout)) {
		printf("Bail out! no memory for code\n");
		return 1;
	}
	while (done < count)
		done = a64_compare_some();
	a64_compare_list();
	missing = a64_compare_missing();
	failed = a64_compare_mismatches();
	refused = a64_compare_refuses(20000);
	printf("%sok 1 - a64: %lu instructions as the CPU does them\n",
	       failed ? "not " : "", done);
	printf("%sok 2 - a64: some of each class\n", missing ? "not " : "");
	printf("%sok 3 - a64: stops at what it does not know\n",
	       refused ? "" : "not ");
	printf("1..3\n");
	a64_compare_end();
	return failed || missing || !refused;
}
