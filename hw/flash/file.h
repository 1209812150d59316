/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that flash content comes from: a bank's own, or a template. Private
 * to hw/flash/. Unless said otherwise the functions return 0, or -errno
 * after a fatal message that names the file.
 */
#ifndef HW_FLASH_FILE_H
#define HW_FLASH_FILE_H

#include "lkvm/config/flash.h"
#include "lkvm/disk/decode.h"
#include "lkvm/util/util.h"

struct flash_file {
	const char *what; /* "flash" or "template", for messages; not owned */
	const char *path; /* not owned */
	int fd;
	u64 bytes; /* what is in the file, whatever its format */
	unsigned int mode;
	const struct disk_format *format; /* NULL: raw */
	struct disk_decoder decoder;	  /* since flash_file_begin() */
};

/*
 * Limits of the size of a bank, in bytes: an erase block and what the machine
 * has room for.
 */
struct flash_limits {
	u64 block;
	u64 window;
};

/*
 * Opens file->path with the flags of open(2), and does not block on a FIFO.
 * Returns 0 or -errno, without a message.
 */
int flash_file_open(struct flash_file *file, int flags);

/* Closes what is open; harmless if nothing is. */
void flash_file_close(struct flash_file *file);

/*
 * Locks the open file description, `type` being F_RDLCK or F_WRLCK: the lock
 * goes with the last descriptor, and two banks of one lkvm exclude each other
 * as well. A filesystem without locks only has a warning.
 */
int flash_file_lock(const struct flash_file *file, short type);

/* Fills in `bytes` and `mode`; refuses what is no file or block device. */
int flash_file_stat(struct flash_file *file);

/*
 * Finds out the format of the content. A file of 2^n bytes, a block or more, is
 * never taken for a compressed one: guests keep compressed kernels in flash,
 * too. Needs flash_file_stat().
 */
int flash_file_find_format(struct flash_file *file,
			   const struct flash_limits *limits);

/* Prints the command that converts the file to raw. Returns -EINVAL. */
int flash_file_refuse_format(const struct flash_file *file);

/* Prepares flash_file_read() for the format, or refuses that. */
int flash_file_begin(struct flash_file *file);

/*
 * Reads on, from the start of the content at first; decoded if so begun. *got
 * is less than `len` only at its end. *zeros: all of it is zero, and nothing
 * was put into `buf`.
 */
int flash_file_read(struct flash_file *file, u8 *buf, size_t len, size_t *got,
		    bool *zeros);

/*
 * Syncs the directory of `path`, so that the name survives a loss of power. Not
 * every directory may be opened: no error.
 */
void flash_file_sync_name(const char *path);

/* Writes erased flash to [from, to). */
int flash_file_erase(const struct flash_file *file, u64 from, u64 to);

/* The same without a message. */
int flash_write_erased(int fd, u64 from, u64 to);

/*
 * Chooses the size of a bank whose content has `bytes` bytes: that of `size=`,
 * or the power of two above (`up`) or below. `more`: that many bytes are all
 * that was read, there are more. Prints what is not used or is added.
 */
int flash_file_bank_size(const struct flash_file *file, u64 bytes, bool more,
			 bool up, const struct flash_config *config,
			 const struct flash_limits *limits, u64 *size);

/* The size of `size=`, checked, or without that the largest possible one. */
int flash_file_max_size(const struct flash_file *file,
			const struct flash_config *config,
			const struct flash_limits *limits, u64 *max);

/*
 * Maps `size` bytes of private memory, aligned to huge pages of hosts with
 * pages of 4 KiB, so that those of guest and host coincide: else KVM maps
 * firmware that is executed in place one small page at a time. Banks are
 * aligned to their size in guest physical addresses. NULL, with errno, if there
 * is no memory.
 */
u8 *flash_map_array(u64 size, int prot);

/* Whether the file can be opened as a template. Changes nothing. */
int flash_template_check(const char *path);

/*
 * Makes a file in the folder of config->path, a copy of config->template, and
 * opens it for the bank. It has no name, so that it does not outlive lkvm until
 * it gets one; *temp is NULL then. On file systems without such files it has a
 * temporary name, *temp, which the caller frees. On failure nothing is left.
 */
int flash_template_copy(struct flash_file *copy,
			const struct flash_config *config,
			const struct flash_limits *limits, char **temp);

/*
 * Gives the copy, called `temp` so far unless that is NULL, the name `path`,
 * for good if `durable`, unless there is a file of that name by now. Returns 0,
 * then there is no `temp` any more; -EEXIST without a message; or another
 * -errno after one.
 */
int flash_template_place(const struct flash_file *copy, const char *temp,
			 const char *path, bool durable);

#endif
