/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A GICv2m MSI frame (Arm Server Base System Architecture, DEN0029, appendix
 * "GICv2m Architecture"): writing an SPI's number raises that SPI.
 */
#ifndef LKVM_HW_GICV2M_H
#define LKVM_HW_GICV2M_H

#include "lkvm/vmm/device.h"
#include "lkvm/vmm/irq.h"
#include "lkvm/vmm/mmio.h"

#define GICV2M_SETSPI 0x040 /* MSI_SETSPI_NS: the doorbell */

struct gicv2m {
	struct device dev;
	struct mmio_region region;
	struct irq_line first; /* the frame's first SPI */
	u32 nr_spis;
};

/*
 * Creates the frame at [base, base + size) with `nr_spis` SPIs from `first`
 * on and adds it to `bus`; *out is to be added to the registry. Returns 0 or
 * -errno.
 */
int gicv2m_create(struct mmio_bus *bus, u64 base, u64 size,
		  const struct irq_line *first, u32 nr_spis,
		  struct gicv2m **out);

#endif
