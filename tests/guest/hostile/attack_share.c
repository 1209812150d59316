/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attacks by messages of 9P2000.L (the protocol's description is that of diod,
 * protocol.md). The share has a file "file"; beside its directory there is
 * "secret", which no name leads to.
 */
#include "hostile.h"

#define TVERSION 100
#define TATTACH	 104
#define TFLUSH	 108
#define TWALK	 110
#define TREAD	 116
#define TWRITE	 118
#define TCLUNK	 120
#define TSTATFS	 8
#define TLOPEN	 12
#define TLCREATE 14
#define TSYMLINK 16
#define TREADDIR 40
#define TMKDIR	 72
#define TUNLINK	 76
#define RLERROR	 7
#define NOFID	 (~0U)
#define HEAD	 7U /* size, type, tag */

/* 80-hostile.test gives lkvm fewer descriptors. */
#define MOST_FIDS 3000

#define REPLY_AT   SZ_64K /* into the pool */
#define REPLY_ROOM 8192U

/* ---- Messages ------------------------------------------------------------ */

/* The one that is being written, in the pool. */
static u32 message_len;

static void put(u64 value, u32 bytes)
{
	u8 *at = (u8 *)pool() + message_len;

	for (u32 i = 0; i < bytes; i++)
		at[i] = (u8)(value >> 8 * i);
	message_len += bytes;
}

static void begin(u8 type)
{
	message_len = 0;
	put(0, 4);
	put(type, 1);
	put(type, 2);
}

static void put_name(const char *name, u32 len)
{
	put(len, 2);
	for (u32 i = 0; i < len; i++)
		put((u8)name[i], 1);
}

static void put_string(const char *s)
{
	u32 len = 0;

	while (s[len])
		len++;
	put_name(s, len);
}

static void put_size(u32 size)
{
	u32 len = message_len;

	message_len = 0;
	put(size, 4);
	message_len = len;
}

/* The reply's type, or NO_ANSWER or BROKEN. */
static long send_room(u32 room)
{
	const struct piece p[] = { { pool(), message_len, false },
				   { pool() + REPLY_AT, room, true } };
	volatile u8 *reply = (u8 *)pool() + REPLY_AT;
	long len;

	reply[4] = 0;
	len = ring_exchange(&SHARE->rings[0], p, 2);
	return len < 0 ? len : reply[4];
}

static long send(void)
{
	put_size(message_len);
	return send_room(REPLY_ROOM);
}

static long send_version(u32 msize)
{
	begin(TVERSION);
	put(msize, 4);
	put_string("9P2000.L");
	return send();
}

static long attach(u32 fid)
{
	begin(TATTACH);
	put(fid, 4);
	put(NOFID, 4);
	put_string("");
	put_string("");
	put(0, 4);
	return send();
}

static bool session(void)
{
	return send_version(REPLY_ROOM) == TVERSION + 1 &&
	       attach(0) == TATTACH + 1;
}

bool share_works(struct target *t)
{
	(void)t;
	return session();
}

static bool start(void)
{
	return target_start(SHARE, SHARE->features) && session();
}

static long walk(u32 fid, u32 to, const char *name)
{
	begin(TWALK);
	put(fid, 4);
	put(to, 4);
	put(name ? 1 : 0, 2);
	if (name)
		put_string(name);
	return send();
}

/* ---- Sizes --------------------------------------------------------------- */

/* Of a message of 13 bytes: what there is counts, not what it says. */
static bool sizes(void)
{
	static const u32 bad[] = { 0, 1, 6, 7, 12, 14, 8192, 0x7fffffff, ~0U };
	bool good = start();

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		begin(TCLUNK);
		put(5, 4);
		put(0, 2);
		put_size(bad[i]);
		good &= send_room(REPLY_ROOM) == RLERROR;
	}
	return expect(good && attach(7) == TATTACH + 1, "sizes that lie");
}

/* What is missing was there in the request before. */
static bool cut_short(void)
{
	bool good = start() && walk(0, 1, "file") == TWALK + 1;

	begin(TCLUNK);
	put(1, 4);
	good &= send() == TCLUNK + 1;
	begin(TWALK);
	put(0, 4);
	put(1, 4);
	put(1, 2);
	put(4, 2);
	put('f' | 'i' << 8, 2);
	good &= send() == RLERROR;
	begin(TSTATFS);
	put(0, 4);
	good &= send() == TSTATFS + 1;
	message_len -= 4;
	good &= send_room(REPLY_ROOM) == RLERROR;
	return expect(good, "requests that are cut short");
}

/* Strings that are longer than their message. */
static bool strings(void)
{
	static const u16 bad[] = { 1, 5, 0x7fff, 0xffff };
	bool good = start();

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		begin(TWALK);
		put(0, 4);
		put(9, 4);
		put(1, 2);
		put(bad[i], 2);
		good &= send() == RLERROR;
		begin(TVERSION);
		put(8192, 4);
		put(bad[i], 2);
		good &= send() == RLERROR;
	}
	begin(TWALK);
	put(0, 4);
	put(9, 4);
	put(0xffff, 2);
	good &= send() == RLERROR;
	return expect(good, "strings that lie");
}

static bool msizes(void)
{
	static const u32 bad[] = { 0, 1, 6, 7, 11, 24, 4095 };
	volatile u8 *reply = (u8 *)pool() + REPLY_AT;
	bool good = target_start(SHARE, SHARE->features);

	good &= attach(0) == RLERROR;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		good &= send_version(bad[i]) == RLERROR;
	good &= send_version(~0U) == TVERSION + 1;
	/* Its third byte: less than 16 MiB. */
	good &= !reply[HEAD + 3];
	good &= send_version(4096) == TVERSION + 1;
	begin(TWALK);
	for (u32 i = 0; i < 5000; i++)
		put(i, 1);
	good &= send() == RLERROR;
	return expect(good, "maximum sizes");
}

static void small_room(struct target *t, struct ring *r)
{
	const struct piece p[] = { { pool(), 20, false },
				   { pool() + REPLY_AT, 10, true } };

	(void)t;
	ring_chain(r, 0, p, 2);
	ring_post(r, 0);
}

static void small_request(struct target *t, struct ring *r)
{
	const struct piece p[] = { { pool(), HEAD - 1, false },
				   { pool() + REPLY_AT, 64, true } };

	(void)t;
	ring_chain(r, 0, p, 2);
	ring_post(r, 0);
}

/* Room for an error only; then for nothing: that breaks the queue. */
static bool rooms(void)
{
	bool good = start();

	for (u32 room = 11; room < 24; room++) {
		begin(TVERSION);
		put(8192, 4);
		put_string("9P2000.L");
		put_size(message_len);
		good &= send_room(room) >= 0;
	}
	good &= start() && walk(0, 1, "file") == TWALK + 1;
	begin(TLOPEN);
	put(1, 4);
	put(0, 4);
	good &= send() == TLOPEN + 1;
	begin(TREAD);
	put(1, 4);
	put(0, 8);
	put(~0U, 4);
	put_size(message_len);
	good &= send_room(11) == TREAD + 1 && send_room(12) == TREAD + 1;
	return breaks(SHARE, small_room, 0) &&
	       breaks(SHARE, small_request, 0) && expect(good, "small replies");
}

/* ---- Fids and tags ------------------------------------------------------- */

static bool fids(void)
{
	bool good = start();

	for (u32 type = 8; type < 128; type += 2) {
		if (type == TVERSION || type == TATTACH || type == TFLUSH)
			continue;
		begin((u8)type);
		put(77, 4);
		for (u32 i = 0; i < 8; i++)
			put(78, 4);
		good &= send() == RLERROR;
	}
	good &= attach(0) == RLERROR;
	good &= walk(0, NOFID, NULL) == RLERROR;
	return expect(good && walk(0, 1, "file") == TWALK + 1,
		      "fids that there are not");
}

/* Descriptors of lkvm's own: there is an end, and then it goes on. */
static bool many_fids(void)
{
	bool good = start();
	u32 n = 1;

	while (n < MOST_FIDS && walk(0, n, NULL) == TWALK + 1)
		n++;
	good &= n < MOST_FIDS;
	begin(TCLUNK);
	put(n - 1, 4);
	good &= send() == TCLUNK + 1;
	return expect(good && walk(0, n, NULL) == TWALK + 1, "many fids");
}

/* All of them at once, with one tag: each is answered. */
static bool tags(void)
{
	bool good = start();
	struct ring *r = &SHARE->rings[0];
	u32 n = r->size / 2;

	begin(TWALK);
	put(0, 4);
	put(1, 4);
	put(0, 2);
	put_size(message_len);
	for (u32 i = 0; i < n; i++) {
		const struct piece p[] = {
			{ pool(), message_len, false },
			{ pool() + REPLY_AT + i * 64, 64, true },
		};

		ring_chain(r, 2 * i, p, 2);
		ring_post(r, 2 * i);
	}
	vdev_kick(&SHARE->v, 0);
	for (u32 i = 0; i < n; i++)
		good &= ring_wait(r, PATIENCE_MS) > 0;
	return expect(good, "one tag for all");
}

/* ---- Names --------------------------------------------------------------- */

static const struct {
	const char *name;
	u32 len;
} names[] = {
	{ "..", 2 },	    { ".", 1 },
	{ "", 0 },	    { "/", 1 },
	{ "../secret", 9 }, { "/etc/passwd", 11 },
	{ "file/..", 7 },   { "..\0file", 7 },
	{ "a/b", 3 },	    { "../../../dev", 12 },
};

static bool walks(void)
{
	bool good = start();

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		begin(TWALK);
		put(0, 4);
		put(2, 4);
		put(1, 2);
		put_name(names[i].name, names[i].len);
		good &= send() == RLERROR;
	}
	begin(TWALK);
	put(0, 4);
	put(2, 4);
	put(1, 2);
	put(300, 2);
	for (u32 i = 0; i < 300; i++)
		put('x', 1);
	good &= send() == RLERROR;
	return expect(good, "names that lead out");
}

/* What creates and removes: the name comes behind the directory's fid. */
static bool creations(void)
{
	static const u8 types[] = { TLCREATE, TSYMLINK, TMKDIR, TUNLINK };
	bool good = start();

	for (u32 k = 0; k < ARRAY_SIZE(types); k++)
		for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
			begin(types[k]);
			put(0, 4);
			put_name(names[i].name, names[i].len);
			if (types[k] == TSYMLINK)
				put_string("/");
			else if (types[k] != TUNLINK)
				put(0644, 4);
			if (types[k] == TLCREATE)
				put(0, 4);
			put(0, 4);
			good &= send() == RLERROR;
		}
	return expect(good, "names to be created");
}

/* A link that the guest makes and follows: it is the guest's to follow. */
static bool links(void)
{
	bool good = start();

	begin(TSYMLINK);
	put(0, 4);
	put_string("out");
	put_string("../secret");
	put(0, 4);
	good &= send() == TSYMLINK + 1;
	good &= walk(0, 3, "out") == TWALK + 1;
	begin(TLOPEN);
	put(3, 4);
	put(0, 4);
	good &= send() == RLERROR;
	good &= walk(3, 4, "secret") == RLERROR;
	begin(TUNLINK);
	put(0, 4);
	put_string("out");
	put(0, 4);
	return expect(good && send() == TUNLINK + 1, "a link that leads out");
}

/* ---- Data ---------------------------------------------------------------- */

static bool data(void)
{
	static const u64 offsets[] = { 0, 1UL << 62, 1UL << 63, ~0UL };
	bool good = start() && walk(0, 1, "file") == TWALK + 1;

	begin(TLOPEN);
	put(1, 4);
	put(0, 4);
	good &= send() == TLOPEN + 1;
	for (u32 i = 0; i < ARRAY_SIZE(offsets); i++) {
		begin(TREAD);
		put(1, 4);
		put(offsets[i], 8);
		put(~0U, 4);
		good &= send() > 0;
		begin(TREADDIR);
		put(1, 4);
		put(offsets[i], 8);
		put(~0U, 4);
		good &= send() == RLERROR;
		/* Not open for that, and more than the message has. */
		begin(TWRITE);
		put(1, 4);
		put(offsets[i], 8);
		put(~0U, 4);
		good &= send() == RLERROR;
	}
	return expect(good, "data of any size");
}

/* Each type there may be, with fields of ones and of anything. */
static bool types(void)
{
	bool good = start();

	for (u32 type = 0; type < 256; type++)
		for (u32 i = 0; i < 2; i++) {
			begin((u8)type);
			for (u32 k = 0; k < 16; k++)
				put(i ? rival_random() : ~0U, 4);
			good &= send() > 0;
		}
	return expect(good, "messages of any type");
}

const struct attack share_attacks[] = {
	{ "9p-size", sizes },	       { "9p-cut", cut_short },
	{ "9p-string", strings },      { "9p-msize", msizes },
	{ "9p-room", rooms },	       { "9p-fid", fids },
	{ "9p-many-fids", many_fids }, { "9p-tags", tags },
	{ "9p-walk", walks },	       { "9p-create", creations },
	{ "9p-link", links },	       { "9p-data", data },
	{ "9p-type", types },	       { NULL, NULL },
};
