/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that a guest is started with, and started with again after a reset:
 * what it held the first time, whatever has become of its name.
 */
#ifndef LKVM_ARM_BOOT_BOOT_FILE_H
#define LKVM_ARM_BOOT_BOOT_FILE_H

#include <time.h>

#include "lkvm/util/util.h"

/* Bytes of a file. */
struct file_range {
	u64 offset;
	u64 size;
};

/* Closed while it is all zeroes. */
struct boot_file {
	const char *path;
	const char *what;
	int fd;
	u64 size;
	/* What image_open() looks at, within the file; size 0: all of it. */
	struct file_range part;
	/* Private from here on. */
	bool copy; /* fd is a copy in memory */
	bool seen; /* image_open() had it before, and said what is odd */
	int error; /* of the first boot_file_read() that failed, or 0 */
	struct timespec modified;
};

/*
 * Opens the file at `path`, unless *file is open already. What cannot be read
 * twice, such as a pipe, is copied to memory: no more than `limit` + 1 bytes of
 * it, so that a caller that has room for `limit` bytes can tell that it does
 * not fit. `what` is its name in messages ("kernel"); both strings belong to
 * the caller and outlive *file.
 *
 * Returns 0, or -errno after a message; then there is nothing to close.
 */
int boot_file_open(struct boot_file *file, const char *path, const char *what,
		   u64 limit);

/*
 * Goes to the beginning, of `part` if there is one. Returns 0 or, after a
 * message, an error of boot_file_check().
 */
int boot_file_rewind(struct boot_file *file);

/*
 * Checks that the content is what it was when the file was opened. To be called
 * after reading, as the file may be written to at any time before. Returns 0,
 * or, after a message, -ESTALE if it has changed, or the errno of fstat(2).
 */
int boot_file_check(const struct boot_file *file);

/*
 * Reads `len` bytes from `offset` on, which lie in the file, wherever its
 * position is. Returns 0 or an error of boot_file_rewind(), after a message the
 * first time, and from then on.
 */
int boot_file_read(struct boot_file *file, u64 offset, void *to, size_t len);

/*
 * From now on the content is the `size` bytes of `fd`, a file in memory, which
 * is *file's to close.
 */
void boot_file_replace(struct boot_file *file, int fd, u64 size);

/* Closes the file if it is open. */
void boot_file_close(struct boot_file *file);

#endif
