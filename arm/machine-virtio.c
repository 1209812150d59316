/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the guest reaches the virtio devices of a machine: slots of virtio-mmio,
 * or functions of a PCI bridge. Main thread, while the machine is built.
 */
#include <errno.h>

#include "lkvm/hw/gicv2m.h"
#include "lkvm/pci/pci.h"
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

/* The same for KVM. A message to the frame is the SPI that it would pulse. */
static int route_msi(void *opaque, struct irq_route *route, u32 id, u64 address,
		     u32 data)
{
	struct machine *machine = opaque;
	const struct machine_type *type = machine->type;
	u32 spi = data - INTID_SPI;

	if (machine->irqchip == IRQCHIP_GICV3_ITS)
		return irq_route_msi(&machine->vm, route, id, address, data);
	if (address != type->v2m.base + GICV2M_SETSPI ||
	    spi - type->v2m_spi >= type->nr_v2m_spis)
		return -EINVAL;
	return irq_route_spi(&machine->vm, route, spi);
}

static struct acpi_range acpi_range(const struct addr_range *range)
{
	return (struct acpi_range) { range->base, range->size };
}

/* Only where there is something to plug in. */
int machine_add_pci(struct machine *machine)
{
	const struct machine_type *type = machine->type;
	bool msi = machine->irqchip == IRQCHIP_GICV3_ITS ||
		   machine->irqchip == IRQCHIP_GICV2M;
	bool irqfds = msi && irq_routes_init(&machine->vm);
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
		.route_msi = irqfds ? route_msi : NULL,
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

/*
 * What a model can serve in both forms is offered as the user wants it; no
 * driver has seen the device yet.
 */
int machine_add_device(struct machine *machine, struct virtio_device *vdev,
		       u32 *slot)
{
	if (machine->config->ring == VIRTIO_RING_SPLIT)
		vdev->offered &= ~VIRTQ_F_RING_PACKED;
	*slot = machine->nr_virtio;
	if (machine_uses_pci(machine))
		return virtio_pci_create(vdev, machine->pci, slot);
	return add_slot(machine, vdev);
}
