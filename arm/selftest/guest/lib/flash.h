/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bank of two x16 CFI NOR chips on a 32-bit bus, as its user sees it.
 * Offsets and sizes are in bytes of the bank. Chip 0 has the low half of
 * each word, chip 1 the high half. Commands are of the Intel/Sharp extended
 * set (JESD68.01, 0x0001; the codes as in the P30 data sheet).
 */
#ifndef GUEST_FLASH_H
#define GUEST_FLASH_H

#include "guest.h"

#define FLASH_PROGRAM	     0x40
#define FLASH_PROGRAM_ALT    0x10
#define FLASH_ERASE	     0x20
#define FLASH_CLEAR_STATUS   0x50
#define FLASH_LOCK_SETUP     0x60
#define FLASH_LOCK	     0x01
#define FLASH_UNLOCK	     0xd0
#define FLASH_LOCK_DOWN	     0x2f
#define FLASH_WRITE_CONFIG   0x03
#define FLASH_READ_STATUS    0x70
#define FLASH_READ_ID	     0x90
#define FLASH_BEFP	     0x80
#define FLASH_READ_QUERY     0x98
#define FLASH_SUSPEND	     0xb0
#define FLASH_BLANK_CHECK    0xbc
#define FLASH_PROGRAM_OTP    0xc0
#define FLASH_CONFIRM	     0xd0
#define FLASH_BUFFER_PROGRAM 0xe8
#define FLASH_READ_ARRAY     0xff

/* Status register. */
#define FLASH_SR_READY	      0x80
#define FLASH_SR_SEQUENCE     0xb0 /* ready, improper command sequence */
#define FLASH_SR_PROG_LOCKED  0x92
#define FLASH_SR_ERASE_LOCKED 0xa2
#define FLASH_SR_PROG_NO_VPP  0x98
#define FLASH_SR_NOT_BLANK    0xa0

#define FLASH_ID_LOCK	  2 /* word in the ID plane of each block */
#define FLASH_ID_CONFIG	  5
#define FLASH_LOCKED	  1
#define FLASH_LOCKED_DOWN 2

/* The same value for both chips. */
#define FLASH_BOTH(x) ((u32)(x)*0x00010001U)

struct flash {
	u64 base;
	u32 size;
	u32 block;
	u32 buffer; /* of both chips together */
};

/*
 * Finds the `nr`-th bank in the device tree and reads its geometry from the
 * query table; leaves it in array mode. False, with a failed check, if
 * there is none.
 */
bool flash_find(struct flash *flash, unsigned int nr);

/* One bus cycle each. */
void flash_write(const struct flash *flash, u32 offset, u32 value);
u32 flash_read(const struct flash *flash, u32 offset);

/* The same command to both chips. */
void flash_command(const struct flash *flash, u32 offset, u8 command);

/* Command 0x70 and the status of both chips; stays in status mode. */
u32 flash_status(const struct flash *flash);

/* Clears the status register and returns to array mode. */
void flash_restore(const struct flash *flash);

/* Each returns the status of both chips, and leaves status mode on. */
u32 flash_program(const struct flash *flash, u32 offset, u32 value);
u32 flash_program_buffer(const struct flash *flash, u32 offset, const u32 *data,
			 u32 words);
u32 flash_erase(const struct flash *flash, u32 offset);
u32 flash_lock(const struct flash *flash, u32 offset, u8 command);

/* How many words from `offset` on are not erased, until the first that is. */
u32 flash_count_words(const struct flash *flash, u32 offset);

/* The lock bits of both chips for the block of `offset`. */
u32 flash_lock_bits(const struct flash *flash, u32 offset);

/*
 * What a chip of this geometry has at word `index` of a block's ID and query
 * plane, if the block is not locked.
 */
u16 flash_id_word(const struct flash *flash, u32 index);

#endif
