/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/blk.c virtio/blk_request.c virtio/blk_async.c */
/* SOURCES: virtio/runner.c disk/request.c disk/queue.c */
/* SOURCES: disk/try.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: disk/pool.c disk/uring.c disk/merge.c */
/* SOURCES: virtio/device.c virtio/queue.c virtio/queue_split.c */
/* SOURCES: virtio/queue_packed.c virtio/queue_chain.c disk/disk.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/iov.c util/json.c */
/* SOURCES: util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/blk_rig.c */
/* Requests of a disk, one at a time: what each does, and what it must not. */
#include <errno.h>
#include <string.h>

#include "blk_rig.h"

#define SECTOR	     512U
#define MAX_SECTORS  0x400000U /* of one range */
#define MAX_RANGES   16U
#define MAX_SEGMENTS 254U

#define IN	     VIRTIO_BLK_T_IN
#define OUT	     VIRTIO_BLK_T_OUT
#define FLUSH	     VIRTIO_BLK_T_FLUSH
#define GET_ID	     VIRTIO_BLK_T_GET_ID
#define DISCARD	     VIRTIO_BLK_T_DISCARD
#define WRITE_ZEROES VIRTIO_BLK_T_WRITE_ZEROES
#define UNMAP	     VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP

#define OK     VIRTIO_BLK_S_OK
#define IOERR  VIRTIO_BLK_S_IOERR
#define UNSUPP VIRTIO_BLK_S_UNSUPP

static u8 before[BLK_SECTORS * SECTOR], buffer[BLK_SECTORS * SECTOR];

/* A device that runs, and `before` is what is on its disk. */
static struct blk_rig *run(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);

	blk_start(r, BLK_COMMON);
	memcpy(before, r->disk->data, sizeof(before));
	return r;
}

static void check_disk(struct blk_rig *r)
{
	assert_memory_equal(r->disk->data, before, sizeof(before));
}

static void read_at(struct blk_rig *r, struct blk_rq *rq)
{
	rq->type = IN;
	rq->in = buffer;
	memset(buffer, 0, sizeof(buffer));
	assert_int_equal(blk_do(r, rq), OK);
	assert_memory_equal(buffer, before + rq->sector * SECTOR, rq->in_len);
	assert_string_equal(blk_calls(r), "r");
}

static void write_at(struct blk_rig *r, struct blk_rq *rq, u64 seed)
{
	rq->type = OUT;
	rq->out = buffer;
	fill_random(buffer, rq->out_len, seed);
	memcpy(before + rq->sector * SECTOR, buffer, rq->out_len);
	assert_int_equal(blk_do(r, rq), OK);
	check_disk(r);
	assert_string_equal(blk_calls(r), "w");
}

/* ---- Data ---------------------------------------------------------------- */

static void read_and_write(void **state)
{
	struct blk_rig *r = run(state);

	for (u64 sector = 0; sector < 40; sector += 13) {
		u32 len = (u32)(sector + 1) * SECTOR;

		read_at(r,
			&(struct blk_rq) { .sector = sector, .in_len = len });
		write_at(r,
			 &(struct blk_rq) { .sector = sector + 3,
					    .out_len = len },
			 sector);
		read_at(r,
			&(struct blk_rq) { .sector = sector, .in_len = len });
	}
	check_disk(r);
}

/* Header and status with data in one buffer, or alone, or in several. */
static void cuts_anywhere(void **state)
{
	static const u32 outs[][5] = {
		{ 0 },	       { 1 },	    { 15 },
		{ 16 },	       { 17 },	    { 16 + SECTOR - 1 },
		{ 8, 8, 511 }, { 4, 4, 8 }, { 1, 16, 1 },
		{ 15, 2, 3 },
	};
	static const u32 ins[][5] = {
		{ 0 },
		{ 1 },
		{ SECTOR },
		{ SECTOR - 1 },
		{ SECTOR - 1, 1 },
		{ 1, SECTOR - 1 },
		{ 200, 311 },
		{ 7, 77, 400 },
	};
	struct blk_rig *r = run(state);

	for (size_t i = 0; i < ARRAY_SIZE(outs); i++)
		for (size_t j = 0; j < ARRAY_SIZE(ins); j++) {
			struct blk_rq rq = { .sector = i + j,
					     .indirect = (i + j) & 1 };

			rq.out_cuts = outs[i];
			rq.out_len = SECTOR;
			write_at(r, &rq, i + j);
			rq.in_cuts = ins[j];
			rq.in_len = SECTOR;
			/* What is to be read beside the header is ignored. */
			read_at(r, &rq);
		}
}

static void header_in_single_bytes(void **state)
{
	static const u32 bytes[17] = { 1, 1, 1, 1, 1, 1, 1, 1,
				       1, 1, 1, 1, 1, 1, 1, 1 };
	struct blk_rig *r = run(state);

	write_at(r,
		 &(struct blk_rq) { .sector = 77,
				    .out_len = 3 * SECTOR,
				    .out_cuts = bytes },
		 1);
	read_at(r, &(struct blk_rq) { .sector = 76,
				      .in_len = 5 * SECTOR,
				      .out_cuts = bytes + 1 });
}

/* As many as the configuration promises. */
static void many_segments(void **state)
{
	static u32 out_cuts[MAX_SEGMENTS + 1], in_cuts[MAX_SEGMENTS + 1];
	struct blk_rig *r = run(state);
	u32 len = MAX_SEGMENTS * SECTOR;

	out_cuts[0] = 16;
	for (u32 i = 0; i + 1 < MAX_SEGMENTS; i++)
		out_cuts[i + 1] = in_cuts[i] = SECTOR - 1 + (i & 2);
	write_at(r,
		 &(struct blk_rq) {
			 .sector = 100, .out_len = len, .out_cuts = out_cuts },
		 9);
	in_cuts[MAX_SEGMENTS - 1] = SECTOR + 1;
	read_at(r, &(struct blk_rq) {
			   .sector = 100, .in_len = len, .in_cuts = in_cuts });
}

static void indirect(void **state)
{
	static const u32 out_cuts[] = { 16, 100, 1000, 1, 0 };
	static const u32 in_cuts[] = { 3, 1021, 500, 12, 0 };
	struct blk_rig *r = run(state);

	for (u64 i = 0; i < 20; i++) {
		write_at(r,
			 &(struct blk_rq) { .sector = i,
					    .out_len = 3 * SECTOR,
					    .out_cuts = out_cuts,
					    .indirect = true },
			 i);
		read_at(r, &(struct blk_rq) { .sector = i,
					      .in_len = 3 * SECTOR,
					      .in_cuts = in_cuts,
					      .indirect = true });
	}
}

/* ---- Where --------------------------------------------------------------- */

/* The medium is not asked. */
static void refused(struct blk_rig *r, struct blk_rq *rq, u8 status)
{
	u64 errors = blk_stat(r, "errors");

	assert_int_equal(blk_do(r, rq), status);
	assert_string_equal(blk_calls(r), "");
	check_disk(r);
	assert_int_equal(blk_stat(r, "errors"), errors + 1);
}

static void refused_data(struct blk_rig *r, u64 sector, u32 len)
{
	u32 in_len = len ? len : 1;

	memset(buffer, BLK_NOISE, sizeof(buffer));
	refused(r,
		&(struct blk_rq) { .type = IN,
				   .sector = sector,
				   .in = buffer,
				   .in_len = len },
		IOERR);
	for (u32 i = 0; i < in_len; i++)
		assert_int_equal(buffer[i], BLK_NOISE);
	refused(r,
		&(struct blk_rq) { .type = OUT,
				   .sector = sector,
				   .out = buffer,
				   .out_len = len },
		IOERR);
}

static void at_the_end(void **state)
{
	struct blk_rig *r = run(state);
	struct blk_rq last = { .sector = BLK_SECTORS - 1, .in_len = SECTOR };

	read_at(r, &last);
	last = (struct blk_rq) { .sector = BLK_SECTORS - 1, .out_len = SECTOR };
	write_at(r, &last, 3);
	last = (struct blk_rq) { .in_len = BLK_SECTORS / 2 * SECTOR };
	last.sector = BLK_SECTORS / 2;
	read_at(r, &last);
	refused_data(r, BLK_SECTORS, SECTOR);
	refused_data(r, BLK_SECTORS - 1, 2 * SECTOR);
	refused_data(r, BLK_SECTORS + 1, 0);
}

/* Products that would be on the disk again if they were cut to 64 bits. */
static void beyond_64_bits(void **state)
{
	static const u64 sectors[] = {
		UINT64_MAX,
		UINT64_MAX / SECTOR,
		UINT64_MAX / SECTOR + 1,
		UINT64_MAX / SECTOR + 2,
		1ULL << 63,
		1ULL << 55 | 3,
		(1ULL << 55) - 1,
	};
	struct blk_rig *r = run(state);

	for (size_t i = 0; i < ARRAY_SIZE(sectors); i++)
		refused_data(r, sectors[i], SECTOR);
}

static void not_whole_sectors(void **state)
{
	static const u32 lens[] = { 1, 511, 513, 1023, 1025 };
	struct blk_rig *r = run(state);

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++)
		refused_data(r, 5, lens[i]);
}

/* Nothing to be done is done. */
static void no_data(void **state)
{
	struct blk_rig *r = run(state);

	for (u64 sector = 0; sector <= BLK_SECTORS; sector += BLK_SECTORS) {
		assert_int_equal(blk_do(r,
					&(struct blk_rq) { .type = IN,
							   .sector = sector }),
				 OK);
		assert_int_equal(blk_do(r,
					&(struct blk_rq) { .type = OUT,
							   .sector = sector }),
				 OK);
	}
	assert_string_equal(blk_calls(r), "");
	check_disk(r);
}

/* ---- Other types --------------------------------------------------------- */

static void unknown_types(void **state)
{
	static const u32 types[] = {
		2,  3,	5,  6,	7,	    9,		10,	    12,
		14, 15, 16, 17, 0x80000000, 0x80000001, UINT32_MAX, 0x100,
	};
	struct blk_rig *r = run(state);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		memset(buffer, 7, SECTOR);
		refused(r,
			&(struct blk_rq) { .type = types[i],
					   .out = before,
					   .out_len = SECTOR,
					   .in = buffer,
					   .in_len = SECTOR },
			UNSUPP);
		for (u32 at = 0; at < SECTOR; at++)
			assert_int_equal(buffer[at], BLK_NOISE);
	}
}

static void flush(void **state)
{
	struct blk_rig *r = run(state);

	/* The sector is to be 0, and is ignored. */
	assert_int_equal(blk_do(r, &(struct blk_rq) { .type = FLUSH }), OK);
	assert_int_equal(blk_do(r, &(struct blk_rq) { .type = FLUSH,
						      .sector = UINT64_MAX }),
			 OK);
	assert_string_equal(blk_calls(r), "ff");
	assert_int_equal(blk_stat(r, "flushes"), 2);
}

static void get_id(void **state)
{
	static const u32 lens[] = { 20, 1, 19, 21, 600 };
	static const u32 cuts[] = { 3, 0 };
	struct blk_rig *r =
		blk_create(state, &(struct blk_rig_params) {
					  .serial = "0123456789ABCDEF" });
	u8 id[20] = "0123456789ABCDEF";

	blk_start(r, BLK_COMMON);
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		struct blk_rq rq = { .type = GET_ID, .sector = UINT64_MAX };

		rq.in = buffer;
		rq.in_len = lens[i];
		rq.in_cuts = i & 1 ? NULL : cuts;
		assert_int_equal(blk_do(r, &rq), OK);
		assert_memory_equal(buffer, id, MIN(lens[i], 20U));
		for (u32 at = 20; at < lens[i]; at++)
			assert_int_equal(buffer[at], BLK_NOISE);
	}
	assert_int_equal(blk_do(r, &(struct blk_rq) { .type = GET_ID }), OK);
	assert_string_equal(blk_calls(r), "");
}

/* All 20 bytes may be used, and more are cut off; without one it is empty. */
static void serials(void **state)
{
	static const struct {
		const char *serial;
		u8 id[20];
	} all[] = {
		{ NULL, { 0 } },
		{ "", { 0 } },
		{ "x", "x" },
		{ "exactly twenty bytes", { "exactly twenty bytes" } },
		{ "more than twenty bytes", { "more than twenty byt" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct blk_rig *r =
			blk_create(state, &(struct blk_rig_params) {
						  .serial = all[i].serial });

		blk_start(r, BLK_COMMON);
		assert_int_equal(blk_do(r, &(struct blk_rq) { .type = GET_ID,
							      .in = buffer,
							      .in_len = 20 }),
				 OK);
		assert_memory_equal(buffer, all[i].id, 20);
		blk_teardown(state);
		blk_setup(state);
	}
}

/* ---- A disk that is only read -------------------------------------------- */

static void read_only(void **state)
{
	struct virtio_blk_discard_write_zeroes range = { .num_sectors = 1 };
	struct blk_rig *r = blk_create(
		state, &(struct blk_rig_params) { .readonly = true });
	static const u32 types[] = { OUT, DISCARD, WRITE_ZEROES };

	blk_start(r, BLK_COMMON);
	memcpy(before, r->disk->data, sizeof(before));
	read_at(r, &(struct blk_rq) { .sector = 3, .in_len = 2 * SECTOR });
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct blk_rq rq = { .type = types[i], .out = buffer };

		memcpy(buffer, &range, sizeof(range));
		rq.out_len = types[i] == OUT ? SECTOR : sizeof(range);
		refused(r, &rq, IOERR);
	}
	/* Firmware flushes those, too: there is nothing to do. */
	assert_int_equal(blk_do(r, &(struct blk_rq) { .type = FLUSH }), OK);
	assert_string_equal(blk_calls(r), "");
}

/* ---- Discarding and zeroes ----------------------------------------------- */

static const u32 range_types[] = { DISCARD, WRITE_ZEROES };

static u8 ranges(struct blk_rig *r, u32 type,
		 const struct virtio_blk_discard_write_zeroes *range, u32 n)
{
	struct blk_rq rq = { .type = type, .out = range };
	static const u32 cuts[] = { 16, 5, 0 };

	rq.out_len = n * (u32)sizeof(*range);
	rq.out_cuts = n > 1 ? cuts : NULL;
	r->disk->nr_ranges = 0;
	return blk_do(r, &rq);
}

static void change(u32 type, u64 sector, u32 n)
{
	memset(before + sector * SECTOR, type == DISCARD ? 0xdd : 0,
	       (size_t)n * SECTOR);
}

static void several_ranges(void **state)
{
	struct blk_rig *r = run(state);

	for (size_t i = 0; i < ARRAY_SIZE(range_types); i++) {
		u32 type = range_types[i];
		struct virtio_blk_discard_write_zeroes range[MAX_RANGES] = {
			0
		};

		for (u32 n = 0; n < MAX_RANGES; n++) {
			range[n].sector = 500 - 31 * n;
			range[n].num_sectors = 1 + n % 3;
			change(type, range[n].sector, range[n].num_sectors);
		}
		assert_int_equal(ranges(r, type, range, MAX_RANGES), OK);
		check_disk(r);
		assert_int_equal(r->disk->nr_ranges, MAX_RANGES);
		for (u32 n = 0; n < MAX_RANGES; n++) {
			assert_int_equal(r->disk->ranges[n].offset,
					 range[n].sector * SECTOR);
			assert_false(r->disk->ranges[n].unmap);
		}
		assert_string_equal(blk_calls(r), i ? "zzzzzzzzzzzzzzzz"
						    : "dddddddddddddddd");
	}
	assert_int_equal(blk_stat(r, "discards"), 2);
}

static void unmap(void **state)
{
	struct virtio_blk_discard_write_zeroes range = { .sector = 7,
							 .num_sectors = 2,
							 .flags = UNMAP };
	struct blk_rig *r = run(state);

	change(WRITE_ZEROES, 7, 2);
	assert_int_equal(ranges(r, WRITE_ZEROES, &range, 1), OK);
	assert_true(r->disk->ranges[0].unmap);
	assert_string_equal(blk_calls(r), "z");
	check_disk(r);
	/* "the device MUST set the status to UNSUPP" */
	assert_int_equal(ranges(r, DISCARD, &range, 1), UNSUPP);
	assert_string_equal(blk_calls(r), "");
}

static void reserved_flags(void **state)
{
	struct virtio_blk_discard_write_zeroes range = { .num_sectors = 1 };
	struct blk_rig *r = run(state);

	for (size_t i = 0; i < ARRAY_SIZE(range_types); i++)
		for (u32 bit = 1; bit < 32; bit++) {
			range.flags = 1U << bit | (i ? UNMAP : 0);
			assert_int_equal(ranges(r, range_types[i], &range, 1),
					 UNSUPP);
		}
	assert_string_equal(blk_calls(r), "");
	check_disk(r);
}

/* Ranges are done in their order, up to one that cannot be. */
static void ranges_that_are_not(void **state)
{
	static const struct virtio_blk_discard_write_zeroes bad[] = {
		{ .sector = BLK_SECTORS, .num_sectors = 1 },
		{ .sector = BLK_SECTORS - 1, .num_sectors = 2 },
		{ .sector = 0, .num_sectors = BLK_SECTORS + 1 },
		{ .sector = UINT64_MAX, .num_sectors = 1 },
		{ .sector = 1ULL << 55, .num_sectors = 1 },
		{ .sector = 0, .num_sectors = MAX_SECTORS + 1 },
		{ .sector = 0, .num_sectors = UINT32_MAX },
	};
	struct blk_rig *r = run(state);

	for (size_t i = 0; i < 2 * ARRAY_SIZE(bad); i++) {
		u32 type = range_types[i % 2];
		struct virtio_blk_discard_write_zeroes range[3] = {
			{ .sector = i, .num_sectors = 1 },
			bad[i / 2],
			{ .sector = 100, .num_sectors = 1 },
		};

		change(type, i, 1);
		assert_int_equal(ranges(r, type, range, 3), IOERR);
		assert_string_equal(blk_calls(r), i % 2 ? "z" : "d");
		check_disk(r);
	}
}

/* On a disk that has so many sectors they may be as many as was promised. */
static void long_ranges(void **state)
{
	struct virtio_blk_discard_write_zeroes range = {
		.sector = 5, .num_sectors = MAX_SECTORS
	};
	struct blk_rig *r = blk_create(
		state, &(struct blk_rig_params) { .sectors = 1ULL << 40 });

	blk_start(r, BLK_COMMON);
	for (size_t i = 0; i < ARRAY_SIZE(range_types); i++) {
		assert_int_equal(ranges(r, range_types[i], &range, 1), OK);
		assert_int_equal(r->disk->ranges[0].offset, 5 * SECTOR);
		assert_int_equal(r->disk->ranges[0].len,
				 (u64)MAX_SECTORS * SECTOR);
		assert_string_equal(blk_calls(r), i ? "z" : "d");
		range.num_sectors++;
		assert_int_equal(ranges(r, range_types[i], &range, 1), IOERR);
		assert_string_equal(blk_calls(r), "");
		range.num_sectors--;
	}
}

static void lists_that_are_not(void **state)
{
	static const u32 lens[] = {
		0, 1, 15, 17, 31, 33, 16 * MAX_RANGES + 16, 16 * MAX_RANGES + 1
	};
	struct blk_rig *r = run(state);

	memset(buffer, 0, sizeof(buffer));
	for (size_t i = 0; i < 2 * ARRAY_SIZE(lens); i++)
		refused(r,
			&(struct blk_rq) { .type = range_types[i % 2],
					   .out = buffer,
					   .out_len = lens[i / 2] },
			IOERR);
}

/* A range without sectors is nothing to do, wherever it is on the disk. */
static void empty_ranges(void **state)
{
	struct virtio_blk_discard_write_zeroes range = { .sector =
								 BLK_SECTORS };
	struct blk_rig *r = run(state);

	for (size_t i = 0; i < ARRAY_SIZE(range_types); i++)
		assert_int_equal(ranges(r, range_types[i], &range, 1), OK);
	assert_string_equal(blk_calls(r), "");
	check_disk(r);
}

/* ---- Errors of the medium ------------------------------------------------ */

static void medium_fails(void **state)
{
	struct virtio_blk_discard_write_zeroes range = { .num_sectors = 1 };
	static const struct {
		u32 type, out_len, in_len;
		const char *call;
	} all[] = {
		{ IN, 0, SECTOR, "r" },
		{ OUT, SECTOR, 0, "w" },
		{ FLUSH, 0, 0, "f" },
		{ DISCARD, sizeof(range), 0, "d" },
		{ WRITE_ZEROES, sizeof(range), 0, "z" },
	};
	struct blk_rig *r = run(state);

	r->disk->failing = "rwfdz";
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct blk_rq rq = { .type = all[i].type };

		memset(buffer, 0, sizeof(buffer));
		memcpy(buffer, &range, sizeof(range));
		rq.out = buffer;
		rq.in = buffer;
		rq.out_len = all[i].out_len;
		rq.in_len = all[i].in_len;
		assert_int_equal(blk_do(r, &rq), IOERR);
		assert_string_equal(blk_calls(r), all[i].call);
		assert_int_equal(blk_stat(r, "errors"), i + 1);
	}
	check_disk(r);
	/* Not all file systems can discard. */
	r->disk->error = -EOPNOTSUPP;
	assert_int_equal(ranges(r, DISCARD, &range, 1), UNSUPP);
	/* The next one may succeed. */
	r->disk->failing = NULL;
	blk_calls(r);
	read_at(r, &(struct blk_rq) { .in_len = SECTOR });
}

/* The first that fails is the last that is tried. */
static void second_range_fails(void **state)
{
	struct virtio_blk_discard_write_zeroes range[3] = {
		{ .num_sectors = 1 }, { .num_sectors = 1 }, { .num_sectors = 1 }
	};
	struct blk_rig *r = run(state);

	r->disk->failing = "d";
	assert_int_equal(ranges(r, DISCARD, range, 3), IOERR);
	assert_string_equal(blk_calls(r), "d");
}

/* ---- Statistics ---------------------------------------------------------- */

static void statistics(void **state)
{
	static const char *const names[] = { "reads",	"bytes_read",
					     "writes",	"bytes_written",
					     "flushes", "discards",
					     "errors" };
	static const u64 expected[] = { 2, 4 * SECTOR, 3, 9 * SECTOR, 1, 0, 0 };
	struct blk_rig *r = run(state);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(blk_stat(r, names[i]), 0);
	read_at(r, &(struct blk_rq) { .in_len = SECTOR });
	read_at(r, &(struct blk_rq) { .in_len = 3 * SECTOR });
	for (u32 i = 2; i < 5; i++)
		write_at(r, &(struct blk_rq) { .out_len = i * SECTOR }, i);
	assert_int_equal(blk_do(r, &(struct blk_rq) { .type = FLUSH }), OK);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(blk_stat(r, names[i]), expected[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLK_TEST(read_and_write),
		BLK_TEST(cuts_anywhere),
		BLK_TEST(header_in_single_bytes),
		BLK_TEST(many_segments),
		BLK_TEST(indirect),
		BLK_TEST(at_the_end),
		BLK_TEST(beyond_64_bits),
		BLK_TEST(not_whole_sectors),
		BLK_TEST(no_data),
		BLK_TEST(unknown_types),
		BLK_TEST(flush),
		BLK_TEST(get_id),
		BLK_TEST(serials),
		BLK_TEST(read_only),
		BLK_TEST(several_ranges),
		BLK_TEST(unmap),
		BLK_TEST(reserved_flags),
		BLK_TEST(ranges_that_are_not),
		BLK_TEST(long_ranges),
		BLK_TEST(lists_that_are_not),
		BLK_TEST(empty_ranges),
		BLK_TEST(medium_fails),
		BLK_TEST(second_range_fails),
		BLK_TEST(statistics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
