/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/gzip.c */
/* WRAP: read */
/* Reading files of gzip, wherever they end and however they come. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "lkvm/util/gzip.h"

#define SIZE 200000

static struct {
	size_t most;	    /* bytes one read() returns, or 0 */
	unsigned int eintr; /* every so many is interrupted, or 0 */
	unsigned int fail;  /* this one fails with EIO, or 0 */
	unsigned int nr;    /* calls */
} fake;

static u8 content[SIZE], found[SIZE + 1];
static int fd;

ssize_t __real_read(int fd_, void *buf, size_t len);
ssize_t __wrap_read(int fd_, void *buf, size_t len);

ssize_t __wrap_read(int fd_, void *buf, size_t len)
{
	fake.nr++;
	if (fake.eintr && fake.nr % fake.eintr == 0) {
		errno = EINTR;
		return -1;
	}
	if (fake.fail == fake.nr) {
		errno = EIO;
		return -1;
	}
	return __real_read(fd_, buf, fake.most ? MIN(len, fake.most) : len);
}

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (u8)(i * i >> 7);
	fd = memfd_create("gzip", MFD_CLOEXEC);
	return fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	return close(fd);
}

/* Adds a member that holds content[from, to). Returns the file's size. */
static off_t add_member(size_t from, size_t to)
{
	gzFile gz = gzdopen(dup(fd), "ab6");

	assert_non_null(gz);
	assert_int_equal(gzwrite(gz, content + from, (unsigned int)(to - from)),
			 to - from);
	assert_int_equal(gzclose(gz), Z_OK);
	return lseek(fd, 0, SEEK_END);
}

/* Reads all, `len` bytes at a time. Returns how it ended, *size bytes read. */
static int read_all(size_t len, size_t *size)
{
	struct gzip_reader *reader;
	size_t got = len;
	int ret = 0;

	*size = 0;
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(gzip_open(fd, &reader), 0);
	while (!ret && got == len) {
		size_t want = MIN(len, sizeof(found) - *size);

		ret = gzip_read(reader, found + *size, want, &got);
		*size += ret ? 0 : got;
	}
	gzip_close(reader);
	return ret;
}

static void assert_content(size_t len)
{
	size_t size;

	assert_int_equal(read_all(len, &size), 0);
	assert_int_equal(size, SIZE);
	assert_memory_equal(found, content, SIZE);
}

static void whole(void **state)
{
	(void)state;
	add_member(0, SIZE);
	assert_content(SIZE + 1);
	assert_content(SIZE); /* what says that it ends comes in a read more */
	assert_content(1000);
	assert_content(1);
}

static void members(void **state)
{
	off_t end = add_member(0, 1000);

	(void)state;
	add_member(1000, 1000); /* empty */
	add_member(1000, 65536);
	add_member(65536, SIZE);
	assert_content(SIZE + 1);
	/* A read that ends within what tells that another begins. */
	for (off_t most = end - 1; most < end + 4; most++) {
		fake.most = (size_t)most;
		assert_content(4096);
	}
	fake.most = 1;
	assert_content(4096);
	fake.eintr = 3;
	assert_content(4096);
}

static void garbage_behind(void **state)
{
	static const char *const behind[] = { "\x1f", "\x1f\x8a", "x", "\0\0\0",
					      "not gzip at all" };
	off_t end = add_member(0, SIZE);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(behind); i++) {
		size_t len = MAX(strlen(behind[i]), 1UL);

		assert_int_equal(ftruncate(fd, end), 0);
		assert_int_equal(pwrite(fd, behind[i], len, end), len);
		assert_content(SIZE);
	}
	/* Its first byte comes with what is before, the second later. */
	fake.most = (size_t)end + 1;
	assert_int_equal(pwrite(fd, "x\x8b\x08", 3, end), 3);
	assert_content(SIZE);
}

/* Wherever it is cut, and however much is asked for at once, it is noticed. */
static void ends_early(void **state)
{
	off_t end = add_member(0, 3000);
	size_t size;

	(void)state;
	while (--end > 0) {
		assert_int_equal(ftruncate(fd, end), 0);
		assert_int_equal(read_all(3000, &size), -ENODATA);
		assert_int_equal(read_all(1, &size), -ENODATA);
		assert_memory_equal(found, content, size);
	}
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(read_all(10, &size), -ENODATA);
}

static void ends_early_in_second_member(void **state)
{
	off_t first = add_member(0, 1000), end = add_member(1000, 3000);
	size_t size;

	(void)state;
	for (end--; end > first + 1; end--) {
		assert_int_equal(ftruncate(fd, end), 0);
		assert_int_equal(read_all(100, &size), -ENODATA);
	}
}

static void corrupt(void **state)
{
	off_t end = add_member(0, SIZE);
	size_t size;

	(void)state;
	assert_int_equal(pwrite(fd, "\xff", 1, 2), 1); /* no such method */
	assert_int_equal(read_all(SIZE, &size), -EBADMSG);
	assert_int_equal(pwrite(fd, "\x08", 1, 2), 1);
	assert_content(SIZE);
	for (off_t at = end - 8; at < end; at++) { /* checksum and length */
		u8 byte;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		assert_int_equal(read_all(SIZE, &size), -EBADMSG);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	assert_int_equal(pwrite(fd, "plain", 5, 0), 5);
	assert_int_equal(read_all(SIZE, &size), -EBADMSG);
}

static void unreadable(void **state)
{
	size_t size;

	(void)state;
	add_member(0, SIZE);
	fake.most = 1000;
	fake.fail = 3;
	assert_int_equal(read_all(SIZE, &size), -EIO);
	gzip_close(NULL);
}

static struct {
	struct byte_source source;
	unsigned int calls;
	ssize_t last; /* what it returns once the file has no more */
} bytewise;

/* A byte at a time, each after an interruption. */
static ssize_t read_bytewise(struct byte_source *source, void *buf, size_t len)
{
	ssize_t n;

	assert_ptr_equal(source, &bytewise.source);
	assert_true(len);
	if (bytewise.calls++ % 2)
		return -EINTR;
	n = read(fd, buf, 1);
	return n ? n : bytewise.last;
}

static int read_source(size_t *got)
{
	struct gzip_reader *reader;
	int ret;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	bytewise.source.read = read_bytewise;
	assert_int_equal(gzip_open_source(&bytewise.source, &reader), 0);
	ret = gzip_read(reader, found, sizeof(found), got);
	gzip_close(reader);
	return ret;
}

static void other_source(void **state)
{
	size_t got;
	off_t end;

	(void)state;
	add_member(0, 1000);
	end = add_member(1000, 3000);
	bytewise.last = 0;
	assert_int_equal(read_source(&got), 0);
	assert_int_equal(got, 3000);
	assert_memory_equal(found, content, 3000);
	assert_int_equal(ftruncate(fd, end - 1), 0);
	assert_int_equal(read_source(&got), -ENODATA);
	bytewise.last = -EIO;
	assert_int_equal(read_source(&got), -EIO);
}

#define GZIP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		GZIP_TEST(whole),
		GZIP_TEST(members),
		GZIP_TEST(garbage_behind),
		GZIP_TEST(ends_early),
		GZIP_TEST(ends_early_in_second_member),
		GZIP_TEST(corrupt),
		GZIP_TEST(unreadable),
		GZIP_TEST(other_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
