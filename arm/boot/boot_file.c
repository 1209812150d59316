/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that the guest is started with: kernel, initrd and firmware. They stay
 * open, so that a reset loads the file that was opened first, even if its name
 * is now another file's.
 *
 * A file that has been written to in the meantime cannot be trusted: a check of
 * size and time of modification after each reading fails then
 * (boot_file_check()). What is not a regular file, or has size 0 as those of
 * procfs, cannot be read twice and is copied to a memfd.
 *
 * Main thread while loading; the vCPUs' threads when firmware reads a file
 * through fw_cfg, under that device's lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/arm/boot/boot_file.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"

/* For errors after the file was opened; tests and scripts look for the text. */
static int load_error(const struct boot_file *file, int err)
{
	pr_fatal("Unable to load %s %s: %s", file->what, file->path,
		 strerror(-err));
	return err;
}

/*
 * To the nanosecond; file systems with coarser stamps may miss a fast writer.
 */
static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Up to `limit` bytes from one descriptor to another; 0 or -errno. */
static int copy(int from, int to, u64 limit, u64 *size)
{
	u8 *buf = malloc(SZ_64K);
	int ret = buf ? 0 : -ENOMEM;

	*size = 0;
	while (!ret && *size < limit) {
		ssize_t n = read(from, buf, MIN(limit - *size, SZ_64K));

		if (!n)
			break;
		if (n > 0)
			ret = write_full(to, buf, (size_t)n);
		else if (errno != EINTR)
			ret = -errno;
		*size += n > 0 ? (u64)n : 0;
	}
	free(buf);
	return ret;
}

/*
 * `limit` + 1 bytes: the caller finds out that there are more than it can use.
 */
static int copy_to_memory(struct boot_file *file, u64 limit)
{
	int fd = memfd_create(file->what, MFD_CLOEXEC);
	int ret = fd < 0 ? -errno : 0;
	u64 size = 0;

	if (!ret)
		ret = copy(file->fd, fd, MIN(limit, UINT64_MAX - 1) + 1, &size);
	boot_file_replace(file, fd, size);
	return ret ? load_error(file, ret) : 0;
}

/*
 * O_NOCTTY: the path may be a terminal. Directories can be opened, not read, so
 * that they are refused here.
 */
static int open_path(struct boot_file *file, struct stat *st)
{
	int err = 0;

	file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (file->fd < 0 || fstat(file->fd, st) < 0)
		err = errno;
	else if (S_ISDIR(st->st_mode))
		err = EISDIR;
	if (err)
		pr_fatal("Unable to open %s %s: %s", file->what, file->path,
			 strerror(err));
	return -err;
}

/* Several users of one file may call this; the first one opens it. */
int boot_file_open(struct boot_file *file, const char *path, const char *what,
		   u64 limit)
{
	struct stat st = { 0 };
	int ret;

	if (file->path)
		return 0;
	*file = (struct boot_file) { .path = path, .what = what };
	ret = open_path(file, &st);
	if (ret)
		goto err;
	file->size = (u64)st.st_size;
	file->modified = st.st_mtim;
	/* Files of procfs and the like say 0 and make up their content. */
	if (!S_ISREG(st.st_mode) || !st.st_size)
		ret = copy_to_memory(file, limit);
	if (!ret)
		return 0;
err:
	boot_file_close(file);
	return ret;
}

/* A copy in memory cannot change. */
int boot_file_check(const struct boot_file *file)
{
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return load_error(file, -errno);
	if (file->copy || ((u64)st.st_size == file->size &&
			   same_time(&st.st_mtim, &file->modified)))
		return 0;
	pr_fatal("Unable to load %s %s: it has been written to since lkvm "
		 "opened it; replace such a file by another of its name "
		 "instead of writing to it",
		 file->what, file->path);
	return -ESTALE;
}

int boot_file_rewind(struct boot_file *file)
{
	if (lseek(file->fd, (off_t)file->part.offset, SEEK_SET) < 0)
		return load_error(file, -errno);
	return boot_file_check(file);
}

/*
 * The check comes after reading: it has to hold for what was read. An error is
 * kept, as the guest may try again any number of times.
 */
int boot_file_read(struct boot_file *file, u64 offset, void *to, size_t len)
{
	int ret;

	if (file->error)
		return file->error;
	ret = pread_full(file->fd, to, len, (off_t)offset);
	file->error = boot_file_check(file);
	if (ret && !file->error)
		file->error = load_error(file, ret);
	return file->error;
}

void boot_file_replace(struct boot_file *file, int fd, u64 size)
{
	close(file->fd);
	file->fd = fd;
	file->size = size;
	file->copy = true;
}

/* Safe for a file that was never opened: all zeroes, path NULL. */
void boot_file_close(struct boot_file *file)
{
	if (file->path && file->fd >= 0)
		close(file->fd);
	memset(file, 0, sizeof(*file));
}
