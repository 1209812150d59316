/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IORT: how MSIs get to the ITS. Arm DEN0049, IO Remapping Table.
 *
 * Written only for a machine with an ITS, whose address the MADT has; MSIs by a
 * GICv2m frame need no mapping. acpi.c calls this after acpi_check().
 */
#include "acpi_tables.h"

#define IORT_REVISION	  0
#define IORT_NODES_AT	  48
#define NODE_ITS_GROUP	  0
#define NODE_ROOT_COMPLEX 2
#define ITS_GROUP_SIZE	  24
#define ROOT_COMPLEX_SIZE 56
#define MAPPINGS_AT	  36 /* in a root complex */

/* Memory access properties: DMA is coherent without the OS's doing. */
#define COHERENT       1
#define COHERENT_FLAGS (BIT(0) | BIT(1)) /* CPM, DACS */
#define ADDRESS_BITS   64
#define LAST_ID	       0xffff /* number of IDs - 1: all buses */

/* All nodes begin with this; the last word is reserved in this revision. */
static void begin_node(struct acpi_builder *b, u8 type, u16 size, u8 revision)
{
	blob_add_u8(b->tables, type);
	blob_add_u16(b->tables, size);
	blob_add_u8(b->tables, revision);
	blob_add_u32(b->tables, 0);
}

/* The group that is the first node has the MADT's ITS. */
static void add_its_group(struct acpi_builder *b)
{
	begin_node(b, NODE_ITS_GROUP, ITS_GROUP_SIZE, 0);
	blob_add_u32(b->tables, 0); /* mappings, */
	blob_add_u32(b->tables, 0); /* where they are */
	blob_add_u32(b->tables, 1); /* ITSs */
	blob_add_u32(b->tables, 0); /* the first one's number */
}

/* A function's requester ID is its device ID for the ITS. */
static void add_root_complex(struct acpi_builder *b)
{
	begin_node(b, NODE_ROOT_COMPLEX, ROOT_COMPLEX_SIZE, 1);
	blob_add_u32(b->tables, 1); /* mappings, */
	blob_add_u32(b->tables, MAPPINGS_AT);
	blob_add_u32(b->tables, COHERENT);
	blob_add_u8(b->tables, 0); /* hints */
	blob_add_u16(b->tables, 0);
	blob_add_u8(b->tables, COHERENT_FLAGS);
	blob_add_u32(b->tables, 0); /* no ATS */
	blob_add_u32(b->tables, 0); /* segment */
	blob_add_u8(b->tables, ADDRESS_BITS);
	blob_add_zeros(b->tables, 3);
	blob_add_u32(b->tables, 0); /* first ID */
	blob_add_u32(b->tables, LAST_ID);
	blob_add_u32(b->tables, 0); /* first ID at the ITS */
	blob_add_u32(b->tables, IORT_NODES_AT);
	blob_add_u32(b->tables, 0); /* flags */
}

/* An ITS without PCIe has a group that no root complex refers to. */
void acpi_add_iort(struct acpi_builder *b)
{
	bool pcie = b->machine->pcie;
	size_t start;

	if (!b->machine->gic.its)
		return;
	start = acpi_table_begin(b, "IORT", IORT_REVISION);
	blob_add_u32(b->tables, pcie ? 2 : 1); /* nodes */
	blob_add_u32(b->tables, IORT_NODES_AT);
	blob_add_u32(b->tables, 0);
	add_its_group(b);
	if (pcie)
		add_root_complex(b);
	acpi_table_end(b, start);
	acpi_table_list(b, start);
}
