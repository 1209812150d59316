/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FADT, GTDT, XSDT and RSDP, and how all tables fit together: RSDP -> XSDT ->
 * all others, FADT -> DSDT. Only the hardware-reduced profile (ACPI 6.5,
 * section 4.1), which has no fixed hardware of PCs: arm64 requires it (Arm
 * DEN0044, Base Boot Requirements).
 *
 * Pointers between tables are offsets until the firmware has placed them; see
 * acpi_loader.c.
 */
#include <errno.h>
#include <string.h>

#include "acpi_tables.h"
#include "lkvm/util/log.h"

#define LOADER_MAX (16 * SZ_1K)
#define RSDP_MAX   64

/* ACPI 6.5, section 5.2.5.3, RSDP. */
#define RSDP_REVISION	  2
#define RSDP_CHECKSUM	  8
#define RSDP_FIRST_PART	  20 /* bytes it is the checksum of */
#define RSDP_XSDT	  24
#define RSDP_EXT_CHECKSUM 32
#define RSDP_SIZE	  36

#define XSDT_REVISION 1 /* section 5.2.8 */

/* Section 5.2.9, FADT: revision, and offsets of fields that are not 0. */
#define FADT_REVISION	6
#define FADT_MINOR	3
#define FADT_FLAGS	112
#define FADT_ARM_FLAGS	129
#define FADT_X_DSDT	140
#define FADT_HYPERVISOR 268
#define FADT_SIZE	276

/* Fixed feature flags: buttons, if any, are devices of the DSDT. */
#define FADT_POWER_BUTTON BIT(4)
#define FADT_SLEEP_BUTTON BIT(5)
#define FADT_HW_REDUCED	  BIT(20)

/* Section 5.2.9.4, Arm architecture boot flags. */
#define FADT_PSCI     BIT(0)
#define FADT_PSCI_HVC BIT(1)

/* Section 5.2.25, GTDT; level-triggered, active high: no flag for that. */
#define GTDT_REVISION	3
#define GTDT_ALWAYS_ON	BIT(2)
#define GTDT_NOT_MAPPED UINT64_MAX

/* All else is about PCs, or hardware that a reduced platform does not have. */
static void add_fadt(struct acpi_builder *b)
{
	size_t start = acpi_table_begin(b, "FACP", FADT_REVISION);
	u16 psci = FADT_PSCI | (b->machine->psci_smc ? 0 : FADT_PSCI_HVC);

	acpi_table_skip(b, start, FADT_FLAGS);
	blob_add_u32(b->tables,
		     FADT_HW_REDUCED | FADT_POWER_BUTTON | FADT_SLEEP_BUTTON);
	acpi_table_skip(b, start, FADT_ARM_FLAGS);
	blob_add_u16(b->tables, psci);
	blob_add_u8(b->tables, FADT_MINOR);
	acpi_table_skip(b, start, FADT_X_DSDT);
	acpi_table_pointer(b, b->dsdt);
	acpi_table_skip(b, start, FADT_HYPERVISOR);
	blob_add_field(b->tables, "LKVM", FADT_SIZE - FADT_HYPERVISOR);
	acpi_table_end(b, start);
	acpi_table_list(b, start);
}

/* KVM keeps the timers of a vCPU that waits going. */
static void add_timer(struct acpi_builder *b, u32 intid)
{
	blob_add_u32(b->tables, intid);
	blob_add_u32(b->tables, intid ? GTDT_ALWAYS_ON : 0);
}

/* The generic timer's PPIs; no memory-mapped timer and no watchdog. */
static void add_gtdt(struct acpi_builder *b)
{
	const struct acpi_timers *timers = &b->machine->timers;
	size_t start = acpi_table_begin(b, "GTDT", GTDT_REVISION);

	blob_add_u64(b->tables, GTDT_NOT_MAPPED); /* CNTControlBase */
	blob_add_u32(b->tables, 0);
	add_timer(b, timers->secure);
	add_timer(b, timers->phys);
	add_timer(b, timers->virt);
	add_timer(b, timers->hyp);
	blob_add_u64(b->tables, GTDT_NOT_MAPPED); /* CNTReadBase */
	blob_add_u64(b->tables, 0); /* number and offset of platform timers */
	add_timer(b, timers->hyp_virt);
	acpi_table_end(b, start);
	acpi_table_list(b, start);
}

/* The last table, as it points to the others. */
static size_t add_xsdt(struct acpi_builder *b)
{
	size_t start = acpi_table_begin(b, "XSDT", XSDT_REVISION);

	for (unsigned int i = 0; i < b->nr_listed; i++)
		acpi_table_pointer(b, b->listed[i]);
	acpi_table_end(b, start);
	return start;
}

/* Two checksums: the first covers ACPI 1.0's part. */
static void add_rsdp(struct acpi_tables *tables, size_t xsdt)
{
	struct blob *rsdp = &tables->rsdp;

	blob_add_field(rsdp, "RSD PTR ", 8);
	blob_add_u8(rsdp, 0); /* checksum */
	blob_add_field(rsdp, "LKVM  ", 6);
	blob_add_u8(rsdp, RSDP_REVISION);
	blob_add_u32(rsdp, 0); /* RSDT: there is none */
	blob_add_u32(rsdp, RSDP_SIZE);
	blob_add_u64(rsdp, xsdt);
	blob_add_zeros(rsdp, RSDP_SIZE - RSDP_EXT_CHECKSUM);
	acpi_load_pointer(&tables->loader, ACPI_FILE_RSDP, RSDP_XSDT,
			  ACPI_FILE_TABLES);
	acpi_load_checksum(&tables->loader, ACPI_FILE_RSDP, RSDP_CHECKSUM, 0,
			   RSDP_FIRST_PART);
	acpi_load_checksum(&tables->loader, ACPI_FILE_RSDP, RSDP_EXT_CHECKSUM,
			   0, RSDP_SIZE);
}

/*
 * Files come first, as a command can only name a file that the firmware has
 * allocated. The DSDT comes before the FADT, which points to it.
 */
static void add_tables(struct acpi_builder *b, struct acpi_tables *tables)
{
	acpi_load_file(b->loader, ACPI_FILE_TABLES, 64, ACPI_ZONE_HIGH);
	acpi_load_file(b->loader, ACPI_FILE_RSDP, 16, ACPI_ZONE_FSEG);
	acpi_add_dsdt(b);
	add_fadt(b);
	acpi_add_madt(b);
	add_gtdt(b);
	acpi_add_pptt(b);
	acpi_add_spcr(b);
	acpi_add_dbg2(b);
	acpi_add_mcfg(b);
	acpi_add_iort(b);
	add_rsdp(tables, add_xsdt(b));
}

/* The three blobs collect errors on their own. */
static int first_error(const struct acpi_tables *tables)
{
	if (tables->tables.err)
		return tables->tables.err;
	return tables->loader.err ? tables->loader.err : tables->rsdp.err;
}

/*
 * Called once, by arm/boot/tables.c on the main thread. The description is
 * checked as a whole before anything is written, so what goes wrong after that
 * is a lack of memory or of room in a blob.
 */
int acpi_build(const struct acpi_machine *machine, struct acpi_tables *tables)
{
	struct acpi_builder builder = {
		.machine = machine,
		.tables = &tables->tables,
		.loader = &tables->loader,
	};
	int ret;

	*tables = (struct acpi_tables) {
		.rsdp.limit = RSDP_MAX,
		.tables.limit = ACPI_TABLES_MAX,
		.loader.limit = LOADER_MAX,
	};
	ret = acpi_check(machine);
	if (ret)
		return ret;
	add_tables(&builder, tables);
	ret = first_error(tables);
	if (ret) {
		pr_fatal("Unable to build the ACPI tables: %s", strerror(-ret));
		acpi_tables_free(tables);
	}
	return ret;
}

void acpi_tables_free(struct acpi_tables *tables)
{
	blob_free(&tables->rsdp);
	blob_free(&tables->tables);
	blob_free(&tables->loader);
}
