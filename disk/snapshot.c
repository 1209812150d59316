/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk whose changes are thrown away: what the guest writes goes to a
 * nameless file that ends with lkvm, at the same offsets, and a bitmap says
 * which blocks are there; all others are read from the disk below, of whatever
 * format.
 *
 * A block that is written in part is completed from below first. One lock
 * guards the bitmap, and is not held over I/O. Blocks that get there by a
 * write are filled by one thread at a time: others that want to write to them
 * wait for it. Whoever fills blocks does its I/O with calls, so nobody waits
 * for more than that.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/disk/queue.h"
#include "lkvm/util/file.h"
#include "lkvm/util/iov.h"
#include "raw.h"

#define BLOCK SZ_4K

/* Of the thread that fills the blocks, while it does. */
struct filling {
	u64 from, end; /* blocks */
	struct filling *next;
};

struct snapshot {
	struct disk disk;
	struct disk *below;   /* owned */
	struct disk *changes; /* owned: the nameless file, of the same size */
	pthread_mutex_t lock;
	pthread_cond_t filled;
	/* Of the lock. */
	u8 *written; /* a bit for each block, never cleared */
	struct filling *fillings;
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

/* Where the blocks from `offset` on are, and *to is how far. */
static struct disk *look_up(struct snapshot *snap, u64 offset, u64 end, u64 *to)
{
	struct disk *disk;

	pthread_mutex_lock(&snap->lock);
	*to = same_place(snap, offset, end);
	disk = is_written(snap, offset / BLOCK) ? snap->changes : snap->below;
	pthread_mutex_unlock(&snap->lock);
	return disk;
}

/*
 * Run by run: a request may lie in both places. What is below does not change,
 * so a block that is filled meanwhile is still there as it was.
 */
static int snapshot_read(struct disk *disk, struct iovec *iov, u32 count,
			 u64 offset)
{
	struct snapshot *snap = from_disk(disk);
	u64 start = offset, end = offset + iov_length(iov, count);
	int ret = 0;

	while (!ret && offset < end) {
		u64 to;
		struct disk *place = look_up(snap, offset, end, &to);

		ret = part(place, iov, count, offset - start, offset,
			   to - offset, disk_read);
		offset = to;
	}
	return ret;
}

/* ---- Filling ------------------------------------------------------------- */

static bool is_being_filled(const struct snapshot *snap, u64 from, u64 end)
{
	const struct filling *f = snap->fillings;

	while (f &&
	       !range_overlaps(from, end - from, f->from, f->end - f->from))
		f = f->next;
	return f;
}

/* False, and nothing to be ended, if all of it is written already. */
static bool begin_filling(struct snapshot *snap, struct filling *filling,
			  u64 offset, u64 end)
{
	bool all;

	filling->from = offset / BLOCK;
	filling->end = (end - 1) / BLOCK + 1;
	pthread_mutex_lock(&snap->lock);
	while (is_being_filled(snap, filling->from, filling->end))
		pthread_cond_wait(&snap->filled, &snap->lock);
	all = is_written(snap, filling->from) &&
	      same_place(snap, offset, end) == end;
	if (!all) {
		filling->next = snap->fillings;
		snap->fillings = filling;
	}
	pthread_mutex_unlock(&snap->lock);
	return !all;
}

/*
 * Also blocks that were written in part: they have been completed. After a
 * failure those that were not there have the old content.
 */
static void end_filling(struct snapshot *snap, const struct filling *filling,
			bool good)
{
	struct filling **at = &snap->fillings;

	pthread_mutex_lock(&snap->lock);
	for (u64 n = filling->from; good && n < filling->end; n++)
		set_written(snap, n);
	while (*at != filling)
		at = &(*at)->next;
	*at = filling->next;
	pthread_cond_broadcast(&snap->filled);
	pthread_mutex_unlock(&snap->lock);
}

/* The block is of the disk; its last one may be shorter. */
static int copy_up(struct snapshot *snap, u64 block)
{
	u64 offset = block * BLOCK, len = MIN(BLOCK, snap->disk.size - offset);
	u64 to;
	u8 buf[BLOCK];
	struct iovec iov = { .iov_base = buf, .iov_len = (size_t)len };
	int ret;

	if (look_up(snap, offset, offset + len, &to) == snap->changes)
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

static int snapshot_write(struct disk *disk, struct iovec *iov, u32 count,
			  u64 offset)
{
	struct snapshot *snap = from_disk(disk);
	u64 len = iov_length(iov, count);
	struct filling filling;
	int ret;

	if (!begin_filling(snap, &filling, offset, offset + len))
		return disk_write(snap->changes, iov, count, offset, len);
	ret = copy_ends(snap, offset, offset + len);
	if (!ret)
		ret = disk_write(snap->changes, iov, count, offset, len);
	end_filling(snap, &filling, !ret);
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
	struct filling filling;
	int ret;

	(void)unmap;
	if (!begin_filling(snap, &filling, offset, offset + len))
		return disk_write_zeroes(snap->changes, offset, len, true);
	ret = copy_ends(snap, offset, offset + len);
	if (!ret)
		ret = disk_write_zeroes(snap->changes, offset, len, true);
	end_filling(snap, &filling, !ret);
	return ret;
}

/* A write that fills nothing is as good as a read. */
static enum disk_way snapshot_begin(struct disk *disk,
				    const struct disk_request *rq,
				    struct disk_place *place)
{
	struct snapshot *snap = from_disk(disk);
	u64 end = rq->offset + rq->len, to;
	struct disk *where;

	if (rq->op == DISK_FLUSH)
		return DISK_IS_DONE;
	where = look_up(snap, rq->offset, end, &to);
	if (to < end || !where->ops->begin ||
	    (rq->op == DISK_WRITE && where != snap->changes))
		return DISK_BY_CALLS;
	return where->ops->begin(where, rq, place);
}

static void snapshot_close(struct disk *disk)
{
	struct snapshot *snap = from_disk(disk);

	disk_close(snap->below);
	disk_close(snap->changes);
	pthread_cond_destroy(&snap->filled);
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
	.begin = snapshot_begin,
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
	fd = file_open(dir, O_RDWR | O_TMPFILE, 0600);
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
	pthread_cond_init(&snap->filled, NULL);
	*out = &snap->disk;
	return 0;
}
