/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/snapshot.c disk/raw.c disk/disk.c util/iov.c util/file.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* WRAP: open pwritev ftruncate */
/* A disk whose changes are thrown away, beside an array that has them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "disk/raw.h"
#include "flash_fixture.h"
#include "lkvm/disk/queue.h"
#include "thread_state.h"

/* Some blocks of 4 KiB, and one that is not whole. */
#define SIZE	(16 * SZ_4K + 3 * DISK_SECTOR)
#define SECTORS (SIZE / DISK_SECTOR)
#define SEED	0x5eed2026U
#define ROUNDS	4000

int __real_open(const char *path, int flags, ...);
ssize_t __real_pwritev(int fd, const struct iovec *iov, int count, off_t at);
int __real_ftruncate(int fd, off_t len);
int __wrap_open(const char *path, int flags, mode_t mode);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t at);
int __wrap_ftruncate(int fd, off_t len);

static struct {
	struct disk below;
	struct disk *disk;
	u8 content[SIZE]; /* of the disk below */
	u8 model[SIZE];	  /* of the snapshot */
	unsigned int closed;
	int read_error;	 /* of the disk below */
	int write_error; /* of the nameless file */
	int truncate_error;
	/* The next write to the nameless file waits. */
	atomic_bool closed_gate;
	sem_t come, go;
	bool no_tmpfile;
	int open_flags;
	u32 random;
} t;

int __wrap_open(const char *path, int flags, mode_t mode)
{
	t.open_flags = flags;
	if (t.no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return __real_open(path, flags, mode);
}

ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	if (atomic_exchange(&t.closed_gate, false)) {
		sem_post(&t.come);
		sem_wait(&t.go);
	}
	if (!t.write_error)
		return __real_pwritev(fd, iov, count, at);
	errno = t.write_error;
	return -1;
}

int __wrap_ftruncate(int fd, off_t len)
{
	if (!t.truncate_error)
		return __real_ftruncate(fd, len);
	errno = t.truncate_error;
	return -1;
}

/* ---- The disk below ------------------------------------------------------ */

static int below_read(struct disk *disk, struct iovec *iov, u32 count,
		      u64 offset)
{
	assert_ptr_equal(disk, &t.below);
	if (t.read_error)
		return t.read_error;
	for (u32 i = 0; i < count; i++) {
		memcpy(iov[i].iov_base, t.content + offset, iov[i].iov_len);
		offset += iov[i].iov_len;
	}
	return 0;
}

static void below_close(struct disk *disk)
{
	assert_ptr_equal(disk, &t.below);
	t.closed++;
}

/* It is read-only: all else would be a call through NULL. */
static const struct disk_ops below_ops = {
	.read = below_read,
	.close = below_close,
};

static int setup(void **state)
{
	int ret = make_dir(state);

	memset(&t, 0, sizeof(t));
	t.below = (struct disk) { .ops = &below_ops,
				  .path = "image",
				  .size = SIZE,
				  .block = SZ_4K,
				  .readonly = true };
	for (u32 i = 0; i < SIZE; i++)
		t.content[i] = (u8)(i * 7 + i / DISK_SECTOR);
	memcpy(t.model, t.content, SIZE);
	setenv("TMPDIR", path_of("."), 1);
	return ret ? ret : snapshot_create(&t.below, &t.disk);
}

static int teardown(void **state)
{
	disk_close(t.disk);
	assert_int_equal(t.closed, 1);
	unsetenv("TMPDIR");
	return remove_dir(state);
}

/* ---- Requests ------------------------------------------------------------ */

static u32 next(u32 n)
{
	t.random = t.random * 1664525 + 1013904223;
	return (u32)((u64)(t.random >> 8) * n >> 24);
}

/* Cuts `len` bytes into buffers of odd lengths. */
static u32 cut(struct iovec *iov, u8 *buf, u64 len)
{
	u32 n = 0;

	while (len) {
		size_t some = n == 15 ? len : MIN(len, next(9000) + 1);

		iov[n++] = (struct iovec) { buf, some };
		buf += some;
		len -= some;
	}
	return n;
}

static int read_at(u8 *buf, u64 offset, u64 len)
{
	struct iovec iov[16];
	u32 n = cut(iov, buf, len);

	return disk_read(t.disk, iov, n, offset, len);
}

static int write_at(u8 value, u64 offset, u64 len)
{
	static u8 buf[SIZE];
	struct iovec iov[16];
	u32 n = cut(iov, buf, len);

	for (u64 i = 0; i < len; i++)
		buf[i] = (u8)(value + i);
	return disk_write(t.disk, iov, n, offset, len);
}

/* What write_at() has written. */
static void note_write(u8 value, u64 offset, u64 len)
{
	for (u64 i = 0; i < len; i++)
		t.model[offset + i] = (u8)(value + i);
}

static void assert_model(void)
{
	u8 buf[SIZE];

	assert_int_equal(read_at(buf, 0, SIZE), 0);
	assert_memory_equal(buf, t.model, SIZE);
}

/* ---- Threads ------------------------------------------------------------- */

struct writer {
	pthread_t id;
	_Atomic(pid_t) tid;
	sem_t started;
	u64 sector;
	u8 data[DISK_SECTOR];
	atomic_bool done;
	sem_t end;
};

/* It sleeps at the end, whatever happened before. */
static void *write_sector(void *arg)
{
	struct writer *w = arg;
	struct iovec iov = { w->data, DISK_SECTOR };

	w->tid = gettid();
	sem_post(&w->started);
	disk_write(t.disk, &iov, 1, w->sector * DISK_SECTOR, DISK_SECTOR);
	w->done = true;
	sem_wait(&w->end);
	return NULL;
}

static void begin_write(struct writer *w, u64 sector)
{
	memset(w, 0, sizeof(*w));
	sem_init(&w->started, 0, 0);
	sem_init(&w->end, 0, 0);
	w->sector = sector;
	memset(w->data, (int)sector + 1, DISK_SECTOR);
	memset(t.model + sector * DISK_SECTOR, (int)sector + 1, DISK_SECTOR);
	assert_int_equal(pthread_create(&w->id, NULL, write_sector, w), 0);
	while (sem_wait(&w->started))
		;
}

static void end_write(struct writer *w)
{
	sem_post(&w->end);
	pthread_join(w->id, NULL);
	assert_true(w->done);
}

/* Two sectors of a block that is not there: the second one waits. */
static void fill_at_once(void **state)
{
	struct writer first, second;
	u8 buf[SZ_4K];

	(void)state;
	sem_init(&t.come, 0, 0);
	sem_init(&t.go, 0, 0);
	atomic_store(&t.closed_gate, true);
	begin_write(&first, 1);
	while (sem_wait(&t.come))
		;
	begin_write(&second, 2);
	await_sleep(second.tid);
	assert_false(second.done);
	/* Nobody else does: others are read, written and zeroed, and it. */
	assert_int_equal(read_at(buf, 0, SZ_4K), 0);
	assert_memory_equal(buf, t.content, SZ_4K);
	assert_int_equal(write_at(7, SZ_4K, SZ_4K), 0);
	note_write(7, SZ_4K, SZ_4K);
	assert_int_equal(disk_write_zeroes(t.disk, 2 * SZ_4K, 512, true), 0);
	memset(t.model + 2 * SZ_4K, 0, 512);
	sem_post(&t.go);
	end_write(&first);
	end_write(&second);
	assert_model();
}

/* ---- What the kernel can do ---------------------------------------------- */

static enum disk_way begin(enum disk_op op, u64 offset, u64 len)
{
	static u8 buf[SIZE];
	struct iovec iov = { buf, len };
	struct disk_request rq = {
		.op = op, .iov = &iov, .count = 1, .offset = offset, .len = len
	};
	struct disk_place place = { .fd = -1 };
	enum disk_way way = t.disk->ops->begin(t.disk, &rq, &place);

	if (way == DISK_BY_KERNEL) {
		assert_true(place.fd >= 0);
		assert_int_equal(place.offset, offset);
		assert_null(place.owner);
	}
	return way;
}

/* All that is in one place, and fills no block. */
static void by_kernel(void **state)
{
	(void)state;
	/* The disk below can do nothing by itself. */
	assert_int_equal(begin(DISK_READ, 0, SZ_4K), DISK_BY_CALLS);
	assert_int_equal(begin(DISK_WRITE, 0, SZ_4K), DISK_BY_CALLS);
	assert_int_equal(begin(DISK_FLUSH, 0, 0), DISK_IS_DONE);
	assert_int_equal(write_at(1, SZ_4K, 2 * SZ_4K), 0);
	assert_int_equal(begin(DISK_READ, SZ_4K, 2 * SZ_4K), DISK_BY_KERNEL);
	assert_int_equal(begin(DISK_WRITE, SZ_4K + 512, 512), DISK_BY_KERNEL);
	assert_int_equal(begin(DISK_READ, SZ_4K - 512, SZ_4K), DISK_BY_CALLS);
	assert_int_equal(begin(DISK_WRITE, 2 * SZ_4K, SZ_4K + 512),
			 DISK_BY_CALLS);
}

/* ---- Tests --------------------------------------------------------------- */

static void untouched(void **state)
{
	(void)state;
	assert_int_equal(t.disk->size, SIZE);
	assert_int_equal(t.disk->block, SZ_4K);
	assert_string_equal(t.disk->path, "image");
	assert_false(t.disk->readonly);
	assert_int_equal(t.open_flags & O_TMPFILE, O_TMPFILE);
	assert_model();
}

/* One sector inside of a block, then of the last one, which is short. */
static void parts_of_blocks(void **state)
{
	static const u64 sectors[] = { 3, 7, 8, SECTORS - 1, SECTORS - 3 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sectors); i++) {
		u64 offset = sectors[i] * DISK_SECTOR;

		assert_int_equal(write_at((u8)i, offset, DISK_SECTOR), 0);
		note_write((u8)i, offset, DISK_SECTOR);
		assert_model();
	}
}

static void one_round(void)
{
	u64 first = next(SECTORS), n = next((u32)MIN(SECTORS - first, 40U)) + 1;
	u64 offset = first * DISK_SECTOR, len = n * DISK_SECTOR;
	u8 buf[SIZE], value = (u8)next(256);

	switch (next(4)) {
	case 0:
		assert_int_equal(write_at(value, offset, len), 0);
		note_write(value, offset, len);
		break;
	case 1:
		assert_int_equal(
			disk_write_zeroes(t.disk, offset, len, value & 1), 0);
		memset(t.model + offset, 0, len);
		break;
	default:
		assert_int_equal(read_at(buf, offset, len), 0);
		assert_memory_equal(buf, t.model + offset, len);
	}
}

/* Ten disks, so that blocks that were not written do not run out. */
static void at_random(void **state)
{
	t.random = SEED;
	print_message("seed 0x%x\n", SEED);
	for (int i = 0; i < ROUNDS; i++) {
		one_round();
		if (i % (ROUNDS / 10))
			continue;
		u32 random = t.random;

		teardown(state);
		assert_int_equal(setup(state), 0);
		t.random = random;
	}
	assert_model();
}

static void discarded(void **state)
{
	(void)state;
	assert_int_equal(write_at(1, 0, SZ_4K), 0);
	note_write(1, 0, SZ_4K);
	assert_int_equal(disk_discard(t.disk, 0, SIZE), 0);
	assert_int_equal(disk_flush(t.disk), 0);
	assert_model();
}

/* A block that could not be completed, or written, is the old one. */
static void errors(void **state)
{
	u8 buf[DISK_SECTOR];

	(void)state;
	t.read_error = -EIO;
	assert_int_equal(read_at(buf, 0, DISK_SECTOR), -EIO);
	assert_int_equal(write_at(1, DISK_SECTOR, DISK_SECTOR), -EIO);
	assert_int_equal(write_at(1, SZ_4K, SZ_4K + DISK_SECTOR), -EIO);
	assert_int_equal(disk_write_zeroes(t.disk, DISK_SECTOR, DISK_SECTOR,
					   true),
			 -EIO);
	t.read_error = 0;
	t.write_error = ENOSPC;
	assert_int_equal(write_at(1, 0, SZ_4K), -ENOSPC);
	assert_int_equal(write_at(1, DISK_SECTOR, DISK_SECTOR), -ENOSPC);
	t.write_error = 0;
	assert_model();
}

/* Whole blocks need nothing from below. */
static void whole_blocks(void **state)
{
	(void)state;
	t.read_error = -EIO;
	assert_int_equal(write_at(5, SZ_4K, 2 * SZ_4K), 0);
	assert_int_equal(disk_write_zeroes(t.disk, 3 * SZ_4K, SZ_4K, false), 0);
	t.read_error = 0;
	note_write(5, SZ_4K, 2 * SZ_4K);
	memset(t.model + 3 * SZ_4K, 0, SZ_4K);
	assert_model();
}

static void expect_no_place(int err)
{
	struct disk *disk;

	assert_int_equal(snapshot_create(&t.below, &disk), err);
	assert_int_equal(t.closed, 0);
}

/* In the folder of TMPDIR; without O_TMPFILE it has a name for a moment. */
static void places(void **state)
{
	(void)state;
	t.no_tmpfile = true;
	disk_close(t.disk);
	t.closed = 0;
	assert_int_equal(snapshot_create(&t.below, &t.disk), 0);
	assert_int_equal(write_at(9, 0, DISK_SECTOR), 0);
	note_write(9, 0, DISK_SECTOR);
	assert_model();
	t.truncate_error = EFBIG;
	expect_no_place(-EFBIG);
	setenv("TMPDIR", path_of("missing"), 1);
	expect_no_place(-ENOENT);
}

static unsigned int names(void)
{
	DIR *d = opendir(path_of("."));
	unsigned int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2; /* "." and ".." */
}

static void no_name_is_left(void **state)
{
	places(state);
	assert_int_equal(names(), 0);
}

/* An empty TMPDIR is none. */
static void no_tmpdir(void **state)
{
	(void)state;
	disk_close(t.disk);
	t.closed = 0;
	setenv("TMPDIR", "", 1);
	assert_int_equal(snapshot_create(&t.below, &t.disk), 0);
	assert_model();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(untouched),    TEST(parts_of_blocks), TEST(at_random),
		TEST(discarded),    TEST(errors),	   TEST(whole_blocks),
		TEST(places),	    TEST(no_name_is_left), TEST(no_tmpdir),
		TEST(fill_at_once), TEST(by_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
