/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's "virt" machine, as the firmware of distributions expects it: EDK2's
 * ArmVirtQemu platform (AAVMF) and U-Boot's qemu_arm64, which are executed in
 * place from the first bank of flash. Addresses and interrupts: QEMU,
 * hw/arm/virt.c, whose documentation leaves them to the device tree, while
 * firmware has some of them built in: flash, RAM, UART.
 */
#include "lkvm/hw/fw_cfg/fw_cfg.h"
#include "lkvm/hw/pl031.h"
#include "lkvm/hw/pl061.h"
#include "lkvm/hw/serial/pl011.h"
#include "machine.h"

/* One UART only: firmware and Linux's console agree on it. */
static int add_uart(struct machine *machine, struct chardev *chr)
{
	const struct device_place *place = &machine->type->serial[0];
	const struct pl011_params params = {
		.name = "uart0",
		.base = place->base,
		.irq = machine_spi(machine, place->spi, IRQ_LEVEL_HIGH),
		.clock = FDT_PHANDLE_CLOCK,
		.chr = chr,
		.ring = &machine->vm.ring,
	};
	struct pl011 *uart;
	int ret = pl011_create(&params, &machine->vm.bus, &uart);

	if (!ret)
		device_add(&machine->vm.devices, &uart->dev);
	return ret;
}

static int add_rtc(struct machine *machine)
{
	const struct device_place *place = &machine->type->rtc;
	const struct pl031_params params = {
		.name = "rtc",
		.base = place->base,
		.irq = machine_spi(machine, place->spi, IRQ_LEVEL_HIGH),
		.clock = FDT_PHANDLE_CLOCK,
		.loop = &machine->vm.loop,
	};
	struct pl031 *rtc;
	int ret = pl031_create(&params, &machine->vm.bus, &rtc);

	if (!ret)
		device_add(&machine->vm.devices, &rtc->dev);
	return ret;
}

/*
 * The power button is a line of it (gpio-keys), for a guest's clean shutdown.
 */
static int add_gpio(struct machine *machine)
{
	const struct device_place *place = &machine->type->gpio;
	const struct pl061_params params = {
		.name = "gpio",
		.base = place->base,
		.irq = machine_spi(machine, place->spi, IRQ_LEVEL_HIGH),
		.clock = FDT_PHANDLE_CLOCK,
		.phandle = FDT_PHANDLE_GPIO,
		.loop = &machine->vm.loop,
	};
	int ret = pl061_create(&params, &machine->vm.bus, &machine->gpio);

	if (!ret)
		device_add(&machine->vm.devices, &machine->gpio->dev);
	return ret;
}

static int add_fw_cfg(struct machine *machine)
{
	const struct fw_cfg_params params = {
		.name = "fw_cfg",
		.base = machine->type->fw_cfg,
		.ram = &machine->vm.mem,
	};
	int ret = fw_cfg_create(&params, &machine->vm.bus, &machine->fw_cfg);

	if (!ret)
		device_add(&machine->vm.devices, &machine->fw_cfg->dev);
	return ret;
}

static int build(struct machine *machine, struct chardev *serial[])
{
	int ret = add_uart(machine, serial[0]);

	if (!ret)
		ret = add_rtc(machine);
	if (!ret)
		ret = add_gpio(machine);
	return ret ? ret : add_fw_cfg(machine);
}

/*
 * The memory map. Reserved for what QEMU has there: a second UART at 0x09040000
 * with SPI 8; ACPI's generic event device at 0x09080000 with SPI 9. PCIe is
 * where QEMU has it with "highmem=off". From 0x09700000 on there are devices
 * that it has not, far from its own ones.
 */
const struct machine_type machine_virt = {
	.name = "virt",
	.ram_base = 0x40000000,
	.ram_base_min = 0x40000000,
	.gicd = { 0x08000000, SZ_64K },
	.gicc = { 0x08010000, SZ_64K },
	.v2m = { 0x08020000, SZ_4K },
	.gicr = { 0x080a0000, 0x00f60000 },
	.nr_spis = 256,
	.v2m_spi = 48,
	.nr_v2m_spis = 64,
	.serial = { { 0x09000000, 1 } },
	.nr_serial = 1,
	.uart_type = ACPI_UART_PL011,
	.console = "ttyAMA0",
	.rtc = { 0x09010000, 2 },
	.gpio = { 0x09030000, 7 },
	.clock = 24000000,
	.pvtime = { 0x090a0000, SZ_64K },
	.fw_cfg = 0x09020000,
	.pvpanic = 0x09700000,
	.exit_device = 0x09710000,
	.virtio = { 0x0a000000, 16 },
	.pci = {
		.ecam = { 0x3f000000, 16 * SZ_1M },
		.mmio32 = { 0x10000000, 0x2eff0000 },
		.io = { 0x3eff0000, SZ_64K },
		.spi = 3,
	},
	.flash = {
		{ { 0x00000000, 64 * SZ_1M }, 1 },
		{ { 0x04000000, 64 * SZ_1M }, 1 },
	},
	.flash_block = 256 * SZ_1K,
	.starts_in_flash = true,
	.build = build,
};
