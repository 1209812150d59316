/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/request.c disk/queue.c disk/uring.c disk/pool.c */
/* SOURCES: disk/try.c */
/* SOURCES: disk/disk.c disk/raw.c disk/merge.c */
/* SOURCES: vmm/thread.c util/iov.c util/file.c tests/unit/flash_fixture.c */
/* WRAP: io_uring_queue_init io_uring_submit_and_wait pthread_create fstatfs */
/*
 * Requests that are under way at the same time: by io_uring, by threads where
 * the kernel refuses it, by neither where there are no threads, and at once
 * where the file is in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <liburing.h>
#include <linux/magic.h>

#include "disk/raw.h"
#include "flash_fixture.h"
#include "lkvm/disk/queue.h"

#define IMAGE SZ_1M
#define DEPTH 64U
#define PART  SZ_4K /* bytes of a request */

enum kind {
	BY_URING,
	BY_THREADS,
	BY_NEITHER,
	IN_MEMORY,
};

static struct {
	enum kind kind;
	unsigned int threads; /* that were created */
	struct disk *disk;
	struct disk_queue *queue;
	int fd; /* of events */
	/* Of requests without a wait for the medium. */
	unsigned int alone, interrupts;
	u8 content[IMAGE];
	struct disk_request rqs[DEPTH];
	struct iovec iov[DEPTH][2];
	u8 data[DEPTH][PART];
} t;

int __real_io_uring_queue_init(unsigned int n, struct io_uring *ring,
			       unsigned int flags);
int __wrap_io_uring_queue_init(unsigned int n, struct io_uring *ring,
			       unsigned int flags);
int __real_io_uring_submit_and_wait(struct io_uring *ring, unsigned int n);
int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned int n);
int __wrap_fstatfs(int fd, struct statfs *fs);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg);

int __wrap_io_uring_queue_init(unsigned int n, struct io_uring *ring,
			       unsigned int flags)
{
	if (t.kind != BY_URING && t.kind != IN_MEMORY)
		return -EPERM;
	return __real_io_uring_queue_init(n, ring, flags);
}

/* Without the flag: not all file systems of those who test have it. */
int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned int n)
{
	struct io_uring_sqe *sqe =
		&ring->sq.sqes[(ring->sq.sqe_tail - 1) & ring->sq.ring_mask];

	if (n && t.interrupts) {
		t.interrupts--;
		return -EINTR;
	}
	if (n) {
		assert_int_equal(n, 1);
		assert_int_equal(sqe->rw_flags, RWF_NOWAIT);
		sqe->rw_flags = 0;
		t.alone++;
	}
	return __real_io_uring_submit_and_wait(ring, n);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg)
{
	if (t.kind == BY_NEITHER)
		return EAGAIN;
	t.threads++;
	return __real_pthread_create(thread, attr, run, arg);
}

int __wrap_fstatfs(int fd, struct statfs *fs)
{
	(void)fd;
	*fs = (struct statfs) { 0 };
	fs->f_type = t.kind == IN_MEMORY ? TMPFS_MAGIC : EXT4_SUPER_MAGIC;
	return 0;
}

/* ---- The disk ------------------------------------------------------------ */

static void open_disk(bool readonly)
{
	struct disk disk = { .path = "image",
			     .size = IMAGE,
			     .block = PART,
			     .readonly = readonly };
	int fd = open(path_of("image"), O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(raw_create(&disk, fd, false, &t.disk), 0);
	assert_int_equal(disk_queue_open(t.disk, DEPTH, t.fd, &t.queue), 0);
}

static void close_disk(void)
{
	disk_queue_close(t.queue);
	disk_close(t.disk);
	t.queue = NULL;
	t.disk = NULL;
}

static void make_image(void)
{
	int fd = open(path_of("image"), O_RDWR | O_CREAT, 0600);

	for (size_t i = 0; i < IMAGE; i++)
		t.content[i] = (u8)(i ^ i >> 8 ^ i >> 16);
	assert_int_equal(write(fd, t.content, IMAGE), IMAGE);
	close(fd);
}

static void check_image(void)
{
	static u8 now[IMAGE];
	int fd = open(path_of("image"), O_RDONLY);

	assert_int_equal(read(fd, now, IMAGE), IMAGE);
	close(fd);
	assert_memory_equal(now, t.content, IMAGE);
}

static int setup(void **state)
{
	enum kind kind = *(const enum kind *)*state;

	memset(&t, 0, sizeof(t));
	forget_messages();
	make_dir(state);
	make_image();
	t.kind = kind;
	t.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	open_disk(false);
	return 0;
}

static int teardown(void **state)
{
	close_disk();
	close(t.fd);
	return remove_dir(state);
}

/* ---- Requests ------------------------------------------------------------ */

/*
 * Of two buffers, or one if `n` is odd, which is done with a transfer of
 * t.data[n].
 */
static struct disk_request *make(u32 n, enum disk_op op, u64 offset)
{
	struct disk_request *rq = &t.rqs[n];
	u32 first = n % 2 ? PART : 512;

	t.iov[n][0] = (struct iovec) { t.data[n], first };
	t.iov[n][1] = (struct iovec) { t.data[n] + first, PART - first };
	*rq = (struct disk_request) { .op = op,
				      .iov = t.iov[n],
				      .count = n % 2 ? 1 : 2,
				      .offset = offset,
				      .len = PART,
				      .ret = 1 };
	return rq;
}

/* Waits for `n` of them. */
static void take(u32 n)
{
	while (n--)
		assert_non_null(disk_queue_next(t.queue, true));
	assert_null(disk_queue_next(t.queue, true));
	assert_null(disk_queue_next(t.queue, false));
}

/* What the eventfd has counted since it was asked last. */
static u64 events(void)
{
	u64 n = 0;

	return read(t.fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void reads_and_writes(void **state)
{
	(void)state;
	for (u32 i = 0; i < DEPTH; i++) {
		u64 block = i * 37 % DEPTH * 2;

		memset(t.data[i], (int)i, PART);
		disk_queue_add(t.queue, make(i, i & 1 ? DISK_WRITE : DISK_READ,
					     block * PART));
		if (i & 1)
			memset(t.content + block * PART, (int)i, PART);
	}
	disk_queue_submit(t.queue);
	take(DEPTH);
	for (u32 i = 0; i < DEPTH; i++) {
		assert_int_equal(t.rqs[i].ret, 0);
		if (!(i & 1))
			assert_memory_equal(t.data[i],
					    t.content + t.rqs[i].offset, PART);
	}
	check_image();
	assert_string_equal(messages, "");
}

/* Submitted bit by bit, taken back while others are added. */
static void one_after_the_other(void **state)
{
	u32 taken = 0;

	(void)state;
	for (u32 i = 0; i < DEPTH; i++) {
		disk_queue_add(t.queue, make(i, DISK_READ, i * PART));
		disk_queue_submit(t.queue);
		disk_queue_submit(t.queue);
		taken += !!disk_queue_next(t.queue, false);
	}
	while (disk_queue_next(t.queue, true))
		taken++;
	assert_int_equal(taken, DEPTH);
	for (u32 i = 0; i < DEPTH; i++)
		assert_memory_equal(t.data[i], t.content + i * PART, PART);
}

static void flush(void **state)
{
	(void)state;
	disk_queue_add(t.queue, make(0, DISK_FLUSH, 0));
	disk_queue_submit(t.queue);
	take(1);
	assert_int_equal(t.rqs[0].ret, 0);
}

/* The end of the file has gone since it was opened. */
static void short_file(void **state)
{
	(void)state;
	assert_int_equal(truncate(path_of("image"), 10 * PART + 1024), 0);
	disk_queue_add(t.queue, make(0, DISK_READ, 10 * PART));
	disk_queue_add(t.queue, make(1, DISK_READ, 11 * PART));
	disk_queue_add(t.queue, make(2, DISK_READ, 9 * PART));
	disk_queue_submit(t.queue);
	take(3);
	assert_int_equal(t.rqs[0].ret, -EIO);
	assert_int_equal(t.rqs[1].ret, -EIO);
	assert_int_equal(t.rqs[2].ret, 0);
	assert_memory_equal(t.data[0], t.content + 10 * PART, 1024);
	/* Said once. */
	assert_non_null(strstr(messages, "unable to read at byte"));
	assert_null(strstr(strstr(messages, "unable") + 1, "unable"));
}

/* They do not get to the medium, and are taken back as the others are. */
static void bad_requests(void **state)
{
	(void)state;
	disk_queue_add(t.queue, make(0, DISK_READ, IMAGE));
	disk_queue_add(t.queue, make(1, DISK_WRITE, IMAGE - PART + 512));
	disk_queue_add(t.queue, make(2, DISK_READ, 100));
	disk_queue_add(t.queue, make(3, DISK_READ, UINT64_MAX - PART + 1));
	make(4, DISK_READ, IMAGE)->len = 0;
	t.rqs[4].count = 0;
	disk_queue_add(t.queue, &t.rqs[4]);
	assert_true(disk_queue_wake(t.queue, true));
	disk_queue_submit(t.queue);
	take(5);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(t.rqs[i].ret, -EINVAL);
	assert_int_equal(t.rqs[4].ret, 0);
	check_image();
	assert_string_equal(messages, "");
}

static void read_only(void **state)
{
	(void)state;
	close_disk();
	open_disk(true);
	disk_queue_add(t.queue, make(0, DISK_WRITE, 0));
	disk_queue_add(t.queue, make(1, DISK_FLUSH, 0));
	disk_queue_add(t.queue, make(2, DISK_READ, 0));
	disk_queue_submit(t.queue);
	take(3);
	assert_int_equal(t.rqs[0].ret, -EROFS);
	assert_int_equal(t.rqs[1].ret, 0);
	assert_int_equal(t.rqs[2].ret, 0);
	check_image();
}

/* No event while nobody waits, one for each end while somebody does. */
static void wakes(void **state)
{
	u64 n = 0;

	(void)state;
	for (u32 i = 0; i < 4; i++)
		disk_queue_add(t.queue, make(i, DISK_READ, i * PART));
	assert_false(disk_queue_wake(t.queue, false));
	disk_queue_submit(t.queue);
	take(4);
	assert_int_equal(events(), 0);
	assert_false(disk_queue_wake(t.queue, true));
	for (u32 i = 0; i < 4; i++)
		disk_queue_add(t.queue, make(i, DISK_READ, i * PART));
	disk_queue_submit(t.queue);
	take(4);
	n = events();
	assert_in_range(n, 1, 4);
	disk_queue_wake(t.queue, false);
	disk_queue_add(t.queue, make(0, DISK_READ, 0));
	disk_queue_submit(t.queue);
	/* What has ended before is told by the call. */
	while (!disk_queue_wake(t.queue, true))
		;
	take(1);
}

/* ---- Neighbours ---------------------------------------------------------- */

/* Transfers that get to the medium, by the kernel or by calls. */
static struct {
	const struct disk_ops *ops;
	struct disk_ops counting;
	atomic_uint transfers;
} counted;

static enum disk_way count_begin(struct disk *disk,
				 const struct disk_request *rq,
				 struct disk_place *place)
{
	counted.transfers += rq->op != DISK_FLUSH;
	return counted.ops->begin(disk, rq, place);
}

static int count_read(struct disk *disk, struct iovec *iov, u32 n, u64 offset)
{
	counted.transfers++;
	return counted.ops->read(disk, iov, n, offset);
}

static int count_write(struct disk *disk, struct iovec *iov, u32 n, u64 offset)
{
	counted.transfers++;
	return counted.ops->write(disk, iov, n, offset);
}

static void count_transfers(void)
{
	counted.ops = t.disk->ops;
	counted.counting = *counted.ops;
	counted.counting.begin = count_begin;
	counted.counting.read = count_read;
	counted.counting.write = count_write;
	counted.transfers = 0;
	t.disk->ops = &counted.counting;
}

/* Blocks of each request's, up to a negative one, are read at once. */
static void read_blocks(const int *blocks)
{
	u32 n = 0;

	for (; blocks[n] >= 0; n++)
		disk_queue_add(t.queue,
			       make(n, DISK_READ, (u64)blocks[n] * PART));
	disk_queue_submit(t.queue);
	take(n);
	for (u32 i = 0; i < n; i++) {
		assert_int_equal(t.rqs[i].ret, 0);
		assert_memory_equal(t.data[i], t.content + t.rqs[i].offset,
				    PART);
	}
}

static void neighbours(void **state)
{
	(void)state;
	count_transfers();
	read_blocks((int[]) { 3, 4, 5, 6, 9, 8, -1 });
	assert_int_equal(counted.transfers, 3);
	assert_int_equal(t.disk->merged, 3);
	/* Streams that alternate. */
	read_blocks((int[]) { 10, 30, 11, 31, 50, 12, 32, 51, -1 });
	assert_int_equal(counted.transfers, 6);
	assert_int_equal(t.disk->merged, 8);
	/* As many as take turns are not remembered. */
	read_blocks((int[]) { 10, 30, 50, 70, 90, 11, 31, 51, 71, 91, -1 });
	assert_int_equal(t.disk->merged, 8);
}

/* Up to 256 buffers, of which each request has two. */
static void many_neighbours(void **state)
{
	(void)state;
	count_transfers();
	for (u32 i = 0; i < DEPTH; i++)
		disk_queue_add(t.queue, make(i, DISK_WRITE, i * PART));
	for (u32 i = 0; i < DEPTH; i++) {
		memset(t.data[i], (int)i + 1, PART);
		memset(t.content + i * PART, (int)i + 1, PART);
	}
	disk_queue_submit(t.queue);
	take(DEPTH);
	assert_int_equal(counted.transfers, 1);
	check_image();
}

/* A flush is not moved, and a write is no neighbour of a read. */
static void no_neighbours(void **state)
{
	(void)state;
	count_transfers();
	disk_queue_add(t.queue, make(0, DISK_READ, 0));
	disk_queue_add(t.queue, make(1, DISK_WRITE, PART));
	disk_queue_add(t.queue, make(2, DISK_FLUSH, 0));
	disk_queue_add(t.queue, make(3, DISK_READ, 2 * PART));
	memset(t.content + PART, 0, PART);
	disk_queue_submit(t.queue);
	take(4);
	assert_int_equal(counted.transfers, 3);
	assert_int_equal(t.disk->merged, 0);
	check_image();
	/* Of an image with clusters of two blocks. */
	t.disk->cluster = 2 * PART;
	read_blocks((int[]) { 1, 2, 3, 4, 5, -1 });
	assert_int_equal(t.disk->merged, 2);
}

/* Each gets its own answer. */
static void bad_neighbours(void **state)
{
	(void)state;
	assert_int_equal(truncate(path_of("image"), 10 * PART + 1024), 0);
	count_transfers();
	for (u32 i = 0; i < 4; i++)
		disk_queue_add(t.queue, make(i, DISK_READ, (8 + i) * PART));
	disk_queue_submit(t.queue);
	take(4);
	assert_int_equal(t.disk->merged, 3);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(t.rqs[i].ret, i < 2 ? 0 : -EIO);
	assert_memory_equal(t.data[0], t.content + 8 * PART, PART);
	assert_memory_equal(t.data[1], t.content + 9 * PART, PART);
	/* Only the first is told, which may be either. */
	assert_true(strstr(messages, "unable to read at byte 40960") ||
		    strstr(messages, "unable to read at byte 45056"));
}

/* ---- One that is alone --------------------------------------------------- */

static const struct disk_ops *plain;
static unsigned int given_back;

static enum disk_way by_ring(struct disk *disk, const struct disk_request *rq,
			     struct disk_place *place)
{
	enum disk_way way = plain->begin(disk, rq, place);

	place->by_ring = true;
	place->owner = disk;
	return way;
}

static void give_back(struct disk *disk, const struct disk_place *place)
{
	(void)place;
	assert_ptr_equal(disk, t.disk);
	given_back++;
}

/* Whoever waits for other requests is not woken by it, and is by those. */
static void alone(void **state)
{
	struct disk_ops ops = *t.disk->ops;

	(void)state;
	plain = t.disk->ops;
	ops.begin = by_ring;
	ops.end = give_back;
	t.disk->ops = &ops;
	given_back = 0;
	t.interrupts = 2;
	disk_queue_wake(t.queue, true);
	assert_int_equal(
		disk_try(t.disk, t.queue, make(0, DISK_READ, 3 * PART)), 0);
	assert_memory_equal(t.data[0], t.content + 3 * PART, PART);
	memset(t.data[1], 0x5a, PART);
	memset(t.content + 5 * PART, 0x5a, PART);
	assert_int_equal(
		disk_try(t.disk, t.queue, make(1, DISK_WRITE, 5 * PART)), 0);
	check_image();
	assert_int_equal(t.alone, 2);
	assert_int_equal(t.interrupts, 0);
	assert_int_equal(given_back, 2);
	assert_int_equal(events(), 0);
	assert_null(disk_queue_next(t.queue, false));
	/* The file has no such bytes: it is not done. */
	assert_int_equal(truncate(path_of("image"), IMAGE / 2), 0);
	assert_int_equal(disk_try(t.disk, t.queue,
				  make(2, DISK_READ, IMAGE / 2)),
			 -EAGAIN);
	disk_queue_add(t.queue, make(3, DISK_READ, 7 * PART));
	disk_queue_submit(t.queue);
	take(1);
	assert_int_equal(events(), 1);
	assert_int_equal(t.alone, 3);
	t.disk->ops = plain;
}

/* ---- Whatever else takes long -------------------------------------------- */

static int call(struct disk_request *rq)
{
	return rq == &t.rqs[0] ? 0 : -ENOSPC;
}

static void calls(void **state)
{
	(void)state;
	for (u32 i = 0; i < 3; i++) {
		t.rqs[i] = (struct disk_request) { .op = DISK_CALL,
						   .call = call,
						   .ret = 1 };
		disk_queue_add(t.queue, &t.rqs[i]);
	}
	disk_queue_add(t.queue, make(3, DISK_READ, PART));
	disk_queue_submit(t.queue);
	take(4);
	assert_int_equal(t.rqs[0].ret, 0);
	assert_int_equal(t.rqs[1].ret, -ENOSPC);
	assert_int_equal(t.rqs[2].ret, -ENOSPC);
	assert_memory_equal(t.data[3], t.content + PART, PART);
	assert_string_equal(messages, "");
}

/* ---- A medium that waits ------------------------------------------------- */

/* All are inside at the same time, or this would not end. */
static struct {
	struct disk disk;
	sem_t begun, may_end;
	atomic_uint inside;
} slow;

static int slow_read(struct disk *disk, struct iovec *iov, u32 count,
		     u64 offset)
{
	(void)disk;
	(void)iov;
	(void)count;
	atomic_fetch_add(&slow.inside, 1);
	sem_post(&slow.begun);
	while (offset && sem_wait(&slow.may_end))
		;
	return offset == 2 * PART ? -ENOSPC : 0;
}

static const struct disk_ops slow_ops = { .read = slow_read };

/* The first one is done by this thread, and does not wait. */
static void at_the_same_time(void **state)
{
	const u32 n = 9;

	(void)state;
	if (t.kind == BY_NEITHER)
		return;
	sem_init(&slow.begun, 0, 0);
	sem_init(&slow.may_end, 0, 0);
	slow.disk = (struct disk) { .ops = &slow_ops,
				    .path = "slow",
				    .size = IMAGE };
	disk_queue_close(t.queue);
	assert_int_equal(disk_queue_open(&slow.disk, DEPTH, t.fd, &t.queue), 0);
	for (u32 i = 0; i < n; i++)
		disk_queue_add(t.queue, make(i, DISK_READ, i * 2 * PART));
	disk_queue_submit(t.queue);
	for (u32 i = 0; i < n; i++)
		while (sem_wait(&slow.begun))
			;
	assert_int_equal(t.threads, 8);
	assert_ptr_equal(disk_queue_next(t.queue, false), &t.rqs[0]);
	assert_null(disk_queue_next(t.queue, false));
	assert_false(disk_queue_wake(t.queue, true));
	for (u32 i = 1; i < n; i++)
		sem_post(&slow.may_end);
	take(n - 1);
	assert_int_equal(events(), n - 1);
	assert_int_equal(t.rqs[1].ret, -ENOSPC);
	assert_int_equal(t.rqs[2].ret, 0);
	assert_non_null(strstr(messages, "slow: unable to read"));
	/* Threads that have nothing to do are used again. */
	for (u32 i = 0; i < n; i++) {
		disk_queue_add(t.queue, make(i, DISK_READ, 0));
		sem_post(&slow.may_end);
	}
	disk_queue_submit(t.queue);
	take(n);
	assert_int_equal(t.threads, 8);
	sem_destroy(&slow.begun);
	sem_destroy(&slow.may_end);
}

static const enum kind kinds[] = { BY_URING, BY_THREADS, BY_NEITHER,
				   IN_MEMORY };

#define TEST_BY(f, by)                                                      \
	{                                                                   \
		.name = #f ": " #by, .test_func = (f), .setup_func = setup, \
		.teardown_func = teardown,                                  \
		.initial_state = (void *)(uintptr_t)&kinds[by],             \
	}
#define TEST(f)                                                               \
	TEST_BY(f, BY_URING), TEST_BY(f, BY_THREADS), TEST_BY(f, BY_NEITHER), \
		TEST_BY(f, IN_MEMORY)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_and_writes),
		TEST(one_after_the_other),
		TEST(flush),
		TEST(short_file),
		TEST(bad_requests),
		TEST(read_only),
		/* In memory all have ended before there is anybody to wake. */
		TEST_BY(wakes, BY_URING),
		TEST_BY(wakes, BY_THREADS),
		TEST_BY(wakes, BY_NEITHER),
		TEST(neighbours),
		TEST(many_neighbours),
		TEST(no_neighbours),
		TEST(bad_neighbours),
		TEST_BY(alone, BY_URING),
		TEST(calls),
		TEST(at_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
