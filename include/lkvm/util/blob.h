/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes under construction, little-endian. Errors are remembered, so that code
 * that writes a table reads like the table it writes; `err` is looked at once,
 * at the end.
 */
#ifndef LKVM_UTIL_BLOB_H
#define LKVM_UTIL_BLOB_H

#include "lkvm/util/util.h"

/* Zero-initialise all but `limit`. One thread at a time. */
struct blob {
	u8 *data;     /* NULL while it is empty */
	size_t size;  /* bytes that were added */
	size_t room;  /* bytes allocated */
	size_t limit; /* bytes it may grow to; at most 1 GiB */
	int err;      /* 0; or the first error, and nothing is added any more */
};

/* Frees the bytes and leaves an empty blob of the same limit. */
void blob_free(struct blob *blob);

/* Remembers `err`, a negative errno, unless there was an error before. */
void blob_fail(struct blob *blob, int err);

/*
 * What adds bytes has no effect after an error. A blob that would grow beyond
 * its limit fails with -E2BIG, without memory it fails with -ENOMEM.
 */
void blob_add(struct blob *blob, const void *data, size_t len);
void blob_add_zeros(struct blob *blob, size_t len);
void blob_add_u8(struct blob *blob, u8 value);
void blob_add_u16(struct blob *blob, u16 value);
void blob_add_u32(struct blob *blob, u32 value);
void blob_add_u64(struct blob *blob, u64 value);

/* Adds `text` with its zero. */
void blob_add_string(struct blob *blob, const char *text);

/* Adds `text` in a field of `width` bytes, zeros behind it; -E2BIG if it is
 * longer than that. The field has no zero at its end if it is full. */
void blob_add_field(struct blob *blob, const char *text, size_t width);

/* Adds zeros up to a multiple of `align`, a power of two. */
void blob_align(struct blob *blob, size_t align);

/* Moves what is at `at` and behind it, and puts `data` there. `at` may be the
 * end; -EINVAL if it is behind that. */
void blob_insert(struct blob *blob, size_t at, const void *data, size_t len);

/* Overwrites what is at `at`; -EINVAL if that is not in the blob. */
void blob_set_u8(struct blob *blob, size_t at, u8 value);
void blob_set_u32(struct blob *blob, size_t at, u32 value);

/* The byte that makes the sum of these bytes and itself 0; 0 if they are not
 * all in the blob. */
u8 blob_checksum(const struct blob *blob, size_t at, size_t len);

#endif
