/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The GIC back to power-on. KVM resets no interrupt controller, but lets its
 * registers be written: Linux Documentation/virt/kvm/devices/arm-vgic*.rst.
 * What to write is read, at the first reset, from the GIC of a second VM that
 * never runs: without a reset there is none.
 * Offsets: Arm IHI 0048 (GICv2), IHI 0069 (GICv3), ARM ARM for ICC_*.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cpu.h"
#include "gic.h"
#include "lkvm/util/log.h"
#include "machine.h"

#define GICD_CTLR 0x0000
#define GICD_IIDR 0x0008

/* The redistributor's frame of SGIs and PPIs, laid out as the distributor. */
#define GICR_SGI_BASE	 0x10000
#define GICR_CTLR	 0x0000
#define GICR_PROPBASER	 0x0070 /* PENDBASER is behind it */
#define GICR_BASER_WORDS 4
#define GITS_BASER	 0x0100
#define GICC_APR	 0x00d0
#define NR_PRIVATE	 32U
#define ALL_ONES	 UINT32_MAX

/* A kind of register that has so many bits for each interrupt. */
struct bank {
	u32 offset;
	u32 bits;
};

/* What is kept; the values are alike for all SPIs, and all CPUs. */
static const struct bank kept_v2[GIC_KEPT_BANKS] = {
	{ 0x0080, 1 }, /* IGROUPR */
	{ 0x0400, 8 }, /* IPRIORITYR */
	{ 0x0100, 1 }, /* ISENABLER */
	{ 0x0800, 8 }, /* ITARGETSR */
	{ 0x0c00, 2 }, /* ICFGR */
};
static const struct bank kept_v3[GIC_KEPT_BANKS] = {
	{ 0x0080, 1 },	/* IGROUPR */
	{ 0x0400, 8 },	/* IPRIORITYR */
	{ 0x0100, 1 },	/* ISENABLER */
	{ 0x6000, 64 }, /* IROUTER */
	{ 0x0c00, 2 },	/* ICFGR */
};

/* SGIs and PPIs have only the first ones for KVM to change. */
#define NR_KEPT_PRIVATE 3

static const struct bank isenabler_clear = { 0x0180, 1 };
static const struct bank ispendr = { 0x0200, 1 };
static const struct bank ispendr_clear = { 0x0280, 1 };
static const struct bank isactiver_clear = { 0x0380, 1 };
static const struct bank icfgr = { 0x0c00, 2 };

/* CTLR, PMR, BPR and ABPR of a GICv2's CPU interface. */
static const u32 gicc[] = {
	0x00,	  0x04,		0x08,	      0x1c,
	GICC_APR, GICC_APR + 4, GICC_APR + 8, GICC_APR + 12
};

/* Op0 to Op2 as the attribute has them; all are 3, 0, CRn, CRm, Op2. */
#define ICC(crn, crm, op2) (3U << 14 | (crn) << 7 | (crm) << 3 | (op2))

/* CTLR is first: it says whether BPR1 may be written. */
static const u32 icc[] = {
	ICC(12, 12, 4), /* CTLR */
	ICC(12, 12, 6), /* IGRPEN0 */
	ICC(12, 12, 7), /* IGRPEN1 */
	ICC(4, 6, 0),	/* PMR */
	ICC(12, 8, 3),	/* BPR0 */
	ICC(12, 12, 3), /* BPR1 */
	ICC(12, 8, 4),	/* AP0R0 to 3, of which not all CPUs have the others */
	ICC(12, 8, 5),	ICC(12, 8, 6), ICC(12, 8, 7),
	ICC(12, 9, 0), /* AP1R0 to 3 */
	ICC(12, 9, 1),	ICC(12, 9, 2), ICC(12, 9, 3),
};

_Static_assert(ARRAY_SIZE(icc) <= GIC_KEPT_CPU, "GIC_KEPT_CPU");
_Static_assert(ARRAY_SIZE(gicc) <= GIC_KEPT_CPU, "GIC_KEPT_CPU");

/* Registers of one distributor, redistributor or CPU interface. */
struct frame {
	struct machine *machine;
	u32 group;
	u64 attr; /* of offset 0 */
};

static int get_attr(int fd, u32 group, u64 attr, void *value)
{
	struct kvm_device_attr args = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)value,
	};

	return ioctl(fd, KVM_GET_DEVICE_ATTR, &args) < 0 ? -errno : 0;
}

static int get_word(const struct frame *frame, u64 offset, u32 *value)
{
	return get_attr(frame->machine->gic_fd, frame->group,
			frame->attr + offset, value);
}

static int set_word(const struct frame *frame, u64 offset, u32 value)
{
	return gic_set_attr(frame->machine->gic_fd, frame->group,
			    frame->attr + offset, &value);
}

/* Writes it only if it has to change. */
static int put_word(const struct frame *frame, u64 offset, u32 value)
{
	u32 old = 0;
	int ret = get_word(frame, offset, &old);

	return ret || old == value ? ret : set_word(frame, offset, value);
}

/* Those of `nr` interrupts from `first` on. */
static int set_bank(const struct frame *frame, const struct bank *bank,
		    u32 first, u32 nr, u32 value)
{
	/* KVM has nothing in the upper half of a register of 64 bits. */
	u32 step = bank->bits > 32 ? 8 : 4;
	u32 end = bank->offset + (first + nr) * bank->bits / 8;
	u32 at = bank->offset + first * bank->bits / 8;
	int ret = 0;

	for (; !ret && at < end; at += step)
		ret = set_word(frame, at, value);
	return ret;
}

static const struct bank *kept_banks(const struct machine *machine)
{
	return gic_is_v3(machine) ? kept_v3 : kept_v2;
}

static struct frame distributor(struct machine *machine)
{
	return (struct frame) {
		.machine = machine,
		.group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
	};
}

/* The attributes' name of a vCPU: Aff3 to Aff0 in 32 bits, or its number. */
static u64 cpu_attr(struct machine *machine, struct vcpu *vcpu)
{
	u64 mpidr;

	if (!gic_is_v3(machine))
		return (u64)vcpu->id << KVM_DEV_ARM_VGIC_CPUID_SHIFT;
	mpidr = cpu_mpidr(vcpu);
	return (mpidr >> 32 << 24 | (mpidr & 0xffffff))
	       << KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT;
}

static struct frame redistributor(struct machine *machine, struct vcpu *vcpu)
{
	return (struct frame) {
		.machine = machine,
		.group = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
		.attr = cpu_attr(machine, vcpu),
	};
}

/* Where the vCPU has its SGIs and PPIs. */
static struct frame private_frame(struct machine *machine, struct vcpu *vcpu)
{
	struct frame frame = redistributor(machine, vcpu);

	if (gic_is_v3(machine))
		frame.attr += GICR_SGI_BASE;
	else
		frame.group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS;
	return frame;
}

/* ---- keeping ----------------------------------------------------------- */

/*
 * A GICv3 may lack some of these registers, so `has_cpu` says which were read.
 */
static int keep_cpu(struct machine *machine, struct vcpu *vcpu)
{
	struct gic_power_on *kept = &machine->gic_power_on;
	u64 attr = cpu_attr(machine, vcpu);
	u32 word = 0;

	for (size_t i = 0; i < ARRAY_SIZE(gicc) && !gic_is_v3(machine); i++) {
		int ret = get_attr(machine->gic_fd,
				   KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
				   attr + gicc[i], &word);

		if (ret)
			return ret;
		kept->cpu[i] = word;
		kept->has_cpu |= BIT(i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(icc) && gic_is_v3(machine); i++)
		if (!get_attr(machine->gic_fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
			      attr + icc[i], &kept->cpu[i]))
			kept->has_cpu |= BIT(i);
	return kept->has_cpu & 1 ? 0 : -ENXIO;
}

static int keep_lpis(struct machine *machine, struct vcpu *vcpu)
{
	struct gic_power_on *kept = &machine->gic_power_on;
	struct frame frame = redistributor(machine, vcpu);
	int ret = 0;

	for (unsigned int i = 0; !ret && i < GICR_BASER_WORDS; i++)
		ret = get_word(&frame, GICR_PROPBASER + 4 * i,
			       &kept->lpi_baser[i]);
	if (machine->irqchip != IRQCHIP_GICV3_ITS)
		return ret;
	for (unsigned int i = 0; !ret && i < ARRAY_SIZE(kept->its_baser); i++)
		ret = get_attr(machine->its_fd, KVM_DEV_ARM_VGIC_GRP_ITS_REGS,
			       GITS_BASER + 8 * i, &kept->its_baser[i]);
	return ret;
}

/*
 * All SPIs have one state at power-on, and so do all vCPUs: the first is read.
 */
static int keep(struct machine *machine)
{
	struct gic_power_on *kept = &machine->gic_power_on;
	const struct bank *banks = kept_banks(machine);
	struct vcpu *vcpu = machine->vm.vcpus[0];
	struct frame dist = distributor(machine);
	struct frame own = private_frame(machine, vcpu);
	int ret = get_word(&dist, GICD_CTLR, &kept->ctlr);

	for (unsigned int i = 0; !ret && i < GIC_KEPT_BANKS; i++)
		ret = get_word(&dist,
			       banks[i].offset + NR_PRIVATE * banks[i].bits / 8,
			       &kept->spi[i]);
	for (unsigned int i = 0; !ret && i < NR_KEPT_PRIVATE; i++)
		ret = get_word(&own, banks[i].offset, &kept->private[i]);
	if (!ret && gic_is_v3(machine))
		ret = keep_lpis(machine, vcpu);
	return ret ? ret : keep_cpu(machine, vcpu);
}

static int complete_other(struct machine *other, unsigned long kvm_type)
{
	int ret = vm_create(&other->vm, kvm_type);

	if (!ret)
		ret = gic_create(other);
	if (!ret)
		ret = vm_create_vcpus(&other->vm, 1);
	if (!ret)
		ret = cpu_init_all(other);
	if (!ret)
		ret = gic_init(other);
	return ret ? ret : keep(other);
}

/* As much of the machine, with one vCPU, as its GIC depends on. */
static int keep_of_other(struct machine *machine)
{
	struct machine *other = calloc(1, sizeof(*other));
	int ret;

	if (!other)
		return -ENOMEM;
	other->type = machine->type;
	other->config = machine->config;
	other->features.vcpu_init = BIT(KVM_ARM_VCPU_PSCI_0_2);
	other->gic_fd = -1;
	other->its_fd = -1;
	log_demote_fatal(true);
	ret = vm_open(&other->vm, machine->config->kvm_dev);
	if (!ret) {
		ret = complete_other(other, machine->kvm_type);
		machine->gic_power_on = other->gic_power_on;
		gic_destroy(other);
		vm_destroy(&other->vm);
	}
	log_demote_fatal(false);
	free(other);
	machine->gic_power_on.known = !ret;
	return ret;
}

/* ---- resetting --------------------------------------------------------- */

/*
 * Of SPIs that are edge-triggered KVM ignores the fall, and so would keep the
 * level of one that was level-triggered before.
 */
static int lower_lines(struct machine *machine, const struct frame *dist)
{
	struct irq_line line = { .vm = &machine->vm };
	u32 nr = machine->type->nr_spis;
	int ret = set_bank(dist, &icfgr, NR_PRIVATE, nr, 0);

	for (; line.gsi < nr && !ret; line.gsi++)
		irq_line_set(&line, false);
	return ret;
}

/* GICv2 clears by the one register, GICv3 by the other. */
static int clear_pending(const struct frame *frame, u32 first, u32 nr)
{
	int ret = set_bank(frame, &ispendr_clear, first, nr, ALL_ONES);

	if (!ret)
		ret = set_bank(frame, &ispendr, first, nr, 0);
	return ret ? ret
		   : set_bank(frame, &isactiver_clear, first, nr, ALL_ONES);
}

/*
 * SPIs are disabled and their lines low before the rest is written, so that
 * none becomes pending meanwhile; pending state is cleared last.
 */
static int reset_distributor(struct machine *machine)
{
	const struct gic_power_on *kept = &machine->gic_power_on;
	const struct bank *banks = kept_banks(machine);
	struct frame dist = distributor(machine);
	u32 nr = machine->type->nr_spis;
	u32 iidr;
	int ret = get_word(&dist, GICD_IIDR, &iidr);

	/* Written back, it makes KVM accept writes of groups: v2.rst */
	if (!ret && !gic_is_v3(machine))
		ret = set_word(&dist, GICD_IIDR, iidr);
	if (!ret)
		ret = set_word(&dist, GICD_CTLR, kept->ctlr);
	if (!ret)
		ret = set_bank(&dist, &isenabler_clear, NR_PRIVATE, nr,
			       ALL_ONES);
	if (!ret)
		ret = lower_lines(machine, &dist);
	for (unsigned int i = 0; !ret && i < GIC_KEPT_BANKS; i++)
		ret = set_bank(&dist, &banks[i], NR_PRIVATE, nr, kept->spi[i]);
	return ret ? ret : clear_pending(&dist, NR_PRIVATE, nr);
}

static int reset_private(struct machine *machine, struct vcpu *vcpu)
{
	const struct gic_power_on *kept = &machine->gic_power_on;
	const struct bank *banks = kept_banks(machine);
	struct frame own = private_frame(machine, vcpu);
	int ret = set_bank(&own, &isenabler_clear, 0, NR_PRIVATE, ALL_ONES);

	for (unsigned int i = 0; !ret && i < NR_KEPT_PRIVATE; i++)
		ret = set_bank(&own, &banks[i], 0, NR_PRIVATE,
			       kept->private[i]);
	return ret ? ret : clear_pending(&own, 0, NR_PRIVATE);
}

/*
 * The tables' addresses cannot be written while LPIs are enabled. What is right
 * is left alone: KVM makes something else of it where there is no ITS.
 */
static int reset_lpis(struct machine *machine, struct vcpu *vcpu)
{
	const struct gic_power_on *kept = &machine->gic_power_on;
	struct frame frame = redistributor(machine, vcpu);
	int ret = set_word(&frame, GICR_CTLR, 0);

	for (unsigned int i = 0; !ret && i < GICR_BASER_WORDS; i++)
		ret = put_word(&frame, GICR_PROPBASER + 4 * i,
			       kept->lpi_baser[i]);
	return ret;
}

/* In the order of the tables, which matters: see icc[]. */
static int reset_cpu(struct machine *machine, struct vcpu *vcpu)
{
	const struct gic_power_on *kept = &machine->gic_power_on;
	bool v3 = gic_is_v3(machine);
	u64 attr = cpu_attr(machine, vcpu);
	int ret = 0;

	for (unsigned int i = 0; !ret && i < GIC_KEPT_CPU; i++) {
		u64 value = kept->cpu[i];
		u32 word = (u32)value;

		if (!(kept->has_cpu & BIT(i)))
			continue;
		ret = v3 ? gic_set_attr(machine->gic_fd,
					KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
					attr + icc[i], &value)
			 : gic_set_attr(machine->gic_fd,
					KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
					attr + gicc[i], &word);
	}
	return ret;
}

static int reset_vcpu(struct machine *machine, struct vcpu *vcpu)
{
	int ret = gic_is_v3(machine) ? reset_lpis(machine, vcpu) : 0;

	if (!ret)
		ret = reset_private(machine, vcpu);
	return ret ? ret : reset_cpu(machine, vcpu);
}

/* KVM_DEV_ARM_ITS_CTRL_RESET leaves what is in BASER but for its valid bit. */
static int reset_its(struct machine *machine)
{
	struct gic_power_on *kept = &machine->gic_power_on;
	int ret;

	if (machine->irqchip != IRQCHIP_GICV3_ITS)
		return 0;
	ret = gic_set_attr(machine->its_fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
			   KVM_DEV_ARM_ITS_CTRL_RESET, NULL);
	for (unsigned int i = 0; !ret && i < ARRAY_SIZE(kept->its_baser); i++)
		ret = gic_set_attr(machine->its_fd,
				   KVM_DEV_ARM_VGIC_GRP_ITS_REGS,
				   GITS_BASER + 8 * i, &kept->its_baser[i]);
	return ret;
}

int gic_reset(struct machine *machine)
{
	int ret = machine->gic_power_on.known ? 0 : keep_of_other(machine);

	if (!ret)
		ret = reset_its(machine);
	if (!ret)
		ret = reset_distributor(machine);
	for (unsigned int i = 0; !ret && i < machine->vm.nr_vcpus; i++)
		ret = reset_vcpu(machine, machine->vm.vcpus[i]);
	if (ret)
		pr_err("Unable to reset the interrupt controller: %s",
		       strerror(-ret));
	return ret;
}
