/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device of any model behind the MMIO transport, and a driver of it
 * that writes registers and rings itself, as fuzz input says. The device's
 * threads are not started: they run in rig_run_threads(), so that an input does
 * the same each time.
 */
#ifndef TESTS_FUZZ_MMIO_RIG_H
#define TESTS_FUZZ_MMIO_RIG_H

#include "lkvm/virtio/mmio.h"
#include "lkvm/vmm/gmem.h"
#include "lkvm/vmm/iothread.h"
#include "tests/fuzz/input.h"

#define RIG_QUEUES  5U /* at the most */
#define RIG_ENTRIES 16U
#define RIG_RINGS   0x200U /* bytes of each queue's rings, from address 0 on */
#define RIG_FD	    100	   /* the eventfd of queue 0's thread, and so on */

/* virtio 1.4, "MMIO Device Register Layout" */
#define REG_WANTED	 0x20
#define REG_WANTED_SEL	 0x24
#define REG_QUEUE_SEL	 0x30
#define REG_QUEUE_SIZE	 0x38
#define REG_QUEUE_READY	 0x44
#define REG_QUEUE_NOTIFY 0x50
#define REG_STATUS	 0x70
#define REG_QUEUE_DESC	 0x80
#define REG_QUEUE_DRIVER 0x90
#define REG_QUEUE_DEVICE 0xa0

#define F_NEXT	1
#define F_WRITE 2

/* Bits of rig_start(), what the driver is like; the others are a fuzzer's. */
#define PACKED	  0x01
#define INDIRECT  0x02
#define EVENT_IDX 0x04
#define POLLED	  0x10 /* it wants no interrupts */

struct desc {
	u64 addr;
	u32 len;
	u16 words[2]; /* flags and next, or id and flags */
};

/* How far the driver is in a ring. */
struct ring {
	u16 next; /* entry */
	u16 index;
	bool wrap;
};

struct thread {
	struct iothread *io; /* NULL: not started */
	bool pending;
	bool notified; /* by KVM, for that queue */
	u64 queue;
};

extern struct mmio_rig {
	u8 *ram;
	u32 size;
	u32 nr_queues;
	bool no_threads, no_notify; /* the host has none */
	bool renumbers; /* queues, by features: their threads do not change */
	u8 kind;	/* of the driver */
	bool high;	/* the interrupt line */
	struct mmio_bus bus;
	struct gmem mem;
	struct virtio_mmio *mmio;
	struct virtio_device *vdev;
	struct ring rings[RIG_QUEUES];
	struct thread threads[RIG_QUEUES];
	u8 *before;
} rig;

/* RAM, which is the caller's, for a device to be created next and attached. */
void rig_create(u32 nr_queues, u8 *ram, u32 size);
void rig_attach(struct virtio_device *vdev);
/* With the device, which has to leave RAM as it is and no thread behind. */
void rig_destroy(void);

/* There is a driver, and the device has not failed. */
bool rig_runs(void);
/* From a reset to DRIVER_OK, with the device's own `features` of 32 bits. */
void rig_start(u8 kind, u32 features);

/* Makes a chain available. */
void rig_put(u32 queue, struct desc *descs, u32 n);
/* Moves it to a table before, of which descs[0] is the descriptor then. */
void rig_put_table(struct desc *descs, u32 n, u32 slot);

/* As the guest writes: KVM takes a notification that it knows of. */
void rig_write(u64 reg, u32 value, unsigned int len);
/* Of a register, width and value that the input and the low bits say. */
void rig_read_any(u8 byte, struct input *in);
void rig_write_any(u8 byte, struct input *in);

/* Those that were notified, or are `ready`, which may be NULL. */
void rig_run_threads(bool (*ready)(const struct iothread *io));

/* RAM is as it was when rig_save_ram() was called. */
void rig_save_ram(void);
void rig_check_ram(void);

#endif
