/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attacks on what console, network and source of random bytes are given. */
#include "hostile.h"

#define HEADER	   12U /* of a frame */
#define RNG_MOST   SZ_64K
#define REPLY_ROOM 2048U

/* ---- Console ------------------------------------------------------------- */

/* virtio 1.4, "struct virtio_console_control" */
static void put_control(u32 id, u32 event, u32 value)
{
	volatile u32 *message = (u32 *)pool();

	message[0] = id;
	message[1] = event | value << 16;
	for (u32 i = 2; i < 16; i++)
		message[i] = ~0U;
}

/* Each has an answer, which is that the buffer was used. */
static bool send_control(u32 len)
{
	const struct piece p = { pool(), len, false };

	return ring_exchange(&CONSOLE->rings[3], &p, 1) == 0;
}

static bool control_lengths(void)
{
	static const u32 lens[] = { 1, 2, 4, 7, 9, 16, 4096, 1 << 20 };
	bool good = target_start(CONSOLE, CONSOLE->features);

	for (u32 i = 0; i < ARRAY_SIZE(lens); i++) {
		put_control(1, 3, 1);
		good &= send_control(lens[i]);
	}
	return expect(good, "odd control messages");
}

static bool control_ports(void)
{
	static const u32 ids[] = { 0, 1, 2, 3, 31, 0x7fffffff, ~0U };
	bool good = target_start(CONSOLE, CONSOLE->features);

	for (u32 i = 0; i < ARRAY_SIZE(ids); i++)
		for (u32 event = 0; event < 10; event++) {
			put_control(ids[i], event == 9 ? 0xffff : event,
				    event & 1 ? 0xffff : 0);
			good &= send_control(8);
		}
	return expect(good, "control messages for any port");
}

/* Nowhere to send the answers; then buffers of a byte. */
static bool no_input(void)
{
	const struct piece byte = { pool() + 64, 1, true };
	struct ring *in = &CONSOLE->rings[2];
	bool good;

	target_start_one(CONSOLE, CONSOLE->features, 16);
	put_control(0, 0, 1);
	good = send_control(8);
	put_control(1, 3, 1);
	good &= send_control(8);
	good &= target_start(CONSOLE, CONSOLE->features);
	ring_chain(in, 0, &byte, 1);
	for (u32 i = 0; i < 16; i++)
		ring_post(in, 0);
	put_control(0, 0, 1);
	good &= send_control(8) && ring_wait(in, PATIENCE_MS) == 1;
	return expect(good, "no room for the answers");
}

/* All of RAM, again and again: some of it is printed, and it is over. */
static bool much_output(void)
{
	struct piece p[15];
	bool good;

	for (u32 i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = (struct piece) { pool(), POOL_SIZE, false };
	good = target_start(CONSOLE, CONSOLE->features) &&
	       ring_exchange(&CONSOLE->rings[5], p, ARRAY_SIZE(p)) == 0;
	return expect(good, "output of 60 MiB");
}

/* ---- Random bytes -------------------------------------------------------- */

static bool rng_much(void)
{
	struct piece p[16];
	bool good = true;
	long len;

	for (u32 i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = (struct piece) { pool(), POOL_SIZE, true };
	for (u32 mode = 0; mode < 2; mode++) {
		interrupts = mode;
		good &= target_start(RNG, RNG->features);
		len = ring_exchange(&RNG->rings[0], p, ARRAY_SIZE(p));
		good &= len > 0 && len <= (long)RNG_MOST;
	}
	interrupts = false;
	return expect(good, "64 MiB of random bytes");
}

static bool rng_nothing(void)
{
	const struct piece p = { pool(), 64, false };

	return target_start(RNG, RNG->features) &&
	       ring_exchange(&RNG->rings[0], &p, 1) == 0;
}

/* ---- Network: from the guest --------------------------------------------- */

/* CSUM, HOST_TSO4, HOST_TSO6, HOST_ECN, if they are offered. */
static u64 net_features(void)
{
	return F_INDIRECT |
	       (vdev_offered(&NET->v) & (BIT(0) | BIT(11) | BIT(12) | BIT(13)));
}

static void put_header(u8 flags, u8 type, u16 hdr_len, u16 size, u16 start,
		       u16 offset)
{
	volatile u16 *header = (u16 *)pool();

	header[0] = (u16)(flags | type << 8);
	header[1] = hdr_len;
	header[2] = size;
	header[3] = start;
	header[4] = offset;
	header[5] = 0xffff;
}

static bool send_frame(u32 len)
{
	const struct piece p = { pool(), HEADER + len, false };

	return ring_exchange(&NET->rings[1], &p, 1) == 0;
}

/* Sent or dropped, but returned. */
static bool net_headers(void)
{
	static const u16 values[] = { 0, 1, 14, 59, 60, 61, 0x7fff, 0xffff };
	static const u8 types[] = { 0, 1, 2, 3, 4, 5, 0x80, 0x81, 0x84, 0xff };
	bool good = true;

	for (u32 mode = 0; mode < 2; mode++) {
		interrupts = mode;
		good &= target_start(NET, net_features());
		for (u32 i = 0; i < ARRAY_SIZE(types); i++)
			for (u32 k = 0; k < ARRAY_SIZE(values); k++) {
				u16 x = values[k], y = values[i % 8];

				put_header((u8)(k & 1 ? 0xff : 1), types[i], x,
					   y, x, y);
				good &= send_frame(i & 1 ? 60 : 1514);
			}
	}
	interrupts = false;
	return expect(good, "odd headers of frames");
}

static void half_header(struct target *t, struct ring *r)
{
	const struct piece p = { pool(), HEADER - 1, false };

	(void)t;
	ring_chain(r, 0, &p, 1);
	ring_post(r, 0);
}

static bool net_lengths(void)
{
	static const u32 lens[] = {
		0, 1, 13, 14, 65535, 65550, 65600, 1 << 21
	};
	bool good = target_start(NET, net_features());

	put_header(0, 0, 0, 0, 0, 0);
	for (u32 i = 0; i < ARRAY_SIZE(lens); i++)
		good &= send_frame(lens[i]);
	interrupts = true;
	good &= breaks(NET, half_header, 0);
	interrupts = false;
	return breaks(NET, half_header, 0) &&
	       expect(good, "odd lengths of frames");
}

/* ---- Network: for the guest ---------------------------------------------- */

/* RFC 826: who has 192.0.2.129, the host? It answers to 192.0.2.130. */
static bool ask_host(void)
{
	/* As text, in its fields: two of Ethernet's, the kind, whom and who. */
	static const char request[] = "\xff\xff\xff\xff\xff\xff"
				      "\x02\x15\x15\x15\x15\x15\x08\x06"
				      "\0\1\x08\0\6\4\0\1"
				      "\x02\x15\x15\x15\x15\x15\xc0\0\2\x82"
				      "\0\0\0\0\0\0\xc0\0\2\x81";

	memset((void *)pool(), 0, HEADER + 60);
	memcpy((u8 *)pool() + HEADER, request, sizeof(request) - 1);
	return send_frame(60);
}

static void post_room(u32 len)
{
	struct ring *r = &NET->rings[0];

	for (u32 i = 0; i < r->size; i++) {
		ring_set(r, i, pool() + SZ_64K + i * REPLY_ROOM, len, D_WRITE,
			 0);
		ring_post(r, i);
	}
	vdev_kick(&NET->v, 0);
}

/* Asks until something comes, which may be any frame. */
static long ask(void)
{
	long len;

	for (u32 i = 0; i < 20; i++) {
		ask_host();
		len = ring_wait(&NET->rings[0], 500);
		if (len != NO_ANSWER)
			return len;
	}
	return NO_ANSWER;
}

/* Buffers that are as they should be, too small for a header, for a frame. */
static bool received(void)
{
	bool good = target_start(NET, F_INDIRECT);

	post_room(REPLY_ROOM);
	good &= expect(ask() > (long)HEADER, "no frame came");
	good &= target_start(NET, F_INDIRECT);
	post_room(HEADER - 1);
	good &= expect(ask() == BROKEN, "room for half a header");
	good &= target_start(NET, F_INDIRECT);
	post_room(HEADER + 1);
	ask_host();
	good &= ring_wait(&NET->rings[0], 100) == NO_ANSWER;
	/* With MRG_RXBUF it comes in pieces, the number of which is at 10. */
	good &= target_start(NET, F_INDIRECT | BIT(15));
	post_room(HEADER + 1);
	good &= ask() == HEADER + 1 && read16(pool() + SZ_64K + 10) > 1;
	return expect(good, "frames for the guest");
}

/* A chain to be read where the device is to write, and outside RAM. */
static bool received_nowhere(void)
{
	struct ring *r = &NET->rings[0];
	bool good = target_start(NET, F_INDIRECT);

	ring_set(r, 0, pool(), REPLY_ROOM, 0, 0);
	ring_post(r, 0);
	vdev_kick(&NET->v, 0);
	good &= ask() == BROKEN;
	good &= target_start(NET, F_INDIRECT);
	ring_set(r, 0, ram_end() - 64, REPLY_ROOM, D_WRITE, 0);
	ring_post(r, 0);
	vdev_kick(&NET->v, 0);
	good &= ask() == BROKEN;
	return expect(good, "a frame to where there is no room");
}

const struct attack stream_attacks[] = {
	{ "console-control-length", control_lengths },
	{ "console-control-port", control_ports },
	{ "console-no-input", no_input },
	{ "console-much", much_output },
	{ "rng-much", rng_much },
	{ "rng-nothing", rng_nothing },
	{ "net-header", net_headers },
	{ "net-length", net_lengths },
	{ "net-receive", received },
	{ "net-receive-nowhere", received_nowhere },
	{ NULL, NULL },
};
