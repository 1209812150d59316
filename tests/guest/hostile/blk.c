/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attacks by requests of a disk (virtio 1.4, "Block Device"). */
#include "hostile.h"

#define HEADER	  16U
#define AT_HEADER 0x0UL /* into the pool */
#define AT_STATUS 0x800UL
#define AT_DATA	  0x1000UL
#define SECTORS	  2048U /* of the disk that 80-hostile.test makes */
#define RANGE	  16U

/* Of a disk: "struct virtio_blk_req". */
static void put_header(u32 type, u64 sector)
{
	volatile u32 *header = (u32 *)(pool() + AT_HEADER);

	header[0] = type;
	header[1] = 0;
	header[2] = (u32)sector;
	header[3] = (u32)(sector >> 32);
	*(volatile u8 *)(pool() + AT_STATUS) = 0xaa;
}

static long status_of(long len)
{
	return len < 0 ? len : *(volatile u8 *)(pool() + AT_STATUS);
}

/* The other disk's header is there as well, so data are somewhere else. */
long blk_request(struct target *t, u32 type, u64 sector, u64 data, u32 len)
{
	bool in = type == BLK_IN || type == BLK_ID;
	u64 base = pool() + POOL_SIZE;
	struct piece pieces[3] = {
		{ base, HEADER, false },
		{ data, len, in },
		{ base + HEADER, 1, true },
	};
	volatile u32 *header = (u32 *)base;
	volatile u8 *status = (u8 *)base + HEADER;
	long ret;

	header[0] = type;
	header[1] = 0;
	header[2] = (u32)sector;
	header[3] = (u32)(sector >> 32);
	*status = 0xaa;
	if (!len)
		pieces[1] = pieces[2];
	ret = ring_exchange(&t->rings[0], pieces, len ? 3 : 2);
	return ret < 0 ? ret : *status;
}

/* An answer of that kind, served by vCPU and by thread in turn. */
static bool answers(u32 type, u64 sector, u32 len, long status)
{
	long got = NO_ANSWER;

	interrupts = !interrupts;
	if (target_start(DISK, BIT(9) | BIT(13) | BIT(14)))
		got = blk_request(DISK, type, sector, pool() + AT_DATA, len);
	if (got != status)
		note("type %u sector 0x%lx length 0x%x: 0x%lx", type, sector,
		     len, (u64)got);
	return got == status;
}

static bool sectors(void)
{
	static const u64 bad[] = {
		SECTORS,	 SECTORS - 7,	  1UL << 32, 1UL << 55,
		(1UL << 55) - 1, (1UL << 55) + 1, 1UL << 63, ~0UL,
		~0UL - 7,	 ~0UL >> 9,
	};
	bool good = true;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		good &= answers(BLK_IN, bad[i], 4096, BLK_IOERR);
		good &= answers(BLK_OUT, bad[i], 4096, BLK_IOERR);
	}
	return good && answers(BLK_IN, SECTORS - 8, 4096, BLK_OK);
}

static bool lengths(void)
{
	static const u32 bad[] = { 1, 511, 513, 4095, 4097 };
	bool good = true;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		good &= answers(BLK_IN, 0, bad[i], BLK_IOERR);
		good &= answers(BLK_OUT, 0, bad[i], BLK_IOERR);
	}
	return good;
}

static bool types(void)
{
	static const u32 unknown[] = { 2, 3, 5, 12, 14, 24, 0x80000000, ~0U };
	bool good = true;

	for (u32 i = 0; i < ARRAY_SIZE(unknown); i++)
		good &= answers(unknown[i], 0, 512, BLK_UNSUPP);
	good &= answers(BLK_FLUSH, ~0UL, 0, BLK_OK);
	good &= answers(BLK_ID, ~0UL, 1, BLK_OK);
	return good && answers(BLK_ID, 0, 4096, BLK_OK);
}

/*
 * Each byte of header, data and status for itself; then all of what is written
 * in one piece.
 */
static bool pieces(void)
{
	struct piece p[HEADER + 16];
	u64 at = pool() + AT_HEADER;
	bool good = target_start(DISK, F_INDIRECT);

	DISK->rings[0].size = 16;
	for (u32 cut = 1; cut < HEADER; cut++) {
		put_header(BLK_IN, 1);
		p[0] = (struct piece) { at, cut, false };
		p[1] = (struct piece) { at + cut, HEADER - cut, false };
		p[2] = (struct piece) { pool() + AT_DATA, 1, true };
		p[3] = (struct piece) { pool() + AT_DATA + 1, 510, true };
		p[4] = (struct piece) { pool() + AT_DATA + 511, 1, true };
		p[5] = (struct piece) { pool() + AT_STATUS, 1, true };
		good &= status_of(ring_exchange(&DISK->rings[0], p, 6)) ==
			BLK_OK;
	}
	for (u32 i = 0; i < 15; i++)
		p[i] = (struct piece) { at + i, i == 14 ? 2 : 1, false };
	p[15] = (struct piece) { pool() + AT_STATUS - 512, 513, true };
	good &= status_of(ring_exchange(&DISK->rings[0], p, 16)) == BLK_OK;
	return good;
}

/* No place for the status, no header: nothing that could be answered. */
static void no_status(struct target *t, struct ring *r)
{
	const struct piece p[] = { { pool() + AT_HEADER, HEADER, false },
				   { pool() + AT_DATA, 512, false } };

	(void)t;
	put_header(BLK_OUT, 0);
	ring_chain(r, 0, p, 2);
	ring_post(r, 0);
}

static void short_header(struct target *t, struct ring *r)
{
	const struct piece p[] = { { pool() + AT_HEADER, HEADER - 1, false },
				   { pool() + AT_STATUS, 1, true } };

	(void)t;
	put_header(BLK_FLUSH, 0);
	ring_chain(r, 0, p, 2);
	ring_post(r, 0);
}

static void no_header(struct target *t, struct ring *r)
{
	const struct piece p = { pool() + AT_DATA, 512, true };

	(void)t;
	ring_chain(r, 0, &p, 1);
	ring_post(r, 0);
}

static bool both_modes(poison_fn *poison)
{
	bool good;

	interrupts = true;
	good = breaks(DISK, poison, 0);
	interrupts = false;
	return good && breaks(DISK, poison, 0);
}

static bool missing(void)
{
	return both_modes(no_status) && both_modes(short_header) &&
	       both_modes(no_header);
}

static void put_range(u32 n, u64 sector, u32 count, u32 flags)
{
	volatile u32 *range = (u32 *)(pool() + AT_DATA) + 4 * n;

	range[0] = (u32)sector;
	range[1] = (u32)(sector >> 32);
	range[2] = count;
	range[3] = flags;
}

/* Ranges of zeroes to be written, and to be discarded. */
static bool zeroes(void)
{
	static const struct {
		u64 sector;
		u32 count;
	} bad[] = {
		{ 0, ~0U },	  { 0, SECTORS + 1 },	  { SECTORS, 1 },
		{ ~0UL, 1 },	  { ~0UL, ~0U },	  { 1UL << 55, 8 },
		{ ~0UL, 2 },	  { (1UL << 55) - 1, 2 }, { SECTORS - 1, 2 },
		{ 1UL << 63, 1 },
	};
	bool good = true;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		put_range(0, bad[i].sector, bad[i].count, 0);
		good &= answers(BLK_ZEROES, 0, RANGE, BLK_IOERR);
		good &= answers(BLK_ERASE, 0, RANGE, BLK_IOERR);
	}
	put_range(0, 8, 8, 2);
	return good && answers(BLK_ZEROES, 0, RANGE, BLK_UNSUPP) &&
	       answers(BLK_ERASE, 0, RANGE, BLK_UNSUPP);
}

/* No ranges, parts of one, too many; a good one before a bad one. */
static bool discard(void)
{
	bool good = true;

	put_range(0, 8, 0, 0);
	good &= answers(BLK_ERASE, 0, 0, BLK_IOERR);
	good &= answers(BLK_ERASE, 0, 1, BLK_IOERR);
	good &= answers(BLK_ERASE, 0, RANGE - 1, BLK_IOERR);
	good &= answers(BLK_ERASE, 0, RANGE + 1, BLK_IOERR);
	good &= answers(BLK_ZEROES, 0, SZ_1M, BLK_IOERR);
	put_range(0, 8, 8, 0);
	put_range(1, ~0UL, 8, 0);
	good &= answers(BLK_ERASE, 0, 2 * RANGE, BLK_IOERR);
	return good && answers(BLK_ERASE, 0, RANGE, BLK_OK);
}

/* The sum of the lengths does not fit in 32 bits: 15 times nearly all of RAM.
 */
static bool huge(void)
{
	u64 len = ram_end() - ram_base();
	struct desc *table = (void *)(pool() + AT_DATA);
	struct ring *r = target_start_one(DISK, F_INDIRECT, 256);
	long ret;

	put_header(BLK_OUT, 0);
	table[0] = (struct desc) { pool() + AT_HEADER, HEADER, D_NEXT, 1 };
	for (u16 i = 1; i < 253; i++)
		table[i] = (struct desc) { ram_base(), (u32)len, D_NEXT,
					   (u16)(i + 1) };
	table[253] = (struct desc) { pool() + AT_STATUS, 1, D_WRITE, 0 };
	ring_set(r, 0, (u64)table, 254 * sizeof(*table), D_INDIRECT, 0);
	ring_post(r, 0);
	vdev_kick(&DISK->v, 0);
	ret = status_of(ring_wait(r, PATIENCE_MS));
	return expect(ret == BLK_IOERR, "16 GiB to a small disk");
}

/* Space behind and between the fields, and a capacity that is written to. */
static bool config(void)
{
	u64 at = DISK->v.config;
	u32 capacity = read32(at);

	for (u32 width = 1; width <= 8; width *= 2)
		for (u64 o = 0; o < 0x100; o += width) {
			read_width(at + o, width);
			write_width(at + o, ~0UL, width);
		}
	return expect(read32(at) == capacity, "the capacity was changed") &&
	       expect(!read32(at + 0x80), "what is behind is not zero");
}

const struct attack blk_attacks[] = {
	{ "blk-sectors", sectors }, { "blk-lengths", lengths },
	{ "blk-types", types },	    { "blk-pieces", pieces },
	{ "blk-missing", missing }, { "blk-zeroes", zeroes },
	{ "blk-discard", discard }, { "blk-huge", huge },
	{ "blk-config", config },   { NULL, NULL },
};
