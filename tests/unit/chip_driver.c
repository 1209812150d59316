/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JUDGE: tests/unit/cfi_model.py */
/* SOURCES: hw/cfi_chip.c */
/*
 * Lets tests/unit/cfi_model.py drive a chip through stdin and stdout; the
 * model's head describes the records.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lkvm/hw/cfi_chip.h"

enum op {
	OP_WRITE,
	OP_READ,
	OP_RESET,
	OP_WRITE_FAIL,
	OP_STATE,
	OP_DUMP
};

struct header {
	u32 words, block_words, buffer_words, flags;
};

struct record {
	u8 op, pad;
	u16 value;
	u32 addr;
};

static bool is_blank(const u16 *array, const struct cfi_effect *effect)
{
	for (u32 i = 0; i < effect->count; i++)
		if (array[effect->addr + i] != 0xffff)
			return false;
	return true;
}

static void apply(u16 *array, const struct cfi_effect *effect)
{
	for (u32 i = 0; i < effect->count; i++) {
		if (effect->op == CFI_EFFECT_PROGRAM)
			array[effect->addr + i] &= effect->data[i];
		else
			array[effect->addr + i] = 0xffff;
	}
}

static void write_cycle(struct cfi_chip *chip, u16 *array,
			const struct record *rec)
{
	struct cfi_effect effect;

	cfi_chip_write(chip, rec->addr, rec->value, &effect);
	if (effect.op == CFI_EFFECT_NONE)
		return;
	if (effect.op == CFI_EFFECT_BLANK_CHECK) {
		if (!is_blank(array, &effect))
			cfi_chip_fail(chip, &effect);
		return;
	}
	if (rec->op == OP_WRITE_FAIL)
		cfi_chip_fail(chip, &effect);
	else
		apply(array, &effect);
}

static void reply(u16 value)
{
	fwrite(&value, sizeof(value), 1, stdout);
}

static void handle(struct cfi_chip *chip, u16 *array, const struct record *rec)
{
	u32 blocks = chip->geo.words / chip->geo.block_words;

	switch (rec->op) {
	case OP_WRITE:
	case OP_WRITE_FAIL:
		write_cycle(chip, array, rec);
		break;
	case OP_READ:
		reply(cfi_chip_read(chip, rec->addr,
				    array[rec->addr & (chip->geo.words - 1)]));
		break;
	case OP_RESET:
		cfi_chip_reset(chip);
		break;
	case OP_STATE:
		reply(cfi_chip_in_array_mode(chip));
		break;
	case OP_DUMP:
		fwrite(array, sizeof(u16), chip->geo.words, stdout);
		fwrite(chip->locks, 1, blocks, stdout);
		break;
	default:
		fprintf(stderr, "unknown record %u\n", rec->op);
		exit(2);
	}
}

int main(void)
{
	struct header head;
	struct cfi_chip chip;
	struct record rec;
	u16 *array;

	if (fread(&head, sizeof(head), 1, stdin) != 1)
		return 2;
	if (cfi_chip_init(&chip, &(struct cfi_geometry) {
					 .words = head.words,
					 .block_words = head.block_words,
					 .buffer_words = head.buffer_words,
					 .write_protected = head.flags & 1,
				 })) {
		fprintf(stderr, "geometry refused\n");
		return 2;
	}
	array = calloc(head.words, sizeof(*array));
	if (!array ||
	    fread(array, sizeof(*array), head.words, stdin) != head.words)
		return 2;
	while (fread(&rec, sizeof(rec), 1, stdin) == 1)
		handle(&chip, array, &rec);
	free(array);
	cfi_chip_destroy(&chip);
	return ferror(stdout) ? 2 : 0;
}
