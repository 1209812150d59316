/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GICv2 (ARM IHI 0048) and GICv3 (ARM IHI 0069) for test programs: enough to
 * receive an interrupt, and digests of the whole state for the reset tests.
 *
 * Non-secure, group 1 on a GICv3, on the boot processor only. Interrupts are
 * acknowledged by polling, with PSTATE.I set, where a test does not install a
 * handler.
 */
#include "gic.h"
#include "io.h"

/* By encoding, for assemblers that do not have the names. */
#define ICC_PMR	    "s3_0_c4_c6_0"
#define ICC_IAR1    "s3_0_c12_c12_0"
#define ICC_EOIR1   "s3_0_c12_c12_1"
#define ICC_BPR1    "s3_0_c12_c12_3"
#define ICC_CTLR    "s3_0_c12_c12_4"
#define ICC_IGRPEN1 "s3_0_c12_c12_7"
#define ICC_AP1R0   "s3_0_c12_c9_0"

#define READ_ICC(name)                                        \
	({                                                    \
		u64 value_;                                   \
		asm volatile("mrs %0, " name : "=r"(value_)); \
		value_;                                       \
	})
#define WRITE_ICC(name, value) \
	asm volatile("msr " name ", %0\n\tisb" ::"r"((u64)(value)) : "memory")

/* `reg` has the distributor, then redistributors (v3) or CPU interface (v2). */
bool gic_find(struct gic *gic)
{
	const void *node = fdt_compatible("arm,gic-v3", 0);
	const void *its = fdt_compatible("arm,gic-v3-its", 0);
	const u8 *reg;

	gic->v3 = node;
	if (!node)
		node = fdt_compatible("arm,cortex-a15-gic", 0);
	if (!check(node, "there is a GIC"))
		return false;
	reg = fdt_prop(node, "reg", NULL);
	gic->dist = fdt_u64(reg);
	gic->cpu = fdt_u64(reg + 16);
	gic->own = gic->v3 ? gic->cpu + GICR_SGI_BASE : gic->dist;
	gic->its = its ? fdt_u64(fdt_prop(its, "reg", NULL)) : 0;
	return true;
}

/* IDs below 32 are banked: on a GICv3 they are in the redistributor. */
u64 gic_reg(const struct gic *gic, u32 kind, u32 bits, u32 id)
{
	u64 base = id < 32 ? gic->own : gic->dist;

	return base + kind + (bits < 8 ? id * bits / 32 * 4 : id * bits / 8);
}

/* Priority mask 0xf0 lets all but the lowest priority pass. */
void gic_enable(const struct gic *gic)
{
	if (gic->v3) {
		write32(gic->dist + GICD_CTLR, 2);
		WRITE_ICC(ICC_PMR, 0xf0);
		WRITE_ICC(ICC_BPR1, 5);
		WRITE_ICC(ICC_IGRPEN1, 1);
	} else {
		write32(gic->dist + GICD_CTLR, 1);
		write32(gic->cpu + GICC_PMR, 0xf0);
		write32(gic->cpu + GICC_BPR, 5);
		write32(gic->cpu + GICC_CTLR, 1);
	}
}

/*
 * GICv2 needs a target; GICv3's default route is affinity 0, the boot
 * processor.
 */
void gic_enable_irq(const struct gic *gic, u32 id)
{
	write8(gic_reg(gic, GICD_IPRIORITYR, 8, id), 0x40);
	if (!gic->v3 && id >= 32)
		write8(gic_reg(gic, GICD_ITARGETSR, 8, id), 1);
	write32(gic_reg(gic, GICD_ISENABLER, 1, id), 1U << id % 32);
}

/* Reading IAR makes the interrupt active; 1023 means none pending. */
u32 gic_acknowledge(const struct gic *gic, u64 ms)
{
	u64 end = time_after(ms);
	u32 id;

	do {
		id = gic->v3 ? (u32)READ_ICC(ICC_IAR1) & 0xffffff
			     : read32(gic->cpu + GICC_IAR) & 0x3ff;
	} while (id == INTID_NONE && time_now() < end);
	return id;
}

void gic_end(const struct gic *gic, u32 id)
{
	if (gic->v3)
		WRITE_ICC(ICC_EOIR1, id);
	else
		write32(gic->cpu + GICC_EOIR, id);
}

/* FNV-1a, a word at a time. */
static u32 mix(u32 digest, u64 value)
{
	return ((digest ^ (u32)value ^ (u32)(value >> 32)) * 16777619U);
}

/* Digest of one kind of register, for `nr` interrupts. */
static u32 mix_bank(const struct gic *gic, u32 kind, u32 bits, u32 nr)
{
	u32 digest = 2166136261U;

	for (u32 id = 0; id < nr; id += 32 / bits)
		digest = mix(digest, read32(gic_reg(gic, kind, bits, id)));
	return digest;
}

static u32 mix_routes(const struct gic *gic, u32 nr)
{
	u32 digest = 0;

	if (!gic->v3)
		return mix_bank(gic, GICD_ITARGETSR, 8, nr);
	for (u32 id = 32; id < nr; id++)
		digest = mix(digest, read64(gic->dist + GICD_IROUTER + 8 * id));
	return digest;
}

/* LPI configuration of the boot processor's redistributor. */
static u32 mix_lpis(const struct gic *gic)
{
	u64 redist = gic->own - GICR_SGI_BASE;
	u32 digest = 0;

	if (!gic->v3)
		return 0;
	digest = mix(digest, read32(redist + GICR_CTLR));
	digest = mix(digest, read64(redist + GICR_PROPBASER));
	return mix(digest, read64(redist + GICR_PENDBASER));
}

static u32 mix_its(const struct gic *gic)
{
	u32 digest = 0;

	if (!gic->its)
		return 0;
	digest = mix(digest, read64(gic->its + GITS_BASER));
	digest = mix(digest, read64(gic->its + GITS_BASER + 8));
	digest = mix(digest, read64(gic->its + GITS_CBASER));
	return mix(digest, read32(gic->its + GITS_CTLR));
}

/* ICC_CTLR has read-only fields as well; they are the same at each start. */
static u32 mix_cpu(const struct gic *gic)
{
	u32 digest = 0;

	if (gic->v3) {
		digest = mix(digest, READ_ICC(ICC_PMR));
		digest = mix(digest, READ_ICC(ICC_BPR1));
		digest = mix(digest, READ_ICC(ICC_CTLR));
		return mix(digest, READ_ICC(ICC_IGRPEN1));
	}
	digest = mix(digest, read32(gic->cpu + GICC_CTLR));
	digest = mix(digest, read32(gic->cpu + GICC_PMR));
	return mix(digest, read32(gic->cpu + GICC_BPR));
}

const char *const gic_parts[GIC_PARTS] = {
	"GICD_CTLR",	  "IGROUPR",	"ISENABLER",	 "ISPENDR",
	"ISACTIVER",	  "IPRIORITYR", "ICFGR",	 "routes",
	"LPIs",		  "ITS",	"CPU interface", "active priorities",
	"private groups",
};

/*
 * A reset must restore each part: the digest is compared, and its name is
 * printed if it differs. GICD_TYPER has the number of interrupts.
 */
void gic_digest(const struct gic *gic, u32 digest[GIC_PARTS])
{
	u32 nr = 32 * ((read32(gic->dist + 4) & 0x1f) + 1); /* GICD_TYPER */

	digest[0] = read32(gic->dist + GICD_CTLR);
	digest[1] = mix_bank(gic, GICD_IGROUPR, 1, nr);
	digest[2] = mix_bank(gic, GICD_ISENABLER, 1, nr);
	digest[3] = mix_bank(gic, GICD_ISPENDR, 1, nr);
	digest[4] = mix_bank(gic, GICD_ISACTIVER, 1, nr);
	digest[5] = mix_bank(gic, GICD_IPRIORITYR, 8, nr);
	digest[6] = mix_bank(gic, GICD_ICFGR, 2, nr);
	digest[7] = mix_routes(gic, nr);
	digest[8] = mix_lpis(gic);
	digest[9] = mix_its(gic);
	digest[10] = mix_cpu(gic);
	digest[11] = gic->v3 ? (u32)READ_ICC(ICC_AP1R0)
			     : read32(gic->cpu + GICC_APR);
	digest[12] = read32(gic_reg(gic, GICD_IGROUPR, 1, 0));
}
