/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz input that is taken byte by byte; once it has ended, zeroes. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stdlib.h>

#include "lkvm/util/util.h"

struct input {
	const u8 *data;
	size_t size; /* what is left */
};

/* What holds whatever the input is: abort() is what libFuzzer reports. */
static inline void require(bool holds)
{
	if (!holds)
		abort();
}

static inline u8 take(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

static inline u16 take16(struct input *in)
{
	u8 low = take(in);

	return (u16)(low | take(in) << 8);
}

static inline u32 take32(struct input *in)
{
	u32 low = take16(in);

	return low | (u32)take16(in) << 16;
}

/* Up to 63 bytes, to an address below `size` that the input says first. */
static inline void take_to_ram(struct input *in, u8 *ram, u32 size)
{
	u32 at = take16(in) % size, n = take(in) % 64;

	for (u32 i = 0; i < n && at + i < size; i++)
		ram[at + i] = take(in);
}

#endif
