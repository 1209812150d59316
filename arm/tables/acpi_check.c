/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a machine can be described by the tables at all. The description
 * comes from this program and the user's options, not from a guest, so a
 * message names what is wrong and the machine is not built. Everything that the
 * table functions convert to narrower fields, or index with, is checked here
 * and nowhere else.
 */
#include <errno.h>
#include <inttypes.h>

#include "acpi_tables.h"
#include "lkvm/util/log.h"

/* Arm IHI 0048 and 0069: INTIDs of PPIs and SPIs. */
#define FIRST_PPI 16
#define FIRST_SPI 32
#define LAST_SPI  1019

#define GICV2_MAX_CPUS 8
#define PL061_LINES    8
#define PCIE_MAX_BUSES 256

#define MPIDR_AFFINITY 0xff00ffffffULL /* as in the MADT: section 5.2.12.14 */

static bool is_ppi(u32 intid)
{
	return intid >= FIRST_PPI && intid < FIRST_SPI;
}

static bool is_spi(u32 intid)
{
	return intid >= FIRST_SPI && intid <= LAST_SPI;
}

static int check_ppi(const char *name, u32 intid)
{
	if (!intid || is_ppi(intid))
		return 0;
	pr_fatal("ACPI: %s: %u is no INTID of a PPI", name, intid);
	return -EINVAL;
}

/* An interrupt of 0 is allowed: the guest does not have that timer. */
static int check_ppis(const struct acpi_machine *machine)
{
	const struct acpi_timers *timers = &machine->timers;
	const struct {
		const char *name;
		u32 intid;
	} ppis[] = {
		{ "secure timer", timers->secure },
		{ "physical timer", timers->phys },
		{ "virtual timer", timers->virt },
		{ "hypervisor timer", timers->hyp },
		{ "virtual hypervisor timer", timers->hyp_virt },
		{ "PMU", machine->pmu_intid },
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(ppis); i++)
		ret = check_ppi(ppis[i].name, ppis[i].intid);
	return ret;
}

/*
 * A GICv2 has eight CPU interfaces; the other limit is that of the tables'
 * size.
 */
static int check_cpus(const struct acpi_machine *machine)
{
	unsigned int max = machine->gic.version == 2 ? GICV2_MAX_CPUS
						     : ACPI_MAX_CPUS;

	if (!machine->nr_cpus) {
		pr_fatal("ACPI: a machine without CPUs");
		return -EINVAL;
	}
	if (machine->nr_cpus > max) {
		pr_fatal("ACPI: %u CPUs, there can be %u", machine->nr_cpus,
			 max);
		return -E2BIG;
	}
	for (unsigned int i = 0; i < machine->nr_cpus; i++) {
		u64 mpidr = machine->cpus[i].mpidr;

		if (!(mpidr & ~MPIDR_AFFINITY))
			continue;
		pr_fatal("ACPI: CPU %u: bad MPIDR 0x%" PRIx64, i, mpidr);
		return -EINVAL;
	}
	return 0;
}

/* Redistributors are in regions, or each CPU has one. */
static bool good_gicr(const struct acpi_machine *machine)
{
	const struct acpi_gic *gic = &machine->gic;

	if (gic->nr_gicr > ACPI_MAX_GICR)
		return false;
	for (unsigned int i = 0; i < gic->nr_gicr; i++)
		if (!gic->gicr[i].size || gic->gicr[i].size > UINT32_MAX)
			return false;
	for (unsigned int i = 0; i < machine->nr_cpus; i++)
		if (!machine->cpus[i].gicr == !gic->nr_gicr)
			return false;
	return true;
}

/*
 * The frame's SPIs must all exist (GIC architecture: 1020 and above are
 * special).
 */
static bool good_frame(const struct acpi_gic *gic)
{
	return !gic->v2m || (is_spi(gic->v2m_intid) && gic->nr_v2m_spis > 0 &&
			     gic->nr_v2m_spis <= LAST_SPI + 1 - gic->v2m_intid);
}

/*
 * Version 2 and 3 have no common part but the distributor. At most one of ITS
 * and GICv2m frame takes MSIs.
 */
static int check_gic(const struct acpi_machine *machine)
{
	const struct acpi_gic *gic = &machine->gic;
	const char *bad = NULL;

	if (gic->version != 2 && gic->version != 3)
		bad = "no version 2 or 3";
	else if (!gic->gicd)
		bad = "no distributor";
	else if (gic->version == 2 && (!gic->gicc || gic->its))
		bad = "a GICv2 has a CPU interface and no ITS";
	else if (gic->version == 3 && !good_gicr(machine))
		bad = "bad redistributors";
	else if (!good_frame(gic) || (gic->v2m && gic->its))
		bad = "bad MSI frame";
	if (!bad)
		return 0;
	pr_fatal("ACPI: GIC: %s", bad);
	return -EINVAL;
}

/* Devices have 32 bits for their addresses. */
static int check_device(const char *name, unsigned int number,
			const struct acpi_device *device, bool needs_irq)
{
	const char *bad = NULL;

	if (!device->size || device->size == SZ_4G ||
	    !range_within(device->base, device->size, 0, SZ_4G))
		bad = "is not below 4 GiB";
	else if (needs_irq && !device->intid)
		bad = "has no interrupt";
	else if (device->intid && !is_spi(device->intid))
		bad = "has no SPI for an interrupt";
	if (!bad)
		return 0;
	pr_fatal("ACPI: %s %u at 0x%" PRIx64 " %s", name, number, device->base,
		 bad);
	return -EINVAL;
}

/* A size of 0 stands for a device that the machine does not have. */
static int check_optional(const char *name, const struct acpi_device *device,
			  bool needs_irq)
{
	return device->size ? check_device(name, 0, device, needs_irq) : 0;
}

/* `max` is how many the names of such devices in the DSDT can tell apart. */
static int check_list(const char *name, const struct acpi_device *devices,
		      unsigned int count, unsigned int max, bool needs_irq)
{
	int ret = 0;

	if (count > max) {
		pr_fatal("ACPI: %u devices of %s, there can be %u", count, name,
			 max);
		return -E2BIG;
	}
	for (unsigned int i = 0; !ret && i < count; i++)
		ret = check_device(name, i, &devices[i], needs_irq);
	return ret;
}

/* Only the GPIO controller needs its interrupt: the power key's event. */
static int check_devices(const struct acpi_machine *machine)
{
	int ret = check_optional("UART", &machine->uart, false);

	if (!ret)
		ret = check_optional("fw_cfg", &machine->fw_cfg, false);
	if (!ret)
		ret = check_optional("pvpanic", &machine->pvpanic, false);
	if (!ret)
		ret = check_optional("exit device", &machine->exit_device,
				     false);
	if (!ret)
		ret = check_optional("GPIO", &machine->gpio, true);
	if (!ret && machine->gpio.size && machine->power_key >= PL061_LINES) {
		pr_fatal("ACPI: GPIO: there is no line %u", machine->power_key);
		ret = -EINVAL;
	}
	if (!ret)
		ret = check_list("flash", machine->flash, machine->nr_flash,
				 ACPI_MAX_FLASH, false);
	if (!ret)
		ret = check_list("virtio-mmio", machine->virtio,
				 machine->nr_virtio, ACPI_MAX_VIRTIO, true);
	return ret;
}

/* An empty range does not. */
static bool wraps(const struct acpi_range *range)
{
	return range->size && range->size - 1 > UINT64_MAX - range->base;
}

/*
 * Four SPIs from `intid` on are the pins' (acpi_pcie.c), so both ends are
 * checked.
 */
static int check_pcie(const struct acpi_pcie *pcie)
{
	const char *bad = NULL;

	if (!pcie)
		return 0;
	if (!pcie->nr_buses || pcie->nr_buses > PCIE_MAX_BUSES)
		bad = "bad number of buses";
	else if (!IS_ALIGNED(pcie->ecam, SZ_1M) ||
		 pcie->ecam > UINT64_MAX - PCIE_MAX_BUSES * SZ_1M)
		bad = "bad configuration space";
	else if (!pcie->mmio32.size || pcie->mmio32.size == SZ_4G ||
		 !range_within(pcie->mmio32.base, pcie->mmio32.size, 0, SZ_4G))
		bad = "bad window below 4 GiB";
	else if (wraps(&pcie->mmio64))
		bad = "bad window above 4 GiB";
	else if (pcie->ports.size > SZ_64K || wraps(&pcie->ports))
		bad = "bad window of ports";
	else if (!is_spi(pcie->intid) || !is_spi(pcie->intid + 3))
		bad = "bad interrupts";
	if (!bad)
		return 0;
	pr_fatal("ACPI: PCIe: %s", bad);
	return -EINVAL;
}

/* Reports the first problem only. */
int acpi_check(const struct acpi_machine *machine)
{
	int ret = check_cpus(machine);

	if (!ret)
		ret = check_gic(machine);
	if (!ret)
		ret = check_ppis(machine);
	if (!ret)
		ret = check_devices(machine);
	return ret ? ret : check_pcie(machine->pcie);
}
