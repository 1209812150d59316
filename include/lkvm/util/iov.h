/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scattered memory as readv(2) takes it: lists of buffers that are one sequence
 * of bytes. Offsets count in that sequence. Any thread.
 */
#ifndef LKVM_UTIL_IOV_H
#define LKVM_UTIL_IOV_H

#include <sys/uio.h>

#include "lkvm/util/util.h"

/*
 * Copies up to `len` bytes from `offset` on out of the list, or into it.
 * Returns how many there were: fewer at the end of the list.
 */
size_t iov_read(const struct iovec *iov, u32 count, u64 offset, void *buf,
		size_t len);
size_t iov_write(const struct iovec *iov, u32 count, u64 offset,
		 const void *buf, size_t len);

/* Fills [offset, offset + len), as far as there is so much, with zeroes. */
void iov_zero(const struct iovec *iov, u32 count, u64 offset, u64 len);

/* How many bytes there are in all; a sum that does not overflow. */
u64 iov_length(const struct iovec *iov, u32 count);

/*
 * Puts the parts of [offset, offset + len) into `to`, which has room for
 * `count` of them, as there are never more. Returns how many there are.
 */
u32 iov_slice(struct iovec *to, const struct iovec *iov, u32 count, u64 offset,
	      u64 len);

/*
 * Cuts the list in place to [offset, offset + len), as far as there is so much.
 * Returns where it begins now, and *count is how many buffers it has.
 */
struct iovec *iov_cut(struct iovec *iov, u32 *count, u64 offset, u64 len);

#endif
