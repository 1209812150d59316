/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A growing buffer of little-endian fields, for ACPI tables, AML, SMBIOS and
 * the like. The first error sticks and later calls do nothing, so code that
 * writes a table has no error paths of its own; see blob.h. The buffer doubles
 * from FIRST_ROOM on, up to the limit that the owner has set, since what is
 * built may come from files of any size.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/blob.h"

/* Bytes; most tables fit without a second allocation. */
#define FIRST_ROOM 256

void blob_free(struct blob *blob)
{
	free(blob->data);
	*blob = (struct blob) { .limit = blob->limit };
}

void blob_fail(struct blob *blob, int err)
{
	if (!blob->err)
		blob->err = err;
}

/*
 * Makes room for `len` bytes more. The sum of size and len is never formed, as
 * it could wrap; the limit of 1 GiB keeps the doubled room from wrapping.
 */
static bool reserve(struct blob *blob, size_t len)
{
	size_t room = MAX(blob->room, (size_t)FIRST_ROOM);
	u8 *data;

	if (blob->err)
		return false;
	if (blob->size > blob->limit || len > blob->limit - blob->size) {
		blob->err = -E2BIG;
		return false;
	}
	if (blob->data && len <= blob->room - blob->size)
		return true;
	while (room - blob->size < len)
		room *= 2;
	data = realloc(blob->data, room);
	if (!data) {
		blob->err = -ENOMEM;
		return false;
	}
	blob->data = data;
	blob->room = room;
	return true;
}

/*
 * AML's packages have their length in front, which is known at the end only. A
 * position behind the end fails the blob, hence reserve() refuses as well.
 */
void blob_insert(struct blob *blob, size_t at, const void *data, size_t len)
{
	if (at > blob->size)
		blob_fail(blob, -EINVAL);
	if (!len || !reserve(blob, len))
		return;
	memmove(blob->data + at + len, blob->data + at, blob->size - at);
	memcpy(blob->data + at, data, len);
	blob->size += len;
}

void blob_add(struct blob *blob, const void *data, size_t len)
{
	blob_insert(blob, blob->size, data, len);
}

void blob_add_zeros(struct blob *blob, size_t len)
{
	if (!len || !reserve(blob, len))
		return;
	memset(blob->data + blob->size, 0, len);
	blob->size += len;
}

void blob_add_u8(struct blob *blob, u8 value)
{
	blob_add(blob, &value, sizeof(value));
}

void blob_add_u16(struct blob *blob, u16 value)
{
	u16 le = htole16(value);

	blob_add(blob, &le, sizeof(le));
}

void blob_add_u32(struct blob *blob, u32 value)
{
	u32 le = htole32(value);

	blob_add(blob, &le, sizeof(le));
}

void blob_add_u64(struct blob *blob, u64 value)
{
	u64 le = htole64(value);

	blob_add(blob, &le, sizeof(le));
}

void blob_add_string(struct blob *blob, const char *text)
{
	blob_add(blob, text, strlen(text) + 1);
}

void blob_add_field(struct blob *blob, const char *text, size_t width)
{
	size_t len = strlen(text);

	if (len > width) {
		blob_fail(blob, -E2BIG);
		return;
	}
	blob_add(blob, text, len);
	blob_add_zeros(blob, width - len);
}

void blob_align(struct blob *blob, size_t align)
{
	blob_add_zeros(blob, ALIGN_UP(blob->size, align) - blob->size);
}

/* For checksums and lengths that are filled in later. */
static void overwrite(struct blob *blob, size_t at, const void *data,
		      size_t len)
{
	if (!range_within(at, len, 0, blob->size))
		blob_fail(blob, -EINVAL);
	if (!blob->err)
		memcpy(blob->data + at, data, len);
}

void blob_set_u8(struct blob *blob, size_t at, u8 value)
{
	overwrite(blob, at, &value, sizeof(value));
}

void blob_set_u32(struct blob *blob, size_t at, u32 value)
{
	u32 le = htole32(value);

	overwrite(blob, at, &le, sizeof(le));
}

/* As ACPI (6.3, section 5.2.6) and SMBIOS define it for their tables. */
u8 blob_checksum(const struct blob *blob, size_t at, size_t len)
{
	u8 sum = 0;

	if (!range_within(at, len, 0, blob->size))
		return 0;
	for (size_t i = at; i < at + len; i++)
		sum = (u8)(sum + blob->data[i]);
	return (u8)-sum;
}
