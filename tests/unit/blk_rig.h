/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A block device without a transport, on a disk in memory, and its driver. A
 * request's buffers lie in RAM in reverse order, with gaps in which nothing may
 * be written, at addresses of no alignment.
 *
 * As firmware does it, the driver asks for no interrupts, unless a test says
 * otherwise: requests are done when blk_kick() returns.
 */
#ifndef TESTS_BLK_RIG_H
#define TESTS_BLK_RIG_H

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/virtio_blk.h>

#include "lkvm/virtio/blk.h"
#include "lkvm/vmm/gmem.h"
#include "virtq_driver.h"

#define BLK_QUEUES  2U
#define BLK_ENTRIES 256U
#define BLK_SECTORS 512U /* of the disk, if a test does not say */
#define BLK_DATA    (512 * SZ_1K)
#define BLK_NOISE   0xee /* in RAM, where nothing was written */

#define BLK_F(name) BIT(VIRTIO_BLK_F_##name)

/* Of a device with a cache, whose requests are not interpreted otherwise. */
#define BLK_COMMON (BLK_F(FLUSH) | BLK_F(CONFIG_WCE))

struct mem_range {
	u64 offset, len;
	bool unmap;
};

struct mem_disk {
	struct disk disk;
	u8 *data;
	pthread_mutex_t lock; /* of `calls` */
	/* What was called: 'r', 'w', 'f', 'd' or 'z' for each. */
	char calls[64];
	struct mem_range ranges[32]; /* of discards and writes of zeroes */
	unsigned int nr_ranges;
	const char *failing; /* of these letters, or NULL */
	int error;
	/* Reads and writes wait for `may_end`, then for that thread to sleep.
	 */
	bool waits;
	pid_t sleeper;
	sem_t begun, may_end;
	atomic_uint inside, ended;
};

/* One request; the first members are a test's. */
struct blk_rq {
	u32 type;
	u64 sector;
	const void *out; /* behind the header */
	u32 out_len;
	void *in; /* before the status */
	u32 in_len;
	/*
	 * Lengths of the buffers but the last, up to a 0: NULL is one for
	 * the header and one for data; one for data and one for the status.
	 */
	const u32 *out_cuts, *in_cuts;
	bool indirect;
	bool bare; /* `out` and `in` are all there is */

	u32 nr, nr_out;
	struct virtq_buf bufs[BLK_ENTRIES];
	u8 status;
	u32 used_len;
	bool used;
};

struct blk_rig {
	u64 features; /* those of the ring, and of the device by `blk_start` */
	struct gmem mem;
	u8 *rings, *data, *shadow;
	u32 free; /* bytes of `data` */
	struct mem_disk *disk;
	struct virtio_device *vdev;
	struct virtq_driver drivers[BLK_QUEUES];
	struct blk_rq *in_flight[BLK_ENTRIES];
	atomic_uint interrupts, config_interrupts;
	sem_t irq;
};

struct blk_rig_params {
	u64 sectors; /* more than BLK_SECTORS: without data */
	u32 block;
	bool readonly;
	const char *name, *serial;
	unsigned int nr_queues;
};

extern unsigned int mem_disks_closed;

/* NULL is an error of its own: no memory. */
struct mem_disk *mem_disk_create(u64 sectors, u32 block, bool readonly);

/* A device for the test whose `state` that is; `params` may be NULL. */
struct blk_rig *blk_create(void **state, const struct blk_rig_params *params);

/* Up to DRIVER_OK, from whatever state; without that for blk_negotiate(). */
void blk_start(struct blk_rig *r, u64 features);
void blk_negotiate(struct blk_rig *r, u64 features);
void blk_set_status(struct blk_rig *r, u32 status);

/*
 * Makes a request available on a queue, `blk_take` takes those that are used
 * back and returns how many there were.
 */
void blk_add(struct blk_rig *r, unsigned int queue, struct blk_rq *rq);
void blk_kick(struct blk_rig *r, unsigned int queue);
unsigned int blk_take(struct blk_rig *r, unsigned int queue);

/* RAM beside the buffers that the device may write to is as it was. */
void blk_check_ram(struct blk_rig *r);

/* All of that, on queue 0. Returns the status. */
u8 blk_do(struct blk_rig *r, struct blk_rq *rq);

/* What the calls to the disk were since this was asked last. */
const char *blk_calls(struct blk_rig *r);

/* A member of the statistics. */
u64 blk_stat(struct blk_rig *r, const char *name);

/* Bytes that differ in whatever is compared. */
void fill_random(void *buf, size_t len, u64 seed);

int blk_setup(void **state);
int blk_teardown(void **state);

struct blk_variant {
	u64 features;
};

#define BLK_TEST_OF(f, title, bits)                                     \
	{                                                               \
		.name = #f ": " title, .test_func = (f),                \
		.setup_func = blk_setup, .teardown_func = blk_teardown, \
		.initial_state = &(struct blk_variant) { (bits) },      \
	}

/* Once for each kind of ring. */
#define BLK_TEST(f)                                     \
	BLK_TEST_OF(f, "split", VIRTQ_F_INDIRECT_DESC), \
		BLK_TEST_OF(f, "packed",                \
			    VIRTQ_F_INDIRECT_DESC | VIRTQ_F_RING_PACKED)

#endif
