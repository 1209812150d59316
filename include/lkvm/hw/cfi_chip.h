/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One x16 NOR flash chip of the Intel/Sharp extended command set (JESD68.01
 * primary command set 0x0001; Intel StrataFlash P30, 306666): the command
 * state machine, status register, block locks and the ID/query plane.
 *
 * The chip is pure: bus cycles go in, read values and effects come out. It
 * holds no data of the array; the owner of the array carries out the effects.
 * No locking: the owner serialises all calls.
 *
 * Addresses are word (16-bit) addresses within the chip and wrap at its size.
 */
#ifndef LKVM_HW_CFI_CHIP_H
#define LKVM_HW_CFI_CHIP_H

#include "lkvm/util/util.h"

/* Status register, P30 data sheet, "Status Register Description". */
#define CFI_SR_READY	 BIT(7)
#define CFI_SR_ERASE_ERR BIT(5)
#define CFI_SR_PROG_ERR	 BIT(4)
#define CFI_SR_VPP_ERR	 BIT(3)
#define CFI_SR_LOCKED	 BIT(1)
/* Both error bits: an improper command sequence. */
#define CFI_SR_SEQUENCE_ERR (CFI_SR_ERASE_ERR | CFI_SR_PROG_ERR)

/* Lock status as DQ1..0 at word 2 of a block in the ID plane. */
#define CFI_LOCK_LOCKED BIT(0)
#define CFI_LOCK_DOWN	BIT(1)

#define CFI_MANUFACTURER 0x0089 /* Intel */
#define CFI_DEVICE	 0x0018

#define CFI_MAX_BUFFER_WORDS 512
#define CFI_QUERY_WORDS	     0x48

/* How the chip interprets the next write cycle. */
enum cfi_state {
	CFI_READY, /* the first cycle of a command */
	CFI_PROGRAM_SETUP,
	CFI_BUFFER_COUNT,
	CFI_BUFFER_DATA,
	CFI_BUFFER_CONFIRM,
	CFI_ERASE_SETUP,
	CFI_LOCK_SETUP,
	CFI_OTP_SETUP,
	CFI_BEFP_SETUP,
	CFI_BLANK_CHECK_SETUP,
	CFI_OFF, /* no power: busy for ever */
};

/* What reads return while the chip is ready. */
enum cfi_read_mode {
	CFI_READ_ARRAY,
	CFI_READ_STATUS,
	CFI_READ_ID, /* identifiers, lock status and CFI query: one plane */
};

/* Sizes in words, all powers of two; buffer <= CFI_MAX_BUFFER_WORDS. */
struct cfi_geometry {
	u32 words;
	u32 block_words;
	u32 buffer_words;
	/*
	 * WP# asserted and every block locked down at reset: nothing can be
	 * unlocked, programmed or erased.
	 */
	bool write_protected;
};

enum cfi_effect_op {
	CFI_EFFECT_NONE,
	CFI_EFFECT_PROGRAM,	/* clear the bits that are 0 in data[] */
	CFI_EFFECT_ERASE,	/* set all bits */
	CFI_EFFECT_BLANK_CHECK, /* fail unless all bits are set */
};

/* What a bus write does to words [addr, addr + count) of the array. */
struct cfi_effect {
	enum cfi_effect_op op;
	u32 addr;
	u32 count;
	const u16 *data; /* the chip's; valid until its next write cycle */
	bool locked;	 /* CFI_EFFECT_NONE because the block is locked */
};

struct cfi_chip {
	struct cfi_geometry geo;
	enum cfi_state state;
	enum cfi_read_mode mode;
	u8 status;  /* CFI_SR_*; errors last until they are cleared */
	u16 config; /* read configuration register */
	u8 *locks;  /* CFI_LOCK_* per block */
	u8 query[CFI_QUERY_WORDS];
	/* Buffered program. */
	u32 remaining; /* data words until the confirm cycle */
	bool first;    /* the next data word sets `base` */
	bool overflow; /* the command fails when it is confirmed */
	u32 base;      /* word address of buffer[0] */
	u32 top;       /* one past the highest word written, from base */
	u16 buffer[CFI_MAX_BUFFER_WORDS];
};

/*
 * Prepares a chip as after power-on. Returns 0, -EINVAL for a geometry that
 * no chip has (not powers of two, block larger than chip, more than 65536
 * blocks, fewer than 8 words in the buffer), -ENOMEM.
 */
int cfi_chip_init(struct cfi_chip *chip, const struct cfi_geometry *geo);

/* Frees what cfi_chip_init() allocated. */
void cfi_chip_destroy(struct cfi_chip *chip);

/*
 * Power is lost in the middle of a command: the chip never becomes ready, shows
 * an empty status and takes no cycle, until cfi_chip_reset().
 */
void cfi_chip_power_off(struct cfi_chip *chip);

/* Power-on state: array mode, errors and buffer gone, locks as delivered. */
void cfi_chip_reset(struct cfi_chip *chip);

/* One read cycle; `array_word` is the array's content at `addr`. */
u16 cfi_chip_read(const struct cfi_chip *chip, u32 addr, u16 array_word);

/*
 * One write cycle. The effect, if any, has to be carried out before the next
 * cycle; if it cannot be, call cfi_chip_fail() instead.
 */
void cfi_chip_write(struct cfi_chip *chip, u32 addr, u16 value,
		    struct cfi_effect *effect);

/*
 * The medium refused `effect`, or the block is not blank: the status register
 * says so.
 */
void cfi_chip_fail(struct cfi_chip *chip, const struct cfi_effect *effect);

/* True if reads return the array and no command is in progress. */
bool cfi_chip_in_array_mode(const struct cfi_chip *chip);

#endif
