/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI and SMBIOS tables for firmware, through fw_cfg files: the blobs, and for
 * ACPI the loader script that has the firmware place and link them (QEMU,
 * "etc/table-loader"; "etc/smbios/").
 *
 * EDK2 passes the guest either ACPI tables, if there are any, or the device
 * tree; --no-acpi selects the tree. Here is only what the tables say of this
 * machine; arm/tables has their layout. Main thread, once, when the vCPUs exist
 * and MPIDR and CLIDR can be read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arm/boot.h"
#include "arm/cpu.h"
#include "arm/gic.h"
#include "arm/machine.h"
#include "lkvm/arm/tables/acpi.h"
#include "lkvm/arm/tables/smbios.h"
#include "lkvm/hw/fw_cfg/fw_cfg.h"
#include "lkvm/hw/pl061.h"
#include "lkvm/util/log.h"

/*
 * GIC INTIDs (IHI 0069): PPIs are 16 to 31, SPIs from 32 on. The numbers in
 * *machine are those of the device tree binding, which start at 0 for each.
 */
#define INTID_PPI 16
#define INTID_SPI 32

static int add_blob(struct fw_cfg *fw, const char *name,
		    const struct blob *blob)
{
	return fw_cfg_add_file_bytes(fw, name, blob->data, blob->size);
}

/* A machine without this device has base 0. */
static struct acpi_device device_at(const struct device_place *place)
{
	return (struct acpi_device) {
		.base = place->base,
		.size = place->base ? PRIMECELL_SIZE : 0,
		.intid = place->spi + INTID_SPI,
		.trigger = IRQ_LEVEL_HIGH,
	};
}

/* The same facts that arm/tables/fdt.c writes to the tree. */
static struct acpi_machine describe(struct machine *machine,
				    const struct acpi_cpu *cpus)
{
	const struct machine_type *type = machine->type;

	return (struct acpi_machine) {
		.cpus = cpus,
		.nr_cpus = machine->vm.nr_vcpus,
		.clidr = cpu_clidr(machine->vm.vcpus[0]),
		.gic = gic_acpi(machine),
		.timers = {
			.secure = PPI_TIMER_SECURE + INTID_PPI,
			.phys = PPI_TIMER_PHYS + INTID_PPI,
			.virt = PPI_TIMER_VIRT + INTID_PPI,
			.hyp = PPI_TIMER_HYP + INTID_PPI,
		},
		.pmu_intid = machine->features.pmu ? PPI_PMU + INTID_PPI : 0,
		.uart = device_at(&type->serial[0]),
		.uart_type = type->uart_type,
		.gpio = device_at(&type->gpio),
		.power_key = PL061_POWER_LINE,
		.fw_cfg = { .base = type->fw_cfg, .size = FW_CFG_MMIO_SIZE },
		.pvpanic = machine_acpi_pvpanic(machine),
		.exit_device = machine_acpi_exit(machine),
		.virtio = machine->virtio,
		.nr_virtio = machine->nr_virtio,
		.pcie = machine->pci ? &machine->acpi_pci : NULL,
	};
}

/* fw_cfg gets copies; the tables are freed here. */
static int add_acpi(struct machine *machine)
{
	unsigned int n = machine->vm.nr_vcpus;
	struct acpi_cpu *cpus = calloc(n, sizeof(*cpus));
	struct acpi_machine description;
	struct acpi_tables tables;
	int ret;

	if (!cpus)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++)
		cpus[i].mpidr = cpu_mpidr(machine->vm.vcpus[i]);
	description = describe(machine, cpus);
	ret = acpi_build(&description, &tables);
	free(cpus);
	if (ret)
		return ret;
	ret = add_blob(machine->fw_cfg, ACPI_FILE_RSDP, &tables.rsdp);
	if (!ret)
		ret = add_blob(machine->fw_cfg, ACPI_FILE_TABLES,
			       &tables.tables);
	if (!ret)
		ret = add_blob(machine->fw_cfg, ACPI_FILE_LOADER,
			       &tables.loader);
	acpi_tables_free(&tables);
	return ret;
}

static int add_smbios(struct machine *machine)
{
	struct smbios_tables tables;
	int ret = boot_build_smbios(machine, &tables);

	if (ret)
		return ret;
	ret = add_blob(machine->fw_cfg, SMBIOS_FILE_ANCHOR, &tables.anchor);
	if (!ret)
		ret = add_blob(machine->fw_cfg, SMBIOS_FILE_TABLES,
			       &tables.tables);
	smbios_tables_free(&tables);
	return ret;
}

int boot_add_tables(struct machine *machine)
{
	int ret = machine->config->no_acpi ? 0 : add_acpi(machine);

	if (!ret)
		ret = add_smbios(machine);
	if (ret)
		pr_fatal("Unable to describe the machine to its firmware: %s",
			 strerror(-ret));
	return ret;
}
