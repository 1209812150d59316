/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts that all machines are built of: interrupt lines, the GICv2m frame for
 * MSIs, and flash banks. The machine's table says where they are. Main thread,
 * while the machine is built.
 *
 * Banks are placed one behind the other in the table's windows, each at a
 * multiple of its size. So the address of a bank depends on those before it,
 * and firmware finds it in the device tree.
 */
#include <errno.h>
#include <inttypes.h>

#include "lkvm/hw/cfi_flash.h"
#include "lkvm/hw/gicv2m.h"
#include "lkvm/util/log.h"
#include "machine.h"

/* `number` counts from 0 (INTID 32), as KVM's GSIs do. */
struct irq_line machine_spi(struct machine *machine, u32 number,
			    enum irq_trigger trigger)
{
	return (struct irq_line) {
		.vm = &machine->vm,
		.gsi = number,
		.trigger = trigger,
	};
}

/* Only with a GICv2: a GICv3 has an ITS or no MSIs. */
int machine_add_v2m(struct machine *machine)
{
	const struct machine_type *type = machine->type;
	struct irq_line first =
		machine_spi(machine, type->v2m_spi, IRQ_EDGE_RISING);
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

/* ---- Flash --------------------------------------------------------------- */

/* Where the next bank goes. */
struct flash_place {
	const struct flash_window *window;
	unsigned int nr_banks; /* in that window so far */
	u64 at;		       /* the end of them */
};

/* A bank is aligned to its size, as a real part would be decoded. */
static bool bank_fits(const struct addr_range *window, u64 at, u64 size)
{
	return range_within(ALIGN_UP(at, size), size, window->base,
			    window->size);
}

/* The largest bank there is room for, 0 if there is none for any. */
static u64 largest_bank(const struct flash_place *place, u32 block)
{
	const struct addr_range *window = &place->window->range;
	u64 size = rounddown_pow_of_2(window->size);

	while (size >= block && !bank_fits(window, place->at, size))
		size /= 2;
	return size >= block ? size : 0;
}

/* True for the bank that the guest starts in. */
static bool has_code(const struct machine *machine, unsigned int n)
{
	return machine->boot == BOOT_FLASH && !n;
}

/*
 * KVM's ring of coalesced writes, for banks that are written to. Not without
 * KVM_CAP_ARM_NISV_TO_USER: a load pair from the unmapped array would end the
 * run.
 */
static struct mmio_ring *ring_for(struct machine *machine, unsigned int n)
{
	const struct flash_config *config = &machine->flash[n];

	if (!machine->features.nisv || config->readonly || config->xip ||
	    has_code(machine, n))
		return NULL;
	return &machine->vm.ring;
}

/*
 * True if the host's KVM does not permit page tables in a read-only slot
 * (arm/probe.c): the code bank is then a copy in RAM that the guest can write
 * to, without a chip behind it.
 */
static bool is_plain_memory(const struct machine *machine, unsigned int n)
{
	if (!has_code(machine, n) ||
	    probe_walks_in_flash(machine->config->kvm_dev, machine->kvm_type))
		return false;
	pr_info("flash %s: this host's kernel is one that allows no page "
		"tables in flash: the guest gets a copy in plain memory",
		machine->flash[n].path);
	return true;
}

/* Called by the bank when its file fails or a simulated power cut is due. */
static void end_run(void *vm, bool failed)
{
	vm_request_exit(vm, failed ? VM_EXIT_FAILURE : VM_EXIT_POWER_CUT);
}

/* The user's label, else the machine's for the first bank, else the name. */
static const char *label_for(const struct machine *machine, unsigned int n,
			     const char *name)
{
	if (machine->flash[n].label)
		return machine->flash[n].label;
	return !n && machine->type->flash_label ? machine->type->flash_label
						: name;
}

/* Continues in the next window once one has all banks that it may have. */
static int next_place(const struct machine *machine, unsigned int n,
		      struct flash_place *place)
{
	const struct flash_window *windows = machine->type->flash;

	if (place->window && place->nr_banks < place->window->max_banks)
		return 0;
	place->window = place->window ? place->window + 1 : windows;
	place->nr_banks = 0;
	if (place->window < windows + MACHINE_MAX_FLASH_WINDOWS &&
	    place->window->max_banks) {
		place->at = place->window->range.base;
		return 0;
	}
	pr_fatal("flash %s: no room: --machine %s has places for %u banks",
		 machine->flash[n].path, machine->type->name, n);
	return -ENOSPC;
}

/* The store is opened with the space that is left as its limit. */
static int add_bank(struct machine *machine, unsigned int n,
		    struct flash_place *place)
{
	static const char *const names[FLASH_MAX_BANKS + 1] = {
		"flash0", "flash1", "flash2", "flash3", "flash4",
	};
	const struct flash_config *config = &machine->flash[n];
	struct cfi_flash_params params = {
		.name = names[n],
		.label = label_for(machine, n, names[n]),
		.block = machine->type->flash_block,
		.code = has_code(machine, n),
		.plain_memory = is_plain_memory(machine, n),
		.ring = ring_for(machine, n),
		.loop = &machine->vm.loop,
		.worker = &machine->vm.worker,
		.end_run = end_run,
		.opaque = &machine->vm,
	};
	u64 room = largest_bank(place, params.block);
	struct cfi_flash *flash;
	int ret;

	if (!room) {
		pr_fatal("flash %s: no room: all banks share %" PRIu64 " bytes",
			 config->path, place->window->range.size);
		return -ENOSPC;
	}
	ret = config->in_memory
		      ? flash_store_make(&params.store, params.block, room)
		      : flash_store_open(&params.store, config, params.block,
					 room);
	if (ret)
		return ret;
	params.base = ALIGN_UP(place->at, params.store.size);
	ret = cfi_flash_create(&machine->vm.slots, &machine->vm.bus, &params,
			       &flash);
	if (ret)
		return ret;
	device_add(&machine->vm.devices, &flash->dev);
	if (!n)
		machine->first_bank = flash;
	place->at = params.base + params.store.size;
	place->nr_banks++;
	return 0;
}

int machine_add_flash(struct machine *machine)
{
	struct flash_place place = { 0 };
	int ret = 0;

	for (unsigned int n = 0; !ret && n < machine->nr_flash; n++) {
		ret = next_place(machine, n, &place);
		if (!ret)
			ret = add_bank(machine, n, &place);
	}
	return ret;
}
