/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PPTT: the topology of the processors. ACPI 6.5, section 5.2.30.
 *
 * The vCPUs are cores of one package: that is what the device tree comes to,
 * which has no cpu-map, and what SMBIOS says. They are not said to be of the
 * same kind, as the host's may not be.
 *
 * Of the caches there are as many levels, of such types, as the guest's own
 * registers have: an OS that counts both has to come to the same number. All
 * else is left out, for KVM may have made up what the registers say, and which
 * vCPUs share a cache depends on where the host runs them.
 */
#include "acpi_tables.h"

#define PPTT_REVISION 2 /* that of ACPI 6.3; the next one is about caches */

/* Section 5.2.30.1, processor hierarchy node structure. */
#define TYPE_PROCESSOR 0
#define SIZE_PROCESSOR 20 /* and 4 for each private resource */
#define NODE_PACKAGE   BIT(0)
#define NODE_ID_VALID  BIT(1)
#define NODE_LEAF      BIT(3) /* and no thread: that is another flag */

/* Section 5.2.30.2, cache type structure. */
#define TYPE_CACHE	  1
#define SIZE_CACHE	  24
#define CACHE_TYPE_VALID  BIT(4)
#define CACHE_DATA	  (0 << 2)
#define CACHE_INSTRUCTION (1 << 2)
#define CACHE_UNIFIED	  (2 << 2)

/* Arm ARM, CLIDR_EL1: Ctype<n>, three bits for each level. */
#define CLIDR_LEVELS	  7
#define CTYPE_INSTRUCTION BIT(0)
#define CTYPE_DATA	  BIT(1)
#define CTYPE_UNIFIED	  4 /* the last value that is not reserved */

/*
 * The caches of a level that data and instructions go through, by their offsets
 * in the table: the same one unless they are separate, 0 if there is none.
 */
struct level {
	u32 data, insn;
};

/* Structures refer to each other by offsets from the table's start. */
static u32 offset(const struct acpi_builder *b, size_t start)
{
	return (u32)(b->tables->size - start);
}

/*
 * Only the type has its valid flag, for the reasons above; `next` is the cache
 * behind it, further from the core, or 0.
 */
static u32 add_cache(struct acpi_builder *b, size_t start, u8 type, u32 next)
{
	u32 at = offset(b, start);

	blob_add_u8(b->tables, TYPE_CACHE);
	blob_add_u8(b->tables, SIZE_CACHE);
	blob_add_u16(b->tables, 0);
	blob_add_u32(b->tables, CACHE_TYPE_VALID);
	blob_add_u32(b->tables, next);
	blob_add_u32(b->tables, 0); /* size */
	blob_add_u32(b->tables, 0); /* sets */
	blob_add_u8(b->tables, 0);  /* associativity */
	blob_add_u8(b->tables, type);
	blob_add_u16(b->tables, 0); /* line size */
	return at;
}

/* With one cache only, data and instructions both go through that. */
static struct level add_level(struct acpi_builder *b, size_t start,
			      unsigned int ctype, const struct level *next)
{
	struct level level = { 0 };

	if (ctype == CTYPE_UNIFIED)
		level.data = add_cache(b, start, CACHE_UNIFIED, next->data);
	if (ctype & CTYPE_DATA)
		level.data = add_cache(b, start, CACHE_DATA, next->data);
	if (ctype & CTYPE_INSTRUCTION)
		level.insn = add_cache(b, start, CACHE_INSTRUCTION, next->insn);
	if (!level.data)
		level.data = level.insn;
	if (!level.insn)
		level.insn = level.data;
	return level;
}

/* Levels count from 1. */
static unsigned int ctype_of(u64 clidr, unsigned int level)
{
	return clidr >> 3 * (level - 1) & 7;
}

/* They end at the first level without a cache. 0 for a reserved value. */
static unsigned int nr_levels(u64 clidr)
{
	unsigned int n = 0;

	while (n < CLIDR_LEVELS && ctype_of(clidr, n + 1))
		if (ctype_of(clidr, ++n) > CTYPE_UNIFIED)
			return 0;
	return n;
}

/* The caches of one node: each leads to the next level, but not beyond. */
static struct level add_levels(struct acpi_builder *b, size_t start,
			       unsigned int first, unsigned int last)
{
	u64 clidr = b->machine->clidr;
	struct level level = { 0 };

	for (unsigned int n = last; n >= first; n--)
		level = add_level(b, start, ctype_of(clidr, n), &level);
	return level;
}

/* A cache for both is one resource. */
static u32 nr_resources(const struct level *level)
{
	return level->data ? 1 + (level->insn != level->data) : 0;
}

/* `parent` is an offset in the table; 0 stands for none. */
static void add_node(struct acpi_builder *b, u32 flags, u32 parent, u32 id,
		     const struct level *caches)
{
	u32 resources = nr_resources(caches);

	blob_add_u8(b->tables, TYPE_PROCESSOR);
	blob_add_u8(b->tables, (u8)(SIZE_PROCESSOR + 4 * resources));
	blob_add_u16(b->tables, 0);
	blob_add_u32(b->tables, flags);
	blob_add_u32(b->tables, parent);
	blob_add_u32(b->tables, id);
	blob_add_u32(b->tables, resources);
	if (resources > 0)
		blob_add_u32(b->tables, caches->data);
	if (resources > 1)
		blob_add_u32(b->tables, caches->insn);
}

/*
 * Each core has the first level for itself: one structure will do for all, as
 * it says nothing of where the cache is. The others are the package's, for
 * an OS assumes that they are shared if nothing else is said. So is an only
 * level, with which KVM since Linux 6.3 stands for all that the host has: with
 * a last level of its own each core would be alone to Linux's scheduler, which
 * then looks for no idle one when a task wakes up.
 *
 * The package comes last: several stable releases of Linux of 2025 overlook the
 * last node if it has no private resources, and say that a core is missing. No
 * device of the DSDT stands for the package, so it has no ID.
 */
void acpi_add_pptt(struct acpi_builder *b)
{
	u32 nr_cpus = b->machine->nr_cpus;
	unsigned int levels = nr_levels(b->machine->clidr);
	unsigned int own = levels > 1 ? 1 : 0;
	size_t start = acpi_table_begin(b, "PPTT", PPTT_REVISION);
	struct level shared = add_levels(b, start, own + 1, levels);
	struct level private = add_levels(b, start, 1, own);
	u32 size = SIZE_PROCESSOR + 4 * nr_resources(&private);
	u32 package = offset(b, start) + nr_cpus * size;

	for (u32 i = 0; i < nr_cpus; i++)
		add_node(b, NODE_LEAF | NODE_ID_VALID, package, i, &private);
	add_node(b, NODE_PACKAGE, 0, 0, &shared);
	acpi_table_end(b, start);
	acpi_table_list(b, start);
}
