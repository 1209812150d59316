/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What both kinds of rings have in common; of virtio/queue*.c only. */
#ifndef VIRTIO_QUEUE_RING_H
#define VIRTIO_QUEUE_RING_H

#include <endian.h>

#include "lkvm/virtio/queue.h"

/* virtio 1.4, "The Virtqueue Descriptor Table"; the same in packed rings. */
#define VIRTQ_DESC_F_NEXT     1
#define VIRTQ_DESC_F_WRITE    2
#define VIRTQ_DESC_F_INDIRECT 4

/*
 * In guest memory little-endian, and in packed rings the last two the other way
 * round: there `next` is the buffer's id.
 */
struct virtq_desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

struct virtq_ring_ops {
	/* Checks and maps the areas; the size is in the range of both kinds. */
	int (*map)(struct virtq *q, const struct virtq_setup *setup);
	/* 1, 0 if there is none, or -EINVAL; a chain that is taken counts. */
	int (*pop)(struct virtq *q, struct virtq_chain *chain);
	/* The last `slots` entries that were popped are the next again. */
	void (*unpop)(struct virtq *q, u16 slots);
	bool (*has_more)(const struct virtq *q);
	void (*push)(struct virtq *q, const struct virtq_chain *chain, u32 len);
	/* Whether the driver wants one for the last `pushed` entries, > 0. */
	bool (*wants_interrupt)(const struct virtq *q);
	bool (*is_polled)(const struct virtq *q);
	void (*set_kicks)(struct virtq *q, bool on);
};

extern const struct virtq_ring_ops virtq_split_ops, virtq_packed_ops;

/* Where [gpa, gpa + len) is if it is aligned to `align` and all RAM, or NULL.
 */
u8 *virtq_map(const struct virtq *q, u64 gpa, u64 len, u64 align);

/* A copy in the host's form, which the guest cannot change any more. */
struct virtq_desc virtq_desc_copy(const void *guest, bool packed);

/*
 * Adds a descriptor's buffer to a chain. -EINVAL if it is empty or not all RAM,
 * if one to be read comes after one to be written, or if there are too many.
 */
int virtq_chain_add(const struct virtq *q, struct virtq_chain *chain,
		    const struct virtq_desc *desc);

/*
 * The last descriptor of a chain in the ring names a table of more: linked by
 * `next` as in a split ring, or one after the other as in a packed one.
 */
int virtq_chain_add_table(const struct virtq *q, struct virtq_chain *chain,
			  const struct virtq_desc *desc, bool packed);

static inline u16 virtq_load(const u8 *at, int order)
{
	return le16toh(__atomic_load_n((const u16 *)(const void *)at, order));
}

static inline void virtq_store(u8 *at, u16 value, int order)
{
	__atomic_store_n((u16 *)(void *)at, htole16(value), order);
}

#endif
