/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random A64 instructions: for a64_compare.c, and for the guest, which links
 * a64_words.c as well.
 */
#ifndef ARM_SELFTEST_A64_WORDS_H
#define ARM_SELFTEST_A64_WORDS_H

#include "lkvm/util/util.h"

/* What an instruction needs to do no harm when it is run for real. */
enum word_kind {
	WORD_REGISTERS,	 /* nothing */
	WORD_OPTIONAL,	 /* nothing; many cannot be carried out */
	WORD_ANY,	 /* nothing; perhaps none can */
	WORD_BRANCH26,	 /* an offset in bits 25:0 that leads to a BRK */
	WORD_BRANCH19,	 /* in bits 23:5 */
	WORD_BRANCH14,	 /* in bits 18:5 */
	WORD_BRANCH_REG, /* a register Rn that points to a BRK */
	WORD_MEMORY,	 /* a register Rn that points to the data */
	WORD_INDEX,	 /* as well, and a small number in Rm */
	WORD_LITERAL,	 /* an offset in bits 23:5 that leads to the data */
};

/* Words with `value` in the bits of `mask`; the others are random. */
struct word_class {
	const char *name;
	u32 mask;
	u32 value;
	enum word_kind kind;
};

extern const struct word_class word_classes[];
extern const size_t nr_word_classes;

void random_seed(u64 seed);
u64 random_u64(void);
/* 0 to `n` - 1 */
u32 random_below(u32 n);
/* What a register may hold, often a number where something changes. */
u64 random_value(void);
/* A word of the class, mostly none that is reserved; offsets lead anywhere. */
u32 random_word(const struct word_class *class);

/* True if an instruction of any class may be carried out by the interpreter. */
bool word_is_known(u32 word);

#endif
