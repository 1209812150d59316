/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From descriptors to chains of buffers in RAM, for both kinds of rings.
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

u8 *virtq_map(const struct virtq *q, u64 gpa, u64 len, u64 align)
{
	return IS_ALIGNED(gpa, align) ? gmem_ptr(q->mem, gpa, len) : NULL;
}

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
