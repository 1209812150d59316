/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Archives that Linux unpacks as its first root file system: cpio in the "newc"
 * format (Linux Documentation/driver-api/early-userspace/buffer-format.rst).
 * All files belong to root. Errors are the blob's, see blob.h.
 */
#ifndef LKVM_UTIL_CPIO_H
#define LKVM_UTIL_CPIO_H

#include "lkvm/util/blob.h"

/*
 * Adds an object: `mode` is that of stat(2), with its type; `name` has no slash
 * at its start, and a folder comes before what is in it. A regular file has the
 * `len` bytes of `data`, a symbolic link its target, others have none.
 */
void cpio_add(struct blob *blob, u32 mode, const char *name, const void *data,
	      size_t len);

/* The same for a device, with its numbers. */
void cpio_add_device(struct blob *blob, u32 mode, const char *name, u32 major,
		     u32 minor);

/* Adds what ends an archive. */
void cpio_end(struct blob *blob);

#endif
