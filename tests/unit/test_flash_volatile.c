/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/volatile.c hw/flash/store.c hw/flash/file.c */
/* SOURCES: util/file.c util/gzip.c tests/unit/flash_fixture.c */
/* WRAP: memfd_create mmap pwrite */
/* A bank of flash that has no file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flash_fixture.h"

#define SIZE (64 * SZ_1M)

/* errno of the next call; how many calls of mmap() are good, or 0 */
static int fail_memfd, fail_pwrite;
static unsigned int good_mmaps;

int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);
ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t off);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t off);

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	if (!fail_memfd)
		return __real_memfd_create(name, flags);
	errno = fail_memfd;
	return -1;
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	if (!fail_pwrite)
		return __real_pwrite(fd, buf, len, offset);
	errno = fail_pwrite;
	return -1;
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t off)
{
	if (good_mmaps && !--good_mmaps) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return __real_mmap(addr, len, prot, flags, fd, off);
}

/* Bytes of RAM that belong to this process, shared ones with all others. */
static u64 resident(void)
{
	unsigned long long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu %llu", &size, &pages), 2);
	fclose(f);
	return pages * (u64)sysconf(_SC_PAGESIZE);
}

static u64 erased_bytes(const struct flash_store *store)
{
	u64 n = 0;

	for (u64 i = 0; i < store->size; i++)
		n += store->array[i] == 0xff;
	return n;
}

static void erased(void **state)
{
	struct flash_store store;
	u64 before = resident();

	(void)state;
	assert_int_equal(flash_store_make(&store, BLOCK, SIZE), 0);
	assert_true(resident() < before + 4 * SZ_1M);
	assert_int_equal(store.size, SIZE);
	assert_true(IS_ALIGNED((uintptr_t)store.array, SZ_2M));
	assert_int_equal(erased_bytes(&store), SIZE);
	flash_store_close(&store);
	assert_string_equal(messages, "");
}

/* What is written is in its place and nowhere else, and is no file's. */
static void written(void **state)
{
	static const u8 data[4] = { 1, 2, 3, 4 };
	struct flash_store store;

	(void)state;
	assert_int_equal(flash_store_make(&store, BLOCK, SZ_1M), 0);
	for (u64 at = 0; at < SZ_1M; at += 3 * BLOCK)
		assert_int_equal(flash_store_write(&store, at + 8, data, 4), 0);
	assert_int_equal(erased_bytes(&store), SZ_1M - 6 * 4);
	for (u64 at = 0; at < SZ_1M; at += 3 * BLOCK)
		assert_memory_equal(store.array + at + 8, data, 4);
	assert_int_equal(flash_store_order(&store, 0, 4, true), 0);
	assert_int_equal(flash_store_complete(&store), 0);
	assert_int_equal(flash_store_sync(&store), 0);
	assert_int_equal(flash_store_finish(&store), 0);
	assert_int_equal(store.syncs + store.writes + store.failures, 0);
	flash_store_close(&store);
	assert_string_equal(messages, "");
}

/* Nothing is left open or mapped, and there is one message. */
static void no_memory(void **state)
{
	struct flash_store store;
	int fd = next_fd();

	(void)state;
	fail_memfd = EMFILE;
	assert_refusal(flash_store_make(&store, BLOCK, SIZE), EMFILE,
		       "of 67108864 bytes in memory");
	fail_memfd = 0;
	forget_messages();
	fail_pwrite = ENOSPC;
	assert_refusal(flash_store_make(&store, BLOCK, SIZE), ENOSPC,
		       "of 67108864 bytes in memory");
	fail_pwrite = 0;
	for (unsigned int n = 1; n < 4; n++) {
		forget_messages();
		good_mmaps = n;
		assert_refusal(flash_store_make(&store, BLOCK, SIZE), ENOMEM,
			       "in memory");
		assert_null(store.array);
	}
	assert_int_equal(next_fd(), fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(erased),
		TEST(written),
		TEST(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
