/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attacks on the devices by which a guest says how it is (pvpanic, the exit
 * device), with all that is not to end the run.
 */
#include "hostile.h"

#define PVPANIC_RANGE  0x10
#define PVPANIC_EVENTS 7
#define CRASH_LOADED   2U
#define EXIT_RANGE     0x1000
#define EXIT_ID	       0x74697865
#define EDGE	       64 /* bytes at both ends of a range, a multiple of 8 */
#define FLOOD	       2000

static u64 reg_of(const char *compatible)
{
	const void *node = fdt_compatible(compatible, 0);

	return node ? fdt_u64(fdt_prop(node, "reg", NULL)) : 0;
}

/* Every offset but the register's, and reads of that, by any width. */
static bool odd_range(u64 base, u64 size, u64 want)
{
	bool good = base;

	for (unsigned int width = 1; good && width <= 8; width *= 2) {
		u64 mask = width < 8 ? BIT(8 * width) - 1 : ~0UL;

		good &= read_width(base, width) == (want & mask);
		for (u64 at = width; at < size; at += width) {
			if (at == EDGE)
				at = size - EDGE;
			write_width(base + at, ~0UL, width);
			good &= !read_width(base + at, width);
		}
	}
	return good;
}

/* Over the end as well, where no device is; and events that there are not. */
static bool odd(void)
{
	u64 pvpanic = reg_of("qemu,pvpanic-mmio");
	u64 exit = reg_of("lkvm,exit-device");
	bool good = odd_range(pvpanic, PVPANIC_RANGE, PVPANIC_EVENTS) &&
		    odd_range(exit, EXIT_RANGE, EXIT_ID);

	write_width(pvpanic + PVPANIC_RANGE, ~0UL, 8);
	write_width(exit + EXIT_RANGE, ~0UL, 8);
	write_width(exit - 8, ~0UL, 8);
	write_width(pvpanic, ~(u64)PVPANIC_EVENTS, 8);
	write_width(pvpanic, 0, 1);
	return expect(good, "what is not the register");
}

/* A message that a guest can cause; 80-hostile.test counts them. */
static bool flood(void)
{
	u64 pvpanic = reg_of("qemu,pvpanic-mmio");

	for (u32 i = 0; pvpanic && i < FLOOD; i++)
		write_width(pvpanic, CRASH_LOADED, 1);
	return expect(pvpanic, "events without end");
}

const struct attack status_attacks[] = {
	{ "status-odd", odd },
	{ "status-flood", flood },
	{ NULL, NULL },
};
