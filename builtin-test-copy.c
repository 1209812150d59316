/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies of disks and stores for one run of a test, and the removal of its
 * folder. A copy shares its blocks with the original where the file system can
 * (FICLONE); else only data is copied and holes stay, so that an image of many
 * gigabytes takes what is in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builtin-test.h"
#include "lkvm/util/file.h"

/* Descriptors that the removal of a tree may use. */
#define TREE_FDS 16

/* [pos, end) of one file at the same place of the other. */
static int copy_range(int from, int to, off_t pos, off_t end, void *buf)
{
	while (pos < end) {
		ssize_t n =
			pread(from, buf, MIN(SZ_1M, (size_t)(end - pos)), pos);
		int ret;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* It has become shorter meanwhile. */
		if (!n)
			return -ENODATA;
		ret = pwrite_full(to, buf, (size_t)n, pos);
		if (ret)
			return ret;
		pos += n;
	}
	return 0;
}

/* A file system that does not know holes says that all is data. */
static int copy_data(int from, int to, off_t size, void *buf)
{
	off_t pos = 0, end;
	int ret = 0;

	while (!ret && pos < size) {
		pos = lseek(from, pos, SEEK_DATA);
		if (pos < 0)
			return errno == ENXIO ? 0 : -errno;
		end = lseek(from, pos, SEEK_HOLE);
		if (end < 0)
			return -errno;
		ret = copy_range(from, to, pos, MIN(end, size), buf);
		pos = end;
	}
	return ret;
}

/* The size first: what is not written to is a hole. */
static int copy_sparse(int from, int to, off_t size)
{
	void *buf;
	int ret;

	if (ftruncate(to, size) < 0)
		return -errno;
	buf = malloc(SZ_1M);
	if (!buf)
		return -ENOMEM;
	ret = copy_data(from, to, size, buf);
	free(buf);
	return ret;
}

/* An original that only its owner can read stays so; all can be written to. */
static int copy_open(int from, const char *to)
{
	struct stat st;
	int fd, ret = 0;

	if (fstat(from, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	fd = file_open(to, O_WRONLY | O_CREAT | O_EXCL,
		       (st.st_mode & 0777) | 0600);
	if (fd < 0)
		return fd;
	if (ioctl(fd, FICLONE, from) < 0)
		ret = copy_sparse(from, fd, st.st_size);
	if (close(fd) < 0 && !ret)
		ret = -errno;
	return ret;
}

/* O_NONBLOCK: a pipe is refused rather than waited for. */
int test_copy(const char *from, const char *to)
{
	int fd = file_open(from, O_RDONLY | O_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return fd;
	ret = copy_open(fd, to);
	close(fd);
	return ret;
}

/* What cannot be removed stays, and so do the folders above it. */
static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

/*
 * FTW_PHYS: links are removed, not followed. FTW_MOUNT: what a test has mounted
 * there is left alone.
 */
void test_remove_tree(const char *path)
{
	nftw(path, remove_one, TREE_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
