/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame of packets, as in GDB's manual, appendix "GDB Remote Serial
 * Protocol", section "Overview": $DATA#SUM, where SUM is the sum of DATA's
 * bytes modulo 256 in two hexadecimal digits. In binary data '#', '$', '}' and
 * '*' are sent as '}' and the byte with bit 5 inverted. Replies have no
 * run-length encoding, which is an option of the sender's.
 *
 * Pure: bytes in, packets out. Nothing a peer sends makes it use more memory
 * than its structs have.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/util/parse.h"
#include "packet.h"

#define ESCAPE	   '}'
#define ESCAPE_XOR 0x20
#define INTERRUPT  0x03

/* Not a digit: the sum cannot be right. */
#define NO_SUM 0x100U

static enum gdb_event between(struct gdb_decoder *decoder, u8 byte)
{
	switch (byte) {
	case '$':
		decoder->state = GDB_DATA;
		decoder->len = 0;
		decoder->sum = 0;
		decoder->escaped = decoder->too_long = false;
		return GDB_NOTHING;
	case '+':
		return GDB_ACK;
	case '-':
		return GDB_NAK;
	case INTERRUPT:
		return GDB_BREAK;
	default:
		return GDB_NOTHING;
	}
}

static void add(struct gdb_decoder *decoder, u8 byte)
{
	if (decoder->len == GDB_PACKET_MAX)
		decoder->too_long = true;
	else
		decoder->data[decoder->len++] = byte;
}

/* A '$' begins a new packet: the rest of the one before got lost. */
static void take(struct gdb_decoder *decoder, u8 byte)
{
	if (byte == '$') {
		between(decoder, byte);
		return;
	}
	if (byte == '#') {
		decoder->state = GDB_SUM_1;
		return;
	}
	decoder->sum = (u8)(decoder->sum + byte);
	if (decoder->escaped) {
		decoder->escaped = false;
		add(decoder, byte ^ ESCAPE_XOR);
	} else if (byte == ESCAPE) {
		decoder->escaped = true;
	} else {
		add(decoder, byte);
	}
}

static unsigned int add_digit(unsigned int sum, u8 byte)
{
	unsigned int digit = digit_value((char)byte);

	return digit > 15 ? NO_SUM : sum << 4 | digit;
}

/*
 * The checksum comes first: of a packet that is broken, the length means
 * nothing.
 */
static enum gdb_event complete(struct gdb_decoder *decoder)
{
	decoder->state = GDB_BETWEEN;
	decoder->data[decoder->len] = '\0';
	if (decoder->wanted != decoder->sum)
		return GDB_BROKEN;
	return decoder->too_long ? GDB_TOO_LONG : GDB_PACKET;
}

/* A byte at a time, so a packet may come in any number of pieces. */
enum gdb_event gdb_decode(struct gdb_decoder *decoder, u8 byte)
{
	switch (decoder->state) {
	case GDB_DATA:
		take(decoder, byte);
		return GDB_NOTHING;
	case GDB_SUM_1:
		decoder->wanted = add_digit(0, byte);
		decoder->state = GDB_SUM_2;
		return GDB_NOTHING;
	case GDB_SUM_2:
		/* NO_SUM stays one: it only gets larger. */
		decoder->wanted = add_digit(decoder->wanted, byte);
		return complete(decoder);
	case GDB_BETWEEN:
		break;
	}
	return between(decoder, byte);
}

/* ---- Replies ------------------------------------------------------------- */

static bool is_special(u8 byte)
{
	return byte == '#' || byte == '$' || byte == ESCAPE || byte == '*';
}

/* The frame's end has its place already. */
static bool has_room(struct gdb_reply *reply, size_t len)
{
	if (len <= GDB_PACKET_MAX + 1 - reply->len)
		return true;
	reply->full = true;
	return false;
}

void gdb_reply_begin(struct gdb_reply *reply)
{
	reply->buf[0] = '$';
	reply->len = 1;
	reply->full = false;
}

bool gdb_reply_is_empty(const struct gdb_reply *reply)
{
	return reply->len == 1;
}

/*
 * A '?' keeps the frame intact: text has no way to escape, unlike binary data.
 */
void gdb_reply_text(struct gdb_reply *reply, const char *text)
{
	for (; *text && has_room(reply, 1); text++)
		reply->buf[reply->len++] = is_special((u8)*text) ? '?'
								 : (u8)*text;
}

/* For short texts. */
void gdb_reply_printf(struct gdb_reply *reply, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	gdb_reply_text(reply, text);
}

/* Only whole bytes are added, so that a reply that is cut is still valid. */
void gdb_reply_hex(struct gdb_reply *reply, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const u8 *bytes = data;

	for (size_t i = 0; i < len && has_room(reply, 2); i++) {
		reply->buf[reply->len++] = (u8)digits[bytes[i] >> 4];
		reply->buf[reply->len++] = (u8)digits[bytes[i] & 15];
	}
}

size_t gdb_reply_binary(struct gdb_reply *reply, const void *data, size_t len)
{
	const u8 *bytes = data;
	size_t i;

	for (i = 0; i < len; i++) {
		if (!has_room(reply, is_special(bytes[i]) ? 2 : 1))
			break;
		if (is_special(bytes[i])) {
			reply->buf[reply->len++] = ESCAPE;
			reply->buf[reply->len++] = bytes[i] ^ ESCAPE_XOR;
		} else {
			reply->buf[reply->len++] = bytes[i];
		}
	}
	return i;
}

void gdb_reply_end(struct gdb_reply *reply)
{
	char end[4];
	u8 sum = 0;

	for (size_t i = 1; i < reply->len; i++)
		sum = (u8)(sum + reply->buf[i]);
	snprintf(end, sizeof(end), "#%02x", sum);
	memcpy(reply->buf + reply->len, end, 3);
	reply->len += 3;
}
