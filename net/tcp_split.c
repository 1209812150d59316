/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of the guest's for a peer that wants them complete: with checksums,
 * and no longer than it takes. Segments are not made one by one, but as many of
 * them stay one frame as the peer takes, which is less work for all.
 *
 * The guest may change what it sends meanwhile. Headers are copied once, and
 * nothing but the checksum depends on the data.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "checksum.h"
#include "lkvm/util/iov.h"
#include "tcp.h"

/* Whether the header's kind of segments is what the frame has: IP and TCP. */
static bool is_tcp(const struct tcp_split *split, u8 gso_type)
{
	const u8 *ip = split->guest + ETH_IP;
	u32 tcp = split->sum_start, type = get_be16(split->guest + ETH_TYPE);

	if (split->sum_at != tcp + TCP_CHECKSUM)
		return false;
	if ((gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_TCPV4)
		return type == ETH_TYPE_IPV4 && tcp >= ETH_IP + IPV4_SIZE &&
		       (u32)(ip[0] & 0xf) * 4 == tcp - ETH_IP;
	/* Others may be between them. */
	return type == ETH_TYPE_IPV6 && tcp >= ETH_IP + IPV6_SIZE;
}

/* All of TCP's header is the head's; whole segments are a frame's. */
static int begin_segments(struct tcp_split *split,
			  const struct virtio_net_hdr_v1 *header, u32 max)
{
	u32 segment = le16toh(header->gso_size), tcp = split->sum_start, size;

	if (!is_tcp(split, header->gso_type))
		return -EINVAL;
	size = (split->guest[tcp + TCP_OFFSET] >> 4) * 4U;
	split->head_len = tcp + size;
	if (size < TCP_SIZE || split->head_len > TCP_HEAD_MAX ||
	    split->head_len > split->len || !segment ||
	    split->head_len + segment > max)
		return -EINVAL;
	split->segment = segment;
	split->room = (max - split->head_len) / segment * segment;
	return 0;
}

/*
 * The header is the guest's, so no offset is used before it is found to be in
 * the frame. What needs no checksum goes on as it is, without a copy.
 */
int tcp_split_begin(struct tcp_split *split,
		    const struct virtio_net_hdr_v1 *header,
		    const struct iovec *iov, u32 count, u32 len, u32 max)
{
	u32 start = le16toh(header->csum_start);
	u32 at = start + le16toh(header->csum_offset);
	bool segments = header->gso_type != VIRTIO_NET_HDR_GSO_NONE;

	split->iov = iov;
	split->count = count;
	split->len = len;
	split->sum_start = start;
	split->sum_at = at;
	split->head_len = split->segment = split->done = 0;
	split->room = max;
	split->ended = false;
	if (len > max && !segments)
		return -EMSGSIZE;
	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return segments ? -EINVAL : 0;
	split->head_len = at + (u32)sizeof(u16);
	if (split->head_len > len || split->head_len > TCP_HEAD_MAX)
		return -EINVAL;
	iov_read(iov, count, 0, split->guest, MIN(len, TCP_HEAD_MAX));
	return segments ? begin_segments(split, header, max) : 0;
}

/* What is in the headers of one of several frames; it is `n` bytes long. */
static void set_headers(struct tcp_split *split, u32 n)
{
	u8 *ip = split->head + ETH_IP, *tcp = split->head + split->sum_start;
	bool last = split->head_len + split->done + n == split->len;
	u16 sum;

	if (get_be16(split->head + ETH_TYPE) == ETH_TYPE_IPV4)
		put_be16(ip + IPV4_ID,
			 get_be16(ip + IPV4_ID) + split->done / split->segment);
	put_be32(tcp + TCP_SEQ, get_be32(tcp + TCP_SEQ) + split->done);
	if (!last)
		tcp[TCP_FLAGS] &= (u8) ~(TCP_FLAG_FIN | TCP_FLAG_PSH);
	if (split->done)
		tcp[TCP_FLAGS] &= (u8)~TCP_FLAG_CWR;
	sum = tcp_set_length(split->head, split->sum_start,
			     split->head_len + n);
	memcpy(split->head + split->sum_at, &sum, sizeof(sum));
}

/* The pseudo-header's sum is where the checksum goes, and part of it. */
static void set_checksum(struct tcp_split *split, const struct iovec *data,
			 u32 count)
{
	u32 start = split->sum_start, odd = (split->head_len - start) % 2;
	u16 head = checksum_sum(split->head + start, split->head_len - start);
	u16 rest = checksum_sum_iov(data, count);

	if (odd)
		rest = (u16)(rest << 8 | rest >> 8);
	checksum_store(split->head + split->sum_at, checksum_add(head, rest));
}

/* Only the head is a copy: the data stays in the guest's buffers. */
u32 tcp_split_next(struct tcp_split *split, struct iovec *iov, u32 *len)
{
	u32 n = MIN(split->len - split->head_len - split->done, split->room);
	u32 count;

	if (split->ended)
		return 0;
	/* As the guest has made it. */
	if (!split->head_len) {
		split->ended = true;
		*len = split->len;
		memcpy(iov, split->iov, split->count * sizeof(*iov));
		return split->count;
	}
	memcpy(split->head, split->guest, split->head_len);
	if (split->segment)
		set_headers(split, n);
	iov[0] = (struct iovec) { split->head, split->head_len };
	count = iov_slice(iov + 1, split->iov, split->count,
			  (u64)split->head_len + split->done, n);
	set_checksum(split, iov + 1, count);
	split->done += n;
	split->ended = split->head_len + split->done == split->len;
	*len = split->head_len + n;
	return count + 1;
}
