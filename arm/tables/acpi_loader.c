/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the firmware does with the files: commands of 128 bytes, as QEMU's
 * table loader has them. All numbers are little-endian.
 */
#include "acpi_tables.h"

#define COMMAND_SIZE 128
#define NAME_SIZE    56 /* with at least one zero */

#define COMMAND_ALLOCATE     1
#define COMMAND_ADD_POINTER  2
#define COMMAND_ADD_CHECKSUM 3

#define POINTER_SIZE 8

/* Firmware reads a string, so the last byte is always 0. */
static void add_name(struct blob *loader, const char *file)
{
	blob_add_field(loader, file, NAME_SIZE - 1);
	blob_add_u8(loader, 0);
}

/* The firmware copies the file to memory that it allocates. */
void acpi_load_file(struct blob *loader, const char *file, u32 align,
		    enum acpi_zone zone)
{
	blob_add_u32(loader, COMMAND_ALLOCATE);
	add_name(loader, file);
	blob_add_u32(loader, align);
	blob_add_u8(loader, (u8)zone);
	blob_align(loader, COMMAND_SIZE);
}

/* The firmware adds the address of `to` to what is at `at`. */
void acpi_load_pointer(struct blob *loader, const char *file, size_t at,
		       const char *to)
{
	blob_add_u32(loader, COMMAND_ADD_POINTER);
	add_name(loader, file);
	add_name(loader, to);
	blob_add_u32(loader, (u32)at);
	blob_add_u8(loader, POINTER_SIZE);
	blob_align(loader, COMMAND_SIZE);
}

/*
 * Commands are carried out in their order, so this comes after the pointers in
 * the range.
 */
void acpi_load_checksum(struct blob *loader, const char *file, size_t at,
			size_t start, size_t len)
{
	blob_add_u32(loader, COMMAND_ADD_CHECKSUM);
	add_name(loader, file);
	blob_add_u32(loader, (u32)at);
	blob_add_u32(loader, (u32)start);
	blob_add_u32(loader, (u32)len);
	blob_align(loader, COMMAND_SIZE);
}
