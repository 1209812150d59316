/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI Express host bridge: MCFG, and devices of the DSDT.
 *
 * Windows and interrupts are those that pci/ decodes and raises (struct
 * acpi_pcie); acpi_check() has verified that they fit the fields they are
 * written to.
 */
#include "acpi_tables.h"

#define MCFG_REVISION 1 /* PCI Firmware Specification 3.2, section 4.1.2 */

#define NR_SLOTS 32
#define NR_PINS	 4

/* ACPI 6.5, section 6.2.13, _PRT: any function of a slot. */
#define PRT_ADDRESS(slot) ((u64)(slot) << 16 | 0xffff)

/* One entry: the buses of segment 0, at 1 MiB each. */
void acpi_add_mcfg(struct acpi_builder *b)
{
	const struct acpi_pcie *pcie = b->machine->pcie;
	size_t start;

	if (!pcie)
		return;
	start = acpi_table_begin(b, "MCFG", MCFG_REVISION);
	blob_add_u64(b->tables, 0);
	blob_add_u64(b->tables, pcie->ecam);
	blob_add_u16(b->tables, 0); /* segment */
	blob_add_u8(b->tables, 0);  /* first bus */
	blob_add_u8(b->tables, (u8)(pcie->nr_buses - 1));
	blob_add_u32(b->tables, 0);
	acpi_table_end(b, start);
	acpi_table_list(b, start);
}

/* No link devices between: a source of 0, and the INTID itself. */
static void add_routing(struct aml_writer *aml, const struct acpi_pcie *pcie)
{
	aml_name(aml, "_PRT");
	aml_package_begin(aml, NR_SLOTS * NR_PINS);
	for (u32 i = 0; i < NR_SLOTS * NR_PINS; i++) {
		u32 slot = i / NR_PINS, pin = i % NR_PINS;

		aml_package_begin(aml, 4);
		aml_integer(aml, PRT_ADDRESS(slot));
		aml_integer(aml, pin);
		aml_integer(aml, 0);
		aml_integer(aml, pcie->intid + (pin + slot) % NR_PINS);
		aml_end(aml);
	}
	aml_end(aml);
}

/*
 * Where an OS may place buses and BARs. Ports and the window above 4 GiB are
 * optional.
 */
static void add_windows(struct aml_writer *aml, const struct acpi_pcie *pcie)
{
	aml_name(aml, "_CRS");
	aml_resources_begin(aml);
	aml_bus_window(aml, 0, (u8)(pcie->nr_buses - 1));
	aml_memory_window(aml, pcie->mmio32.base, pcie->mmio32.size);
	if (pcie->ports.size)
		aml_port_window(aml, pcie->ports.base, (u32)pcie->ports.size);
	if (pcie->mmio64.size)
		aml_memory_window(aml, pcie->mmio64.base, pcie->mmio64.size);
	aml_end(aml);
}

/*
 * PCI Firmware Specification, section 4.1.2: a device of the motherboard has
 * the configuration space, or an OS may assign it to devices.
 */
static void add_ecam(struct aml_writer *aml, const struct acpi_pcie *pcie)
{
	aml_device_begin(aml, "RES0");
	aml_name_eisaid(aml, "_HID", "PNP0C02");
	aml_name_integer(aml, "_UID", 0);
	aml_name(aml, "_CRS");
	aml_resources_begin(aml);
	aml_memory64(aml, pcie->ecam, pcie->nr_buses * SZ_1M);
	aml_end(aml);
	aml_end(aml);
}

/* Without _OSC an OS leaves hotplug and error reporting alone: there is none.
 */
void acpi_add_bridge(struct aml_writer *aml, const struct acpi_pcie *pcie)
{
	aml_device_begin(aml, "PCI0");
	aml_name_eisaid(aml, "_HID", "PNP0A08");
	aml_name_eisaid(aml, "_CID", "PNP0A03");
	aml_name_integer(aml, "_UID", 0);
	aml_name_integer(aml, "_SEG", 0);
	aml_name_integer(aml, "_BBN", 0);
	aml_name_integer(aml, "_CCA", 1);
	add_routing(aml, pcie);
	add_windows(aml, pcie);
	aml_end(aml);
	add_ecam(aml, pcie);
}
