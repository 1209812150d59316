/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The split ring (virtio 1.4, "Split Virtqueues"): a table of descriptors, and
 * two rings of indices, which run freely in 16 bits. The driver writes the
 * available ring, the device the used ring; behind each is an index at which
 * the other side shall be told (VIRTQ_F_EVENT_IDX).
 */
#include <errno.h>
#include <string.h>

#include "queue_ring.h"

/* Of both rings: flags, index, entries, and the other side's event. */
#define RING_FLAGS   0
#define RING_IDX     2
#define RING_ENTRIES 4

#define AVAIL_F_NO_INTERRUPT 1
#define USED_F_NO_NOTIFY     1

#define DESC_SIZE  sizeof(struct virtq_desc)
#define AVAIL_SIZE 2
#define USED_SIZE  8

static int split_map(struct virtq *q, const struct virtq_setup *setup)
{
	u64 size = setup->size;

	if (!is_power_of_2(size))
		return -EINVAL;
	q->desc = virtq_map(q, setup->desc, DESC_SIZE * size, 16);
	q->driver = virtq_map(q, setup->driver,
			      RING_ENTRIES + AVAIL_SIZE * size + 2, 2);
	q->device = virtq_map(q, setup->device,
			      RING_ENTRIES + USED_SIZE * size + 2, 4);
	return q->desc && q->driver && q->device ? 0 : -EINVAL;
}

/*
 * Acquire: the entries that the index announces, and their descriptors, are
 * read after it (virtio 1.4, "Updating idx", has the driver order them).
 */
static u16 avail_idx(const struct virtq *q)
{
	return virtq_load(q->driver + RING_IDX, __ATOMIC_ACQUIRE);
}

static u8 *avail_entry(const struct virtq *q, u32 n)
{
	return q->driver + RING_ENTRIES + (size_t)AVAIL_SIZE * n;
}

static u8 *used_entry(const struct virtq *q, u32 n)
{
	return q->device + RING_ENTRIES + (size_t)USED_SIZE * n;
}

static bool split_has_more(const struct virtq *q)
{
	return avail_idx(q) != q->avail;
}

/* The queue's size bounds the walk: a longer one is a circle. */
static int walk(const struct virtq *q, struct virtq_chain *chain, u16 head)
{
	u16 at = head;

	for (u32 i = 0; i < q->size; i++) {
		struct virtq_desc desc;
		int ret;

		if (at >= q->size)
			return -EINVAL;
		desc = virtq_desc_copy(q->desc + DESC_SIZE * at, false);
		if (desc.flags & VIRTQ_DESC_F_INDIRECT)
			return virtq_chain_add_table(q, chain, &desc, false);
		ret = virtq_chain_add(q, chain, &desc);
		if (ret || !(desc.flags & VIRTQ_DESC_F_NEXT))
			return ret;
		at = desc.next;
	}
	return -EINVAL;
}

/* More than `size` can be neither available nor in flight, but by error. */
static int split_pop(struct virtq *q, struct virtq_chain *chain)
{
	u16 there = (u16)(avail_idx(q) - q->avail);
	u16 head;

	if (!there)
		return 0;
	if (there > q->size || q->pending >= q->size)
		return -EINVAL;
	head = virtq_load(avail_entry(q, q->avail % q->size), __ATOMIC_RELAXED);
	if (walk(q, chain, head))
		return -EINVAL;
	chain->id = head;
	chain->slots = 1;
	q->avail++;
	q->pending++;
	return 1;
}

/*
 * Chains that were not used and are to be popped again: the driver cannot see
 * that they were. pending is the caller's, virtq_unpop().
 */
static void split_unpop(struct virtq *q, u16 slots)
{
	q->avail = (u16)(q->avail - slots);
}

/* The entry is complete before the driver sees the index. */
static void split_push(struct virtq *q, const struct virtq_chain *chain,
		       u32 len)
{
	u32 entry[2] = { htole32(chain->id), htole32(len) };

	memcpy(used_entry(q, q->used % q->size), entry, sizeof(entry));
	q->used++;
	virtq_store(q->device + RING_IDX, q->used, __ATOMIC_RELEASE);
}

/* With an event index the flag has no meaning. */
static bool split_is_polled(const struct virtq *q)
{
	return !q->event_idx &&
	       virtq_load(q->driver + RING_FLAGS, __ATOMIC_RELAXED) &
		       AVAIL_F_NO_INTERRUPT;
}

/* The driver wants one once the used index has passed its event. */
static bool split_wants_interrupt(const struct virtq *q)
{
	u16 event;

	if (!q->event_idx)
		return !split_is_polled(q);
	event = virtq_load(avail_entry(q, q->size), __ATOMIC_RELAXED);
	return (u16)(q->used - event - 1) < q->pushed;
}

/* An event that is not moved is one that has passed: the driver is silent. */
static void split_set_kicks(struct virtq *q, bool on)
{
	if (!q->event_idx)
		virtq_store(q->device + RING_FLAGS, on ? 0 : USED_F_NO_NOTIFY,
			    __ATOMIC_RELAXED);
	else if (on)
		virtq_store(used_entry(q, q->size), q->avail, __ATOMIC_RELAXED);
}

/* The used index is in the guest's memory: a guest can harm itself. */
void virtq_resume(struct virtq *q)
{
	q->used = virtq_load(q->device + RING_IDX, __ATOMIC_ACQUIRE);
	q->avail = q->used;
	q->pending = q->pushed = 0;
}

const struct virtq_ring_ops virtq_split_ops = {
	.map = split_map,
	.pop = split_pop,
	.unpop = split_unpop,
	.has_more = split_has_more,
	.push = split_push,
	.wants_interrupt = split_wants_interrupt,
	.is_polled = split_is_polled,
	.set_kicks = split_set_kicks,
};
