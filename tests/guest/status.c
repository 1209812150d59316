/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells lkvm how it is, by the devices for that, as the device tree and the bus
 * have them: act=N on the command line, and value=N for what is written.
 */
#include "guest.h"
#include "io.h"

enum act {
	ACT_EXIT = 1, /* writes to the exit device */
	ACT_MMIO,     /* pvpanic, MMIO */
	ACT_PCI,      /* pvpanic, the function */
	ACT_SHOW,     /* that they are there, or not */
};

/* PCI, chapter 6; QEMU, docs/specs/pci-ids. */
#define PVPANIC_ID	0x00111b36
#define CONFIG_ID	0x00
#define CONFIG_COMMAND	0x04
#define CONFIG_CLASS	0x08
#define CONFIG_BAR0	0x10
#define COMMAND_MEM	2
#define PVPANIC_REGS	0x08800001 /* class and revision */
#define SLOTS		32
#define SLOT_SIZE	0x8000UL
#define SPACE_MEM32	0x02000000 /* of an entry of `ranges` */
#define RANGE_SIZE	28
#define PLACE_IN_WINDOW 0x100000UL

#define PVPANIC_EVENTS 7
#define EXIT_ID	       0x74697865

static u64 reg_of(const char *compatible)
{
	const void *node = fdt_compatible(compatible, 0);

	return node ? fdt_u64(fdt_prop(node, "reg", NULL)) : 0;
}

/* The CPU's address of the window below 4 GiB. */
static u64 window_of(const void *bridge)
{
	u32 len;
	const u8 *ranges = fdt_prop(bridge, "ranges", &len);

	for (u32 at = 0; at < len; at += RANGE_SIZE)
		if (fdt_u32(ranges + at) == SPACE_MEM32)
			return fdt_u64(ranges + at + 12);
	return 0;
}

/* There is no firmware that would have given it an address. */
static u64 pci_register(void)
{
	const void *bridge = fdt_compatible("pci-host-ecam-generic", 0);
	u64 place, ecam;

	if (!bridge)
		return 0;
	place = window_of(bridge) + PLACE_IN_WINDOW;
	ecam = fdt_u64(fdt_prop(bridge, "reg", NULL));
	for (u64 slot = 0; slot < SLOTS; slot++) {
		u64 config = ecam + slot * SLOT_SIZE;

		if (read32(config + CONFIG_ID) != PVPANIC_ID)
			continue;
		check_eq(read32(config + CONFIG_CLASS), PVPANIC_REGS, "class");
		write32(config + CONFIG_BAR0, (u32)place);
		write16(config + CONFIG_COMMAND, COMMAND_MEM);
		return place;
	}
	return 0;
}

/* A crash kernel that takes over is the only event that does not end the run.
 */
static void say(u64 reg, u8 value)
{
	if (!check(reg, "there is one"))
		return;
	check_eq(read8(reg), PVPANIC_EVENTS, "events");
	write8(reg, value);
	print("went on\n");
}

static void show(void)
{
	print("exit %u mmio %u pci %u\n", reg_of("lkvm,exit-device") != 0,
	      reg_of("qemu,pvpanic-mmio") != 0, pci_register() != 0);
}

void main(void)
{
	u64 value = param("value", 1), reg;

	switch ((enum act)param("act", 0)) {
	case ACT_EXIT:
		reg = reg_of("lkvm,exit-device");
		if (!check(reg, "there is one"))
			break;
		check_eq(read32(reg), EXIT_ID, "its number");
		write32(reg + 4, 99);
		write32(reg, (u32)value);
		print("went on\n");
		break;
	case ACT_MMIO:
		say(reg_of("qemu,pvpanic-mmio"), (u8)value);
		break;
	case ACT_PCI:
		say(pci_register(), (u8)value);
		break;
	case ACT_SHOW:
		show();
		break;
	}
}
