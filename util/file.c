/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls for files that transfer all bytes or fail: short reads and
 * writes are continued, EINTR is retried. Nothing is printed, as the caller has
 * the option and the role of the file. No state; any thread. They block for as
 * long as the file does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/util/file.h"

/*
 * Bytes of the first buffer for a file whose size is not known: a pipe, a
 * device or a file of procfs.
 */
#define FIRST_SIZE SZ_4K

/* A file's bytes while they are read. */
struct content {
	char *data;
	size_t len;  /* bytes read */
	size_t size; /* bytes allocated at `data` */
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

/*
 * Reads to the end of the file; fails with -EFBIG once there are more than
 * `max` bytes, as the size that fstat(2) returns may be outdated or 0.
 */
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

/*
 * A regular file of known size takes one allocation and two reads, of which the
 * second finds the end.
 */
static int read_content(int fd, size_t max, struct content *content)
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

int file_read_fd(int fd, size_t max, void **buf, size_t *len)
{
	struct content content = { 0 };
	int err = read_content(fd, max, &content);

	if (err) {
		free(content.data);
		return err;
	}
	*buf = content.data;
	*len = content.len;
	return 0;
}

/*
 * A signal interrupts open(2) only where that waits: for the other end of a
 * FIFO, or for a server, as with FUSE and NFS.
 */
int file_open(const char *path, int flags, mode_t mode)
{
	int fd;

	do {
		fd = open(path, flags | O_CLOEXEC, mode);
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

int file_sync_data(int fd)
{
	int ret;

	do {
		ret = fdatasync(fd) < 0 ? -errno : 0;
	} while (ret == -EINTR);
	return ret;
}

/* O_NOCTTY: a terminal named by mistake does not become ours. */
int file_read_all(const char *path, size_t max, void **buf, size_t *len)
{
	int fd = file_open(path, O_RDONLY | O_NOCTTY, 0), err;

	if (fd < 0)
		return fd;
	err = file_read_fd(fd, max, buf, len);
	close(fd);
	return err;
}

/*
 * For a file that does not exist: whether one can be made in its folder, which
 * is "dir/" of "dir/name".
 */
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

/* access(2) uses the real user; lkvm is not meant to be set-user-ID. */
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

/*
 * POSIX does not say what a write of 0 bytes means for a regular file; -EIO
 * ends the loop.
 */
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

/*
 * Open file description locks, since POSIX locks belong to the process: two
 * descriptors of one lkvm would not exclude each other, and closing another
 * descriptor of the file would release them.
 */
int file_try_lock(int fd, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	if (!fcntl(fd, F_OFD_SETLK, &lock))
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

/*
 * Inode and device identify a file. Used after a lock has been taken: another
 * process may have renamed a new file into place before that.
 */
bool file_lost_name(int fd, const char *path)
{
	struct stat own, named;

	if (fstat(fd, &own) < 0)
		return false;
	if (stat(path, &named) < 0)
		return errno == ENOENT || errno == ENOTDIR;
	return own.st_ino != named.st_ino || own.st_dev != named.st_dev;
}

/*
 * open(2) with O_CREAT | O_EXCL does not follow links and says EEXIST for such
 * a name, without O_CREAT it says ENOENT: neither explains it to the user.
 */
bool file_is_dangling(const char *path, char *target, size_t size)
{
	ssize_t len = readlink(path, target, size - 1);
	struct stat st;

	if (len < 0 || !stat(path, &st) || errno != ENOENT)
		return false;
	target[len] = '\0';
	return true;
}

/*
 * fsync(2) of a file does not make its directory entry durable. The added "."
 * names the folder itself where the path has none.
 */
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
