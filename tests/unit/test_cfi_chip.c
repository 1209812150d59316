/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/cfi_chip.c tests/unit/chip_rig.c */
/*
 * One flash chip: each command but the buffered program and those of
 * test_cfi_factory.c, locks, status.
 */
#include <string.h>

#include "chip_rig.h"

/* The three read modes, by the command that leads there. */
static const u8 modes[] = { 0xff, 0x70, 0x90 };

static void assert_mode(struct rig *rig, u8 mode, u16 status)
{
	if (mode == 0xff)
		assert_shows_array(rig);
	else if (mode == 0x70)
		assert_shows_status(rig, status);
	else
		assert_shows_id(rig);
}

/* ---- Commands in the order of the data sheet's table -------------------- */

static void power_on(void **state)
{
	struct rig *rig = *state;

	assert_shows_array(rig);
	assert_status(rig, 0x80);
	for (u32 block = 0; block < WORDS / BLOCK; block++)
		assert_int_equal(lock_bits(rig, block), 0);
	assert_int_equal(rd(rig, 5), 0xbfcf);
}

/* DQ15..8 of a command do not count, nor does its address. */
static void read_array_ff(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		wr(rig, 0, modes[i]);
		wr(rig, 0x3fff, 0xa5ff);
		assert_shows_array(rig);
	}
	for (u32 addr = 0; addr < WORDS; addr++)
		assert_int_equal(rd(rig, addr), pattern(addr));
	assert_array_untouched(rig);
}

/* What the part does not know, in each read mode, with errors standing. */
static void no_effect(void **state)
{
	struct rig *rig = *state;
	u8 known[] = { 0xff, 0x70, 0x50, 0x90, 0x98, 0x40, 0x10,
		       0xe8, 0x20, 0x60, 0xc0, 0x80, 0xbc };

	make_errors(rig);
	for (unsigned int value = 0; value < 0x100; value++) {
		if (memchr(known, (int)value, sizeof(known)))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
			wr(rig, 0, modes[i]);
			wr(rig, 0x1555, (u16)value);
			assert_mode(rig, modes[i], 0xb2);
			wr(rig, 0x4000, (u16)(0x5a00 | value));
			assert_mode(rig, modes[i], 0xb2);
			/* The next write is a command, not data. */
			wr(rig, 0, 0x70);
			assert_shows_status(rig, 0xb2);
		}
	}
	assert_array_untouched(rig);
	for (u32 block = 0; block < WORDS / BLOCK; block++)
		assert_int_equal(lock_bits(rig, block), 0);
}

/* One row of the table: a command that P30 does not have, or has no use for. */
struct row {
	const char *name;
	u8 value;
};

static void row_no_effect(void **state)
{
	const struct row *row = *state;
	void *rig_state;
	struct rig *rig;

	assert_int_equal(setup(&rig_state), 0);
	rig = rig_state;
	make_errors(rig);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		wr(rig, 0, modes[i]);
		wr(rig, 0x1555, row->value);
		assert_mode(rig, modes[i], 0xb2);
		/* Confirmed, it still does nothing. */
		wr(rig, 0x1555, 0xd0);
		assert_mode(rig, modes[i], 0xb2);
		wr(rig, 0, 0xff);
		assert_shows_array(rig);
	}
	assert_array_untouched(rig);
	teardown(&rig_state);
}

static struct row rows[] = {
	{ "reset of the AMD set, F0", 0xf0 },
	{ "AMD unlock, AA", 0xaa },
	{ "AMD unlock, 55", 0x55 },
	{ "AMD erase, 30", 0x30 },
	{ "AMD buffer, 25", 0x25 },
	{ "AMD confirm, 29", 0x29 },
	{ "word program of other parts, 41", 0x41 },
	{ "buffered program of other parts, E9", 0xe9 },
	{ "resume with nothing suspended, D0", 0xd0 },
	{ "suspend with nothing under way, B0", 0xb0 },
	{ "STS configuration of J3, B8", 0xb8 },
	{ "B4", 0xb4 },
	{ "28", 0x28 },
	{ "QEMU's read array, 00", 0x00 },
};

static void read_status_70(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		wr(rig, 0, modes[i]);
		wr(rig, 0x2222, 0xff70);
		assert_shows_status(rig, 0x80);
	}
	/* A second read shows the same: reading clears nothing. */
	assert_shows_status(rig, 0x80);
	make_errors(rig);
	assert_status(rig, 0xb2);
	assert_shows_status(rig, 0xb2);
}

/* Leaves 0x80, not 0, and the read mode as it is. */
static void clear_status_50(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		make_errors(rig);
		wr(rig, 0, modes[i]);
		assert_mode(rig, modes[i], 0xb2);
		wr(rig, 0x777, 0x1150);
		assert_mode(rig, modes[i], 0x80);
		assert_status(rig, 0x80);
	}
}

static void read_id_90(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		wr(rig, 0, modes[i]);
		wr(rig, 0x3001, 0xaa90);
		assert_shows_id(rig);
	}
	assert_int_equal(rd(rig, 2), 0);
	assert_int_equal(rd(rig, 5), 0xbfcf);
	assert_array_untouched(rig);
}

/* At any address; and nothing of the next write is lost. */
static void read_query_98(void **state)
{
	static const u32 addrs[] = { 0x55, 0x555, 0, 0x12345, WORDS - 1 };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		wr(rig, addrs[i], 0x98);
		assert_shows_id(rig);
		wr(rig, 0, 0x70);
		assert_shows_status(rig, 0x80);
		wr(rig, addrs[i], 0x0098);
		wr(rig, 0, 0xff);
		assert_shows_array(rig);
	}
}

static void program(struct rig *rig, u8 command)
{
	u32 addr = 2 * BLOCK + 5;
	u16 old = rig->before[addr];

	wr(rig, 0x1111, (u16)(0x3300 | command));
	assert_shows_status(rig, 0x80);
	assert_array_untouched(rig);
	wr(rig, addr, 0x0ff0);
	assert_shows_status(rig, 0x80);
	assert_int_equal(rig->nr_effects, 1);
	assert_int_equal(rig->array[addr], old & 0x0ff0);
	assert_rest_untouched(rig, addr, 1);
	wr(rig, 0, 0xff);
	assert_shows_array(rig);
	assert_int_equal(rd(rig, addr), old & 0x0ff0);
}

static void word_program_40(void **state)
{
	program(*state, 0x40);
}

static void word_program_10(void **state)
{
	program(*state, 0x10);
}

/* Whatever the second cycle holds is data, even if it looks like a command. */
static void word_program_any_data(void **state)
{
	static const u16 data[] = { 0xffff, 0x00ff, 0x0050, 0x00d0,
				    0x0020, 0x0070, 0x0040, 0x00e8 };
	struct rig *rig = *state;

	for (u32 i = 0; i < ARRAY_SIZE(data); i++) {
		u32 addr = i * BLOCK + i;

		wr(rig, addr, i & 1 ? 0x10 : 0x40);
		wr(rig, addr, data[i]);
		assert_int_equal(rig->nr_effects, i + 1);
		assert_int_equal(rig->array[addr], pattern(addr) & data[i]);
		assert_shows_status(rig, 0x80);
	}
}

/* A 1 over a 0 stays 0 and is not an error; FF, F0, 0F ends as 00. */
static void program_clears_bits_only(void **state)
{
	static const u16 steps[][2] = {
		{ 0xf0f0, 0xf0f0 },
		{ 0x0f0f, 0x0000 },
		{ 0xffff, 0x0000 },
	};
	struct rig *rig = *state;

	rig->array[9] = 0xffff;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		wr(rig, 9, 0x40);
		wr(rig, 9, steps[i][0]);
		assert_int_equal(rig->array[9], steps[i][1]);
		assert_shows_status(rig, 0x80);
	}
}

static void word_program_locked(void **state)
{
	struct rig *rig = *state;

	set_lock(rig, BLOCK, 0x01);
	wr(rig, 0, 0x40); /* the address of the second cycle decides */
	wr(rig, 2 * BLOCK - 1, 0);
	assert_shows_status(rig, SR_LOCKED_PROGRAM);
	assert_array_untouched(rig);
	assert_int_equal(rig->nr_locked, 1);
	wr(rig, BLOCK, 0x40);
	wr(rig, 2 * BLOCK, 0);
	assert_int_equal(rig->nr_effects, 1);
	assert_int_equal(rig->nr_locked, 1);
	assert_shows_status(rig, SR_LOCKED_PROGRAM);
}

/* ---- Erase --------------------------------------------------------------- */

/* On the confirm, in the block of its address, whole and nothing else. */
static void erase_20(void **state)
{
	static const u32 addrs[] = { 5 * BLOCK, 6 * BLOCK + 1234, 8 * BLOCK - 1,
				     WORDS - 1 };
	struct rig *rig = *state;

	for (u32 i = 0; i < ARRAY_SIZE(addrs); i++) {
		u32 start = addrs[i] / BLOCK * BLOCK;

		wr(rig, 0, 0x4420);
		assert_shows_status(rig, 0x80);
		assert_int_equal(rig->nr_effects, i);
		assert_int_equal(rig->array[start + 3], pattern(start + 3));
		wr(rig, addrs[i], 0x55d0);
		assert_shows_status(rig, 0x80);
		assert_int_equal(rig->nr_effects, i + 1);
		for (u32 at = start; at < start + BLOCK; at++)
			assert_int_equal(rig->array[at], 0xffff);
		assert_rest_untouched(rig, start, BLOCK);
		memcpy(rig->array, rig->before, WORDS * sizeof(u16));
	}
}

static void erase_without_confirm(void **state)
{
	struct rig *rig = *state;

	for (unsigned int value = 0; value < 0x100; value++) {
		if (value == 0xd0)
			continue;
		wr(rig, 0, 0x20);
		wr(rig, 0, (u16)(0xd000 | value));
		assert_shows_status(rig, SR_BOTCH);
		wr(rig, 0, 0xd0); /* too late */
		assert_shows_status(rig, SR_BOTCH);
		wr(rig, 0, 0x50);
	}
	assert_array_untouched(rig);
}

static void erase_locked(void **state)
{
	struct rig *rig = *state;

	set_lock(rig, 2 * BLOCK, 0x01);
	wr(rig, 0, 0x20);
	wr(rig, 3 * BLOCK - 1, 0xd0);
	assert_shows_status(rig, SR_LOCKED_ERASE);
	assert_array_untouched(rig);
	assert_int_equal(rig->nr_locked, 1);
}

/* ---- Locks --------------------------------------------------------------- */

/* Status is shown from the setup on, whatever was shown before. */
static void lock_60_01(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		wr(rig, 0, modes[i]);
		wr(rig, 0, 0xff60);
		assert_shows_status(rig, 0x80);
		wr(rig, BLOCK * 4 - 1, 0xff01);
		assert_shows_status(rig, 0x80);
	}
	for (u32 block = 0; block < WORDS / BLOCK; block++)
		assert_int_equal(lock_bits(rig, block), block == 3);
	assert_array_untouched(rig);
}

static void unlock_60_d0(void **state)
{
	struct rig *rig = *state;

	set_lock(rig, 3 * BLOCK, 0x01);
	set_lock(rig, 4 * BLOCK, 0x01);
	wr(rig, 4 * BLOCK, 0x60); /* the second cycle's address decides */
	wr(rig, 3 * BLOCK + 9, 0xd0);
	assert_shows_status(rig, 0x80);
	assert_int_equal(lock_bits(rig, 3), 0);
	assert_int_equal(lock_bits(rig, 4), 1);
	/* It is no more than the lock that held it. */
	wr(rig, 3 * BLOCK, 0x40);
	wr(rig, 3 * BLOCK, 0);
	assert_shows_status(rig, 0x80);
	assert_int_equal(rig->array[3 * BLOCK], 0);
}

/* With WP# high a block that was locked down can be unlocked all the same. */
static void lock_down_60_2f(void **state)
{
	struct rig *rig = *state;

	set_lock(rig, 0, 0x2f);
	assert_shows_status(rig, 0x80);
	assert_int_equal(lock_bits(rig, 0), 3);
	wr(rig, 0, 0x40);
	wr(rig, 0, 0);
	assert_shows_status(rig, SR_LOCKED_PROGRAM);
	assert_array_untouched(rig);

	set_lock(rig, 0, 0xd0);
	assert_int_equal(lock_bits(rig, 0), 2);
	set_lock(rig, 0, 0x01);
	assert_int_equal(lock_bits(rig, 0), 3);
	cfi_chip_reset(&rig->chip);
	assert_int_equal(lock_bits(rig, 0), 0);
}

/* The register is on the address lines; the array is shown then. */
static void write_config_60_03(void **state)
{
	struct rig *rig = *state;

	wr(rig, 0, 0x60);
	wr(rig, 0x3a55a, 0x03);
	assert_shows_array(rig);
	assert_status(rig, 0x80);
	wr(rig, 0, 0x90);
	assert_int_equal(rd(rig, 5), 0xa55a);
	assert_array_untouched(rig);
	cfi_chip_reset(&rig->chip);
	wr(rig, 0, 0x90);
	assert_int_equal(rd(rig, 5), 0xbfcf);
}

static void write_ext_config_60_04(void **state)
{
	struct rig *rig = *state;

	wr(rig, 0, 0x60);
	wr(rig, 0x1111, 0x04);
	assert_shows_array(rig);
	assert_status(rig, 0x80);
	wr(rig, 0, 0x90);
	assert_int_equal(rd(rig, 5), 0xbfcf);
}

static void lock_other(void **state)
{
	static const u8 known[] = { 0x01, 0xd0, 0x2f, 0x03, 0x04 };
	struct rig *rig = *state;

	for (unsigned int value = 0; value < 0x100; value++) {
		if (memchr(known, (int)value, sizeof(known)))
			continue;
		wr(rig, 0, 0x60);
		wr(rig, 0, (u16)value);
		assert_shows_status(rig, SR_BOTCH);
		wr(rig, 0, 0x50);
		assert_shows_status(rig, 0x80);
	}
	assert_array_untouched(rig);
	assert_int_equal(lock_bits(rig, 0), 0);
}

/* A read-only bank: WP# asserted and all blocks locked down. */
static void write_protected(void **state)
{
	static const u8 commands[] = { 0xd0, 0x01, 0x2f };
	struct rig *rig = *state;

	for (u32 block = 0; block < WORDS / BLOCK; block++) {
		for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
			set_lock(rig, block * BLOCK, commands[i]);
			assert_shows_status(rig, 0x80);
			assert_int_equal(lock_bits(rig, block), 3);
		}
		wr(rig, 0, 0x10);
		wr(rig, block * BLOCK, 0);
		assert_shows_status(rig, SR_LOCKED_PROGRAM);
		wr(rig, 0, 0x50);
		wr(rig, 0, 0x20);
		wr(rig, block * BLOCK, 0xd0);
		assert_shows_status(rig, SR_LOCKED_ERASE);
		wr(rig, 0, 0x50);
		wr(rig, 0, 0xe8);
		wr(rig, 0, 0);
		wr(rig, block * BLOCK, 0);
		wr(rig, 0, 0xd0);
		assert_shows_status(rig, SR_LOCKED_PROGRAM);
		wr(rig, 0, 0x50);
	}
	assert_array_untouched(rig);
	assert_int_equal(rig->nr_locked, 3 * (WORDS / BLOCK));
	cfi_chip_reset(&rig->chip);
	assert_shows_array(rig);
	assert_int_equal(lock_bits(rig, 0), 3);
}

/* ---- Status register ----------------------------------------------------- */

/* The machine only sets bits; a command that goes well clears none. */
static void errors_are_sticky(void **state)
{
	struct rig *rig = *state;

	set_lock(rig, BLOCK, 0x01);
	wr(rig, 0, 0x40);
	wr(rig, BLOCK, 0);
	assert_shows_status(rig, SR_LOCKED_PROGRAM);
	wr(rig, 0, 0x40);
	wr(rig, 0, 0);
	assert_shows_status(rig, SR_LOCKED_PROGRAM);
	wr(rig, 0, 0x20);
	wr(rig, 0, 0xd0);
	assert_shows_status(rig, SR_LOCKED_PROGRAM);
	wr(rig, 0, 0x20);
	wr(rig, BLOCK, 0xd0);
	assert_shows_status(rig, 0xb2);
	wr(rig, 0, 0x90);
	wr(rig, 0, 0xff);
	assert_status(rig, 0xb2);
	wr(rig, 0, 0x50);
	assert_shows_status(rig, 0x80);
}

/* A medium that refuses: SR.3 besides the error of the command. */
static void medium_fails(void **state)
{
	const struct cfi_effect none = { .op = CFI_EFFECT_NONE };
	struct rig *rig = *state;

	rig->medium_fails = true;
	wr(rig, 0, 0x40);
	wr(rig, 0, 0);
	assert_shows_status(rig, 0x98);
	wr(rig, 0, 0x50);
	wr(rig, 0, 0x20);
	wr(rig, 0, 0xd0);
	assert_shows_status(rig, 0xa8);
	wr(rig, 0, 0x50);
	wr(rig, 0, 0xe8);
	wr(rig, 0, 0);
	wr(rig, 0, 0);
	wr(rig, 0, 0xd0);
	assert_shows_status(rig, 0x98);
	wr(rig, 0, 0x50);
	cfi_chip_fail(&rig->chip, &none);
	assert_shows_status(rig, 0x80);
	assert_memory_equal(rig->array, rig->before, WORDS * sizeof(u16));
}

/* ---- Reset, addresses, geometry ------------------------------------------ */

/* The cycles that lead from READY into each state; 0 ends them. */
static const u16 ways[][5] = {
	{ 0x70 },
	{ 0x90 },
	{ 0x98 },
	{ 0x40 },
	{ 0x10 },
	{ 0xe8 },
	{ 0xe8, 0x01 },
	{ 0xe8, 0x01, 0x11 },
	{ 0x20 },
	{ 0xe8, 1, 2, 3 },
	{ 0xe8, 0x300, 0x1 },
	{ 0x60 },
	{ 0xc0 },
	{ 0x80 },
	{ 0xbc },
};

/* Not ready, whatever is asked, until there is power again. */
static void power_off(void **state)
{
	static const u16 commands[] = { 0xff, 0x50, 0x70, 0x90, 0x98, 0x40,
					0x00, 0x20, 0xd0, 0xe8, 0x60, 0x01 };
	struct rig *rig = *state;

	make_errors(rig);
	cfi_chip_power_off(&rig->chip);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		assert_int_equal(rd(rig, 0x10), 0);
		assert_false(cfi_chip_in_array_mode(&rig->chip));
		wr(rig, 0x10, commands[i]);
	}
	assert_array_untouched(rig);
	cfi_chip_reset(&rig->chip);
	assert_shows_array(rig);
	assert_status(rig, 0x80);
}

static void reset_from_each_state(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		make_errors(rig);
		set_lock(rig, 0, 0x01);
		wr(rig, 0, 0xff);
		for (const u16 *value = ways[i]; *value; value++) {
			wr(rig, 0, *value);
			assert_false(cfi_chip_in_array_mode(&rig->chip));
		}
		cfi_chip_reset(&rig->chip);
		assert_shows_array(rig);
		/* Neither confirm nor data now. */
		wr(rig, 0, 0xd0);
		assert_shows_array(rig);
		assert_status(rig, 0x80);
		assert_int_equal(lock_bits(rig, 0), 0);
	}
	assert_array_untouched(rig);
}

/* There is no address beyond the chip: they wrap at its size. */
static void addresses_wrap(void **state)
{
	struct rig *rig = *state;
	u32 far = 0xffffffff - 9;

	wr(rig, 0, 0x20);
	wr(rig, WORDS * 3, 0xd0);
	assert_rest_untouched(rig, 0, BLOCK);
	assert_int_equal(rig->array[0], 0xffff);
	memcpy(rig->array, rig->before, WORDS * sizeof(u16));
	wr(rig, 0, 0x40);
	wr(rig, far, 0);
	assert_int_equal(rig->array[WORDS - 10], 0);
	assert_rest_untouched(rig, WORDS - 10, 1);
	wr(rig, 0, 0x90);
	assert_int_equal(rd(rig, WORDS), 0x89);
	set_lock(rig, WORDS + 2 * BLOCK, 0x01);
	assert_int_equal(lock_bits(rig, 2), 1);
}

static const struct CMUnitTest tests[] = {
	RIG_TEST(power_on),
	RIG_TEST(read_array_ff),
	RIG_TEST(no_effect),
	RIG_TEST(read_status_70),
	RIG_TEST(clear_status_50),
	RIG_TEST(read_id_90),
	RIG_TEST(read_query_98),
	RIG_TEST(word_program_40),
	RIG_TEST(word_program_10),
	RIG_TEST(word_program_any_data),
	RIG_TEST(program_clears_bits_only),
	RIG_TEST(word_program_locked),
	RIG_TEST(erase_20),
	RIG_TEST(erase_without_confirm),
	RIG_TEST(erase_locked),
	RIG_TEST(lock_60_01),
	RIG_TEST(unlock_60_d0),
	RIG_TEST(lock_down_60_2f),
	RIG_TEST(write_config_60_03),
	RIG_TEST(write_ext_config_60_04),
	RIG_TEST(lock_other),
	cmocka_unit_test_setup_teardown(write_protected, setup_protected,
					teardown),
	RIG_TEST(errors_are_sticky),
	RIG_TEST(medium_fails),
	RIG_TEST(power_off),
	RIG_TEST(reset_from_each_state),
	RIG_TEST(addresses_wrap),
};

/* The tests above, and one for each row. */
int main(void)
{
	struct CMUnitTest all[ARRAY_SIZE(tests) + ARRAY_SIZE(rows)];
	size_t n = ARRAY_SIZE(tests);

	memcpy(all, tests, sizeof(tests));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		all[n++] = (struct CMUnitTest) {
			.name = rows[i].name,
			.test_func = row_no_effect,
			.initial_state = &rows[i],
		};
	return cmocka_run_group_tests(all, NULL, NULL);
}
