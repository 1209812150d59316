/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random A64 instructions, by classes of the encoding tables (DDI 0487, C4.1),
 * and random register values. Used by a64_compare.c in lkvm and by
 * guest/batch.c in the guest, which links this file, too; one thread in each.
 *
 * Uniformly random words are mostly reserved, and uniformly random values
 * rarely reach a carry or an overflow. So the generators below prefer valid
 * encodings, register 31 and values at the limits of 32 and 64 bits, without
 * excluding the others. The same seed yields the same sequence on each machine.
 */
#include "a64_words.h"

const struct word_class word_classes[] = {
	{ "add/sub immediate", 0x1f800000, 0x11000000, WORD_REGISTERS },
	{ "add/sub shifted", 0x1f200000, 0x0b000000, WORD_REGISTERS },
	{ "add/sub extended", 0x1fe00000, 0x0b200000, WORD_REGISTERS },
	{ "adc, sbc", 0x1fe0fc00, 0x1a000000, WORD_REGISTERS },
	{ "logical immediate", 0x1f800000, 0x12000000, WORD_REGISTERS },
	{ "logical shifted", 0x1f000000, 0x0a000000, WORD_REGISTERS },
	{ "move wide", 0x1f800000, 0x12800000, WORD_REGISTERS },
	{ "bitfield", 0x1f800000, 0x13000000, WORD_REGISTERS },
	{ "extract", 0x7fa00000, 0x13800000, WORD_REGISTERS },
	{ "adr, adrp", 0x1f000000, 0x10000000, WORD_REGISTERS },
	{ "ccmp, ccmn", 0x3fe00410, 0x3a400000, WORD_REGISTERS },
	{ "csel", 0x3fe00800, 0x1a800000, WORD_REGISTERS },
	{ "udiv, sdiv", 0x7fe0f800, 0x1ac00800, WORD_REGISTERS },
	{ "variable shift", 0x7fe0f000, 0x1ac02000, WORD_REGISTERS },
	{ "rbit, rev, clz, cls", 0x7fffe000, 0x5ac00000, WORD_REGISTERS },
	{ "madd, msub", 0x7fe00000, 0x1b000000, WORD_REGISTERS },
	{ "smaddl to umsubl", 0xff600000, 0x9b200000, WORD_REGISTERS },
	{ "smulh, umulh", 0xff60fc00, 0x9b407c00, WORD_REGISTERS },
	{ "mrs, msr nzcv", 0xffdfffe0, 0xd51b4200, WORD_REGISTERS },
	{ "hint", 0xfffff01f, 0xd503201f, WORD_OPTIONAL },
	{ "barrier", 0xfffff01f, 0xd503301f, WORD_OPTIONAL },
	{ "b, bl", 0x7c000000, 0x14000000, WORD_BRANCH26 },
	{ "b.cond", 0xff000000, 0x54000000, WORD_BRANCH19 },
	{ "cbz, cbnz", 0x7e000000, 0x34000000, WORD_BRANCH19 },
	{ "tbz, tbnz", 0x7e000000, 0x36000000, WORD_BRANCH14 },
	{ "br", 0xfffffc1f, 0xd61f0000, WORD_BRANCH_REG },
	{ "blr", 0xfffffc1f, 0xd63f0000, WORD_BRANCH_REG },
	{ "ret", 0xfffffc1f, 0xd65f0000, WORD_BRANCH_REG },
	{ "ldr, str unsigned", 0x3f000000, 0x39000000, WORD_MEMORY },
	{ "ldur, stur", 0x3f200c00, 0x38000000, WORD_MEMORY },
	{ "ldr, str post-index", 0x3f200c00, 0x38000400, WORD_MEMORY },
	{ "ldr, str pre-index", 0x3f200c00, 0x38000c00, WORD_MEMORY },
	{ "ldr, str register", 0x3f200c00, 0x38200800, WORD_INDEX },
	{ "ldr literal", 0x3f000000, 0x18000000, WORD_LITERAL },
	{ "ldp, stp post-index", 0x3f800000, 0x28800000, WORD_MEMORY },
	{ "ldp, stp offset", 0x3f800000, 0x29000000, WORD_MEMORY },
	{ "ldp, stp pre-index", 0x3f800000, 0x29800000, WORD_MEMORY },
	{ "any with immediate", 0x1c000000, 0x10000000, WORD_ANY },
	{ "any with registers", 0x0e000000, 0x0a000000, WORD_ANY },
};

const size_t nr_word_classes = ARRAY_SIZE(word_classes);

/* State of SplitMix64. One user at a time in a process: no lock. */
static u64 random_state;

void random_seed(u64 seed)
{
	random_state = seed;
}

/* SplitMix64: any state is good. */
u64 random_u64(void)
{
	u64 z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* By multiplication; the bias is below n / 2^32. */
u32 random_below(u32 n)
{
	return (random_u64() >> 32) * n >> 32;
}

/* Five of eight are near a limit where a flag or the sign changes. */
u64 random_value(void)
{
	u64 r = random_u64();
	u64 step = (r >> 3 & 3) - 1;

	switch (r & 7) {
	case 0:
		return step; /* around 0 */
	case 1:
		return (1ULL << 63) + step;
	case 2:
		return (1ULL << 31) + step;
	case 3:
		return (1ULL << 32) + step;
	case 4:
		return (r >> 32 << 32) + (1ULL << 31) + step;
	case 5:
		return r >> (r >> 8 & 63);
	default:
		return random_u64();
	}
}

/*
 * Register 31 (SP or ZR) is the special case of each operand: more often than
 * one in 32. Fields that the class fixes stay.
 */
static u32 with_31(u32 word, const struct word_class *class, unsigned int low)
{
	u32 field = 31U << low;

	return class->mask & field ? word : word | field;
}

/*
 * Clears the low bits of an unscaled offset, in three of four cases: accesses
 * that are not aligned stop the interpreter.
 */
static u32 with_aligned_offset(u32 word)
{
	if ((word & 0x3f200000) == 0x38000000 && random_below(4))
		word &= ~(7U << 12);
	return word;
}

/* Base and index get values of their own, so they must be two registers. */
static u32 other_index(u32 word)
{
	return (word >> 16 & 31) == (word >> 5 & 31) ? word ^ 1U << 16 : word;
}

/*
 * Reserved encodings of a class (words with `value` in the bits of `mask`), and
 * the bits to flip to get one that is not.
 */
static const struct {
	u32 class; /* its value */
	u32 mask;
	u32 value;
	u32 flip;
} reserved[] = {
	{ 0x0b000000, 0x80008000, 0x00008000, 0x00008000 },
	{ 0x0b000000, 0x00c00000, 0x00c00000, 0x00400000 },
	{ 0x0b200000, 0x00001400, 0x00001400, 0x00000400 },
	{ 0x0b200000, 0x00001800, 0x00001800, 0x00001000 },
	{ 0x12000000, 0x80400000, 0x00400000, 0x00400000 },
	{ 0x0a000000, 0x80008000, 0x00008000, 0x00008000 },
	{ 0x12800000, 0x60000000, 0x20000000, 0x40000000 },
	{ 0x12800000, 0x80400000, 0x00400000, 0x00400000 },
	{ 0x13000000, 0x60000000, 0x60000000, 0x20000000 },
	{ 0x13000000, 0x80400000, 0x00400000, 0x00400000 },
	{ 0x13000000, 0x80400000, 0x80000000, 0x00400000 },
	{ 0x13000000, 0x80200000, 0x00200000, 0x00200000 },
	{ 0x13000000, 0x80008000, 0x00008000, 0x00008000 },
	{ 0x13800000, 0x80400000, 0x00400000, 0x00400000 },
	{ 0x13800000, 0x80400000, 0x80000000, 0x00400000 },
	{ 0x13800000, 0x80008000, 0x00008000, 0x00008000 },
	{ 0x5ac00000, 0x00001800, 0x00001800, 0x00001000 },
	{ 0x5ac00000, 0x80001c00, 0x00000c00, 0x00000400 },
	{ 0xd503301f, 0x00000080, 0x00000000, 0x00000080 },
	{ 0x54000000, 0x00000010, 0x00000010, 0x00000010 },
	{ 0x38200800, 0x00004000, 0x00000000, 0x00004000 },
	{ 0x28800000, 0xc0000000, 0xc0000000, 0x40000000 },
	{ 0x29000000, 0xc0000000, 0xc0000000, 0x40000000 },
	{ 0x29800000, 0xc0000000, 0xc0000000, 0x40000000 },
};

/*
 * Reserved encodings remain in one of 16 words: the interpreter must stop
 * there.
 */
static u32 not_reserved(u32 word, const struct word_class *class)
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (reserved[i].class == class->value &&
		    (word & reserved[i].mask) == reserved[i].value)
			word ^= reserved[i].flip;
	return word;
}

u32 random_word(const struct word_class *class)
{
	u32 word = class->value | ((u32)random_u64() & ~class->mask);
	u32 which = random_below(16);

	if (which < 3)
		word = with_31(word, class, which == 2 ? 16 : 5 * which);
	if (class->kind == WORD_MEMORY)
		word = with_aligned_offset(word);
	if (class->kind == WORD_INDEX)
		word = other_index(word);
	if (class->kind == WORD_BRANCH_REG && (word >> 5 & 31) == 31)
		word ^= 1U << 5;
	return random_below(16) ? not_reserved(word, class) : word;
}

/* Not the interpreter's own tables, which it is to be compared with. */
bool word_is_known(u32 word)
{
	for (size_t i = 0; i < nr_word_classes; i++)
		if ((word & word_classes[i].mask) == word_classes[i].value)
			return true;
	return false;
}
