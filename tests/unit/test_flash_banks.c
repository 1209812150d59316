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
/* Two banks that share the ring of writes that KVM takes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bank_fixture.h"

#define READ_ID	    0x90
#define READ_STATUS 0x70
#define READ_ARRAY  0xff
#define PROGRAM	    0x40

/* The banks' offsets on the bus. */
#define A 0
#define B SIZE

static int setup_banks(void **state)
{
	if (setup(state))
		return -1;
	drop_bank();
	fake.coalesce = true;
	if (make_bank(""))
		return -1;
	make_second_bank();
	return 0;
}

static int teardown_banks(void **state)
{
	int ret = teardown(state);

	mmio_ring_destroy(&vm.ring);
	return ret;
}

static struct cfi_flash *bank_at(u64 offset)
{
	return offset < SIZE ? flash : flash2;
}

static bool kvm_cmd(u64 offset, u16 command)
{
	return kvm_wr(offset, command * 0x10001U);
}

static u32 array_word(u64 offset)
{
	u32 word;

	memcpy(&word, bank_at(offset)->store.array + offset % SIZE,
	       sizeof(word));
	return word;
}

static bool is_mapped(u64 offset)
{
	return bank_at(offset)->slot.mapped;
}

/* What has to hold whenever the guest can run. */
static void check_rule(void)
{
	assert_false(vm.ring.open && flash->zone.added && flash->slot.mapped);
	assert_false(vm.ring.open && flash2->zone.added && flash2->slot.mapped);
	assert_true(fake.order_kept);
}

/* Both have their zones and are unmapped, in status mode. */
static void leave_array_modes(void)
{
	kvm_cmd(A, READ_STATUS);
	kvm_cmd(B, READ_STATUS);
	assert_false(is_mapped(A) || is_mapped(B));
	assert_true(vm.ring.open);
}

static void map_by_reading(u64 offset)
{
	kvm_cmd(offset, READ_ARRAY);
	assert_int_equal(rd(offset, 4), array_word(offset));
	assert_true(is_mapped(offset));
	check_rule();
}

/* Until its first command a bank has nothing to do with the ring. */
static void bank_without_zone(void **state)
{
	(void)state;
	assert_false(kvm_cmd(A, READ_STATUS));
	assert_true(vm.ring.open);
	assert_true(is_mapped(B));
	assert_int_equal(fake.nr_zones, 1);
	for (u32 i = 0; i < 100; i++)
		assert_true(kvm_cmd(A, READ_STATUS));
	assert_int_equal(rd(B, 4), ~0U);
	assert_true(vm.ring.open && is_mapped(B));
	flash2->dev.ops->reset(&flash2->dev);
	assert_true(vm.ring.open && is_mapped(B));
	assert_int_equal(fake.nr_pauses, 0);
	assert_false(kvm_cmd(B, READ_STATUS));
	assert_int_equal(fake.nr_zones, 2);
	assert_false(is_mapped(B));
	assert_true(kvm_cmd(B, READ_STATUS));
}

static void both_are_taken(void **state)
{
	(void)state;
	leave_array_modes();
	for (u32 i = 0; i < 16; i++) {
		assert_true(kvm_cmd(A + 4 * i, PROGRAM));
		assert_true(kvm_cmd(B + 8 * i, PROGRAM));
		assert_true(kvm_wr(A + 4 * i, i));
		assert_true(kvm_wr(B + 8 * i, ~i));
	}
	assert_int_equal(flash->stats.absorbed, 0);
	/* Whoever looks at one gets both done, in their order. */
	assert_int_equal(rd(B, 4), 0x00800080);
	assert_int_equal(flash->stats.programs, 16);
	assert_int_equal(flash2->stats.programs, 16);
	assert_int_equal(flash->stats.absorbed, 32);
	assert_int_equal(flash2->stats.absorbed, 32);
	for (u32 i = 0; i < 16; i++)
		assert_int_equal(array_word(B + 8 * i), ~i);
	check_rule();
}

/* While one is mapped the other's writes exit, and do what they should. */
static void mapped_one_closes_for_both(void **state)
{
	(void)state;
	leave_array_modes();
	map_by_reading(B);
	assert_int_equal(fake.nr_pauses, 1);
	assert_false(kvm_cmd(A, PROGRAM));
	assert_false(kvm_wr(A, 0));
	assert_int_equal(array_word(A), 0);
	assert_true(is_mapped(B));
	assert_int_equal(flash2->slot.updates, 3);
	/* Both mapped: nobody has to pause for that. */
	map_by_reading(A);
	assert_true(is_mapped(B));
	assert_int_equal(fake.nr_pauses, 1);
	/* The one that is written to is unmapped, the other one is not. */
	assert_false(kvm_cmd(A, READ_ID));
	assert_true(!is_mapped(A) && is_mapped(B));
	assert_false(kvm_cmd(B, READ_ID));
	assert_true(vm.ring.open);
	assert_true(kvm_cmd(A, READ_ID));
	check_rule();
}

/* A mapping that nobody uses is given up; one read brings it back. */
static void mapping_is_given_up(void **state)
{
	unsigned int exits = 0;

	(void)state;
	leave_array_modes();
	map_by_reading(B);
	while (exits < 1000 && !kvm_cmd(A, READ_STATUS))
		exits++;
	assert_in_range(exits, 10, 60);
	assert_false(is_mapped(B));
	check_rule();
	for (u32 i = 0; i < 100; i++)
		assert_true(kvm_cmd(A, READ_STATUS));
	assert_int_equal(rd(B + 8, 4), ~0U);
	assert_true(is_mapped(B));
	assert_false(vm.ring.open);
	assert_int_equal(rd(A, 4), 0x00800080);
	check_rule();
}

/* Reads and writes in turn: a few updates for many writes. */
static void reads_and_writes_in_turn(void **state)
{
	u64 before;

	(void)state;
	leave_array_modes();
	kvm_cmd(B, READ_ARRAY);
	before = flash2->slot.updates;
	for (u32 i = 0; i < 1000; i++) {
		kvm_cmd(A, READ_STATUS);
		if (!is_mapped(B))
			assert_int_equal(rd(B + 4, 4), ~0U);
		check_rule();
	}
	assert_in_range(flash2->slot.updates - before, 10, 100);
}

static void late_program(void)
{
	fake.late = NULL;
	assert_true(kvm_cmd(A + 0x10, PROGRAM));
	assert_true(kvm_wr(A + 0x10, 0));
	assert_true(kvm_cmd(B, READ_ID));
	assert_true(kvm_cmd(B, READ_ARRAY));
}

/* What other vCPUs still write to either is done before one is mapped. */
static void writes_while_mapping(void **state)
{
	(void)state;
	leave_array_modes();
	kvm_cmd(B, READ_ARRAY);
	fake.late = late_program;
	assert_int_equal(rd(B, 4), array_word(B));
	assert_true(is_mapped(B));
	assert_int_equal(array_word(A + 0x10), 0);
	assert_int_equal(flash->stats.programs, 1);
	check_rule();
}

static void late_status(void)
{
	fake.late = NULL;
	assert_true(kvm_cmd(A + 0x10, PROGRAM));
	assert_true(kvm_wr(A + 0x10, 0));
	assert_true(kvm_cmd(B, READ_STATUS));
}

static void command_while_mapping(void **state)
{
	(void)state;
	leave_array_modes();
	kvm_cmd(B, READ_ARRAY);
	fake.late = late_status;
	assert_int_equal(rd(B, 4), 0x00800080);
	assert_false(is_mapped(B));
	assert_int_equal(array_word(A + 0x10), 0);
	assert_true(vm.ring.open);
}

/* A bank whose zone KVM refused is mapped as it likes. */
static void zone_of_one_is_refused(void **state)
{
	(void)state;
	assert_false(kvm_cmd(A, READ_STATUS));
	fake.zone = ENOSPC;
	assert_false(kvm_cmd(B, READ_STATUS));
	map_by_reading(B);
	assert_true(vm.ring.open);
	assert_true(kvm_cmd(A, PROGRAM));
	assert_true(kvm_wr(A, 0));
	assert_int_equal(rd(B, 4), ~0U);
	assert_int_equal(rd(A, 4), 0x00800080);
	assert_int_equal(array_word(A), 0);
	assert_int_equal(fake.nr_pauses, 0);
	check_rule();
}

/* Nothing is lost at the end, whichever comes first. */
static void quiesce_drains_both(void **state)
{
	(void)state;
	leave_array_modes();
	assert_true(kvm_cmd(A + 0x100, PROGRAM));
	assert_true(kvm_wr(A + 0x100, 0));
	assert_true(kvm_cmd(B + 0x100, PROGRAM));
	assert_true(kvm_wr(B + 0x100, 1));
	assert_int_equal(flash2->dev.ops->quiesce(&flash2->dev), 0);
	assert_int_equal(flash->dev.ops->quiesce(&flash->dev), 0);
	assert_int_equal(array_word(A + 0x100), 0);
	assert_int_equal(array_word(B + 0x100), 1);
	assert_int_equal(fake.nr_syncs, 2);
	assert_file_is_array();
}

static void reset_of_both(void **state)
{
	(void)state;
	leave_array_modes();
	kvm_cmd(A, PROGRAM);
	flash->dev.ops->reset(&flash->dev);
	assert_true(is_mapped(A));
	check_rule();
	flash2->dev.ops->reset(&flash2->dev);
	assert_true(is_mapped(A) && is_mapped(B));
	check_rule();
	assert_untouched();
}

/* The rule holds whatever the guest does. */
static void any_sequence(void **state)
{
	static const u16 commands[] = { READ_ARRAY, READ_ARRAY, READ_STATUS,
					READ_ID,    PROGRAM,	0x20,
					0xd0,	    0x50 };

	(void)state;
	srandom(5);
	for (u32 i = 0; i < 20000; i++) {
		u64 offset =
			(random() & 1 ? A : B) + (u64)random() % (SIZE / 4) * 4;
		u16 command = commands[random() % 8];

		if (random() % 4)
			kvm_cmd(offset, command);
		else
			rd(offset, 4);
		check_rule();
	}
	assert_true(flash->stats.absorbed && flash2->stats.absorbed);
	assert_true(flash->stats.programs && flash2->stats.erases);
	assert_file_is_array();
}

#define BANKS_TEST(f) \
	cmocka_unit_test_setup_teardown(f, setup_banks, teardown_banks)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BANKS_TEST(bank_without_zone),
		BANKS_TEST(both_are_taken),
		BANKS_TEST(mapped_one_closes_for_both),
		BANKS_TEST(mapping_is_given_up),
		BANKS_TEST(reads_and_writes_in_turn),
		BANKS_TEST(writes_while_mapping),
		BANKS_TEST(command_while_mapping),
		BANKS_TEST(zone_of_one_is_refused),
		BANKS_TEST(quiesce_drains_both),
		BANKS_TEST(reset_of_both),
		BANKS_TEST(any_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
