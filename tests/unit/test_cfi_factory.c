/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/cfi_chip.c tests/unit/chip_rig.c */
/*
 * One flash chip: what factories use. Protection register program and BEFP,
 * both of which always fail, and blank check.
 */
#include <string.h>

#include "chip_rig.h"

#define SR_NO_VPP    0x98
#define SR_NOT_BLANK 0xa0

/* Sends a setup command in each read mode; status is shown from then on. */
static void assert_setup_shows_status(struct rig *rig, u8 command)
{
	static const u8 modes[] = { 0xff, 0x70, 0x90 };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		wr(rig, 0, modes[i]);
		wr(rig, 0x1555, (u16)(0xff00 | command));
		assert_shows_status(rig, 0x80);
		cfi_chip_reset(&rig->chip);
	}
}

/* Each low byte but the confirm's, in a second cycle. */
static void assert_needs_confirm(struct rig *rig, u8 command)
{
	for (unsigned int value = 0; value < 0x100; value++) {
		if (value == 0xd0)
			continue;
		wr(rig, 0, command);
		wr(rig, 0, (u16)(0xd000 | value));
		assert_shows_status(rig, SR_BOTCH);
		wr(rig, 0, 0xd0); /* too late */
		assert_shows_status(rig, SR_BOTCH);
		wr(rig, 0, 0x50);
		assert_shows_status(rig, 0x80);
	}
	assert_array_untouched(rig);
}

/* ---- Protection register and BEFP ---------------------------------------- */

/* What follows is data, even if it looks like a command or a confirm. */
static void otp_c0(void **state)
{
	static const u16 data[] = { 0xffff, 0x0000, 0x00d0, 0x0050, 0x0070,
				    0x00ff, 0x0090, 0x00c0, 0x0020, 0x1234 };
	static const u32 addrs[] = { 0x80, 0x10a, 0, BLOCK + 7, WORDS - 1 };
	struct rig *rig = *state;

	assert_setup_shows_status(rig, 0xc0);
	for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
		wr(rig, 0x80, 0xc0);
		wr(rig, addrs[i % ARRAY_SIZE(addrs)], data[i]);
		assert_shows_status(rig, SR_LOCKED_PROGRAM);
		/* One cycle of data is all. */
		wr(rig, 0, 0x50);
		assert_shows_status(rig, 0x80);
		wr(rig, 0, 0xff);
		assert_shows_array(rig);
	}
	assert_array_untouched(rig);
	assert_int_equal(rig->nr_locked, ARRAY_SIZE(data));
}

static void befp_80(void **state)
{
	struct rig *rig = *state;

	assert_setup_shows_status(rig, 0x80);
	wr(rig, 2 * BLOCK, 0x80);
	wr(rig, 2 * BLOCK, 0x77d0);
	assert_shows_status(rig, SR_NO_VPP);
	/* Not one word of data is taken. */
	wr(rig, 2 * BLOCK, 0xff);
	assert_shows_array(rig);
	assert_status(rig, SR_NO_VPP);
	assert_array_untouched(rig);
}

static void befp_without_confirm(void **state)
{
	assert_needs_confirm(*state, 0x80);
}

/* ---- Blank check --------------------------------------------------------- */

static void blank_check(struct rig *rig, u32 setup_addr, u32 addr, u16 status)
{
	wr(rig, 0, 0x50);
	wr(rig, setup_addr, 0x22bc);
	assert_shows_status(rig, 0x80);
	wr(rig, addr, 0x33d0);
	assert_shows_status(rig, status);
	assert_int_equal(rig->nr_effects, 0);
}

static void fill(struct rig *rig, u32 block, u16 value)
{
	for (u32 i = 0; i < BLOCK; i++)
		rig->array[block * BLOCK + i] = value;
}

/* The block of the second cycle's address, by any address in it. */
static void blank_check_bc(void **state)
{
	static const u32 offsets[] = { 0, 1, BLOCK / 2, BLOCK - 1 };
	struct rig *rig = *state;

	assert_setup_shows_status(rig, 0xbc);
	fill(rig, 3, 0xffff);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		u32 at = offsets[i];

		blank_check(rig, 0, 3 * BLOCK + at, 0x80);
		blank_check(rig, 3 * BLOCK, 2 * BLOCK + at, SR_NOT_BLANK);
		blank_check(rig, 3 * BLOCK, 4 * BLOCK + at, SR_NOT_BLANK);
	}
	blank_check(rig, 0, 7 * WORDS + 3 * BLOCK, 0x80);
	assert_rest_untouched(rig, 3 * BLOCK, BLOCK);
}

/* One bit is enough, wherever it is; its neighbours' do not matter. */
static void blank_check_finds_each_bit(void **state)
{
	static const u32 offsets[] = { 0, 1, 777, BLOCK - 2, BLOCK - 1 };
	struct rig *rig = *state;

	fill(rig, 2, 0);
	fill(rig, 3, 0xffff);
	fill(rig, 4, 0);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		u16 *word = &rig->array[3 * BLOCK + offsets[i]];

		for (unsigned int bit = 0; bit < 16; bit++) {
			*word = (u16)~BIT(bit);
			blank_check(rig, 0, 3 * BLOCK + 5, SR_NOT_BLANK);
			*word = 0xffff;
		}
	}
	blank_check(rig, 0, 3 * BLOCK + 5, 0x80);
}

static void blank_check_without_confirm(void **state)
{
	struct rig *rig = *state;

	assert_needs_confirm(rig, 0xbc);
	memset(rig->array, 0xff, WORDS * sizeof(u16));
	memset(rig->before, 0xff, WORDS * sizeof(u16));
	assert_needs_confirm(rig, 0xbc);
}

/* It is a read: locks do not keep it out, nor does WP#. */
static void blank_check_locked(void **state)
{
	struct rig *rig = *state;

	fill(rig, 1, 0xffff);
	for (u32 block = 0; block < 3; block++) {
		set_lock(rig, block * BLOCK, 0x2f);
		blank_check(rig, 0, block * BLOCK,
			    block == 1 ? 0x80 : SR_NOT_BLANK);
		assert_int_equal(lock_bits(rig, block), 3);
	}
}

/* A good check clears no error. */
static void blank_check_is_sticky(void **state)
{
	struct rig *rig = *state;

	fill(rig, 1, 0xffff);
	blank_check(rig, 0, 0, SR_NOT_BLANK);
	wr(rig, 0, 0xbc);
	wr(rig, BLOCK, 0xd0);
	assert_shows_status(rig, SR_NOT_BLANK);
}

/* None of them writes to the medium. */
static void medium_fails(void **state)
{
	struct rig *rig = *state;

	fill(rig, 1, 0xffff);
	rig->medium_fails = true;
	blank_check(rig, 0, BLOCK, 0x80);
	blank_check(rig, 0, 0, SR_NOT_BLANK);
	wr(rig, 0, 0x50);
	wr(rig, 0, 0xc0);
	wr(rig, 0, 0);
	assert_shows_status(rig, SR_LOCKED_PROGRAM);
	wr(rig, 0, 0x50);
	wr(rig, 0, 0x80);
	wr(rig, 0, 0xd0);
	assert_shows_status(rig, SR_NO_VPP);
	assert_int_equal(rig->nr_effects, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RIG_TEST(otp_c0),
		RIG_TEST(befp_80),
		RIG_TEST(befp_without_confirm),
		RIG_TEST(blank_check_bc),
		RIG_TEST(blank_check_finds_each_bit),
		RIG_TEST(blank_check_without_confirm),
		RIG_TEST(blank_check_locked),
		cmocka_unit_test_setup_teardown(blank_check_locked,
						setup_protected, teardown),
		RIG_TEST(blank_check_is_sticky),
		RIG_TEST(medium_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
