/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtqueues: what does not depend on the kind of ring. queue_split.c and
 * queue_packed.c know the rings, here are their areas, descriptors, and chains.
 *
 * The driver and its guest are not trusted, and run meanwhile. Where the areas
 * are is checked once, as RAM does not change; their contents are copied before
 * they are looked at. A chain has no more buffers than the queue has entries,
 * indirect ones included (virtio 1.4, "Indirect Descriptors"), which bounds the
 * work for one call of virtq_pop().
 */
#include <errno.h>
#include <string.h>

#include "lkvm/vmm/gmem.h"
#include "queue_ring.h"

void virtq_init(struct virtq *q, const struct gmem *mem, u32 max_size)
{
	memset(q, 0, sizeof(*q));
	q->mem = mem;
	q->max_size = max_size;
}

/* The counters go on. */
void virtq_reset(struct virtq *q)
{
	q->enabled = false;
	atomic_store(&q->broken, false);
	q->desc = q->driver = q->device = NULL;
	q->size = q->pending = q->pushed = 0;
	q->avail = q->used = 0;
	q->avail_wrap = q->used_wrap = true;
}

u8 *virtq_map(const struct virtq *q, u64 gpa, u64 len, u64 align)
{
	return IS_ALIGNED(gpa, align) ? gmem_ptr(q->mem, gpa, len) : NULL;
}

int virtq_enable(struct virtq *q, const struct virtq_setup *setup, u64 features)
{
	bool packed = features & VIRTIO_F_RING_PACKED;
	int ret;

	virtq_reset(q);
	if (!setup->size || setup->size > q->max_size)
		return -EINVAL;
	q->size = setup->size;
	q->ring = packed ? &virtq_packed_ops : &virtq_split_ops;
	q->indirect = features & VIRTIO_F_INDIRECT_DESC;
	q->event_idx = features & VIRTIO_F_EVENT_IDX;
	ret = q->ring->map(q, setup);
	q->enabled = !ret;
	return ret;
}

/* ---- Chains -------------------------------------------------------------- */

/* The fence keeps the compiler from reading the guest's memory once more. */
struct virtq_desc virtq_desc_copy(const void *guest, bool packed)
{
	struct virtq_desc desc;
	u16 flags;

	memcpy(&desc, guest, sizeof(desc));
	atomic_signal_fence(memory_order_seq_cst);
	desc.addr = le64toh(desc.addr);
	desc.len = le32toh(desc.len);
	flags = packed ? desc.next : desc.flags;
	desc.next = le16toh(packed ? desc.flags : desc.next);
	desc.flags = le16toh(flags);
	return desc;
}

int virtq_chain_add(const struct virtq *q, struct virtq_chain *chain,
		    const struct virtq_desc *desc)
{
	bool in = desc->flags & VIRTQ_DESC_F_WRITE;
	u32 n = chain->nr_out + chain->nr_in;
	void *base = gmem_ptr(q->mem, desc->addr, desc->len);

	if (!desc->len || !base || (chain->nr_in && !in))
		return -EINVAL;
	if (n >= chain->max_iov || n >= q->size)
		return -EINVAL;
	chain->iov[n] = (struct iovec) { base, desc->len };
	if (in) {
		chain->nr_in++;
		chain->in_len += desc->len;
	} else {
		chain->nr_out++;
		chain->out_len += desc->len;
	}
	return 0;
}

/*
 * An entry of a table is no table itself. Its number of entries bounds the
 * walk, as one more than once would be a circle; so does the size of the queue,
 * in virtq_chain_add(). WRITE of the descriptor that names the table is
 * ignored.
 */
int virtq_chain_add_table(const struct virtq *q, struct virtq_chain *chain,
			  const struct virtq_desc *desc, bool packed)
{
	u32 entries = desc->len / sizeof(*desc), at = 0;
	const u8 *table = gmem_ptr(q->mem, desc->addr, desc->len);

	if (!q->indirect || desc->flags & VIRTQ_DESC_F_NEXT || !table ||
	    !entries || desc->len % sizeof(*desc))
		return -EINVAL;
	for (u32 i = 0; i < entries; i++) {
		struct virtq_desc entry =
			virtq_desc_copy(table + at * sizeof(entry), packed);
		bool last = !packed && !(entry.flags & VIRTQ_DESC_F_NEXT);

		if (entry.flags & VIRTQ_DESC_F_INDIRECT ||
		    virtq_chain_add(q, chain, &entry))
			return -EINVAL;
		if (last)
			return 0;
		at = packed ? at + 1 : entry.next;
		if (!packed && at >= entries)
			return -EINVAL;
	}
	return packed ? 0 : -EINVAL;
}

/* ---- For devices --------------------------------------------------------- */

int virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
	int ret;

	if (!q->enabled || atomic_load(&q->broken))
		return 0;
	chain->nr_out = chain->nr_in = 0;
	chain->out_len = chain->in_len = 0;
	ret = q->ring->pop(q, chain);
	if (ret < 0)
		atomic_store(&q->broken, true);
	if (ret > 0)
		atomic_fetch_add_explicit(&q->stats.chains, 1,
					  memory_order_relaxed);
	return ret;
}

void virtq_push(struct virtq *q, const struct virtq_chain *chain, u32 len)
{
	if (!q->enabled || atomic_load(&q->broken))
		return;
	q->ring->push(q, chain, len);
	q->pending -= chain->slots;
	/* Enough is enough: 16 bits are compared. */
	q->pushed = MIN(q->pushed + chain->slots, (u32)UINT16_MAX);
}

/* The fence is between the used index and what the driver wants. */
bool virtq_wants_interrupt(struct virtq *q)
{
	bool wants;

	if (!q->enabled || atomic_load(&q->broken) || !q->pushed)
		return false;
	atomic_thread_fence(memory_order_seq_cst);
	wants = q->ring->wants_interrupt(q);
	q->pushed = 0;
	atomic_fetch_add_explicit(wants ? &q->stats.interrupts
					: &q->stats.suppressed,
				  1, memory_order_relaxed);
	return wants;
}

void virtq_disable_kicks(struct virtq *q)
{
	if (q->enabled && !atomic_load(&q->broken))
		q->ring->set_kicks(q, false);
}

/* The fence is between what the driver is asked for and its index. */
bool virtq_enable_kicks(struct virtq *q)
{
	if (!q->enabled || atomic_load(&q->broken))
		return false;
	q->ring->set_kicks(q, true);
	atomic_thread_fence(memory_order_seq_cst);
	return q->ring->has_more(q);
}

bool virtq_is_broken(const struct virtq *q)
{
	return atomic_load(&q->broken);
}
