/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MADT: the interrupt controller. ACPI 6.5, section 5.2.12.
 *
 * Addresses are those that arm/gic.c has given to the GIC of KVM. Numbers of
 * CPUs are those of the DSDT, and the ITS is number 0, as the IORT has it.
 */
#include "acpi_tables.h"

#define MADT_REVISION 5

#define TYPE_GICC  0x0b /* 5.2.12.14 */
#define SIZE_GICC  80
#define TYPE_GICD  0x0c /* 5.2.12.15 */
#define SIZE_GICD  24
#define TYPE_FRAME 0x0d /* 5.2.12.16 */
#define SIZE_FRAME 24
#define TYPE_GICR  0x0e /* 5.2.12.17 */
#define SIZE_GICR  16
#define TYPE_ITS   0x0f /* 5.2.12.18 */
#define SIZE_ITS   20

/* The PMU's interrupt is level-triggered: no flag for that. */
#define GICC_ENABLED BIT(0)

#define FRAME_SELECT_SPIS BIT(0) /* count and base are here, not in it */

/* Two reserved bytes follow type and length in all entries used here. */
static void begin_entry(struct acpi_builder *b, u8 type, u8 size)
{
	blob_add_u8(b->tables, type);
	blob_add_u8(b->tables, size);
	blob_add_u16(b->tables, 0);
}

/* Linux numbers CPUs in the order of these. */
static void add_gicc(struct acpi_builder *b, u32 number)
{
	const struct acpi_machine *machine = b->machine;
	const struct acpi_cpu *cpu = &machine->cpus[number];
	bool v2 = machine->gic.version == 2;

	begin_entry(b, TYPE_GICC, SIZE_GICC);
	blob_add_u32(b->tables, number); /* of the CPU interface */
	blob_add_u32(b->tables, number); /* _UID of the device */
	blob_add_u32(b->tables, GICC_ENABLED);
	blob_add_u32(b->tables, 0); /* no parking protocol: PSCI */
	blob_add_u32(b->tables, machine->pmu_intid);
	blob_add_u64(b->tables, 0); /* parked address */
	blob_add_u64(b->tables, v2 ? machine->gic.gicc : 0);
	blob_add_u64(b->tables, 0); /* GICV */
	blob_add_u64(b->tables, 0); /* GICH */
	blob_add_u32(b->tables, 0); /* maintenance interrupt */
	blob_add_u64(b->tables, v2 ? 0 : cpu->gicr);
	blob_add_u64(b->tables, cpu->mpidr);
	blob_add_u32(b->tables, 0); /* efficiency class, SPE's interrupt */
}

/* The version is told, so that an OS need not probe for it. */
static void add_gicd(struct acpi_builder *b)
{
	begin_entry(b, TYPE_GICD, SIZE_GICD);
	blob_add_u32(b->tables, 0); /* its number: there is one */
	blob_add_u64(b->tables, b->machine->gic.gicd);
	blob_add_u32(b->tables, 0); /* system vector base */
	blob_add_u8(b->tables, (u8)b->machine->gic.version);
	blob_add_zeros(b->tables, 3);
}

/* Only for regions; a CPU's own redistributor is in its GICC. */
static void add_gicr(struct acpi_builder *b, const struct acpi_range *range)
{
	begin_entry(b, TYPE_GICR, SIZE_GICR);
	blob_add_u64(b->tables, range->base);
	blob_add_u32(b->tables, (u32)range->size);
}

/* There is one at most. */
static void add_its(struct acpi_builder *b)
{
	if (!b->machine->gic.its)
		return;
	begin_entry(b, TYPE_ITS, SIZE_ITS);
	blob_add_u32(b->tables, 0); /* its number, which the IORT names */
	blob_add_u64(b->tables, b->machine->gic.its);
	blob_add_u32(b->tables, 0);
}

/* MSIs where there is no ITS: see hw/gicv2m.c. */
static void add_frame(struct acpi_builder *b)
{
	const struct acpi_gic *gic = &b->machine->gic;

	if (!gic->v2m)
		return;
	begin_entry(b, TYPE_FRAME, SIZE_FRAME);
	blob_add_u32(b->tables, 0); /* its number: there is one */
	blob_add_u64(b->tables, gic->v2m);
	blob_add_u32(b->tables, FRAME_SELECT_SPIS);
	blob_add_u16(b->tables, (u16)gic->nr_v2m_spis);
	blob_add_u16(b->tables, (u16)gic->v2m_intid);
}

void acpi_add_madt(struct acpi_builder *b)
{
	const struct acpi_gic *gic = &b->machine->gic;
	size_t start = acpi_table_begin(b, "APIC", MADT_REVISION);

	blob_add_u32(b->tables, 0); /* local controller: see each GICC */
	blob_add_u32(b->tables, 0); /* flags: no PC */
	for (unsigned int i = 0; i < b->machine->nr_cpus; i++)
		add_gicc(b, i);
	add_gicd(b);
	for (unsigned int i = 0; gic->version == 3 && i < gic->nr_gicr; i++)
		add_gicr(b, &gic->gicr[i]);
	add_its(b);
	add_frame(b);
	acpi_table_end(b, start);
	acpi_table_list(b, start);
}
