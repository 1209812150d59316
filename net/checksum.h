/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Internet checksum (RFC 1071): the sum, in ones' complement, of 16-bit
 * words. It does not depend on the byte order of the machine as long as words
 * are neither swapped when they are added nor when the sum is stored.
 */
#ifndef NET_CHECKSUM_H
#define NET_CHECKSUM_H

#include <string.h>
#include <sys/uio.h>

#include "lkvm/util/util.h"

/* Adds two sums; the result has 16 bits in ones' complement. */
static inline u16 checksum_add(u32 a, u32 b)
{
	u64 sum = (u64)a + b;

	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

/* checksum.c: the sum of so many bytes; an odd one has a zero behind it. */
u16 checksum_sum(const u8 *data, size_t len);

/* Of all buffers of a list, which are one sequence of bytes. */
u16 checksum_sum_iov(const struct iovec *iov, u32 count);

/* What is stored for a sum: never 0, which in UDP stands for none. */
static inline void checksum_store(u8 *at, u16 sum)
{
	u16 value = (u16)~sum;

	value = value ? value : 0xffff;
	memcpy(at, &value, sizeof(value));
}

#endif
