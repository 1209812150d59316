/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Formats of files that are not raw content: disk images of other programs and
 * compressed files. A format is told by what the file begins with.
 */
#ifndef LKVM_DISK_FORMAT_H
#define LKVM_DISK_FORMAT_H

#include "lkvm/util/util.h"

/* Those that lkvm can read; all others are only told by name. */
enum disk_format_id {
	DISK_FORMAT_OTHER,
	DISK_FORMAT_QCOW2,
	DISK_FORMAT_GZIP,
};

struct disk_format {
	const char *name; /* "qcow2", "xz" */
	/* Private; for DISK_FORMAT_ADVICE. */
	const char *command, *to;
	const char *magic;
	u16 offset, len;
	/* Public again. */
	enum disk_format_id id;
	bool compressed; /* one compressed stream, not a disk image */
};

/*
 * "is in qcow2 format, not raw; "qemu-img convert -f qcow2 -O raw A A.raw"
 * converts it": a format of printf(3) and its arguments, for a message that
 * begins with the file's name.
 */
#define DISK_FORMAT_ADVICE \
	"is in %s format, not raw; \"%s %s%s%s.raw\" converts it"
#define DISK_FORMAT_ARGS(format, path) \
	(format)->name, DISK_FORMAT_COMMAND(format, path)
/* Of the command alone: "%s %s%s%s.raw". */
#define DISK_FORMAT_COMMAND(format, path) \
	(format)->command, path, (format)->to, path

/*
 * The format of content that begins with the `len` bytes at `start`, NULL if
 * it is raw. 512 bytes tell all formats, fewer some.
 */
const struct disk_format *disk_format_of(const void *start, size_t len);

/*
 * The format of what `fd` holds from its first byte on; the file position is
 * not moved. *format is NULL for raw content. Returns 0, or the -errno of
 * pread(2), such as -ESPIPE for a pipe.
 */
int disk_format_read(int fd, const struct disk_format **format);

#endif
