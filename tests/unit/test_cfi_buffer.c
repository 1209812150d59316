/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/cfi_chip.c tests/unit/chip_rig.c */
/* One flash chip: the buffered program. */
#include "chip_rig.h"

/* Begins one of `n` words; EDK2 looks for 0x80 after the first cycle. */
static void buffer_setup(struct rig *rig, u32 addr, u32 n)
{
	wr(rig, addr, 0x77e8);
	assert_true(rd(rig, addr) & 0x80);
	wr(rig, addr, (u16)(n - 1));
	assert_false(cfi_chip_in_array_mode(&rig->chip));
}

static void buffered(struct rig *rig, u32 addr, u32 n)
{
	buffer_setup(rig, addr, n);
	for (u32 i = 0; i < n; i++) {
		wr(rig, addr + i, (u16)(0xa000 ^ i));
		assert_shows_status(rig, 0x80);
		assert_array_untouched(rig);
	}
	wr(rig, addr, 0x99d0);
	assert_shows_status(rig, 0x80);
	assert_int_equal(rig->nr_effects, 1);
	for (u32 i = 0; i < n; i++)
		assert_int_equal(rig->array[addr + i],
				 rig->before[addr + i] & (0xa000 ^ i));
	assert_rest_untouched(rig, addr, n);
}

static void buffer_e8_one(void **state)
{
	buffered(*state, 0x4321, 1);
}

static void buffer_e8_32(void **state)
{
	buffered(*state, 0x4320, 32);
}

/* A count of 0x01ff: all 16 bits of it matter. */
static void buffer_e8_full(void **state)
{
	buffered(*state, 3 * BLOCK + 100, BUFFER);
}

/* Up to the very end of a block, and of the chip. */
static void buffer_e8_to_block_end(void **state)
{
	buffered(*state, 4 * BLOCK - BUFFER, BUFFER);
}

static void buffer_e8_to_chip_end(void **state)
{
	buffered(*state, WORDS - 7, 7);
}

/* EDK2 confirms at offset 0, and asks for the status there. */
static void buffer_confirm_elsewhere(void **state)
{
	struct rig *rig = *state;
	u32 at = 7 * BLOCK;

	buffer_setup(rig, at, 2);
	wr(rig, at, 0x1111);
	wr(rig, at + 1, 0x2222);
	wr(rig, 0, 0xd0);
	assert_shows_status(rig, 0x80);
	assert_int_equal(rig->array[at], pattern(at) & 0x1111);
	assert_int_equal(rig->array[at + 1], pattern(at + 1) & 0x2222);
	assert_rest_untouched(rig, at, 2);
}

/* The first data write gives the address, not the count's cycle. */
static void buffer_base_is_first_data(void **state)
{
	struct rig *rig = *state;

	wr(rig, 9 * BLOCK, 0xe8);
	wr(rig, 8 * BLOCK, 0);
	wr(rig, 33, 0);
	wr(rig, 0, 0xd0);
	assert_shows_status(rig, 0x80);
	assert_int_equal(rig->array[33], 0);
	assert_rest_untouched(rig, 33, 1);
}

/* What is not written to stays as it was: the buffer begins as FFFF. */
static void buffer_gaps(void **state)
{
	struct rig *rig = *state;

	buffer_setup(rig, 100, 3);
	wr(rig, 100, 0);
	wr(rig, 100 + BUFFER - 1, 0);
	wr(rig, 150, 0);
	wr(rig, 100, 0xd0);
	assert_shows_status(rig, 0x80);
	for (u32 i = 100; i < 100 + BUFFER; i++)
		assert_int_equal(rig->array[i],
				 i == 100 || i == 150 || i == 100 + BUFFER - 1
					 ? 0
					 : pattern(i));
	assert_rest_untouched(rig, 100, BUFFER);

	/* Nor does anything of the last buffer come again. */
	buffer_setup(rig, 2048, 1);
	wr(rig, 2048, 0xffff);
	wr(rig, 2048, 0xd0);
	assert_rest_untouched(rig, 100, BUFFER);
}

/* Writes are counted, not words; the last one to an address wins. */
static void buffer_duplicates(void **state)
{
	struct rig *rig = *state;

	rig->array[200] = 0xffff;
	buffer_setup(rig, 200, 3);
	wr(rig, 200, 0x0000);
	wr(rig, 200, 0x00d0);
	wr(rig, 200, 0x1234);
	wr(rig, 200, 0xd0);
	assert_shows_status(rig, 0x80);
	assert_int_equal(rig->array[200], 0x1234);
}

/* Data that looks like commands, confirm and erase among them. */
static void buffer_data_is_data(void **state)
{
	static const u16 data[] = { 0xd0, 0x20, 0xd0, 0xff, 0x50, 0xe8 };
	struct rig *rig = *state;

	buffer_setup(rig, 0, ARRAY_SIZE(data));
	for (u32 i = 0; i < ARRAY_SIZE(data); i++)
		wr(rig, i, data[i]);
	assert_array_untouched(rig);
	wr(rig, 0, 0xd0);
	assert_int_equal(rig->nr_effects, 1);
	for (u32 i = 0; i < ARRAY_SIZE(data); i++)
		assert_int_equal(rig->array[i], pattern(i) & data[i]);
	assert_rest_untouched(rig, 0, ARRAY_SIZE(data));
}

/*
 * Sends `n` data words, all of which look like an erase being set up or
 * confirmed, and then the confirm, which has to fail.
 */
static void assert_spoilt(struct rig *rig, u32 addr, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		wr(rig, addr, i & 1 ? 0x00d0 : 0x0020);
		assert_shows_status(rig, 0x80);
	}
	wr(rig, 0, 0xd0);
	assert_shows_status(rig, SR_BOTCH);
	assert_array_untouched(rig);
	wr(rig, 0, 0x50);
	wr(rig, 0, 0xff);
	assert_shows_array(rig);
}

/* Too many words: all of them are taken before the command fails. */
static void buffer_count_overflow(void **state)
{
	struct rig *rig = *state;

	buffer_setup(rig, 0, BUFFER + 1);
	assert_spoilt(rig, 0, BUFFER + 1);
	buffer_setup(rig, 0, 0x10000);
	assert_spoilt(rig, 0, 0x10000);
	buffer_setup(rig, 0, 1024 + 1); /* would fit if cut to 8 bits */
	assert_spoilt(rig, 0, 1024 + 1);
}

static void buffer_other_block(void **state)
{
	struct rig *rig = *state;

	buffer_setup(rig, 0, 4);
	wr(rig, BLOCK - 1, 0);
	wr(rig, BLOCK, 0); /* within the window, but of the next block */
	assert_spoilt(rig, BLOCK - 1, 2);
}

static void buffer_below_base(void **state)
{
	struct rig *rig = *state;

	buffer_setup(rig, 0, 4);
	wr(rig, 0x100, 0);
	wr(rig, 0xff, 0);
	assert_spoilt(rig, 0x100, 2);
}

static void buffer_above_window(void **state)
{
	struct rig *rig = *state;

	buffer_setup(rig, 0, 4);
	wr(rig, 0x100, 0);
	wr(rig, 0x100 + BUFFER, 0);
	assert_spoilt(rig, 0x100, 2);
}

/* At the chip's end the next address is 0, which is far below the base. */
static void buffer_wraps(void **state)
{
	struct rig *rig = *state;

	buffer_setup(rig, 0, 4);
	wr(rig, WORDS - 1, 0);
	wr(rig, WORDS, 0);
	assert_spoilt(rig, WORDS - 1, 2);
}

static void buffer_wrong_confirm(void **state)
{
	struct rig *rig = *state;

	for (unsigned int value = 0; value < 0x100; value++) {
		if (value == 0xd0)
			continue;
		buffer_setup(rig, 0, 2);
		wr(rig, 0, 0);
		wr(rig, 1, 0);
		wr(rig, 0, (u16)(0xd000 | value));
		assert_shows_status(rig, SR_BOTCH);
		assert_array_untouched(rig);
		wr(rig, 0, 0x50);
	}
	/* Ready again: what was in the buffer is gone. */
	wr(rig, 0, 0xd0);
	assert_array_untouched(rig);
}

/* At each count the wrong confirm leaves a chip that works. */
static void buffer_wrong_confirm_counts(void **state)
{
	struct rig *rig = *state;

	for (u32 n = 1; n <= BUFFER + 2; n++) {
		buffer_setup(rig, 0, n);
		for (u32 i = 0; i < n; i++)
			wr(rig, i, 0);
		wr(rig, 0, 0xff);
		assert_shows_status(rig, SR_BOTCH);
		wr(rig, 0, 0x50);
	}
	assert_array_untouched(rig);
	buffered(rig, 64, 8);
}

static void buffer_locked(void **state)
{
	struct rig *rig = *state;

	set_lock(rig, BLOCK, 0x01);
	buffer_setup(rig, 0, 2);
	wr(rig, BLOCK, 0);
	wr(rig, BLOCK + 1, 0);
	assert_shows_status(rig, 0x80); /* it is the confirm that fails */
	wr(rig, 0, 0xd0);
	assert_shows_status(rig, SR_LOCKED_PROGRAM);
	assert_array_untouched(rig);
	assert_int_equal(rig->nr_locked, 1);
}

/* Unlike J3, which wants its errors to be cleared first. */
static void buffer_with_errors_standing(void **state)
{
	struct rig *rig = *state;

	make_errors(rig);
	buffer_setup(rig, 50, 1);
	wr(rig, 50, 0);
	wr(rig, 50, 0xd0);
	assert_shows_status(rig, 0xb2);
	assert_int_equal(rig->array[50], 0);
	assert_int_equal(rig->nr_effects, 1);
}

static const struct CMUnitTest tests[] = {
	RIG_TEST(buffer_e8_one),
	RIG_TEST(buffer_e8_32),
	RIG_TEST(buffer_e8_full),
	RIG_TEST(buffer_e8_to_block_end),
	RIG_TEST(buffer_e8_to_chip_end),
	RIG_TEST(buffer_confirm_elsewhere),
	RIG_TEST(buffer_base_is_first_data),
	RIG_TEST(buffer_gaps),
	RIG_TEST(buffer_duplicates),
	RIG_TEST(buffer_data_is_data),
	RIG_TEST(buffer_count_overflow),
	RIG_TEST(buffer_other_block),
	RIG_TEST(buffer_below_base),
	RIG_TEST(buffer_above_window),
	RIG_TEST(buffer_wraps),
	RIG_TEST(buffer_wrong_confirm),
	RIG_TEST(buffer_wrong_confirm_counts),
	RIG_TEST(buffer_locked),
	RIG_TEST(buffer_with_errors_standing),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
