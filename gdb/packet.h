/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets of GDB's Remote Serial Protocol: bytes to packets and back. */
#ifndef GDB_PACKET_H
#define GDB_PACKET_H

#include "lkvm/util/util.h"

/* Bytes of a packet between '$' and '#', in both directions. */
#define GDB_PACKET_MAX 16384U

/* Bytes of one with its frame: '$', '#' and two digits. */
#define GDB_FRAME_MAX (GDB_PACKET_MAX + 4)

/* What a byte has completed. */
enum gdb_event {
	GDB_NOTHING,
	GDB_PACKET,   /* is in `data` */
	GDB_TOO_LONG, /* a packet that was, or would have been, good */
	GDB_BROKEN,   /* one whose checksum is wrong */
	GDB_BREAK,    /* the user wants to interrupt */
	GDB_ACK,
	GDB_NAK,
};

struct gdb_decoder {
	enum {
		GDB_BETWEEN,
		GDB_DATA,
		GDB_SUM_1,
		GDB_SUM_2,
	} state;
	u8 data[GDB_PACKET_MAX + 1]; /* unescaped; a 0 is behind a packet */
	size_t len;
	u8 sum;		     /* of the bytes as they came */
	unsigned int wanted; /* the sum that the packet says */
	bool escaped, too_long;
};

/* A decoder of all zeroes takes the first byte of a stream. */
enum gdb_event gdb_decode(struct gdb_decoder *decoder, u8 byte);

/* A packet under construction; what does not fit is left out. */
struct gdb_reply {
	u8 buf[GDB_FRAME_MAX]; /* with its frame */
	size_t len;
	bool full; /* something did not fit */
};

void gdb_reply_begin(struct gdb_reply *reply);

/* Text; what has a meaning of its own in packets becomes '?'. */
void gdb_reply_text(struct gdb_reply *reply, const char *text);
void gdb_reply_printf(struct gdb_reply *reply, const char *fmt, ...)
	__printf(2, 3);

/* Two digits for each byte. */
void gdb_reply_hex(struct gdb_reply *reply, const void *data, size_t len);

/* Escaped where that is necessary. Returns how many of the bytes fit. */
size_t gdb_reply_binary(struct gdb_reply *reply, const void *data, size_t len);

/* Adds the checksum: `len` bytes of `buf` are what is to be sent. */
void gdb_reply_end(struct gdb_reply *reply);

/* Whether something has been added since it was begun. */
bool gdb_reply_is_empty(const struct gdb_reply *reply);

#endif
