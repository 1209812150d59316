/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where content is: the table of level 1, which is in memory, and those of
 * level 2, of which there are slices. Entries are checked whenever they are
 * used, as the image may be of anybody's making.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "qcow2.h"

/* log2 of an entry's bytes in level 2. */
static unsigned int entry_bits(const struct qcow2 *q)
{
	return q->extended ? 4 : 3;
}

static u64 l2_mask(const struct qcow2 *q)
{
	return BIT(q->l2_bits) - 1;
}

/* Entries from this one to the end of its slice. Slices are powers of two. */
u64 qcow2_slice_left(const struct qcow2 *q, u64 index)
{
	u64 each = q->l2.size >> entry_bits(q);

	return each - (index & (each - 1));
}

/* Of the table of level 2 that has the entry; 0: there is none. */
static u64 table_of(const struct qcow2 *q, u64 index)
{
	return be64toh(q->l1.entries[index >> q->l2_bits]) & QCOW2_OFFSET_MASK;
}

/* Of the entry's slice, in that table. */
static u64 slice_of(const struct qcow2 *q, u64 index)
{
	u64 within = (index & l2_mask(q)) << entry_bits(q);

	return ALIGN_DOWN(within, (u64)q->l2.size);
}

/* With `lock`; ends with NULL where there is no table of level 2. */
static int get_slice(struct qcow2 *q, u64 index, struct qcow2_slice **slice)
{
	u64 at = table_of(q, index);

	*slice = NULL;
	if (!at)
		return 0;
	if (!qcow2_is_plain(q, at, qcow2_cluster_size(q)))
		return qcow2_damaged(q, "a table of level 2 cannot be there",
				     at);
	return qcow2_cache_get(q, &q->l2, at + slice_of(q, index), slice);
}

/* Where the entry is in its slice. */
static u64 *words_of(const struct qcow2 *q, const struct qcow2_slice *slice,
		     u64 index)
{
	u64 within = (index & l2_mask(q)) << entry_bits(q);

	return (u64 *)(void *)(slice->data + (within & (q->l2.size - 1)));
}

/* "Extended L2 Entries": the bitmap is the second word of an entry. */
static struct qcow2_entry load(const struct qcow2 *q,
			       const struct qcow2_slice *slice, u64 index)
{
	const u64 *words = words_of(q, slice, index);

	return (struct qcow2_entry) {
		.at = be64toh(words[0]),
		.bitmap = q->extended ? be64toh(words[1]) : 0,
	};
}

/*
 * "Cluster mapping": bit 63 is set if the refcount is exactly one, so that
 * the cluster can be written in place. It has no meaning where the cluster is
 * compressed.
 */
bool qcow2_is_own(const struct qcow2_entry *entry)
{
	return entry->at & QCOW2_COPIED && !(entry->at & QCOW2_COMPRESSED) &&
	       entry->at & QCOW2_OFFSET_MASK;
}

bool qcow2_has_data(const struct qcow2_entry *entry)
{
	return entry->at & (QCOW2_COMPRESSED | QCOW2_OFFSET_MASK);
}

/* ---- Looking up -----------------------------------------------------------
 */

/*
 * "Standard Cluster Descriptor", "Extended L2 Entries": whether content is
 * there, or is zero; both, or what the image cannot have, is an error.
 */
static int look_at(struct qcow2 *q, const struct qcow2_entry *entry,
		   unsigned int sub, bool *there, bool *zero)
{
	u64 at = entry->at & QCOW2_OFFSET_MASK;
	bool flag = entry->at & QCOW2_ZERO;

	if (at && !qcow2_is_plain(q, at, qcow2_cluster_size(q)))
		return qcow2_damaged(q, "a cluster cannot be there", at);
	*there = q->extended ? entry->bitmap >> sub & 1 : at;
	*zero = q->extended ? entry->bitmap >> (sub + 32) & 1 : flag;
	if ((flag && (q->extended || !q->has_zero)) ||
	    (q->extended && *there && (*zero || !at)))
		return qcow2_damaged(q, "the entry of a cluster is no such",
				     at);
	return 0;
}

/* What an entry says of `offset` and what follows in its subcluster. */
static int decode(struct qcow2 *q, const struct qcow2_entry *entry, u64 offset,
		  struct qcow2_extent *e)
{
	u64 within = offset & (qcow2_cluster_size(q) - 1);
	unsigned int sub = (unsigned int)(within >> q->sub_bits);
	bool there = false, zero = false;
	int ret;

	if (entry->at & QCOW2_COMPRESSED) {
		*e = (struct qcow2_extent) {
			.kind = QCOW2_PACKED,
			.at = entry->at,
			.len = qcow2_cluster_size(q) - within,
		};
		return 0;
	}
	ret = look_at(q, entry, sub, &there, &zero);
	if (ret)
		return ret;
	*e = (struct qcow2_extent) {
		.kind = zero ? QCOW2_READS_ZERO : QCOW2_ABSENT,
		.len = BIT(q->sub_bits) - (within & (BIT(q->sub_bits) - 1)),
	};
	if (there && !zero) {
		e->kind = QCOW2_DATA;
		e->in_place = qcow2_is_own(entry);
		e->at = (entry->at & QCOW2_OFFSET_MASK) + within;
	}
	return 0;
}

/*
 * An extent is one transfer, so what belongs to it has to be of one kind and,
 * if it is data, in one piece in the file. Compressed clusters are read one by
 * one.
 */
static bool continues(const struct qcow2_extent *e,
		      const struct qcow2_extent *next)
{
	return e->kind == next->kind && e->kind != QCOW2_PACKED &&
	       e->in_place == next->in_place &&
	       (e->kind != QCOW2_DATA || e->at + e->len == next->at);
}

/* With `lock`: as far as the slice goes. */
static int find_in_slice(struct qcow2 *q, const struct qcow2_slice *slice,
			 u64 offset, u64 want, struct qcow2_extent *e)
{
	u64 index = offset >> q->cluster_bits;
	u64 end = (index + qcow2_slice_left(q, index)) << q->cluster_bits;
	struct qcow2_entry entry = load(q, slice, index);
	int ret = decode(q, &entry, offset, e);

	end = MIN(end, offset + want);
	while (!ret && offset + e->len < end) {
		struct qcow2_extent next;
		u64 at = offset + e->len;

		entry = load(q, slice, at >> q->cluster_bits);
		ret = decode(q, &entry, at, &next);
		if (ret || !continues(e, &next))
			break;
		e->len += next.len;
	}
	return ret;
}

/* With `lock`. */
static bool is_cached(const struct qcow2 *q, u64 index)
{
	u64 at = table_of(q, index);

	return !at || qcow2_cache_has(&q->l2, at + slice_of(q, index));
}

/*
 * Without a table of level 2 all of what it would map is absent. With `cached`,
 * -EAGAIN if a slice would have to be read, as a thread that others rely on
 * must not wait for I/O.
 */
static int find(struct qcow2 *q, u64 offset, u64 want, bool cached,
		struct qcow2_extent *e)
{
	u64 span = BIT(q->cluster_bits + q->l2_bits);
	u64 index = offset >> q->cluster_bits;
	struct qcow2_slice *slice = NULL;
	int ret = -EAGAIN;

	pthread_mutex_lock(&q->lock);
	if (!cached || is_cached(q, index))
		ret = get_slice(q, index, &slice);
	if (!ret && slice)
		ret = find_in_slice(q, slice, offset, want, e);
	else if (!ret)
		*e = (struct qcow2_extent) {
			.kind = QCOW2_ABSENT,
			.len = span - (offset & (span - 1)),
		};
	pthread_mutex_unlock(&q->lock);
	if (!ret)
		e->len = MIN(e->len, want);
	return ret;
}

int qcow2_find(struct qcow2 *q, u64 offset, u64 want, struct qcow2_extent *e)
{
	return find(q, offset, want, false, e);
}

int qcow2_find_cached(struct qcow2 *q, u64 offset, u64 want,
		      struct qcow2_extent *e)
{
	return find(q, offset, want, true, e);
}

/* ---- Changing -------------------------------------------------------------
 */

/* With `change`, which is enough to read level 1: nobody changes it without. */
bool qcow2_has_l2(struct qcow2 *q, u64 index)
{
	return q->l1.entries[index >> q->l2_bits];
}

/*
 * The caller has `change`, so that nobody else changes the entries between this
 * and qcow2_set_entries(), and stays within a slice: qcow2_slice_left().
 */
int qcow2_get_entries(struct qcow2 *q, u64 index, u32 count,
		      struct qcow2_entry *entries)
{
	struct qcow2_slice *slice;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = get_slice(q, index, &slice);
	for (u32 i = 0; !ret && i < count; i++)
		entries[i] = slice ? load(q, slice, index + i)
				   : (struct qcow2_entry) { 0 };
	pthread_mutex_unlock(&q->lock);
	return ret;
}

int qcow2_set_entries(struct qcow2 *q, u64 index, u32 count,
		      const struct qcow2_entry *entries)
{
	struct qcow2_slice *slice;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = get_slice(q, index, &slice);
	if (!ret && !slice)
		ret = -EIO;
	for (u32 i = 0; !ret && i < count; i++) {
		u64 *words = words_of(q, slice, index + i);

		words[0] = htobe64(entries[i].at);
		if (q->extended)
			words[1] = htobe64(entries[i].bitmap);
	}
	if (!ret)
		qcow2_cache_dirty(&q->l2, slice);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* Once this is durable, so may be an entry of level 1 that points to it. */
static int write_l2(struct qcow2 *q, u64 old, u64 at)
{
	u64 size = qcow2_cluster_size(q);
	u8 *data = calloc(1, size);
	int ret = data ? 0 : -ENOMEM;

	/* It is the same in memory: it was someone else's, too. */
	if (!ret && old)
		ret = qcow2_file_read(q, data, size, old);
	if (!ret)
		ret = qcow2_file_write(q, data, size, at);
	free(data);
	return ret;
}

/*
 * Slices that are cached at this place are of what the cluster was before it
 * became a table, and are forgotten. Level 1 is written by the next commit,
 * from `from` to `to`.
 */
static void use_l2(struct qcow2 *q, u32 n, u64 at)
{
	pthread_mutex_lock(&q->lock);
	qcow2_cache_forget(&q->l2, at, qcow2_cluster_size(q));
	q->l1.entries[n] = htobe64(at | QCOW2_COPIED);
	q->l1.from = q->l1.to ? MIN(q->l1.from, n) : n;
	q->l1.to = MAX(q->l1.to, n + 1);
	pthread_mutex_unlock(&q->lock);
}

/*
 * An internal snapshot may have the table that there is, too. Then it is
 * copied, as a cluster of data would be; the old one loses a reference.
 */
int qcow2_own_l2(struct qcow2 *q, u64 index)
{
	u32 n = (u32)(index >> q->l2_bits), got;
	u64 entry = be64toh(q->l1.entries[n]), first;
	u64 old = entry & QCOW2_OFFSET_MASK;
	bool fresh;
	int ret;

	if (old && entry & QCOW2_COPIED)
		return 0;
	if (old && !qcow2_is_plain(q, old, qcow2_cluster_size(q)))
		return qcow2_damaged(q, "a table of level 2 cannot be there",
				     old);
	ret = qcow2_alloc(q, 1, &first, &got, &fresh);
	if (ret)
		return ret;
	ret = write_l2(q, old, first << q->cluster_bits);
	if (ret) {
		qcow2_unalloc(q, first, 1);
		return ret;
	}
	use_l2(q, n, first << q->cluster_bits);
	if (old)
		qcow2_free(q, old >> q->cluster_bits, 1);
	return 0;
}

/* A compressed cluster has a part of one, or of several in a row. */
void qcow2_drop(struct qcow2 *q, const struct qcow2_entry *entry)
{
	u64 at = entry->at & QCOW2_OFFSET_MASK;
	u64 len = qcow2_cluster_size(q), first, end;
	size_t bytes;

	if (!qcow2_has_data(entry))
		return;
	if (entry->at & QCOW2_COMPRESSED) {
		at = qcow2_compressed_at(q->cluster_bits, entry->at, &bytes);
		len = bytes;
	}
	first = at >> q->cluster_bits;
	end = (at + len - 1) >> q->cluster_bits;
	if (!qcow2_is_plain(q, first << q->cluster_bits,
			    (end - first + 1) << q->cluster_bits))
		qcow2_damaged(q, "a cluster cannot be there", at);
	else
		qcow2_free(q, first, end - first + 1);
}
