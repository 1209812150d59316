/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/blk.c virtio/blk_request.c virtio/blk_async.c */
/* SOURCES: virtio/runner.c virtio/lone.c disk/request.c disk/queue.c */
/* SOURCES: virtio/gather.c */
/* SOURCES: disk/try.c disk/pool.c disk/uring.c disk/merge.c */
/* SOURCES: virtio/device.c virtio/queue.c virtio/queue_split.c */
/* SOURCES: virtio/queue_packed.c virtio/queue_chain.c disk/disk.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/iov.c util/json.c */
/* SOURCES: util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/blk_rig.c */
/*
 * Requests that a vCPU does in a queue that has a thread. The disk does them as
 * a matter of memory, unless it is told not to.
 */
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "blk_rig.h"
#include "lkvm/disk/queue.h"
#include "thread_state.h"

#define SECTOR 512U
#define BEFORE 64U /* requests until a vCPU tries, at least: virtio/lone.c */
#define LARGE  (SZ_64K + SECTOR)

static struct disk_ops ops;
static enum disk_way way;
static atomic_int tid; /* of who has begun the last one */
static u8 buffer[LARGE], back[LARGE];

static enum disk_way begin(struct disk *disk, const struct disk_request *rq,
			   struct disk_place *place)
{
	struct mem_disk *mem = container_of(disk, struct mem_disk, disk);
	u8 *at = mem->data + rq->offset;

	(void)place;
	atomic_store(&tid, gettid());
	if (rq->op == DISK_FLUSH)
		return DISK_BY_CALLS;
	for (u32 i = 0; way == DISK_IS_DONE && i < rq->count; i++) {
		size_t len = rq->iov[i].iov_len;

		if (rq->op == DISK_READ)
			memcpy(rq->iov[i].iov_base, at, len);
		else
			memcpy(at, rq->iov[i].iov_base, len);
		at += len;
	}
	return way;
}

/* The driver waits for the interrupt. Returns the status. */
static u8 do_one(struct blk_rig *r, struct blk_rq *rq)
{
	u32 before = r->interrupts;

	virtq_driver_enable_irq(&r->drivers[0]);
	blk_add(r, 0, rq);
	virtio_kick(r->vdev, 0);
	while (r->interrupts == before)
		sched_yield();
	assert_int_equal(blk_take(r, 0), 1);
	if (tid && tid != gettid())
		await_sleep(tid);
	return rq->status;
}

static u8 read_one(struct blk_rig *r, u64 sector, u32 len)
{
	struct blk_rq rq = { .type = VIRTIO_BLK_T_IN,
			     .sector = sector,
			     .in = back,
			     .in_len = len };

	return do_one(r, &rq);
}

static u8 write_one(struct blk_rig *r, u64 sector, u32 len, u64 seed)
{
	struct blk_rq rq = { .type = VIRTIO_BLK_T_OUT,
			     .sector = sector,
			     .out = buffer,
			     .out_len = len };

	fill_random(buffer, len, seed);
	return do_one(r, &rq);
}

/* Up to where a vCPU has done one, and tries the next. */
static struct blk_rig *create(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);
	u32 before;

	atomic_store(&tid, 0);
	way = DISK_IS_DONE;
	ops = *r->disk->disk.ops;
	ops.begin = begin;
	r->disk->disk.ops = &ops;
	blk_start(r, BLK_COMMON);
	for (before = 0; !blk_stat(r, "by_vcpus"); before++)
		assert_int_equal(read_one(r, 0, SECTOR), VIRTIO_BLK_S_OK);
	assert_true(before > BEFORE);
	blk_calls(r);
	return r;
}

static void transfers(void **state)
{
	struct blk_rig *r = create(state);
	u64 reads = blk_stat(r, "reads");

	assert_int_equal(read_one(r, 5, 8 * SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(tid, gettid());
	assert_memory_equal(back, r->disk->data + 5 * SECTOR, 8 * SECTOR);
	assert_int_equal(write_one(r, 7, 8 * SECTOR, 3), VIRTIO_BLK_S_OK);
	assert_int_equal(tid, gettid());
	assert_memory_equal(buffer, r->disk->data + 7 * SECTOR, 8 * SECTOR);
	assert_int_equal(blk_stat(r, "by_vcpus"), 3);
	assert_int_equal(blk_stat(r, "reads"), reads + 1);
	assert_int_equal(blk_stat(r, "writes"), 1);
	assert_int_equal(blk_stat(r, "bytes_written"), 8 * SECTOR);
	assert_string_equal(blk_calls(r), "");
	blk_check_ram(r);
}

/* What is left to the thread is counted once. */
static void check_by_thread(struct blk_rig *r, const char *calls)
{
	assert_int_equal(blk_stat(r, "by_vcpus"), 1);
	assert_string_equal(blk_calls(r), calls);
}

static void what_a_thread_does(void **state)
{
	struct blk_rig *r = create(state);
	struct blk_rq flush = { .type = VIRTIO_BLK_T_FLUSH };
	u64 reads = blk_stat(r, "reads");

	assert_int_equal(do_one(r, &flush), VIRTIO_BLK_S_OK);
	check_by_thread(r, "f");
	assert_int_equal(blk_stat(r, "flushes"), 1);
	assert_int_equal(read_one(r, 0, LARGE), VIRTIO_BLK_S_OK);
	check_by_thread(r, "");
	assert_memory_equal(back, r->disk->data, LARGE);
	way = DISK_BY_CALLS;
	assert_int_equal(read_one(r, 9, SECTOR), VIRTIO_BLK_S_OK);
	check_by_thread(r, "r");
	assert_memory_equal(back, r->disk->data + 9 * SECTOR, SECTOR);
	assert_int_equal(blk_stat(r, "reads"), reads + 2);
}

static void errors(void **state)
{
	struct blk_rig *r = create(state);

	assert_int_equal(read_one(r, BLK_SECTORS, SECTOR), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write_one(r, UINT64_MAX, SECTOR, 1),
			 VIRTIO_BLK_S_IOERR);
	check_by_thread(r, "");
	assert_int_equal(blk_stat(r, "errors"), 2);
}

/* The disk has to be asked to flush. */
static void durable_writes(void **state)
{
	struct blk_rig *r = create(state);
	u8 off = 0;

	virtio_write_config(r->vdev, offsetof(struct virtio_blk_config, wce),
			    &off, 1);
	assert_int_equal(write_one(r, 3, SECTOR, 5), VIRTIO_BLK_S_OK);
	check_by_thread(r, "f");
	assert_memory_equal(buffer, r->disk->data + 3 * SECTOR, SECTOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLK_TEST(transfers),
		BLK_TEST(what_a_thread_does),
		BLK_TEST(errors),
		BLK_TEST(durable_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
