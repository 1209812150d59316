/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The headers of an EFI program (Microsoft PE/COFF): private to arm/boot/. They
 * come from an untrusted file: no function here reads outside of the bytes that
 * are passed to it; numbers in them are the caller's to check. Pure functions,
 * for any thread.
 */
#ifndef LKVM_ARM_BOOT_PE_H
#define LKVM_ARM_BOOT_PE_H

#include "lkvm/util/util.h"

#define PE_ARM64 0xaa64 /* "Machine Types" */

/* The size of a section's header, and of the name in it. */
#define PE_SECTION_SIZE 0x28
#define PE_NAME_SIZE	8

/* A section, as its header has it. */
struct pe_section {
	char name[PE_NAME_SIZE + 1];
	u32 pos; /* in the file */
	u32 raw_size;
	u32 size; /* in memory; what is more than raw_size reads as zero */
};

/* The PE header in the `size` bytes that a file begins with; NULL: none. */
const u8 *pe_find(const u8 *data, u64 size);

/*
 * Its machine type, and the name of that for messages (static). `pe` is from
 * pe_find().
 */
u32 pe_type(const u8 *pe);
const char *pe_machine(const u8 *pe);

/* How many section headers there are, and their bytes from `pe` on. */
u32 pe_nr_sections(const u8 *pe);
u64 pe_section_table(const u8 *pe);

/* Decodes a section's header of PE_SECTION_SIZE bytes. */
struct pe_section pe_section_at(const u8 *header);

/*
 * Where the last section of the program ends that begins with these `size`
 * bytes; 0 if the section headers are not among them.
 */
u64 pe_file_size(const u8 *data, u64 size);

#endif
