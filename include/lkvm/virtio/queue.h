/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtqueue as a device sees it, whatever its ring: split or packed (virtio
 * 1.4, "Virtqueues"). The transport sets it up, the device takes chains of
 * buffers from it and returns them as used.
 *
 * All that a guest can change while it is looked at is copied first, then
 * checked, then used: ring entries, descriptors, tables of indirect ones. What
 * is checked once, when the queue is enabled, is where its areas are.
 *
 * A queue that a guest has broken stays so until it is reset: nothing is taken
 * from it or written to it any more.
 */
#ifndef LKVM_VIRTIO_QUEUE_H
#define LKVM_VIRTIO_QUEUE_H

#include <stdatomic.h>
#include <sys/uio.h>

#include "lkvm/util/util.h"

struct gmem;

/* virtio 1.4, "Virtqueues": no queue has more entries. */
#define VIRTQ_MAX_SIZE 32768U

/* virtio 1.4, "Reserved Feature Bits": those that the ring depends on. */
#define VIRTQ_F_INDIRECT_DESC BIT(28)
#define VIRTQ_F_EVENT_IDX     BIT(29)
#define VIRTQ_F_VERSION_1     BIT(32)
#define VIRTQ_F_RING_PACKED   BIT(34)
#define VIRTQ_F_RING_RESET    BIT(40)

/* What the driver sets before it enables a queue. Guest physical addresses. */
struct virtq_setup {
	u32 size;   /* entries; the transport offers a maximum */
	u64 desc;   /* descriptor table, or the packed ring */
	u64 driver; /* available ring, or the driver's event suppression */
	u64 device; /* used ring, or the device's event suppression */
};

/* Transports have registers of 32 bits: one half of an address is written. */
static inline void virtq_set_half(u64 *address, bool high, u32 value)
{
	u64 mask = UINT32_MAX;

	*address = high ? (*address & mask) | (u64)value << 32
			: (*address & ~mask) | value;
}

/*
 * One chain of buffers. The device provides `iov` with room for `max_iov` of
 * them: a longer chain breaks the queue. The first `nr_out` are to be read by
 * the device, the next `nr_in` to be written to; each lies in one region of
 * RAM. The lengths are their sums: they may be more than 32 bits.
 */
struct virtq_chain {
	struct iovec *iov; /* not owned */
	u32 max_iov;
	u32 nr_out, nr_in;
	u64 out_len, in_len;
	u16 id;	   /* what the driver knows the chain by */
	u16 slots; /* entries of a packed ring that it takes */
};

/* Counters; written by the queue's thread, read by any. */
struct virtq_stats {
	_Atomic(u64) chains;
	_Atomic(u64) interrupts; /* that the driver wanted */
	_Atomic(u64) suppressed; /* and did not want */
};

struct virtq;

struct virtq_ring_ops;

/*
 * No lock: all is of the thread that serves the queue, and of the transport's
 * while the queue is not enabled. Only `broken` may be read by any.
 */
struct virtq {
	const struct gmem *mem;
	u32 max_size; /* that is offered: a power of two */

	/* From here on what virtq_enable() has set. */
	const struct virtq_ring_ops *ring;
	bool enabled;
	atomic_bool broken;
	bool indirect, event_idx;
	u32 size;
	u32 pending; /* entries that are taken and not used yet: <= size */
	u8 *desc, *driver, *device;
	/*
	 * The next entry of each kind: in a split ring free running, 16 bits;
	 * in a packed one below `size`, with the wrap counter.
	 */
	u16 avail, used;
	bool avail_wrap, used_wrap;
	u32 pushed; /* entries since virtq_wants_interrupt() was asked last */
	struct virtq_stats stats;
};

/*
 * A queue that offers `max_size` entries, a power of two up to VIRTQ_MAX_SIZE,
 * in the guest's RAM `mem`, which outlives it. It is not enabled.
 */
void virtq_init(struct virtq *q, const struct gmem *mem, u32 max_size);

/*
 * Back to that, but for the counters. Nothing of the guest's memory is touched
 * any more: chains that were taken before are forgotten, and must not be pushed
 * after the queue is enabled again.
 */
void virtq_reset(struct virtq *q);

/*
 * The driver enables it, with the features that were negotiated. Returns 0, or
 * -EINVAL: a size that is 0, above the maximum or, for a split ring, no power
 * of two; an address that is not aligned; an area that is not all RAM. Then
 * the queue is not enabled.
 */
int virtq_enable(struct virtq *q, const struct virtq_setup *setup,
		 u64 features);

/*
 * The next chain that the driver has made available. Returns 1, 0 if there is
 * none or the queue is not enabled, or -EINVAL if the driver has broken the
 * rules: then the queue is broken, and each further call returns 0. The chain's
 * buffers are the guest's, which may change them at any time.
 */
int virtq_pop(struct virtq *q, struct virtq_chain *chain);

/*
 * Takes that back: the chain that was popped last, and has not been pushed, is
 * the next one again. Several go back in the reverse order.
 */
void virtq_unpop(struct virtq *q, const struct virtq_chain *chain);

/*
 * Returns a chain to the driver, `len` bytes of it written, in any order.
 * virtq_wants_interrupt() has to be asked afterwards: once for several is
 * enough, and the driver sees them by then.
 */
void virtq_push(struct virtq *q, const struct virtq_chain *chain, u32 len);

/*
 * Goes on with a split ring where another process has left it: chains that were
 * taken and not returned there are available again, if those were returned in
 * order.
 */
void virtq_resume(struct virtq *q);

/* Whether the driver wants an interrupt for what was pushed since last time. */
bool virtq_wants_interrupt(struct virtq *q);

/* The same, but it may be asked again: nothing is counted. */
bool virtq_would_interrupt(const struct virtq *q);

/*
 * True if the driver has said that it wants no interrupts at all: it waits for
 * the used ring by reading it.
 */
bool virtq_is_polled(const struct virtq *q);

/*
 * Asks the driver not to notify the device while that is busy with the queue
 * anyway; and to do so again. The latter returns true if there is more by then,
 * for which no notification need come: virtq_pop() is to be called again.
 */
void virtq_disable_kicks(struct virtq *q);
bool virtq_enable_kicks(struct virtq *q);

/* True once the driver has broken the queue. Any thread. */
bool virtq_is_broken(const struct virtq *q);

#endif
