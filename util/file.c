/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/util/file.h"

/* The first buffer for a file that does not tell its size. */
#define FIRST_SIZE SZ_4K

/* Contents while they are read; `data` has `size` bytes. */
struct content {
	char *data;
	size_t len;
	size_t size;
};

static int content_grow(struct content *content, size_t size)
{
	char *data = realloc(content->data, size);

	if (!data)
		return -ENOMEM;
	content->data = data;
	content->size = size;
	return 0;
}

/* Reads to the end of the file, but gives up with -EFBIG after `max` bytes. */
static int content_read(struct content *content, int fd, size_t max)
{
	ssize_t n;
	int err;

	for (;;) {
		/* One byte stays free for the zero at the end. */
		if (content->len + 1 == content->size) {
			err = content_grow(content, content->size * 2);
			if (err)
				return err;
		}
		n = read(fd, content->data + content->len,
			 content->size - content->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		content->len += (size_t)n;
		if (content->len > max)
			return -EFBIG;
	}
	content->data[content->len] = '\0';
	return 0;
}

static int read_all(int fd, size_t max, struct content *content)
{
	size_t size = FIRST_SIZE;
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode) && (u64)st.st_size > max)
		return -EFBIG;
	/* Files of procfs are regular and empty, yet have content. */
	if (S_ISREG(st.st_mode) && st.st_size)
		size = (size_t)st.st_size + 2;
	err = content_grow(content, size);
	if (err)
		return err;
	return content_read(content, fd, max);
}

int file_read_all(const char *path, size_t max, void **buf, size_t *len)
{
	struct content content = { 0 };
	int fd, err;

	do {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return -errno;
	err = read_all(fd, max, &content);
	close(fd);
	if (err) {
		free(content.data);
		return err;
	}
	*buf = content.data;
	*len = content.len;
	return 0;
}

/* The folder that the name is in: "dir/" of "dir/name". */
static int check_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	int ret;

	if (!slash)
		return access(".", W_OK | X_OK) ? -errno : 0;
	folder = strndup(path, (size_t)(slash - path) + 1);
	if (!folder)
		return -ENOMEM;
	ret = access(folder, W_OK | X_OK) ? -errno : 0;
	free(folder);
	return ret;
}

int file_check_writable(const char *path)
{
	struct stat st;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!access(path, W_OK))
		return 0;
	return errno == ENOENT ? check_folder(path) : -errno;
}

int pread_full(int fd, void *buf, size_t len, off_t off)
{
	char *pos = buf;
	ssize_t n;

	while (len) {
		n = pread(fd, pos, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		pos += n;
		off += n;
		len -= (size_t)n;
	}
	return 0;
}

int pwrite_full(int fd, const void *buf, size_t len, off_t off)
{
	const char *pos = buf;
	ssize_t n;

	while (len) {
		n = pwrite(fd, pos, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		pos += n;
		off += n;
		len -= (size_t)n;
	}
	return 0;
}

int write_full(int fd, const void *buf, size_t len)
{
	const char *pos = buf;
	ssize_t n;

	while (len) {
		n = write(fd, pos, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		pos += n;
		len -= (size_t)n;
	}
	return 0;
}

bool file_lost_name(int fd, const char *path)
{
	struct stat own, named;

	if (fstat(fd, &own) < 0)
		return false;
	if (stat(path, &named) < 0)
		return errno == ENOENT || errno == ENOTDIR;
	return own.st_ino != named.st_ino || own.st_dev != named.st_dev;
}

bool file_is_dangling(const char *path, char *target, size_t size)
{
	ssize_t len = readlink(path, target, size - 1);
	struct stat st;

	if (len < 0 || !stat(path, &st) || errno != ENOENT)
		return false;
	target[len] = '\0';
	return true;
}

int file_sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = NULL;
	int fd, ret;

	if (asprintf(&folder, "%.*s.", slash ? (int)(slash - path) + 1 : 0,
		     path) < 0)
		return -ENOMEM;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = fd < 0 || fsync(fd) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	free(folder);
	return ret;
}
