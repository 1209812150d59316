/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/request.c disk/queue.c disk/uring.c disk/pool.c disk/merge.c */
/* SOURCES: disk/try.c */
/* SOURCES: disk/open.c disk/lock.c disk/raw.c disk/disk.c disk/format.c */
/* SOURCES: disk/qcow2/?*.c disk/qcow2_format.c util/zstd.c disk/snapshot.c */
/* SOURCES: util/iov.c util/file.c vmm/thread.c tests/unit/flash_fixture.c */
/* SOURCES: tests/unit/qcow2_fixture.c */
/* WRAP: io_uring_queue_init pthread_create fdatasync */
/*
 * Two queues of one disk, each with many requests under way, in part to the
 * same clusters: of all kinds of media, by the kernel, by threads, and by both.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <liburing.h>

#include "flash_fixture.h"
#include "lkvm/disk/queue.h"
#include "qcow2_fixture.h"

#define SIZE	SZ_1M
#define SHARED	(256 * SZ_1K) /* from there on ranges are of one queue */
#define DEPTH	16U
#define ROUNDS	3000
#define LONGEST (32 * SZ_1K)

enum medium {
	RAW,
	SNAPSHOT,
	QCOW2,
	BASED, /* on a raw file */
	SNAPSHOT_OF_QCOW2,
};

struct variant {
	enum medium medium;
	bool uring, threads;
};

/* One request, first in it: see from_request(). */
struct job {
	struct disk_request rq;
	bool busy, zeroes;
	struct iovec iov[2];
	u8 data[LONGEST];
};

struct user {
	pthread_t id;
	u64 n; /* 0 or 1 */
	u32 random;
	int fd;
	struct disk_queue *queue;
	struct job jobs[DEPTH];
	unsigned int busy;
};

static struct {
	const struct variant *variant;
	struct disk *disk;
	u8 content[SIZE];
	struct user users[2];
} t;

int __real_io_uring_queue_init(unsigned int n, struct io_uring *ring,
			       unsigned int flags);
int __wrap_io_uring_queue_init(unsigned int n, struct io_uring *ring,
			       unsigned int flags);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg);

int __wrap_fdatasync(int fd);

static void *use_disk(void *arg);

/* It takes long, and nobody pulls the plug. */
int __wrap_fdatasync(int fd)
{
	(void)fd;
	return 0;
}

int __wrap_io_uring_queue_init(unsigned int n, struct io_uring *ring,
			       unsigned int flags)
{
	if (!t.variant->uring)
		return -EPERM;
	return __real_io_uring_queue_init(n, ring, flags);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg)
{
	if (!t.variant->threads && run != use_disk)
		return EAGAIN;
	return __real_pthread_create(thread, attr, run, arg);
}

/* Threads cannot use cmocka's. */
static void require(bool good)
{
	if (!good)
		abort();
}

/* ---- The disk ------------------------------------------------------------ */

static void make_raw(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	for (size_t i = 0; i < SIZE; i++)
		t.content[i] = (u8)(i ^ i >> 8 ^ i >> 16);
	assert_int_equal(write(fd, t.content, SIZE), SIZE);
	close(fd);
}

/* An image of 1 MiB in which there is nothing but the first cluster. */
static void make_image(const char *path)
{
	make_qcow2_disk(path);
	qcow2_set(path, 24, SIZE);
	strcpy((char *)t.content, "content");
}

/* What it does not have is read from "base", as its header says. */
static void base_image(const char *path)
{
	qcow2_set(path, QCOW2_BACKING_FILE, 512);
	qcow2_set(path, 16, 4ULL << 32 | 12); /* the name's length */
	qcow2_set(path, 512, 0x6261736500000000);
	memset(t.content + 7, 0, SZ_4K - 7);
}

static bool is_image(void)
{
	return t.variant->medium >= QCOW2;
}

static bool is_snapshot(void)
{
	return t.variant->medium == SNAPSHOT ||
	       t.variant->medium == SNAPSHOT_OF_QCOW2;
}

static void make_disk(void)
{
	if (t.variant->medium == BASED)
		make_raw(path_of("base"));
	if (is_image())
		make_image(PATH);
	else
		make_raw(PATH);
	if (t.variant->medium == BASED)
		base_image(PATH);
}

static void open_disk(void)
{
	static struct disk_config config;

	config = (struct disk_config) { .path = lasting_path_of("f"),
					.format = is_image() ? DISK_CONFIG_QCOW2
							     : DISK_CONFIG_RAW,
					.snapshot = is_snapshot() };
	if (t.variant->medium == BASED) {
		config.backing = lasting_path_of("base");
		config.backing_format = DISK_CONFIG_RAW;
	}
	assert_int_equal(disk_open(&config, &t.disk), 0);
}

static void check_content(void)
{
	static u8 now[SIZE];
	struct iovec iov = { now, SIZE };

	assert_int_equal(disk_read(t.disk, &iov, 1, 0, SIZE), 0);
	assert_memory_equal(now, t.content, SIZE);
}

static int setup(void **state)
{
	const struct variant *variant = *state;

	memset(&t, 0, sizeof(t));
	t.variant = variant;
	forget_messages();
	if (make_dir(state))
		return -1;
	setenv("TMPDIR", path_of("."), 1);
	make_disk();
	open_disk();
	return 0;
}

static int teardown(void **state)
{
	disk_close(t.disk);
	unsetenv("TMPDIR");
	return remove_dir(state);
}

/* ---- A user -------------------------------------------------------------- */

static u32 next(struct user *user, u32 n)
{
	user->random = user->random * 1664525 + 1013904223;
	return (u32)((u64)(user->random >> 8) * n >> 24);
}

/* Half of a block in what is shared, else every second run of 32 KiB. */
static void choose_range(struct user *user, struct disk_request *rq)
{
	u32 each = next(user, 2) ? 2 * SZ_1K : LONGEST;
	u64 base = each == LONGEST ? SHARED : 0;
	u64 size = each == LONGEST ? SIZE - SHARED : SHARED;
	u32 sectors = each / DISK_SECTOR, first = next(user, sectors);

	rq->offset = base +
		     (next(user, (u32)(size / each / 2)) * 2 + user->n) * each +
		     first * DISK_SECTOR;
	rq->len = (next(user, sectors - first) + 1) * DISK_SECTOR;
}

/* A driver that does this does not know what it gets. */
static bool is_in_use(const struct user *user, const struct disk_request *rq)
{
	for (u32 i = 0; i < DEPTH; i++) {
		const struct disk_request *other = &user->jobs[i].rq;

		if (user->jobs[i].busy && other != rq &&
		    range_overlaps(rq->offset, rq->len, other->offset,
				   other->len))
			return true;
	}
	return false;
}

static int write_zeroes(struct disk_request *rq)
{
	return disk_write_zeroes(t.disk, rq->offset, rq->len,
				 rq->offset & SZ_4K);
}

static void fill(struct user *user, struct job *job)
{
	struct disk_request *rq = &job->rq;

	if (!next(user, 60)) {
		rq->op = DISK_FLUSH;
		return;
	}
	switch (next(user, 12)) {
	case 0:
	case 1:
	case 2:
		rq->op = DISK_CALL;
		rq->call = write_zeroes;
		memset(t.content + rq->offset, 0, rq->len);
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		rq->op = DISK_WRITE;
		memset(job->data, (int)next(user, 256), rq->len);
		memcpy(t.content + rq->offset, job->data, rq->len);
		break;
	default:
		rq->op = DISK_READ;
	}
}

static void begin(struct user *user)
{
	struct job *job = user->jobs;
	struct disk_request *rq;

	while (job->busy)
		job++;
	rq = &job->rq;
	*rq = (struct disk_request) { .iov = job->iov, .count = 2, .ret = 1 };
	do
		choose_range(user, rq);
	while (is_in_use(user, rq));
	fill(user, job);
	job->iov[0] = (struct iovec) { job->data, 100 };
	job->iov[1] = (struct iovec) { job->data + 100, rq->len - 100 };
	job->busy = true;
	user->busy++;
	disk_queue_add(user->queue, rq);
}

static void end(struct user *user, struct disk_request *rq)
{
	struct job *job = container_of(rq, struct job, rq);

	require(job->busy && !rq->ret);
	if (rq->op == DISK_READ)
		require(!memcmp(job->data, t.content + rq->offset, rq->len));
	job->busy = false;
	user->busy--;
}

/* Some at once, and the eventfd if none has ended. */
static void *use_disk(void *arg)
{
	struct user *user = arg;
	struct disk_request *rq;
	u64 n;

	for (int i = 0; i < ROUNDS; i++) {
		for (u32 some = next(user, DEPTH - user->busy + 1); some;
		     some--)
			begin(user);
		disk_queue_wake(user->queue, false);
		disk_queue_submit(user->queue);
		while ((rq = disk_queue_next(user->queue, false)))
			end(user, rq);
		if (user->busy == DEPTH && !disk_queue_wake(user->queue, true))
			require(read(user->fd, &n, sizeof(n)) == sizeof(n));
	}
	while ((rq = disk_queue_next(user->queue, true)))
		end(user, rq);
	require(!user->busy);
	return NULL;
}

static void at_once(void **state)
{
	(void)state;
	for (u64 i = 0; i < 2; i++) {
		struct user *user = &t.users[i];

		user->n = i;
		user->random = 0x5eed + (u32)i;
		user->fd = eventfd(0, EFD_CLOEXEC);
		assert_int_equal(disk_queue_open(t.disk, DEPTH, user->fd,
						 &user->queue),
				 0);
		assert_int_equal(
			pthread_create(&user->id, NULL, use_disk, user), 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t.users[i].id, NULL);
	for (int i = 0; i < 2; i++) {
		disk_queue_close(t.users[i].queue);
		close(t.users[i].fd);
	}
	check_content();
	assert_string_equal(messages, "");
	if (is_snapshot())
		return;
	disk_close(t.disk);
	open_disk();
	check_content();
}

#define TEST_OF(medium, uring, threads)                                        \
	{                                                                      \
		.name = "at_once: " #medium " " #uring " " #threads,           \
		.test_func = at_once, .setup_func = setup,                     \
		.teardown_func = teardown,                                     \
		.initial_state = &(struct variant) { medium, uring, threads }, \
	}
#define TEST(medium)                                               \
	TEST_OF(medium, true, true), TEST_OF(medium, true, false), \
		TEST_OF(medium, false, true), TEST_OF(medium, false, false)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(RAW),   TEST(SNAPSHOT),	      TEST(QCOW2),
		TEST(BASED), TEST(SNAPSHOT_OF_QCOW2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
