/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens the file of a disk. What is in it is decided by the option, never by
 * its content alone: a guest that writes another format's header to its raw
 * disk must not have it read in that format at the next start. A raw disk that
 * looks like an image is refused unless the option says that it is raw.
 *
 * Main thread, while the machine is built.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/disk/format.h"
#include "lkvm/disk/lock.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"
#include "raw.h"

#define BLOCK_MIN DISK_SECTOR
#define BLOCK_MAX SZ_64K

/* With `snapshot` the guest can write, but the file is only read. */
static bool is_written(const struct disk_config *config)
{
	return !config->readonly && !config->snapshot;
}

/* The common reasons, each with what to do about it. Returns -err. */
static int explain(const struct disk_config *config, int err)
{
	const char *path = config->path;
	char target[256];

	if (is_written(config) &&
	    (err == EACCES || err == EROFS || err == EPERM))
		pr_fatal("disk %s: is read-only: add \",ro\" to use it as it "
			 "is, or \",snapshot\" for changes that are thrown "
			 "away",
			 path);
	else if (err == EISDIR)
		pr_fatal("disk %s: is a directory; --root starts a kernel "
			 "with one, --9p shares it",
			 path);
	else if (err == ENOENT &&
		 file_is_dangling(path, target, sizeof(target)))
		pr_fatal("disk %s: is a symbolic link to %s, which does not "
			 "exist",
			 path, target);
	else
		pr_fatal("disk %s: unable to open it: %s", path, strerror(err));
	return -err;
}

/* O_NONBLOCK: opening a FIFO would wait for its other end. */
static int open_file(const struct disk_config *config)
{
	int flags = O_NOCTTY | O_NONBLOCK;
	int fd = file_open(config->path,
			   flags | (is_written(config) ? O_RDWR : O_RDONLY), 0);

	return fd < 0 ? explain(config, -fd) : fd;
}

static int unreadable(const struct disk_config *config, int err)
{
	pr_fatal("disk %s: unable to read it: %s", config->path, strerror(err));
	return -err;
}

/*
 * A device that is set to be read-only can be opened for writing, and then all
 * writes fail.
 */
static int look_at_device(const struct disk_config *config, int fd, u64 *size,
			  unsigned int *block)
{
	int readonly;

	if (ioctl(fd, BLKGETSIZE64, size) < 0 ||
	    ioctl(fd, BLKPBSZGET, block) < 0 ||
	    ioctl(fd, BLKROGET, &readonly) < 0)
		return unreadable(config, errno);
	return readonly && is_written(config) ? explain(config, EROFS) : 0;
}

/* Ends with size and block size; a file's own is what its file system says. */
static int look(const struct disk_config *config, int fd, struct disk *disk,
		bool *is_block)
{
	unsigned int block;
	struct stat st;
	int ret = 0;

	if (fstat(fd, &st) < 0)
		return unreadable(config, errno);
	*is_block = S_ISBLK(st.st_mode);
	if (S_ISDIR(st.st_mode))
		return explain(config, EISDIR);
	if (!*is_block && !S_ISREG(st.st_mode)) {
		pr_fatal("disk %s: is neither a file nor a block device",
			 config->path);
		return -EINVAL;
	}
	block = (unsigned int)st.st_blksize;
	disk->size = (u64)st.st_size;
	if (*is_block)
		ret = look_at_device(config, fd, &disk->size, &block);
	if (ret)
		return ret;
	disk->block = MIN(MAX(block, BLOCK_MIN), (unsigned int)BLOCK_MAX);
	if (!is_power_of_2(disk->block))
		disk->block = BLOCK_MIN;
	return 0;
}

/* Only refuses: see above. What a qcow2 image is, qcow2_create() finds out. */
static int check_format(const struct disk_config *config, int fd)
{
	const struct disk_format *format;
	int ret = disk_format_read(fd, &format);

	if (ret)
		return unreadable(config, -ret);
	if (!format || config->format)
		return 0;
	if (format->id == DISK_FORMAT_QCOW2)
		pr_fatal("disk %s: is in qcow2 format, or looks so: add "
			 "\",format=qcow2\" to use it as that, or "
			 "\",format=raw\" if it is raw",
			 config->path);
	else
		pr_fatal("disk %s: " DISK_FORMAT_ADVICE
			 "; if it is raw all the same, add \",format=raw\"",
			 config->path, DISK_FORMAT_ARGS(format, config->path));
	return -EINVAL;
}

/* The guest sees whole sectors; what is behind the last is left alone. */
static int check_size(const struct disk_config *config, struct disk *disk)
{
	u64 rest = disk->size % DISK_SECTOR;

	if (!disk->size) {
		pr_fatal("disk %s: is empty: \"truncate -s 8G %s\" makes it a "
			 "disk of 8 GiB",
			 config->path, config->path);
		return -EINVAL;
	}
	if (disk->size < DISK_SECTOR) {
		pr_fatal("disk %s: has %" PRIu64 " bytes, less than one sector",
			 config->path, disk->size);
		return -EINVAL;
	}
	if (rest)
		pr_warn("disk %s: has %" PRIu64 " bytes, the last %" PRIu64
			" of which are no whole sector and not seen by the "
			"guest",
			config->path, disk->size, rest);
	disk->size -= rest;
	return 0;
}

/*
 * Between open and lock the name may become another file's, and a lock on the
 * old one would exclude nobody. *fd is to be closed after an error, too.
 */
static int open_and_lock(const struct disk_config *config, int *fd,
			 struct disk *disk, bool *is_block)
{
	int ret;

	for (;;) {
		*fd = open_file(config);
		if (*fd < 0)
			return *fd;
		ret = look(config, *fd, disk, is_block);
		if (!ret)
			ret = disk_lock(*fd, "disk", config->path,
					is_written(config));
		if (ret || !file_lost_name(*fd, config->path))
			return ret;
		close(*fd);
	}
}

/*
 * O_DIRECT is refused by some file systems, such as old tmpfs; the user has
 * asked for it, so that is an error and no silent fallback.
 */
static int go_direct(const struct disk_config *config, struct disk *disk)
{
	int ret = config->direct ? raw_go_direct(disk) : 0;

	if (ret)
		pr_fatal("disk %s: direct: %s: leave it out for this file "
			 "system or device",
			 config->path, strerror(-ret));
	return ret;
}

/*
 * The medium becomes what is below a snapshot, which closes it. Without the
 * option *disk stays as it is.
 */
static int add_snapshot(const struct disk_config *config, struct disk **disk)
{
	int ret = config->snapshot ? snapshot_create(*disk, disk) : 0;

	if (ret)
		pr_fatal("disk %s: no place for changes: %s: TMPDIR can name a "
			 "folder",
			 config->path, strerror(-ret));
	return ret;
}

/* ---- The medium ---------------------------------------------------------- */

static int open_medium(const struct disk_config *config, struct disk **out);

/* The option decides which file, never the image. */
static int check_backing(const struct disk_config *config,
			 const struct qcow2_backing *backing)
{
	if (!config->backing == !*backing->name)
		return 0;
	if (config->backing)
		pr_fatal("disk %s: is not based on another file: leave out "
			 "backing=",
			 config->path);
	else
		pr_fatal("disk %s: is based on another file, called \"%s\" in "
			 "its header: add \",backing=FILE\" if you trust it, "
			 "or make one file of both with \"qemu-img convert -O "
			 "qcow2\"",
			 config->path, backing->name);
	return -EINVAL;
}

/*
 * Its format is what the option says, else what the image says, whose header
 * no guest has written. A chain ends here: it has no backing= of its own.
 */
static int add_backing(const struct disk_config *config, struct disk *disk,
		       const struct qcow2_backing *backing)
{
	struct disk_config below = {
		.path = config->backing,
		.readonly = true,
		.direct = config->direct,
		.format = config->backing_format ? config->backing_format
						 : backing->format,
	};
	struct disk *medium;
	int ret = check_backing(config, backing);

	if (ret || !config->backing)
		return ret;
	if (!below.format) {
		pr_fatal("disk %s: does not say in which format its backing "
			 "file is: add \",backing_format=raw\" or "
			 "\",backing_format=qcow2\"",
			 config->path);
		return -EINVAL;
	}
	ret = open_medium(&below, &medium);
	if (!ret)
		qcow2_set_backing(disk, medium);
	return ret;
}

/*
 * The name comes from the image, and goes to the terminal in a message: no
 * escape sequences.
 */
static void make_printable(char *name)
{
	for (; *name; name++)
		if (*name < ' ' || *name > '~')
			*name = '?';
}

/* Ends with the disk in the image, which takes the place of its file. */
static int add_qcow2(const struct disk_config *config, struct disk **disk)
{
	const struct disk like = { .path = config->path,
				   .block = (*disk)->block,
				   .readonly = (*disk)->readonly };
	struct qcow2_backing *backing = malloc(sizeof(*backing));
	struct disk *file = *disk;
	int ret;

	*disk = NULL;
	if (!backing) {
		disk_close(file);
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	ret = qcow2_create(&like, file, disk, backing);
	if (!ret) {
		make_printable(backing->name);
		ret = add_backing(config, *disk, backing);
	}
	free(backing);
	return ret;
}

/* Ends with a disk that is a medium; `raw` is what is known of it. */
static int make(const struct disk_config *config, const struct disk *raw,
		int fd, bool is_block, struct disk **out)
{
	struct disk *disk;
	int ret = raw_create(raw, fd, is_block, &disk);

	if (ret) {
		pr_fatal("out of memory");
		return ret;
	}
	ret = go_direct(config, disk);
	if (!ret && config->format == DISK_CONFIG_QCOW2)
		ret = add_qcow2(config, &disk);
	if (ret)
		disk_close(disk);
	else
		*out = disk;
	return ret;
}

/*
 * What is in one file, with what that is based on, but without a snapshot. The
 * size of a qcow2 image is in its header, so that of the file is not checked.
 */
static int open_medium(const struct disk_config *config, struct disk **out)
{
	struct disk disk = { .path = config->path,
			     .readonly = !is_written(config) };
	bool is_block = false;
	int fd, ret = open_and_lock(config, &fd, &disk, &is_block);

	if (!ret)
		ret = check_format(config, fd);
	if (!ret && config->format != DISK_CONFIG_QCOW2)
		ret = check_size(config, &disk);
	if (!ret)
		return make(config, &disk, fd, is_block, out);
	if (fd >= 0)
		close(fd);
	return ret;
}

/*
 * A snapshot is over all of it: what the guest changes is neither in the image
 * nor in its backing file.
 */
int disk_open(const struct disk_config *config, struct disk **out)
{
	struct disk *disk;
	int ret = open_medium(config, &disk);

	if (ret)
		return ret;
	ret = add_snapshot(config, &disk);
	if (ret)
		disk_close(disk);
	else
		*out = disk;
	return ret;
}
