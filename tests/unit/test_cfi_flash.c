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
/* A flash bank: access widths, when it is mapped, the device's operations. */
#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bank_fixture.h"
#include "lkvm/vmm/fdt.h"

static u64 updates(void)
{
	return flash->slot.updates;
}

/* ---- Mapping ------------------------------------------------------------- */

static void mapped_at_first(void **state)
{
	(void)state;
	assert_true(flash->slot.mapped);
	assert_int_equal(updates(), 1);
	assert_int_equal(flash->slot.gpa, BASE);
	assert_int_equal(flash->slot.size, SIZE);
	assert_ptr_equal(flash->slot.hva, flash->store.array);
	assert_false(flash->region.code);
	assert_untouched();
}

/* In array mode: what leaves it in array mode is no update. */
static void no_update_in_array_mode(void **state)
{
	static const u16 commands[] = { 0xff, 0x50, 0xf0, 0xaa, 0x55, 0xd0,
					0xb0, 0x00, 0x41, 0xe9, 0x30 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		cmd(0, commands[i]);
		cmd(0x1554, commands[i]);
		wr_len(0x100, 0x10001ULL * commands[i], 8);
		wr_len(0x100, 0x70, 1);
		wr_len(0x100, 0x70, 2);
		wr_len(0x101, 0x700070, 4);
		assert_true(flash->slot.mapped);
	}
	assert_int_equal(updates(), 1);
}

/* Nor is what goes on outside of it. */
static void no_update_outside_array_mode(void **state)
{
	static const u16 commands[] = { 0x70, 0x90, 0x98, 0x50, 0xf0, 0x60,
					0x01, 0xe8, 0x00, 0x12, 0x34, 0x20,
					0x00, 0x40, 0xff, 0xc0, 0xff, 0x80,
					0xff, 0xbc, 0xff, 0x70 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		cmd(0, commands[i]);
		assert_int_equal(updates(), 2);
		assert_false(flash->slot.mapped);
		rd(0, 4);
	}
	cmd(0, 0xff);
	assert_int_equal(updates(), 3);
	assert_true(flash->slot.mapped);
}

/* A buffered program and its return to array mode: one pair. */
static void updates_of_buffered_program(void **state)
{
	(void)state;
	buffer_program(0x1000, 0x12345678, 32);
	cmd(0, 0x70);
	assert_status(0x80);
	cmd(0, 0x50);
	cmd(0, 0xff);
	assert_int_equal(updates(), 3);
}

/* There and back in one access is no way to go at all. */
static void status_and_back_in_one_write(void **state)
{
	(void)state;
	wr_len(0, 0x00ff00ff00700070, 8);
	assert_true(flash->slot.mapped);
	wr_len(0, 0x0070007000ff00ff, 8);
	assert_false(flash->slot.mapped);
}

/* One chip is enough to have everything trap. */
static void one_chip_in_array_mode(void **state)
{
	(void)state;
	wr(0, 0x007000ff);
	assert_false(flash->slot.mapped);
	wr(0, 0x00ff00f0);
	assert_true(flash->slot.mapped);
	wr(0, 0x00ff0090);
	assert_false(flash->slot.mapped);
	wr(0, 0x002000ff);
	assert_false(flash->slot.mapped);
}

/*
 * The guest never reads an array that is being changed: without FWB it might
 * keep what it saw. Not even if one access both begins and ends a command.
 */
static void unmapped_before_any_change(void **state)
{
	(void)state;
	program(0x100, 0);
	cmd(0, 0xff);
	erase(0x10000);
	cmd(0, 0xff);
	buffer_program(0x20000, 0, 512);
	cmd(0, 0xff);
	assert_true(fake.order_kept);
	wr_len(0x200, 0x0000000000400040, 8);
	assert_int_equal(rd(0, 4), 0x800080);
	assert_true(fake.order_kept);
	cmd(0, 0xff);
	wr_len(0x30000, 0x00d000d000200020, 8);
	assert_true(fake.order_kept);
}

/* It goes on trapping, which is slow but right, and is tried again. */
static void map_fails(void **state)
{
	(void)state;
	cmd(0, 0x70);
	fake.map = ENOMEM;
	cmd(0, 0xff);
	assert_false(flash->slot.mapped);
	assert_int_equal(nr_guest, 1);
	assert_said("flash0: unable to map the array: Cannot allocate memory");
	for (u64 i = 0; i < 4096; i += 4) {
		u32 want;

		memcpy(&want, flash->store.array + i, 4);
		assert_int_equal(rd(i, 4), want);
	}
	cmd(0, 0x90);
	assert_int_equal(rd(0, 4), 0x890089);
	cmd(0, 0xff);
	fake.map = 0;
	cmd(0, 0xff);
	assert_true(flash->slot.mapped);
	assert_int_equal(updates(), 3);
}

static void map_fails_at_first(void **state)
{
	(void)state;
	drop_bank();
	fake.map = ENOMEM;
	assert_int_equal(make_bank(""), 0);
	assert_false(flash->slot.mapped);
	assert_int_equal(rd(5, 1), pattern(5));
}

static void unmap_fails(void **state)
{
	(void)state;
	fake.unmap = ENOMEM;
	cmd(0, 0x70);
	assert_true(flash->slot.mapped);
	assert_said("flash0: unable to unmap the array");
	/* The guest reads around the chips: the run has to end. */
	assert_int_equal(fake.nr_ends, 1);
	assert_true(fake.failed);
	/* What traps nevertheless is answered as it ought to be. */
	assert_status(0x80);
	fake.unmap = 0;
	cmd(0, 0x70);
	assert_false(flash->slot.mapped);
}

/* An access without syndrome is worth another try if the array is there. */
static void no_syndrome(void **state)
{
	const struct mmio_ops *ops = flash->region.ops;

	(void)state;
	assert_true(ops->no_syndrome(&flash->region, 0x10, false));
	assert_false(ops->no_syndrome(&flash->region, 0x10, true));
	assert_int_equal(updates(), 1);
	cmd(0, 0x70);
	assert_false(ops->no_syndrome(&flash->region, 0x10, false));
	assert_false(ops->no_syndrome(&flash->region, 0x10, true));
	assert_int_equal(updates(), 2);
	/* Back in array mode, but KVM would not have it: now perhaps. */
	fake.map = ENOMEM;
	cmd(0, 0xff);
	assert_false(ops->no_syndrome(&flash->region, 0x10, false));
	fake.map = 0;
	assert_true(ops->no_syndrome(&flash->region, 0x10, false));
	assert_true(flash->slot.mapped);
}

/* ---- Reads of each width in each mode ------------------------------------ */

/* What a chip shows; it follows the commands sent by show(). */
enum shown {
	ARRAY,
	STATUS,
	ID
};

static enum shown shown[2];

static void show(enum shown first, enum shown second)
{
	static const u16 commands[] = { 0xff, 0x70, 0x90 };

	shown[0] = first;
	shown[1] = second;
	wr(0, commands[first] | (u32)commands[second] << 16);
}

/* A halfword of the ID plane, as far as the tests look. */
static u16 id_of(u64 word)
{
	static const char query[] = "QRY\x01\0\x31\0\0\0\0\0"
				    "\x17\x20\0\0\x08\x09\x0a";

	word %= BLOCK / 4;
	if (word >= 0x10 && word < 0x10 + sizeof(query) - 1)
		return (u8)query[word - 0x10];
	return word == 0 ? 0x89 : word == 1 ? 0x18 : word == 5 ? 0xbfcf : 0;
}

static u8 byte_at(u64 offset)
{
	unsigned int chip = offset / 2 % 2;
	u16 half = 0x80;

	if (shown[chip] == ARRAY)
		return pattern(offset);
	if (shown[chip] == ID)
		half = id_of(offset / 4);
	return (u8)(half >> (8 * (offset % 2)));
}

/* All widths, at all offsets of [from, from + 32) that lie in the bank. */
static void assert_reads(u64 from)
{
	for (unsigned int len = 1; len <= 8; len *= 2) {
		for (u64 at = from; at < from + 32 && at + len <= SIZE; at++) {
			u64 want = 0;

			for (unsigned int i = 0; i < len; i++)
				want |= (u64)byte_at(at + i) << (8 * i);
			if (rd(at, len) != want)
				fail_msg("modes %d %d: %u bytes at %#lx: %#lx, "
					 "not %#lx",
					 (int)shown[0], (int)shown[1], len,
					 (long)at, (long)rd(at, len),
					 (long)want);
		}
	}
}

static void reads_of_each_width(void **state)
{
	(void)state;
	for (enum shown first = ARRAY; first <= ID; first++) {
		for (enum shown second = ARRAY; second <= ID; second++) {
			show(first, second);
			assert_reads(0);
			assert_reads(0x38);
			assert_reads(0x58);
			assert_reads(BLOCK - 16);
			assert_reads(SIZE - 32);
		}
	}
}

/* What Linux looks for, and U-Boot at 32 bits but at no other width. */
static void probes(void **state)
{
	(void)state;
	cmd(0, 0xf0);
	cmd(0x154, 0x98);
	assert_int_equal(rd(0x40, 4), 0x00510051);
	assert_int_equal(rd(0x44, 4), 0x00520052);
	assert_int_equal(rd(0x48, 4), 0x00590059);
	assert_int_equal(rd(0x9c, 4), 0x00130013); /* 512 KiB each */
	assert_int_equal(rd(0xa8, 4), 0x000a000a); /* buffers of 1 KiB */
	cmd(0, 0xff);
	wr_len(0x154, 0x98, 2);
	assert_int_not_equal(rd(0x40, 2), 0x51);
	wr_len(0x54, 0x98, 1);
	assert_int_not_equal(rd(0x40, 1), 0x51);
	/* FreeBSD sends it to one chip only. */
	wr(0x154, 0x98);
	assert_int_equal(rd(0x40, 2), 0x51);
	assert_int_equal(rd(0x42, 2), pattern(0x42) | pattern(0x43) << 8);
}

/* Past the end there is no bank, nor does one end halfway. */
static void end_of_bank(void **state)
{
	(void)state;
	cmd(0, 0x70);
	assert_int_equal(rd(SIZE - 4, 4), 0x800080);
	assert_int_equal(rd(SIZE - 1, 1), 0);
	assert_int_equal(rd(SIZE - 2, 1), 0x80);
	assert_int_equal(rd(SIZE - 4, 8), 0);
	assert_int_equal(rd(SIZE, 4), 0);
	wr_len(SIZE - 4, 0x00ff00ff00ff00ff, 8);
	assert_false(flash->slot.mapped);
	wr(SIZE - 4, 0x00ff00ff);
	assert_true(flash->slot.mapped);
}

/* ---- Writes of each width ------------------------------------------------ */

/* Less than a word, or not aligned, strobes neither chip; that is told. */
static void narrow_writes(void **state)
{
	static const struct {
		u64 offset;
		unsigned int len;
	} cases[] = {
		{ 0, 1 }, { 3, 1 }, { 0, 2 }, { 2, 2 }, { 1, 2 }, { 1, 4 },
		{ 2, 4 }, { 3, 4 }, { 1, 8 }, { 2, 8 }, { 6, 8 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		wr_len(cases[i].offset, 0x0070007000700070, cases[i].len);
		assert_true(flash->slot.mapped);
		assert_int_equal(nr_guest, i + 1);
	}
	assert_said("flash0: ignored a write of 1 bytes at offset 0x3");
	/* Not in the middle of a command either. */
	cmd(0, 0x40);
	wr_len(0x200, 0, 2);
	wr_len(0x202, 0, 1);
	assert_untouched();
	wr(0x200, 0);
	assert_rest_untouched(0x200, 4);
	assert_int_equal(updates(), 2);
}

/* Two cycles, the lower address first; aligned to the bus, not to 8. */
static void wide_writes(void **state)
{
	(void)state;
	wr_len(0x100, 0x1234567800400040, 8);
	assert_rest_untouched(0x104, 4);
	assert_int_equal(flash->store.array[0x104], pattern(0x104) & 0x78);
	assert_int_equal(flash->store.array[0x107], pattern(0x107) & 0x12);
	assert_status(0x80);
	/* Data and the next command. */
	cmd(0, 0x10);
	wr_len(0x104, 0x00ff00ff00000000, 8);
	assert_rest_untouched(0x104, 4);
	assert_int_equal(flash->store.array[0x104], 0);
	assert_true(flash->slot.mapped);
	/* An erase: the second cycle's address is the upper word's. */
	wr_len(BLOCK - 4, 0x00d000d000200020, 8);
	assert_status(0x80);
	assert_int_equal(flash->store.array[BLOCK], 0xff);
	assert_int_equal(flash->store.array[BLOCK - 1], pattern(BLOCK - 1));
}

static void wide_buffer(void **state)
{
	(void)state;
	wr_len(0x400, 0x0003000300e800e8, 8);
	wr_len(0x400, 0, 8);
	wr_len(0x408, 0, 8);
	assert_untouched();
	cmd(0, 0xd0);
	assert_status(0x80);
	assert_rest_untouched(0x400, 16);
	assert_int_equal(flash->store.array[0x40f], 0);
}

/* The halves of a word are commands of their own. */
static void halves_differ(void **state)
{
	(void)state;
	wr(0, 0x00ff0070);
	assert_int_equal(rd(0x40, 2), 0x80);
	assert_int_equal(rd(0x42, 2), pattern(0x42) | pattern(0x43) << 8);
	wr(0, 0x0090ffff);
	assert_int_equal(rd(0, 2), pattern(0) | pattern(1) << 8);
	assert_int_equal(rd(2, 2), 0x89);
	wr(0, 0x000000ff);
	assert_int_equal(rd(2, 2), 0x89);
	/* One chip locks, the other does not. */
	wr(0, 0x00ff0060);
	wr(0, 0x00ff0001);
	cmd(0, 0x90);
	assert_int_equal(rd(8, 4), 0x00000001);
}

/* ---- The device ---------------------------------------------------------- */

static void reset(void **state)
{
	static const u16 ways[] = { 0x70, 0x90, 0x40, 0x20, 0x60,
				    0xe8, 0xc0, 0x80, 0xbc };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		cmd(0, 0x60);
		cmd(0, 0x2f);
		program(0, 0);
		assert_status(0x92);
		cmd(0, ways[i]);
		flash->dev.ops->reset(&flash->dev);
		assert_true(flash->slot.mapped);
		assert_int_equal(rd(4, 4), *(u32 *)&flash->store.array[4]);
		cmd(0, 0x90);
		assert_int_equal(rd(8, 4), 0);
		cmd(0, 0x70);
		assert_status(0x80);
		cmd(0, 0xff);
	}
	/* No update for a bank that is in array mode. */
	u64 before = updates();

	flash->dev.ops->reset(&flash->dev);
	assert_int_equal(updates(), before);
	assert_untouched();
}

/* Half a buffer is nothing at all. */
static void reset_between_data(void **state)
{
	(void)state;
	cmd(0, 0xe8);
	cmd(0, 3);
	wr(0x100, 0);
	wr(0x104, 0);
	flash->dev.ops->reset(&flash->dev);
	cmd(0, 0xd0);
	assert_true(flash->slot.mapped);
	assert_untouched();
}

static void quiesce(void **state)
{
	const struct device_ops *ops = flash->dev.ops;

	(void)state;
	assert_int_equal(ops->quiesce(&flash->dev), 0);
	assert_int_equal(fake.nr_syncs, 0);
	program(0, 0);
	fake.fdatasync = EIO;
	assert_int_equal(ops->quiesce(&flash->dev), -EIO);
	assert_said(PATH);
	assert_said("unable to make the content durable: Input/output error");
	/* What was lost then is lost, whatever comes later. */
	fake.fdatasync = 0;
	assert_int_equal(ops->quiesce(&flash->dev), -EIO);
	assert_int_equal(fake.nr_syncs, 1);
}

static const void *prop(const void *blob, int node, const char *name, int len)
{
	int found = -1;
	const void *value = fdt_getprop(blob, node, name, &found);

	assert_non_null(value);
	assert_int_equal(found, len);
	return value;
}

static void device_tree_node(void **state)
{
	static const u8 reg[16] = { 0, 0, 0, 0, 2, 0,	 0, 0,
				    0, 0, 0, 0, 0, 0x10, 0, 0 };
	struct fdt_writer fdt;
	void *blob;
	size_t size;
	int node;

	(void)state;
	assert_int_equal(fdt_writer_init(&fdt), 0);
	flash->dev.ops->fdt_node(&flash->dev, &fdt);
	assert_int_equal(fdt_writer_finish(&fdt, &blob, &size), 0);
	node = fdt_path_offset(blob, "/flash@2000000");
	assert_true(node >= 0);
	assert_string_equal(prop(blob, node, "compatible", 10), "cfi-flash");
	assert_string_equal(prop(blob, node, "label", 16), "System-firmware");
	assert_memory_equal(prop(blob, node, "reg", 16), reg, 16);
	assert_memory_equal(prop(blob, node, "bank-width", 4), "\0\0\0\4", 4);
	prop(blob, node, "no-unaligned-direct-access", 0);
	free(blob);
}

/* ---- When it cannot be made ---------------------------------------------- */

/* The store is closed: its file can be opened again, no descriptor leaks. */
static void creation_fails(void **state)
{
	int fd;

	(void)state;
	drop_bank();
	fd = next_fd();
	fake.init = ENOSPC;
	assert_int_equal(make_bank(""), -ENOSPC);
	assert_null(flash);
	assert_int_equal(nr_fatal, 1);
	assert_said(PATH);
	assert_said("No space left on device");
	assert_int_equal(next_fd(), fd);
	fake.init = 0;
	assert_int_equal(make_bank(""), 0);
}

static void place_is_taken(void **state)
{
	struct cfi_flash_params params = {
		.name = "flash1",
		.label = "x",
		.base = BASE + BLOCK,
		.block = BLOCK,
	};
	struct flash_config config = config_of("g", ",create,size=64K");
	struct cfi_flash *second = NULL;
	int fd = next_fd();

	(void)state;
	assert_int_equal(
		flash_store_open(&params.store, &config, BLOCK, WINDOW), 0);
	assert_int_equal(cfi_flash_create(&vm.slots, &bus, &params, &second),
			 -EEXIST);
	assert_null(second);
	assert_said("flash1");
	assert_int_equal(fake.nr_released, 1);
	assert_int_equal(next_fd(), fd);
}

static void no_such_geometry(void **state)
{
	struct cfi_flash_params params = {
		.name = "flash1",
		.label = "x",
		.base = BASE + SIZE,
		.block = BLOCK + 4096,
	};
	struct flash_config config = config_of("g", ",create,size=64K");
	struct cfi_flash *second = NULL;
	int fd = next_fd();

	(void)state;
	assert_int_equal(
		flash_store_open(&params.store, &config, BLOCK, WINDOW), 0);
	assert_int_equal(cfi_flash_create(flash->slot.slots, &bus, &params,
					  &second),
			 -EINVAL);
	assert_int_equal(next_fd(), fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BANK_TEST(mapped_at_first),
		BANK_TEST(no_update_in_array_mode),
		BANK_TEST(no_update_outside_array_mode),
		BANK_TEST(updates_of_buffered_program),
		BANK_TEST(status_and_back_in_one_write),
		BANK_TEST(one_chip_in_array_mode),
		BANK_TEST(unmapped_before_any_change),
		BANK_TEST(map_fails),
		BANK_TEST(map_fails_at_first),
		BANK_TEST(unmap_fails),
		BANK_TEST(no_syndrome),
		BANK_TEST(reads_of_each_width),
		BANK_TEST(probes),
		BANK_TEST(end_of_bank),
		BANK_TEST(narrow_writes),
		BANK_TEST(wide_writes),
		BANK_TEST(wide_buffer),
		BANK_TEST(halves_differ),
		BANK_TEST(reset),
		BANK_TEST(reset_between_data),
		BANK_TEST(quiesce),
		BANK_TEST(device_tree_node),
		BANK_TEST(creation_fails),
		BANK_TEST(place_is_taken),
		BANK_TEST(no_such_geometry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
