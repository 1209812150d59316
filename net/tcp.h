/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal to net/: offloads for a back end that has none itself. Its other end
 * takes and gives frames that are complete, and long ones, too; the guest's
 * header leaves checksums and segments of TCP undone (virtio 1.4, "Network
 * Device", "Packet Transmission" and "Processing of Incoming Packets"). Of a
 * thread each.
 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include <linux/virtio_net.h>

#include "net.h"

/* Offsets in Ethernet, IPv4 (RFC 791), IPv6 (RFC 8200) and TCP (RFC 9293). */
#define ETH_TYPE 12
#define ETH_IP	 14 /* where IP begins */

#define ETH_TYPE_IPV4 0x0800
#define ETH_TYPE_IPV6 0x86dd

#define IPV4_TOS      1
#define IPV4_LENGTH   2 /* of all of it */
#define IPV4_ID	      4
#define IPV4_FRAGMENT 6
#define IPV4_TTL      8
#define IPV4_PROTOCOL 9
#define IPV4_CHECKSUM 10
#define IPV4_ADDRS    12  /* two, of 4 bytes */
#define IPV4_SIZE     20U /* without options */

#define IPV6_LENGTH 4 /* of what is behind the header */
#define IPV6_NEXT   6
#define IPV6_ADDRS  8 /* two, of 16 bytes */
#define IPV6_SIZE   40U

#define TCP_SEQ	     4
#define TCP_ACK	     8
#define TCP_OFFSET   12 /* bits 7:4: the header's words */
#define TCP_FLAGS    13
#define TCP_WINDOW   14
#define TCP_CHECKSUM 16
#define TCP_SIZE     20U /* without options */

#define TCP_FLAG_FIN 0x01U
#define TCP_FLAG_PSH 0x08U
#define TCP_FLAG_ACK 0x10U
#define TCP_FLAG_CWR 0x80U

#define PROTOCOL_TCP 6

/*
 * tcp.c: makes the IP header of a frame fit its length of `len` bytes. TCP
 * begins at `tcp`. Returns the sum of the pseudo-header (RFC 9293, 3.1). `head`
 * has the frame as far as TCP, and is of IPv4 or IPv6, with a whole header.
 */
u16 tcp_set_length(u8 *head, u32 tcp, u32 len);

static inline u32 get_be16(const u8 *at)
{
	return (u32)at[0] << 8 | at[1];
}

static inline u32 get_be32(const u8 *at)
{
	return get_be16(at) << 16 | get_be16(at + 2);
}

static inline void put_be16(u8 *at, u32 value)
{
	at[0] = (u8)(value >> 8);
	at[1] = (u8)value;
}

static inline void put_be32(u8 *at, u32 value)
{
	put_be16(at, value >> 16);
	put_be16(at + 2, value);
}

/* ---- To the other end: tcp_split.c --------------------------------------- */

/* Headers that are changed have to end within so many bytes of a frame. */
#define TCP_HEAD_MAX 256U

/* A frame of the guest's that is being sent. */
struct tcp_split {
	const struct iovec *iov; /* all of the frame */
	u32 count;
	u32 len;       /* bytes of the frame */
	u32 sum_start; /* what the checksum is of begins here */
	u32 sum_at;    /* and is stored there, unless head_len is 0 */
	u32 head_len;  /* of what all frames that it becomes begin with */
	u32 segment;   /* bytes of a segment; 0: one frame */
	u32 room;      /* bytes of a frame behind its head: whole segments */
	u32 done;      /* bytes behind the head that have been taken */
	bool ended;
	u8 guest[TCP_HEAD_MAX]; /* the head, copied once */
	u8 head[TCP_HEAD_MAX];	/* that of the last frame that was taken */
};

/*
 * Begins with a frame, as for net_ops.send; one that becomes frames of `max`
 * bytes at most. 0, or -EMSGSIZE or -EINVAL: the header does not fit it.
 */
int tcp_split_begin(struct tcp_split *split,
		    const struct virtio_net_hdr_v1 *header,
		    const struct iovec *iov, u32 count, u32 len, u32 max);

/*
 * The next frame, with its checksum: puts its buffers into `iov`, which has
 * room for NET_MAX_IOV + 1. Returns how many there are, and their length; or 0:
 * there are no more.
 */
u32 tcp_split_next(struct tcp_split *split, struct iovec *iov, u32 *len);

/* ---- From the other end: tcp_merge.c ------------------------------------- */

/* Segments of one connection, one after the other, that become one frame. */
struct tcp_merge {
	u8 *data; /* the frame, which grows in place */
	u32 len;
	u32 tcp, payload; /* where these begin; the latter 0: it is no TCP */
	u32 segment;	  /* bytes of each but the last */
	u32 count;
	bool full; /* the last one was shorter */
};

/*
 * Begins with a frame. With `features` that do not let the guest have more than
 * one segment, or a frame that is none, nothing can be added.
 */
void tcp_merge_begin(struct tcp_merge *merge, u8 *data, u32 len, u64 features);

/*
 * True if the frame was added: its data is moved to the end of the others, and
 * may have been anywhere behind it in memory.
 */
bool tcp_merge_add(struct tcp_merge *merge, const u8 *data, u32 len);

/* Completes the frame's headers if there are several segments, and `header`. */
void tcp_merge_end(struct tcp_merge *merge, struct virtio_net_hdr_v1 *header);

#endif
