/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packed ring (virtio 1.4, "Packed Virtqueues"): one ring of descriptors,
 * which the driver makes available and the device marks as used in place. Each
 * side counts its turns by a bit: a descriptor is available if AVAIL is the
 * device's bit and USED is not. Whom to tell is in two structures of four
 * bytes.
 */
#include <errno.h>
#include <string.h>

#include "queue_ring.h"

#define DESC_SIZE  sizeof(struct virtq_desc)
#define DESC_LEN   8
#define DESC_ID	   12
#define DESC_FLAGS 14

#define DESC_F_AVAIL BIT(7)
#define DESC_F_USED  BIT(15)

/* Event suppression: offset and wrap counter, and what is wanted. */
#define EVENT_SIZE    4
#define EVENT_OFF     0
#define EVENT_FLAGS   2
#define EVENT_ENABLE  0
#define EVENT_DISABLE 1
#define EVENT_DESC    2
#define EVENT_WRAP    BIT(15)

static int packed_map(struct virtq *q, const struct virtq_setup *setup)
{
	q->desc = virtq_map(q, setup->desc, DESC_SIZE * setup->size, 16);
	q->driver = virtq_map(q, setup->driver, EVENT_SIZE, 4);
	q->device = virtq_map(q, setup->device, EVENT_SIZE, 4);
	return q->desc && q->driver && q->device ? 0 : -EINVAL;
}

static u8 *entry(const struct virtq *q, u32 n)
{
	return q->desc + DESC_SIZE * n;
}

/*
 * Acquire: all else of the descriptor is read after the flags that make it
 * available (virtio 1.4, "Driver and Device Ring Wrap Counters").
 */
static bool packed_has_more(const struct virtq *q)
{
	u16 flags =
		virtq_load(entry(q, q->avail) + DESC_FLAGS, __ATOMIC_ACQUIRE);
	bool avail = flags & DESC_F_AVAIL, used = flags & DESC_F_USED;

	return avail == q->avail_wrap && used != q->avail_wrap;
}

/* Past the end of the ring the counter turns: also if it ends where it began.
 */
static void advance(const struct virtq *q, u16 *at, bool *wrap, u32 slots)
{
	u32 next = *at + slots;

	if (next >= q->size) {
		next -= q->size;
		*wrap = !*wrap;
	}
	*at = (u16)next;
}

/* The driver writes the flags of the first one last: the others are there. */
static int walk(const struct virtq *q, struct virtq_chain *chain)
{
	bool wrap = q->avail_wrap;
	u16 at = q->avail;

	for (u32 slots = 1; slots <= q->size; slots++) {
		struct virtq_desc desc = virtq_desc_copy(entry(q, at), true);
		bool table = desc.flags & VIRTQ_DESC_F_INDIRECT;
		int ret = table ? virtq_chain_add_table(q, chain, &desc, true)
				: virtq_chain_add(q, chain, &desc);

		if (ret)
			return ret;
		chain->id = desc.next;
		chain->slots = (u16)slots;
		if (table || !(desc.flags & VIRTQ_DESC_F_NEXT))
			return 0;
		advance(q, &at, &wrap, 1);
	}
	return -EINVAL;
}

static int packed_pop(struct virtq *q, struct virtq_chain *chain)
{
	if (!packed_has_more(q))
		return 0;
	if (walk(q, chain) || q->pending + chain->slots > q->size)
		return -EINVAL;
	advance(q, &q->avail, &q->avail_wrap, chain->slots);
	q->pending += chain->slots;
	return 1;
}

/* advance() backwards. */
static void packed_unpop(struct virtq *q, u16 slots)
{
	if (slots > q->avail) {
		q->avail_wrap = !q->avail_wrap;
		q->avail = (u16)(q->avail + q->size);
	}
	q->avail = (u16)(q->avail - slots);
}

/* The flags are what makes it used, so they are written last. */
static void packed_push(struct virtq *q, const struct virtq_chain *chain,
			u32 len)
{
	u16 flags = q->used_wrap ? DESC_F_AVAIL | DESC_F_USED : 0;
	u8 *at = entry(q, q->used);
	u32 length = htole32(len);
	u16 id = htole16(chain->id);

	memcpy(at + DESC_LEN, &length, sizeof(length));
	memcpy(at + DESC_ID, &id, sizeof(id));
	if (len)
		flags |= VIRTQ_DESC_F_WRITE;
	virtq_store(at + DESC_FLAGS, flags, __ATOMIC_RELEASE);
	advance(q, &q->used, &q->used_wrap, chain->slots);
}

/* "Event Suppression Structure Format": RING_EVENT_FLAGS_DISABLE. */
static bool packed_is_polled(const struct virtq *q)
{
	return virtq_load(q->driver + EVENT_FLAGS, __ATOMIC_RELAXED) ==
	       EVENT_DISABLE;
}

/*
 * The event's position relative to this turn: it may be of the one before, and
 * what was pushed may have begun there.
 */
static bool packed_wants_interrupt(const struct virtq *q)
{
	u16 flags = virtq_load(q->driver + EVENT_FLAGS, __ATOMIC_ACQUIRE);
	u16 off = virtq_load(q->driver + EVENT_OFF, __ATOMIC_RELAXED);
	bool wrap = off & EVENT_WRAP;
	u16 event = off & ~EVENT_WRAP;

	if (flags != EVENT_DESC || !q->event_idx)
		return flags != EVENT_DISABLE;
	if (wrap != q->used_wrap)
		event = (u16)(event - q->size);
	return (u16)(q->used - event - 1) < q->pushed;
}

/* The position comes before the flag that gives it a meaning. */
static void packed_set_kicks(struct virtq *q, bool on)
{
	u16 flags = EVENT_DISABLE;

	if (on) {
		flags = q->event_idx ? EVENT_DESC : EVENT_ENABLE;
		virtq_store(q->device + EVENT_OFF,
			    q->avail | (q->avail_wrap ? EVENT_WRAP : 0),
			    __ATOMIC_RELAXED);
	}
	virtq_store(q->device + EVENT_FLAGS, flags, __ATOMIC_RELEASE);
}

const struct virtq_ring_ops virtq_packed_ops = {
	.map = packed_map,
	.pop = packed_pop,
	.unpop = packed_unpop,
	.has_more = packed_has_more,
	.push = packed_push,
	.wants_interrupt = packed_wants_interrupt,
	.is_polled = packed_is_polled,
	.set_kicks = packed_set_kicks,
};
