/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the readers of compressed content (gzip.h, zstd.h) get their bytes. */
#ifndef LKVM_UTIL_BYTE_SOURCE_H
#define LKVM_UTIL_BYTE_SOURCE_H

#include <sys/types.h>

#include "lkvm/util/util.h"

struct byte_source {
	/*
	 * Puts up to `len` bytes into `buf`. Returns how many, 0 at the end,
	 * or -errno; after -EINTR it is called again.
	 */
	ssize_t (*read)(struct byte_source *source, void *buf, size_t len);
};

#endif
