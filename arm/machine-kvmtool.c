/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmtool's machine, as its users, EDK2's ArmVirtKvmTool platform and
 * kvm-unit-tests expect it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lkvm/cfi_flash.h"
#include "lkvm/gicv2m.h"
#include "lkvm/log.h"
#include "lkvm/mc146818.h"
#include "lkvm/uart16550.h"
#include "machine.h"

static struct irq_line spi(struct machine *machine, u32 number,
			   enum irq_trigger trigger)
{
	return (struct irq_line) {
		.vm = &machine->vm,
		.gsi = number,
		.trigger = trigger,
	};
}

static int add_uart(struct machine *machine, const struct serial_place *place,
		    const char *name, struct chardev *chr)
{
	const struct uart16550_params params = {
		.name = name,
		.base = place->base,
		.size = UART16550_NR_REGS,
		.irq = spi(machine, place->spi, IRQ_LEVEL_HIGH),
		.clock = UART16550_CLOCK,
		.chr = chr,
	};
	struct uart16550 *uart;
	int ret = uart16550_create(&params, &machine->vm.bus, &uart);

	if (!ret)
		device_add(&machine->vm.devices, &uart->dev);
	return ret;
}

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

static int add_v2m(struct machine *machine)
{
	const struct machine_type *type = machine->type;
	struct irq_line first = spi(machine, type->v2m_spi, IRQ_EDGE_RISING);
	struct gicv2m *v2m;
	int ret;

	if (machine->irqchip != IRQCHIP_GICV2M)
		return 0;
	ret = gicv2m_create(&machine->vm.bus, type->v2m.base, type->v2m.size,
			    &first, type->nr_v2m_spis, &v2m);
	if (!ret)
		device_add(&machine->vm.devices, &v2m->dev);
	return ret;
}

/* EDK2 takes the bank of this label for its variables. */
#define FIRST_LABEL "System-firmware"

/* A bank is aligned to its size, as a real part would be decoded. */
static bool bank_fits(const struct addr_range *window, u64 at, u64 size)
{
	return range_within(ALIGN_UP(at, size), size, window->base,
			    window->size);
}

/* The largest bank at `at` or above, 0 if there is no room for any. */
static u64 largest_bank(const struct machine_type *type, u64 at)
{
	u64 size = rounddown_pow_of_2(type->flash.size);

	while (size >= type->flash_block && !bank_fits(&type->flash, at, size))
		size /= 2;
	return size >= type->flash_block ? size : 0;
}

/*
 * KVM's ring, for banks that have a use for it. Not without
 * KVM_CAP_ARM_NISV_TO_USER: a load pair from the unmapped array would end the
 * run.
 */
static struct mmio_ring *ring_for(struct machine *machine,
				  const struct flash_config *config)
{
	if (!machine->features.nisv || config->readonly || config->xip)
		return NULL;
	return &machine->vm.ring;
}

/* Adds a bank at *at or above, and moves *at behind it. */
static int add_flash(struct machine *machine, unsigned int n, u64 *at)
{
	static const char *const names[FLASH_MAX_BANKS] = {
		"flash0",
		"flash1",
		"flash2",
		"flash3",
	};
	const struct flash_config *config = &machine->config->flash[n];
	const struct machine_type *type = machine->type;
	struct cfi_flash_params params = {
		.name = names[n],
		.label = config->label[0] ? config->label
			 : n		  ? names[n]
					  : FIRST_LABEL,
		.block = type->flash_block,
		.ring = ring_for(machine, config),
		.loop = &machine->vm.loop,
	};
	u64 room = largest_bank(type, *at);
	struct cfi_flash *flash;
	int ret;

	if (!room) {
		pr_fatal("flash %s: no room: all banks share %" PRIu64 " bytes",
			 config->path, type->flash.size);
		return -ENOSPC;
	}
	ret = flash_store_open(&params.store, config, params.block, room);
	if (ret)
		return ret;
	params.base = ALIGN_UP(*at, params.store.size);
	ret = cfi_flash_create(&machine->vm, &machine->vm.bus, &params, &flash);
	if (ret)
		return ret;
	device_add(&machine->vm.devices, &flash->dev);
	*at = params.base + params.store.size;
	return 0;
}

static int build(struct machine *machine, struct chardev *serial[])
{
	u64 flash_at = machine->type->flash.base;
	int ret = add_uarts(machine, serial);

	if (!ret)
		ret = add_rtc(machine);
	if (!ret)
		ret = add_v2m(machine);
	if (ret)
		pr_fatal("Unable to create the devices: %s", strerror(-ret));
	for (unsigned int i = 0; !ret && i < machine->config->nr_flash; i++)
		ret = add_flash(machine, i, &flash_at);
	return ret;
}

/* Interrupts: UARTs from SPI 0, MSIs from SPI 64; 16 to 63 are for others. */
const struct machine_type machine_kvmtool = {
	.name = "kvmtool",
	.ram_base = 0x80000000,
	.ram_base_min = 0x80000000,
	.gicd = { 0x3fff0000, SZ_64K },
	.gicc = { 0x3ffd0000, 2 * SZ_64K },
	.v2m = { 0x3ffcf000, SZ_4K },
	.gicr_end = 0x3fff0000,
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
	.rtc = { 0x01010000, MC146818_MMIO_SIZE },
	.pvtime = { 0x01020000, SZ_64K },
	.flash = { 0x02000000, SZ_16M },
	.flash_block = SZ_64K,
	.build = build,
};
