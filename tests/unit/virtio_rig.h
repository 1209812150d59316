/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device of any model without a transport, and its driver: one
 * virtq_driver for each queue. As firmware does it, the driver asks for no
 * interrupts, unless a test says otherwise.
 */
#ifndef TESTS_VIRTIO_RIG_H
#define TESTS_VIRTIO_RIG_H

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lkvm/virtio/device.h"
#include "lkvm/vmm/gmem.h"
#include "virtq_driver.h"

#define VIO_ENTRIES 256U /* of a queue, or what the device has if fewer */
#define VIO_DATA    (256 * SZ_1K)
#define VIO_GPA	    0x80000000ULL /* of that */
#define VIO_NOISE   0xee	  /* in it after vio_start() */

struct vio_rig {
	u64 features; /* of the ring */
	struct gmem mem;
	u8 *rings, *data;
	u32 entries;
	struct virtio_device *vdev;
	struct virtq_driver drivers[VIRTIO_MAX_QUEUES];
	atomic_uint interrupts[VIRTIO_MAX_QUEUES], config_interrupts;
	sem_t irq; /* one of them */
	/* By eventfds: what writes one, or -1. */
	int irqfds[VIRTIO_MAX_QUEUES];
};

/* RAM for the device of a test whose `state` that is, to be created next. */
struct vio_rig *vio_create(void **state);
void vio_attach(struct vio_rig *r, struct virtio_device *vdev);

/*
 * Up to DRIVER_OK with these features, from whatever state, all queues enabled;
 * without the last step for vio_prepare(), and only queues whose bit is set for
 * vio_start_some(). `data` is filled with VIO_NOISE.
 */
void vio_prepare(struct vio_rig *r, u64 features);
void vio_start(struct vio_rig *r, u64 features);
void vio_start_some(struct vio_rig *r, u64 features, u64 queues);
void vio_set_status(struct vio_rig *r, u32 status);
bool vio_needs_reset(struct vio_rig *r);

/* A chain; vio_add_one() has one buffer at `offset` of `data`. */
void vio_add(struct vio_rig *r, unsigned int queue,
	     const struct virtq_buf *bufs, u32 nr, bool indirect, u32 cookie);
void vio_add_one(struct vio_rig *r, unsigned int queue, u32 offset, u32 len,
		 bool write);

/* Notifies the device if it wants that. */
void vio_kick(struct vio_rig *r, unsigned int queue);

/* The next used chain; false if there is none. */
bool vio_take(struct vio_rig *r, unsigned int queue, struct virtq_used *used);

/* A member of the statistics. */
u64 vio_stat(struct vio_rig *r, const char *name);

void vio_await(sem_t *bell);

int vio_setup(void **state);
int vio_teardown(void **state);

struct vio_variant {
	u64 features;
};

#define VIO_TEST_OF(f, title, bits) VIO_TEST_ENDS(f, title, bits, vio_teardown)

#define VIO_TEST_ENDS(f, title, bits, teardown)                       \
	{                                                             \
		.name = #f ": " title, .test_func = (f),              \
		.setup_func = vio_setup, .teardown_func = (teardown), \
		.initial_state = &(struct vio_variant) { (bits) },    \
	}

/* Once for each kind of ring; with a teardown of the test's own. */
#define VIO_TEST(f) VIO_TEST_WITH(f, vio_teardown)
#define VIO_TEST_WITH(f, teardown)                                        \
	VIO_TEST_ENDS(f, "split", VIRTQ_F_INDIRECT_DESC, teardown),       \
		VIO_TEST_ENDS(f, "packed",                                \
			      VIRTQ_F_INDIRECT_DESC | VIRTQ_F_EVENT_IDX | \
				      VIRTQ_F_RING_PACKED,                \
			      teardown)

#endif
