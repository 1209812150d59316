/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device of any model without a transport, and a driver of it that
 * fuzz input leads. Its threads are not started: they run in rig_run_threads(),
 * so that an input does the same each time.
 *
 * For who links virtio_rig.c with "WRAP: virtq_pop".
 */
#ifndef TESTS_FUZZ_VIRTIO_RIG_H
#define TESTS_FUZZ_VIRTIO_RIG_H

#include "lkvm/virtio/device.h"
#include "lkvm/vmm/gmem.h"
#include "tests/fuzz/input.h"
#include "tests/unit/virtq_driver.h"

#define RIG_QUEUES  8U /* at the most */
#define RIG_ENTRIES 8U
#define RIG_RING    ALIGN_UP(VIRTQ_DRIVER_RAM(RIG_ENTRIES), 64)

/* Where RAM begins in which there are no rings, for a device of `n` queues. */
#define RIG_DATA(n) ALIGN_UP((n)*RIG_RING, SZ_4K)

/* Bits of rig_start(); the others of 16 are a fuzzer's own. */
#define RIG_PACKED    0x01
#define RIG_EVENT_IDX 0x02
#define RIG_INDIRECT  0x04
#define RIG_POLLED    0x20	      /* the driver wants no interrupts */
#define RIG_SKIP(i)   (0x100U << (i)) /* that queue is not enabled */

extern struct fuzz_rig {
	u8 *ram; /* at address 0, aligned to 8 KiB */
	u32 size;
	u32 nr_queues;
	bool only_reads; /* the device: a chain comes back with no byte used */
	struct gmem mem;
	struct virtio_device *vdev;
	struct virtq_driver drivers[RIG_QUEUES];
	struct iothread *threads[RIG_QUEUES]; /* NULL: not started */
	u32 cookie;
	u32 pops; /* chains that the device has got in this action */
	u8 *before;
} rig;

/* RAM for a device that is created next, then that device. */
void rig_create(u32 nr_queues, u32 size);
void rig_attach(struct virtio_device *vdev);
/* All of it, after rig_reset(). */
void rig_destroy(void);

/* There is a driver, and the device has not failed. */
bool rig_runs(void);
void rig_reset(void);
/* From a reset to DRIVER_OK; `kind` has the bits above. */
void rig_start(u16 kind, u64 features);

/* Makes a chain available where the queue is, and takes those that are used. */
void rig_add(u32 queue, const struct virtq_buf *bufs, u32 nr, bool table);
void rig_kick_all(void);
void rig_run_threads(void);

/* An access of the driver to the configuration of the device. */
void rig_config(bool read, u32 offset, u8 *buf, u32 len);

/* RAM is as it was when rig_save_ram() was called. */
void rig_save_ram(void);
void rig_check_ram(void);

#endif
