/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/worker.c vmm/thread.c */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/operation.c hw/cfi_flash_stats.c */
/* SOURCES: hw/cfi_flash.c hw/cfi_chip.c hw/flash/store.c hw/flash/open.c */
/* SOURCES: hw/flash/file.c hw/flash/template.c hw/flash/fault.c util/file.c */
/* SOURCES: util/gzip.c util/json.c vmm/fdt.c vmm/mmio.c */
/* SOURCES: vmm/mmio_ring.c vmm/evloop.c */
/* SOURCES: tests/unit/bank_fixture.c tests/unit/flash_fixture.c */
/* WRAP: pwrite fdatasync ioctl madvise */
/* A bank of code in plain memory, which the guest writes to without us. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bank_fixture.h"

#define PAGE  4096
#define BYTES (2 * PAGE) /* of the file that are not zero */

static int madvise_error;

int __real_madvise(void *addr, size_t len, int advice);
int __wrap_madvise(void *addr, size_t len, int advice);

int __wrap_madvise(void *addr, size_t len, int advice)
{
	errno = madvise_error;
	return madvise_error ? -1 : __real_madvise(addr, len, advice);
}

static void make(const char *options)
{
	drop_bank();
	make_file(BYTES);
	assert_int_equal(truncate(PATH, SIZE), 0);
	fake.plain = true;
	assert_int_equal(make_bank(options), 0);
}

static void reset(void)
{
	flash->dev.ops->reset(&flash->dev);
	assert_true(flash->slot.mapped);
}

/* Pages of the array that need memory. */
static unsigned int resident(void)
{
	static unsigned char pages[SIZE / PAGE];
	unsigned int n = 0;

	assert_int_equal(mincore(flash->store.array, SIZE, pages), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		n += pages[i] & 1;
	return n;
}

static void assert_as_it_was(void)
{
	for (u64 at = 0; at < SIZE; at++)
		assert_int_equal(flash->store.array[at],
				 at < BYTES ? pattern(at) : 0);
}

static void writable_and_mapped(void **state)
{
	(void)state;
	make("");
	assert_true(flash->region.code);
	assert_false(flash->slot.readonly);
	assert_true(flash->slot.mapped);
	assert_ptr_equal(flash->slot.hva, flash->store.array);
	assert_as_it_was();
}

static void untouched_zeros_need_no_memory(void **state)
{
	(void)state;
	make("");
	assert_int_equal(resident(), BYTES / PAGE);
	flash->store.array[0]++;
	assert_int_equal(resident(), BYTES / PAGE);
	reset();
	assert_int_equal(resident(), BYTES / PAGE);
}

/* In pages with content, and in those without. */
static void guest_writes(void)
{
	u8 *array = flash->store.array;

	array[0] = (u8)~pattern(0);
	memset(array + PAGE, 0, PAGE);
	array[SIZE / 2] = 1;
	array[SIZE - 1] = 0xff;
}

static void reset_undoes_writes(void **state)
{
	static const char *const options[] = { "", ",ro", ",snapshot" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		make(options[i]);
		for (int n = 0; n < 2; n++) {
			guest_writes();
			reset();
			assert_as_it_was();
		}
	}
	assert_int_equal(fake.nr_ends, 0);
}

/* What the bank began with, whatever others do to the file. */
static void reset_without_the_file(void **state)
{
	(void)state;
	make(",ro");
	guest_writes();
	assert_int_equal(truncate(PATH, 0), 0);
	reset();
	assert_as_it_was();
}

/* A guest that would start in what the last one has left must not. */
static void reset_fails(void **state)
{
	(void)state;
	make("");
	madvise_error = ENOMEM;
	reset();
	madvise_error = 0;
	assert_int_equal(fake.nr_ends, 1);
	assert_true(fake.failed);
	assert_said("unable to undo what the guest wrote to memory: Cannot");
}

/* What a real bank was programmed with is its content. */
static void reset_of_flash(void **state)
{
	(void)state;
	program(0x100, 0);
	madvise_error = ENOMEM;
	reset();
	madvise_error = 0;
	assert_rest_untouched(0x100, 4);
	assert_int_equal(rd(0x100, 4), 0);
	assert_int_equal(fake.nr_ends, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BANK_TEST(writable_and_mapped),
		BANK_TEST(untouched_zeros_need_no_memory),
		BANK_TEST(reset_undoes_writes),
		BANK_TEST(reset_without_the_file),
		BANK_TEST(reset_fails),
		BANK_TEST(reset_of_flash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
