/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all media have in common: a request is checked here once, so that no
 * kind of medium need do so, and its failure is logged once.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "raw.h"

/* A full file system fails each write: the log has the first of a kind. */
int disk_ended(struct disk *disk, const char *what, u64 offset, int ret)
{
	if (ret && atomic_exchange(&disk->told, (u32)-ret) != (u32)-ret)
		pr_guest(&disk->errors,
			 "disk %s: unable to %s at byte %" PRIu64
			 ": %s; the guest gets an error",
			 disk->path, what, offset, strerror(-ret));
	return ret;
}

/* Once for all media: neither overflow nor half a sector gets to them. */
int disk_check(const struct disk *disk, u64 offset, u64 len, bool write)
{
	if (write && disk->readonly)
		return -EROFS;
	return range_within(offset, len, 0, disk->size) &&
			       IS_ALIGNED(offset | len, DISK_SECTOR)
		       ? 0
		       : -EINVAL;
}

/* Nothing to do is no error, and no call. */
int disk_read(struct disk *disk, struct iovec *iov, u32 count, u64 offset,
	      u64 len)
{
	int ret = disk_check(disk, offset, len, false);

	if (ret || !len)
		return ret;
	return disk_ended(disk, "read", offset,
			  disk->ops->read(disk, iov, count, offset));
}

int disk_write(struct disk *disk, struct iovec *iov, u32 count, u64 offset,
	       u64 len)
{
	int ret = disk_check(disk, offset, len, true);

	if (ret || !len)
		return ret;
	return disk_ended(disk, "write", offset,
			  disk->ops->write(disk, iov, count, offset));
}

/* Firmware flushes read-only disks, too. */
int disk_flush(struct disk *disk)
{
	if (disk->readonly)
		return 0;
	return disk_ended(disk, "flush", 0, disk->ops->flush(disk));
}

/*
 * Content is undefined after a discard, but for what the medium promises; a
 * guest that wants zeroes says so.
 */
int disk_discard(struct disk *disk, u64 offset, u64 len)
{
	int ret = disk_check(disk, offset, len, true);

	if (ret || !len)
		return ret;
	return disk_ended(disk, "discard", offset,
			  disk->ops->discard(disk, offset, len));
}

int disk_write_zeroes(struct disk *disk, u64 offset, u64 len, bool unmap)
{
	int ret = disk_check(disk, offset, len, true);

	if (ret || !len)
		return ret;
	return disk_ended(disk, "write zeroes", offset,
			  disk->ops->write_zeroes(disk, offset, len, unmap));
}

/* For whoever has not got as far as opening one. */
void disk_close(struct disk *disk)
{
	if (disk)
		disk->ops->close(disk);
}
