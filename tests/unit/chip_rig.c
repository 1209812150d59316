/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "chip_rig.h"

u16 pattern(u32 addr)
{
	return (u16)(addr * 40503 ^ addr >> 7);
}

static int setup_geometry(void **state, bool write_protected)
{
	const struct cfi_geometry geo = { WORDS, BLOCK, BUFFER,
					  write_protected };
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig || cfi_chip_init(&rig->chip, &geo))
		return -1;
	rig->array = calloc(WORDS, sizeof(u16));
	rig->before = calloc(WORDS, sizeof(u16));
	if (!rig->array || !rig->before)
		return -1;
	for (u32 i = 0; i < WORDS; i++)
		rig->array[i] = rig->before[i] = pattern(i);
	*state = rig;
	return 0;
}

int setup(void **state)
{
	return setup_geometry(state, false);
}

int setup_protected(void **state)
{
	return setup_geometry(state, true);
}

int teardown(void **state)
{
	struct rig *rig = *state;

	cfi_chip_destroy(&rig->chip);
	free(rig->array);
	free(rig->before);
	free(rig);
	return 0;
}

/* A read of the medium: it goes well even if writes are refused. */
static void check_blank(struct rig *rig, const struct cfi_effect *effect)
{
	for (u32 i = 0; i < effect->count; i++) {
		if (rig->array[effect->addr + i] == 0xffff)
			continue;
		cfi_chip_fail(&rig->chip, effect);
		return;
	}
}

static void carry_out(struct rig *rig, const struct cfi_effect *effect)
{
	for (u32 i = 0; i < effect->count; i++) {
		u16 *word = &rig->array[effect->addr + i];

		if (effect->op == CFI_EFFECT_PROGRAM)
			*word &= effect->data[i];
		else
			*word = 0xffff;
	}
}

void wr(struct rig *rig, u32 addr, u16 value)
{
	struct cfi_effect effect;

	memset(&effect, 0xa5, sizeof(effect));
	cfi_chip_write(&rig->chip, addr, value, &effect);
	rig->nr_locked += effect.locked;
	assert_true(!effect.locked || effect.op == CFI_EFFECT_NONE);
	if (effect.op == CFI_EFFECT_NONE)
		return;
	assert_true(effect.count && effect.addr < WORDS);
	assert_true(effect.count <= WORDS - effect.addr);
	if (effect.op == CFI_EFFECT_BLANK_CHECK) {
		check_blank(rig, &effect);
		return;
	}
	rig->nr_effects++;
	if (rig->medium_fails)
		cfi_chip_fail(&rig->chip, &effect);
	else
		carry_out(rig, &effect);
}

u16 rd(struct rig *rig, u32 addr)
{
	return cfi_chip_read(&rig->chip, addr, rig->array[addr % WORDS]);
}

void assert_array_untouched(struct rig *rig)
{
	assert_int_equal(rig->nr_effects, 0);
	assert_memory_equal(rig->array, rig->before, WORDS * sizeof(u16));
}

void assert_rest_untouched(struct rig *rig, u32 addr, u32 count)
{
	assert_memory_equal(rig->array, rig->before, addr * sizeof(u16));
	assert_memory_equal(rig->array + addr + count,
			    rig->before + addr + count,
			    (WORDS - addr - count) * sizeof(u16));
}

void assert_shows_array(struct rig *rig)
{
	assert_true(cfi_chip_in_array_mode(&rig->chip));
	assert_int_equal(rd(rig, 0x1234), rig->array[0x1234]);
	assert_int_equal(rd(rig, 2), rig->array[2]);
}

void assert_shows_status(struct rig *rig, u16 status)
{
	assert_false(cfi_chip_in_array_mode(&rig->chip));
	assert_int_equal(rd(rig, 0), status);
	assert_int_equal(rd(rig, 0x10), status);
	assert_int_equal(rd(rig, WORDS - 1), status);
}

void assert_shows_id(struct rig *rig)
{
	assert_false(cfi_chip_in_array_mode(&rig->chip));
	assert_int_equal(rd(rig, 0), 0x0089);
	assert_int_equal(rd(rig, 1), 0x0018);
	assert_int_equal(rd(rig, 0x10), 'Q');
	assert_int_equal(rd(rig, 0x11), 'R');
	assert_int_equal(rd(rig, 0x12), 'Y');
}

void make_errors(struct rig *rig)
{
	wr(rig, 0, 0x60);
	wr(rig, 0, 0x01);
	wr(rig, 0, 0x40);
	wr(rig, 0, 0x0000);
	wr(rig, 0, 0x20);
	wr(rig, 0, 0xd0);
	wr(rig, 0, 0x60);
	wr(rig, 0, 0xd0);
	assert_shows_status(rig, 0xb2);
	assert_array_untouched(rig);
}

void assert_status(struct rig *rig, u16 status)
{
	wr(rig, 0, 0x70);
	assert_shows_status(rig, status);
}

void set_lock(struct rig *rig, u32 addr, u8 command)
{
	wr(rig, addr, 0x60);
	wr(rig, addr, command);
}

u16 lock_bits(struct rig *rig, u32 block)
{
	wr(rig, 0, 0x90);
	return rd(rig, block * BLOCK + 2);
}
