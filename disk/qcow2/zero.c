/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest gives up, and what it wants to read as zero. Whole clusters
 * are a matter of tables; the rest is written, unless it is zero already, or
 * left as it is if the guest has no use for it.
 */
#include <errno.h>
#include <stdlib.h>

#include "qcow2.h"

enum how {
	DISCARD, /* the content is undefined then */
	UNMAP,	 /* it is zero, and takes no space */
	KEEP,	 /* it is zero, and the space stays its own */
};

/* ---- Whole clusters -------------------------------------------------------
 */

/* What content that is zero and not in the file is to the tables. */
static struct qcow2_entry nothing(const struct qcow2 *q)
{
	struct qcow2_entry entry = { 0 };

	if (q->backing && q->extended)
		entry.bitmap = 0xffffffffULL << 32;
	else if (q->backing)
		entry.at = QCOW2_ZERO;
	return entry;
}

static struct qcow2_entry
zero_entry(const struct qcow2 *q, const struct qcow2_entry *old, enum how how)
{
	struct qcow2_entry entry = { 0 };

	if (how != KEEP || !qcow2_is_own(old))
		return nothing(q);
	entry.at = (old->at & QCOW2_OFFSET_MASK) | QCOW2_COPIED;
	if (q->extended)
		entry.bitmap = 0xffffffffULL << 32;
	else
		entry.at |= QCOW2_ZERO;
	return entry;
}

/* With `change`; the entries are in one slice. */
static int zero_some(struct qcow2 *q, u64 index, u32 count, enum how how)
{
	bool changes = false;
	int ret = qcow2_make_room(q);

	if (!ret)
		ret = qcow2_get_entries(q, index, count, q->old);
	if (ret)
		return ret;
	for (u32 i = 0; i < count; i++) {
		q->new[i] = zero_entry(q, &q->old[i], how);
		changes |= q->new[i].at != q->old[i].at ||
			   q->new[i].bitmap != q->old[i].bitmap;
	}
	if (!changes)
		return 0;
	ret = qcow2_own_l2(q, index);
	if (!ret)
		ret = qcow2_set_entries(q, index, count, q->new);
	for (u32 i = 0; !ret && i < count; i++)
		if (!qcow2_is_own(&q->new[i]))
			qcow2_drop(q, &q->old[i]);
	return ret;
}

static int zero_clusters(struct qcow2 *q, u64 index, u64 end, enum how how)
{
	int ret = 0;

	while (!ret && index < end) {
		u64 left = MIN(end - index, qcow2_slice_left(q, index));
		u32 n = (u32)MIN(left, (u64)QCOW2_MAX_RUN);

		pthread_mutex_lock(&q->change);
		if (qcow2_has_l2(q, index) || q->backing)
			ret = zero_some(q, index, n, how);
		pthread_mutex_unlock(&q->change);
		index += n;
	}
	return ret;
}

/* ---- Parts of clusters ----------------------------------------------------
 */

/* Ends with how much was done: 0 where there is no cluster to be changed. */
static int zero_in_place(struct qcow2 *q, u64 offset, u64 len, bool unmap,
			 u64 *done)
{
	unsigned int group = qcow2_enter(q);
	bool here = false;
	struct qcow2_extent e;
	int ret;

	*done = 0;
	ret = qcow2_find(q, offset, len, &e);
	if (!ret)
		here = e.in_place && qcow2_file_has(q, e.at, e.len);
	if (here)
		ret = q->file->ops->write_zeroes(q->file, e.at, e.len, unmap);
	if (!ret && (here || e.kind == QCOW2_READS_ZERO ||
		     (e.kind == QCOW2_ABSENT && !q->backing)))
		*done = e.len;
	qcow2_leave(q, group);
	return ret;
}

/*
 * What cannot be had from the tables is written: parts of clusters, and all
 * where version 2 would show the backing file.
 */
static int write_zeroes(struct qcow2 *q, u64 offset, u64 len, bool unmap)
{
	u8 *zeroes = len ? calloc(1, SZ_64K) : NULL;
	int ret = len && !zeroes ? -ENOMEM : 0;

	while (!ret && len) {
		struct iovec iov = { .iov_base = zeroes };
		u64 n;

		ret = zero_in_place(q, offset, len, unmap, &n);
		if (!ret && !n) {
			n = MIN(len, SZ_64K);
			iov.iov_len = (size_t)n;
			ret = qcow2_disk_write(&q->disk, &iov, 1, offset);
		}
		offset += n;
		len -= n;
	}
	free(zeroes);
	return ret;
}

/* -------------------------------------------------------------------------- */

/* The whole clusters of a range: numbers. The disk's last one counts as whole.
 */
static void whole_clusters(const struct qcow2 *q, u64 offset, u64 len,
			   u64 *first, u64 *end)
{
	u64 to = offset + len;

	if (to == q->disk.size)
		to = ALIGN_UP(to, qcow2_cluster_size(q));
	*first = ALIGN_UP(offset, qcow2_cluster_size(q)) >> q->cluster_bits;
	*end = to >> q->cluster_bits;
}

/* Version 2 has no other way to hide what the backing file has. */
int qcow2_disk_discard(struct disk *disk, u64 offset, u64 len)
{
	struct qcow2 *q = qcow2_from_disk(disk);
	u64 first, end;

	whole_clusters(q, offset, len, &first, &end);
	if (q->backing && !q->has_zero)
		return 0;
	return zero_clusters(q, first, end, DISCARD);
}

int qcow2_disk_zero(struct disk *disk, u64 offset, u64 len, bool unmap)
{
	struct qcow2 *q = qcow2_from_disk(disk);
	u64 first, end, from, to;
	int ret;

	whole_clusters(q, offset, len, &first, &end);
	if (first >= end || (!q->has_zero && (q->backing || !unmap)))
		return write_zeroes(q, offset, len, unmap);
	from = first << q->cluster_bits;
	to = MIN(end << q->cluster_bits, offset + len);
	ret = write_zeroes(q, offset, from - offset, unmap);
	if (!ret)
		ret = zero_clusters(q, first, end, unmap ? UNMAP : KEEP);
	if (!ret)
		ret = write_zeroes(q, to, offset + len - to, unmap);
	return ret;
}
