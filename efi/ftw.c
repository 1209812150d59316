/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The working block of EDK2's fault tolerant write (FTW) driver,
 * MdeModulePkg/Universal/FaultTolerantWriteDxe. The driver replaces blocks in
 * two steps, first to spare blocks and then to their place, and records each
 * step in the working block, so that it can repeat an interrupted one at the
 * next boot.
 *
 * This file finds out, for `lkvm flash info`, whether a power failure or a
 * killed VM left such a write open. It reads only: completing the write is the
 * firmware's task. Nothing is trusted: the queue's counts are multiplied with
 * overflow checks and compared with the space that is left. Layout:
 * FaultTolerantWrite.h's EFI_FAULT_TOLERANT_WORKING_BLOCK_HEADER,
 * EFI_FAULT_TOLERANT_WRITE_HEADER and EFI_FAULT_TOLERANT_WRITE_RECORD, with the
 * padding that C gives them on 64-bit targets.
 */
#include <string.h>
#include <zlib.h>

#include "lkvm/efi/vars.h"

#define HEADER_SIZE 32 /* signature, CRC, state, queue's size */
#define STATE	    20 /* where the header's state bits are */

/* State bits go from 1 to 0, which NOR flash can do without an erase. */
#define BLOCK_NOT_VALID	  0x01
#define BLOCK_NOT_INVALID 0x02

#define WRITE_SIZE	   40 /* the header before a write's records */
#define WRITE_RECORDS	   24 /* offset of their number */
#define WRITE_PRIVATE	   32 /* offset of the private bytes behind each */
#define WRITE_NOT_BEGUN	   0x01
#define WRITE_NOT_SIZED	   0x02
#define WRITE_NOT_COMPLETE 0x04

/* A record describes one block of a write; the private bytes follow it. */
#define RECORD_SIZE	 40
#define RECORD_NO_SPARE	 0x02
#define RECORD_NO_TARGET 0x04

/*
 * CRC-32 of the header as the driver formats it: signature and queue's size,
 * with the checksum and the state bits still erased. So it stays right when a
 * bit is cleared later.
 */
static bool check_sum(const u8 *p)
{
	u8 header[HEADER_SIZE];

	memcpy(header, p, sizeof(header));
	memset(header + 16, 0xff, 8);
	return crc32(0, header, sizeof(header)) == efi_le32(p + 16);
}

/* The spare block is written first; only then is the target erased. */
static enum efi_ftw_progress record_progress(const u8 *record)
{
	if (record[0] & RECORD_NO_SPARE)
		return EFI_FTW_BEGUN;
	return record[0] & RECORD_NO_TARGET ? EFI_FTW_SPARE_DONE
					    : EFI_FTW_TARGET_DONE;
}

/*
 * The size in bytes of the write at p with its records; 0 if that is more than
 * `room`, or does not fit 64 bits.
 */
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

/*
 * The progress of a write is that of its first record that is not done; if all
 * are, only the write's own completion bit is missing.
 */
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

/*
 * Completed writes are counted and passed over; the first that is not complete
 * is the last in the queue, as the driver carries out one at a time.
 */
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

/*
 * A wrong checksum is reported but the queue is read nevertheless: it shows
 * what happened before the header was damaged.
 */
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

/*
 * There is no pointer to the working block: firmware has its address built in.
 * EDK2's platforms put it behind the variable store in the same volume, at a
 * multiple of the block size, so each multiple of 4 KiB is looked at.
 */
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
