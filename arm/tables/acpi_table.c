/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ACPI tables have in common: header, pointers, registers.
 *
 * A table's length is known when it ends. Its checksum, and the addresses in
 * it, are known to the firmware only, for which acpi_loader.c writes the
 * commands.
 */
#include <errno.h>

#include "acpi_tables.h"

/* ACPI 6.5, section 5.2.6, DESCRIPTION_HEADER. */
#define HEADER_LENGTH	4
#define HEADER_CHECKSUM 9

#define SYSTEM_MEMORY 0 /* section 5.2.3.2, Generic Address Structure */

/* Length and checksum are 0 until the table ends and is loaded. */
size_t acpi_table_begin(struct acpi_builder *b, const char *signature,
			u8 revision)
{
	struct blob *out = b->tables;
	size_t start;

	blob_align(out, 8);
	start = out->size;
	blob_add_field(out, signature, 4);
	blob_add_u32(out, 0); /* length */
	blob_add_u8(out, revision);
	blob_add_u8(out, 0);		    /* checksum */
	blob_add_field(out, "LKVM  ", 6);   /* OEM */
	blob_add_field(out, "LKVMVIRT", 8); /* OEM's table */
	blob_add_u32(out, 1);		    /* and its revision */
	blob_add_field(out, "LKVM", 4);	    /* what made the table */
	blob_add_u32(out, 1);		    /* and its revision */
	return start;
}

void acpi_table_skip(struct acpi_builder *b, size_t start, size_t at)
{
	size_t len = b->tables->size - start;

	if (len < at)
		blob_add_zeros(b->tables, at - len);
}

void acpi_table_end(struct acpi_builder *b, size_t start)
{
	size_t len = b->tables->size - start;

	blob_set_u32(b->tables, start + HEADER_LENGTH, (u32)len);
	acpi_load_checksum(b->loader, ACPI_FILE_TABLES, start + HEADER_CHECKSUM,
			   start, len);
}

void acpi_table_list(struct acpi_builder *b, size_t start)
{
	if (b->nr_listed == ACPI_MAX_TABLES)
		blob_fail(b->tables, -E2BIG);
	else
		b->listed[b->nr_listed++] = start;
}

/* An offset in the file, which the firmware makes an address. */
void acpi_table_pointer(struct acpi_builder *b, size_t start)
{
	acpi_load_pointer(b->loader, ACPI_FILE_TABLES, b->tables->size,
			  ACPI_FILE_TABLES);
	blob_add_u64(b->tables, start);
}

void acpi_table_register(struct acpi_builder *b, u64 base, unsigned int width)
{
	blob_add_u8(b->tables, SYSTEM_MEMORY);
	blob_add_u8(b->tables, (u8)width);
	blob_add_u8(b->tables, 0); /* first bit */
	/* Access size: 1 for bytes, 2 for words and so on. */
	blob_add_u8(b->tables, (u8)(ilog2(width) - 2));
	blob_add_u64(b->tables, base);
}
