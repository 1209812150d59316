/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtqueues: what does not depend on the kind of ring. queue_split.c and
 * queue_packed.c know the rings, queue_chain.c descriptors and chains.
 */
#include <errno.h>
#include <string.h>

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

/* Features are constant from then on, and decide which ring it is. */
int virtq_enable(struct virtq *q, const struct virtq_setup *setup, u64 features)
{
	bool packed = features & VIRTQ_F_RING_PACKED;
	int ret;

	virtq_reset(q);
	if (!setup->size || setup->size > q->max_size)
		return -EINVAL;
	q->size = setup->size;
	q->ring = packed ? &virtq_packed_ops : &virtq_split_ops;
	q->indirect = features & VIRTQ_F_INDIRECT_DESC;
	q->event_idx = features & VIRTQ_F_EVENT_IDX;
	ret = q->ring->map(q, setup);
	q->enabled = !ret;
	return ret;
}

/* ---- For devices --------------------------------------------------------- */

/*
 * What the driver did wrong breaks the queue for good, until it is reset:
 * nothing that the ring says from then on can be relied on.
 */
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

/* What the driver has changed meanwhile is seen when it is popped again. */
void virtq_unpop(struct virtq *q, const struct virtq_chain *chain)
{
	if (!q->enabled || atomic_load(&q->broken))
		return;
	q->ring->unpop(q, chain->slots);
	q->pending -= chain->slots;
	atomic_fetch_sub_explicit(&q->stats.chains, 1, memory_order_relaxed);
}

/* Entries are counted for virtq_wants_interrupt(). */
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
bool virtq_would_interrupt(const struct virtq *q)
{
	if (!q->enabled || atomic_load(&q->broken) || !q->pushed)
		return false;
	atomic_thread_fence(memory_order_seq_cst);
	return q->ring->wants_interrupt(q);
}

bool virtq_wants_interrupt(struct virtq *q)
{
	bool wants;

	if (!q->enabled || atomic_load(&q->broken) || !q->pushed)
		return false;
	wants = virtq_would_interrupt(q);
	q->pushed = 0;
	atomic_fetch_add_explicit(wants ? &q->stats.interrupts
					: &q->stats.suppressed,
				  1, memory_order_relaxed);
	return wants;
}

bool virtq_is_polled(const struct virtq *q)
{
	return q->enabled && !atomic_load(&q->broken) && q->ring->is_polled(q);
}

/* A request only: a driver may notify all the same. */
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
