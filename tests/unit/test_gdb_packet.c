/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: gdb/packet.c gdb/args.c */
/* Packets of GDB's protocol, and what is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gdb/args.h"
#include "gdb/packet.h"

static struct gdb_decoder decoder;
static struct gdb_reply reply;

static int setup(void **state)
{
	(void)state;
	memset(&decoder, 0, sizeof(decoder));
	memset(&reply, 0xa5, sizeof(reply));
	return 0;
}

/* What the last byte completes; nothing may be complete before. */
static enum gdb_event feed(const char *bytes)
{
	for (; bytes[1]; bytes++)
		assert_int_equal(gdb_decode(&decoder, (u8)*bytes), GDB_NOTHING);
	return gdb_decode(&decoder, (u8)*bytes);
}

static void expect_packet(const char *bytes, const char *data)
{
	assert_int_equal(feed(bytes), GDB_PACKET);
	assert_int_equal(decoder.len, strlen(data));
	assert_string_equal(decoder.data, data);
}

static void frames(void **state)
{
	(void)state;
	expect_packet("$#00", "");
	expect_packet("$g#67", "g");
	expect_packet("noise$qC#b4", "qC");
	expect_packet("$qC#B4", "qC");
	expect_packet("$lost$g#67", "g");
	assert_int_equal(feed("+"), GDB_ACK);
	assert_int_equal(feed("-"), GDB_NAK);
	assert_int_equal(feed("\3"), GDB_BREAK);
	/* Within a packet they are data. */
	expect_packet("$+-\3#5b", "+-\3");
}

static void checksums(void **state)
{
	static const char *const broken[] = {
		"$g#68", "$g#57", "$g#6g", "$g#g7", "$g# 7", "$#0x",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		assert_int_equal(feed(broken[i]), GDB_BROKEN);
		expect_packet("$g#67", "g");
	}
}

static void escapes(void **state)
{
	(void)state;
	/* The sum is that of the bytes as they come. */
	expect_packet("$X}\003}\4}]}\n#ba", "X#$}*");
	assert_int_equal(feed("$X}\003}\4}]}\n#bb"), GDB_BROKEN);
	/* An escape has no effect on the next packet. */
	assert_int_equal(feed("$X}$"), GDB_NOTHING);
	expect_packet("g#67", "g");
}

static void repeat(unsigned int n, const char *end)
{
	gdb_decode(&decoder, '$');
	while (n--)
		gdb_decode(&decoder, 'a');
	assert_int_equal(gdb_decode(&decoder, '#'), GDB_NOTHING);
	assert_int_equal(gdb_decode(&decoder, (u8)end[0]), GDB_NOTHING);
}

static void long_packets(void **state)
{
	(void)state;
	repeat(GDB_PACKET_MAX, "00");
	assert_int_equal(gdb_decode(&decoder, '0'), GDB_PACKET);
	assert_int_equal(decoder.len, GDB_PACKET_MAX);
	repeat(GDB_PACKET_MAX + 1, "61");
	assert_int_equal(gdb_decode(&decoder, '1'), GDB_TOO_LONG);
	repeat(GDB_PACKET_MAX + 1, "62");
	assert_int_equal(gdb_decode(&decoder, '2'), GDB_BROKEN);
	expect_packet("$g#67", "g");
}

static void expect_reply(const char *bytes)
{
	gdb_reply_end(&reply);
	assert_int_equal(reply.len, strlen(bytes));
	assert_memory_equal(reply.buf, bytes, reply.len);
}

static void replies(void **state)
{
	(void)state;
	gdb_reply_begin(&reply);
	assert_true(gdb_reply_is_empty(&reply));
	expect_reply("$#00");
	gdb_reply_begin(&reply);
	gdb_reply_text(&reply, "OK");
	assert_false(gdb_reply_is_empty(&reply));
	expect_reply("$OK#9a");
	gdb_reply_begin(&reply);
	gdb_reply_printf(&reply, "E%02d", 14);
	expect_reply("$E14#aa");
	gdb_reply_begin(&reply);
	gdb_reply_text(&reply, "a$#}*");
	expect_reply("$a\?\?\?\?#5d");
	gdb_reply_begin(&reply);
	gdb_reply_hex(&reply, "\1\xab\xff", 3);
	expect_reply("$01abff#f0");
	gdb_reply_begin(&reply);
	assert_int_equal(gdb_reply_binary(&reply, "l#$}*", 5), 5);
	expect_reply("$l}\003}\4}]}\n#ce");
	assert_false(reply.full);
}

/* Whatever is too long: the frame fits, and no escape is cut. */
static void long_replies(void **state)
{
	u8 data[GDB_PACKET_MAX + 1];

	(void)state;
	memset(data, '#', sizeof(data));
	gdb_reply_begin(&reply);
	assert_int_equal(gdb_reply_binary(&reply, data, sizeof(data)),
			 GDB_PACKET_MAX / 2);
	assert_true(reply.full);
	gdb_reply_end(&reply);
	assert_int_equal(reply.len, sizeof(reply.buf));
	gdb_reply_begin(&reply);
	gdb_reply_text(&reply, "m");
	assert_int_equal(gdb_reply_binary(&reply, data, sizeof(data)),
			 GDB_PACKET_MAX / 2 - 1);
	gdb_reply_end(&reply);
	assert_int_equal(reply.len, sizeof(reply.buf) - 1);
	gdb_reply_begin(&reply);
	gdb_reply_hex(&reply, data, sizeof(data));
	assert_true(reply.full);
	gdb_reply_text(&reply, "more");
	gdb_reply_end(&reply);
	assert_int_equal(reply.len, sizeof(reply.buf));
	/* As who receives it would read it. */
	for (size_t i = 0; i + 1 < reply.len; i++)
		assert_int_equal(gdb_decode(&decoder, reply.buf[i]),
				 GDB_NOTHING);
	assert_int_equal(gdb_decode(&decoder, reply.buf[reply.len - 1]),
			 GDB_PACKET);
}

/* ---- Arguments ----------------------------------------------------------- */

static struct gdb_args args(const char *text)
{
	const u8 *at = (const u8 *)text;

	return (struct gdb_args) { at, at + strlen(text) };
}

static void numbers(void **state)
{
	struct gdb_args a = args("fFffffffffffffff,10:");
	u64 addr, len;

	(void)state;
	assert_true(gdb_take_range(&a, &addr, &len));
	assert_true(addr == UINT64_MAX);
	assert_int_equal(len, 16);
	assert_true(gdb_take_char(&a, ':'));
	assert_int_equal(gdb_args_left(&a), 0);
	assert_false(gdb_take_number(&a, &len));
	assert_false(gdb_take_char(&a, '\0'));
	a = args("10000000000000000");
	assert_false(gdb_take_number(&a, &len));
	a = args("00000000000000000001");
	assert_true(gdb_take_number(&a, &len));
	assert_int_equal(len, 1);
	a = args("1,");
	assert_false(gdb_take_range(&a, &addr, &len));
	a = args(",1");
	assert_false(gdb_take_range(&a, &addr, &len));
	a = args("-1");
	assert_false(gdb_take_number(&a, &len));
}

static void threads(void **state)
{
	static const struct {
		const char *text;
		bool good;
		int id;
	} cases[] = {
		{ "-1", true, GDB_ALL_THREADS },
		{ "0", true, GDB_ANY_THREAD },
		{ "a", true, 10 },
		{ "b", false, 0 },
		{ "ffffffffffffffff", false, 0 },
		{ "-2", false, 0 },
		{ "", false, 0 },
		{ "p1.1", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gdb_args a = args(cases[i].text);
		int id = 0;

		assert_int_equal(gdb_take_thread(&a, 10, &id), cases[i].good);
		assert_int_equal(cases[i].good ? id : 0, cases[i].id);
	}
}

static void bytes(void **state)
{
	struct gdb_args a = args("00fFa");
	u8 buf[3] = { 0 };

	(void)state;
	assert_false(gdb_take_hex(&a, buf, 3));
	assert_true(gdb_take_hex(&a, buf, 2));
	assert_memory_equal(buf, "\0\xff", 3);
	assert_int_equal(gdb_args_left(&a), 1);
	a = args("0x");
	assert_false(gdb_take_hex(&a, buf, 1));
	a = args("ab");
	assert_false(gdb_take_text(&a, "abc"));
	assert_true(gdb_take_text(&a, "ab"));
}

#define PACKET_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(frames),	   PACKET_TEST(checksums),
		PACKET_TEST(escapes),	   PACKET_TEST(long_packets),
		PACKET_TEST(replies),	   PACKET_TEST(long_replies),
		cmocka_unit_test(numbers), cmocka_unit_test(threads),
		cmocka_unit_test(bytes),
	};

	return cmocka_run_group_tests_name("gdb_packet", tests, NULL, NULL);
}
