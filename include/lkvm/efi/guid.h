/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What UEFI stores are made of: little-endian numbers and GUIDs. GUIDs have
 * short names here if they are known to own variables, volumes or signatures.
 */
#ifndef LKVM_EFI_GUID_H
#define LKVM_EFI_GUID_H

#include "lkvm/util/util.h"

/* Of unaligned bytes: 2, 4 or 8 of them can be read at p. */
static inline u16 efi_le16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

static inline u32 efi_le32(const u8 *p)
{
	return efi_le16(p) | (u32)efi_le16(p + 2) << 16;
}

static inline u64 efi_le64(const u8 *p)
{
	return efi_le32(p) | (u64)efi_le32(p + 4) << 32;
}

/* As it lies in memory: the first three fields are little-endian. */
struct efi_guid {
	u8 bytes[16];
};

/* The usual form of GUIDs that the code compares with. */
#define EFI_GUID_GLOBAL		"8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define EFI_GUID_IMAGE_SECURITY "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
#define EFI_GUID_SHIM		"605dab50-e046-4300-abb6-3dd810dd8b23"
#define EFI_GUID_LOADER		"4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define EFI_GUID_NV_DATA	"fff12b8d-7696-4c8b-a985-2747075b4f50"
#define EFI_GUID_STORE_AUTH	"aaf32c78-947b-439a-a180-2e144ec37792"
#define EFI_GUID_STORE_PLAIN	"ddcf3616-3275-4164-98b6-fe85707ffe7d"
#define EFI_GUID_FTW_BLOCK	"9e58292b-7c68-497d-a0ce-6500fd9f1b95"

#define EFI_GUID_TEXT_SIZE 37 /* bytes, with the zero */

/* The GUID at p, of which 16 bytes can be read. */
struct efi_guid efi_guid_at(const u8 *p);

/* Writes the usual form in lower case, with a zero at its end. */
void efi_guid_format(const struct efi_guid *guid,
		     char text[EFI_GUID_TEXT_SIZE]);

/*
 * Parses all of `text`, the usual form in either case or a short name. Returns
 * 0, or -EINVAL and leaves *guid alone.
 */
int efi_guid_parse(const char *text, struct efi_guid *guid);

/* True if `text`, the usual form in lower case, is this GUID. */
bool efi_guid_is(const struct efi_guid *guid, const char *text);

/* The short name, such as "global", or NULL. */
const char *efi_guid_name(const struct efi_guid *guid);

#endif
