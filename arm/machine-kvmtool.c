/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmtool's machine (kvm-arch.h of its arm64 port), as its users expect it:
 * EDK2's ArmVirtKvmTool platform and kvm-unit-tests.
 *
 * Four 16550 UARTs and an MC146818 RTC, as kvmtool has them, and flash in its
 * window. Firmware finds all addresses in the device tree, kvm-unit-tests has
 * the UART's built in. Main thread, while the machine is built.
 */
#include "lkvm/hw/mc146818.h"
#include "lkvm/hw/serial/uart16550.h"
#include "machine.h"

/* device_add() passes ownership to the registry. */
static int add_uart(struct machine *machine, const struct device_place *place,
		    const char *name, struct chardev *chr)
{
	const struct uart16550_params params = {
		.name = name,
		.base = place->base,
		.size = UART16550_NR_REGS,
		.irq = machine_spi(machine, place->spi, IRQ_LEVEL_HIGH),
		.clock = UART16550_CLOCK,
		.chr = chr,
		.ring = &machine->vm.ring,
	};
	struct uart16550 *uart;
	int ret = uart16550_create(&params, &machine->vm.bus, &uart);

	if (!ret)
		device_add(&machine->vm.devices, &uart->dev);
	return ret;
}

/* `serial` may have NULL for UARTs without a backend. */
static int add_uarts(struct machine *machine, struct chardev *serial[])
{
	static const char *const names[MACHINE_MAX_SERIAL] = {
		"uart0",
		"uart1",
		"uart2",
		"uart3",
	};
	int ret = 0;

	for (unsigned int i = 0; !ret && i < machine->type->nr_serial; i++)
		ret = add_uart(machine, &machine->type->serial[i], names[i],
			       serial[i]);
	return ret;
}

static int add_rtc(struct machine *machine)
{
	const struct mc146818_params params = {
		.name = "rtc",
		.base = machine->type->rtc.base,
	};
	struct mc146818 *rtc;
	int ret = mc146818_create(&params, &machine->vm.bus, &rtc);

	if (!ret)
		device_add(&machine->vm.devices, &rtc->dev);
	return ret;
}

static int build(struct machine *machine, struct chardev *serial[])
{
	int ret = add_uarts(machine, serial);

	return ret ? ret : add_rtc(machine);
}

/*
 * The memory map. Interrupts: UARTs from SPI 0, MSIs from SPI 64; 16 to 47
 * are virtio-mmio's, 48 to 51 PCI's; 52 to 63 are reserved for further devices.
 */
const struct machine_type machine_kvmtool = {
	.name = "kvmtool",
	.ram_base = 0x80000000,
	.ram_base_min = 0x80000000,
	.gicd = { 0x3fff0000, SZ_64K },
	.gicc = { 0x3ffd0000, 2 * SZ_64K },
	.v2m = { 0x3ffcf000, SZ_4K },
	.gicr = { 0x10000000, 0x2fff0000 },
	.gicr_at_end = true,
	.nr_spis = 128,
	.v2m_spi = 64,
	.nr_v2m_spis = 64,
	.serial = {
		{ 0x01000000, 0 },
		{ 0x01001000, 1 },
		{ 0x01002000, 2 },
		{ 0x01003000, 3 },
	},
	.nr_serial = 4,
	.uart_type = ACPI_UART_16550,
	.console = "ttyS0",
	.rtc = { .base = 0x01010000 },
	.pvtime = { 0x01020000, SZ_64K },
	.pvpanic = 0x01030000,
	.exit_device = 0x01040000,
	.virtio = { 0x03000000, 16 },
	.pci = {
		.ecam = { 0x40000000, SZ_1M },
		.mmio32 = { 0x50000000, 0x30000000 },
		.io = { 0x00000000, SZ_64K },
		.spi = 48,
	},
	.flash = { { { 0x02000000, SZ_16M }, FLASH_MAX_BANKS } },
	.flash_block = SZ_64K,
	/* EDK2 takes the bank of this label for its variables. */
	.flash_label = "System-firmware",
	.build = build,
};
