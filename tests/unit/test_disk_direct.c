/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/open.c disk/lock.c disk/raw.c disk/disk.c disk/format.c */
/* SOURCES: disk/qcow2/?*.c disk/qcow2_format.c util/zstd.c */
/* SOURCES: util/iov.c util/file.c tests/unit/flash_fixture.c disk/snapshot.c */
/* WRAP: open preadv pwritev */
/* Which requests to a disk go past the page cache. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "flash_fixture.h"
#include "lkvm/disk/disk.h"

#define SIZE (16 * SZ_4K)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, mode_t mode);
ssize_t __real_preadv(int fd, const struct iovec *iov, int count, off_t at);
ssize_t __wrap_preadv(int fd, const struct iovec *iov, int count, off_t at);
ssize_t __real_pwritev(int fd, const struct iovec *iov, int count, off_t at);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t at);

static struct {
	struct disk *disk;
	int direct;	  /* the descriptor that has the flag; -1: none */
	int direct_flags; /* it was opened with */
	int open_error;	  /* of that */
	int refuse;	  /* the errno of transfers by it */
	size_t most;	  /* bytes of such a transfer; 0: all */
	unsigned int direct_calls, other_calls;
	u8 *buf; /* aligned */
} t;

/* /tmp may not have O_DIRECT: it is noted, and left out. */
int __wrap_open(const char *path, int flags, mode_t mode)
{
	int fd;

	if (!(flags & O_DIRECT))
		return __real_open(path, flags, mode);
	t.direct_flags = flags;
	if (t.open_error) {
		errno = t.open_error;
		return -1;
	}
	fd = __real_open(path, flags & ~O_DIRECT, mode);
	t.direct = fd;
	return fd;
}

/* True if the transfer is to fail; a short one is made shorter still. */
static bool note(int fd, struct iovec *first, const struct iovec *iov,
		 int *count)
{
	*first = iov[0];
	if (fd != t.direct) {
		t.other_calls++;
		return false;
	}
	t.direct_calls++;
	if (t.most) {
		first->iov_len = MIN(first->iov_len, t.most);
		*count = 1;
	}
	errno = t.refuse;
	return t.refuse;
}

ssize_t __wrap_preadv(int fd, const struct iovec *iov, int count, off_t at)
{
	struct iovec first;

	if (note(fd, &first, iov, &count))
		return -1;
	return __real_preadv(fd, count == 1 ? &first : iov, count, at);
}

ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	struct iovec first;

	if (note(fd, &first, iov, &count))
		return -1;
	return __real_pwritev(fd, count == 1 ? &first : iov, count, at);
}

static int open_disk(bool direct, bool readonly)
{
	static struct disk_config config;

	config = (struct disk_config) { .path = PATH,
					.direct = direct,
					.readonly = readonly };
	disk_close(t.disk);
	t.disk = NULL;
	forget_messages();
	return disk_open(&config, &t.disk);
}

static int setup(void **state)
{
	int ret = make_dir(state);

	memset(&t, 0, sizeof(t));
	t.direct = -1;
	t.buf = aligned_alloc(SZ_4K, SIZE);
	memset(t.buf, 0, SIZE);
	make_file(SIZE);
	return ret ? ret : open_disk(true, false);
}

static int teardown(void **state)
{
	disk_close(t.disk);
	free(t.buf);
	return remove_dir(state);
}

static int transfer(bool write, u64 offset, size_t skip, u64 len)
{
	struct iovec iov = { t.buf + skip, (size_t)len };

	t.direct_calls = t.other_calls = 0;
	return write ? disk_write(t.disk, &iov, 1, offset, len)
		     : disk_read(t.disk, &iov, 1, offset, len);
}

static void assert_calls(unsigned int direct, unsigned int other)
{
	assert_int_equal(t.direct_calls, direct);
	assert_int_equal(t.other_calls, other);
}

static void assert_bytes(u64 offset, size_t skip, u64 len)
{
	for (u64 i = 0; i < len; i++)
		assert_int_equal(t.buf[skip + i], pattern(offset + i));
}

/* Offset, length and address have to be whole blocks. */
static void alignment(void **state)
{
	static const struct {
		u64 offset, len;
		size_t skip;
		bool direct;
	} cases[] = {
		{ 0, SZ_4K, 0, true },	  { SZ_4K, 2 * SZ_4K, SZ_4K, true },
		{ 512, SZ_4K, 0, false }, { 0, 512, 0, false },
		{ 0, SZ_4K, 512, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool direct = cases[i].direct;

		assert_int_equal(transfer(false, cases[i].offset, cases[i].skip,
					  cases[i].len),
				 0);
		assert_calls(direct, !direct);
		assert_bytes(cases[i].offset, cases[i].skip, cases[i].len);
		assert_int_equal(transfer(true, cases[i].offset, cases[i].skip,
					  cases[i].len),
				 0);
		assert_calls(direct, !direct);
	}
}

/* Each buffer counts. */
static void many_buffers(void **state)
{
	struct iovec iov[] = { { t.buf, SZ_4K },
			       { t.buf + SZ_4K, 512 },
			       { t.buf + 2 * SZ_4K, SZ_4K - 512 } };

	(void)state;
	assert_int_equal(disk_read(t.disk, iov, 3, 0, 2 * SZ_4K), 0);
	assert_calls(0, 1);
	assert_bytes(0, 0, SZ_4K + 512);
	assert_bytes(SZ_4K + 512, 2 * SZ_4K, SZ_4K - 512);
}

/* A medium with larger blocks: the page cache has the rest of the request. */
static void refused(void **state)
{
	(void)state;
	t.refuse = EINVAL;
	assert_int_equal(transfer(false, 0, 0, SZ_4K), 0);
	assert_calls(1, 1);
	assert_bytes(0, 0, SZ_4K);
	t.refuse = EIO;
	assert_int_equal(transfer(false, 0, 0, SZ_4K), -EIO);
	assert_calls(1, 0);
}

static void short_transfer(void **state)
{
	(void)state;
	t.most = 512;
	assert_int_equal(transfer(false, 0, 0, 2 * SZ_4K), 0);
	assert_calls(1, 1);
	assert_bytes(0, 0, 2 * SZ_4K);
	t.most = SZ_4K;
	assert_int_equal(transfer(false, 0, 0, 2 * SZ_4K), 0);
	assert_calls(2, 0);
	assert_bytes(0, 0, 2 * SZ_4K);
}

static void opening(void **state)
{
	(void)state;
	assert_int_equal(t.direct_flags & O_ACCMODE, O_RDWR);
	assert_true(t.direct_flags & O_CLOEXEC);
	assert_int_equal(open_disk(true, true), 0);
	assert_int_equal(t.direct_flags & O_ACCMODE, O_RDONLY);
	t.direct_flags = 0;
	assert_int_equal(open_disk(false, false), 0);
	assert_int_equal(t.direct_flags, 0);
	t.direct = -1;
	assert_int_equal(transfer(false, 0, 0, SZ_4K), 0);
	assert_calls(0, 1);
	t.open_error = EINVAL;
	assert_int_equal(open_disk(true, false), -EINVAL);
	assert_said(": direct: Invalid argument: leave it out");
	assert_int_equal(nr_fatal, 1);
	/* Nothing is left that holds a lock. */
	assert_int_equal(open_disk(false, false), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(alignment),      TEST(many_buffers), TEST(refused),
		TEST(short_transfer), TEST(opening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
