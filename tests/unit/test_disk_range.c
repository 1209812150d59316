/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/raw.c disk/disk.c disk/open.c disk/lock.c disk/format.c */
/* SOURCES: disk/qcow2/?*.c disk/qcow2_format.c util/zstd.c */
/* SOURCES: util/iov.c util/file.c tests/unit/flash_fixture.c disk/snapshot.c */
/* SOURCES: tests/unit/disk_rig.c */
/* WRAP: preadv pwritev fdatasync fallocate ioctl fstat pwrite */
/* Ranges of a disk that are discarded, or to be zero. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk_rig.h"

int __real_fallocate(int fd, int mode, off_t offset, off_t len);

#define HOLE  (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define BLANK (FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)

static const int unsupported[] = { EOPNOTSUPP, ENOSYS, ENOTTY, EINVAL };
static const int errors[] = { EIO, ENOSPC, EPERM, EFBIG };

static void assert_change(unsigned long how, u64 offset, u64 len)
{
	assert_int_equal(fake.changes, 1);
	assert_int_equal(fake.how, how);
	assert_int_equal(fake.offset, offset);
	assert_int_equal(fake.len, len);
	fake.changes = 0;
}

static u64 file_blocks(void)
{
	struct stat st;

	assert_int_equal(stat(PATH, &st), 0);
	return (u64)st.st_blocks;
}

/* /tmp may be a file system that cannot give space back. */
static bool can_punch(void)
{
	int fd = open(PATH, O_RDWR), ret;

	ret = __real_fallocate(fd, HOLE, 0, 4096);
	close(fd);
	make_file(SIZE);
	return !ret;
}

static void discarded(void **state)
{
	u64 before;

	(void)state;
	if (!can_punch())
		skip();
	open_disk(false, false);
	before = file_blocks();
	assert_int_equal(disk_discard(disk, SZ_64K, 2 * SZ_64K), 0);
	assert_change(HOLE, SZ_64K, 2 * SZ_64K);
	assert_true(file_blocks() < before);
	assert_zeroes(SZ_64K, 2 * SZ_64K);
	assert_int_equal(disk_discard(disk, 0, SIZE), 0);
	assert_zeroes(0, SIZE);
	assert_string_equal(messages, "");
}

/* The guest has nothing of an error: it may find what it has discarded. */
static void discard_unsupported(void **state)
{
	(void)state;
	for (u32 block = 0; block < 2; block++) {
		open_disk(false, block);
		for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++) {
			fake.refusal = unsupported[i];
			assert_int_equal(disk_discard(disk, 512, 1024), 0);
			assert_change(block ? BLKDISCARD : HOLE, 512, 1024);
		}
		assert_int_equal(fake.pwrites, 0);
		assert_zeroes(0, 0);
	}
	assert_string_equal(messages, "");
}

static void changes_failed(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2 * ARRAY_SIZE(errors); i++) {
		open_disk(false, i % 2);
		fake.refusal = errors[i / 2];
		for (enum op op = DISCARD; op < NR_OPS; op++)
			assert_int_equal(request(op, 0, 512), -errors[i / 2]);
		assert_int_equal(fake.changes, 3);
		assert_int_equal(fake.pwrites, 0);
		assert_zeroes(0, 0);
	}
}

static void changes_interrupted(void **state)
{
	static const int plan[] = { -EINTR, -EINTR, INT_MAX };

	(void)state;
	for (u32 block = 0; block < 2; block++) {
		open_disk(false, block);
		for (enum op op = DISCARD; op < NR_OPS; op++) {
			fake.changes = 0;
			set_plan(plan);
			assert_int_equal(request(op, 0, 512), 0);
			assert_int_equal(fake.changes, 3);
		}
	}
}

static const u64 lengths[] = {
	512,	      3 * 512,	  SZ_64K - 512,	    SZ_64K,
	SZ_64K + 512, 2 * SZ_64K, 3 * SZ_64K - 512, 3 * SZ_64K,
};

static void zeroed(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(lengths); i++) {
		u64 len = lengths[i / 2];
		bool unmap = i % 2;

		open_disk(false, false);
		assert_int_equal(disk_write_zeroes(disk, 1536, len, unmap), 0);
		assert_change(unmap ? HOLE : BLANK, 1536, len);
		assert_zeroes(1536, len);
	}
	assert_string_equal(messages, "");
}

/* By writing them, no more than there are. */
static void zeroed_slowly(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4 * ARRAY_SIZE(lengths); i++) {
		u64 len = lengths[i / 4];
		bool unmap = i % 2, block = i & 2;

		open_disk(false, block);
		fake.refusal = unsupported[i % ARRAY_SIZE(unsupported)];
		assert_int_equal(disk_write_zeroes(disk, 1536, len, unmap), 0);
		assert_int_equal(fake.pwrites, (len + SZ_64K - 1) / SZ_64K);
		assert_zeroes(1536, len);
	}
	assert_string_equal(messages, "");
}

static void zeroed_slowly_for_each_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++) {
		open_disk(false, false);
		fake.refusal = unsupported[i];
		assert_int_equal(disk_write_zeroes(disk, 512, 512, true), 0);
		assert_zeroes(512, 512);
	}
}

static void slow_zeroes_failed(void **state)
{
	(void)state;
	fake.refusal = EOPNOTSUPP;
	fake.pwrite = ENOSPC;
	assert_int_equal(disk_write_zeroes(disk, 0, SIZE, false), -ENOSPC);
	assert_int_equal(fake.pwrites, 2);
	assert_zeroes(0, SZ_64K);
	assert_said("unable to write zeroes at byte 0: No space left on dev");
}

/* ---- Block devices ------------------------------------------------------- */

static void block_device(void **state)
{
	(void)state;
	open_disk(false, true);
	assert_int_equal(disk->size, SIZE);
	assert_int_equal(disk_discard(disk, 512, 1024), 0);
	assert_change(BLKDISCARD, 512, 1024);
	assert_int_equal(disk_write_zeroes(disk, 2048, 4096, false), 0);
	assert_change(BLKZEROOUT, 2048, 4096);
	assert_int_equal(disk_write_zeroes(disk, 0, SIZE, true), 0);
	assert_change(BLKZEROOUT, 0, SIZE);
	assert_int_equal(fake.pwrites, 0);
	assert_int_equal(write_parts(512), 0);
	assert_written(512);
	assert_int_equal(read_parts(512), 0);
	assert_parts(other, 512);
	assert_string_equal(messages, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(discarded),
		TEST(discard_unsupported),
		TEST(changes_failed),
		TEST(changes_interrupted),
		TEST(zeroed),
		TEST(zeroed_slowly),
		TEST(zeroed_slowly_for_each_reason),
		TEST(slow_zeroes_failed),
		TEST(block_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
