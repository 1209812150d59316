/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/open.c disk/lock.c disk/raw.c disk/disk.c disk/format.c */
/* SOURCES: disk/qcow2/?*.c disk/qcow2_format.c util/zstd.c disk/snapshot.c */
/* SOURCES: util/iov.c util/file.c tests/unit/flash_fixture.c */
/* SOURCES: tests/unit/qcow2_fixture.c */
/* WRAP: pwritev fdatasync */
/*
 * Threads that use a disk in a qcow2 image at the same time, each held where it
 * matters; what is in an image is for tests/unit/qcow2_tool.py.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "flash_fixture.h"
#include "lkvm/disk/queue.h"
#include "qcow2_fixture.h"
#include "thread_state.h"

ssize_t __real_pwritev(int fd, const struct iovec *iov, int n, off_t at);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int n, off_t at);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

static struct disk *disk;

/* A call that waits until it may go on. */
struct gate {
	atomic_bool closed; /* for the next one */
	sem_t come, go;
};

static struct gate writing, syncing;

/* Another thread and the call that it does. */
static struct {
	pthread_t id;
	_Atomic(pid_t) tid;
	sem_t started, end;
	atomic_bool done;
	int ret;
} other;

static void pass(struct gate *gate)
{
	if (!atomic_exchange(&gate->closed, false))
		return;
	sem_post(&gate->come);
	sem_wait(&gate->go);
}

ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	pass(&writing);
	return __real_pwritev(fd, iov, n, at);
}

int __wrap_fdatasync(int fd)
{
	pass(&syncing);
	return __real_fdatasync(fd);
}

static int transfer(int (*call)(struct disk *, struct iovec *, u32, u64, u64),
		    u8 *sector)
{
	struct iovec iov = { sector, DISK_SECTOR };

	return call(disk, &iov, 1, 0, DISK_SECTOR);
}

static void *overwrite(void *arg)
{
	static u8 sector[DISK_SECTOR] = "changed";

	(void)arg;
	assert_int_equal(transfer(disk_write, sector), 0);
	return NULL;
}

/* It sleeps at the end, whatever happened before. */
static void *flush(void *arg)
{
	(void)arg;
	other.tid = gettid();
	sem_post(&other.started);
	other.ret = disk_flush(disk);
	other.done = true;
	sem_wait(&other.end);
	return NULL;
}

static void begin_flush(void)
{
	assert_int_equal(pthread_create(&other.id, NULL, flush, NULL), 0);
	sem_wait(&other.started);
}

static void end_flush(void)
{
	sem_post(&other.end);
	pthread_join(other.id, NULL);
	assert_true(other.done);
	assert_int_equal(other.ret, 0);
}

static int setup(void **state)
{
	static struct disk_config config;

	if (make_dir(state))
		return -1;
	sem_init(&writing.come, 0, 0);
	sem_init(&writing.go, 0, 0);
	sem_init(&syncing.come, 0, 0);
	sem_init(&syncing.go, 0, 0);
	sem_init(&other.started, 0, 0);
	sem_init(&other.end, 0, 0);
	other.done = false;
	make_qcow2_disk(PATH);
	config = (struct disk_config) { .path = lasting_path_of("f"),
					.format = DISK_CONFIG_QCOW2 };
	return disk_open(&config, &disk);
}

static int teardown(void **state)
{
	disk_close(disk);
	disk = NULL;
	return remove_dir(state);
}

/*
 * A guest discards what it is writing to: the cluster is not free for another
 * use before the write has ended.
 */
static void given_up_while_written(void **state)
{
	pthread_t writer;

	(void)state;
	atomic_store(&writing.closed, true);
	assert_int_equal(pthread_create(&writer, NULL, overwrite, NULL), 0);
	sem_wait(&writing.come);
	assert_int_equal(disk_discard(disk, 0, DISK_SECTOR), 0);
	begin_flush();
	await_sleep(other.tid);
	assert_false(other.done);
	sem_post(&writing.go);
	pthread_join(writer, NULL);
	end_flush();
}

static enum disk_way begin(enum disk_op op, struct disk_place *place)
{
	static u8 sector[DISK_SECTOR];
	struct iovec iov = { sector, DISK_SECTOR };
	struct disk_request rq = {
		.op = op, .iov = &iov, .count = 1, .len = DISK_SECTOR
	};

	return disk->ops->begin(disk, &rq, place);
}

/* The same, of what the kernel does: others that begin later do not matter. */
static void given_up_while_the_kernel_writes(void **state)
{
	u8 sector[DISK_SECTOR] = "";
	struct disk_place first, second;

	(void)state;
	/* Before that it takes a look at the image. */
	assert_int_equal(begin(DISK_READ, &first), DISK_BY_CALLS);
	assert_int_equal(transfer(disk_read, sector), 0);
	assert_int_equal(begin(DISK_WRITE, &first), DISK_BY_KERNEL);
	assert_ptr_equal(first.owner, disk);
	assert_int_equal(first.offset, 0x3000);
	assert_int_equal(disk_discard(disk, 0, DISK_SECTOR), 0);
	/* There is no cluster any more. */
	assert_int_equal(begin(DISK_READ, &second), DISK_IS_DONE);
	assert_int_equal(begin(DISK_WRITE, &second), DISK_BY_CALLS);
	assert_int_equal(transfer(disk_write, sector), 0);
	begin_flush();
	await_sleep(other.tid);
	assert_false(other.done);
	assert_int_equal(begin(DISK_FLUSH, &second), DISK_BY_CALLS);
	assert_int_equal(begin(DISK_READ, &second), DISK_BY_KERNEL);
	assert_int_not_equal(second.offset, first.offset);
	disk->ops->end(disk, &first);
	end_flush();
	disk->ops->end(disk, &second);
	assert_int_equal(begin(DISK_FLUSH, &second), DISK_BY_KERNEL);
	assert_null(second.owner);
}

/* A flush takes its time: what is there can be read and overwritten. */
static void used_while_flushed(void **state)
{
	u8 sector[DISK_SECTOR] = "changed";

	(void)state;
	atomic_store(&syncing.closed, true);
	begin_flush();
	sem_wait(&syncing.come);
	assert_int_equal(transfer(disk_write, sector), 0);
	memset(sector, 0, sizeof(sector));
	assert_int_equal(transfer(disk_read, sector), 0);
	assert_string_equal((char *)sector, "changed");
	assert_false(other.done);
	sem_post(&syncing.go);
	end_flush();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(given_up_while_written),
		TEST(given_up_while_the_kernel_writes),
		TEST(used_while_flushed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
