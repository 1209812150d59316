/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio devices of a machine, in the order of the options: each gets the next
 * slot, with an address and an interrupt that stay the same as long as the
 * options do, so that boot entries of firmware stay valid. Main thread, while
 * the machine is built.
 */
#include <errno.h>
#include <stdio.h>

#include "lkvm/disk/disk.h"
#include "lkvm/hw/gicv2m.h"
#include "lkvm/pci/pci.h"
#include "lkvm/util/log.h"
#include "lkvm/virtio/blk.h"
#include "lkvm/virtio/mmio.h"
#include "lkvm/virtio/pci.h"
#include "machine.h"

#define INTID_SPI 32 /* IHI 0069: ACPI counts SPIs from there */

/* Before there is a VM: an option with a typing error is reported at once. */
int machine_open_disks(struct machine *machine)
{
	const struct disk_list *list = &machine->config->disk;
	int ret = 0;

	if (list->count > MACHINE_MAX_DISKS) {
		pr_fatal("--disk: there are %u disks, a machine has places for "
			 "%d",
			 list->count, MACHINE_MAX_DISKS);
		return -ENOSPC;
	}
	for (unsigned int i = 0; !ret && i < list->count; i++)
		ret = disk_open(&list->items[i], &machine->disks[i]);
	return ret;
}

/* Those of devices are the devices'. */
void machine_close_disks(struct machine *machine)
{
	for (unsigned int i = 0; i < MACHINE_MAX_DISKS; i++) {
		disk_close(machine->disks[i]);
		machine->disks[i] = NULL;
	}
}

/* The device is the transport's, and that the registry's. */
static int add_slot(struct machine *machine, struct virtio_device *vdev)
{
	const struct device_place *first = &machine->type->virtio;
	u32 n = machine->nr_virtio;
	const struct virtio_mmio_params params = {
		.base = first->base + (u64)n * VIRTIO_MMIO_SIZE,
		.irq = machine_spi(machine, first->spi + n, IRQ_LEVEL_HIGH),
		.vdev = vdev,
	};
	struct virtio_mmio *mmio;
	int ret = virtio_mmio_create(&params, &machine->vm.bus, &mmio);

	if (ret)
		return ret;
	device_add(&machine->vm.devices, &mmio->dev);
	machine->virtio[n] = (struct acpi_device) {
		.base = params.base,
		.size = VIRTIO_MMIO_SIZE,
		.intid = params.irq.gsi + INTID_SPI,
		.trigger = params.irq.trigger,
	};
	machine->nr_virtio++;
	return 0;
}

/* ---- PCI ----------------------------------------------------------------- */

/*
 * A function's message is a write to the controller's doorbell: an ITS is
 * KVM's, a GICv2m frame is a device of ours (hw/gicv2m.c). Other addresses
 * would be RAM's, for which there are rings.
 */
static void send_msi(void *opaque, u32 id, u64 address, u32 data)
{
	struct machine *machine = opaque;
	u64 doorbell = machine->type->v2m.base + GICV2M_SETSPI;

	if (machine->irqchip == IRQCHIP_GICV3_ITS)
		irq_send_msi(&machine->vm, id, address, data);
	else if (address == doorbell)
		mmio_bus_write(&machine->vm.bus, address, data, sizeof(data));
}

static struct acpi_range acpi_range(const struct addr_range *range)
{
	return (struct acpi_range) { range->base, range->size };
}

/* Only where there is something to plug in. */
static int add_pci(struct machine *machine)
{
	const struct machine_type *type = machine->type;
	bool msi = machine->irqchip == IRQCHIP_GICV3_ITS ||
		   machine->irqchip == IRQCHIP_GICV2M;
	const struct pci_host_params params = {
		.name = "pci",
		.ecam = type->pci.ecam.base,
		.nr_buses = (unsigned int)(type->pci.ecam.size / SZ_1M),
		.mmio32 = type->pci.mmio32.base,
		.mmio32_size = type->pci.mmio32.size,
		.io = type->pci.io.base,
		.io_size = type->pci.io.size,
		.intx = machine_spi(machine, type->pci.spi, IRQ_LEVEL_HIGH),
		.send_msi = msi ? send_msi : NULL,
		.opaque = machine,
	};
	int ret = pci_host_create(&params, &machine->vm.bus, &machine->pci);

	if (ret)
		return ret;
	device_add(&machine->vm.devices, &machine->pci->dev);
	machine->acpi_pci = (struct acpi_pcie) {
		.ecam = params.ecam,
		.nr_buses = params.nr_buses,
		.mmio32 = acpi_range(&type->pci.mmio32),
		.ports = acpi_range(&type->pci.io),
		.intid = params.intx.gsi + INTID_SPI,
	};
	return 0;
}

/* ---- Devices ------------------------------------------------------------- */

static int add_device(struct machine *machine, struct virtio_device *vdev,
		      u32 *slot)
{
	*slot = machine->nr_virtio;
	if (machine->pci)
		return virtio_pci_create(vdev, machine->pci, slot);
	return add_slot(machine, vdev);
}

/* Named by its place among the options, in messages and statistics. */
static int add_disk(struct machine *machine, unsigned int n)
{
	char name[16];
	const struct virtio_blk_params params = {
		.name = name,
		.disk = machine->disks[n],
		.serial = machine->config->disk.items[n].serial,
		.nr_queues = 1,
		.mem = &machine->vm.mem,
	};
	struct virtio_device *vdev;
	int ret;

	snprintf(name, sizeof(name), "disk%u", n);
	machine->disks[n] = NULL;
	ret = virtio_blk_create(&params, &vdev);
	return ret ? ret : add_device(machine, vdev, &machine->disk_slots[n]);
}

/* Called only if there is a disk. */
int machine_add_virtio(struct machine *machine)
{
	int ret = 0;

	if (machine->config->virtio == VIRTIO_TRANSPORT_PCI &&
	    machine->config->disk.count)
		ret = add_pci(machine);

	for (unsigned int i = 0; !ret && i < machine->config->disk.count; i++)
		ret = add_disk(machine, i);
	return ret;
}
