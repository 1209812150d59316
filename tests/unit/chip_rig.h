/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A flash chip and the array that its effects are carried out on. */
#ifndef TESTS_CHIP_RIG_H
#define TESTS_CHIP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lkvm/hw/cfi_chip.h"

#define WORDS  0x40000 /* one chip of a bank of 1 MiB ... */
#define BLOCK  0x4000  /* ... with blocks of 64 KiB */
#define BUFFER 512

#define SR_LOCKED_PROGRAM 0x92
#define SR_LOCKED_ERASE	  0xa2
#define SR_BOTCH	  0xb0

struct rig {
	struct cfi_chip chip;
	u16 *array;
	u16 *before;		 /* what the array was when the test began */
	unsigned int nr_effects; /* blank checks, which change nothing, not */
	unsigned int nr_locked;	 /* commands refused because of a lock */
	bool medium_fails;	 /* effects are refused from now on */
};

int setup(void **state);
int setup_protected(void **state);
int teardown(void **state);

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* The array's content at the beginning. */
u16 pattern(u32 addr);

/* One bus cycle; the effect of a write is carried out. */
void wr(struct rig *rig, u32 addr, u16 value);
u16 rd(struct rig *rig, u32 addr);

/* No effect so far. */
void assert_array_untouched(struct rig *rig);
/* The array is as before but for `count` words from `addr`. */
void assert_rest_untouched(struct rig *rig, u32 addr, u32 count);

/* What reads show, and whether the array could be mapped. */
void assert_shows_array(struct rig *rig);
void assert_shows_status(struct rig *rig, u16 status);
void assert_shows_id(struct rig *rig);

/* Checks the status register whatever is shown now; it is shown then. */
void assert_status(struct rig *rig, u16 status);

/* Leaves the errors of a locked program and erase, 0xb2, in the status. */
void make_errors(struct rig *rig);

/* Lock commands, and a block's DQ1..0 in the ID plane. */
void set_lock(struct rig *rig, u32 addr, u8 command);
u16 lock_bits(struct rig *rig, u32 block);

#endif
