/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/cfi_chip.c */
/* One flash chip under random bus cycles; effects stay where they belong. */
#include <stdlib.h>

#include "lkvm/hw/cfi_chip.h"

#define WORDS  0x2000
#define BLOCK  0x400
#define BUFFER 32

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool what)
{
	if (!what)
		abort();
}

/* Within the chip, and within one block: whole but for a program. */
static void check_effect(const struct cfi_chip *chip,
			 const struct cfi_effect *effect)
{
	u32 end = effect->addr + effect->count - 1;

	require(effect->count && effect->addr < WORDS && end < WORDS);
	require(effect->addr / BLOCK == end / BLOCK);
	if (effect->op != CFI_EFFECT_PROGRAM)
		require(effect->count == BLOCK && !(effect->addr % BLOCK));
	if (effect->op == CFI_EFFECT_BLANK_CHECK)
		return;
	require(!(chip->locks[end / BLOCK] & CFI_LOCK_LOCKED));
	require(!chip->geo.write_protected);
	if (effect->op == CFI_EFFECT_ERASE)
		return;
	require(effect->op == CFI_EFFECT_PROGRAM);
	require(effect->count <= BUFFER);
	for (u32 i = 0; i < effect->count; i++)
		require(effect->data[i] <= 0xffff);
}

/* What is read, and array mode, tell the same story; SR.7 is always set. */
static void check_reads(const struct cfi_chip *chip, u32 addr)
{
	u16 first = cfi_chip_read(chip, addr, 0x1234);
	u16 second = cfi_chip_read(chip, addr, 0xedcb);

	require(chip->status & CFI_SR_READY);
	require(!(chip->status & ~(CFI_SR_READY | CFI_SR_SEQUENCE_ERR |
				   CFI_SR_VPP_ERR | CFI_SR_LOCKED)));
	if (cfi_chip_in_array_mode(chip)) {
		require(first == 0x1234 && second == 0xedcb);
		return;
	}
	require(first == second);
	if (chip->state != CFI_READY || chip->mode == CFI_READ_STATUS)
		require(first == chip->status);
	else if (addr % WORDS % BLOCK == 2)
		require(first <= 3);
}

/* A read-only part stays locked down; and nobody sees lock-down go. */
static void check_locks(const struct cfi_chip *chip, u8 *down)
{
	for (u32 i = 0; i < WORDS / BLOCK; i++) {
		u8 lock = chip->locks[i];

		require(!(lock & ~(CFI_LOCK_LOCKED | CFI_LOCK_DOWN)));
		require(!chip->geo.write_protected ||
			lock == (CFI_LOCK_LOCKED | CFI_LOCK_DOWN));
		require(!down[i] || lock & CFI_LOCK_DOWN);
		down[i] = lock & CFI_LOCK_DOWN;
	}
}

/*
 * Likely commands; every second cycle's value comes from here. 16 and what
 * was added later: the seeds name the former by four bits.
 */
static const u8 commands[] = { 0xff, 0x70, 0x50, 0x90, 0x98, 0x40, 0x10,
			       0xe8, 0x20, 0x60, 0xd0, 0x01, 0x2f, 0x03,
			       0x04, 0x00, 0xc0, 0x80, 0xbc };

/* A setup in READY waits; the error of what then ends is in the status. */
static void check_steps(const struct cfi_chip *chip, enum cfi_state before,
			u16 value)
{
	bool confirm = (value & 0xff) == 0xd0;
	u8 errors = 0;

	switch (before) {
	case CFI_OTP_SETUP:
		errors = CFI_SR_PROG_ERR | CFI_SR_LOCKED;
		break;
	case CFI_BEFP_SETUP:
		errors = CFI_SR_PROG_ERR |
			 (confirm ? CFI_SR_VPP_ERR : CFI_SR_ERASE_ERR);
		break;
	case CFI_BLANK_CHECK_SETUP:
		errors = confirm ? 0 : CFI_SR_SEQUENCE_ERR;
		break;
	default:
		return;
	}
	require(chip->state == CFI_READY && chip->mode == CFI_READ_STATUS);
	require((chip->status & errors) == errors);
}

/*
 * A cycle is 4 bytes: what to do, the address (times 4, that it may lie beyond
 * the chip) in two, and the value.
 */
static void cycle(struct cfi_chip *chip, const u8 *data)
{
	u32 addr = (u32)(data[1] | data[2] << 8);
	u16 value = data[0] & 1 ? commands[data[3] % sizeof(commands)]
				: (u16)(data[3] | (data[0] & 0xf0) << 4);
	enum cfi_state before = chip->state;
	struct cfi_effect effect;

	if (data[0] & 2)
		addr *= 65539;
	cfi_chip_write(chip, addr, value, &effect);
	check_steps(chip, before, value);
	require((effect.op == CFI_EFFECT_BLANK_CHECK) ==
		(before == CFI_BLANK_CHECK_SETUP && (value & 0xff) == 0xd0));
	if (effect.op != CFI_EFFECT_NONE) {
		check_effect(chip, &effect);
		if (data[0] & 4)
			cfi_chip_fail(chip, &effect);
	}
	check_reads(chip, addr);
	check_reads(chip, 2);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct cfi_geometry geo = { WORDS, BLOCK, BUFFER, false };
	u8 down[WORDS / BLOCK] = { 0 };
	struct cfi_chip chip;

	if (!size)
		return 0;
	geo.write_protected = data[0] & 1;
	require(!cfi_chip_init(&chip, &geo));
	for (data++, size--; size >= 4; data += 4, size -= 4) {
		cycle(&chip, data);
		check_locks(&chip, down);
		if ((data[0] & 0x0e) == 0x0e) {
			cfi_chip_reset(&chip);
			require(cfi_chip_in_array_mode(&chip));
			for (u32 i = 0; i < WORDS / BLOCK; i++)
				down[i] = 0;
		}
	}
	cfi_chip_destroy(&chip);
	return 0;
}
