/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk whose changes are thrown away: what the guest writes goes to a
 * nameless file that ends with lkvm, at the same offsets, and a bitmap says
 * which blocks are there; all others are read from the disk below, of whatever
 * format.
 *
 * A block that is written in part is completed from below first. One lock
 * guards that and the bitmap: a snapshot is for tests, whose writes are few.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/util/file.h"
#include "lkvm/util/iov.h"
#include "raw.h"

#define BLOCK SZ_4K

struct snapshot {
	struct disk disk;
	struct disk *below; /* owned */
	struct disk
		*changes; /* owned: the nameless file, as large as the disk */
	pthread_mutex_t lock;
	u8 *written; /* a bit for each block; of the lock */
};

static struct snapshot *from_disk(struct disk *disk)
{
	return container_of(disk, struct snapshot, disk);
}

/* With the lock. */
static bool is_written(const struct snapshot *snap, u64 block)
{
	return snap->written[block / 8] & BIT(block % 8);
}

static void set_written(struct snapshot *snap, u64 block)
{
	snap->written[block / 8] |= BIT(block % 8);
}

/* How far from `offset` on, `end` at most, blocks are in the same place. */
static u64 same_place(const struct snapshot *snap, u64 offset, u64 end)
{
	bool written = is_written(snap, offset / BLOCK);
	u64 block = offset / BLOCK + 1;

	while (block * BLOCK < end && is_written(snap, block) == written)
		block++;
	return MIN(block * BLOCK, end);
}

/* What transfers a part of the buffers of a request. */
static int part(struct disk *disk, const struct iovec *iov, u32 count, u64 skip,
		u64 offset, u64 len,
		int (*call)(struct disk *, struct iovec *, u32, u64, u64))
{
	struct iovec *some = malloc(count * sizeof(*some));
	u32 n;
	int ret;

	if (!some)
		return -ENOMEM;
	n = iov_slice(some, iov, count, skip, len);
	ret = call(disk, some, n, offset, len);
	free(some);
	return ret;
}

/* Run by run: a request may lie in both places. */
static int snapshot_read(struct disk *disk, struct iovec *iov, u32 count,
			 u64 offset)
{
	struct snapshot *snap = from_disk(disk);
	u64 start = offset, end = offset + iov_length(iov, count);
	int ret = 0;

	pthread_mutex_lock(&snap->lock);
	while (!ret && offset < end) {
		u64 to = same_place(snap, offset, end);

		ret = part(is_written(snap, offset / BLOCK) ? snap->changes
							    : snap->below,
			   iov, count, offset - start, offset, to - offset,
			   disk_read);
		offset = to;
	}
	pthread_mutex_unlock(&snap->lock);
	return ret;
}

/* The block is of the disk; its last one may be shorter. */
static int copy_up(struct snapshot *snap, u64 block)
{
	u64 offset = block * BLOCK, len = MIN(BLOCK, snap->disk.size - offset);
	u8 buf[BLOCK];
	struct iovec iov = { .iov_base = buf, .iov_len = (size_t)len };
	int ret;

	if (is_written(snap, block))
		return 0;
	ret = disk_read(snap->below, &iov, 1, offset, len);
	iov = (struct iovec) { .iov_base = buf, .iov_len = (size_t)len };
	return ret ? ret : disk_write(snap->changes, &iov, 1, offset, len);
}

/* Of [offset, end): the blocks at its ends that are not all inside of it. */
static int copy_ends(struct snapshot *snap, u64 offset, u64 end)
{
	int ret = 0;

	if (!IS_ALIGNED(offset, BLOCK))
		ret = copy_up(snap, offset / BLOCK);
	if (!ret && !IS_ALIGNED(end, BLOCK))
		ret = copy_up(snap, end / BLOCK);
	return ret;
}

/* Also blocks that were written in part: they have been completed. */
static void set_all_written(struct snapshot *snap, u64 offset, u64 end)
{
	for (u64 block = offset / BLOCK; block * BLOCK < end; block++)
		set_written(snap, block);
}

/* A failed write leaves the old content: the bits are set at the end. */
static int snapshot_write(struct disk *disk, struct iovec *iov, u32 count,
			  u64 offset)
{
	struct snapshot *snap = from_disk(disk);
	u64 len = iov_length(iov, count);
	int ret;

	pthread_mutex_lock(&snap->lock);
	ret = copy_ends(snap, offset, offset + len);
	if (!ret)
		ret = disk_write(snap->changes, iov, count, offset, len);
	if (!ret)
		set_all_written(snap, offset, offset + len);
	pthread_mutex_unlock(&snap->lock);
	return ret;
}

/* Nothing has to last. */
static int snapshot_flush(struct disk *disk)
{
	(void)disk;
	return 0;
}

/* Only what was written takes space that can be given back. */
static int snapshot_discard(struct disk *disk, u64 offset, u64 len)
{
	(void)disk;
	(void)offset;
	(void)len;
	return 0;
}

/* A hole in the nameless file reads as zero. */
static int snapshot_write_zeroes(struct disk *disk, u64 offset, u64 len,
				 bool unmap)
{
	struct snapshot *snap = from_disk(disk);
	int ret;

	(void)unmap;
	pthread_mutex_lock(&snap->lock);
	ret = copy_ends(snap, offset, offset + len);
	if (!ret)
		ret = disk_write_zeroes(snap->changes, offset, len, true);
	if (!ret)
		set_all_written(snap, offset, offset + len);
	pthread_mutex_unlock(&snap->lock);
	return ret;
}

static void snapshot_close(struct disk *disk)
{
	struct snapshot *snap = from_disk(disk);

	disk_close(snap->below);
	disk_close(snap->changes);
	pthread_mutex_destroy(&snap->lock);
	free(snap->written);
	free(snap);
}

static const struct disk_ops snapshot_ops = {
	.read = snapshot_read,
	.write = snapshot_write,
	.flush = snapshot_flush,
	.discard = snapshot_discard,
	.write_zeroes = snapshot_write_zeroes,
	.close = snapshot_close,
};

/* ---- The nameless file --------------------------------------------------- */

/* Not every file system has O_TMPFILE; /tmp is memory on many hosts. */
static int open_nameless(void)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];
	int fd;

	if (!dir || !*dir)
		dir = "/var/tmp";
	fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if ((size_t)snprintf(path, sizeof(path), "%s/lkvm-XXXXXX", dir) >=
	    sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

/* Sparse: it takes as much space as is written. */
static int open_changes(const struct disk *disk, struct disk **out)
{
	int fd = open_nameless(), ret;

	if (fd < 0)
		return fd;
	if (ftruncate(fd, (off_t)disk->size) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return raw_create(disk, fd, false, out);
}

/* A bit for each 4 KiB: 32 MiB for a disk of 1 TiB, touched as needed. */
int snapshot_create(struct disk *below, struct disk **out)
{
	struct snapshot *snap = calloc(1, sizeof(*snap));
	u64 blocks = below->size / BLOCK + 1;
	int ret = -ENOMEM;

	if (snap) {
		snap->disk = *below;
		snap->disk.ops = &snapshot_ops;
		snap->disk.readonly = false;
		snap->written = calloc(1, blocks / 8 + 1);
	}
	if (snap && snap->written)
		ret = open_changes(&snap->disk, &snap->changes);
	if (ret) {
		if (snap)
			free(snap->written);
		free(snap);
		return ret;
	}
	snap->below = below;
	pthread_mutex_init(&snap->lock, NULL);
	*out = &snap->disk;
	return 0;
}
