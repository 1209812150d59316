/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Content compressed with zstd (RFC 8878), read front to back. For one thread
 * at a time.
 */
#ifndef LKVM_UTIL_ZSTD_H
#define LKVM_UTIL_ZSTD_H

#include "lkvm/util/byte_source.h"

#define ZSTD_FRAME_MAGIC "\x28\xb5\x2f\xfd"

/*
 * Bytes of the largest window that is decompressed, which is also the most
 * memory that a reader takes: what `zstd --ultra -22` makes, and no more than
 * `zstd -d` accepts by default.
 */
#define ZSTD_WINDOW_MAX_LOG 27
#define ZSTD_WINDOW_MAX	    (1UL << ZSTD_WINDOW_MAX_LOG)

struct zstd_reader;

/*
 * Begins to read `source`, which outlives the reader. Returns 0, -ENOMEM, or
 * -ENOTSUP if this program was built without libzstd.
 */
int zstd_open_source(struct byte_source *source, struct zstd_reader **out);

/*
 * Decompresses up to `len` bytes; *got is less only at the end, which has been
 * checked then. Frames may follow each other; what follows the last one, if
 * anything, is ignored. Returns 0, -ENODATA if the content ends early, -EBADMSG
 * if it is corrupt, -EOVERFLOW if it needs a window above ZSTD_WINDOW_MAX,
 * -ENOMEM, or the error of the source.
 */
int zstd_read(struct zstd_reader *reader, void *buf, size_t len, size_t *got);

/* Frees the reader; NULL is fine. */
void zstd_close(struct zstd_reader *reader);

#endif
