/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk whose content is a file or a block device, byte for byte.
 *
 * Nothing here has state besides the descriptor, so any number of threads may
 * read and write at once; what order overlapping requests have is the guest's
 * business. What the host's file system cannot do (holes) is done without.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lkvm/disk/queue.h"
#include "lkvm/util/file.h"
#include "lkvm/util/iov.h"
#include "raw.h"

/* What O_DIRECT wants of offsets, lengths and addresses on all common media. */
#define DIRECT_ALIGN SZ_4K

struct raw {
	struct disk disk;
	int fd;
	int direct; /* the same file, past the page cache; -1: there is none */
	bool is_block;
	bool in_memory; /* as of struct disk_place */
};

static struct raw *from_disk(struct disk *disk)
{
	return container_of(disk, struct raw, disk);
}

static bool is_aligned(const struct iovec *iov, u32 count, u64 offset)
{
	u64 all = offset;

	for (u32 i = 0; i < count; i++)
		all |= (uintptr_t)iov[i].iov_base | iov[i].iov_len;
	return IS_ALIGNED(all, DIRECT_ALIGN);
}

/*
 * The page cache serves what O_DIRECT does not take, as requests of firmware
 * for single sectors; the kernel keeps both views of a file the same.
 */
static int choose_fd(const struct raw *raw, const struct iovec *iov, u32 count,
		     u64 offset)
{
	return raw->direct >= 0 && is_aligned(iov, count, offset) ? raw->direct
								  : raw->fd;
}

/*
 * A short transfer is continued; the end of the file inside of it is an error,
 * since the disk is not larger than the file was.
 */
static int transfer(struct disk *disk, struct iovec *iov, u32 count, u64 offset,
		    ssize_t (*call)(int, const struct iovec *, int, off_t))
{
	const struct raw *raw = from_disk(disk);
	int fd = choose_fd(raw, iov, count, offset);

	while (count) {
		ssize_t n = call(fd, iov, (int)count, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		/* A medium that wants more than that. */
		if (n < 0 && errno == EINVAL && fd != raw->fd) {
			fd = raw->fd;
			continue;
		}
		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		offset += (u64)n;
		iov = iov_cut(iov, &count, (u64)n, UINT64_MAX);
		fd = choose_fd(raw, iov, count, offset);
	}
	return 0;
}

static int raw_read(struct disk *disk, struct iovec *iov, u32 count, u64 offset)
{
	return transfer(disk, iov, count, offset, preadv);
}

static int raw_write(struct disk *disk, struct iovec *iov, u32 count,
		     u64 offset)
{
	return transfer(disk, iov, count, offset, pwritev);
}

/* The size does not change, so the data is enough. */
static int raw_flush(struct disk *disk)
{
	return file_sync_data(from_disk(disk)->fd);
}

/* What a file system or device that has no such operation answers. */
static bool is_unsupported(int err)
{
	return err == EOPNOTSUPP || err == ENOSYS || err == ENOTTY ||
	       err == EINVAL;
}

/* One of the operations on a range: BLK* of a device, or a mode of a file. */
static int change_range(struct raw *raw, unsigned long request, int mode,
			u64 offset, u64 len)
{
	u64 range[2] = { offset, len };
	int ret;

	do {
		ret = raw->is_block ? ioctl(raw->fd, request, range)
				    : fallocate(raw->fd, mode, (off_t)offset,
						(off_t)len);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

/* To keep the content is allowed: the guest may not rely on what it reads. */
static int raw_discard(struct disk *disk, u64 offset, u64 len)
{
	int ret = change_range(from_disk(disk), BLKDISCARD,
			       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       offset, len);

	return is_unsupported(-ret) ? 0 : ret;
}

/* Where a file system or device has no operation for it. */
static int write_zeroes_slowly(struct raw *raw, u64 offset, u64 len)
{
	u8 *zeroes = calloc(1, SZ_64K);
	int ret = zeroes ? 0 : -ENOMEM;

	for (u64 at = 0; !ret && at < len; at += SZ_64K)
		ret = pwrite_full(raw->fd, zeroes, MIN(SZ_64K, len - at),
				  (off_t)(offset + at));
	free(zeroes);
	return ret;
}

/*
 * A hole reads as zero, too, but takes no space, which the guest may want to
 * have kept for what it writes next.
 */
static int raw_write_zeroes(struct disk *disk, u64 offset, u64 len, bool unmap)
{
	struct raw *raw = from_disk(disk);
	int mode = FALLOC_FL_KEEP_SIZE |
		   (unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
	int ret = change_range(raw, BLKZEROOUT, mode, offset, len);

	return is_unsupported(-ret) ? write_zeroes_slowly(raw, offset, len)
				    : ret;
}

/*
 * To a block device, past the page cache, a call holds a request back in case
 * there are others, and then sleeps, so that a thread of the kernel has to hand
 * it to the device (findings/linux-direct-write-worker.sh). A ring does not
 * sleep.
 */
static enum disk_way raw_begin(struct disk *disk, const struct disk_request *rq,
			       struct disk_place *place)
{
	const struct raw *raw = from_disk(disk);

	place->fd = rq->op == DISK_FLUSH
			    ? raw->fd
			    : choose_fd(raw, rq->iov, rq->count, rq->offset);
	place->in_memory = raw->in_memory;
	place->by_ring = raw->is_block && place->fd == raw->direct;
	place->offset = rq->offset;
	place->owner = NULL;
	return DISK_BY_KERNEL;
}

static void raw_close(struct disk *disk)
{
	struct raw *raw = from_disk(disk);

	if (raw->direct >= 0)
		close(raw->direct);
	close(raw->fd);
	free(raw);
}

static const struct disk_ops raw_ops = {
	.read = raw_read,
	.write = raw_write,
	.flush = raw_flush,
	.discard = raw_discard,
	.write_zeroes = raw_write_zeroes,
	.begin = raw_begin,
	.close = raw_close,
};

static bool is_in_memory(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* The caller has checked all that is in *disk. */
int raw_create(const struct disk *disk, int fd, bool is_block,
	       struct disk **out)
{
	struct raw *raw = malloc(sizeof(*raw));

	if (!raw) {
		close(fd);
		return -ENOMEM;
	}
	*raw = (struct raw) {
		.disk = *disk,
		.fd = fd,
		.direct = -1,
		.is_block = is_block,
		.in_memory = !is_block && is_in_memory(fd),
	};
	raw->disk.ops = &raw_ops;
	*out = &raw->disk;
	return 0;
}

/* What is new reads as zero. The size of a device is what it is. */
int raw_resize(struct disk *disk, u64 size)
{
	struct raw *raw = from_disk(disk);
	int ret;

	if (raw->is_block)
		return -ENOSPC;
	if (size > INT64_MAX)
		return -EFBIG;
	do
		ret = ftruncate(raw->fd, (off_t)size);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

int raw_fd(struct disk *disk)
{
	return from_disk(disk)->fd;
}

/* Opened again, as the flag belongs to the description: locks stay with `fd`.
 */
int raw_go_direct(struct disk *disk)
{
	struct raw *raw = from_disk(disk);
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", raw->fd);
	raw->direct = file_open(
		path, (disk->readonly ? O_RDONLY : O_RDWR) | O_DIRECT, 0);
	return MIN(raw->direct, 0);
}
