/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/blk.c virtio/blk_request.c virtio/blk_async.c */
/* SOURCES: virtio/runner.c disk/request.c disk/queue.c disk/pool.c */
/* SOURCES: disk/try.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: disk/uring.c disk/merge.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c disk/disk.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/iov.c util/json.c */
/* SOURCES: util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/blk_rig.c */
/*
 * Requests that the kernel has under way while the guest makes others
 * available. The disk is a pipe, whose reads end when the test writes to it.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <liburing.h>

#include "blk_rig.h"
#include "lkvm/disk/queue.h"

#define SECTOR 512U

static int ends[2];
static struct disk_ops ops;
static struct blk_rq rqs[BLK_ENTRIES];
static u8 buffers[BLK_ENTRIES][SECTOR];

static enum disk_way pipe_begin(struct disk *disk,
				const struct disk_request *rq,
				struct disk_place *place)
{
	(void)disk;
	(void)rq;
	*place = (struct disk_place) { .fd = ends[0] };
	return DISK_BY_KERNEL;
}

static bool have_uring(void)
{
	struct io_uring ring;

	if (io_uring_queue_init(1, &ring, 0))
		return false;
	io_uring_queue_exit(&ring);
	return true;
}

/* A disk that reads from the pipe, and a driver that wants interrupts. */
static struct blk_rig *create(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);

	assert_int_equal(pipe(ends), 0);
	ops = *r->disk->disk.ops;
	ops.begin = pipe_begin;
	r->disk->disk.ops = &ops;
	blk_start(r, BLK_COMMON);
	virtq_driver_enable_irq(&r->drivers[0]);
	return r;
}

static void add(struct blk_rig *r, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		rqs[i] = (struct blk_rq) { .type = VIRTIO_BLK_T_IN,
					   .in = buffers[i],
					   .in_len = SECTOR,
					   .indirect = true };
		blk_add(r, 0, &rqs[i]);
	}
}

static void feed(u32 n)
{
	u8 sector[SECTOR];

	for (u32 i = 0; i < n; i++) {
		memset(sector, (int)i, sizeof(sector));
		assert_int_equal(write(ends[1], sector, SECTOR), SECTOR);
	}
}

/* The rest of what is under way comes to its end, in the reset at the latest.
 */
static void finish(struct blk_rig *r, u32 n)
{
	feed(n);
	blk_set_status(r, 0);
	assert_int_equal(blk_stat(r, "errors"), 0);
	close(ends[0]);
	close(ends[1]);
}

/* The thread waits for both, and takes what comes first. */
static void ends_while_others_are_added(void **state)
{
	struct blk_rig *r;
	u32 taken = 0;

	if (!have_uring())
		skip();
	r = create(state);
	add(r, 3);
	virtio_kick(r->vdev, 0);
	feed(2);
	while (taken < 2) {
		while (sem_wait(&r->irq))
			;
		taken += blk_take(r, 0);
		if (virtq_driver_enable_irq(&r->drivers[0]))
			taken += blk_take(r, 0);
	}
	assert_int_equal(taken, 2);
	finish(r, 1);
}

/* As many as the ring has are under way, and then one more. */
static void one_too_many(void **state)
{
	struct blk_rig *r;
	u16 idx;

	if (!have_uring())
		skip();
	r = create(state);
	add(r, BLK_ENTRIES);
	virtio_kick(r->vdev, 0);
	for (bool all = false; !all; sched_yield()) {
		pthread_mutex_lock(&r->vdev->queues[0].lock);
		all = r->vdev->queues[0].q.pending == BLK_ENTRIES;
		pthread_mutex_unlock(&r->vdev->queues[0].lock);
	}
	memcpy(&idx, r->drivers[0].driver + 2, sizeof(idx));
	idx++;
	memcpy(r->drivers[0].driver + 2, &idx, sizeof(idx));
	virtio_kick(r->vdev, 0);
	while (!(virtio_get_status(r->vdev) & VIRTIO_S_NEEDS_RESET))
		sched_yield();
	finish(r, BLK_ENTRIES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLK_TEST(ends_while_others_are_added),
		BLK_TEST_OF(one_too_many, "split", VIRTQ_F_INDIRECT_DESC),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
