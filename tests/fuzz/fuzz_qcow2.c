/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/raw.c disk/disk.c disk/qcow2/?*.c disk/qcow2_format.c */
/* SOURCES: util/iov.c util/file.c util/zstd.c util/log.c util/output.c */
/* WRAP: fdatasync log_print pr_fatal pr_guest */
/*
 * A disk in an image of anybody's making, and what a guest does with it: the
 * first byte says how many requests there are, of four bytes each; the image
 * follows. All of it ends, with errors that are those of an image, and one that
 * is only read stays as it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "disk/raw.h"

/* The part of the disk that is used, at its beginning and at its end. */
#define WINDOW	 SZ_64K
#define MAX_FILE (16 * SZ_1M)
#define MAX_OPS	 24

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int __wrap_fdatasync(int fd);
void __wrap_log_print(enum log_level level, const char *fmt, ...);
void __wrap_pr_fatal(const char *fmt, ...);
void __wrap_pr_guest(struct ratelimit *rl, const char *fmt, ...);

static u8 buf[WINDOW], after[MAX_FILE];

static void require(bool what)
{
	if (!what)
		abort();
}

int __wrap_fdatasync(int fd)
{
	(void)fd;
	return 0;
}

void __wrap_log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

void __wrap_pr_fatal(const char *fmt, ...)
{
	(void)fmt;
}

void __wrap_pr_guest(struct ratelimit *rl, const char *fmt, ...)
{
	(void)rl;
	(void)fmt;
}

static int transfer(struct disk *disk, u64 at, u64 offset, u64 len,
		    int (*call)(struct disk *, struct iovec *, u32, u64, u64))
{
	struct iovec iov[2] = {
		{ buf + offset, len / 2 },
		{ buf + offset + len / 2, len - len / 2 },
	};

	return call(disk, iov, 2, at + offset, len);
}

static int request(struct disk *disk, u64 at, u64 window, const u8 *op)
{
	u64 offset = op[1] % (window / DISK_SECTOR) * DISK_SECTOR;
	u64 len = MIN((u64)(op[2] % 64 + 1) * DISK_SECTOR, window - offset);

	switch (op[0] % 6) {
	case 0:
		memset(buf + offset, op[3], len);
		return transfer(disk, at, offset, len, disk_write);
	case 1:
		return disk_discard(disk, at + offset, len);
	case 2:
	case 3:
		return disk_write_zeroes(disk, at + offset, len, op[0] % 6 - 2);
	case 4:
		return disk_flush(disk);
	default:
		return transfer(disk, at, offset, len, disk_read);
	}
}

static void use(struct disk *disk, u64 at, const u8 *ops, u32 count)
{
	u64 window = MIN(disk->size - at, WINDOW);

	for (u32 i = 0; i < count; i++) {
		int ret = request(disk, at, window, ops + 4 * i);

		require(!ret || ret == -EIO || ret == -EFBIG ||
			(ret == -EROFS && disk->readonly));
	}
}

/* The medium has the descriptor from here on. */
static struct disk *open_image(int fd, size_t size, bool readonly)
{
	const struct disk like = {
		.path = "f",
		.size = size,
		.block = 512,
		.readonly = readonly,
	};
	struct qcow2_backing backing;
	struct disk *file, *disk;

	require(!raw_create(&like, dup(fd), false, &file));
	return qcow2_create(&like, file, &disk, &backing) ? NULL : disk;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u32 count = size ? data[0] % (MAX_OPS + 1) : 0;
	bool readonly = size && data[0] & 0x80;
	const u8 *ops = data + 1, *image = ops + 4 * (size_t)count;
	struct disk *disk;
	int fd;

	if (size < 1 + 4 * (size_t)count || size > MAX_FILE)
		return 0;
	size -= (size_t)(image - data);
	fd = memfd_create("qcow2", MFD_CLOEXEC);
	require(fd >= 0 && write(fd, image, size) == (ssize_t)size);
	disk = open_image(fd, size, readonly);
	if (disk) {
		use(disk, 0, ops, count);
		use(disk,
		    ALIGN_DOWN(disk->size - MIN(disk->size, WINDOW),
			       DISK_SECTOR),
		    ops, count);
		disk_close(disk);
	}
	if (!disk || readonly)
		require(pread(fd, after, sizeof(after), 0) == (ssize_t)size &&
			!memcmp(after, image, size));
	close(fd);
	return 0;
}
