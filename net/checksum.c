/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Internet checksum of data in one piece, or in several of any length. */
#include "checksum.h"

/* Halves of words do not overflow: there are far fewer than 2^32 of them. */
u16 checksum_sum(const u8 *data, size_t len)
{
	u64 sum = 0, word;

	for (; len >= sizeof(word); len -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		sum += (word & UINT32_MAX) + (word >> 32);
		data += sizeof(word);
	}
	word = 0;
	memcpy(&word, data, len);
	sum += (word & UINT32_MAX) + (word >> 32);
	return checksum_add((u32)sum, (u32)(sum >> 32));
}

/* From an odd place on the two bytes of each word have changed places. */
u16 checksum_sum_iov(const struct iovec *iov, u32 count)
{
	size_t done = 0;
	u16 sum = 0;

	for (u32 i = 0; i < count; i++) {
		u16 part = checksum_sum(iov[i].iov_base, iov[i].iov_len);

		if (done % 2)
			part = (u16)(part << 8 | part >> 8);
		sum = checksum_add(sum, part);
		done += iov[i].iov_len;
	}
	return sum;
}
