/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Headers of EFI programs: Microsoft PE/COFF, "MS-DOS Stub" to "Section Table".
 *
 * Used to recognise files and to find the sections of unified kernel images.
 * The bytes come from a file that may be anything, so that every offset is
 * checked against the size before it is used. No relocation, no loading: lkvm
 * does not execute EFI programs itself.
 */
#include <string.h>

#include "lkvm/arm/boot/image_file.h"
#include "lkvm/arm/boot/pe.h"

/*
 * Offset 0x3c of the MS-DOS header is where the PE signature is; the COFF file
 * header (20 bytes) follows the 4 bytes of the signature, then the optional
 * header. Offsets are from the signature on.
 */
#define DOS_HEADER_SIZE	 0x40
#define DOS_PE_POINTER	 0x3c
#define PE_MACHINE	 0x04
#define PE_NR_SECTIONS	 0x06
#define PE_OPTIONAL_SIZE 0x14
#define PE_HEADERS_SIZE	 0x18

/* Section table entry: VirtualSize, SizeOfRawData, PointerToRawData. */
#define SECTION_SIZE	 0x08
#define SECTION_RAW_SIZE 0x10
#define SECTION_RAW_POS	 0x14

/*
 * The whole COFF header is within `size` bytes after this, as the accessors
 * below rely on.
 */
const u8 *pe_find(const u8 *data, u64 size)
{
	u32 offset;

	if (size < DOS_HEADER_SIZE || !IMAGE_HAS(data, size, 0, "MZ"))
		return NULL;
	offset = image_le32(data + DOS_PE_POINTER);
	if (!range_within(offset, PE_HEADERS_SIZE, 0, size) ||
	    !IMAGE_HAS(data, size, offset, "PE\0\0"))
		return NULL;
	return data + offset;
}

u32 pe_type(const u8 *pe)
{
	return image_le32(pe + PE_MACHINE) & 0xffff;
}

/* For messages: the machine types that users confuse with arm64. */
const char *pe_machine(const u8 *pe)
{
	switch (pe_type(pe)) {
	case PE_ARM64:
		return "arm64";
	case 0x8664:
		return "x86-64";
	case 0x014c:
		return "x86";
	case 0x01c0:
	case 0x01c2:
	case 0x01c4:
		return "32-bit ARM";
	case 0x5064:
		return "RISC-V";
	case 0x6264:
		return "LoongArch";
	default:
		return "another machine";
	}
}

u32 pe_nr_sections(const u8 *pe)
{
	return image_le32(pe + PE_NR_SECTIONS) & 0xffff;
}

/* The optional header's size varies with its data directories. */
u64 pe_section_table(const u8 *pe)
{
	return PE_HEADERS_SIZE + (image_le32(pe + PE_OPTIONAL_SIZE) & 0xffff);
}

/* Names of 8 characters have no NUL in the file; `name` has one more byte. */
struct pe_section pe_section_at(const u8 *header)
{
	struct pe_section section = {
		.pos = image_le32(header + SECTION_RAW_POS),
		.raw_size = image_le32(header + SECTION_RAW_SIZE),
		.size = image_le32(header + SECTION_SIZE),
	};

	memcpy(section.name, header, PE_NAME_SIZE);
	return section;
}

/*
 * To detect a truncated file. Signatures, which come behind the last section,
 * do not count.
 */
u64 pe_file_size(const u8 *data, u64 size)
{
	const u8 *pe = pe_find(data, size);
	u64 table, count, end = 0;

	if (!pe)
		return 0;
	count = pe_nr_sections(pe);
	table = (u64)(pe - data) + pe_section_table(pe);
	if (!range_within(table, count * PE_SECTION_SIZE, 0, size))
		return 0;
	for (u64 i = 0; i < count; i++) {
		struct pe_section section =
			pe_section_at(data + table + i * PE_SECTION_SIZE);

		end = MAX(end, (u64)section.pos + section.raw_size);
	}
	return end;
}
