/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A GICv2m MSI frame: a device's message is a write of an SPI's number to
 * MSI_SETSPI_NS. Registers: Arm DEN0029, appendix "GICv2m Architecture".
 *
 * KVM has no such frame for its GICv2, so it is a device of its own that pulses
 * SPIs with KVM_IRQ_LINE, on the thread of the vCPU that writes. It has no
 * state after creation, hence neither a lock nor a reset.
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/hw/gicv2m.h"

/* DEN0029, "GICv2m Architecture", register summary. */
#define MSI_TYPER	    0x008
#define MSI_TYPER_SPI_SHIFT 16
#define MSI_IIDR	    0xfcc

/* Architecture revision at 19:16; no product or implementer is claimed. */
#define MSI_IIDR_VALUE (1 << 16)

#define FIRST_SPI_INTID 32

static struct gicv2m *from_region(struct mmio_region *region)
{
	return container_of(region, struct gicv2m, region);
}

/*
 * MSI_TYPER tells the driver which SPIs are the frame's; all else reads as
 * zero.
 */
static u64 frame_read(struct mmio_region *region, u64 offset, unsigned int len)
{
	struct gicv2m *v2m = from_region(region);

	(void)len;
	switch (offset) {
	case MSI_TYPER:
		return (v2m->first.gsi + FIRST_SPI_INTID)
			       << MSI_TYPER_SPI_SHIFT |
		       v2m->nr_spis;
	case MSI_IIDR:
		return MSI_IIDR_VALUE;
	default:
		return 0;
	}
}

/*
 * The line is edge-triggered: up and down is one message. The register takes 16
 * and 32-bit writes; numbers of other SPIs are ignored, or the guest could
 * raise the lines of other devices.
 */
static void frame_write(struct mmio_region *region, u64 offset, u64 value,
			unsigned int len)
{
	struct gicv2m *v2m = from_region(region);
	struct irq_line line = v2m->first;
	u32 spi;

	if (offset != GICV2M_SETSPI || len < 2)
		return;
	spi = (u32)value - FIRST_SPI_INTID - v2m->first.gsi;
	if (spi >= v2m->nr_spis)
		return;
	line.gsi += spi;
	irq_line_set(&line, true);
	irq_line_set(&line, false);
}

static const struct mmio_ops frame_ops = {
	.read = frame_read,
	.write = frame_write,
};

static void destroy(struct device *dev)
{
	free(container_of(dev, struct gicv2m, dev));
}

/* The node is a child of the GIC's, hence written there. */
static const struct device_ops device_ops = {
	.destroy = destroy,
};

int gicv2m_create(struct mmio_bus *bus, u64 base, u64 size,
		  const struct irq_line *first, u32 nr_spis,
		  struct gicv2m **out)
{
	struct gicv2m *v2m = calloc(1, sizeof(*v2m));
	int ret;

	if (!v2m)
		return -ENOMEM;
	v2m->dev.name = "gicv2m";
	v2m->dev.ops = &device_ops;
	v2m->first = *first;
	v2m->nr_spis = nr_spis;
	v2m->region = (struct mmio_region) {
		.name = "gicv2m",
		.base = base,
		.size = size,
		.ops = &frame_ops,
	};
	ret = mmio_bus_add(bus, &v2m->region);
	if (ret) {
		free(v2m);
		return ret;
	}
	*out = v2m;
	return 0;
}
