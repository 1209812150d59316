/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new file for a bank, made as a copy of another (`template=`). It is
 * complete and locked before it gets its name, and never replaces a file that
 * another process has created meanwhile: another lkvm may make the same copy at
 * the same time, or lkvm may be killed, and no reader may ever see half a
 * variable store.
 *
 * hw/flash/open.c calls flash_template_copy(), loads the bank from the result,
 * and calls flash_template_place() last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"

/* How many names are tried for a temporary file. */
#define MAX_TRIES 100

/*
 * The length of the directory in `path`, with its slash; 0 means the current
 * one.
 */
static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/*
 * linkat(2) needs a path of the file: AT_EMPTY_PATH would need
 * CAP_DAC_READ_SEARCH.
 */
#define FD_PATH_SIZE 32

static void fd_path(int fd, char path[FD_PATH_SIZE])
{
	snprintf(path, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
}

/*
 * Creates a file in the directory of `path` with O_TMPFILE: the kernel frees it
 * if lkvm is killed. Without /proc it could not be named later, so that is
 * checked first. Returns 0 or -errno.
 */
static int create_nameless(struct flash_file *copy, const char *path)
{
	struct flash_file file = { 0 };
	char name[FD_PATH_SIZE];
	char *folder = NULL;
	int ret;

	if (asprintf(&folder, "%.*s.", (int)folder_len(path), path) < 0)
		return -ENOMEM;
	file.path = folder;
	ret = flash_file_open(&file, O_RDWR | O_TMPFILE);
	free(folder);
	if (ret)
		return ret;
	fd_path(file.fd, name);
	if (access(name, F_OK)) {
		close(file.fd);
		return -ENOTSUP;
	}
	copy->fd = file.fd;
	return 0;
}

/*
 * The same for file systems without O_TMPFILE, such as NFS and FAT: a file with
 * a temporary name, *temp.
 */
static int create_named(struct flash_file *copy, const char *path, char **temp)
{
	int ret = -EEXIST;

	for (unsigned int i = 0; ret == -EEXIST && i < MAX_TRIES; i++) {
		struct flash_file file = { 0 };

		if (asprintf(temp, "%.*s.lkvm-%d-%u", (int)folder_len(path),
			     path, (int)getpid(), i) < 0)
			return -ENOMEM;
		file.path = *temp;
		ret = flash_file_open(&file, O_RDWR | O_CREAT | O_EXCL);
		copy->fd = file.fd;
		if (ret)
			free(*temp);
	}
	return ret;
}

/* Not every filesystem has files without a name. */
static int create_temp(struct flash_file *copy, const char *path, char **temp)
{
	*temp = NULL;
	return create_nameless(copy, path) ? create_named(copy, path, temp) : 0;
}

static int unwritable(const struct flash_file *copy,
		      const struct flash_config *config, int err)
{
	pr_fatal("flash %s: unable to make it from template %s: %s", copy->path,
		 config->template, strerror(-err));
	return err;
}

/* Pages of zeros become holes, whether the template had holes there or not. */
static int write_data(int fd, const u8 *data, size_t len, u64 at)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < len; i += SZ_4K) {
		size_t n = MIN(SZ_4K, len - i);

		if (!is_filled(data + i, n, 0))
			ret = pwrite_full(fd, data + i, n, (off_t)(at + i));
	}
	return ret;
}

/*
 * Copies up to `max` bytes; *more tells whether the template has others. It is
 * decoded in passing, so a template in qcow2 format makes a raw file.
 */
static int copy_content(struct flash_file *from, const struct flash_file *copy,
			const struct flash_config *config, u64 max, u64 *bytes,
			bool *more)
{
	u8 *buf = malloc(SZ_64K);
	size_t got = SZ_64K;
	bool zeros;
	int ret = buf ? 0 : unwritable(copy, config, -ENOMEM);

	*bytes = 0;
	*more = false;
	while (!ret && got == SZ_64K && !*more) {
		ret = flash_file_read(from, buf, SZ_64K, &got, &zeros);
		if (ret)
			break;
		*more = got > max - *bytes;
		got = MIN(got, max - *bytes);
		if (!zeros)
			ret = write_data(copy->fd, buf, got, *bytes);
		if (ret)
			ret = unwritable(copy, config, ret);
		*bytes += got;
	}
	free(buf);
	return ret;
}

/*
 * The size of the bank is known once the template has been read to its end,
 * since a compressed one does not tell it. The copy is made durable before it
 * gets its name.
 */
static int make_copy(struct flash_file *from, const struct flash_file *copy,
		     const struct flash_config *config,
		     const struct flash_limits *limits)
{
	u64 max, bytes, size;
	bool more;
	int ret = flash_file_max_size(copy, config, limits, &max);

	if (!ret)
		ret = copy_content(from, copy, config, max, &bytes, &more);
	if (!ret)
		ret = flash_file_bank_size(from, bytes, more, true, config,
					   limits, &size);
	if (ret)
		return ret;
	bytes = MIN(bytes, size);
	if (ftruncate(copy->fd, (off_t)bytes) < 0)
		return unwritable(copy, config, -errno);
	ret = flash_file_erase(copy, bytes, size);
	/* A file of this name is never to be found half made. */
	if (!ret && config->sync != FLASH_SYNC_NONE && fsync(copy->fd) < 0)
		ret = unwritable(copy, config, -errno);
	return ret;
}

static int open_template(struct flash_file *from)
{
	int ret = flash_file_open(from, O_RDONLY);

	if (ret)
		pr_fatal("Unable to open template %s: %s", from->path,
			 strerror(-ret));
	return ret;
}

int flash_template_check(const char *path)
{
	struct flash_file from = { .what = "template", .path = path };
	int ret = open_template(&from);

	flash_file_close(&from);
	return ret;
}

/*
 * A read lock while it is copied: a bank in use as a template would be copied
 * half changed.
 */
static int begin_template(struct flash_file *from,
			  const struct flash_limits *limits)
{
	int ret = open_template(from);

	if (!ret)
		ret = flash_file_lock(from, F_RDLCK);
	if (!ret)
		ret = flash_file_stat(from);
	if (!ret)
		ret = flash_file_find_format(from, limits);
	return ret ? ret : flash_file_begin(from);
}

/*
 * The copy has a temporary name until it is complete, so that a bank is never
 * half of a template.
 */
int flash_template_copy(struct flash_file *copy,
			const struct flash_config *config,
			const struct flash_limits *limits, char **temp)
{
	struct flash_file from = { .what = "template",
				   .path = config->template };
	int ret = begin_template(&from, limits);

	*temp = NULL;
	if (!ret) {
		ret = create_temp(copy, config->path, temp);
		if (ret) {
			*temp = NULL;
			unwritable(copy, config, ret);
		}
	}
	if (!ret)
		ret = make_copy(&from, copy, config, limits);
	flash_file_close(&from);
	if (ret && *temp) {
		unlink(*temp);
		free(*temp);
		*temp = NULL;
	}
	return ret;
}

/* linkat(2) does not replace an existing name: -EEXIST then. */
static int name_nameless(int fd, const char *path)
{
	char name[FD_PATH_SIZE];

	fd_path(fd, name);
	return linkat(AT_FDCWD, name, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0
		       ? -errno
		       : 0;
}

/*
 * Gives a file with a temporary name its own, unless that exists. Some file
 * systems have no hard links, others no RENAME_NOREPLACE. Returns 0 or -errno.
 */
static int rename_new(const char *temp, const char *path)
{
	if (!link(temp, path)) {
		unlink(temp);
		return 0;
	}
	if (errno == EEXIST)
		return -EEXIST;
	return renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) < 0
		       ? -errno
		       : 0;
}

int flash_template_place(const struct flash_file *copy, const char *temp,
			 const char *path, bool durable)
{
	int ret = temp ? rename_new(temp, path) : name_nameless(copy->fd, path);

	if (ret && ret != -EEXIST)
		pr_fatal("flash %s: unable to name the new file: %s", path,
			 strerror(-ret));
	if (!ret && durable)
		flash_file_sync_name(path);
	return ret;
}
