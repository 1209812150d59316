/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/store.c hw/flash/open.c hw/flash/file.c */
/* SOURCES: hw/flash/template.c util/file.c util/gzip.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* WRAP: pwrite fdatasync */
/* What a flash bank's file holds, and writing to it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flash_fixture.h"

/* What the system's functions do, and what they were asked for. */
static struct {
	int pwrite, fdatasync; /* errno to fail with, or 0 */
	size_t most;	       /* bytes one pwrite() takes, or 0 */
	unsigned int full_at;  /* this pwrite() finds the disk full, or 0 */
	unsigned int nr_pwrites, nr_syncs;
} fake;

static struct flash_store store;

ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);
int __wrap_fdatasync(int fd);

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	fake.nr_pwrites++;
	if (fake.pwrite || fake.nr_pwrites == fake.full_at) {
		errno = fake.pwrite ? fake.pwrite : ENOSPC;
		return -1;
	}
	/* Never across a page: a kill tears nothing smaller than one. */
	assert_true(len <= FLASH_STORE_PIECE);
	assert_int_equal(offset / 4096, (offset + (off_t)len - 1) / 4096);
	if (fake.most)
		len = MIN(len, fake.most);
	return __real_pwrite(fd, buf, len, offset);
}

int __wrap_fdatasync(int fd)
{
	assert_int_equal(fd, store.fd);
	fake.nr_syncs++;
	if (!fake.fdatasync)
		return 0;
	errno = fake.fdatasync;
	return -1;
}

static void open_with(const char *options)
{
	struct flash_config config = config_of("f", options);

	memset(&store, 0, sizeof(store));
	if (flash_store_open(&store, &config, BLOCK, WINDOW))
		fail_msg("not opened: %s", messages);
	memset(&fake, 0, sizeof(fake));
}

/* The file of most tests: 1 MiB. */
static int setup(void **state)
{
	forget_messages();
	memset(&fake, 0, sizeof(fake));
	if (make_dir(state))
		return -1;
	make_file(SZ_1M);
	open_with("");
	return 0;
}

static int teardown(void **state)
{
	flash_store_close(&store);
	return remove_dir(state);
}

static void reopen(const char *options)
{
	flash_store_close(&store);
	open_with(options);
}

/* The file's content, by a descriptor of its own, is the array's. */
static void assert_file_is_array(void)
{
	u8 page[4096];

	for (u64 at = 0; at < store.persistent; at += sizeof(page)) {
		size_t len = MIN(sizeof(page), store.persistent - at);

		read_file(at, page, len);
		assert_memory_equal(page, store.array + at, len);
	}
}

static void assert_array_untouched(void)
{
	for (u64 i = 0; i < store.size; i++)
		assert_int_equal(store.array[i],
				 i < store.persistent ? pattern(i) : 0xff);
}

/* ---- Content at first ---------------------------------------------------- */

/* Holes are zero, not erased: as with read(2). */
static void sparse(void **state)
{
	int fd;

	(void)state;
	make_file(0);
	fd = open(PATH, O_WRONLY);
	assert_int_equal(pwrite(fd, "head", 4, 0), 4);
	assert_int_equal(pwrite(fd, "mid", 3, 300001), 3);
	assert_int_equal(pwrite(fd, "tail", 4, SZ_1M - 4 - SZ_64K), 4);
	assert_int_equal(ftruncate(fd, SZ_1M - 100), 0);
	close(fd);
	reopen(",size=1M");
	for (u64 i = 0; i < SZ_1M - 100; i++) {
		if (i < 4 || i - 300001 < 3 || i - (SZ_1M - 4 - SZ_64K) < 4)
			continue;
		assert_int_equal(store.array[i], 0);
	}
	assert_memory_equal(store.array, "head", 4);
	assert_memory_equal(store.array + 300001, "mid", 3);
	assert_memory_equal(store.array + SZ_1M - 4 - SZ_64K, "tail", 4);
	for (u64 i = SZ_1M - 100; i < SZ_1M; i++)
		assert_int_equal(store.array[i], 0xff);
}

static void nothing_but_a_hole(void **state)
{
	(void)state;
	make_file(0);
	assert_int_equal(truncate(PATH, SZ_1M), 0);
	reopen("");
	assert_int_equal(store.persistent, SZ_1M);
	for (u64 i = 0; i < SZ_1M; i++)
		assert_int_equal(store.array[i], 0);
}

/* Data after the bank's end are none of its own. */
static void data_beyond_bank(void **state)
{
	int fd;

	(void)state;
	make_file(0);
	fd = open(PATH, O_WRONLY);
	assert_int_equal(pwrite(fd, "far", 3, 700000), 3);
	close(fd);
	reopen("");
	assert_int_equal(store.size, 512 * SZ_1K);
	for (u64 i = 0; i < store.size; i++)
		assert_int_equal(store.array[i], 0);
}

/* ---- Changes ------------------------------------------------------------- */

static void written_at_once(void **state)
{
	static const struct {
		u64 offset;
		size_t len;
	} cases[] = {
		{ 0, 4 },
		{ 4, 2048 },
		{ 8192, 4096 },
		{ 3 * 4096 - 4, 4 },
		{ SZ_1M - 4, 4 },
		{ SZ_1M - 4096, 4096 },
		{ 5 * 4096 + 1, 4095 },
		{ 777, 1 },
	};
	u8 data[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		u8 found[4096];

		memset(data, (int)(0x30 + i), sizeof(data));
		assert_int_equal(flash_store_write(&store, cases[i].offset,
						   data, cases[i].len),
				 0);
		assert_memory_equal(store.array + cases[i].offset, data,
				    cases[i].len);
		read_file(cases[i].offset, found, cases[i].len);
		assert_memory_equal(found, data, cases[i].len);
		assert_int_equal(store.writes, i + 1);
		assert_int_equal(fake.nr_pwrites, i + 1);
	}
	assert_file_is_array();
	assert_int_equal(file_bytes(), SZ_1M);
	assert_int_equal(fake.nr_syncs, 0);
}

/* The bytes beside the piece are what they were, in file and array. */
static void neighbours(void **state)
{
	static const u8 data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	(void)state;
	assert_int_equal(flash_store_write(&store, 0x1000, data, 8), 0);
	assert_int_equal(store.array[0xfff], pattern(0xfff));
	assert_int_equal(store.array[0x1008], pattern(0x1008));
	assert_file_is_array();
}

static void survives_reopening(void **state)
{
	static const u8 data[4] = "kept";

	(void)state;
	assert_int_equal(flash_store_write(&store, 500000, data, 4), 0);
	reopen("");
	assert_memory_equal(store.array + 500000, "kept", 4);
	assert_false(store.dirty);
	assert_int_equal(store.writes, 0);
}

/* A write that is cut short goes on where it stopped. */
static void short_writes(void **state)
{
	u8 data[4096];

	(void)state;
	memset(data, 0x42, sizeof(data));
	fake.most = 1000;
	assert_int_equal(flash_store_write(&store, 4096, data, 4096), 0);
	assert_int_equal(fake.nr_pwrites, 5);
	assert_int_equal(store.writes, 1);
	assert_file_is_array();
	assert_int_equal(file_byte(8191), 0x42);
}

static void refused_writes(void **state)
{
	static const int errors[] = { ENOSPC, EIO, EDQUOT, EFBIG };
	u8 data[4096] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		fake.pwrite = errors[i];
		assert_int_equal(flash_store_write(&store, 0, data, 4096),
				 -errors[i]);
		assert_array_untouched();
	}
	/* The error passes, and with it the trouble. */
	fake.pwrite = 0;
	assert_file_is_array();
	assert_int_equal(flash_store_write(&store, 0, data, 4096), 0);
	assert_file_is_array();
}

/*
 * The disk is full after a part was written, as with small blocks and a sparse
 * file: the file then gets back what the array still holds.
 */
static void refused_halfway(void **state)
{
	u8 data[4096] = { 0 };

	(void)state;
	fake.most = 1024;
	fake.full_at = 3;
	assert_int_equal(flash_store_write(&store, 8192, data, 4096), -ENOSPC);
	assert_array_untouched();
	assert_file_is_array();
}

/* No wrapper this time: a file that may not become longer than it is. */
static void limit_of_file_size(void **state)
{
	struct rlimit old, limit;
	u8 data[256] = { 0 };
	int ret;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 100000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ret = flash_store_write(&store, 200704, data, sizeof(data));
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(ret, -EFBIG);
	assert_array_untouched();
	assert_file_is_array();
}

/* ---- Beyond the file's end ----------------------------------------------- */

static void programs_beyond_file(void **state)
{
	u8 zero[16] = { 0 };

	(void)state;
	make_file(BLOCK);
	reopen(",size=256K");
	assert_int_equal(flash_store_write(&store, BLOCK, zero, 4), -ENOSPC);
	assert_int_equal(flash_store_write(&store, 256 * SZ_1K - 16, zero, 16),
			 -ENOSPC);
	assert_int_equal(fake.nr_pwrites, 0);
	assert_int_equal(store.writes, 0);
	assert_false(store.dirty);
	assert_array_untouched();
	assert_int_equal(file_bytes(), BLOCK);
	/* What the file holds can be written to as ever. */
	assert_int_equal(flash_store_write(&store, BLOCK - 16, zero, 16), 0);
	assert_file_is_array();
	assert_int_equal(file_bytes(), BLOCK);
}

static void erase_beyond_file(void **state)
{
	u8 erased[4096];

	(void)state;
	memset(erased, 0xff, sizeof(erased));
	make_file(BLOCK);
	reopen(",size=256K");
	for (u64 at = BLOCK; at < store.size; at += sizeof(erased))
		assert_int_equal(flash_store_write(&store, at, erased,
						   sizeof(erased)),
				 0);
	assert_int_equal(fake.nr_pwrites, 0);
	assert_array_untouched();
	assert_int_equal(file_bytes(), BLOCK);
}

/* A file that ends within a page, and within a word. */
static void across_the_end(void **state)
{
	const u64 end = BLOCK + 6001;
	u8 data[64];

	(void)state;
	make_file(end);
	reopen(",size=128K");
	memset(data, 0xff, sizeof(data));
	memset(data, 0, 33);
	assert_int_equal(flash_store_write(&store, end - 32, data, 64),
			 -ENOSPC);
	assert_int_equal(fake.nr_pwrites, 0);
	assert_array_untouched();
	/* All that is behind the end stays erased: this is no growth. */
	data[32] = 0xff;
	assert_int_equal(flash_store_write(&store, end - 32, data, 64), 0);
	assert_int_equal(fake.nr_pwrites, 1);
	assert_int_equal(file_bytes(), end);
	assert_file_is_array();
	assert_int_equal(file_byte(end - 1), 0);
	for (u64 i = end; i < store.size; i++)
		assert_int_equal(store.array[i], 0xff);
}

/* With `create` there is no such end. */
static void create_has_no_end(void **state)
{
	u8 zero[16] = { 0 };

	(void)state;
	make_file(BLOCK);
	reopen(",size=256K,create");
	assert_int_equal(flash_store_write(&store, 256 * SZ_1K - 16, zero, 16),
			 0);
	assert_file_is_array();
	assert_int_equal(file_bytes(), 256 * SZ_1K);
}

/* Nothing behind the bank's end is ever touched. */
static void file_longer_than_bank(void **state)
{
	u8 zero[4096] = { 0 };

	(void)state;
	reopen(",size=64K");
	assert_int_equal(flash_store_write(&store, BLOCK - 4096, zero, 4096),
			 0);
	assert_file_is_array();
	assert_int_equal(file_byte(BLOCK), pattern(BLOCK));
	assert_int_equal(file_bytes(), SZ_1M);
}

/* ---- Read-only ----------------------------------------------------------- */

static void read_only(void **state)
{
	struct timespec past[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	u8 data[16] = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(utimensat(AT_FDCWD, PATH, past, 0), 0);
	reopen(",ro");
	assert_int_equal(flash_store_write(&store, 0, data, 16), -EROFS);
	memset(data, 0xff, sizeof(data));
	assert_int_equal(flash_store_write(&store, SZ_1M - 16, data, 16),
			 -EROFS);
	assert_int_equal(flash_store_sync(&store), 0);
	assert_int_equal(fake.nr_pwrites, 0);
	assert_int_equal(fake.nr_syncs, 0);
	assert_array_untouched();
	assert_int_equal(stat(PATH, &st), 0);
	assert_int_equal(st.st_mtime, 1000);
}

/* ---- Durability ---------------------------------------------------------- */

static void sync_if_written_to(void **state)
{
	static const u8 data[4] = { 0 };

	(void)state;
	assert_int_equal(flash_store_sync(&store), 0);
	assert_int_equal(fake.nr_syncs, 0);
	assert_int_equal(flash_store_write(&store, 0, data, 4), 0);
	assert_true(store.dirty);
	assert_int_equal(flash_store_sync(&store), 0);
	assert_int_equal(fake.nr_syncs, 1);
	assert_int_equal(flash_store_sync(&store), 0);
	assert_int_equal(fake.nr_syncs, 1);
}

/* A failure is told, once, and never forgotten. */
static void sync_fails(void **state)
{
	static const u8 data[4] = { 0 };

	(void)state;
	assert_int_equal(flash_store_write(&store, 0, data, 4), 0);
	fake.fdatasync = EIO;
	assert_int_equal(flash_store_sync(&store), -EIO);
	assert_said("unable to make the content durable: Input/output error");
	assert_said(PATH);
	forget_messages();
	fake.fdatasync = 0;
	assert_int_equal(flash_store_sync(&store), -EIO);
	assert_int_equal(flash_store_write(&store, 4, data, 4), 0);
	assert_int_equal(flash_store_sync(&store), -EIO);
	assert_string_equal(messages, "");
	assert_int_equal(fake.nr_syncs, 1);
}

/* A write that failed halfway leaves something to be synced as well. */
static void refused_write_is_dirty(void **state)
{
	static const u8 data[4] = { 0 };

	(void)state;
	fake.pwrite = EIO;
	assert_int_equal(flash_store_write(&store, 0, data, 4), -EIO);
	assert_true(store.dirty);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_TEST(sparse),
		STORE_TEST(nothing_but_a_hole),
		STORE_TEST(data_beyond_bank),
		STORE_TEST(written_at_once),
		STORE_TEST(neighbours),
		STORE_TEST(survives_reopening),
		STORE_TEST(short_writes),
		STORE_TEST(refused_writes),
		STORE_TEST(refused_halfway),
		STORE_TEST(limit_of_file_size),
		STORE_TEST(programs_beyond_file),
		STORE_TEST(erase_beyond_file),
		STORE_TEST(across_the_end),
		STORE_TEST(create_has_no_end),
		STORE_TEST(file_longer_than_bank),
		STORE_TEST(read_only),
		STORE_TEST(sync_if_written_to),
		STORE_TEST(sync_fails),
		STORE_TEST(refused_write_is_dirty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
