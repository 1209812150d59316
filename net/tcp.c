/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What splitting frames of TCP and merging them have in common. */
#include "checksum.h"
#include "tcp.h"

/* This and the next return the sum of the addresses, for the pseudo-header. */
static u16 set_ipv4(u8 *ip, u32 tcp, u32 len)
{
	u32 size = tcp - ETH_IP;

	put_be16(ip + IPV4_LENGTH, len - ETH_IP);
	put_be16(ip + IPV4_CHECKSUM, 0);
	checksum_store(ip + IPV4_CHECKSUM, checksum_sum(ip, size));
	return checksum_sum(ip + IPV4_ADDRS, 8);
}

static u16 set_ipv6(u8 *ip, u32 len)
{
	put_be16(ip + IPV6_LENGTH, len - ETH_IP - IPV6_SIZE);
	return checksum_sum(ip + IPV6_ADDRS, 32);
}

u16 tcp_set_length(u8 *head, u32 tcp, u32 len)
{
	u8 *ip = head + ETH_IP;
	u16 sum = get_be16(head + ETH_TYPE) == ETH_TYPE_IPV4
			  ? set_ipv4(ip, tcp, len)
			  : set_ipv6(ip, len);
	u8 rest[4] = { 0, PROTOCOL_TCP };

	put_be16(rest + 2, len - tcp);
	return checksum_add(sum, checksum_sum(rest, sizeof(rest)));
}
