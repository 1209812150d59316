/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/cfi_chip.c tests/unit/chip_rig.c */
/* One flash chip: the ID and query plane, byte by byte, and geometries. */
#include <errno.h>
#include <string.h>

#include "chip_rig.h"

/* Each block shows its own lock, and the rest of the plane as well. */
static void id_plane(void **state)
{
	struct rig *rig = *state;

	set_lock(rig, 3 * BLOCK + 77, 0x01);
	set_lock(rig, 5 * BLOCK, 0x2f);
	wr(rig, 0, 0x90);
	for (u32 block = 0; block < WORDS / BLOCK; block++) {
		u32 at = block * BLOCK;

		assert_int_equal(rd(rig, at + 2), block == 3   ? 1
						  : block == 5 ? 3
							       : 0);
		assert_int_equal(rd(rig, at), 0x89);
		assert_int_equal(rd(rig, at + 3), 0);
		assert_int_equal(rd(rig, at + 4), 0);
		for (u32 i = 6; i < 0x10; i++)
			assert_int_equal(rd(rig, at + i), 0);
		for (u32 i = 0x44; i < BLOCK; i++)
			assert_int_equal(rd(rig, at + i), 0);
	}
}

static void geometry(void **state)
{
	static const struct cfi_geometry bad[] = {
		{ 0, 0x4000, 512, false },
		{ 0x4000, 0, 512, false },
		{ 0x4000, 0x4000, 0, false },
		{ 0x6000, 0x2000, 512, false },
		{ 0x8000, 0x3000, 512, false },
		{ 0x8000, 0x4000, 500, false },
		{ 0x4000, 0x8000, 512, false },
		{ 0x8000, 0x4000, 4, false },
		{ 0x8000, 0x4000, 1024, false },
		{ 0x80000000, 0x10000, 512, 0 },
		{ 0x2000000, 0x100, 512, false },
	};
	static const struct cfi_geometry good[] = {
		{ 0x4000, 0x4000, 512, false },
		{ 0x1000000, 0x100, 8, false }, /* 65536 blocks */
		{ 0x40000000, 0x20000, 512, true },
	};
	struct cfi_chip chip;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(cfi_chip_init(&chip, &bad[i]), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(cfi_chip_init(&chip, &good[i]), 0);
		cfi_chip_destroy(&chip);
	}
}

struct query_case {
	const char *name;
	struct cfi_geometry geo;
	u8 size;       /* log2 of the chip's bytes */
	u8 regions[4]; /* 2D to 30 */
};

/* From word 10 on; 27 and 2D to 30 depend on the size. */
static const char query[] = "QRY\x01\0\x31\0\0\0\0\0" /* 10 to 1A */
			    "\x17\x20\0\0"	      /* 1B to 1E: supply */
			    "\x08\x09\x0a\0\x01\x01\x02\0"    /* 1F: times */
			    "\0\x01\0\x0a\0\x01\0\0\0\0"      /* 27: geometry */
			    "PRI10\x20\0\0\0\0"		      /* 31 to 3A */
			    "\x03\0\x18\0\x01\x80\0\x03\x03"; /* to 43 */

#define QUERY_LEN (0x44 - 0x10)

static void query_table(void **state)
{
	const struct query_case *c = *state;
	u8 want[QUERY_LEN];
	struct cfi_chip chip;
	struct cfi_effect effect;

	memcpy(want, query, QUERY_LEN);
	want[0x27 - 0x10] = c->size;
	memcpy(&want[0x2d - 0x10], c->regions, 4);
	assert_int_equal(cfi_chip_init(&chip, &c->geo), 0);
	cfi_chip_write(&chip, 0x55, 0x98, &effect);
	for (u32 i = 0; i < QUERY_LEN; i++) {
		u16 got = cfi_chip_read(&chip, 0x10 + i, 0xeeee);

		if (got != want[i])
			fail_msg("%s: index 0x%x is 0x%04x, not 0x%04x",
				 c->name, 0x10 + i, got, want[i]);
	}
	for (u32 i = 0x10 + QUERY_LEN; i < 0x200; i++)
		assert_int_equal(cfi_chip_read(&chip, i, 0xeeee), 0);
	cfi_chip_destroy(&chip);
}

static struct query_case query_cases[] = {
	{ "query of 1 MiB with 64 KiB blocks",
	  { 0x40000, 0x4000, 512, false },
	  0x13,
	  { 0x0f, 0x00, 0x80, 0x00 } },
	{ "query of 2 MiB with 64 KiB blocks",
	  { 0x80000, 0x4000, 512, false },
	  0x14,
	  { 0x1f, 0x00, 0x80, 0x00 } },
	{ "query of 16 MiB with 64 KiB blocks",
	  { 0x400000, 0x4000, 512, false },
	  0x17,
	  { 0xff, 0x00, 0x80, 0x00 } },
	{ "query of 64 MiB with 256 KiB blocks",
	  { 0x1000000, 0x10000, 512, false },
	  0x19,
	  { 0xff, 0x00, 0x00, 0x02 } },
	{ "query of 64 MiB with 64 KiB blocks",
	  { 0x1000000, 0x4000, 512, false },
	  0x19,
	  { 0xff, 0x03, 0x80, 0x00 } },
};

static const struct CMUnitTest tests[] = {
	RIG_TEST(id_plane),
	cmocka_unit_test(geometry),
};

/* The tests above, and one for each geometry. */
int main(void)
{
	struct CMUnitTest all[ARRAY_SIZE(tests) + ARRAY_SIZE(query_cases)];
	size_t n = ARRAY_SIZE(tests);

	memcpy(all, tests, sizeof(tests));
	for (size_t i = 0; i < ARRAY_SIZE(query_cases); i++)
		all[n++] = (struct CMUnitTest) {
			.name = query_cases[i].name,
			.test_func = query_table,
			.initial_state = &query_cases[i],
		};
	return cmocka_run_group_tests(all, NULL, NULL);
}
