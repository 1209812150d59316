/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Content compressed with gzip, read front to back. For one thread at a time.
 */
#ifndef LKVM_UTIL_GZIP_H
#define LKVM_UTIL_GZIP_H

#include "lkvm/util/byte_source.h"

struct gzip_reader;

/*
 * Begins at the position of `fd`, which stays the caller's and open as long as
 * the reader is used. Returns 0 or -ENOMEM.
 */
int gzip_open(int fd, struct gzip_reader **out);

/* The same for a source, which outlives the reader. */
int gzip_open_source(struct byte_source *source, struct gzip_reader **out);

/*
 * Decompresses up to `len` bytes; *got is less only at the end, which has been
 * checked then. What follows the last member, if anything, is ignored, as by
 * gunzip. Returns 0, -ENODATA if the file ends early, -EBADMSG if it is
 * corrupt, -ENOMEM, or the error of read(2) or of the source.
 */
int gzip_read(struct gzip_reader *reader, void *buf, size_t len, size_t *got);

/* Frees the reader; NULL is fine. */
void gzip_close(struct gzip_reader *reader);

#endif
