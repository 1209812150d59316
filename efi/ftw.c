/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EDK2 replaces blocks by way of spare ones, and keeps in a working block how
 * far it has come: MdeModulePkg/Universal/FaultTolerantWriteDxe.
 */
#include <string.h>
#include <zlib.h>

#include "lkvm/efi/vars.h"

#define HEADER_SIZE 32
#define STATE	    20 /* where the header's state bits are */

/* State bits go from 1 to 0. */
#define BLOCK_NOT_VALID	  0x01
#define BLOCK_NOT_INVALID 0x02

#define WRITE_SIZE	   40 /* what heads a write's records */
#define WRITE_RECORDS	   24 /* where it says how many */
#define WRITE_PRIVATE	   32 /* and how many bytes follow each */
#define WRITE_NOT_BEGUN	   0x01
#define WRITE_NOT_SIZED	   0x02
#define WRITE_NOT_COMPLETE 0x04

#define RECORD_SIZE	 40
#define RECORD_NO_SPARE	 0x02
#define RECORD_NO_TARGET 0x04

/* The checksum is of an erased header that has signature and size only. */
static bool check_sum(const u8 *p)
{
	u8 header[HEADER_SIZE];

	memcpy(header, p, sizeof(header));
	memset(header + 16, 0xff, 8);
	return crc32(0, header, sizeof(header)) == efi_le32(p + 16);
}

static enum efi_ftw_progress record_progress(const u8 *record)
{
	if (record[0] & RECORD_NO_SPARE)
		return EFI_FTW_BEGUN;
	return record[0] & RECORD_NO_TARGET ? EFI_FTW_SPARE_DONE
					    : EFI_FTW_TARGET_DONE;
}

/* The bytes of the write at p with its records; 0: they are more than room. */
static u64 write_size(const u8 *p, u64 room)
{
	u64 count = efi_le64(p + WRITE_RECORDS);
	u64 record = efi_le64(p + WRITE_PRIVATE);
	u64 size;

	if (__builtin_add_overflow(record, RECORD_SIZE, &record) ||
	    __builtin_mul_overflow(record, count, &size) ||
	    __builtin_add_overflow(size, WRITE_SIZE, &size))
		return 0;
	return size <= room ? size : 0;
}

/* The first record that is not done, else the last one, tells. */
static enum efi_ftw_progress write_progress(const u8 *p, u64 room)
{
	enum efi_ftw_progress progress = EFI_FTW_BEGUN;
	u64 step = RECORD_SIZE + efi_le64(p + WRITE_PRIVATE);
	const u8 *record = p + WRITE_SIZE;

	if (p[0] & WRITE_NOT_SIZED)
		return EFI_FTW_BEGUN;
	if (!write_size(p, room))
		return EFI_FTW_DAMAGED;
	for (u64 n = efi_le64(p + WRITE_RECORDS); n; n--, record += step) {
		progress = record_progress(record);
		if (progress != EFI_FTW_TARGET_DONE)
			break;
	}
	return progress;
}

static void read_queue(const u8 *p, u64 room, struct efi_ftw *ftw)
{
	while (room >= WRITE_SIZE && !(p[0] & WRITE_NOT_COMPLETE)) {
		u64 size = write_size(p, room);

		if (!size) {
			ftw->progress = EFI_FTW_DAMAGED;
			return;
		}
		ftw->writes++;
		p += size;
		room -= size;
	}
	if (room >= WRITE_SIZE && !(p[0] & WRITE_NOT_BEGUN))
		ftw->progress = write_progress(p, room);
}

static void read_block(const u8 *p, u64 room, struct efi_ftw *ftw)
{
	ftw->present = true;
	ftw->checksum_good = check_sum(p);
	ftw->valid = !(p[STATE] & BLOCK_NOT_VALID) &&
		     (p[STATE] & BLOCK_NOT_INVALID);
	ftw->queue_size = efi_le64(p + 24);
	if (ftw->queue_size > room - HEADER_SIZE)
		ftw->progress = EFI_FTW_DAMAGED;
	else
		read_queue(p + HEADER_SIZE, ftw->queue_size, ftw);
}

void efi_ftw_find(const struct efi_image *image,
		  const struct efi_volume *volume,
		  const struct efi_store *store, struct efi_ftw *ftw)
{
	u64 end = volume->offset + volume->length;
	u64 at = ALIGN_UP(store->offset + store->size, SZ_4K);
	struct efi_guid guid;

	memset(ftw, 0, sizeof(*ftw));
	if (!range_within(volume->offset, volume->length, 0, image->size))
		return;
	for (; at + HEADER_SIZE <= end; at += SZ_4K) {
		guid = efi_guid_at(image->data + at);
		if (!efi_guid_is(&guid, EFI_GUID_FTW_BLOCK))
			continue;
		ftw->offset = at;
		read_block(image->data + at, end - at, ftw);
		return;
	}
}
