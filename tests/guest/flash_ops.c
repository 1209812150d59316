/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flash's commands as a driver uses and abuses them, and what they leave
 * in the array. The flash has to come erased, with four blocks or more; with
 * verify=1 it has to be what an earlier run left.
 */
#include "flash.h"
#include "io.h"

#define READY FLASH_BOTH(FLASH_SR_READY)
#define BOTCH FLASH_BOTH(FLASH_SR_SEQUENCE)
#define MARK  0x600dda7aU

static struct flash flash;

/* Words of one chip, for a full buffer and one more. */
static u32 data[513];
static u32 buffer_words;

static void fill(u32 seed)
{
	for (u32 i = 0; i < ARRAY_SIZE(data); i++)
		data[i] = (seed + i) * 2654435761U;
}

static void array(void)
{
	flash_command(&flash, 0, FLASH_READ_ARRAY);
}

/* The first offset in [from, to) whose word is not `want`, or `to`. */
static u32 first_other(u32 from, u32 to, u32 want)
{
	while (from < to && flash_read(&flash, from) == want)
		from += 4;
	return from;
}

static void check_erased(u32 from, u32 to, const char *what)
{
	check_eq(first_other(from, to, ~0U), to, "%s", what);
}

static void check_data(u32 offset, u32 words, const char *what)
{
	u32 i = 0;

	while (i < words && flash_read(&flash, offset + i * 4) == data[i])
		i++;
	check_eq(i, words, "%s", what);
}

/* Leaves the block erased, the chips without errors and in array mode. */
static void clean_block(u32 offset)
{
	flash_restore(&flash);
	flash_erase(&flash, offset);
	flash_restore(&flash);
}

static void test_plane(u8 command, u32 block)
{
	u32 index = 0;

	flash_command(&flash, block, command);
	for (; index < 0x100; index++)
		if (flash_read(&flash, block + index * 4) !=
		    FLASH_BOTH(flash_id_word(&flash, index)))
			break;
	check_eq(index, 0x100, "plane by 0x%x in the block at 0x%x", command,
		 block);
	array();
}

static void test_query(void)
{
	check_eq(flash.block, (on_virt() ? 256U : 64U) * 1024, "block size");
	check_eq(flash.buffer, 2048, "buffer size");
	test_plane(FLASH_READ_ID, 0);
	test_plane(FLASH_READ_QUERY, 0);
	test_plane(FLASH_READ_QUERY, flash.size - flash.block);
	/* Drivers send it here. */
	flash_command(&flash, 0x55 * 4, FLASH_READ_QUERY);
	check_eq(flash_read(&flash, 0x40), FLASH_BOTH('Q'), "query at 0x55");
	array();
	/* A command is in the low byte of each half. */
	flash_write(&flash, 0, 0x5a70a570);
	check_eq(flash_read(&flash, 0), READY, "upper bytes do not matter");
	array();
}

static void test_program(void)
{
	check_eq(flash_program(&flash, 0x10, 0x1234abcd), READY, "program");
	array();
	check_eq(flash_read(&flash, 0x10), 0x1234abcd, "program: content");
	check_eq(flash_program(&flash, 0x10, 0xff0ff0ff), READY,
		 "program 1 over 0 is no error");
	array();
	check_eq(flash_read(&flash, 0x10), 0x1204a0cd, "program only clears");
	flash_command(&flash, 0x14, FLASH_PROGRAM_ALT);
	check_eq(flash_read(&flash, 0x14), READY, "program setup: status");
	/* What would be a command is data now. */
	flash_write(&flash, 0x14, 0x00ff00ff);
	check_eq(flash_read(&flash, 0x14), READY, "program by 0x10");
	array();
	check_eq(flash_read(&flash, 0x14), 0x00ff00ff,
		 "program by 0x10: content");
	/* The data's address counts, not the setup's. */
	flash_command(&flash, 0x20, FLASH_PROGRAM);
	flash_write(&flash, 0x24, 0x87654321);
	array();
	check_eq(read64(flash.base + 0x20), 0x87654321ffffffff,
		 "program at the data's address");
	check_erased(0x28, flash.block, "program: the rest is as it was");
	clean_block(0);
}

/* One chip is busy with a command, the other one is not. */
static void test_one_chip(void)
{
	flash_write(&flash, 0, 0x00ff0040);
	flash_write(&flash, 0, 0x00ff1234); /* chip 1: array mode */
	array();
	check_eq(flash_read(&flash, 0), 0xffff1234, "program of chip 0");
	flash_write(&flash, 0, 0x004000ff);
	flash_write(&flash, 0, 0x567800ff);
	array();
	check_eq(flash_read(&flash, 0), 0x56781234, "program of chip 1");
	flash_write(&flash, 0, 0x00ff0020);
	flash_write(&flash, 0, 0x00ff00d0);
	array();
	check_eq(flash_read(&flash, 0), 0x5678ffff, "erase of chip 0");
	flash_write(&flash, 0, 0x00200060);
	flash_write(&flash, 0, 0x00d0007f);
	check_eq(flash_read(&flash, 0), 0x008000b0,
		 "erase of chip 1, wrong lock command of chip 0");
	flash_restore(&flash);
	check_eq(flash_read(&flash, 0), ~0U, "erase of chip 1");
}

static void test_buffer_size(u32 offset, u32 words)
{
	fill(words);
	check_eq(flash_program_buffer(&flash, offset, data, words), READY,
		 "buffer of %u words at 0x%x", words, offset);
	array();
	check_data(offset, words, "buffer: content");
	check_erased(flash.block, offset, "buffer: nothing before");
	check_erased(offset + words * 4, 2 * flash.block,
		     "buffer: nothing behind");
	clean_block(offset);
}

static void test_buffer(void)
{
	const u32 block = flash.block;

	test_buffer_size(block, 1);
	test_buffer_size(block + 4, 2);
	test_buffer_size(block + 0x80, 32);
	test_buffer_size(block + 0x74, 33); /* across any buffer's boundary */
	test_buffer_size(block, buffer_words);
	test_buffer_size(2 * block - buffer_words * 4, buffer_words);

	/* As EDK2 does: poll for the buffer, confirm at the device's base. */
	fill(7);
	flash_command(&flash, block, FLASH_BUFFER_PROGRAM);
	check_eq(flash_read(&flash, block), READY, "buffer is free");
	flash_write(&flash, block, FLASH_BOTH(31));
	check_eq(flash_read(&flash, block), READY, "buffer: count taken");
	for (u32 i = 0; i < 32; i++)
		flash_write(&flash, block + i * 4, data[i]);
	check_eq(flash_read(&flash, block), READY, "buffer: data taken");
	flash_command(&flash, 0, FLASH_CONFIRM);
	check_eq(flash_read(&flash, 0), READY, "buffer: confirm at 0");
	array();
	check_data(block, 32, "buffer: confirm at 0, content");
	check_erased(0, 64, "buffer: confirm at 0 leaves 0 alone");

	/* Programming by buffer only clears, too. */
	data[0] &= 0xff00ff00;
	flash_program_buffer(&flash, block, (u32[]) { 0xff00ff00 }, 1);
	array();
	check_data(block, 32, "buffer only clears");
	clean_block(block);
}

/* Words may come in any order, with gaps, and more than once. */
static void test_buffer_order(void)
{
	const u32 block = flash.block;

	flash_command(&flash, block, FLASH_BUFFER_PROGRAM);
	flash_write(&flash, block, FLASH_BOTH(3));
	flash_write(&flash, block + 0x40, 0x40404040);
	flash_write(&flash, block + 0x50, 0x00000000);
	flash_write(&flash, block + 0x48, 0x48484848);
	flash_write(&flash, block + 0x50, 0x50505050);
	flash_command(&flash, block, FLASH_CONFIRM);
	check_eq(flash_read(&flash, block), READY, "buffer: any order");
	array();
	check_eq(flash_read(&flash, block + 0x40), 0x40404040,
		 "buffer: first word");
	check_eq(flash_read(&flash, block + 0x48), 0x48484848,
		 "buffer: word out of order");
	check_eq(flash_read(&flash, block + 0x50), 0x50505050,
		 "buffer: of two words the last");
	check_erased(block + 0x44, block + 0x48, "buffer: gap stays");
	check_erased(block + 0x4c, block + 0x50, "buffer: second gap stays");
	clean_block(block);
}

/* Starts a buffered program of `words`, all with the same address step. */
static void send_buffer(u32 offset, u32 words, u32 step)
{
	flash_command(&flash, offset, FLASH_BUFFER_PROGRAM);
	flash_write(&flash, offset, FLASH_BOTH(words - 1));
	for (u32 i = 0; i < words; i++)
		flash_write(&flash, offset + i * step,
			    i & 1 ? FLASH_BOTH(FLASH_CONFIRM)
				  : FLASH_BOTH(FLASH_ERASE));
}

static void check_botched(const char *what)
{
	const u32 block = flash.block;

	check_eq(flash_read(&flash, block), BOTCH, "%s", what);
	check_eq(flash_status(&flash), BOTCH, "%s: the error stays", what);
	flash_command(&flash, 0, FLASH_CLEAR_STATUS);
	check_eq(flash_read(&flash, block), READY, "%s: 0x50 clears it", what);
	array();
	check_erased(block, 2 * block - 4, what);
	check_erased(2 * block, 3 * block - 4, what);
	check(flash_read(&flash, 2 * block - 4) == MARK &&
		      flash_read(&flash, 3 * block - 4) == MARK,
	      "%s: no erase", what);
}

/* The data look like commands, which they must not become. */
static void test_buffer_errors(void)
{
	const u32 block = flash.block;

	flash_program(&flash, 2 * block - 4, MARK);
	flash_program(&flash, 3 * block - 4, MARK);
	array();
	send_buffer(block, buffer_words + 1, 4);
	flash_command(&flash, block, FLASH_CONFIRM);
	check_botched("buffer: count too large");

	send_buffer(block, 0x1000, 0);
	flash_command(&flash, block, FLASH_CONFIRM);
	check_botched("buffer: count far too large");

	send_buffer(block, 2, block);
	flash_command(&flash, block, FLASH_CONFIRM);
	check_botched("buffer: data for two blocks");

	send_buffer(block + 8, 2, (u32)-4);
	flash_command(&flash, block, FLASH_CONFIRM);
	check_botched("buffer: data below the first");

	send_buffer(block, 2, flash.buffer);
	flash_command(&flash, block, FLASH_CONFIRM);
	check_botched("buffer: data above the window");

	send_buffer(block, 4, 4);
	flash_command(&flash, block, FLASH_READ_ARRAY);
	check_botched("buffer: no confirm but 0xff");

	send_buffer(block, 4, 4);
	flash_command(&flash, block, FLASH_CLEAR_STATUS);
	check_botched("buffer: no confirm but 0x50");

	/* The chips may disagree. */
	send_buffer(block, 1, 4);
	flash_write(&flash, block, 0x00d000ff);
	check_eq(flash_read(&flash, block), 0x008000b0,
		 "buffer: confirmed to chip 1 alone");
	flash_restore(&flash);
	check_eq(flash_read(&flash, block), 0x0020ffff,
		 "buffer: only chip 1 programmed");
	clean_block(block);
	clean_block(2 * block);
}

/* An error stays over good operations, which work in spite of it. */
static void test_sticky(void)
{
	flash_command(&flash, 0, FLASH_ERASE);
	flash_command(&flash, 0, FLASH_READ_ARRAY);
	check_eq(flash_read(&flash, 0), BOTCH, "erase without confirm");
	check_eq(flash_program(&flash, 0, 0x12345678), BOTCH,
		 "error stays over a program");
	check_eq(flash_program_buffer(&flash, 4, (u32[]) { 0x9abcdef0 }, 1),
		 BOTCH, "error stays over a buffered program");
	array();
	check_eq(read64(flash.base), 0x9abcdef012345678,
		 "programs work in spite of it");
	check_eq(flash_erase(&flash, 0), BOTCH, "error stays over an erase");
	flash_restore(&flash);
	check_eq(read64(flash.base), ~0UL, "erase works in spite of it");
}

static void test_erase(void)
{
	const u32 block = flash.block;

	for (u32 i = 0; i < 4; i++) {
		flash_program(&flash, i * block, 0x11111111 * i);
		flash_program(&flash, (i + 1) * block - 4, 0x10101010 + i);
	}
	array();
	flash_command(&flash, 2 * block, FLASH_ERASE);
	check_eq(flash_read(&flash, 2 * block), READY, "erase setup: status");
	flash_command(&flash, 2 * block, FLASH_READ_STATUS);
	check_eq(flash_read(&flash, 2 * block), BOTCH, "erase: wrong confirm");
	flash_restore(&flash);
	check_eq(flash_read(&flash, 2 * block), 0x22222222,
		 "erase only at the confirm");
	/* Inside the block, and the confirm's address counts. */
	flash_command(&flash, 3 * block, FLASH_ERASE);
	flash_command(&flash, 2 * block + 0x8234, FLASH_CONFIRM);
	check_eq(flash_read(&flash, 0), READY, "erase");
	array();
	check_erased(2 * block, 3 * block, "erase: the whole block");
	check_eq(flash_read(&flash, 2 * block - 4), 0x10101011,
		 "erase: not the block before");
	check_eq(flash_read(&flash, 3 * block), 0x33333333,
		 "erase: not the block behind");
	for (u32 i = 0; i < 4; i++)
		clean_block(i * block);
}

static void check_locked(u32 offset, const char *how)
{
	check_eq(flash_program(&flash, offset, 0),
		 FLASH_BOTH(FLASH_SR_PROG_LOCKED), "%s: program", how);
	flash_restore(&flash);
	check_eq(flash_program_buffer(&flash, offset, data, 2),
		 FLASH_BOTH(FLASH_SR_PROG_LOCKED), "%s: buffered program", how);
	flash_restore(&flash);
	check_eq(flash_erase(&flash, offset), FLASH_BOTH(FLASH_SR_ERASE_LOCKED),
		 "%s: erase", how);
	flash_restore(&flash);
	check_eq(flash_read(&flash, offset), 0xcafef00d, "%s: unchanged", how);
}

static void check_lock(u32 offset, u8 command, u32 bits, const char *how)
{
	check_eq(flash_lock(&flash, offset, command), READY, "%s", how);
	check_eq(flash_lock_bits(&flash, offset), FLASH_BOTH(bits),
		 "%s: lock bits", how);
}

static void test_locks(void)
{
	const u32 at = flash.block + 0x100;

	flash_program(&flash, at, 0xcafef00d);
	array();
	check_eq(flash_lock_bits(&flash, at), 0, "comes unlocked");
	check_lock(at, FLASH_LOCK, FLASH_LOCKED, "lock");
	check_eq(flash_lock_bits(&flash, 0), 0, "lock: not the block before");
	check_eq(flash_lock_bits(&flash, 2 * flash.block), 0,
		 "lock: not the block behind");
	check_locked(at, "locked");
	check_eq(flash_erase(&flash, 0), READY, "another block's erase");
	array();
	check_lock(at, FLASH_UNLOCK, 0, "unlock");
	check_eq(flash_program(&flash, at, 0xcafef000), READY,
		 "unlocked: program");
	array();
	check_eq(flash_read(&flash, at), 0xcafef000, "unlocked: content");
	clean_block(at);

	flash_program(&flash, at, 0xcafef00d);
	check_lock(at, FLASH_LOCK_DOWN, FLASH_LOCKED | FLASH_LOCKED_DOWN,
		   "lock-down");
	check_locked(at, "locked down");
	/* WP# is high, so lock-down does not hold; it only shows. */
	check_lock(at, FLASH_UNLOCK, FLASH_LOCKED_DOWN, "unlock a lock-down");
	check_eq(flash_erase(&flash, at), READY, "unlocked lock-down: erase");
	flash_restore(&flash);
	check_eq(flash_lock(&flash, at, 0x77), BOTCH, "wrong lock command");
	flash_restore(&flash);
	/* One chip alone. */
	flash_write(&flash, 0, 0x00ff0060);
	flash_write(&flash, 0, 0x00ff0001);
	check_eq(flash_lock_bits(&flash, 0), FLASH_LOCKED, "lock chip 0");
	check_eq(flash_program(&flash, 0, 0), 0x00800092,
		 "chip 0 is locked, chip 1 is not");
	flash_restore(&flash);
	check_eq(flash_read(&flash, 0), 0x0000ffff, "chip 0 is unchanged");
	check_lock(0, FLASH_UNLOCK, 0, "unlock chip 0");
	clean_block(0);
}

/* The read configuration register takes its value from the address. */
static void write_config(u32 value)
{
	flash_command(&flash, 0, FLASH_LOCK_SETUP);
	check_eq(flash_read(&flash, 0), READY, "lock setup: status");
	flash_command(&flash, value * 4, FLASH_WRITE_CONFIG);
	check_eq(flash_read(&flash, 0), ~0U, "then array mode");
	flash_command(&flash, 0, FLASH_READ_ID);
	check_eq(flash_read(&flash, FLASH_ID_CONFIG * 4), FLASH_BOTH(value),
		 "configuration 0x%x", value);
	array();
}

static void test_clear_keeps_mode(void)
{
	flash_command(&flash, 0, FLASH_READ_ID);
	flash_command(&flash, 0, FLASH_CLEAR_STATUS);
	check_eq(flash_read(&flash, 0), 0x00890089, "0x50 keeps id mode");
	flash_command(&flash, 0, FLASH_READ_STATUS);
	flash_command(&flash, 0, FLASH_CLEAR_STATUS);
	check_eq(flash_read(&flash, 0), READY, "0x50 keeps status mode");
	array();
	flash_command(&flash, 0, FLASH_CLEAR_STATUS);
	check_eq(flash_read(&flash, 0), ~0U, "0x50 keeps array mode");
}

/* Setup, second cycle, and the status of both chips then. */
static void check_second(u8 command, u32 offset, u32 value, u32 want,
			 const char *what)
{
	flash_command(&flash, 0, command);
	check_eq(flash_read(&flash, 0), READY, "%s: setup", what);
	flash_write(&flash, offset, value);
	check_eq(flash_read(&flash, offset), want, "%s", what);
	flash_restore(&flash);
}

/* Blank check, and the two commands that this board cannot carry out. */
static void test_factory(void)
{
	const u32 confirm = FLASH_BOTH(FLASH_CONFIRM);
	const u32 block = flash.block;

	check_second(FLASH_PROGRAM_OTP, 0x80 * 4, 0x12345678,
		     FLASH_BOTH(FLASH_SR_PROG_LOCKED), "protection register");
	check_second(FLASH_BEFP, block, confirm,
		     FLASH_BOTH(FLASH_SR_PROG_NO_VPP), "factory programming");
	check_second(FLASH_BEFP, block, FLASH_BOTH(FLASH_READ_ARRAY), BOTCH,
		     "factory programming without confirm");
	check_second(FLASH_BLANK_CHECK, block, FLASH_BOTH(FLASH_READ_ARRAY),
		     BOTCH, "blank check without confirm");
	check_erased(0, 2 * block, "none of them programs");
	flash_program(&flash, 2 * block - 4, 0xfffeffff);
	flash_restore(&flash);
	check_second(FLASH_BLANK_CHECK, block, confirm,
		     READY | FLASH_SR_NOT_BLANK << 16,
		     "blank check, chip 1 is not blank");
	check_second(FLASH_BLANK_CHECK, 2 * block, confirm, READY,
		     "blank check of the block behind");
	flash_lock(&flash, block, FLASH_LOCK);
	check_second(FLASH_BLANK_CHECK, block + 0x8234, confirm,
		     READY | FLASH_SR_NOT_BLANK << 16,
		     "blank check of a locked block");
	flash_lock(&flash, block, FLASH_UNLOCK);
	clean_block(block);
	check_second(FLASH_BLANK_CHECK, 2 * block - 4, confirm, READY,
		     "blank check after an erase");
}

static bool is_command(u8 command)
{
	static const u8 commands[] = {
		FLASH_PROGRAM,	    FLASH_PROGRAM_ALT, FLASH_ERASE,
		FLASH_CLEAR_STATUS, FLASH_LOCK_SETUP,  FLASH_READ_STATUS,
		FLASH_READ_ID,	    FLASH_READ_QUERY,  FLASH_BUFFER_PROGRAM,
		FLASH_READ_ARRAY,   FLASH_BEFP,	       FLASH_BLANK_CHECK,
		FLASH_PROGRAM_OTP,
	};

	for (u32 i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i] == command)
			return true;
	return false;
}

/* Suspend and resume, with nothing to suspend, are as good as illegal. */
static void test_illegal(u8 mode, u32 want)
{
	u32 command = 0, got = want;

	flash_command(&flash, 0, mode);
	for (; command < 0x100 && got == want; command++) {
		if (is_command((u8)command))
			continue;
		flash_command(&flash, 0, (u8)command);
		got = flash_read(&flash, 0);
	}
	check_eq(got, want, "illegal commands in mode 0x%x, to 0x%x", mode,
		 command - 1);
	check_eq(flash_status(&flash), READY, "they are no error");
	flash_restore(&flash);
}

static void test_last_block(void)
{
	const u32 last = flash.size - flash.block;

	fill(99);
	check_eq(flash_program(&flash, flash.size - 4, 0x12345678), READY,
		 "program of the last word");
	array();
	check_eq(flash_read(&flash, flash.size - 4), 0x12345678,
		 "last word: content");
	check_eq(flash_erase(&flash, flash.size - 4), READY,
		 "erase by the last word");
	array();
	check_erased(last, flash.size, "last block is erased");
	check_eq(flash_program_buffer(&flash, flash.size - buffer_words * 4,
				      data, buffer_words),
		 READY, "buffer at the end");
	array();
	check_data(flash.size - buffer_words * 4, buffer_words,
		   "buffer at the end: content");
	clean_block(last);
}

/* Left for the run with verify=1, and for whoever looks into the file. */
static void leave_mark(void)
{
	fill(4711);
	check_eq(flash_program_buffer(&flash, flash.block, data, 256), READY,
		 "mark");
	flash_program(&flash, flash.size - 4, 0x0dd0feed);
	array();
}

static void verify_mark(void)
{
	fill(4711);
	check_data(flash.block, 256, "mark of the run before");
	check_eq(flash_read(&flash, flash.size - 4), 0x0dd0feed,
		 "last word of the run before");
	check_erased(flash.block + 1024, flash.size - 4,
		     "erased as the run before left it");
	check_erased(0, flash.block, "first block as left");
	check_eq(flash_lock_bits(&flash, flash.block), 0,
		 "lock-down ended with the run");
}

void main(void)
{
	if (!flash_find(&flash, 0))
		return;
	buffer_words = flash.buffer / 4;
	if (!check(buffer_words < ARRAY_SIZE(data) &&
			   flash.size >= 4 * flash.block,
		   "geometry fits this test"))
		return;
	if (param("verify", 0)) {
		verify_mark();
		return;
	}
	check_erased(0, flash.size, "comes erased");
	test_query();
	test_program();
	test_one_chip();
	test_buffer();
	test_buffer_order();
	test_buffer_errors();
	test_sticky();
	test_erase();
	test_locks();
	write_config(0x1234);
	write_config(0xbfcf);
	test_clear_keeps_mode();
	test_factory();
	test_illegal(FLASH_READ_ARRAY, ~0U);
	test_illegal(FLASH_READ_STATUS, READY);
	test_illegal(FLASH_READ_ID, 0x00890089);
	test_last_block();
	leave_mark();
}
