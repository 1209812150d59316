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
/*
 * A bank whose writes KVM takes while it is not mapped: what the guest sees is
 * the same, and the array is mapped when it is read.
 */
#include <errno.h>
#include <string.h>

#include "bank_fixture.h"

#define READ_ID	     0x90
#define READ_STATUS  0x70
#define READ_ARRAY   0xff
#define CLEAR_STATUS 0x50

static int setup_coalesce(void **state)
{
	if (setup(state))
		return -1;
	drop_bank();
	fake.coalesce = true;
	return make_bank("");
}

static int teardown_coalesce(void **state)
{
	mmio_ring_destroy(&vm.ring);
	return teardown(state);
}

static bool kvm_cmd(u64 offset, u16 command)
{
	return kvm_wr(offset, command * 0x10001U);
}

static u32 array_word(u64 offset)
{
	u32 word;

	memcpy(&word, flash->store.array + offset, sizeof(word));
	return word;
}

/* Leaves array mode by a command that exits, as the first one always does. */
static void leave_array_mode(void)
{
	assert_false(kvm_cmd(0, READ_STATUS));
	assert_false(flash->slot.mapped);
	assert_true(vm.ring.open);
}

static void nothing_is_taken_while_mapped(void **state)
{
	(void)state;
	assert_true(flash->slot.mapped);
	assert_int_equal(fake.nr_zones, 0);
	for (int i = 0; i < 3; i++)
		assert_false(kvm_cmd(0, READ_ARRAY));
	assert_int_equal(flash->stats.writes, 3);
	assert_int_equal(flash->slot.updates, 1);
	assert_int_equal(fake.nr_zones, 0);
}

static void zone_comes_with_the_first_command(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		leave_array_mode();
		assert_true(kvm_cmd(0, READ_ARRAY));
		assert_int_equal(rd(0, 4), array_word(0));
	}
	assert_int_equal(fake.nr_zones, 1);
}

/* A write of 128 bytes as EDK2 does it. */
static void buffered_program(void **state)
{
	(void)state;
	assert_false(kvm_cmd(0x1008, READ_ID));
	assert_int_equal(rd(0x1008, 4), 0);
	assert_true(kvm_cmd(0x1000, 0xe8));
	assert_status(0x80);
	assert_true(kvm_cmd(0x1000, 31));
	for (u32 i = 0; i < 32; i++)
		assert_true(kvm_wr(0x1000 + 4 * i, ~i));
	assert_true(kvm_cmd(0, 0xd0));
	assert_true(kvm_cmd(0, READ_STATUS));
	assert_status(0x80);
	assert_true(kvm_cmd(0, CLEAR_STATUS));
	assert_true(kvm_cmd(0, READ_ARRAY));
	for (u32 i = 0; i < 32; i++) {
		u64 at = 0x1000 + 4 * i;
		u32 before = (u32)(pattern(at) | pattern(at + 1) << 8 |
				   pattern(at + 2) << 16) |
			     (u32)pattern(at + 3) << 24;

		assert_int_equal(rd(at, 4), before & ~i);
	}
	assert_true(flash->slot.mapped);
	assert_int_equal(flash->stats.absorbed, 1 + 1 + 32 + 2 + 2);
	assert_int_equal(flash->stats.programs, 1);
	assert_true(fake.order_kept);
	assert_file_is_array();
}

/* Accesses in batches have no use for the ring, even while it is open. */
static void ring_gives_way_to_batches(void **state)
{
	(void)state;
	leave_array_mode();
	assert_true(kvm_cmd(0, 0x20));
	atomic_store(&flash->region.in_batches, 1);
	wr(0, 0xd000d0); /* as a batch does it: erases */
	assert_int_equal(flash->stats.erases, 1);
	assert_int_equal(flash->stats.absorbed, 1);
	assert_false(vm.ring.open);
	assert_false(kvm_cmd(0, READ_ARRAY));
	assert_int_equal(rd(0, 4), 0xffffffff);
	assert_true(flash->slot.mapped);
	assert_false(kvm_cmd(0, READ_STATUS));
	assert_false(vm.ring.open);
	/* No more batches: the next write that exits opens it again. */
	atomic_store(&flash->region.in_batches, 0);
	assert_false(kvm_cmd(0, CLEAR_STATUS));
	assert_true(vm.ring.open);
	assert_true(kvm_cmd(0, READ_ARRAY));
	assert_int_equal(rd(0, 4), 0xffffffff);
	assert_file_is_array();
}

static void mapped_when_read(void **state)
{
	(void)state;
	leave_array_mode();
	assert_true(kvm_cmd(0, READ_ARRAY));
	assert_false(flash->slot.mapped);
	/* Another command at once: it was not worth mapping. */
	assert_true(kvm_cmd(0, READ_ID));
	assert_int_equal(rd(0, 4), 0x00890089);
	assert_false(flash->slot.mapped);
	assert_true(kvm_cmd(0, READ_ARRAY));
	assert_int_equal(rd(8, 8), array_word(8) | (u64)array_word(12) << 32);
	assert_true(flash->slot.mapped);
	assert_false(vm.ring.open);
	assert_int_equal(flash->slot.updates, 3);
	assert_int_equal(fake.nr_pauses, 1);
}

static bool no_syndrome(u64 offset, bool is_write)
{
	return flash->region.ops->no_syndrome(&flash->region, offset, is_write);
}

static void access_without_syndrome(void **state)
{
	(void)state;
	leave_array_mode();
	assert_false(no_syndrome(0, false));
	assert_true(kvm_cmd(0, READ_ARRAY));
	assert_false(no_syndrome(0, true));
	assert_false(flash->slot.mapped);
	assert_true(no_syndrome(0, false));
	assert_true(flash->slot.mapped);
}

static void late_command(void)
{
	fake.late = NULL;
	assert_true(kvm_cmd(0, READ_STATUS));
}

/* Another vCPU's command that KVM had taken before it could be told not to. */
static void command_while_mapping(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		leave_array_mode();
		assert_true(kvm_cmd(0, READ_ARRAY));
		fake.late = late_command;
		if (i)
			assert_false(no_syndrome(0, false));
		else
			assert_status(0x80);
		assert_false(flash->slot.mapped);
		assert_true(vm.ring.open);
		assert_true(kvm_cmd(0, READ_ARRAY));
		assert_int_equal(rd(0, 4), array_word(0));
	}
}

static void kvm_refuses_the_zone(void **state)
{
	(void)state;
	fake.zone = ENOSPC;
	buffer_program(0x2000, 0, 32);
	assert_status(0x80);
	assert_false(vm.ring.open);
	cmd(0, READ_ARRAY);
	assert_int_equal(rd(0x2000, 4), 0);
	assert_true(flash->slot.mapped);
	assert_int_equal(flash->stats.absorbed, 0);
	assert_int_equal(fake.nr_zones, 1);
}

/* Slow but right: everything traps or is taken. */
static void kvm_refuses_to_map(void **state)
{
	(void)state;
	leave_array_mode();
	fake.map = ENOMEM;
	assert_true(kvm_cmd(0, READ_ARRAY));
	assert_int_equal(rd(4, 4), array_word(4));
	assert_false(flash->slot.mapped);
	assert_true(vm.ring.open);
	assert_true(kvm_cmd(0, READ_STATUS));
	assert_status(0x80);
	fake.map = 0;
	assert_true(kvm_cmd(0, READ_ARRAY));
	assert_int_equal(rd(4, 4), array_word(4));
	assert_true(flash->slot.mapped);
}

static void reset_maps(void **state)
{
	(void)state;
	leave_array_mode();
	assert_true(kvm_cmd(0, 0x40));
	flash->dev.ops->reset(&flash->dev);
	assert_true(flash->slot.mapped);
	assert_false(vm.ring.open);
	assert_untouched();
	assert_false(kvm_cmd(0, READ_ARRAY));
}

/* What was confirmed is done, though nobody looked any more. */
static void quiesce_drains(void **state)
{
	(void)state;
	leave_array_mode();
	assert_true(kvm_cmd(0x100, 0x40));
	assert_true(kvm_wr(0x100, 0));
	assert_int_equal(flash->dev.ops->quiesce(&flash->dev), 0);
	assert_int_equal(array_word(0x100), 0);
	assert_int_equal(fake.nr_syncs, 1);
	assert_file_is_array();
}

/*
 * A UART wants the ring as well. The bank stays mapped, its zone goes, and
 * comes again with the next command: that one exits, as it always does.
 */
static void beside_registers(void **state)
{
	struct mmio_zone registers = { .base = BASE - SZ_64K, .size = 1 };
	u64 updates;

	(void)state;
	assert_int_equal(evloop_init(&vm.loop), 0);
	leave_array_mode();
	assert_true(kvm_cmd(0, READ_ARRAY));
	assert_int_equal(rd(0, 4), array_word(0));
	assert_false(vm.ring.open);
	updates = flash->slot.updates;
	while (!vm.ring.open) {
		pthread_mutex_lock(&vm.ring.lock);
		mmio_ring_open_registers(&vm.ring, &registers);
		pthread_mutex_unlock(&vm.ring.lock);
	}
	assert_int_equal(fake.nr_removals, 1);
	assert_true(flash->slot.mapped);
	assert_int_equal(flash->slot.updates, updates);
	leave_array_mode();
	assert_true(kvm_cmd(0, READ_ARRAY));
	assert_int_equal(rd(0, 4), array_word(0));
	assert_false(vm.ring.open);
	assert_true(flash->slot.mapped);
	assert_int_equal(fake.nr_zones, 3);
	assert_int_equal(fake.nr_removals, 1);
	/* Batches of the flash are no reason to close it for others. */
	while (!vm.ring.open) {
		pthread_mutex_lock(&vm.ring.lock);
		mmio_ring_open_registers(&vm.ring, &registers);
		pthread_mutex_unlock(&vm.ring.lock);
	}
	atomic_store(&flash->region.in_batches, 1);
	assert_false(kvm_cmd(0, READ_STATUS));
	assert_false(kvm_cmd(0, READ_ARRAY));
	assert_true(vm.ring.open);
	mmio_ring_remove_zone(&vm.ring, &registers);
	evloop_timer_destroy(&vm.loop, &vm.ring.timer);
	vm.ring.has_timer = false;
	evloop_destroy(&vm.loop);
}

#define COALESCE_TEST(f) \
	cmocka_unit_test_setup_teardown(f, setup_coalesce, teardown_coalesce)

int main(void)
{
	const struct CMUnitTest tests[] = {
		COALESCE_TEST(nothing_is_taken_while_mapped),
		COALESCE_TEST(zone_comes_with_the_first_command),
		COALESCE_TEST(buffered_program),
		COALESCE_TEST(ring_gives_way_to_batches),
		COALESCE_TEST(mapped_when_read),
		COALESCE_TEST(access_without_syndrome),
		COALESCE_TEST(command_while_mapping),
		COALESCE_TEST(kvm_refuses_the_zone),
		COALESCE_TEST(kvm_refuses_to_map),
		COALESCE_TEST(reset_maps),
		COALESCE_TEST(quiesce_drains),
		COALESCE_TEST(beside_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
