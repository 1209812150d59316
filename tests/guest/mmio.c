/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses where no device is, and accesses no device expects: they read as
 * zero or as anything, but the machine goes on.
 */
#include "guest.h"
#include "io.h"

#define UNTOUCHED 0x5a5a5a5a5a5a5a5aUL

/* Without side effects that this program would feel. */
static const struct {
	const char *name;
	u64 base;
	u64 size;
} regions[] = {
	{ "start of memory", 0x00000000, 0x20 },
	{ "end of UART 1", UART_BASE(1) - 0x10, 0x30 },
	{ "end of UART 3", UART_BASE(3), 0x20 },
	{ "end of the UARTs", UART_BASE(4) - 8, 0x10 },
	{ "RTC", RTC_BASE, 0x20 },
	{ "end of RTC", RTC_BASE + 0x10000 - 8, 8 },
	{ "empty flash window", 0x02ffffc0, 0x40 },
	{ "behind the flash window", 0x03000000, 0x20 },
	{ "behind the ECAM", 0x4ffffff0, 0x20 },
	{ "below RAM", 0x7ffffff0, 0x10 },
};

static void test_hole(unsigned int width)
{
	u64 value = 0;

	for (u64 o = 0; o < 0x20; o += width)
		write_width(HOLE_BASE + o, ~0UL, width);
	for (u64 o = 0; o < 0x20; o += width)
		value |= read_width(HOLE_BASE + o, width);
	check_eq(value, 0, "hole: %u bytes", width);
}

static void check_abort(const char *what)
{
	const struct fault *fault = fault_end();

	check(fault_is_external(fault, HOLE_BASE),
	      "hole: %s aborts (%lu, esr 0x%x far 0x%lx)", what, fault->count,
	      fault->esr, fault->far);
}

static void test_aborts(void)
{
	struct pair p = { UNTOUCHED, UNTOUCHED };
	u64 addr = HOLE_BASE;

	fault_expect();
	load_pair(HOLE_BASE, &p);
	check_abort("ldp");
	check(p.lo == UNTOUCHED && p.hi == UNTOUCHED, "ldp loads nothing");
	fault_expect();
	store_pair(HOLE_BASE, 1, 2);
	check_abort("stp");
	fault_expect();
	load_post(&addr);
	check_abort("post-indexed load");
	check_eq(addr, HOLE_BASE, "the address stays");
}

/* One register, and an address that goes on, as compilers make of loops. */
static void test_write_back(void)
{
	u64 addr = UART_BASE(1) + 7;

	store_post8(&addr, 0x24);
	check_eq(addr, UART_BASE(1) + 8, "post-indexed store: address");
	check_eq(read8(UART_BASE(1) + 7), 0x24, "post-indexed store");
	addr = UART_BASE(1) + 6;
	check_eq(load_pre8(&addr), 0x24, "pre-indexed load");
	check_eq(addr, UART_BASE(1) + 7, "pre-indexed load: address");
}

/* Every width at every place; what comes is the device's business. */
static void test_sweep(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(regions); i++) {
		for (unsigned int width = 1; width <= 8; width *= 2)
			for (u64 o = 0; o < regions[i].size; o += width) {
				read_width(regions[i].base + o, width);
				write_width(regions[i].base + o, 0, width);
			}
		check(true, "sweep: %s", regions[i].name);
	}
}

/* A device's registers by instructions that carry no syndrome. */
static void test_device_aborts(void)
{
	struct pair p = { UNTOUCHED, UNTOUCHED };

	fault_expect();
	load_pair32(UART_BASE(1), &p);
	check(fault_is_external(fault_end(), UART_BASE(1)),
	      "ldp from a UART aborts");
	fault_expect();
	store_pair(UART_BASE(1), 1, 2);
	check(fault_is_external(fault_end(), UART_BASE(1)),
	      "stp to a UART aborts");
	write8(UART_BASE(1) + 7, 0x42);
	check_eq(read8(UART_BASE(1) + 7), 0x42, "the UART goes on");
}

void main(void)
{
	for (unsigned int width = 1; width <= 8; width *= 2)
		test_hole(width);
	test_aborts();
	test_device_aborts();
	test_write_back();
	test_sweep();
}
