/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that readers see whole or not at all. */
#ifndef LKVM_UTIL_FILE_REPLACE_H
#define LKVM_UTIL_FILE_REPLACE_H

#include "lkvm/util/util.h"

/*
 * Makes `path` a file with these `len` bytes, by another one beside it that
 * gets its name: what was there before stays until then. A symbolic link to a
 * file stays one, and what is no regular file, such as a pipe, is written to.
 * Returns 0 or -errno; nothing is left of a failure.
 */
int file_replace(const char *path, const void *data, size_t len);

#endif
