/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scattered memory: a guest may cut what it sends into buffers wherever it
 * likes, so headers are copied out of the list before they are looked at.
 */
#include <string.h>

#include "lkvm/util/iov.h"

/* Calls for each part of [offset, offset + len) with how far it has come. */
static size_t walk(const struct iovec *iov, u32 count, u64 offset, size_t len,
		   void (*copy)(u8 *part, size_t n, u8 *buf), u8 *buf)
{
	size_t done = 0;

	for (u32 i = 0; i < count && done < len; i++) {
		size_t n;

		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		n = MIN(iov[i].iov_len - (size_t)offset, len - done);
		copy((u8 *)iov[i].iov_base + offset, n,
		     buf ? buf + done : NULL);
		done += n;
		offset = 0;
	}
	return done;
}

/* Both directions have one type, for walk(). */
static void copy_out(u8 *part, size_t n, u8 *buf)
{
	memcpy(buf, part, n);
}

static void copy_in(u8 *part, size_t n, u8 *buf)
{
	memcpy(part, buf, n);
}

/* Of what may be the guest's: it is copied once. */
size_t iov_read(const struct iovec *iov, u32 count, u64 offset, void *buf,
		size_t len)
{
	return walk(iov, count, offset, len, copy_out, buf);
}

/* The source is only read: copy_in() takes what copy_out() needs as well. */
size_t iov_write(const struct iovec *iov, u32 count, u64 offset,
		 const void *buf, size_t len)
{
	return walk(iov, count, offset, len, copy_in, (u8 *)(uintptr_t)buf);
}

static void fill_zero(u8 *part, size_t n, u8 *buf)
{
	(void)buf;
	memset(part, 0, n);
}

void iov_zero(const struct iovec *iov, u32 count, u64 offset, u64 len)
{
	walk(iov, count, offset, (size_t)len, fill_zero, NULL);
}

u64 iov_length(const struct iovec *iov, u32 count)
{
	u64 len = 0;

	for (u32 i = 0; i < count; i++)
		len += iov[i].iov_len;
	return len;
}

/* The source stays as it is, to be used for the next part. */
u32 iov_slice(struct iovec *to, const struct iovec *iov, u32 count, u64 offset,
	      u64 len)
{
	u32 n = 0;

	for (u32 i = 0; i < count && len; i++) {
		u64 room;

		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		room = MIN(iov[i].iov_len - offset, len);
		to[n].iov_base = (u8 *)iov[i].iov_base + offset;
		to[n++].iov_len = (size_t)room;
		len -= room;
		offset = 0;
	}
	return n;
}

/* For what is used up: no second list is needed. */
struct iovec *iov_cut(struct iovec *iov, u32 *count, u64 offset, u64 len)
{
	u32 n = 0;

	while (*count && offset >= iov->iov_len) {
		offset -= iov->iov_len;
		iov++;
		(*count)--;
	}
	if (*count) {
		iov->iov_base = (u8 *)iov->iov_base + offset;
		iov->iov_len -= (size_t)offset;
	}
	for (; n < *count && len; n++) {
		iov[n].iov_len = (size_t)MIN((u64)iov[n].iov_len, len);
		len -= iov[n].iov_len;
	}
	*count = n;
	return iov;
}
