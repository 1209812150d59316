/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults on demand, for those who test firmware: the Nth program or erase of a
 * run fails, or power is lost in the middle of it. Pure: counts and content.
 */
#ifndef LKVM_HW_FLASH_FAULT_H
#define LKVM_HW_FLASH_FAULT_H

#include "lkvm/util/util.h"

struct flash_fault {
	/* Which ones, counted from 1; 0: none. */
	u64 fail_program, fail_erase;
	u64 cut; /* programs and erases counted together */
	/* How many there were so far, those that failed included. */
	u64 programs, erases;
};

enum flash_fault_action {
	FLASH_FAULT_NONE, /* carry it out */
	FLASH_FAULT_FAIL, /* change nothing and report an error of the device */
	FLASH_FAULT_CUT,  /* carry out a part, see below; no more after it */
};

/* Counts a program or erase, and says what is to become of it. */
enum flash_fault_action flash_fault_next(struct flash_fault *fault, bool erase);

/*
 * What a part holds after power was lost in the middle of a command that was
 * to make `data` of `old`, both `len` bytes at `offset` of the bank, a multiple
 * of 4. Replaces `data`.
 *
 * Of a program, the first half of the words that change; of the next one, some
 * bits. Of an erase, anything: it goes down to zeros before it goes up, so each
 * bit may be 0 or 1, as it may have been before, or be 1 already. `lanes` are
 * the bits of a word, 0xffff of the first chip, that are being erased. The same
 * call has the same result, in each run.
 */
void flash_fault_tear_program(const u8 *old, u8 *data, size_t len, u64 offset);
void flash_fault_tear_erase(const u8 *old, u8 *data, size_t len, u64 offset,
			    u32 lanes);

#endif
