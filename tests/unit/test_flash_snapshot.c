/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/store.c hw/flash/open.c hw/flash/file.c */
/* SOURCES: hw/flash/template.c util/file.c util/gzip.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* WRAP: pwrite fdatasync mmap munmap inflateInit2_ */
/* Banks that are only read from a file: snapshots, and files of gzip. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "flash_fixture.h"

static struct {
	int mmap;
	bool no_gzip;
	size_t mapped; /* the most bytes in one mmap(), alignment incl. */
	size_t total;  /* mapped and not unmapped */
} fake;

static struct flash_store store;

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);
int __wrap_fdatasync(int fd);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t offset);
int __real_munmap(void *addr, size_t len);
int __wrap_munmap(void *addr, size_t len);
int __real_inflateInit2_(z_streamp z, int bits, const char *version, int size);
int __wrap_inflateInit2_(z_streamp z, int bits, const char *version, int size);

/* Nothing is ever written in this file's tests. */
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	(void)buf;
	fail_msg("pwrite of %zu bytes at %#lx to %d", len, (long)offset, fd);
	return -1;
}

int __wrap_fdatasync(int fd)
{
	fail_msg("fdatasync of %d", fd);
	return -1;
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t offset)
{
	errno = fake.mmap;
	if (fake.mmap)
		return MAP_FAILED;
	fake.mapped = MAX(fake.mapped, len);
	fake.total += len;
	return __real_mmap(addr, len, prot, flags, fd, offset);
}

int __wrap_munmap(void *addr, size_t len)
{
	fake.total -= len;
	return __real_munmap(addr, len);
}

int __wrap_inflateInit2_(z_streamp z, int bits, const char *version, int size)
{
	if (fake.no_gzip)
		return Z_MEM_ERROR;
	return __real_inflateInit2_(z, bits, version, size);
}

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	forget_messages();
	return make_dir(state);
}

static int open_with(const char *options)
{
	struct flash_config config = config_of("f", options);

	forget_messages();
	memset(&store, 0x5a, sizeof(store));
	return flash_store_open(&store, &config, BLOCK, WINDOW);
}

/* A bank of `size` bytes: `bytes` of pattern, then erased. */
static void assert_opens(const char *options, u64 size, u64 bytes)
{
	if (open_with(options))
		fail_msg("not opened: %s", messages);
	assert_int_equal(nr_fatal, 0);
	assert_content(&store, size, bytes);
}

static void assert_refused(const char *options, int err, const char *text)
{
	assert_refusal(open_with(options), err, text);
	assert_said(PATH);
}

/* `size` bytes of pattern, or of zeros, compressed; as members of `member`. */
static void make_gzip(u64 size, u64 member, bool zeros)
{
	u64 at = 0;

	unlink(PATH);
	do {
		gzFile gz = gzopen(PATH, "ab1");
		u64 end = MIN(at + member, size);

		assert_non_null(gz);
		for (; at < end; at++)
			assert_true(gzputc(gz, zeros ? 0 : pattern(at)) >= 0);
		assert_int_equal(gzclose(gz), Z_OK);
	} while (at < size);
}

static void append(const void *data, size_t len)
{
	FILE *f = fopen(PATH, "a");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static u64 resident(void)
{
	static unsigned char pages[WINDOW / 4096];
	u64 n = 0;

	assert_int_equal(mincore(store.array, store.size, pages), 0);
	for (u64 i = 0; i < store.size / 4096; i++)
		n += pages[i] & 1;
	return n;
}

/* ---- Snapshots ----------------------------------------------------------- */

/* Changes are in the array and nowhere else, and nothing has gone wrong. */
static void snapshot_is_writable(void **state)
{
	u8 data[4096] = { 0 };

	(void)state;
	make_file(SZ_1M);
	assert_opens(",snapshot", SZ_1M, SZ_1M);
	assert_string_equal(messages, "");
	assert_false(store.readonly);
	assert_int_equal(fcntl(store.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	for (u64 at = 0; at < SZ_1M; at += sizeof(data))
		assert_int_equal(
			flash_store_write(&store, at, data, sizeof(data)), 0);
	for (u64 i = 0; i < SZ_1M; i++)
		assert_int_equal(store.array[i], 0);
	assert_int_equal(flash_store_sync(&store), 0);
	assert_int_equal(flash_store_complete(&store), 0);
	assert_int_equal(flash_store_finish(&store), 0);
	assert_int_equal(store.writes + store.syncs + store.failures, 0);
	flash_store_close(&store);
	assert_opens(",snapshot", SZ_1M, SZ_1M);
	flash_store_close(&store);
}

/* All of it, also what the file does not have. */
static void snapshot_beyond_file(void **state)
{
	u8 data[64] = { 0 };

	(void)state;
	make_file(100);
	assert_opens(",snapshot,size=1M", SZ_1M, 100);
	assert_int_equal(flash_store_write(&store, 64, data, 64), 0);
	assert_int_equal(flash_store_write(&store, SZ_1M - 64, data, 64), 0);
	assert_int_equal(store.array[99], 0);
	assert_int_equal(store.array[SZ_1M - 1], 0);
	assert_int_equal(flash_store_finish(&store), 0);
	assert_int_equal(file_bytes(), 100);
	flash_store_close(&store);
}

static void snapshot_of_read_only_file(void **state)
{
	(void)state;
	make_file(BLOCK);
	assert_int_equal(chmod(PATH, 0444), 0);
	assert_opens(",snapshot", BLOCK, BLOCK);
	flash_store_close(&store);
	assert_refused("", EACCES, "\",snapshot\"");
}

/* Readers of all kinds share a file, writers do not. */
static void snapshots_share(void **state)
{
	struct flash_store first, second;

	(void)state;
	make_file(BLOCK);
	assert_opens(",snapshot", BLOCK, BLOCK);
	first = store;
	assert_opens(",snapshot", BLOCK, BLOCK);
	second = store;
	assert_opens(",ro", BLOCK, BLOCK);
	assert_int_equal(flash_store_write(&second, 0, (const u8 *)"x", 1), 0);
	assert_int_equal(first.array[0], pattern(0));
	flash_store_close(&store);
	assert_refused("", EBUSY, "is in use");
	flash_store_close(&first);
	assert_refused(",create,size=1M", EBUSY, "is in use");
	flash_store_close(&second);
	assert_opens("", BLOCK, BLOCK);
	first = store;
	assert_refused(",snapshot", EBUSY, "is in use");
	flash_store_close(&first);
}

static void snapshot_of_nothing(void **state)
{
	(void)state;
	assert_refused(",snapshot", ENOENT, "No such file");
	assert_null(strstr(messages, "create"));
	assert_int_equal(access(PATH, F_OK), -1);
}

/* What nobody cut off here is of no concern: all was read at first. */
static void snapshot_of_file_cut_short(void **state)
{
	(void)state;
	make_file(SZ_1M);
	assert_opens(",snapshot", SZ_1M, SZ_1M);
	assert_int_equal(truncate(PATH, 0), 0);
	assert_int_equal(flash_store_write(&store, 0, (const u8 *)"x", 1), 0);
	assert_int_equal(flash_store_finish(&store), 0);
	flash_store_close(&store);
}

/* ---- Sizes of what is only read ------------------------------------------ */

/* Nothing is lost: the rest of the bank is erased. */
static void rounded_up(void **state)
{
	static const char *const options[] = { ",ro", ",snapshot" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		make_file(768 * SZ_1K);
		assert_opens(options[i], SZ_1M, 768 * SZ_1K);
		assert_said("has 786432 bytes, not a power of two: the bank "
			    "has 1048576, the rest is erased");
		flash_store_close(&store);
		make_file(BLOCK + 1);
		assert_opens(options[i], 2 * BLOCK, BLOCK + 1);
		flash_store_close(&store);
		make_file(BLOCK - 1);
		assert_refused(options[i], EINVAL, "less than one erase block");
		make_file(WINDOW + 1);
		assert_refused(options[i], EFBIG, "there is room for 1048576");
	}
}

/* No room above: as a bank that is written. */
static void no_room_to_round_up(void **state)
{
	struct flash_config config = config_of("f", ",ro");

	(void)state;
	make_file(768 * SZ_1K);
	assert_int_equal(flash_store_open(&store, &config, BLOCK, 800 * SZ_1K),
			 0);
	assert_int_equal(store.size, 512 * SZ_1K);
	assert_said("the first 524288 are used");
	flash_store_close(&store);
}

/* ---- gzip ---------------------------------------------------------------- */

static void gzip(void **state)
{
	static const char *const options[] = { ",ro", ",snapshot" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		make_gzip(SZ_1M, SZ_1M, false);
		assert_opens(options[i], SZ_1M, SZ_1M);
		assert_string_equal(messages, "");
		flash_store_close(&store);
		make_gzip(BLOCK, BLOCK, false);
		assert_opens(options[i], BLOCK, BLOCK);
		assert_string_equal(messages, "");
		flash_store_close(&store);
		/* Bare: rounded up. */
		make_gzip(768 * SZ_1K, SZ_1M, false);
		assert_opens(options[i], SZ_1M, 768 * SZ_1K);
		assert_said("the bank has 1048576, the rest is erased");
		flash_store_close(&store);
	}
}

static void gzip_snapshot_is_writable(void **state)
{
	(void)state;
	make_gzip(128 * SZ_1K, SZ_1M, false);
	assert_opens(",snapshot,size=256K", 256 * SZ_1K, 128 * SZ_1K);
	assert_int_equal(flash_store_write(&store, 200000, (const u8 *)"x", 1),
			 0);
	assert_int_equal(store.array[200000], 'x');
	assert_int_equal(flash_store_finish(&store), 0);
	flash_store_close(&store);
	assert_opens(",ro", 128 * SZ_1K, 128 * SZ_1K);
	assert_int_equal(flash_store_write(&store, 0, (const u8 *)"x", 1),
			 -EROFS);
	flash_store_close(&store);
}

static void gzip_sizes(void **state)
{
	(void)state;
	make_gzip(SZ_1M, SZ_1M, false);
	assert_opens(",ro,size=64K", BLOCK, BLOCK);
	assert_said("has more than 65536 bytes, the first 65536 are used");
	assert_in_range(fake.mapped, BLOCK, BLOCK + SZ_2M);
	flash_store_close(&store);
	make_gzip(100, 100, false);
	assert_opens(",ro,size=128K", 128 * SZ_1K, 100);
	flash_store_close(&store);
	assert_refused(",ro", EINVAL, "has 100 bytes, less than one erase");
	assert_refused(",ro,size=2M", EFBIG, "there is room for 1048576");
	assert_refused(",ro,size=4K", EINVAL, "size=4096");
	make_gzip(0, 1, false);
	assert_refused(",ro", EINVAL, "is empty once decoded");
	assert_refused(",ro,size=64K", EINVAL, "is empty once decoded");
}

/* gzip -c a b: several members are one content; what follows is none. */
static void gzip_members(void **state)
{
	(void)state;
	make_gzip(SZ_1M, 300000, false);
	assert_opens(",ro", SZ_1M, SZ_1M);
	flash_store_close(&store);
	append("no gzip", 7);
	assert_opens(",ro", SZ_1M, SZ_1M);
	flash_store_close(&store);
}

/* A gigabyte of zeros in a megabyte: no more is decompressed than fits. */
static void gzip_bomb(void **state)
{
	static u8 zeros[SZ_1M];
	gzFile gz;

	(void)state;
	make_gzip(WINDOW + 1, SZ_2M, true);
	assert_refused(
		",ro", EFBIG,
		"has more than 1048576 bytes, there is room for 1048576");
	gz = gzopen(PATH, "wb1");
	for (unsigned int i = 0; i < 1024; i++)
		assert_int_equal(gzwrite(gz, zeros, sizeof(zeros)), SZ_1M);
	gzclose(gz);
	fake.mapped = 0;
	assert_refused(",snapshot", EFBIG, "has more than 1048576 bytes");
	assert_in_range(fake.mapped, 1, 2 * WINDOW + SZ_2M);
	make_gzip(WINDOW, SZ_2M, false);
	assert_opens(",ro", WINDOW, WINDOW);
	flash_store_close(&store);
}

/* Zeros of a padded image take no memory, compressed or not. */
static void padding_takes_no_memory(void **state)
{
	int fd;

	(void)state;
	make_gzip(SZ_1M, SZ_2M, true);
	assert_int_equal(open_with(",snapshot"), 0);
	assert_int_equal(store.size, SZ_1M);
	assert_int_equal(resident(), 0);
	flash_store_close(&store);
	make_file(5000);
	fd = open(PATH, O_WRONLY | O_APPEND);
	for (u64 i = 5000; i < SZ_1M; i += 4)
		assert_int_equal(write(fd, "\0\0\0", 4), 4);
	close(fd);
	assert_int_equal(open_with(",snapshot"), 0);
	assert_in_range(resident(), 2, 2);
	assert_int_equal(store.array[4999], pattern(4999));
	flash_store_close(&store);
}

static void gzip_damaged(void **state)
{
	static const u64 cuts[] = { 2, 3, 9, 10, 11, 1000, 100001 };
	u64 bytes;
	int fd;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		make_gzip(SZ_1M, SZ_1M, false);
		bytes = file_bytes();
		assert_int_equal(truncate(PATH, (off_t)MIN(cuts[i], bytes - 1)),
				 0);
		assert_refused(",ro", EBADMSG, "its gzip data ends early");
	}
	make_gzip(SZ_1M, SZ_1M, false);
	assert_int_equal(truncate(PATH, (off_t)file_bytes() - 1), 0);
	assert_refused(",snapshot", EBADMSG, "its gzip data ends early");
	/* The checksum. */
	make_gzip(SZ_1M, SZ_1M, false);
	fd = open(PATH, O_RDWR);
	assert_int_equal(lseek(fd, -8, SEEK_END), (off_t)file_bytes() - 8);
	assert_int_equal(write(fd, "\1\2\3\4", 4), 4);
	close(fd);
	assert_refused(",ro", EBADMSG, "its gzip data is corrupt");
	make_gzip(SZ_1M, SZ_1M, false);
	fd = open(PATH, O_RDWR);
	assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
	assert_int_equal(write(fd, "\xff", 1), 1); /* no such method */
	close(fd);
	assert_refused(",ro", EBADMSG, "its gzip data is corrupt");
}

/* What to do instead is said. */
static void gzip_is_not_written_to(void **state)
{
	static const char *const options[] = { "", ",size=1M", ",create",
					       ",create,size=1M" };
	u64 bytes;

	(void)state;
	make_gzip(SZ_1M, SZ_1M, false);
	bytes = file_bytes();
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		assert_refused(options[i], EINVAL,
			       "is in gzip format and cannot be written "
			       "to: name it as");
		assert_said("template=");
		assert_said("snapshot");
		assert_said("ro");
		assert_int_equal(file_bytes(), bytes);
	}
}

/* A guest may keep a compressed kernel where its flash begins. */
static void bank_that_begins_like_gzip(void **state)
{
	static const char *const options[] = { "", ",ro", ",snapshot" };
	int fd;

	(void)state;
	make_file(BLOCK);
	fd = open(PATH, O_WRONLY);
	assert_int_equal(write(fd, "\x1f\x8b\x08\0", 4), 4);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		assert_int_equal(open_with(options[i]), 0);
		assert_int_equal(store.size, BLOCK);
		assert_memory_equal(store.array, "\x1f\x8b\x08\0", 4);
		assert_int_equal(store.array[4], pattern(4));
		flash_store_close(&store);
	}
	/* No bank is smaller than a block. */
	assert_int_equal(truncate(PATH, 1024), 0);
	assert_refused("", EINVAL, "is in gzip format and");
}

/* No more is kept than the bank has, and not that when it is closed. */
static void memory_is_given_back(void **state)
{
	(void)state;
	make_gzip(BLOCK, BLOCK, false);
	assert_opens(",ro", BLOCK, BLOCK);
	assert_in_range(fake.mapped, WINDOW, WINDOW + SZ_2M);
	assert_int_equal(fake.total, BLOCK);
	flash_store_close(&store);
	assert_int_equal(fake.total, 0);
	assert_int_equal(truncate(PATH, 1000), 0);
	assert_refused(",ro", EBADMSG, "its gzip data ends early");
	assert_int_equal(fake.total, 0);
}

static void nothing_is_left(void **state)
{
	int before = next_fd();

	(void)state;
	make_gzip(SZ_1M, SZ_1M, false);
	fake.mmap = ENOMEM;
	assert_refused(",ro", ENOMEM, "Cannot allocate memory");
	fake.mmap = 0;
	fake.no_gzip = true;
	assert_refused(",ro", ENOMEM, "Cannot allocate memory");
	fake.no_gzip = false;
	assert_opens(",ro", SZ_1M, SZ_1M);
	flash_store_close(&store);
	assert_int_equal(next_fd(), before);
}

#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, setup, remove_dir)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		DIR_TEST(snapshot_is_writable),
		DIR_TEST(snapshot_beyond_file),
		DIR_TEST(snapshot_of_read_only_file),
		DIR_TEST(snapshots_share),
		DIR_TEST(snapshot_of_nothing),
		DIR_TEST(snapshot_of_file_cut_short),
		DIR_TEST(rounded_up),
		DIR_TEST(no_room_to_round_up),
		DIR_TEST(gzip),
		DIR_TEST(gzip_snapshot_is_writable),
		DIR_TEST(gzip_sizes),
		DIR_TEST(gzip_members),
		DIR_TEST(gzip_bomb),
		DIR_TEST(padding_takes_no_memory),
		DIR_TEST(gzip_damaged),
		DIR_TEST(gzip_is_not_written_to),
		DIR_TEST(bank_that_begins_like_gzip),
		DIR_TEST(memory_is_given_back),
		DIR_TEST(nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
