/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio devices of a machine, in the order of the options: each gets the next
 * slot, with an address and an interrupt that stay the same as long as the
 * options do, so that boot entries of firmware stay valid. What each kind is
 * made of is in a file of its own (machine-disk.c, machine-net.c,
 * machine-share.c). Main thread, while the machine is built.
 */
#include <errno.h>

#include "lkvm/hw/gicv2m.h"
#include "lkvm/pci/pci.h"
#include "lkvm/util/log.h"
#include "lkvm/virtio/mmio.h"
#include "lkvm/virtio/pci.h"
#include "machine.h"

#define INTID_SPI 32 /* IHI 0069: ACPI counts SPIs from there */

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
		.mmio64 = machine->mmio64.base,
		.mmio64_size = machine->mmio64.size,
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
		.mmio64 = acpi_range(&machine->mmio64),
		.ports = acpi_range(&type->pci.io),
		.intid = params.intx.gsi + INTID_SPI,
	};
	return 0;
}

/* ---- Devices ------------------------------------------------------------- */

int machine_add_device(struct machine *machine, struct virtio_device *vdev,
		       u32 *slot)
{
	*slot = machine->nr_virtio;
	if (machine->pci)
		return virtio_pci_create(vdev, machine->pci, slot);
	return add_slot(machine, vdev);
}

/* Before there is a VM: an option with a typing error is reported at once. */
int machine_open_virtio(struct machine *machine)
{
	unsigned int count = vm_config_count_virtio(machine->config);
	int ret;

	if (count > MACHINE_MAX_VIRTIO) {
		pr_fatal("there are %u virtio devices, a machine has places "
			 "for %d",
			 count, MACHINE_MAX_VIRTIO);
		return -ENOSPC;
	}
	ret = machine_open_disks(machine);
	if (!ret)
		ret = machine_open_nets(machine);
	if (!ret)
		ret = machine_open_ports(machine);
	if (!ret)
		ret = machine_open_shares(machine);
	return ret;
}

/* Of what has become part of a device nothing is left to be closed. */
void machine_close_virtio(struct machine *machine)
{
	machine_close_disks(machine);
	machine_close_nets(machine);
	machine_close_shares(machine);
	machine_close_ports(machine);
}

/*
 * Only if there is a device. Kinds that come later in this list leave the slots
 * of the earlier ones as they are.
 */
int machine_add_virtio(struct machine *machine)
{
	int ret = 0;

	if (machine->config->virtio == VIRTIO_TRANSPORT_PCI)
		ret = add_pci(machine);
	if (!ret)
		ret = machine_add_disks(machine);
	if (!ret)
		ret = machine_add_nets(machine);
	if (!ret)
		ret = machine_add_rng(machine);
	if (!ret)
		ret = machine_add_console(machine);
	if (!ret)
		ret = machine_add_shares(machine);
	return ret;
}
