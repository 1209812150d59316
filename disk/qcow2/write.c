/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest writes. Where a cluster is the image's own and there is data
 * in it, it is overwritten, by any number of threads at once. Everything else
 * takes `change`: clusters in a row get new ones in a row, what the request
 * leaves of the first and the last is copied, and the entries are set at the
 * end, so that others see the old content or the new.
 *
 * Of a cluster that is in the image already only the subclusters without data
 * are new: there may be some if entries are extended, or if the cluster is kept
 * for content that is zero.
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/util/iov.h"
#include "qcow2.h"

#define COPY_MAX SZ_64K /* bytes at once */

/* A row of clusters. Offsets are in the content. */
struct plan {
	u64 index;		     /* number of the first cluster */
	u32 count;		     /* clusters */
	struct qcow2_entry *entries; /* as they were */
	bool own;		     /* one cluster, which stays where it is */
	bool fresh;		     /* the new ones read as zero */
	u64 at;			     /* of the first cluster in the file */
	u64 from, to;		     /* what is written */
	u64 copy_from, copy_to;	     /* and copied around that */
};

static u64 start_of(const struct qcow2 *q, const struct plan *p)
{
	return p->index << q->cluster_bits;
}

/* Where a part of the content is in the plan's clusters. */
static u64 place_of(const struct qcow2 *q, const struct plan *p, u64 offset)
{
	return p->at + (offset - start_of(q, p));
}

/* ---- The plan -------------------------------------------------------------
 */

/* Ends with the clusters that can be treated alike; there is a table for them.
 */
static int choose_clusters(struct qcow2 *q, struct plan *p, u64 offset, u64 len)
{
	u64 last = (offset + len - 1) >> q->cluster_bits;
	u64 most;
	int ret;

	p->index = offset >> q->cluster_bits;
	most = MIN(last - p->index + 1, qcow2_slice_left(q, p->index));
	p->count = (u32)MIN(most, (u64)QCOW2_MAX_RUN);
	p->entries = q->old;
	ret = qcow2_get_entries(q, p->index, p->count, p->entries);
	if (ret)
		return ret;
	p->own = qcow2_is_own(&p->entries[0]);
	for (u32 i = 1; i < p->count; i++)
		if (p->own || qcow2_is_own(&p->entries[i]))
			p->count = i;
	return 0;
}

/* How many clusters there are in one piece decides how much is written. */
static int choose_place(struct qcow2 *q, struct plan *p, u64 offset, u64 len)
{
	u64 first, end;
	u32 got;
	int ret = 0;

	if (p->own) {
		p->at = p->entries[0].at & QCOW2_OFFSET_MASK;
		if (!qcow2_is_plain(q, p->at, qcow2_cluster_size(q)))
			return qcow2_damaged(q, "a cluster cannot be there",
					     p->at);
		ret = qcow2_file_grow(q, p->at + qcow2_cluster_size(q));
	} else {
		ret = qcow2_alloc(q, p->count, &first, &got, &p->fresh);
		if (ret)
			return ret;
		p->count = got;
		p->at = first << q->cluster_bits;
	}
	if (ret)
		return ret;
	end = start_of(q, p) + ((u64)p->count << q->cluster_bits);
	p->from = offset;
	p->to = MIN(offset + len, end);
	return 0;
}

/* True if the entry has this content already. */
static bool has_content(const struct qcow2 *q, const struct qcow2_entry *entry,
			u64 offset)
{
	u64 within = offset & (qcow2_cluster_size(q) - 1);

	if (q->extended)
		return entry->bitmap >> (within >> q->sub_bits) & 1;
	return !(entry->at & QCOW2_ZERO);
}

/*
 * A new cluster takes over all that an old one has; else what a subcluster
 * needs to be whole.
 */
static void choose_copies(const struct qcow2 *q, struct plan *p)
{
	const struct qcow2_entry *first = &p->entries[0];
	const struct qcow2_entry *last = &p->entries[p->count - 1];
	u64 sub = BIT(q->sub_bits), cluster = qcow2_cluster_size(q);

	if (p->own) {
		p->copy_from = has_content(q, first, p->from)
				       ? p->from
				       : ALIGN_DOWN(p->from, sub);
		p->copy_to = has_content(q, first, p->to - 1)
				     ? p->to
				     : ALIGN_UP(p->to, sub);
		return;
	}
	p->copy_from =
		ALIGN_DOWN(p->from, qcow2_has_data(first) ? cluster : sub);
	p->copy_to = ALIGN_UP(p->to, qcow2_has_data(last) ? cluster : sub);
}

/* ---- Doing it -------------------------------------------------------------
 */

/* Content that is zero needs no copy. */
static int copy_extent(struct qcow2 *q, const struct plan *p, u64 offset,
		       const struct qcow2_extent *e, u8 *buf)
{
	u64 to = place_of(q, p, offset);
	int ret;

	if (e->kind == QCOW2_READS_ZERO ||
	    (e->kind == QCOW2_ABSENT && !q->backing))
		return p->fresh ? 0 : qcow2_file_zero(q, to, e->len);
	ret = qcow2_read_content(q, buf, e->len, offset);
	return ret ? ret : qcow2_file_write(q, buf, e->len, to);
}

static int copy_range(struct qcow2 *q, const struct plan *p, u64 from, u64 to)
{
	u8 *buf = from < to ? malloc(COPY_MAX) : NULL;
	int ret = from < to && !buf ? -ENOMEM : 0;

	while (!ret && from < to) {
		struct qcow2_extent e;

		ret = qcow2_find(q, from, MIN(to - from, COPY_MAX), &e);
		if (!ret)
			ret = copy_extent(q, p, from, &e, buf);
		from += ret ? 0 : e.len;
	}
	free(buf);
	return ret;
}

/* Part of the request's buffers. */
static int write_part(struct qcow2 *q, const struct iovec *iov, u32 count,
		      u64 skip, u64 len, u64 at)
{
	struct iovec *some = malloc(count * sizeof(*some));
	u32 n;
	int ret;

	if (!some)
		return -ENOMEM;
	n = iov_slice(some, iov, count, skip, len);
	ret = q->file->ops->write(q->file, some, n, at);
	free(some);
	return ret;
}

/* Bits of the subclusters of cluster `i` that have content then. */
static u64 bits_of(const struct qcow2 *q, const struct plan *p, u32 i)
{
	u64 start = start_of(q, p) + ((u64)i << q->cluster_bits);
	u64 end = start + qcow2_cluster_size(q);
	u64 from = MAX(start, ALIGN_DOWN(p->copy_from, BIT(q->sub_bits)));
	u64 to = MIN(end, ALIGN_UP(p->copy_to, BIT(q->sub_bits)));
	u64 first = (from - start) >> q->sub_bits;
	u64 count = (to - from) >> q->sub_bits;

	return (BIT(count) - 1) << first;
}

/* A cluster that has moved has all it needs, so the old bits do not count. */
static struct qcow2_entry entry_of(const struct qcow2 *q, const struct plan *p,
				   u32 i)
{
	const struct qcow2_entry *old = &p->entries[i];
	struct qcow2_entry entry = {
		.at = (p->at + ((u64)i << q->cluster_bits)) | QCOW2_COPIED,
	};

	if (!q->extended)
		return entry;
	if (p->own || !qcow2_has_data(old))
		entry.bitmap = old->bitmap;
	entry.bitmap |= bits_of(q, p, i);
	entry.bitmap &= ~(bits_of(q, p, i) << 32);
	return entry;
}

static int set_entries(struct qcow2 *q, const struct plan *p)
{
	int ret;

	for (u32 i = 0; i < p->count; i++)
		q->new[i] = entry_of(q, p, i);
	ret = qcow2_set_entries(q, p->index, p->count, q->new);
	for (u32 i = 0; !ret && !p->own && i < p->count; i++)
		qcow2_drop(q, &p->entries[i]);
	return ret;
}

/* With `change`: *done bytes of the request. */
static int write_new(struct qcow2 *q, const struct iovec *iov, u32 count,
		     u64 skip, u64 offset, u64 len, u64 *done)
{
	struct plan p = { 0 };
	int ret = qcow2_make_room(q);

	if (!ret)
		ret = qcow2_own_l2(q, offset >> q->cluster_bits);
	if (!ret)
		ret = choose_clusters(q, &p, offset, len);
	if (!ret)
		ret = choose_place(q, &p, offset, len);
	if (ret)
		return ret;
	choose_copies(q, &p);
	*done = p.to - p.from;
	ret = copy_range(q, &p, p.copy_from, p.from);
	if (!ret)
		ret = write_part(q, iov, count, skip, *done,
				 place_of(q, &p, p.from));
	if (!ret)
		ret = copy_range(q, &p, p.to, p.copy_to);
	if (!ret)
		ret = set_entries(q, &p);
	if (ret && !p.own)
		qcow2_unalloc(q, p.at >> q->cluster_bits, p.count);
	return ret;
}

/* Ends with *done = 0 where it takes more than to overwrite. */
static int overwrite(struct qcow2 *q, const struct iovec *iov, u32 count,
		     u64 skip, u64 offset, u64 len, u64 *done)
{
	unsigned int group = qcow2_enter(q);
	struct qcow2_extent e;
	int ret;

	*done = 0;
	ret = qcow2_find(q, offset, len, &e);
	if (!ret && e.in_place && qcow2_file_has(q, e.at, e.len)) {
		*done = e.len;
		ret = write_part(q, iov, count, skip, e.len, e.at);
	}
	qcow2_leave(q, group);
	return ret;
}

int qcow2_disk_write(struct disk *disk, struct iovec *iov, u32 count,
		     u64 offset)
{
	struct qcow2 *q = qcow2_from_disk(disk);
	u64 len = iov_length(iov, count), n;
	int ret = 0;

	for (u64 done = 0; !ret && done < len; done += n) {
		ret = overwrite(q, iov, count, done, offset + done, len - done,
				&n);
		if (ret || n)
			continue;
		pthread_mutex_lock(&q->change);
		ret = write_new(q, iov, count, done, offset + done, len - done,
				&n);
		pthread_mutex_unlock(&q->change);
	}
	return ret;
}
