/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/flash/fault.c */
/* Which command goes wrong, and what half of one leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/hw/flash/fault.h"

#define MAX_WORDS 16384 /* an erase block of 64 KiB */

static u32 old[MAX_WORDS], new[MAX_WORDS], torn[MAX_WORDS];

/* ---- Which one ----------------------------------------------------------- */

static void no_faults(void **state)
{
	struct flash_fault fault = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(flash_fault_next(&fault, i % 3 == 0),
				 FLASH_FAULT_NONE);
	assert_int_equal(fault.erases, 334);
	assert_int_equal(fault.programs, 666);
}

/* Each kind is counted on its own, and fails once. */
static void fail_nth(void **state)
{
	struct flash_fault fault = { .fail_program = 3, .fail_erase = 1 };
	static const struct {
		bool erase;
		enum flash_fault_action action;
	} commands[] = {
		{ false, FLASH_FAULT_NONE }, { false, FLASH_FAULT_NONE },
		{ true, FLASH_FAULT_FAIL },  { true, FLASH_FAULT_NONE },
		{ true, FLASH_FAULT_NONE },  { false, FLASH_FAULT_FAIL },
		{ false, FLASH_FAULT_NONE }, { true, FLASH_FAULT_NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		assert_int_equal(flash_fault_next(&fault, commands[i].erase),
				 commands[i].action);
}

/* Programs and erases together. */
static void cut_nth(void **state)
{
	(void)state;
	for (u64 n = 1; n < 10; n++) {
		struct flash_fault fault = { .cut = n };

		for (u64 i = 1; i < 20; i++)
			assert_int_equal(flash_fault_next(&fault, i % 4 == 2),
					 i == n ? FLASH_FAULT_CUT
						: FLASH_FAULT_NONE);
	}
}

/* Without power nothing is reported any more. */
static void cut_comes_first(void **state)
{
	struct flash_fault fault = { .cut = 1, .fail_program = 1 };

	(void)state;
	assert_int_equal(flash_fault_next(&fault, false), FLASH_FAULT_CUT);
}

/* ---- Programs ------------------------------------------------------------ */

static void tear_program(size_t words, u64 offset)
{
	memcpy(torn, new, words * 4);
	flash_fault_tear_program((const u8 *)old, (u8 *)torn, words * 4,
				 offset);
}

/* Half of the words that change, and one of which some bits have. */
static void program_words(void **state)
{
	static const size_t counts[] = { 2, 3, 4, 31, 32, 512 };

	(void)state;
	memset(old, 0xff, sizeof(old));
	memset(new, 0, sizeof(new));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		size_t half = counts[i] / 2;

		tear_program(counts[i], 0x1000);
		assert_memory_equal(torn, new, half * 4);
		assert_int_not_equal(torn[half], new[half]);
		assert_int_not_equal(torn[half], old[half]);
		assert_memory_equal(torn + half + 1, old + half + 1,
				    (counts[i] - half - 1) * 4);
	}
}

/* What is as it was counts for nothing, wherever it is. */
static void program_few_of_many(void **state)
{
	static const size_t changed[] = { 3, 4, 20, 30, 31 };

	(void)state;
	memset(old, 0x5f, sizeof(old));
	memcpy(new, old, sizeof(new));
	for (size_t i = 0; i < ARRAY_SIZE(changed); i++)
		new[changed[i]] = 0x00ff0000 & old[0];
	tear_program(32, 0);
	for (size_t i = 0; i < 32; i++) {
		if (i == 3 || i == 4)
			assert_int_equal(torn[i], new[i]);
		else if (i != 20)
			assert_int_equal(torn[i], old[i]);
	}
	assert_int_not_equal(torn[20], old[20]);
	assert_int_not_equal(torn[20], new[20]);
	/* Bits go down only, and only those that are to. */
	assert_int_equal(torn[20] & ~old[20], 0);
	assert_int_equal(new[20] & ~torn[20], 0);
}

/* A single word, at any place and of any bits: torn if it has two or more. */
static void program_one_word(void **state)
{
	(void)state;
	for (u64 offset = 0; offset < 4096; offset += 4) {
		old[0] = 0xffffffff;
		new[0] = (u32)(offset * 2654435761U) & ~3U;
		tear_program(1, offset);
		assert_int_equal(new[0] & ~torn[0], 0);
		assert_int_not_equal(torn[0], old[0]);
		assert_int_not_equal(torn[0], new[0]);
		new[0] = old[0] & ~(3U << offset / 4 % 31);
		tear_program(1, offset);
		assert_int_not_equal(torn[0], old[0]);
		assert_int_not_equal(torn[0], new[0]);
		/* One bit is either or, and the cut comes before. */
		new[0] = old[0] & ~(1U << offset / 4 % 32);
		tear_program(1, offset);
		assert_int_equal(torn[0], old[0]);
		new[0] = old[0];
		tear_program(1, offset);
		assert_int_equal(torn[0], old[0]);
	}
}

/* ---- Erases -------------------------------------------------------------- */

static void tear_erase(u32 lanes, u64 offset)
{
	for (size_t i = 0; i < MAX_WORDS; i++)
		torn[i] = old[i] | lanes;
	flash_fault_tear_erase((const u8 *)old, (u8 *)torn, sizeof(torn),
			       offset, lanes);
}

/* Neither what it was nor erased, in each of the block's pages. */
static void erase_block(void **state)
{
	static const u32 contents[] = { 0, 0xffffffff, 0x12345678 };

	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(contents); c++) {
		for (size_t i = 0; i < MAX_WORDS; i++)
			old[i] = contents[c];
		tear_erase(0xffffffff, 0x20000);
		for (size_t page = 0; page < MAX_WORDS; page += 1024) {
			unsigned int changed = 0, erased = 0;

			for (size_t i = page; i < page + 1024; i++) {
				changed += torn[i] != old[i];
				erased += torn[i] == 0xffffffff;
			}
			assert_in_range(changed, 900, 1024);
			assert_in_range(erased, 0, 10);
		}
	}
}

static void erase_one_chip(void **state)
{
	(void)state;
	for (size_t i = 0; i < MAX_WORDS; i++)
		old[i] = (u32)i * 2654435761U;
	tear_erase(0x0000ffff, 0);
	for (size_t i = 0; i < MAX_WORDS; i++)
		assert_int_equal(torn[i] >> 16, old[i] >> 16);
	tear_erase(0xffff0000, 0);
	for (size_t i = 0; i < MAX_WORDS; i++)
		assert_int_equal(torn[i] & 0xffff, old[i] & 0xffff);
}

/* ---- Both ---------------------------------------------------------------- */

static void same_again(void **state)
{
	static u32 first[MAX_WORDS];

	(void)state;
	memset(old, 0x3c, sizeof(old));
	memset(new, 0, sizeof(new));
	tear_erase(0xffffffff, 0x30000);
	memcpy(first, torn, sizeof(torn));
	tear_erase(0xffffffff, 0x30000);
	assert_memory_equal(torn, first, sizeof(torn));
	/* But not the same for each block. */
	tear_erase(0xffffffff, 0x40000);
	assert_memory_not_equal(torn, first, sizeof(torn));
	tear_program(512, 0x123c);
	memcpy(first, torn, 2048);
	tear_program(512, 0x123c);
	assert_memory_equal(torn, first, 2048);
}

/* Drivers' buffers lie where they like. */
static void unaligned_memory(void **state)
{
	u8 *before = malloc(9), *after = malloc(9);

	(void)state;
	memset(before, 0xff, 9);
	memset(after, 0, 9);
	flash_fault_tear_program(before + 1, after + 1, 8, 0);
	assert_int_equal(after[1] | after[2] | after[3] | after[4], 0);
	assert_int_not_equal(after[5] & after[6] & after[7] & after[8], 0xff);
	flash_fault_tear_erase(before + 1, after + 1, 8, 0, 0xffff0000);
	free(before);
	free(after);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_faults),
		cmocka_unit_test(fail_nth),
		cmocka_unit_test(cut_nth),
		cmocka_unit_test(cut_comes_first),
		cmocka_unit_test(program_words),
		cmocka_unit_test(program_few_of_many),
		cmocka_unit_test(program_one_word),
		cmocka_unit_test(erase_block),
		cmocka_unit_test(erase_one_chip),
		cmocka_unit_test(same_again),
		cmocka_unit_test(unaligned_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
