/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <zlib.h>

#include "efi_fixture.h"

void put_le16(u8 *p, u16 value)
{
	p[0] = (u8)value;
	p[1] = (u8)(value >> 8);
}

void put_le32(u8 *p, u32 value)
{
	put_le16(p, (u16)value);
	put_le16(p + 2, (u16)(value >> 16));
}

void put_le64(u8 *p, u64 value)
{
	put_le32(p, (u32)value);
	put_le32(p + 4, (u32)(value >> 32));
}

void put_guid(u8 *p, const char *text)
{
	struct efi_guid guid;

	assert_int_equal(efi_guid_parse(text, &guid), 0);
	memcpy(p, guid.bytes, sizeof(guid.bytes));
}

void fix_checksum(u8 *header)
{
	u16 sum = 0;

	put_le16(header + 50, 0);
	for (size_t i = 0; i < VOLUME_HEADER; i += 2)
		sum = (u16)(sum + efi_le16(header + i));
	put_le16(header + 50, (u16)-sum);
}

void make_store(struct maker *maker, bool authenticated)
{
	u8 *p = maker->data;

	memset(p, 0xff, sizeof(maker->data));
	memset(p, 0, FIRST_VAR);
	put_guid(p + 16, EFI_GUID_NV_DATA);
	put_le64(p + 32, VOLUME_LENGTH);
	memcpy(p + 40, "_FVH", 4);
	put_le32(p + 44, 0xe36);
	put_le16(p + 48, VOLUME_HEADER);
	p[55] = 2;
	put_le32(p + 56, VOLUME_LENGTH / 0x1000);
	put_le32(p + 60, 0x1000);
	fix_checksum(p);
	p += VOLUME_HEADER;
	put_guid(p, authenticated ? EFI_GUID_STORE_AUTH : EFI_GUID_STORE_PLAIN);
	put_le32(p + 16, STORE_END - VOLUME_HEADER);
	p[20] = EFI_STORE_FORMATTED;
	p[21] = EFI_STORE_HEALTHY;
	maker->authenticated = authenticated;
	maker->at = FIRST_VAR;
}

size_t make_var(struct maker *maker, u8 state, const char *guid,
		const char *name, const void *data, size_t len)
{
	bool auth = maker->authenticated;
	size_t name_size = strlen(name) * 2 + 2;
	size_t start = maker->at;
	u8 *p = maker->data + start;

	assert_true(start + RECORD_SIZE(auth) + name_size + len <= STORE_END);
	memset(p, 0, RECORD_SIZE(auth) + name_size);
	put_le16(p, 0x55aa);
	p[2] = state;
	put_le32(p + 4, EFI_ATTR_NV | EFI_ATTR_BS | EFI_ATTR_RT);
	put_le32(p + NAME_SIZE_AT(auth), (u32)name_size);
	put_le32(p + DATA_SIZE_AT(auth), (u32)len);
	put_guid(p + RECORD_SIZE(auth) - 16, guid);
	p += RECORD_SIZE(auth);
	for (size_t i = 0; name[i]; i++)
		p[i * 2] = (u8)name[i];
	if (len)
		memcpy(p + name_size, data, len);
	maker->at = ALIGN_UP(start + RECORD_SIZE(auth) + name_size + len, 4);
	return start;
}

void make_ftw(struct maker *maker)
{
	u8 *p = maker->data + STORE_END;

	put_guid(p, EFI_GUID_FTW_BLOCK);
	memset(p + 16, 0xff, 8);
	put_le64(p + 24, 0x1000 - 32);
	put_le32(p + 16, (u32)crc32(0, p, 32));
	p[20] = 0xfe;
}

const char *read_image(const u8 *data, size_t size, struct efi_var_list *list,
		       struct efi_ftw *ftw)
{
	struct efi_image image = { data, size };
	struct efi_volume volume;
	struct efi_store store;
	const char *problem = efi_store_find(&image, &volume, &store);

	memset(list, 0, sizeof(*list));
	memset(ftw, 0, sizeof(*ftw));
	if (store.present)
		efi_ftw_find(&image, &volume, &store, ftw);
	if (!problem)
		assert_int_equal(efi_var_list_read(&image, &store, list), 0);
	return problem;
}
