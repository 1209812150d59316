/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/worker.c vmm/thread.c */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/operation.c hw/cfi_flash_stats.c */
/* SOURCES: hw/cfi_flash.c hw/cfi_chip.c hw/flash/store.c hw/flash/open.c */
/* SOURCES: hw/flash/file.c hw/flash/template.c hw/flash/fault.c util/file.c */
/* SOURCES: util/gzip.c util/json.c vmm/fdt.c vmm/mmio.c */
/* SOURCES: vmm/mmio_ring.c vmm/evloop.c */
/* SOURCES: tests/unit/bank_fixture.c tests/unit/flash_fixture.c */
/* WRAP: pwrite fdatasync fstat ioctl */
/* When a bank's file is made durable, and what a medium's errors lead to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bank_fixture.h"

#define ERASE_WRITES "wwwwwwwwwwwwwwww" /* 64 KiB, a page each */

static int fstat_error;
static unsigned int nr_fstats;

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);

int __wrap_fstat(int fd, struct stat *st)
{
	nr_fstats++;
	errno = fstat_error;
	return fstat_error ? -1 : __real_fstat(fd, st);
}

static void make(const char *options)
{
	drop_bank();
	make_file(SIZE);
	assert_int_equal(make_bank(options), 0);
	forget_messages();
}

static int quiesce(void)
{
	return flash->dev.ops->quiesce(&flash->dev);
}

static int settle(void)
{
	int ret;

	pthread_mutex_lock(flash->lock);
	ret = flash_store_sync(&flash->store);
	pthread_mutex_unlock(flash->lock);
	return ret;
}

/* Writes and syncs since the last time, in their order. */
#define assert_calls(want)                                 \
	do {                                               \
		assert_string_equal(fake.calls, want);     \
		memset(fake.calls, 0, sizeof(fake.calls)); \
	} while (0)

static unsigned int nr_lines(void)
{
	unsigned int n = 0;

	for (const char *at = messages; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

/* ---- Modes --------------------------------------------------------------- */

/* With two erased blocks that are durable. */
static void make_erased(const char *options)
{
	make(options);
	erase(0x10000);
	erase(0x20000);
	assert_int_equal(settle(), 0);
	memset(fake.calls, 0, sizeof(fake.calls));
	flash->store.syncs = 0;
}

/* Programs alone are not waited for; an erase is held back until they are. */
static void ordered(void **state)
{
	(void)state;
	make_erased("");
	program(0x11100, 0);
	buffer_program(0x12000, 0, 32);
	program(0x21000, 0);
	assert_calls("www");
	erase(0x10000);
	assert_status(0x80);
	assert_calls("sww"); /* what is not erased anyhow */
	erase(0x20000);
	assert_calls("sw");
	assert_int_equal(quiesce(), 0);
	assert_calls("s");
	assert_int_equal(quiesce(), 0);
	assert_calls("");
	assert_int_equal(flash->store.syncs, 3);
}

/* A file system may note down in a block that it is erased. */
static void program_after_erase(void **state)
{
	(void)state;
	make_erased("");
	erase(0x30000);
	assert_calls(ERASE_WRITES);
	program(0x21000, 0); /* wherever it is */
	program(0x31000, 0);
	assert_calls("sww");
	assert_int_equal(settle(), 0);
	erase(0x40000);
	assert_int_equal(settle(), 0);
	assert_calls("s" ERASE_WRITES "s");
	program(0x40000, 0);
	assert_calls("w");
	assert_int_equal(settle(), 0);
	erase(0x40000);
	assert_calls("sw");
	program(0x40000, 0); /* where the block begins, too */
	assert_calls("sw");
}

/* Nothing is found in a block before what it begins with. */
static void head_of_a_block(void **state)
{
	(void)state;
	make_erased("");
	program(0x10000, 0);
	buffer_program(0x10100, 0, 32);
	assert_calls("ww");
	program(0x11000, 0);
	assert_calls("sw");
	program(0x12000, 0);
	program(0x20100, 0);
	assert_calls("ww");
	program(0x13000, 0);
	assert_calls("sw");
	buffer_program(0x20e00, 0, 160); /* over its end */
	program(0x10200, 0);
	assert_calls("wwsw");
	program(0x20200, 0);
	assert_calls("sw");
}

/* Bits that are cleared later may give up what was written elsewhere before. */
static void program_again(void **state)
{
	(void)state;
	make_erased("");
	program(0x11000, 0x7fffffff);
	buffer_program(0x21000, 0xffffff00, 2);
	assert_calls("ww");
	program(0x11000, 0x3fffffff);
	assert_calls("sw");
	buffer_program(0x21004, 0xffff0000,
		       2); /* of the second there is nothing */
	assert_calls("sw");
	program(0x11004, 0);
	assert_calls("w");
}

/* What changes nothing has nothing to wait for. */
static void ordered_without_changes(void **state)
{
	(void)state;
	program(0x100, 0xffffffff);
	erase(0x10000);
	assert_calls(ERASE_WRITES);
	assert_int_equal(settle(), 0);
	assert_calls("s");
	erase(0x10000);
	erase(0x10000);
	assert_int_equal(settle(), 0);
	assert_calls("");
}

static void settled(void **state)
{
	(void)state;
	make_erased("");
	program(0x10100, 0);
	program(0x10104, 0);
	assert_int_equal(settle(), 0);
	assert_calls("wws");
	assert_int_equal(settle(), 0);
	assert_int_equal(quiesce(), 0);
	assert_calls("");
	program(0x10108, 0);
	assert_int_equal(settle(), 0);
	assert_calls("ws");
}

static void back_in_array_mode(void **state)
{
	(void)state;
	program(0x100, 0);
	erase(0x10000);
	assert_calls("ws" ERASE_WRITES);
	cmd(0, 0x50);
	assert_calls("");
	cmd(0, 0xff);
	assert_calls("s");
	cmd(0, 0xff);
	assert_calls("");
}

/* Before anybody can read the status: the bank's lock is held. */
static void strict(void **state)
{
	(void)state;
	make(",sync=strict");
	program(0x100, 0);
	assert_calls("ws");
	buffer_program(0x2c00, 0, 512); /* over two pages */
	assert_calls("wws");
	erase(0x10000);
	assert_calls(ERASE_WRITES "s");
	program(0x100, 0);
	assert_calls("");
	assert_int_equal(settle(), 0);
	assert_int_equal(quiesce(), 0);
	assert_calls("");
}

static void none(void **state)
{
	(void)state;
	make(",sync=none");
	program(0x100, 0);
	erase(0x10000);
	assert_int_equal(settle(), 0);
	assert_int_equal(quiesce(), 0);
	assert_calls("w" ERASE_WRITES);
	assert_file_is_array();
	assert_int_equal(flash->store.syncs, 0);
	make(",create,size=1M,sync=none");
	assert_int_equal(quiesce(), 0);
	assert_calls("");
}

static void snapshot(void **state)
{
	(void)state;
	make(",snapshot");
	program(0x100, 0);
	assert_status(0x80);
	erase(0x10000);
	assert_status(0x80);
	cmd(0, 0xff);
	assert_int_equal(rd(0x100, 4), 0);
	assert_int_equal(rd(0x10000, 4), 0xffffffff);
	assert_int_equal(settle(), 0);
	assert_int_equal(quiesce(), 0);
	assert_calls("");
	assert_int_equal(file_byte(0x100), pattern(0x100));
	assert_string_equal(messages, "");
}

static void time_is_counted(void **state)
{
	(void)state;
	assert_int_equal(flash->store.sync_ns, 0);
	program(0x100, 0);
	assert_int_equal(settle(), 0);
	assert_in_range(flash->store.sync_ns, 1, 1000000000);
	assert_int_equal(flash->store.syncs, 1);
}

/* ---- Syncs that fail ----------------------------------------------------- */

/* The guest is told, nothing is erased, and the run ends with an error. */
static void sync_before_erase_fails(void **state)
{
	(void)state;
	make_erased("");
	program(0x10100, 0);
	fake.fdatasync = EIO;
	erase(0x10000);
	assert_status(0xa8);
	assert_calls("ws");
	assert_int_equal(file_byte(0x10100), 0);
	assert_said(PATH);
	assert_said("unable to make the content durable: Input/output error");
	/* It is for good, whatever the medium says later. */
	fake.fdatasync = 0;
	cmd(0, 0x50);
	erase(0x10000);
	assert_status(0xa8);
	cmd(0, 0x50);
	program(0x10100, 0);
	program(0x200, 0);
	assert_status(0x98);
	cmd(0, 0x50);
	program(0x10104, 0);
	assert_status(0x80);
	assert_int_equal(settle(), -EIO);
	forget_messages();
	assert_int_equal(quiesce(), -EIO);
	assert_calls("w");
	assert_string_equal(messages, "");
}

static void strict_sync_fails(void **state)
{
	(void)state;
	make(",sync=strict");
	fake.fdatasync = ENOSPC;
	program(0x100, 0);
	assert_status(0x98);
	fake.fdatasync = 0;
	cmd(0, 0x50);
	program(0x100, 0xffffffff);
	assert_status(0x98);
	cmd(0, 0x50);
	erase(0x10000);
	assert_status(0xa8);
	assert_calls("ws");
	assert_int_equal(quiesce(), -ENOSPC);
	assert_int_equal(flash->stats.failures, 3);
}

/* Nobody is there to be told but the user: once, and by the exit status. */
static void settling_fails(void **state)
{
	(void)state;
	program(0x100, 0);
	fake.fdatasync = EIO;
	assert_int_equal(settle(), -EIO);
	fake.fdatasync = 0;
	assert_int_equal(settle(), -EIO);
	assert_int_equal(quiesce(), -EIO);
	assert_int_equal(quiesce(), -EIO);
	assert_calls("ws");
	assert_int_equal(nr_lines(), 1);
	assert_status(0x80);
}

/* ---- Writes that fail ---------------------------------------------------- */

/* However the run goes on, it does not end as if all had been well. */
static void failures_are_remembered(void **state)
{
	static const int errors[] = { ENOSPC, EIO, EFBIG, EDQUOT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		make("");
		fake.pwrite = errors[i];
		program(0x100, 0);
		assert_status(0x98);
		cmd(0, 0x50);
		erase(0x10000);
		assert_status(0xa8);
		fake.pwrite = 0;
		cmd(0, 0x50);
		program(0x200, 0);
		assert_status(0x80);
		forget_messages();
		assert_int_equal(quiesce(), -EIO);
		assert_said(PATH);
		assert_said("2 programs or erases could not be written");
		assert_int_equal(fake.calls[strlen(fake.calls) - 1], 's');
	}
}

static void failures_beyond_file(void **state)
{
	drop_bank();
	make_file(BLOCK);
	(void)state;
	assert_int_equal(make_bank(",size=1M"), 0);
	program(BLOCK, 0);
	assert_status(0x98);
	assert_int_equal(quiesce(), -EIO);
	assert_said("1 programs or erases could not be written");
}

/* That is what the part is for. */
static void locked_is_no_failure(void **state)
{
	(void)state;
	make(",ro");
	program(0, 0);
	assert_status(0x92);
	assert_int_equal(quiesce(), 0);
	assert_string_equal(messages, "");
	assert_calls("");
}

/* ---- A file that is cut short -------------------------------------------- */

/* Each is an error from then on; the file stays as somebody wanted it. */
static void cut_short(void **state)
{
	(void)state;
	make_erased("");
	program(0x11100, 0);
	assert_int_equal(truncate(PATH, 1000), 0);
	program(0x21000, 0);
	assert_status(0x98);
	assert_said(PATH);
	assert_said("was truncated to 1000 bytes by another process; it had "
		    "1048576");
	forget_messages();
	cmd(0, 0x50);
	erase(0x10000);
	assert_status(0xa8);
	cmd(0, 0x50);
	program(0x80, 0);
	assert_status(0x98);
	assert_calls("w");
	assert_int_equal(file_bytes(), 1000);
	assert_null(strstr(messages, "cut short"));
	/* What the guest reads is still what it was. */
	cmd(0, 0xff);
	assert_int_equal(rd(0x21000, 1), 0xff);
	assert_int_equal(rd(0x80000, 1), pattern(0x80000));
	assert_int_equal(rd(0x11100, 4), 0);
	assert_int_equal(quiesce(), -EIO);
	assert_said("programs or erases could not be written");
	assert_calls("");
}

/* Also if the guest writes nothing any more, or all it wrote is there. */
static void cut_short_at_the_end(void **state)
{
	(void)state;
	assert_int_equal(truncate(PATH, SIZE - 1), 0);
	assert_int_equal(quiesce(), -EIO);
	assert_said("was truncated to 1048575 bytes");
	assert_int_equal(nr_lines(), 1);
	make(",sync=none");
	program(0x100, 0);
	assert_int_equal(truncate(PATH, 0), 0);
	assert_int_equal(quiesce(), -EIO);
	make("");
	program(0x100, 0);
	assert_int_equal(truncate(PATH, 0), 0);
	assert_int_equal(settle(), -EIO);
	assert_int_equal(nr_lines(), 1);
	/* Its length again does not give back what was in it. */
	assert_int_equal(truncate(PATH, SIZE), 0);
	assert_int_equal(settle(), -EIO);
	assert_int_equal(quiesce(), -EIO);
}

static void cut_to_nothing(void)
{
	fake.late_pwrite = NULL;
	assert_int_equal(truncate(PATH, 0), 0);
}

/* While a block is erased, be it the last one, whose end is the file's. */
static void cut_short_meanwhile(void **state)
{
	static const u64 blocks[] = { 0, SIZE / 2, SIZE - BLOCK };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		make("");
		fake.late_pwrite = cut_to_nothing;
		erase(blocks[i]);
		assert_int_equal(quiesce(), -EIO);
		assert_said("by another process");
		assert_int_equal(nr_lines(), blocks[i] == SIZE - BLOCK ? 3 : 1);
	}
}

static void assert_fstats(unsigned int n)
{
	assert_int_equal(nr_fstats, n);
	nr_fstats = 0;
}

/* A command needs to know the file's length once, not for each piece. */
static void length_is_looked_at_once(void **state)
{
	(void)state;
	make(",sync=none");
	nr_fstats = 0;
	erase(0);
	assert_fstats(1);
	erase(0); /* blank already: nothing is written */
	assert_fstats(0);
	program(0x100, 0);
	assert_fstats(1);
	program(0x104, 0);
	assert_fstats(1);
	buffer_program(0xfc0, 0, 32); /* over two pages */
	assert_fstats(1);
	erase(SIZE - BLOCK);
	assert_fstats(2);
	/* The next one after an error looks again. */
	fake.pwrite = ENOSPC;
	erase(BLOCK);
	assert_fstats(1);
	fake.pwrite = 0;
	erase(BLOCK);
	cmd(0, 0x50);
	assert_fstats(1);
}

/* A longer file, or one that was shorter at first, is no such thing. */
static void not_cut_short(void **state)
{
	(void)state;
	assert_int_equal(truncate(PATH, SIZE + 5), 0);
	program(0x100, 0);
	assert_int_equal(quiesce(), 0);
	drop_bank();
	make_file(1000);
	assert_int_equal(make_bank(",size=1M"), 0);
	program(0x100, 0);
	assert_status(0x80);
	assert_int_equal(quiesce(), 0);
}

static void no_status_of_file(void **state)
{
	(void)state;
	fstat_error = EIO;
	program(0x100, 0);
	fstat_error = 0;
	assert_status(0x98);
	assert_untouched();
	assert_int_equal(quiesce(), -EIO);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BANK_TEST(ordered),
		BANK_TEST(program_after_erase),
		BANK_TEST(head_of_a_block),
		BANK_TEST(program_again),
		BANK_TEST(ordered_without_changes),
		BANK_TEST(settled),
		BANK_TEST(back_in_array_mode),
		BANK_TEST(strict),
		BANK_TEST(none),
		BANK_TEST(snapshot),
		BANK_TEST(time_is_counted),
		BANK_TEST(sync_before_erase_fails),
		BANK_TEST(strict_sync_fails),
		BANK_TEST(settling_fails),
		BANK_TEST(failures_are_remembered),
		BANK_TEST(failures_beyond_file),
		BANK_TEST(locked_is_no_failure),
		BANK_TEST(cut_short),
		BANK_TEST(cut_short_at_the_end),
		BANK_TEST(cut_short_meanwhile),
		BANK_TEST(length_is_looked_at_once),
		BANK_TEST(not_cut_short),
		BANK_TEST(no_status_of_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
