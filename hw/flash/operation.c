/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Program and erase on the content of a bank: the words that an operation of
 * one or both chips leaves in the array and in its file. hw/cfi_flash.c calls
 * it with the bank's lock held, after the chips have accepted the command and
 * while the array is not mapped.
 *
 * NOR semantics are here: a program only clears bits (the old content and the
 * data), an erase sets all bits of the block.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/hw/flash/operation.h"

/*
 * Applies what `effect` does to chip `n`'s lane of bytes [start, start + len).
 */
static void apply(const struct cfi_effect *effect, unsigned int n, u8 *bytes,
		  u64 start, size_t len)
{
	u64 first = MAX((u64)effect->addr, start / FLASH_BUS_WIDTH);
	u64 end = MIN((u64)effect->addr + effect->count,
		      (start + len) / FLASH_BUS_WIDTH);

	for (u64 addr = first; addr < end; addr++) {
		u8 *at = bytes + (addr * FLASH_BUS_WIDTH - start) + 2 * n;
		u16 data = 0xffff;

		if (effect->op == CFI_EFFECT_PROGRAM) {
			data = effect->data[addr - effect->addr];
			data &= (u16)(at[0] | at[1] << 8);
		}
		at[0] = (u8)data;
		at[1] = (u8)(data >> 8);
	}
}

/* The content that bytes [at, at + len) are to have. */
static void render(const struct flash_store *store,
		   const struct flash_operation *op, u8 *bytes, u64 at,
		   size_t len)
{
	memcpy(bytes, store->array + at, len);
	for (unsigned int n = 0; n < 2; n++)
		if (op->effects[n])
			apply(op->effects[n], n, bytes, at, len);
}

/*
 * How much of [at, end) lies in one piece of the file: a write that crosses no
 * page is either in the page cache or not, when lkvm is killed.
 */
static size_t piece_len(u64 at, u64 end)
{
	u64 next = ALIGN_DOWN(at, FLASH_STORE_PIECE) + FLASH_STORE_PIECE;

	return MIN(next, end) - at;
}

/*
 * Both chips' halves go to the file in the same write: no reader of the file
 * finds one without the other. Pieces that do not change are not written.
 */
static int change(struct flash_store *store, const struct flash_operation *op)
{
	u64 at = (u64)op->addr * FLASH_BUS_WIDTH;
	u64 end = at + (u64)op->count * FLASH_BUS_WIDTH;
	u8 piece[FLASH_STORE_PIECE];
	int ret = 0;

	while (!ret && at < end) {
		size_t len = piece_len(at, end);

		render(store, op, piece, at, len);
		if (memcmp(piece, store->array + at, len))
			ret = flash_store_write(store, at, piece, len);
		at += len;
	}
	return ret;
}

/*
 * The order of these steps is what docs/flash.md promises: first sync what this
 * operation must not overtake, then write, then, with sync=strict, sync before
 * the guest can see the operation complete.
 */
int flash_operation_perform(struct flash_store *store,
			    const struct flash_operation *op)
{
	int ret = flash_store_order(store, (u64)op->addr * FLASH_BUS_WIDTH,
				    (size_t)op->count * FLASH_BUS_WIDTH,
				    op->erase);

	if (!ret)
		ret = change(store, op);
	return ret ? ret : flash_store_complete(store);
}

/*
 * The whole block is made in memory first, because what is torn depends on all
 * words that change.
 */
int flash_operation_tear(struct flash_store *store,
			 const struct flash_operation *op)
{
	u64 start = (u64)op->addr * FLASH_BUS_WIDTH;
	u64 len = (u64)op->count * FLASH_BUS_WIDTH;
	const u8 *array = store->array + start;
	u32 lanes = (op->effects[0] ? 0xffffU : 0) |
		    (op->effects[1] ? 0xffff0000U : 0);
	u8 *bytes = malloc(len);
	int ret = bytes ? 0 : -ENOMEM;

	if (!ret) {
		render(store, op, bytes, start, len);
		if (op->erase)
			flash_fault_tear_erase(array, bytes, len, start, lanes);
		else
			flash_fault_tear_program(array, bytes, len, start);
	}
	for (u64 at = 0, n; !ret && at < len; at += n) {
		n = piece_len(start + at, start + len);
		ret = flash_store_write(store, start + at, bytes + at, n);
	}
	free(bytes);
	return ret;
}
