/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Content of any format that lkvm reads, front to back: raw, gzip or qcow2. For
 * one thread at a time.
 */
#ifndef LKVM_DISK_DECODE_H
#define LKVM_DISK_DECODE_H

#include "lkvm/disk/format.h"

struct gzip_reader;
struct qcow2_reader;

/* Closed while it is all zeroes. */
struct disk_decoder {
	/*
	 * After -EBADMSG or -ENOTSUP: what is wrong, a sentence about the file
	 * that follows "unable to read it: ", without its name.
	 */
	const char *problem;
	/* Private from here on. */
	int fd;
	u64 at; /* bytes of content that have been read */
	struct gzip_reader *gzip;
	struct qcow2_reader *qcow2;
};

/*
 * Begins to read `fd`, which is at its first byte, stays the caller's and open
 * as long as the decoder is used; NULL is the format of raw content, and
 * a format of DISK_FORMAT_OTHER is not allowed. Returns 0; -ENOTSUP if an
 * image is damaged or needs what is not supported; or -errno. After an error
 * there is nothing to close.
 */
int disk_decoder_open(struct disk_decoder *d, int fd,
		      const struct disk_format *format);

/* Harmless if it is closed. */
void disk_decoder_close(struct disk_decoder *d);

/*
 * Reads on. *got is less than `len` only at the end. *zeros: all of it is zero,
 * and nothing was put into `buf`. Returns 0; -EBADMSG if the content is corrupt
 * or its end is missing; -ENOTSUP if what is compressed is an image in turn; or
 * -errno.
 */
int disk_decoder_read(struct disk_decoder *d, void *buf, size_t len,
		      size_t *got, bool *zeros);

/* What messages say of an error of the functions above. */
const char *disk_decoder_problem(const struct disk_decoder *d, int err);

#endif
