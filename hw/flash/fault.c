/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults on demand for tests of firmware (`fail=`, `cut=`): which operation
 * fails, and what the part holds after a loss of power in the middle of one.
 * Pure: hw/cfi_flash.c asks before each operation, with the bank's lock held;
 * hw/flash/operation.c writes the result.
 *
 * JESD68 and the data sheets leave the content after an interrupted operation
 * undefined. What is made here is what a part does: programming clears bits one
 * word after the other, and an erase first programs the block to zero, then
 * sets its bits, at which each cell has its own speed. It is a function of
 * offset and content alone, so that the same N leaves the same bytes in each
 * run.
 */
#include <string.h>

#include "lkvm/hw/flash/fault.h"

/* Both chips together: a driver programs them at the same time. */
#define WORD sizeof(u32)

/*
 * Operations are counted from 1 by kind, and by both kinds together for a cut.
 * One that is to fail counts, so that N means the same with and without
 * `fail=`.
 */
enum flash_fault_action flash_fault_next(struct flash_fault *fault, bool erase)
{
	u64 nth = erase ? ++fault->erases : ++fault->programs;

	if (fault->cut && fault->programs + fault->erases == fault->cut)
		return FLASH_FAULT_CUT;
	return nth == (erase ? fault->fail_erase : fault->fail_program)
		       ? FLASH_FAULT_FAIL
		       : FLASH_FAULT_NONE;
}

/*
 * A fixed pseudorandom number for each offset: mix64 of Steele, Lea, Flood,
 * "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
 */
static u64 noise(u64 n)
{
	n = (n + 1) * 0x9e3779b97f4a7c15ULL;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ULL;
	n = (n ^ n >> 27) * 0x94d049bb133111ebULL;
	return n ^ n >> 31;
}

/* The buffers have no alignment. */
static u32 get_word(const u8 *at)
{
	u32 word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static void put_word(u8 *at, u32 word)
{
	memcpy(at, &word, sizeof(word));
}

/* Some of the bits that are set in `bits`: not all, nor none if it has two. */
static u32 some_of(u32 bits, u64 seed)
{
	u32 some = bits & (u32)noise(seed);

	if (some == bits)
		some &= some - 1;
	if (!some && (bits & (bits - 1)))
		some = bits & -bits;
	return some;
}

/*
 * Words that do not change take no time on a part, so the middle is that of the
 * words that do.
 */
void flash_fault_tear_program(const u8 *old, u8 *data, size_t len, u64 offset)
{
	size_t changed = 0, done = 0;

	for (size_t i = 0; i < len; i += WORD)
		changed += get_word(old + i) != get_word(data + i);
	for (size_t i = 0; i < len; i += WORD) {
		u32 before = get_word(old + i), after = get_word(data + i);

		if (before == after || done++ < changed / 2)
			continue;
		/* The one in the middle is where the power went. */
		if (done == changed / 2 + 1)
			before &= ~some_of(before & ~after, offset + i);
		put_word(data + i, before);
	}
}

/*
 * A bit is its old value, 0 or 1 at random: the erase had programmed it, or set
 * it already.
 */
void flash_fault_tear_erase(const u8 *old, u8 *data, size_t len, u64 offset,
			    u32 lanes)
{
	for (size_t i = 0; i < len; i += WORD) {
		u64 bits = noise(offset + i);
		u32 torn = (u32)bits & (get_word(old + i) | (u32)(bits >> 32));

		put_word(data + i,
			 (get_word(data + i) & ~lanes) | (torn & lanes));
	}
}
