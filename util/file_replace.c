/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replacing a file by rename(2). For results, which another program may read at
 * any time; whether they survive a loss of power is of no interest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/util/file.h"
#include "lkvm/util/file_replace.h"

/* A pipe that nobody reads, or a device that waits, does not hold up lkvm. */
static int write_there(const char *path, const void *data, size_t len)
{
	int fd = file_open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0);
	int ret;

	if (fd < 0)
		return fd;
	ret = write_full(fd, data, len);
	close(fd);
	return ret;
}

/* The mode is what open(2) gives to a new file; mkostemp(3)'s is stricter. */
static int fill(int fd, mode_t mode, const void *data, size_t len)
{
	if (fchmod(fd, mode) < 0)
		return -errno;
	return write_full(fd, data, len);
}

/* A reader sees the old file or the new one, and after an error the old one. */
static int write_beside(const char *path, mode_t mode, const void *data,
			size_t len)
{
	char *name;
	int fd, ret;

	if (asprintf(&name, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		free(name);
		return ret;
	}
	ret = fill(fd, mode, data, len);
	if (close(fd) < 0 && !ret)
		ret = -errno;
	if (!ret && rename(name, path) < 0)
		ret = -errno;
	if (ret)
		unlink(name);
	free(name);
	return ret;
}

/* umask(2) can only be read by setting it: no other thread makes files now. */
static mode_t new_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

int file_replace(const char *path, const void *data, size_t len)
{
	mode_t mode;
	struct stat st;
	char *real;
	int ret;

	if (stat(path, &st) < 0)
		return write_beside(path, new_mode(), data, len);
	if (!S_ISREG(st.st_mode))
		return write_there(path, data, len);
	mode = st.st_mode & 0777;
	real = realpath(path, NULL);
	if (!real)
		return -errno;
	ret = write_beside(real, mode, data, len);
	free(real);
	return ret;
}
