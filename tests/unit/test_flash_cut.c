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
/* A bank on which commands fail or lose power because the user wants it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bank_fixture.h"

static void make(const char *options, u64 fail_program, u64 fail_erase, u64 cut)
{
	drop_bank();
	make_file(SIZE);
	assert_int_equal(make_bank(options), 0);
	flash->store.fault.fail_program = fail_program;
	flash->store.fault.fail_erase = fail_erase;
	flash->store.fault.cut = cut;
	forget_messages();
}

static int quiesce(void)
{
	return flash->dev.ops->quiesce(&flash->dev);
}

static bool is_erased(u64 offset, u64 len)
{
	for (u64 i = 0; i < len; i++)
		if (flash->store.array[offset + i] != 0xff)
			return false;
	return true;
}

/* How many bytes of [offset, offset + len) are not the pattern any more. */
static u64 changed(u64 offset, u64 len)
{
	u64 n = 0;

	for (u64 i = offset; i < offset + len; i++)
		n += flash->store.array[i] != pattern(i);
	return n;
}

/* ---- Options ------------------------------------------------------------- */

static void options_arrive(void **state)
{
	struct flash_config config = config_of("f", "");
	struct flash_store store;

	(void)state;
	drop_bank();
	config.fail_program = 4;
	config.fail_erase = 5;
	config.cut = 6;
	assert_int_equal(flash_store_open(&store, &config, BLOCK, WINDOW), 0);
	assert_int_equal(store.fault.fail_program, 4);
	assert_int_equal(store.fault.fail_erase, 5);
	assert_int_equal(store.fault.cut, 6);
	flash_store_close(&store);
}

/* ---- Commands that fail -------------------------------------------------- */

static void program_fails(void **state)
{
	(void)state;
	make("", 2, 0, 0);
	program(0x100, 0);
	assert_status(0x80);
	buffer_program(0x2000, 0, 32);
	assert_status(0x98);
	assert_rest_untouched(0x100, 4);
	assert_int_equal(fake.nr_pwrites, 1);
	assert_said("unable to program at 0x2000: requested by \"fail=\"");
	cmd(0, 0x50);
	buffer_program(0x2000, 0, 32);
	assert_status(0x80);
	/* That was wanted: the run may end well. */
	assert_int_equal(quiesce(), 0);
	assert_int_equal(flash->stats.failures, 1);
}

static void erase_fails(void **state)
{
	(void)state;
	make("", 0, 1, 0);
	program(0x100, 0);
	erase(0x10000);
	assert_status(0xa8);
	assert_rest_untouched(0x100, 4);
	cmd(0, 0x50);
	erase(0x10000);
	assert_status(0x80);
	assert_true(is_erased(0x10000, BLOCK));
	assert_int_equal(quiesce(), 0);
}

static void both_fail(void **state)
{
	(void)state;
	make(",snapshot", 1, 2, 0);
	erase(0x10000);
	assert_status(0x80);
	program(0x100, 0);
	assert_status(0x98);
	cmd(0, 0x50);
	erase(0x20000);
	assert_status(0xa8);
	assert_int_equal(changed(0, SIZE), changed(0x10000, BLOCK));
	assert_int_equal(quiesce(), 0);
}

/* A command that the chip does not carry out is none. */
static void what_counts(void **state)
{
	(void)state;
	make("", 1, 0, 0);
	cmd(0, 0x60);
	cmd(0, 0x01);
	program(0x100, 0); /* locked */
	assert_status(0x92);
	cmd(0, 0x50);
	cmd(0x10000, 0xbc); /* blank check */
	cmd(0x10000, 0xd0);
	cmd(0, 0x50);
	wr(0, 0x00ff0040); /* by one chip */
	wr(0x10000, 0x00ff0000);
	assert_int_equal(rd(0x10000, 2), 0x98);
	assert_untouched();
}

/* ---- Power cuts ---------------------------------------------------------- */

static void assert_power_is_off(void)
{
	static const u16 commands[] = { 0xff, 0x50, 0x70, 0x90, 0x40,
					0x00, 0x20, 0xd0, 0xff };
	unsigned int writes = fake.nr_pwrites;

	assert_int_equal(fake.nr_ends, 1);
	assert_false(fake.failed);
	assert_false(flash->slot.mapped);
	/* Never ready: a guest that still runs does not get on. */
	assert_status(0);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		cmd(0x50000, commands[i]);
		assert_status(0);
		assert_false(flash->slot.mapped);
	}
	/* Nor does anything else bring it back to work. */
	flash->dev.ops->reset(&flash->dev);
	program(0x60000, 0);
	erase(0x60000);
	buffer_program(0x60000, 0, 32);
	assert_status(0);
	assert_false(flash->slot.mapped);
	assert_int_equal(quiesce(), 0);
	assert_int_equal(fake.nr_pwrites, writes);
	assert_int_equal(fake.nr_syncs, 0);
	assert_int_equal(fake.nr_ends, 1);
	assert_int_equal(changed(0x50000, 2 * BLOCK), 0);
	assert_file_is_array();
}

static void cut_in_program(void **state)
{
	(void)state;
	make("", 0, 0, 2);
	program(0x100, 0);
	assert_int_equal(fake.nr_ends, 0);
	buffer_program(0x2000, 0, 32);
	assert_said(PATH);
	assert_said("power is cut in operation 2, a program at 0x2000");
	assert_int_equal(changed(0x2000, 64), 64);
	assert_int_equal(changed(0x2044, 60), 0);
	assert_in_range(changed(0x2040, 4), 1, 4);
	assert_int_not_equal(
		flash->store.array[0x2040] | flash->store.array[0x2041] |
			flash->store.array[0x2042] | flash->store.array[0x2043],
		0);
	assert_int_equal(changed(0, 0x100), 0);
	assert_power_is_off();
}

/* In pieces that do not cross a page, as all that is written. */
static void cut_in_program_over_pages(void **state)
{
	(void)state;
	make("", 0, 0, 1);
	buffer_program(0x2d00, 0, 512);
	assert_int_equal(fake.nr_pwrites, 2);
	assert_in_range(changed(0x2d00, 1024), 1000, 1024); /* zeros before */
	assert_int_equal(changed(0x3104, 0x3500 - 0x3104), 0);
	assert_power_is_off();
}

static void cut_in_erase(void **state)
{
	u8 *first = malloc(BLOCK);

	(void)state;
	make("", 0, 0, 3);
	program(0x100, 0);
	program(0x104, 0);
	fake.nr_syncs = 0;
	erase(0x31234);
	assert_said("power is cut in operation 3, an erase at 0x30000");
	assert_in_range(changed(0x30000, BLOCK), BLOCK / 2, BLOCK - 1);
	assert_false(is_erased(0x30000, BLOCK));
	assert_int_equal(changed(0, SIZE), 8 + changed(0x30000, BLOCK));
	memcpy(first, flash->store.array + 0x30000, BLOCK);
	assert_power_is_off();
	/* The same is left each time. */
	fake.nr_ends = 0;
	make("", 0, 0, 1);
	erase(0x30000);
	assert_memory_equal(first, flash->store.array + 0x30000, BLOCK);
	free(first);
}

/* The other chip's lanes of the block have nothing to do with it. */
static void cut_in_erase_of_one_chip(void **state)
{
	(void)state;
	make("", 0, 0, 1);
	wr(0, 0x00200070);
	wr(0x10000, 0x00d00070);
	for (u64 at = 0x10000; at < 0x20000; at += 4)
		assert_int_equal(changed(at, 2), 0);
	assert_in_range(changed(0x10000, BLOCK), BLOCK / 4, BLOCK / 2);
	assert_power_is_off();
	fake.nr_ends = 0;
	make("", 0, 0, 1);
	wr(0, 0x00700020);
	wr(0x10000, 0x007000d0);
	for (u64 at = 0x10002; at < 0x20000; at += 4)
		assert_int_equal(changed(at, 2), 0);
	assert_in_range(changed(0x10000, BLOCK), BLOCK / 4, BLOCK / 2);
	assert_power_is_off();
}

/* Both in one cycle: the second never begins. */
static void cut_in_first_of_two(void **state)
{
	(void)state;
	make("", 0, 0, 1);
	wr(0, 0x00e800ff);
	wr(0, 0x000000ff);
	wr(0x30000, 0x00000040);
	wr(0x70000, 0x00d00000);
	assert_int_equal(changed(0x30000, 4), 0);
	assert_in_range(changed(0x70000, 4), 1, 2);
	assert_int_equal(fake.nr_ends, 1);
	assert_status(0);
}

/* A medium that does not take what a cut would leave is a failure. */
static void cut_that_fails(void **state)
{
	(void)state;
	make("", 0, 0, 1);
	fake.pwrite = ENOSPC;
	erase(0x30000);
	assert_untouched();
	assert_true(fake.failed);
	assert_status(0);
	assert_said("unable to leave half an operation: No space left");
	assert_int_equal(quiesce(), -EIO);
	assert_int_equal(fake.nr_syncs, 0);
}

/* What failed before is not forgotten. */
static void failure_before_cut(void **state)
{
	(void)state;
	make("", 0, 0, 2);
	fake.pwrite = EIO;
	program(0x100, 0);
	fake.pwrite = 0;
	program(0x100, 0);
	assert_int_equal(fake.nr_ends, 1);
	assert_false(fake.failed);
	assert_int_equal(quiesce(), -EIO);
}

static void cut_never_reached(void **state)
{
	(void)state;
	make("", 0, 0, 3);
	program(0x100, 0);
	erase(0x10000);
	assert_status(0x80);
	assert_int_equal(quiesce(), 0);
	assert_int_equal(fake.nr_ends, 0);
	cmd(0, 0xff);
	assert_true(flash->slot.mapped);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BANK_TEST(options_arrive),
		BANK_TEST(program_fails),
		BANK_TEST(erase_fails),
		BANK_TEST(both_fail),
		BANK_TEST(what_counts),
		BANK_TEST(cut_in_program),
		BANK_TEST(cut_in_program_over_pages),
		BANK_TEST(cut_in_erase),
		BANK_TEST(cut_in_erase_of_one_chip),
		BANK_TEST(cut_in_first_of_two),
		BANK_TEST(cut_that_fails),
		BANK_TEST(failure_before_cut),
		BANK_TEST(cut_never_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
