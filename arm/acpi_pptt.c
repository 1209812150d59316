/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PPTT: the topology of the processors. ACPI 6.5, section 5.2.30.
 *
 * The vCPUs are cores of one package: that is what the device tree comes to,
 * which has no cpu-map, and what SMBIOS says. Caches are left out: their levels
 * are in the guest's registers, where KVM may have made them up, and which
 * vCPUs share one depends on where the host runs them. Nor are the cores said
 * to be of the same kind, as the host's may not be.
 */
#include "acpi.h"

#define PPTT_REVISION 2 /* that of ACPI 6.3; the next one is about caches */

/* Section 5.2.30.1, processor hierarchy node structure. */
#define TYPE_PROCESSOR 0
#define SIZE_PROCESSOR 20
#define NODE_PACKAGE   BIT(0)
#define NODE_ID_VALID  BIT(1)
#define NODE_LEAF      BIT(3) /* and no thread: that is another flag */

/* The parent is told by its offset in the table; 0 stands for none. */
static void add_node(struct acpi_builder *b, u32 flags, u32 parent, u32 id)
{
	blob_add_u8(b->tables, TYPE_PROCESSOR);
	blob_add_u8(b->tables, SIZE_PROCESSOR);
	blob_add_u16(b->tables, 0);
	blob_add_u32(b->tables, flags);
	blob_add_u32(b->tables, parent);
	blob_add_u32(b->tables, id);
	blob_add_u32(b->tables, 0); /* private resources */
}

/*
 * The package comes last: several stable releases of Linux of 2025 overlook the
 * last node if it has no private resources, and say that a core is missing. No
 * device of the DSDT stands for the package, so it has no ID.
 */
void acpi_add_pptt(struct acpi_builder *b)
{
	u32 nr_cpus = b->machine->nr_cpus;
	size_t start = acpi_table_begin(b, "PPTT", PPTT_REVISION);
	u32 package = (u32)(b->tables->size - start) + nr_cpus * SIZE_PROCESSOR;

	for (u32 i = 0; i < nr_cpus; i++)
		add_node(b, NODE_LEAF | NODE_ID_VALID, package, i);
	add_node(b, NODE_PACKAGE, 0, 0);
	acpi_table_end(b, start);
	acpi_table_list(b, start);
}
