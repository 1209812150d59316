/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IORT: how MSIs get to the ITS. Arm DEN0049, IO Remapping Table. */
#include "acpi.h"

#define IORT_REVISION  0
#define IORT_NODES_AT  48
#define NODE_ITS_GROUP 0
#define ITS_GROUP_SIZE 24

void acpi_add_iort(struct acpi_builder *b)
{
	size_t start;

	if (!b->machine->gic.its)
		return;
	start = acpi_table_begin(b, "IORT", IORT_REVISION);
	blob_add_u32(b->tables, 1); /* nodes */
	blob_add_u32(b->tables, IORT_NODES_AT);
	blob_add_u32(b->tables, 0);
	blob_add_u8(b->tables, NODE_ITS_GROUP);
	blob_add_u16(b->tables, ITS_GROUP_SIZE);
	blob_add_u8(b->tables, 0); /* revision of the node */
	blob_add_u32(b->tables, 0);
	blob_add_u64(b->tables, 0); /* number and offset of mappings */
	blob_add_u32(b->tables, 1); /* ITSs in the group, */
	blob_add_u32(b->tables, 0); /* which is the MADT's */
	acpi_table_end(b, start);
	acpi_table_list(b, start);
}
