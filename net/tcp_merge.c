/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments of TCP from a peer that sends no more than the guest's MTU allows:
 * those that are there already and follow each other become one frame, which
 * says how long they were, so that nothing is lost by that. The guest handles
 * one instead of dozens.
 *
 * Only data is merged, with headers that are the same but for what has to
 * differ. Checksums of segments are not looked at: the peer is a process of
 * this machine that has just made them, and nothing between can spoil them.
 */
#include <endian.h>
#include <string.h>

#include "checksum.h"
#include "tcp.h"

#define F(name) BIT(VIRTIO_NET_F_##name)

/* IP's own limit, which is that of a 16-bit length as well. */
#define IP_MAX 65535U

#define IPV4_FRAGMENT_BITS 0x3fffU /* more of them, and an offset */

/* All of the packet is there, and nothing else; headers have no options. */
static bool is_tcp4(const u8 *ip, u32 len)
{
	return len >= IPV4_SIZE + TCP_SIZE && ip[0] == 0x45 &&
	       get_be16(ip + IPV4_LENGTH) == len &&
	       !(get_be16(ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_BITS) &&
	       ip[IPV4_PROTOCOL] == PROTOCOL_TCP;
}

static bool is_tcp6(const u8 *ip, u32 len)
{
	return len >= IPV6_SIZE + TCP_SIZE && ip[0] >> 4 == 6 &&
	       get_be16(ip + IPV6_LENGTH) == len - IPV6_SIZE &&
	       ip[IPV6_NEXT] == PROTOCOL_TCP;
}

/* Where TCP begins in a frame, or 0. */
static u32 find_tcp(const u8 *data, u32 len)
{
	u32 type = get_be16(data + ETH_TYPE);

	if (type == ETH_TYPE_IPV4 && is_tcp4(data + ETH_IP, len - ETH_IP))
		return ETH_IP + IPV4_SIZE;
	if (type == ETH_TYPE_IPV6 && is_tcp6(data + ETH_IP, len - ETH_IP))
		return ETH_IP + IPV6_SIZE;
	return 0;
}

/* Where the data of a segment begins that has some, and only that; or 0. */
static u32 find_payload(const u8 *data, u32 len, u32 tcp)
{
	u32 size = (data[tcp + TCP_OFFSET] >> 4) * 4U;

	if (size < TCP_SIZE || tcp + size >= len ||
	    data[tcp + TCP_OFFSET] & 0xf)
		return 0;
	if ((data[tcp + TCP_FLAGS] & ~TCP_FLAG_PSH) != TCP_FLAG_ACK)
		return 0;
	return tcp + size;
}

static bool same(const u8 *a, const u8 *b, u32 from, u32 to)
{
	return !memcmp(a + from, b + from, to - from);
}

/* All but lengths, IPv4's id and checksum. */
static bool same_ip(const u8 *a, const u8 *b, u32 tcp)
{
	if (!same(a, b, 0, ETH_IP + 2))
		return false;
	if (tcp == ETH_IP + IPV4_SIZE)
		return same(a, b, ETH_IP + IPV4_FRAGMENT,
			    ETH_IP + IPV4_CHECKSUM) &&
		       same(a, b, ETH_IP + IPV4_ADDRS, tcp);
	return same(a, b, ETH_IP + 2, ETH_IP + IPV6_LENGTH) &&
	       same(a, b, ETH_IP + IPV6_NEXT, tcp);
}

/* Ports, what is acknowledged, and options. */
static bool same_tcp(const u8 *a, const u8 *b, u32 payload)
{
	return same(a, b, 0, TCP_SEQ) && same(a, b, TCP_ACK, TCP_FLAGS) &&
	       same(a, b, TCP_SIZE, payload);
}

void tcp_merge_begin(struct tcp_merge *merge, u8 *data, u32 len, u64 features)
{
	u32 tcp = find_tcp(data, len);
	u64 needs = F(GUEST_CSUM) |
		    (tcp == ETH_IP + IPV4_SIZE ? F(GUEST_TSO4) : F(GUEST_TSO6));

	*merge = (struct tcp_merge) { .data = data, .len = len, .count = 1 };
	if (!tcp || (features & needs) != needs)
		return;
	merge->tcp = tcp;
	merge->payload = find_payload(data, len, tcp);
	merge->segment = len - merge->payload;
}

/*
 * Nothing is changed unless the frame continues the last one in all respects.
 */
bool tcp_merge_add(struct tcp_merge *merge, const u8 *data, u32 len)
{
	u32 tcp = merge->tcp, payload = merge->payload, n = len - payload;
	u8 *head = merge->data;

	if (!payload || merge->full || find_tcp(data, len) != tcp ||
	    find_payload(data, len, tcp) != payload)
		return false;
	if (n > merge->segment || merge->len + n > ETH_IP + IP_MAX)
		return false;
	if (!same_ip(head, data, tcp) ||
	    !same_tcp(head + tcp, data + tcp, payload - tcp))
		return false;
	if (get_be32(data + tcp + TCP_SEQ) !=
	    get_be32(head + tcp + TCP_SEQ) + merge->len - payload)
		return false;
	/* The latest say, as it would be if they came alone. */
	head[tcp + TCP_FLAGS] |= data[tcp + TCP_FLAGS];
	memcpy(head + tcp + TCP_WINDOW, data + tcp + TCP_WINDOW, 2);
	memmove(head + merge->len, data + payload, n);
	merge->len += n;
	merge->full = n < merge->segment;
	merge->count++;
	return true;
}

/* "the device MUST set ... VIRTIO_NET_HDR_F_NEEDS_CSUM", with segments. */
void tcp_merge_end(struct tcp_merge *merge, struct virtio_net_hdr_v1 *header)
{
	u32 tcp = merge->tcp;
	u16 sum;

	memset(header, 0, sizeof(*header));
	if (merge->count < 2)
		return;
	sum = tcp_set_length(merge->data, tcp, merge->len);
	memcpy(merge->data + tcp + TCP_CHECKSUM, &sum, sizeof(sum));
	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->gso_type = tcp == ETH_IP + IPV4_SIZE ? VIRTIO_NET_HDR_GSO_TCPV4
						     : VIRTIO_NET_HDR_GSO_TCPV6;
	header->hdr_len = htole16((u16)merge->payload);
	header->gso_size = htole16((u16)merge->segment);
	header->csum_start = htole16((u16)tcp);
	header->csum_offset = htole16(TCP_CHECKSUM);
}
