/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a flash file as a whole, for `lkvm flash`: what a bank of it would
 * hold, decoded if it is qcow2 or gzip, as for `lkvm run`'s read-only banks and
 * templates. The commands never look at the file's own bytes, so they see the
 * same content as the guest does.
 *
 * A template is read under a lock, as by `lkvm run`, since what is made from it
 * will be used. What is only shown is read without, so that the file of a
 * running VM can be looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builtin-flash.h"
#include "lkvm/disk/decode.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"

#define STEP SZ_64K /* bytes decoded at a time */

static int unreadable(const struct flash_content *c, int err)
{
	pr_fatal("Unable to read %s %s: %s", c->what, c->path, strerror(-err));
	return err;
}

static int too_large(const struct flash_content *c)
{
	pr_fatal("%s %s: has more than %zu MiB", c->what, c->path,
		 c->max / SZ_1M);
	return -EFBIG;
}

/*
 * In steps, since the size of gzip's content is not known beforehand, and with
 * a limit, since a small file can decompress to any size.
 */
static int read_all(struct flash_content *c, struct disk_decoder *d)
{
	size_t got = STEP;
	int ret = 0;

	c->size = 0;
	while (!ret && got == STEP && c->size <= c->max) {
		u8 *buf = realloc(c->buf, c->size + STEP);
		bool zeros;

		if (!buf)
			return -ENOMEM;
		c->buf = buf;
		ret = disk_decoder_read(d, buf + c->size, STEP, &got, &zeros);
		if (!ret && zeros)
			memset(buf + c->size, 0, got);
		c->size += ret ? 0 : got;
	}
	return ret;
}

/* Errors of opening and of reading are reported by the same message. */
static int read_decoded(struct flash_content *c, int fd)
{
	struct disk_decoder d;
	int ret = disk_decoder_open(&d, fd, c->format);

	if (!ret)
		ret = read_all(c, &d);
	if (ret)
		pr_fatal("%s %s: unable to read it: %s", c->what, c->path,
			 disk_decoder_problem(&d, ret));
	else if (c->size > c->max)
		ret = too_large(c);
	disk_decoder_close(&d);
	return ret;
}

/*
 * Decoders need a descriptor that can be read at any offset; the file may have
 * been a pipe and is in memory already, hence a memfd.
 */
static int decode(struct flash_content *c)
{
	int fd = memfd_create("flash", MFD_CLOEXEC);
	int ret = fd < 0 ? -errno : pwrite_full(fd, c->buf, c->size, 0);

	free(c->buf);
	c->buf = NULL;
	ret = ret ? unreadable(c, ret) : read_decoded(c, fd);
	if (fd >= 0)
		close(fd);
	return ret;
}

/*
 * A format that is recognised and cannot be read; the message has the command
 * that converts it.
 */
static int refuse(const struct flash_content *c)
{
	pr_fatal("%s %s: " DISK_FORMAT_ADVICE, c->what, c->path,
		 DISK_FORMAT_ARGS(c->format, c->path));
	return -EINVAL;
}

/* File systems without locks are accepted. */
static int lock(const struct flash_content *c, int fd)
{
	if (file_try_lock(fd, F_RDLCK) != -EBUSY)
		return 0;
	pr_fatal("%s %s: is in use by an lkvm that writes to it", c->what,
		 c->path);
	return -EBUSY;
}

/* The file's own bytes. Closing it also ends the lock. */
static int read_file(struct flash_content *c)
{
	int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int ret = 0;

	if (fd < 0)
		return unreadable(c, -errno);
	if (c->lock)
		ret = lock(c, fd);
	if (!ret) {
		ret = file_read_fd(fd, c->max, &c->buf, &c->size);
		if (ret)
			ret = ret == -EFBIG ? too_large(c) : unreadable(c, ret);
	}
	close(fd);
	return ret;
}

/*
 * A file that has the size of a bank is taken for raw content even if it begins
 * like a compressed file: two bytes of magic may occur in a bank, but a
 * compressed file rarely has such a size.
 */
int flash_content_read(struct flash_content *c)
{
	int ret = read_file(c);

	if (ret)
		return ret;
	c->format = disk_format_of(c->buf, c->size);
	if (c->format && c->format->compressed && is_power_of_2(c->size) &&
	    c->size >= FLASH_MIN_BANK)
		c->format = NULL;
	if (!c->format)
		return 0;
	return c->format->id == DISK_FORMAT_OTHER ? refuse(c) : decode(c);
}
