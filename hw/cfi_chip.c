/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One x16 chip of a flash bank: command state machine, status register, block
 * locks, identifiers and query table. `state` says which cycle of a command the
 * next write is, `mode` what a read returns while no command is under way.
 *
 * Sources: JEDEC JESD68.01 (query structure), JEP137 (command set codes), Intel
 * StrataFlash Embedded Memory P30 data sheet 306666 (commands, status register,
 * lock states, write state machine) and L30 251903 (table of write state
 * machine transitions).
 *
 * hw/cfi_flash.c makes all calls, on a vCPU's thread and with the bank's lock
 * held; it also owns the array and carries out the effects, so that this file
 * needs neither memory slots nor files and is compared with a model of its own
 * (tests/unit/cfi_model.py).
 *
 * Program and erase complete within the write cycle that confirms them: SR.7 is
 * never seen clear, and suspend (0xb0) has nothing to suspend. Not modelled are
 * burst reads, of which only the configuration register is kept, and the
 * one-time programmable protection registers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/hw/cfi_chip.h"

/* P30 data sheet, "Command Codes and Descriptions". Only DQ7..0 count. */
enum cfi_command {
	CMD_LOCK = 0x01,
	CMD_WRITE_CONFIG = 0x03,
	CMD_WRITE_EXT_CONFIG = 0x04,
	CMD_PROGRAM_ALT = 0x10,
	CMD_ERASE = 0x20,
	CMD_LOCK_DOWN = 0x2f,
	CMD_PROGRAM = 0x40,
	CMD_CLEAR_STATUS = 0x50,
	CMD_LOCK_SETUP = 0x60,
	CMD_READ_STATUS = 0x70,
	CMD_READ_ID = 0x90,
	CMD_BEFP = 0x80, /* buffered enhanced factory programming */
	CMD_READ_QUERY = 0x98,
	CMD_BLANK_CHECK = 0xbc,
	CMD_OTP = 0xc0,	    /* program protection register */
	CMD_CONFIRM = 0xd0, /* also: unlock, resume */
	CMD_BUFFER_PROGRAM = 0xe8,
	CMD_READ_ARRAY = 0xff,
};

/* Word addresses in the ID plane, P30 data sheet, "Device Identifier". */
#define ID_MANUFACTURER 0x00
#define ID_DEVICE	0x01
#define ID_LOCK		0x02
#define ID_CONFIG	0x05
#define ID_QUERY	0x10

/* Read configuration register after reset: asynchronous, as delivered. */
#define CONFIG_DEFAULT 0xbfcf

/* The smallest write buffer of a part with this command set: 16 bytes. */
#define MIN_BUFFER_WORDS 8

/*
 * The query structure, JESD68.01 section 2 and the P30 data sheet's appendix
 * "Common Flash Interface"; bytes that depend on the geometry are filled in.
 */
/* clang-format off */
static const u8 query_template[CFI_QUERY_WORDS] = {
	[0x10] = 'Q', 'R', 'Y',
	[0x13] = 0x01, 0x00, /* primary command set: Intel/Sharp extended */
	[0x15] = 0x31, 0x00, /* address of the primary table */
	[0x1b] = 0x17, 0x20, /* Vcc 1.7 V to 2.0 V */
	[0x1f] = 0x08,	     /* 2^8 us for a word */
	[0x20] = 0x09,	     /* 2^9 us for a buffer; 0 would mean no buffer */
	[0x21] = 0x0a,	     /* 2^10 ms for a block erase */
	[0x23] = 0x01,	     /* maxima: 2^n times the above */
	[0x24] = 0x01,
	[0x25] = 0x02,
	[0x28] = 0x01, 0x00, /* x16 only */
	[0x2c] = 0x01,	     /* one erase block region */
	[0x31] = 'P', 'R', 'I', '1', '0',
	[0x36] = 0x20,	     /* instant individual block locking, no suspend */
	[0x3b] = 0x03,	     /* lock and lock-down bits are readable */
	[0x3d] = 0x18,	     /* Vcc 1.8 V, no Vpp */
	[0x3f] = 0x01,	     /* one protection register field */
	[0x40] = 0x80, 0x00, 0x03, 0x03,
};
/* clang-format on */

static u32 nr_blocks(const struct cfi_chip *chip)
{
	return chip->geo.words / chip->geo.block_words;
}

static u32 block_of(const struct cfi_chip *chip, u32 addr)
{
	return addr / chip->geo.block_words;
}

/*
 * Sizes in the query table are powers of two or, for erase blocks, units of 256
 * bytes; the number of blocks is stored less one (JESD68.01).
 */
static void fill_query(struct cfi_chip *chip)
{
	u32 chip_bytes = chip->geo.words * 2;
	u32 block_units = chip->geo.block_words * 2 / 256;
	u32 blocks = nr_blocks(chip) - 1;
	u8 *query = chip->query;

	memcpy(query, query_template, sizeof(query_template));
	query[0x27] = (u8)ilog2(chip_bytes);
	query[0x2a] = (u8)ilog2(chip->geo.buffer_words * 2);
	query[0x2d] = (u8)blocks;
	query[0x2e] = (u8)(blocks >> 8);
	query[0x2f] = (u8)block_units;
	query[0x30] = (u8)(block_units >> 8);
}

/*
 * The limits are those of the fields of the query table: 16 bits for the number
 * of blocks, one byte for each power of two.
 */
static bool geometry_valid(const struct cfi_geometry *geo)
{
	return is_power_of_2(geo->words) && is_power_of_2(geo->block_words) &&
	       is_power_of_2(geo->buffer_words) && geo->words <= BIT(30) &&
	       geo->block_words <= geo->words &&
	       geo->words / geo->block_words <= 0x10000 &&
	       geo->buffer_words >= MIN_BUFFER_WORDS &&
	       geo->buffer_words <= CFI_MAX_BUFFER_WORDS;
}

int cfi_chip_init(struct cfi_chip *chip, const struct cfi_geometry *geo)
{
	memset(chip, 0, sizeof(*chip));
	if (!geometry_valid(geo))
		return -EINVAL;
	chip->geo = *geo;
	chip->locks = calloc(nr_blocks(chip), 1);
	if (!chip->locks)
		return -ENOMEM;
	fill_query(chip);
	cfi_chip_reset(chip);
	return 0;
}

void cfi_chip_destroy(struct cfi_chip *chip)
{
	free(chip->locks);
	chip->locks = NULL;
}

/*
 * Real parts come up with every block locked. QEMU's and kvmtool's do not,
 * and firmware that never unlocks relies on it; so neither does this one.
 */
void cfi_chip_reset(struct cfi_chip *chip)
{
	u8 lock = chip->geo.write_protected ? CFI_LOCK_LOCKED | CFI_LOCK_DOWN
					    : 0;

	chip->state = CFI_READY;
	chip->mode = CFI_READ_ARRAY;
	chip->status = CFI_SR_READY;
	chip->config = CONFIG_DEFAULT;
	memset(chip->locks, lock, nr_blocks(chip));
}

void cfi_chip_power_off(struct cfi_chip *chip)
{
	chip->state = CFI_OFF;
	chip->status = 0;
}

bool cfi_chip_in_array_mode(const struct cfi_chip *chip)
{
	return chip->state == CFI_READY && chip->mode == CFI_READ_ARRAY;
}

/*
 * The ID plane repeats in each block, since the lock status of a block is read
 * at its own word 2. Drivers expect the query table there as well.
 */
static u16 read_id(const struct cfi_chip *chip, u32 addr)
{
	u32 index = addr % chip->geo.block_words;

	switch (index) {
	case ID_MANUFACTURER:
		return CFI_MANUFACTURER;
	case ID_DEVICE:
		return CFI_DEVICE;
	case ID_LOCK:
		return chip->locks[block_of(chip, addr)];
	case ID_CONFIG:
		return chip->config;
	default:
		return index >= ID_QUERY && index < CFI_QUERY_WORDS
			       ? chip->query[index]
			       : 0;
	}
}

/*
 * A chip that waits for a further cycle of a command shows its status, whatever
 * the read mode was.
 */
u16 cfi_chip_read(const struct cfi_chip *chip, u32 addr, u16 array_word)
{
	addr &= chip->geo.words - 1;
	if (chip->state != CFI_READY || chip->mode == CFI_READ_STATUS)
		return chip->status;
	return chip->mode == CFI_READ_ID ? read_id(chip, addr) : array_word;
}

/*
 * Ends a command: the chip is ready and in read-status mode. Error bits stay
 * set until the driver clears them (0x50), as in the data sheet.
 */
static void finish(struct cfi_chip *chip, u8 errors)
{
	chip->state = CFI_READY;
	chip->mode = CFI_READ_STATUS;
	chip->status |= errors;
}

static bool is_locked(const struct cfi_chip *chip, u32 addr)
{
	return chip->locks[block_of(chip, addr)] & CFI_LOCK_LOCKED;
}

/*
 * A command on a locked block ends with SR.1 and the error bit of its kind;
 * `locked` lets the bank count it.
 */
static void refuse_locked(struct cfi_chip *chip, u8 error,
			  struct cfi_effect *effect)
{
	effect->locked = true;
	finish(chip, error | CFI_SR_LOCKED);
}

/*
 * The second cycle of a word program has data and address. The word is taken
 * from `buffer`, so that the effect has one form for both commands.
 */
static void program_word(struct cfi_chip *chip, u32 addr, u16 value,
			 struct cfi_effect *effect)
{
	if (is_locked(chip, addr)) {
		refuse_locked(chip, CFI_SR_PROG_ERR, effect);
		return;
	}
	chip->buffer[0] = value;
	*effect = (struct cfi_effect) {
		.op = CFI_EFFECT_PROGRAM,
		.addr = addr,
		.count = 1,
		.data = chip->buffer,
	};
	finish(chip, 0);
}

/*
 * A count that is too large makes the command fail, but the chip still takes
 * that many data words: they must never be read as commands.
 */
static void buffer_count(struct cfi_chip *chip, u16 value)
{
	chip->remaining = (u32)value + 1;
	chip->overflow = chip->remaining > chip->geo.buffer_words;
	chip->first = true;
	chip->top = 0;
	memset(chip->buffer, 0xff, chip->geo.buffer_words * sizeof(u16));
	chip->state = CFI_BUFFER_DATA;
}

/*
 * The first data word sets the start of the buffer. Words may come in any
 * order, but not below the start, beyond the buffer or in another block; words
 * that are skipped stay 0xffff and so program nothing.
 */
static void buffer_data(struct cfi_chip *chip, u32 addr, u16 value)
{
	u32 index;

	if (chip->first)
		chip->base = addr;
	chip->first = false;
	if (!--chip->remaining)
		chip->state = CFI_BUFFER_CONFIRM;
	index = addr - chip->base;
	if (addr < chip->base || index >= chip->geo.buffer_words ||
	    block_of(chip, addr) != block_of(chip, chip->base)) {
		chip->overflow = true;
		return;
	}
	chip->buffer[index] = value;
	chip->top = MAX(chip->top, index + 1);
}

/*
 * The confirm cycle's own address does not matter: EDK2 sends it to the start
 * of the device.
 */
static void buffer_confirm(struct cfi_chip *chip, u8 command,
			   struct cfi_effect *effect)
{
	if (command != CMD_CONFIRM || chip->overflow) {
		finish(chip, CFI_SR_SEQUENCE_ERR);
		return;
	}
	if (is_locked(chip, chip->base)) {
		refuse_locked(chip, CFI_SR_PROG_ERR, effect);
		return;
	}
	*effect = (struct cfi_effect) {
		.op = CFI_EFFECT_PROGRAM,
		.addr = chip->base,
		.count = chip->top,
		.data = chip->buffer,
	};
	finish(chip, 0);
}

/* Erase and blank check are alike but for the lock and what is to be done. */
static void block_effect(const struct cfi_chip *chip, u32 addr,
			 enum cfi_effect_op op, struct cfi_effect *effect)
{
	*effect = (struct cfi_effect) {
		.op = op,
		.addr = ALIGN_DOWN(addr, chip->geo.block_words),
		.count = chip->geo.block_words,
	};
}

/*
 * The second cycle of an erase: only 0xd0 confirms it. Any other value is an
 * improper sequence and must not erase (QEMU's model erases before it).
 */
static void erase_confirm(struct cfi_chip *chip, u32 addr, u8 command,
			  struct cfi_effect *effect)
{
	if (command != CMD_CONFIRM) {
		finish(chip, CFI_SR_SEQUENCE_ERR);
		return;
	}
	if (is_locked(chip, addr)) {
		refuse_locked(chip, CFI_SR_ERASE_ERR, effect);
		return;
	}
	block_effect(chip, addr, CFI_EFFECT_ERASE, effect);
	finish(chip, 0);
}

/* A blank check changes nothing, so locks do not matter to it. */
static void blank_check_confirm(struct cfi_chip *chip, u32 addr, u8 command,
				struct cfi_effect *effect)
{
	if (command != CMD_CONFIRM) {
		finish(chip, CFI_SR_SEQUENCE_ERR);
		return;
	}
	block_effect(chip, addr, CFI_EFFECT_BLANK_CHECK, effect);
	finish(chip, 0);
}

/*
 * Buffered enhanced factory programming needs 9 V on Vpp; the board has no such
 * supply, hence SR.3.
 */
static void befp_confirm(struct cfi_chip *chip, u8 command)
{
	finish(chip, command == CMD_CONFIRM ? CFI_SR_PROG_ERR | CFI_SR_VPP_ERR
					    : CFI_SR_SEQUENCE_ERR);
}

/* With WP# asserted a block that is locked down keeps its lock bits. */
static void change_lock(struct cfi_chip *chip, u32 addr, u8 command)
{
	u8 *lock = &chip->locks[block_of(chip, addr)];

	if (chip->geo.write_protected && (*lock & CFI_LOCK_DOWN))
		return;
	if (command == CMD_LOCK)
		*lock |= CFI_LOCK_LOCKED;
	else if (command == CMD_LOCK_DOWN)
		*lock |= CFI_LOCK_LOCKED | CFI_LOCK_DOWN;
	else
		*lock &= (u8)~CFI_LOCK_LOCKED;
}

/*
 * The second cycle after 0x60. Writing a configuration register uses the
 * address as its value and returns to read-array mode.
 */
static void lock_confirm(struct cfi_chip *chip, u32 addr, u8 command)
{
	switch (command) {
	case CMD_LOCK:
	case CMD_CONFIRM:
	case CMD_LOCK_DOWN:
		change_lock(chip, addr, command);
		finish(chip, 0);
		break;
	case CMD_WRITE_CONFIG:
		chip->config = (u16)addr;
		/* fall through */
	case CMD_WRITE_EXT_CONFIG:
		chip->state = CFI_READY;
		chip->mode = CFI_READ_ARRAY;
		break;
	default:
		finish(chip, CFI_SR_SEQUENCE_ERR);
	}
}

/*
 * First cycle of a command. Codes that the part does not define, and resume or
 * suspend with no operation under way, change nothing, not even the read mode.
 */
static void first_cycle(struct cfi_chip *chip, u8 command)
{
	switch (command) {
	case CMD_READ_ARRAY:
		chip->mode = CFI_READ_ARRAY;
		break;
	case CMD_READ_STATUS:
		chip->mode = CFI_READ_STATUS;
		break;
	case CMD_CLEAR_STATUS:
		chip->status = CFI_SR_READY;
		break;
	case CMD_READ_ID:
	case CMD_READ_QUERY:
		chip->mode = CFI_READ_ID;
		break;
	case CMD_PROGRAM:
	case CMD_PROGRAM_ALT:
		chip->state = CFI_PROGRAM_SETUP;
		break;
	case CMD_BUFFER_PROGRAM:
		chip->state = CFI_BUFFER_COUNT;
		break;
	case CMD_ERASE:
		chip->state = CFI_ERASE_SETUP;
		break;
	case CMD_LOCK_SETUP:
		chip->state = CFI_LOCK_SETUP;
		break;
	case CMD_OTP:
		chip->state = CFI_OTP_SETUP;
		break;
	case CMD_BEFP:
		chip->state = CFI_BEFP_SETUP;
		break;
	case CMD_BLANK_CHECK:
		chip->state = CFI_BLANK_CHECK_SETUP;
		break;
	default:
		break;
	}
}

/*
 * The state says which cycle of a command this is. Address lines beyond the
 * chip's size are not connected, so addresses wrap.
 */
void cfi_chip_write(struct cfi_chip *chip, u32 addr, u16 value,
		    struct cfi_effect *effect)
{
	u8 command = (u8)value;

	effect->op = CFI_EFFECT_NONE;
	effect->locked = false;
	addr &= chip->geo.words - 1;
	switch (chip->state) {
	case CFI_READY:
		first_cycle(chip, command);
		break;
	case CFI_PROGRAM_SETUP:
		program_word(chip, addr, value, effect);
		break;
	case CFI_BUFFER_COUNT:
		buffer_count(chip, value);
		break;
	case CFI_BUFFER_DATA:
		buffer_data(chip, addr, value);
		break;
	case CFI_BUFFER_CONFIRM:
		buffer_confirm(chip, command, effect);
		break;
	case CFI_ERASE_SETUP:
		erase_confirm(chip, addr, command, effect);
		break;
	case CFI_LOCK_SETUP:
		lock_confirm(chip, addr, command);
		break;
	case CFI_OTP_SETUP:
		/* The protection registers are locked for good; see 0x3f. */
		refuse_locked(chip, CFI_SR_PROG_ERR, effect);
		break;
	case CFI_BEFP_SETUP:
		befp_confirm(chip, command);
		break;
	case CFI_BLANK_CHECK_SETUP:
		blank_check_confirm(chip, addr, command, effect);
		break;
	case CFI_OFF:
		break;
	}
}

/*
 * The status register has no bit for an error of the file. SR.3 (Vpp too low)
 * with the error bit of the command is what drivers take for a failure of the
 * device that a repetition does not cure.
 */
void cfi_chip_fail(struct cfi_chip *chip, const struct cfi_effect *effect)
{
	if (effect->op == CFI_EFFECT_PROGRAM)
		chip->status |= CFI_SR_PROG_ERR | CFI_SR_VPP_ERR;
	else if (effect->op == CFI_EFFECT_ERASE)
		chip->status |= CFI_SR_ERASE_ERR | CFI_SR_VPP_ERR;
	else if (effect->op == CFI_EFFECT_BLANK_CHECK)
		chip->status |= CFI_SR_ERASE_ERR;
}
