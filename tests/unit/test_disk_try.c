/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/try.c disk/raw.c disk/disk.c util/file.c util/iov.c */
/* SOURCES: util/log.c util/output.c */
/* WRAP: preadv2 pwritev2 */
/* Transfers that are done at once, or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../disk/raw.h"
#include "lkvm/disk/queue.h"

#define SIZE SZ_64K
#define LEN  4096U

static struct disk *disk;
static unsigned int calls;
static int flags_were;
/* What the calls return if it is not 0: a length, or a negative errno. */
static ssize_t result;

ssize_t __wrap_preadv2(int fd, const struct iovec *iov, int count, off_t offset,
		       int flags);
ssize_t __wrap_pwritev2(int fd, const struct iovec *iov, int count,
			off_t offset, int flags);

static ssize_t answer(int flags)
{
	calls++;
	flags_were = flags;
	if (result < 0)
		errno = (int)-result;
	return result < 0 ? -1 : result;
}

/* Without the flag: not all file systems of those who test have it. */
ssize_t __wrap_preadv2(int fd, const struct iovec *iov, int count, off_t offset,
		       int flags)
{
	ssize_t ret = answer(flags);

	return ret ? ret : preadv(fd, iov, count, offset);
}

ssize_t __wrap_pwritev2(int fd, const struct iovec *iov, int count,
			off_t offset, int flags)
{
	ssize_t ret = answer(flags);

	return ret ? ret : pwritev(fd, iov, count, offset);
}

static void open_disk(bool in_memory)
{
	struct disk params = { .path = "a test's", .size = SIZE };
	char path[] = "/var/tmp/lkvm-try-XXXXXX";
	int fd = in_memory ? memfd_create("disk", 0) : mkstemp(path);

	assert_true(fd >= 0);
	if (!in_memory)
		unlink(path);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(raw_create(&params, fd, false, &disk), 0);
}

static int setup(void **state)
{
	(void)state;
	calls = 0;
	flags_were = -1;
	result = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	disk_close(disk);
	disk = NULL;
	return 0;
}

static int transfer(enum disk_op op, u8 *data, u64 offset)
{
	struct iovec iov[] = { { data, LEN / 4 },
			       { data + LEN / 4, LEN - LEN / 4 } };
	struct disk_request rq = {
		.op = op, .iov = iov, .count = 2, .offset = offset, .len = LEN
	};

	return disk_try(disk, NULL, &rq);
}

static void written_and_read(bool in_memory)
{
	u8 data[LEN], back[LEN] = { 0 };

	open_disk(in_memory);
	for (u32 i = 0; i < LEN; i++)
		data[i] = (u8)(i * 7);
	assert_int_equal(transfer(DISK_WRITE, data, 512), 0);
	assert_int_equal(flags_were, in_memory ? 0 : RWF_NOWAIT);
	assert_int_equal(transfer(DISK_READ, back, 512), 0);
	assert_int_equal(flags_were, in_memory ? 0 : RWF_NOWAIT);
	assert_memory_equal(data, back, LEN);
	assert_int_equal(calls, 2);
}

static void in_a_file(void **state)
{
	(void)state;
	written_and_read(false);
}

/* Where the kernel has no such flag, and no need for it. */
static void in_memory(void **state)
{
	(void)state;
	written_and_read(true);
}

/* A queue does it as a whole, and tells of errors. */
static void what_cannot_be_done(void **state)
{
	static const ssize_t results[] = { -EAGAIN, -EOPNOTSUPP, -EIO,
					   -EINTR,  512,	 LEN - 1 };
	u8 data[LEN];

	(void)state;
	open_disk(false);
	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		result = results[i];
		assert_int_equal(transfer(DISK_READ, data, 0), -EAGAIN);
		assert_int_equal(transfer(DISK_WRITE, data, 0), -EAGAIN);
		assert_int_equal(calls, 2 * (i + 1));
	}
}

static void nothing_is_called_for_what_is_wrong(void **state)
{
	u8 data[LEN];

	(void)state;
	open_disk(false);
	assert_int_equal(transfer(DISK_READ, data, SIZE - 512), -EAGAIN);
	assert_int_equal(transfer(DISK_READ, data, UINT64_MAX - 511), -EAGAIN);
	assert_int_equal(transfer(DISK_READ, data, 1), -EAGAIN);
	disk->readonly = true;
	assert_int_equal(transfer(DISK_WRITE, data, 0), -EAGAIN);
	assert_int_equal(calls, 0);
}

/* ---- Media that decide --------------------------------------------------- */

static struct disk_ops ops;
static enum disk_way way;
static const struct disk_ops *raw_ops;
static unsigned int ends;

static enum disk_way begin(struct disk *d, const struct disk_request *rq,
			   struct disk_place *place)
{
	raw_ops->begin(d, rq, place);
	place->owner = d;
	place->group = 3;
	return way;
}

static void end(struct disk *d, const struct disk_place *place)
{
	assert_ptr_equal(d, disk);
	assert_int_equal(place->group, 3);
	ends++;
}

static void places_are_given_back(void **state)
{
	u8 data[LEN];

	(void)state;
	open_disk(false);
	raw_ops = disk->ops;
	ops = *disk->ops;
	ops.begin = begin;
	ops.end = end;
	disk->ops = &ops;
	ends = 0;
	way = DISK_BY_KERNEL;
	assert_int_equal(transfer(DISK_READ, data, 0), 0);
	assert_int_equal(ends, 1);
	result = -EAGAIN;
	assert_int_equal(transfer(DISK_READ, data, 0), -EAGAIN);
	assert_int_equal(ends, 2);
	way = DISK_IS_DONE;
	assert_int_equal(transfer(DISK_READ, data, 0), 0);
	way = DISK_BY_CALLS;
	assert_int_equal(transfer(DISK_READ, data, 0), -EAGAIN);
	ops.begin = NULL;
	assert_int_equal(transfer(DISK_READ, data, 0), -EAGAIN);
	assert_int_equal(ends, 2);
	assert_int_equal(calls, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(in_a_file),
		TEST(in_memory),
		TEST(what_cannot_be_done),
		TEST(nothing_is_called_for_what_is_wrong),
		TEST(places_are_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
