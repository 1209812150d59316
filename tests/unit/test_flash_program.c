/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/worker.c vmm/thread.c */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/operation.c hw/cfi_flash_stats.c */
/* SOURCES: hw/cfi_flash.c hw/cfi_chip.c hw/flash/store.c hw/flash/open.c */
/* SOURCES: hw/flash/file.c hw/flash/template.c hw/flash/fault.c util/file.c */
/* SOURCES: util/gzip.c util/json.c vmm/fdt.c vmm/mmio.c */
/* SOURCES: vmm/mmio_ring.c vmm/evloop.c */
/* SOURCES: tests/unit/bank_fixture.c tests/unit/flash_fixture.c */
/* WRAP: pwrite fdatasync ioctl */
/* A flash bank: what programs and erases do to array, file and status. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "bank_fixture.h"

static u32 word_of_pattern(u64 offset)
{
	return pattern(offset) | (u32)pattern(offset + 1) << 8 |
	       (u32)pattern(offset + 2) << 16 | (u32)pattern(offset + 3) << 24;
}

static u32 word_at(u64 offset)
{
	u32 word;

	memcpy(&word, flash->store.array + offset, 4);
	return word;
}

static void assert_erased(u64 offset, u64 len)
{
	for (u64 i = 0; i < len; i++)
		assert_int_equal(flash->store.array[offset + i], 0xff);
}

/* ---- Both chips ---------------------------------------------------------- */

/* Word and file before the status says so; both halves in one write. */
static void word_program(void **state)
{
	(void)state;
	program(0x1234, 0xf00f5aa5);
	assert_int_equal(fake.nr_pwrites, 1);
	assert_status(0x80);
	assert_int_equal(word_at(0x1234), word_of_pattern(0x1234) & 0xf00f5aa5);
	assert_rest_untouched(0x1234, 4);
	program(SIZE - 4, 0);
	assert_int_equal(fake.nr_pwrites, 2);
	assert_file_is_array();
}

/* FF, F0, 0F on the bus ends as 00; a 1 over a 0 is not an error. */
static void bits_only_go_down(void **state)
{
	(void)state;
	erase(0);
	program(8, 0xf0f0f0f0);
	program(8, 0x0f0f0f0f);
	assert_int_equal(word_at(8), 0);
	program(8, 0xffffffff);
	assert_int_equal(word_at(8), 0);
	assert_status(0x80);
	assert_file_is_array();
}

/* 2 KiB in one page are one write to the file. */
static void buffered_program(void **state)
{
	(void)state;
	buffer_program(0x3000, 0x11112222, 512);
	assert_int_equal(fake.nr_pwrites, 1);
	assert_status(0x80);
	assert_rest_untouched(0x3000, 2048);
	for (u64 at = 0x3000; at < 0x3800; at += 4)
		assert_int_equal(word_at(at), word_of_pattern(at) & 0x11112222);
}

/* Over the edge of a page there is one for each. */
static void buffered_program_over_pages(void **state)
{
	(void)state;
	buffer_program(0x4c00, 0, 512);
	assert_int_equal(fake.nr_pwrites, 2);
	assert_rest_untouched(0x4c00, 2048);
	assert_int_equal(word_at(0x4ffc), 0);
	assert_int_equal(word_at(0x5000), 0);
}

/* What changes nothing is not written. */
static void nothing_to_change(void **state)
{
	(void)state;
	program(0x100, 0xffffffff);
	buffer_program(0x100, 0xffffffff, 32);
	assert_int_equal(fake.nr_pwrites, 0);
	erase(0x40000);
	assert_int_equal(fake.nr_pwrites, 16);
	erase(0x40000);
	assert_int_equal(fake.nr_pwrites, 16);
	assert_status(0x80);
	assert_int_equal(flash->stats.erases, 2);
	assert_rest_untouched(0x40000, BLOCK);
}

/* The whole block of the address, however odd, and no other. */
static void block_erase(void **state)
{
	static const u64 offsets[] = { 0x20000, 0x3fffc, 0x41230, 0x50004 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		u64 block = offsets[i] / BLOCK * BLOCK;

		erase(offsets[i]);
		assert_status(0x80);
		assert_erased(block, BLOCK);
		assert_int_equal(fake.nr_pwrites, 16 * (i + 1));
	}
	assert_rest_untouched(0x20000, 4 * BLOCK);
}

static void last_block_erase(void **state)
{
	(void)state;
	erase(SIZE - 4);
	assert_status(0x80);
	assert_erased(SIZE - BLOCK, BLOCK);
	assert_rest_untouched(SIZE - BLOCK, BLOCK);
	assert_int_equal(file_bytes(), SIZE);
}

static void nothing_before_confirm(void **state)
{
	(void)state;
	cmd(0, 0x20);
	assert_untouched();
	wr(0, 0x00ff00ff);
	assert_status(0xb0);
	cmd(0, 0xe8);
	cmd(0, 0);
	wr(0, 0);
	assert_untouched();
	cmd(0, 0xff);
	assert_untouched();
	assert_int_equal(fake.nr_pwrites, 0);
}

/* As U-Boot and EDK2 do it: the blocks' edges are theirs to mind. */
static void buffer_over_block_edge(void **state)
{
	(void)state;
	buffer_program(BLOCK - 64, 0, 32);
	assert_status(0xb0);
	assert_untouched();
}

/* ---- Chips that do not do the same --------------------------------------- */

static void one_chip_programs(void **state)
{
	(void)state;
	wr(0, 0x00ff0040);
	wr(0x100, 0x00ff0000);
	assert_rest_untouched(0x100, 2);
	assert_int_equal(word_at(0x100), word_of_pattern(0x100) & 0xffff0000);
	wr(0, 0x004000ff);
	wr(0x100, 0x000000ff);
	assert_rest_untouched(0x100, 4);
	assert_int_equal(word_at(0x100), 0);
	assert_int_equal(fake.nr_pwrites, 2);
}

/* Its lanes of the block, and those only. */
static void one_chip_erases(void **state)
{
	(void)state;
	wr(0, 0x00200070);
	wr(0x10000, 0x00d00070);
	for (u64 at = 0x10000; at < 0x20000; at += 4)
		assert_int_equal(word_at(at), word_of_pattern(at) | 0xffff0000);
	assert_rest_untouched(0x10000, BLOCK);
}

/* One cycle ends both: different changes, so each goes to the file alone. */
static void erase_and_program(void **state)
{
	(void)state;
	wr(0, 0x00400020);
	wr(0x10100, 0x123400d0);
	assert_status(0x80);
	for (u64 at = 0x10000; at < 0x20000; at += 4) {
		u32 want = word_of_pattern(at) | 0xffff;

		if (at == 0x10100)
			want &= 0x1234ffff;
		assert_int_equal(word_at(at), want);
	}
	assert_rest_untouched(0x10000, BLOCK);
	assert_int_equal(fake.nr_pwrites, 16 + 1);
}

/* The same with the chips' roles changed: now the erase begins first. */
static void program_and_erase(void **state)
{
	(void)state;
	wr(0, 0x00200040);
	wr(0x10100, 0x00d000d0);
	assert_status(0x80);
	for (u64 at = 0x10000; at < 0x20000; at += 4) {
		u32 want = word_of_pattern(at) | 0xffff0000;

		if (at == 0x10100)
			want &= 0xffff00d0;
		assert_int_equal(word_at(at), want);
	}
	assert_rest_untouched(0x10000, BLOCK);
	assert_int_equal(fake.nr_pwrites, 16 + 1);
}

/*
 * Chip 1 confirms a buffer for block 3 in the cycle in which chip 0 programs
 * a word in block 5.
 */
static void different_blocks(void **state)
{
	(void)state;
	wr(0, 0x00e800ff);
	wr(0, 0x000000ff);
	wr(0x30000, 0x00000040); /* chip 1: data; chip 0: setup */
	wr(0x50000, 0x00d00000); /* chip 1: confirm; chip 0: data */
	assert_status(0x80);
	assert_int_equal(word_at(0x30000),
			 word_of_pattern(0x30000) & 0x0000ffff);
	assert_int_equal(word_at(0x50000),
			 word_of_pattern(0x50000) & 0xffff0000);
	assert_int_equal(fake.nr_pwrites, 2);
	assert_int_equal(flash->stats.programs, 2);
	for (u64 i = 0; i < SIZE; i++)
		if (i / 4 != 0x30000 / 4 && i / 4 != 0x50000 / 4)
			assert_int_equal(flash->store.array[i], pattern(i));
	assert_file_is_array();
}

/* Chip 0 erases block 2 while chip 1 programs in block 4. */
static void different_commands_and_blocks(void **state)
{
	(void)state;
	wr(0, 0x00e80070);
	wr(0, 0x00000070);
	wr(0x40004, 0x00000020);
	wr(0x20000, 0x00d000d0);
	assert_status(0x80);
	assert_int_equal(word_at(0x40004), word_of_pattern(0x40004) & 0xffff);
	assert_int_equal(word_at(0x2fffc), word_of_pattern(0x2fffc) | 0xffff);
	assert_int_equal(flash->stats.programs, 1);
	assert_int_equal(flash->stats.erases, 1);
	assert_file_is_array();
}

/* Buffers that began at different words are still one write. */
static void buffers_overlap(void **state)
{
	(void)state;
	cmd(0, 0xe8);
	wr(0, 0x00010003); /* chip 0: 4 words, chip 1: 2 */
	wr(0x100, 0);
	wr(0x110, 0); /* chip 1 is full now; the next is its confirm */
	wr(0x104, 0x00d00000);
	assert_status(0x80);
	assert_int_equal(word_at(0x100), word_of_pattern(0x100) & 0xffff);
	assert_int_equal(word_at(0x110), word_of_pattern(0x110) & 0xffff);
	assert_int_equal(fake.nr_pwrites, 1);
	wr(0x108, 0x00700000);
	wr(0x108, 0x007000d0);
	assert_status(0x80);
	assert_int_equal(word_at(0x104) & 0xffff, 0);
	assert_int_equal(word_at(0x108) & 0xffff, 0);
	assert_rest_untouched(0x100, 0x14);
}

/* ---- Blank check --------------------------------------------------------- */

/* Clears the status; then what both chips say of the block at `offset`. */
static u32 blank_check(u64 offset)
{
	cmd(0, 0x50);
	cmd(0, 0xbc);
	assert_status(0x80);
	cmd(offset, 0xd0);
	return (u32)rd(0, 4);
}

/* Each chip looks at its lanes, to the last bit of them. */
static void blank_check_of_lanes(void **state)
{
	static const u64 offsets[] = { 0x30000, 0x31234, 0x3fffc };

	(void)state;
	erase(0x30000);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		assert_int_equal(blank_check(offsets[i]), 0x00800080);
		for (unsigned int bit = 0; bit < 32; bit++) {
			program(offsets[i], ~(u32)BIT(bit));
			assert_int_equal(blank_check(0x30040),
					 bit < 16 ? 0x008000a0 : 0x00a00080);
			erase(0x30000);
		}
	}
	assert_int_equal(blank_check(0x2fffc), 0x00a000a0);
	assert_int_equal(blank_check(0x40000), 0x00a000a0);
	assert_int_equal(flash->stats.failures, 0);
	assert_int_equal(nr_guest, 0);
	assert_rest_untouched(0x30000, BLOCK);
}

/* It changes nothing, and a medium that refuses writes can be read. */
static void blank_check_only_reads(void **state)
{
	(void)state;
	erase(0x30000);
	fake.nr_pwrites = 0;
	fake.pwrite = EIO;
	assert_int_equal(blank_check(0x30000), 0x00800080);
	assert_int_equal(blank_check(0), 0x00a000a0);
	cmd(0x30000, 0x60);
	cmd(0x30000, 0x01);
	assert_int_equal(blank_check(0x30000), 0x00800080);
	assert_int_equal(fake.nr_pwrites, 0);
	assert_int_equal(flash->stats.programs + flash->stats.erases, 1);
	assert_rest_untouched(0x30000, BLOCK);
}

/* One chip checks in the cycle in which the other erases or programs. */
static void blank_check_and_others(void **state)
{
	(void)state;
	wr(0, 0x002000bc);
	wr(0x10000, 0x00d000d0);
	assert_int_equal(rd(0, 4), 0x008000a0);
	for (u64 at = 0x10000; at < 0x20000; at += 4)
		assert_int_equal(word_at(at), word_of_pattern(at) | 0xffff0000);
	/* Chip 1's lanes are blank now; its neighbour's word is not. */
	cmd(0, 0x50);
	wr(0, 0x00bc0040);
	wr(0x10100, 0x00d01234);
	assert_status(0x80);
	assert_int_equal(word_at(0x10100),
			 (word_of_pattern(0x10100) & 0x1234) | 0xffff0000);
	wr(0, 0x00bc0070);
	wr(0x10000, 0x00d00070);
	assert_status(0x80);
	assert_rest_untouched(0x10000, BLOCK);
}

/* ---- What always fails --------------------------------------------------- */

/* Protection registers are locked, factory programming has no 9 V. */
static void otp_and_befp(void **state)
{
	(void)state;
	cmd(0x200, 0xc0);
	assert_status(0x80);
	wr(0x200, 0);
	assert_status(0x92);
	cmd(0, 0x50);
	cmd(0x200, 0x80);
	cmd(0x200, 0xd0);
	assert_status(0x98);
	cmd(0, 0x50);
	wr(0, 0x008000c0);
	wr(0, 0x00ff00d0);
	assert_int_equal(rd(0, 4), 0x00b00092);
	cmd(0, 0xff);
	assert_true(flash->slot.mapped);
	assert_int_equal(fake.nr_pwrites, 0);
	assert_untouched();
}

/* ---- A medium that refuses ----------------------------------------------- */

/* Error bits on both chips; array and file as they were. */
static void program_fails(void **state)
{
	(void)state;
	fake.pwrite = ENOSPC;
	program(0x100, 0);
	assert_status(0x98);
	assert_untouched();
	assert_int_equal(nr_guest, 1);
	assert_said(PATH);
	assert_said("unable to program at 0x100: No space left on device");
	/* Only where there is more to program than the file has. */
	cmd(0, 0x50);
	buffer_program(0x2000, 0, 512);
	assert_status(0x98);
	assert_untouched();
	assert_int_equal(flash->stats.failures, 2);
	fake.pwrite = 0;
	cmd(0, 0x50);
	program(0x100, 0);
	assert_status(0x80);
	assert_rest_untouched(0x100, 4);
}

static void erase_fails(void **state)
{
	(void)state;
	fake.pwrite = EIO;
	erase(0x30000);
	assert_status(0xa8);
	assert_untouched();
	assert_said("unable to erase at 0x30000: Input/output error");
}

/* Halfway through an erase: array and file agree, and nothing goes on. */
static void erase_fails_halfway(void **state)
{
	(void)state;
	fake.pwrite = EIO;
	fake.fail_pwrite = 5;
	erase(0x30000);
	assert_status(0xa8);
	assert_erased(0x30000, 4 * 4096);
	assert_rest_untouched(0x30000, 4 * 4096);
	assert_int_equal(flash->stats.failures, 1);
}

/* Only the chip that asked for it is told. */
static void one_chip_fails(void **state)
{
	(void)state;
	fake.pwrite = EIO;
	wr(0, 0x00700040);
	wr(0x100, 0x00700000);
	assert_int_equal(rd(0, 4), 0x00800098);
	cmd(0, 0x50);
	wr(0, 0x00400020);
	wr(0x100, 0x000000d0);
	assert_int_equal(rd(0, 4), 0x009800a8);
	assert_untouched();
}

/* Of two changes in different places one may fail and the other not. */
static void one_of_two_fails(void **state)
{
	(void)state;
	fake.pwrite = EIO;
	fake.fail_pwrite = 1;
	wr(0, 0x00e800ff);
	wr(0, 0x000000ff);
	wr(0x30000, 0x00000040);
	wr(0x50000, 0x00d00000);
	assert_int_equal(rd(0, 4), 0x00800098);
	assert_int_equal(word_at(0x50000), word_of_pattern(0x50000));
	assert_int_equal(word_at(0x30000), word_of_pattern(0x30000) & 0xffff);
	assert_file_is_array();
}

/* Nor does a program's failure count as one of the other chip's erase. */
static void program_fails_beside_erase(void **state)
{
	(void)state;
	fake.pwrite = EIO;
	fake.fail_pwrite = 16 + 1;
	wr(0, 0x00400020);
	wr(0x10100, 0x123400d0);
	assert_int_equal(rd(0, 4), 0x00980080);
	assert_said("unable to program at 0x10100: Input/output error");
	for (u64 at = 0x10000; at < 0x20000; at += 4)
		assert_int_equal(word_at(at), word_of_pattern(at) | 0xffff);
	assert_rest_untouched(0x10000, BLOCK);
}

/* ---- A bank larger than its file ----------------------------------------- */

static void make_larger_bank(const char *options)
{
	drop_bank();
	make_file(0x28000); /* two blocks and a half */
	assert_int_equal(make_bank(options), 0);
	assert_int_equal(flash->store.persistent, 0x28000);
}

static void program_beyond_file(void **state)
{
	(void)state;
	make_larger_bank(",size=1M");
	program(0x28000, 0x7fffffff);
	assert_status(0x98);
	assert_said("the file ends before; \"create\" makes it as large as the "
		    "bank");
	cmd(0, 0x50);
	program(0x80000, 0);
	assert_status(0x98);
	cmd(0, 0x50);
	buffer_program(0x28000 - 64, 0, 32);
	assert_status(0x98);
	assert_rest_untouched(0x28000 - 64, 64);
	cmd(0, 0x50);
	program(0x27ffc - 64, 0);
	assert_status(0x80);
	/* All ones are no change, hence no error. */
	program(0x80000, 0xffffffff);
	assert_status(0x80);
	assert_int_equal(file_bytes(), 0x28000);
	assert_erased(0x28000, SIZE - 0x28000);
}

static void erase_beyond_file(void **state)
{
	(void)state;
	make_larger_bank(",size=1M");
	for (u64 at = 0x30000; at < SIZE; at += BLOCK) {
		erase(at);
		assert_status(0x80);
	}
	assert_int_equal(fake.nr_pwrites, 0);
	assert_untouched();
	/* The block in which the file ends. */
	erase(0x20000);
	assert_status(0x80);
	assert_int_equal(fake.nr_pwrites, 8);
	assert_erased(0x20000, BLOCK);
	assert_rest_untouched(0x20000, BLOCK);
	assert_int_equal(file_bytes(), 0x28000);
}

static void blank_check_beyond_file(void **state)
{
	(void)state;
	make_larger_bank(",size=1M");
	assert_int_equal(blank_check(0x20000), 0x00a000a0);
	for (u64 at = 0x30000; at < SIZE; at += BLOCK)
		assert_int_equal(blank_check(at), 0x00800080);
}

/* ---- Locks and read-only banks ------------------------------------------- */

static void locks(void **state)
{
	(void)state;
	cmd(0x40000, 0x60);
	cmd(0x40000, 0x01);
	cmd(0, 0x90);
	assert_int_equal(rd(0x40008, 4), 0x00010001);
	assert_int_equal(rd(0x50008, 4), 0);
	program(0x4fffc, 0);
	assert_status(0x92);
	cmd(0, 0x50);
	erase(0x4fffc);
	assert_status(0xa2);
	cmd(0, 0x50);
	buffer_program(0x40000, 0, 8);
	assert_status(0x92);
	assert_untouched();
	cmd(0, 0x50);
	cmd(0x40000, 0x60);
	cmd(0x40000, 0xd0);
	program(0x4fffc, 0);
	assert_status(0x80);
	assert_rest_untouched(0x4fffc, 4);
	assert_int_equal(fake.nr_pwrites, 1);
}

/* Chip 1 locked: chip 0 programs its half, chip 1 says why it does not. */
static void one_chip_locked(void **state)
{
	(void)state;
	wr(0, 0x006000ff);
	wr(0, 0x000100ff);
	program(0x100, 0);
	assert_int_equal(rd(0, 4), 0x00920080);
	assert_rest_untouched(0x100, 2);
}

static void read_only_bank(void **state)
{
	struct timespec past[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct stat st;

	(void)state;
	assert_int_equal(utimensat(AT_FDCWD, PATH, past, 0), 0);
	for (u64 at = 0; at < SIZE; at += BLOCK) {
		cmd(at, 0x60);
		cmd(at, 0xd0);
		cmd(0, 0x90);
		assert_int_equal(rd(at + 8, 4), 0x00030003);
		program(at, 0);
		assert_status(0x92);
		cmd(0, 0x50);
		erase(at);
		assert_status(0xa2);
		cmd(0, 0x50);
		buffer_program(at, 0, 4);
		assert_status(0x92);
		cmd(0, 0x50);
	}
	cmd(0, 0xff);
	assert_true(flash->slot.mapped);
	flash->dev.ops->reset(&flash->dev);
	program(0, 0);
	assert_status(0x92);
	assert_int_equal(flash->dev.ops->quiesce(&flash->dev), 0);
	assert_int_equal(fake.nr_pwrites + fake.nr_syncs, 0);
	assert_untouched();
	assert_int_equal(stat(PATH, &st), 0);
	assert_int_equal(st.st_mtime, 1000);
}

/* What the guest was told is programmed is found by the next lkvm. */
static void survives(void **state)
{
	(void)state;
	program(0x100, 0);
	erase(0x10000);
	drop_bank();
	assert_int_equal(make_bank(""), 0);
	assert_int_equal(word_at(0x100), 0);
	assert_erased(0x10000, BLOCK);
	assert_true(flash->slot.mapped);
	assert_int_equal(rd(0x100, 4), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BANK_TEST(word_program),
		BANK_TEST(bits_only_go_down),
		BANK_TEST(buffered_program),
		BANK_TEST(buffered_program_over_pages),
		BANK_TEST(nothing_to_change),
		BANK_TEST(block_erase),
		BANK_TEST(last_block_erase),
		BANK_TEST(nothing_before_confirm),
		BANK_TEST(buffer_over_block_edge),
		BANK_TEST(one_chip_programs),
		BANK_TEST(one_chip_erases),
		BANK_TEST(erase_and_program),
		BANK_TEST(program_and_erase),
		BANK_TEST(different_blocks),
		BANK_TEST(different_commands_and_blocks),
		BANK_TEST(buffers_overlap),
		BANK_TEST(blank_check_of_lanes),
		BANK_TEST(blank_check_only_reads),
		BANK_TEST(blank_check_and_others),
		BANK_TEST(otp_and_befp),
		BANK_TEST(program_fails),
		BANK_TEST(erase_fails),
		BANK_TEST(erase_fails_halfway),
		BANK_TEST(one_chip_fails),
		BANK_TEST(one_of_two_fails),
		BANK_TEST(program_fails_beside_erase),
		BANK_TEST(program_beyond_file),
		BANK_TEST(erase_beyond_file),
		BANK_TEST(blank_check_beyond_file),
		BANK_TEST(locks),
		BANK_TEST(one_chip_locked),
		cmocka_unit_test_setup_teardown(read_only_bank, setup_ro,
						teardown),
		BANK_TEST(survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
