/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interrupt controller that the device tree describes, GICv2 (ARM IHI 0048)
 * or GICv3 (ARM IHI 0069).
 */
#ifndef GUEST_GIC_H
#define GUEST_GIC_H

#include "guest.h"

#define GICD_CTLR	0x000
#define GICD_IGROUPR	0x080
#define GICD_ISENABLER	0x100
#define GICD_ISPENDR	0x200
#define GICD_ISACTIVER	0x300
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR	0x800 /* GICv2 */
#define GICD_ICFGR	0xc00
#define GICD_IROUTER	0x6000 /* GICv3 */

#define GICC_CTLR 0x00
#define GICC_PMR  0x04
#define GICC_BPR  0x08
#define GICC_IAR  0x0c
#define GICC_EOIR 0x10
#define GICC_APR  0xd0

#define GICR_CTLR      0x00
#define GICR_PROPBASER 0x70
#define GICR_PENDBASER 0x78
#define GICR_SGI_BASE  0x10000

#define GITS_CTLR   0x000
#define GITS_CBASER 0x080
#define GITS_BASER  0x100

#define INTID_VIRT_TIMER 27
#define INTID_PHYS_TIMER 30
#define INTID_NONE	 1023

struct gic {
	bool v3;
	u64 dist;
	u64 own; /* where SGIs and PPIs of the boot processor are */
	u64 cpu; /* GICv2 */
	u64 its; /* 0: none */
};

/* False, with a failed check, if there is none. */
bool gic_find(struct gic *gic);

/* Where the register of interrupt `id` is in its kind, of `bits` for each. */
u64 gic_reg(const struct gic *gic, u32 kind, u32 bits, u32 id);

/* Lets enabled interrupts of all priorities through to this processor. */
void gic_enable(const struct gic *gic);

/* Enables one interrupt, of group 1 on a GICv3. */
void gic_enable_irq(const struct gic *gic, u32 id);

/*
 * Acknowledges the interrupt of the highest priority; INTID_NONE if there is
 * none within `ms`. Interrupts are masked.
 */
u32 gic_acknowledge(const struct gic *gic, u64 ms);

/* Ends what gic_acknowledge() returned. */
void gic_end(const struct gic *gic, u32 id);

/* Parts of the state, and their names. */
#define GIC_PARTS 13
extern const char *const gic_parts[GIC_PARTS];

/* Values that depend on all that guests can see of the state. */
void gic_digest(const struct gic *gic, u32 digest[GIC_PARTS]);

#endif
