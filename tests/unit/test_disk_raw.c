/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/raw.c disk/disk.c disk/open.c disk/lock.c disk/format.c */
/* SOURCES: disk/qcow2/?*.c disk/qcow2_format.c util/zstd.c */
/* SOURCES: util/iov.c util/file.c tests/unit/flash_fixture.c disk/snapshot.c */
/* SOURCES: tests/unit/disk_rig.c */
/* WRAP: preadv pwritev fdatasync fallocate ioctl fstat pwrite */
/* Reads, writes and flushes of a disk, and what it refuses. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "disk_rig.h"

/* ---- Reads and writes ---------------------------------------------------- */

static const u64 places[] = { 0, 512, 7 * 512, SZ_64K - 1024, SIZE - DATA };

static void scattered(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		open_disk(false, false);
		assert_int_equal(read_parts(places[i]), 0);
		assert_parts(pattern, places[i]);
		assert_int_equal(write_parts(places[i]), 0);
		assert_written(places[i]);
		assert_int_equal(read_parts(places[i]), 0);
		assert_parts(other, places[i]);
		assert_int_equal(fake.transfers, 3);
		assert_int_equal(fake.syncs, 0);
	}
	assert_string_equal(messages, "");
}

/* From where it ended, in the middle of a buffer or between two. */
static void continued(void **state)
{
	static const int plans[][6] = {
		{ 1, 511, 1000, 536 }, /* a buffer each */
		{ -EINTR, 2, -EINTR, 509, 1, 1 },
		{ 512, 999, 1, 535, 1 },
		{ 2047, -EINTR, 1 }, /* all but one byte */
		{ 3, 3, 3, 3, -EINTR, 700 },
		{ -EINTR, -EINTR, 600, 600, 1 },
	};
	static const u64 at = 7 * 512;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++) {
		size_t n = ARRAY_SIZE(plans[i]);

		while (!plans[i][n - 1])
			n--;
		open_disk(false, false);
		make_plan(plans[i], n);
		assert_int_equal(read_parts(at), 0);
		assert_int_equal(fake.nr_steps, 0);
		assert_parts(pattern, at);
		make_plan(plans[i], n);
		assert_int_equal(write_parts(at), 0);
		assert_int_equal(fake.nr_steps, 0);
		assert_written(at);
	}
	assert_string_equal(messages, "");
}

/* After a part has been done, too; a write that takes nothing is no loop. */
static void failed(void **state)
{
	static const int at_once[] = { -ENXIO }, later[] = { 600, -EROFS };
	static const int nothing[] = { 600, 0 };

	(void)state;
	set_plan(at_once);
	assert_int_equal(read_parts(512), -ENXIO);
	set_plan(later);
	assert_int_equal(read_parts(512), -EROFS);
	set_plan(at_once);
	assert_int_equal(write_parts(512), -ENXIO);
	set_plan(later);
	assert_int_equal(write_parts(512), -EROFS);
	set_plan(nothing);
	assert_int_equal(write_parts(512), -EIO);
	assert_int_equal(fake.transfers, 8);
}

/* By another process: what is left can be read. */
static void truncated(void **state)
{
	(void)state;
	assert_int_equal(truncate(PATH, 4 * 512 + 100), 0);
	assert_int_equal(read_parts(0), 0);
	assert_parts(pattern, 0);
	assert_int_equal(read_parts(512), -EIO);
	assert_said("unable to read at byte 512: Input/output error");
	assert_int_equal(read_parts(SIZE - DATA), -EIO);
	assert_int_equal(nr_guest, 1);
}

/* ---- Ranges -------------------------------------------------------------- */

/* Not all on the disk, no whole sectors, sums that wrap. */
static void bad_ranges(void **state)
{
	static const u64 ranges[][2] = {
		{ SIZE, 512 },
		{ SIZE - 512, 1024 },
		{ SIZE + 512, 0 },
		{ 0, SIZE + 512 },
		{ 1, 512 },
		{ 256, 256 },
		{ 0, 511 },
		{ 0, 513 },
		{ 511, 1 },
		{ UINT64_MAX, 512 },
		{ UINT64_MAX - 511, 512 },
		{ UINT64_MAX - 511, 1024 },
		{ 512, UINT64_MAX - 511 },
		{ 1024, UINT64_MAX - 511 },
		{ 1ULL << 63, 1ULL << 63 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		for (enum op op = 0; op < NR_OPS; op++)
			assert_int_equal(request(op, ranges[i][0],
						 ranges[i][1]),
					 -EINVAL);
	assert_no_calls();
	assert_string_equal(messages, "");
	assert_zeroes(0, 0);
}

/* fallocate(2) and preadv(2) would refuse them. */
static void empty_ranges(void **state)
{
	(void)state;
	for (enum op op = 0; op < NR_OPS; op++) {
		assert_int_equal(request(op, 0, 0), 0);
		assert_int_equal(request(op, 512, 0), 0);
		assert_int_equal(request(op, SIZE, 0), 0);
	}
	assert_no_calls();
}

static void last_sector(void **state)
{
	(void)state;
	for (enum op op = 0; op < NR_OPS; op++)
		assert_int_equal(request(op, SIZE - 512, 512), 0);
	assert_string_equal(messages, "");
	assert_zeroes(SIZE - 512, 512);
}

static void readonly(void **state)
{
	(void)state;
	open_disk(true, false);
	assert_true(disk->readonly);
	for (enum op op = WRITE; op < NR_OPS; op++)
		assert_int_equal(request(op, 512, 512), -EROFS);
	assert_int_equal(disk_flush(disk), 0);
	assert_no_calls();
	assert_int_equal(read_parts(512), 0);
	assert_parts(pattern, 512);
	assert_zeroes(0, 0);
	assert_string_equal(messages, "");
}

/* ---- Flushes and messages ------------------------------------------------ */

static void flushed(void **state)
{
	(void)state;
	assert_int_equal(write_parts(512), 0);
	assert_int_equal(fake.syncs, 0);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(fake.syncs, 1);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(fake.syncs, 2);
	fake.fdatasync = EIO;
	assert_int_equal(disk_flush(disk), -EIO);
	assert_int_equal(disk_flush(disk), -EIO);
	assert_said("unable to flush at byte 0: Input/output error");
	fake.fdatasync = 0;
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(fake.syncs, 5);
	assert_int_equal(nr_guest, 1);
}

/* Not one for each request of a guest that goes on. */
static void told_once(void **state)
{
	static const int plan[] = { -ENOSPC, -ENOSPC, -EIO,
				    -EIO,    -ENOSPC, -ENOSPC };

	(void)state;
	set_plan(plan);
	assert_int_equal(request(WRITE, 1024, 512), -ENOSPC);
	assert_int_equal(nr_guest, 1);
	assert_said("disk ");
	assert_said(PATH);
	assert_said(": unable to write at byte 1024: No space left on device; "
		    "the guest gets an error\n");
	assert_int_equal(request(READ, 512, 512), -ENOSPC);
	assert_int_equal(nr_guest, 1);
	assert_int_equal(request(WRITE, 2048, 512), -EIO);
	assert_int_equal(nr_guest, 2);
	assert_said("unable to write at byte 2048: Input/output error");
	/* What goes well between them changes nothing. */
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(request(WRITE, 512, 512), -EIO);
	assert_int_equal(nr_guest, 2);
	assert_int_equal(request(WRITE, 512, 512), -ENOSPC);
	assert_int_equal(request(WRITE, 512, 512), -ENOSPC);
	assert_int_equal(nr_guest, 3);
}

static const char *const op_names[] = { "read", "write", "discard",
					"write zeroes", "write zeroes" };

static void told_what(void **state)
{
	static const int plan[] = { -EDQUOT };
	char text[64];

	(void)state;
	for (enum op op = 0; op < NR_OPS; op++) {
		open_disk(false, false);
		set_plan(plan);
		assert_int_equal(request(op, 3 * 512, 512), -EDQUOT);
		snprintf(text, sizeof(text),
			 ": unable to %s at byte 1536: ", op_names[op]);
		assert_said(text);
		assert_int_equal(nr_guest, 1);
	}
}

static void closed(void **state)
{
	int fd;

	(void)state;
	close_disk();
	fd = next_fd();
	open_disk(false, false);
	assert_true(next_fd() != fd);
	close_disk();
	assert_int_equal(next_fd(), fd);
	disk_close(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(scattered),   TEST(continued),  TEST(failed),
		TEST(truncated),   TEST(bad_ranges), TEST(empty_ranges),
		TEST(last_sector), TEST(readonly),   TEST(flushed),
		TEST(told_once),   TEST(told_what),  TEST(closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
