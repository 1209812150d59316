/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interrupt controller: KVM's own GIC, version 2 or 3, with an ITS or a
 * GICv2m frame for MSIs. KVM has its registers (Documentation/virt/kvm/devices/
 * arm-vgic*.rst); here it is chosen, created, placed and described in device
 * tree and ACPI. arm/gic_reset.c has its reset, hw/gicv2m.c the frame.
 *
 * The order is KVM's: gic_create() comes before the vCPUs, because their number
 * fixes the redistributors; gic_init() after them.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "gic.h"
#include "lkvm/util/log.h"
#include "machine.h"

/* arm,gic.yaml: bits 15:8 of a PPI's flags are the CPUs it is wired to. */
#define GIC_PPI_CPU_SHIFT 8
#define GICV2_MAX_CPUS	  8U

/*
 * GICv2 and GICv3 differ in nearly all that follows; ITS and GICv2m only in
 * MSIs.
 */
bool gic_is_v3(const struct machine *machine)
{
	return machine->irqchip == IRQCHIP_GICV3 ||
	       machine->irqchip == IRQCHIP_GICV3_ITS;
}

/* With KVM_CREATE_DEVICE_TEST nothing is created: 0 if it could be. */
static int create_device(struct machine *machine, u32 type, u32 flags)
{
	struct kvm_create_device args = { .type = type, .flags = flags };

	if (ioctl(machine->vm.fd, KVM_CREATE_DEVICE, &args) < 0)
		return -errno;
	return flags & KVM_CREATE_DEVICE_TEST ? 0 : (int)args.fd;
}

/* A host has one version or both: GICv3 hardware need not emulate GICv2. */
static bool offered(struct machine *machine, enum irqchip irqchip)
{
	u32 type = KVM_DEV_TYPE_ARM_VGIC_V2;

	if (irqchip == IRQCHIP_GICV3 || irqchip == IRQCHIP_GICV3_ITS)
		type = KVM_DEV_TYPE_ARM_VGIC_V3;
	if (create_device(machine, type, KVM_CREATE_DEVICE_TEST))
		return false;
	return irqchip != IRQCHIP_GICV3_ITS ||
	       !create_device(machine, KVM_DEV_TYPE_ARM_VGIC_ITS,
			      KVM_CREATE_DEVICE_TEST);
}

/* Kinds without --irqchip, the first that KVM creates. */
static const enum irqchip best_first[] = { IRQCHIP_GICV3_ITS, IRQCHIP_GICV3,
					   IRQCHIP_GICV2M };

/* For a message only: what could be had in place of what was asked for. */
static enum irqchip best(struct machine *machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(best_first); i++)
		if (offered(machine, best_first[i]))
			return best_first[i];
	return IRQCHIP_AUTO;
}

/* Both or none; -ENODEV if KVM has no such thing. */
static int create(struct machine *machine, enum irqchip irqchip)
{
	bool v3 = irqchip == IRQCHIP_GICV3 || irqchip == IRQCHIP_GICV3_ITS;
	int ret;

	machine->irqchip = irqchip;
	if (machine->gic_fd < 0) {
		ret = create_device(machine,
				    v3 ? KVM_DEV_TYPE_ARM_VGIC_V3
				       : KVM_DEV_TYPE_ARM_VGIC_V2,
				    0);
		if (ret < 0)
			return ret;
		machine->gic_fd = ret;
	}
	if (irqchip != IRQCHIP_GICV3_ITS)
		return 0;
	ret = create_device(machine, KVM_DEV_TYPE_ARM_VGIC_ITS, 0);
	machine->its_fd = MAX(ret, -1);
	return MIN(ret, 0);
}

static int create_best(struct machine *machine)
{
	int ret = -ENODEV;

	/* A GICv3 that is there stays if there is no ITS to go with it. */
	for (size_t i = 0; ret == -ENODEV && i < ARRAY_SIZE(best_first); i++)
		ret = create(machine, best_first[i]);
	if (ret == -ENODEV)
		pr_fatal("this host's KVM offers no GIC for guests");
	return ret;
}

/* --irqchip names one, and nothing else will do. */
static int create_wanted(struct machine *machine, enum irqchip wanted)
{
	int ret = create(machine, wanted);
	enum irqchip other;

	if (ret != -ENODEV)
		return ret;
	other = best(machine);
	pr_fatal("--irqchip %s: this host's KVM does not offer it%s%s",
		 irqchip_names[wanted], other ? "; it has " : "",
		 other ? irqchip_names[other] : "");
	return ret;
}

int gic_create(struct machine *machine)
{
	enum irqchip wanted = machine->config->irqchip;
	int ret = wanted ? create_wanted(machine, wanted)
			 : create_best(machine);

	if (ret && ret != -ENODEV)
		pr_fatal("Unable to create the %s: %s",
			 irqchip_names[machine->irqchip], strerror(-ret));
	return ret;
}

/* The devices live as long as the VM; these are only our descriptors. */
void gic_destroy(struct machine *machine)
{
	if (machine->its_fd >= 0)
		close(machine->its_fd);
	if (machine->gic_fd >= 0)
		close(machine->gic_fd);
}

int gic_set_attr(int fd, u32 group, u64 attr, void *arg)
{
	struct kvm_device_attr args = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)arg,
	};

	return ioctl(fd, KVM_SET_DEVICE_ATTR, &args) < 0 ? -errno : 0;
}

/* By the room for redistributors, also with a GICv2, which KVM limits to 8. */
unsigned int gic_max_vcpus(const struct machine *machine)
{
	return machine->type->gicr.size / KVM_VGIC_V3_REDIST_SIZE;
}

/* One region, a frame of 128 KiB for each vCPU (IHI 0069, 12.10). */
static struct addr_range redistributors(const struct machine *machine)
{
	const struct addr_range *room = &machine->type->gicr;
	u64 size = (u64)machine->vm.nr_vcpus * KVM_VGIC_V3_REDIST_SIZE;

	return (struct addr_range) {
		.base = machine->type->gicr_at_end
				? room->base + room->size - size
				: room->base,
		.size = size,
	};
}

/* Directly below the redistributors, on both machines. */
static struct addr_range its(const struct machine *machine)
{
	return (struct addr_range) {
		.base = redistributors(machine).base - KVM_VGIC_V3_ITS_SIZE,
		.size = KVM_VGIC_V3_ITS_SIZE,
	};
}

/* KVM answers accesses to these ranges itself, without an exit. */
static int set_addresses(struct machine *machine)
{
	u64 dist = machine->type->gicd.base;
	u64 cpu = machine->type->gicc.base;
	u64 redist = redistributors(machine).base;
	bool v3 = gic_is_v3(machine);
	int ret;

	ret = gic_set_attr(machine->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
			   v3 ? KVM_VGIC_V3_ADDR_TYPE_DIST
			      : KVM_VGIC_V2_ADDR_TYPE_DIST,
			   &dist);
	if (ret)
		return ret;
	if (v3)
		return gic_set_attr(machine->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
				    KVM_VGIC_V3_ADDR_TYPE_REDIST, &redist);
	return gic_set_attr(machine->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
			    KVM_VGIC_V2_ADDR_TYPE_CPU, &cpu);
}

/* After the GIC: KVM_DEV_ARM_VGIC_CTRL_INIT needs that to be complete. */
static int init_its(struct machine *machine)
{
	u64 addr = its(machine).base;
	int ret;

	if (machine->irqchip != IRQCHIP_GICV3_ITS)
		return 0;
	ret = gic_set_attr(machine->its_fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
			   KVM_VGIC_ITS_ADDR_TYPE, &addr);
	if (ret)
		return ret;
	return gic_set_attr(machine->its_fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
			    KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
}

/* The number of interrupts is that of SPIs and the 32 private ones. */
int gic_init(struct machine *machine)
{
	u32 nr_irqs = machine->type->nr_spis + 32;
	int ret = set_addresses(machine);

	if (!ret)
		ret = gic_set_attr(machine->gic_fd,
				   KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &nr_irqs);
	if (!ret)
		ret = gic_set_attr(machine->gic_fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
				   KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	if (!ret)
		ret = init_its(machine);
	if (ret)
		pr_fatal("Unable to set up the %s for %u vCPUs: %s",
			 irqchip_names[machine->irqchip], machine->vm.nr_vcpus,
			 strerror(-ret));
	return ret;
}

u32 gic_ppi_flags(const struct machine *machine, u32 trigger)
{
	unsigned int cpus = MIN(machine->vm.nr_vcpus, GICV2_MAX_CPUS);

	if (gic_is_v3(machine))
		return trigger;
	return (u32)(BIT(cpus) - 1) << GIC_PPI_CPU_SHIFT | trigger;
}

/* arm,gic-v3.yaml: a child of the GIC's node. */
static void its_node(struct machine *machine, struct fdt_writer *fdt)
{
	struct addr_range range = its(machine);

	fdt_node_begin_unit(fdt, "msi-controller", range.base);
	fdt_prop_string(fdt, "compatible", "arm,gic-v3-its");
	fdt_prop_empty(fdt, "msi-controller");
	fdt_prop_u32(fdt, "#msi-cells", 1);
	fdt_prop_reg1(fdt, range.base, range.size);
	fdt_prop_u32(fdt, "phandle", FDT_PHANDLE_MSI);
	fdt_node_end(fdt);
}

/* arm,gic.yaml: the frame says itself which SPIs it has. */
static void v2m_node(struct machine *machine, struct fdt_writer *fdt)
{
	const struct addr_range *range = &machine->type->v2m;

	fdt_node_begin_unit(fdt, "v2m", range->base);
	fdt_prop_string(fdt, "compatible", "arm,gic-v2m-frame");
	fdt_prop_empty(fdt, "msi-controller");
	fdt_prop_reg1(fdt, range->base, range->size);
	fdt_prop_u32(fdt, "phandle", FDT_PHANDLE_MSI);
	fdt_node_end(fdt);
}

/* The same facts as the tree has, for MADT and IORT. */
struct acpi_gic gic_acpi(const struct machine *machine)
{
	const struct machine_type *type = machine->type;
	struct addr_range gicr = redistributors(machine);
	bool v2m = machine->irqchip == IRQCHIP_GICV2M;

	return (struct acpi_gic) {
		.version = gic_is_v3(machine) ? 3 : 2,
		.gicd = type->gicd.base,
		.gicc = type->gicc.base,
		.gicr = { { gicr.base, gicr.size } },
		.nr_gicr = 1,
		.its = machine->irqchip == IRQCHIP_GICV3_ITS ? its(machine).base
							     : 0,
		.v2m = v2m ? type->v2m.base : 0,
		.v2m_intid = v2m ? type->v2m_spi + 32 : 0,
		.nr_v2m_spis = v2m ? type->nr_v2m_spis : 0,
	};
}

/* The children's addresses are the parent's: an empty `ranges`. */
void gic_fdt_node(struct machine *machine, struct fdt_writer *fdt)
{
	const struct addr_range *gicd = &machine->type->gicd;
	struct addr_range second = machine->type->gicc;

	if (gic_is_v3(machine))
		second = redistributors(machine);
	fdt_node_begin_unit(fdt, "interrupt-controller", gicd->base);
	fdt_prop_string(fdt, "compatible",
			gic_is_v3(machine) ? "arm,gic-v3"
					   : "arm,cortex-a15-gic");
	fdt_prop_u32(fdt, "#interrupt-cells", 3);
	fdt_prop_empty(fdt, "interrupt-controller");
	fdt_prop_reg(fdt,
		     (const u64[]) { gicd->base, gicd->size, second.base,
				     second.size },
		     2);
	fdt_prop_u32(fdt, "phandle", FDT_PHANDLE_GIC);
	fdt_prop_u32(fdt, "#address-cells", 2);
	fdt_prop_u32(fdt, "#size-cells", 2);
	fdt_prop_empty(fdt, "ranges");
	if (machine->irqchip == IRQCHIP_GICV3_ITS)
		its_node(machine, fdt);
	else if (machine->irqchip == IRQCHIP_GICV2M)
		v2m_node(machine, fdt);
	fdt_node_end(fdt);
}
