/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "lkvm/hw/flash/fault.h"

#define WORD sizeof(u32)

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
 * A finaliser of good quality: Steele, Lea, Flood: "Fast Splittable
 * Pseudorandom Number Generators", OOPSLA 2014, mix64.
 */
static u64 noise(u64 n)
{
	n = (n + 1) * 0x9e3779b97f4a7c15ULL;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ULL;
	n = (n ^ n >> 27) * 0x94d049bb133111ebULL;
	return n ^ n >> 31;
}

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
