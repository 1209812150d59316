/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What banks and templates have in common: opening, locking, the format and how
 * it is read, and the size of the bank that a content makes. hw/flash/open.c
 * and hw/flash/template.c put these steps in their orders, while the machine is
 * built and before a vCPU runs; there is no lock but that of the file.
 *
 * Formats other than raw are recognised and decoded in disk/; this file decides
 * which of them may be used and prints the messages.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"

int flash_file_open(struct flash_file *file, int flags)
{
	/* Without O_NONBLOCK opening a FIFO would wait for its other end. */
	file->fd = file_open(file->path, flags | O_NOCTTY | O_NONBLOCK, 0666);
	file->format = NULL;
	memset(&file->decoder, 0, sizeof(file->decoder));
	return MIN(file->fd, 0);
}

void flash_file_close(struct flash_file *file)
{
	disk_decoder_close(&file->decoder);
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

int flash_file_lock(const struct flash_file *file, short type)
{
	int ret = file_try_lock(file->fd, type);

	if (!ret)
		return 0;
	if (ret == -EBUSY) {
		pr_fatal("%s %s: is in use by another flash bank or lkvm",
			 file->what, file->path);
		return ret;
	}
	pr_warn("%s %s: unable to lock it (%s): make sure that no other "
		"lkvm uses it",
		file->what, file->path, strerror(-ret));
	return 0;
}

static int unknown_size(const struct flash_file *file)
{
	int err = errno;

	pr_fatal("%s %s: unable to find out its size: %s", file->what,
		 file->path, strerror(err));
	return -err;
}

int flash_file_stat(struct flash_file *file)
{
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return unknown_size(file);
	file->mode = st.st_mode;
	file->bytes = (u64)st.st_size;
	if (S_ISREG(st.st_mode))
		return 0;
	if (S_ISBLK(st.st_mode))
		return ioctl(file->fd, BLKGETSIZE64, &file->bytes) < 0
			       ? unknown_size(file)
			       : 0;
	if (S_ISDIR(st.st_mode)) {
		pr_fatal("%s %s: is a directory", file->what, file->path);
		return -EISDIR;
	}
	pr_fatal("%s %s: is neither a file nor a block device", file->what,
		 file->path);
	return -EINVAL;
}

static int unreadable(const struct flash_file *file, int err)
{
	pr_fatal("%s %s: unable to read it: %s", file->what, file->path,
		 strerror(-err));
	return err;
}

/*
 * Guests keep compressed kernels at the start of a flash, so a file that has
 * the size of a bank is not taken for a compressed one.
 */
int flash_file_find_format(struct flash_file *file,
			   const struct flash_limits *limits)
{
	int ret = disk_format_read(file->fd, &file->format);

	if (ret)
		return unreadable(file, ret);
	if (file->format && file->format->compressed &&
	    is_power_of_2(file->bytes) && file->bytes >= limits->block)
		file->format = NULL;
	return 0;
}

int flash_file_refuse_format(const struct flash_file *file)
{
	pr_fatal("%s %s: " DISK_FORMAT_ADVICE, file->what, file->path,
		 DISK_FORMAT_ARGS(file->format, file->path));
	return -EINVAL;
}

/*
 * The decoder knows what is wrong with an image; an errno would say "Invalid
 * argument" of all of it.
 */
static int undecodable(const struct flash_file *file, int err)
{
	pr_fatal("%s %s: unable to read it: %s", file->what, file->path,
		 disk_decoder_problem(&file->decoder, err));
	return err;
}

int flash_file_begin(struct flash_file *file)
{
	int ret;

	if (file->format && file->format->id == DISK_FORMAT_OTHER)
		return flash_file_refuse_format(file);
	ret = disk_decoder_open(&file->decoder, file->fd, file->format);
	return ret ? undecodable(file, ret) : 0;
}

int flash_file_read(struct flash_file *file, u8 *buf, size_t len, size_t *got,
		    bool *zeros)
{
	int ret = disk_decoder_read(&file->decoder, buf, len, got, zeros);

	return ret ? undecodable(file, ret) : 0;
}

/*
 * A new file survives a loss of power only if its directory is synced as well.
 * Not every directory may be opened for that, hence no error.
 */
void flash_file_sync_name(const char *path)
{
	int ret = file_sync_folder(path);

	if (ret)
		pr_debug("unable to make the name of %s durable: %s", path,
			 strerror(-ret));
}

/* Erased NOR reads as ones, so a sparse file would not do. */
int flash_write_erased(int fd, u64 from, u64 to)
{
	u8 erased[SZ_4K];
	int ret = 0;

	memset(erased, 0xff, sizeof(erased));
	for (u64 at = from; !ret && at < to; at += sizeof(erased))
		ret = pwrite_full(fd, erased, MIN(sizeof(erased), to - at),
				  (off_t)at);
	return ret;
}

int flash_file_erase(const struct flash_file *file, u64 from, u64 to)
{
	int ret = flash_write_erased(file->fd, from, to);

	if (ret)
		pr_fatal("%s %s: unable to write %" PRIu64 " bytes: %s",
			 file->what, file->path, to, strerror(-ret));
	return ret;
}

/*
 * `size=` has to be one that a bank can have: address decoding of the chips
 * needs a power of two.
 */
static int check_size(const struct flash_file *file, u64 size,
		      const struct flash_limits *limits)
{
	if (!is_power_of_2(size) || size < limits->block) {
		pr_fatal("%s %s: size=%" PRIu64 ": has to be a power of two, "
			 "at least an erase block (%" PRIu64 ")",
			 file->what, file->path, size, limits->block);
		return -EINVAL;
	}
	if (size > limits->window) {
		pr_fatal("%s %s: size=%" PRIu64 ": there is room for %" PRIu64,
			 file->what, file->path, size, limits->window);
		return -EFBIG;
	}
	return 0;
}

int flash_file_max_size(const struct flash_file *file,
			const struct flash_config *config,
			const struct flash_limits *limits, u64 *max)
{
	*max = config->size ? config->size : limits->window;
	return config->size ? check_size(file, config->size, limits) : 0;
}

/*
 * `more`: only the beginning was decoded, and `bytes` is what was read of it.
 */
static int too_large(const struct flash_file *file, u64 bytes, bool more,
		     u64 window)
{
	pr_fatal("%s %s: has %s%" PRIu64 " bytes, there is room for %" PRIu64,
		 file->what, file->path, more ? "more than " : "", bytes,
		 window);
	return -EFBIG;
}

/*
 * Without a size= the content decides. It is rounded up where nothing is
 * written to the file, so that nothing of it is missing; else down.
 */
static int size_of_content(const struct flash_file *file, u64 bytes, bool more,
			   bool up, const struct flash_limits *limits,
			   u64 *size)
{
	u64 window = limits->window;

	if (bytes < limits->block) {
		pr_fatal("%s %s: has %" PRIu64 " bytes, less than one erase "
			 "block (%" PRIu64 ")",
			 file->what, file->path, bytes, limits->block);
		return -EINVAL;
	}
	*size = rounddown_pow_of_2(bytes);
	if (more || *size > window || (window < bytes && *size == window))
		return too_large(file, bytes, more, window);
	if (*size == bytes)
		return 0;
	if (up && *size * 2 <= window) {
		*size *= 2;
		pr_info("%s %s: has %" PRIu64 " bytes, not a power of two: "
			"the bank has %" PRIu64 ", the rest is erased",
			file->what, file->path, bytes, *size);
	} else {
		pr_info("%s %s: has %" PRIu64 " bytes, not a power of two: "
			"the first %" PRIu64 " are used (\",size=%" PRIu64
			"\" uses all)",
			file->what, file->path, bytes, *size, *size * 2);
	}
	return 0;
}

/* A new one is proposed where `create` would be accepted. */
static int is_empty(const struct flash_file *file, bool up,
		    const struct flash_config *config)
{
	const char *more = "";

	if (file->format)
		more = " once decoded";
	else if (!up && !config->template)
		more = "; \",create,size=2M\" makes a new one";
	pr_fatal("%s %s: is empty%s", file->what, file->path, more);
	return -EINVAL;
}

int flash_file_bank_size(const struct flash_file *file, u64 bytes, bool more,
			 bool up, const struct flash_config *config,
			 const struct flash_limits *limits, u64 *size)
{
	int ret;

	if (!bytes && !config->create)
		return is_empty(file, up, config);
	if (!config->size)
		return size_of_content(file, bytes, more, up, limits, size);
	ret = check_size(file, config->size, limits);
	if (ret)
		return ret;
	*size = config->size;
	if (more || bytes > *size)
		pr_info("%s %s: has %s%" PRIu64 " bytes, the first %" PRIu64
			" are used",
			file->what, file->path, more ? "more than " : "", bytes,
			*size);
	return 0;
}

#define ARRAY_ALIGN SZ_2M

/* The slack on both sides is unmapped. */
u8 *flash_map_array(u64 size, int prot)
{
	u8 *start, *end;
	u8 *map = mmap(NULL, size + ARRAY_ALIGN, prot,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	start = (u8 *)ALIGN_UP((uintptr_t)map, ARRAY_ALIGN);
	end = map + size + ARRAY_ALIGN;
	if (start > map)
		munmap(map, (size_t)(start - map));
	if (start + size < end)
		munmap(start + size, (size_t)(end - start) - size);
	return start;
}
