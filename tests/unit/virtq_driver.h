/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver's side of one virtqueue, split or packed, written from virtio 1.x
 * alone: it shares no line with virtio/, so that a misunderstanding on one side
 * shows. It does what a driver may do and common ones do not: areas with no
 * more alignment than asked for, noise in all that a device has to ignore, ids
 * of a packed ring that are no indices, indirect tables of a split one that are
 * chained backwards.
 *
 * One thread uses it, which may be another one than the device's.
 */
#ifndef TESTS_VIRTQ_DRIVER_H
#define TESTS_VIRTQ_DRIVER_H

#include "lkvm/virtio/queue.h"

#define VIRTQ_DRIVER_MAX_TABLE 8U /* buffers of an indirect one */

/* Bytes of RAM that a queue of `size` entries takes. */
#define VIRTQ_DRIVER_RAM(size) ((size)*192UL + 512)

struct virtq_buf {
	u64 gpa;
	u32 len;
	bool write; /* by the device; these are the last of a chain */
};

struct virtq_used {
	u32 cookie;
	u32 len; /* 0 if a packed ring's device says it wrote nothing */
};

/* A descriptor of a split ring; in a packed one a buffer id. */
struct virtq_driver_entry {
	u32 cookie;
	u32 slots; /* descriptors that the chain takes; 0: not in flight */
	u64 in_len;
	u16 next; /* in the chain, or the next free one */
};

struct virtq_driver {
	struct virtq_setup setup; /* for virtq_enable(), with `features` */
	u64 features;
	u32 size;
	bool packed, event_idx, indirect;
	/*
	 * What a used chain counts for, of all in flight and of those added
	 * since virtq_driver_needs_kick(): 1 in a split ring, else its slots.
	 */
	u32 in_flight, added;
	const char *error; /* the first rule that the device has broken */

	/* Private from here on. */
	u8 *desc, *driver, *device, *tables;
	u64 tables_gpa;
	u32 nr_free; /* descriptors */
	u16 free;    /* the first entry that is */
	/* As in the ring: 16 bits; or below `size`, with the wrap counter. */
	u16 avail, used;
	bool avail_wrap, used_wrap;
	u32 noise;
	struct virtq_driver_entry *entries;
};

/*
 * A queue of `size` entries in VIRTQ_DRIVER_RAM(size) bytes of the guest's RAM,
 * `ram` for us, for a device that is reset. Returns 0 or -ENOMEM.
 */
int virtq_driver_init(struct virtq_driver *d, void *ram, u64 gpa, u32 size,
		      u64 features);
void virtq_driver_destroy(struct virtq_driver *d);

/*
 * Makes a chain available: `nr_direct` buffers have descriptors in the ring,
 * the others one that refers to a table. Returns 0, -ENOSPC if the ring is too
 * full, or -EINVAL for what a driver must not do: a chain of none or more than
 * the queue's entries; a table that is not negotiated, or behind direct
 * descriptors in a packed ring; and for one of more than
 * VIRTQ_DRIVER_MAX_TABLE.
 */
int virtq_driver_add(struct virtq_driver *d, const struct virtq_buf *bufs,
		     u32 nr, u32 nr_direct, u32 cookie);

/* Whether the device has to be notified for what was added since last time. */
bool virtq_driver_needs_kick(struct virtq_driver *d);

/* The next used chain: 1, 0 if there is none, or -EINVAL, see `error`. */
int virtq_driver_take(struct virtq_driver *d, struct virtq_used *used);

/*
 * Asks for no interrupts; or for one after `n` further ones that are used, as
 * `in_flight` counts them and less than that, or 0: after the next. True if
 * there may be used ones by then for which none need come. Without
 * VIRTQ_F_EVENT_IDX `n` is 0 whatever is given.
 */
void virtq_driver_disable_irq(struct virtq_driver *d);
bool virtq_driver_enable_irq_after(struct virtq_driver *d, u32 n);

static inline bool virtq_driver_enable_irq(struct virtq_driver *d)
{
	return virtq_driver_enable_irq_after(d, 0);
}

#endif
