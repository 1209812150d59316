/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Refcounts: which clusters of the file are used, and by how many. They are in
 * blocks of a cluster each, and where those are, a table says, which is in
 * memory. All of this belongs to who has `change`.
 *
 * Clusters without a block are free. A block of theirs is put into the first of
 * them, so that it counts itself.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "qcow2.h"

#define MAX_BEHIND SZ_1M /* clusters behind the end that may be in use */

/* log2 of how many refcounts a block, or a slice of one, has. */
static unsigned int block_bits(const struct qcow2 *q)
{
	return q->cluster_bits + 3 - q->refcount_order;
}

static unsigned int slice_bits(const struct qcow2 *q)
{
	return ilog2(q->blocks.size) + 3 - q->refcount_order;
}

/* ---- One refcount ---------------------------------------------------------
 */

/* "Refcount blocks": below 8 bits, the first is in the lowest bits. */
static u64 load_bits(const u8 *data, unsigned int order, u64 n)
{
	unsigned int shift = (unsigned int)(n << order) & 7;

	return data[n << order >> 3] >> shift & (BIT(1U << order) - 1);
}

static u64 load(const u8 *data, unsigned int order, u64 n)
{
	u64 value = 0;

	if (order < 3)
		return load_bits(data, order, n);
	data += n << (order - 3);
	for (unsigned int i = 0; i < 1U << (order - 3); i++)
		value = value << 8 | data[i];
	return value;
}

/* Counts of 16 bits and more are big endian. */
static void store(u8 *data, unsigned int order, u64 n, u64 value)
{
	unsigned int shift = (unsigned int)(n << order) & 7;
	u8 *byte = data + (n << order >> 3);

	if (order < 3) {
		*byte &= (u8) ~((BIT(1U << order) - 1) << shift);
		*byte |= (u8)(value << shift);
		return;
	}
	for (unsigned int i = 1U << (order - 3); i--; value >>= 8)
		byte[i] = (u8)value;
}

/* Ends with NULL for a cluster that has no block. */
static int get_slice(struct qcow2 *q, u64 cluster, struct qcow2_slice **slice)
{
	u64 block = cluster >> block_bits(q), at;
	u64 n = cluster & (BIT(block_bits(q)) - 1);

	*slice = NULL;
	at = block < q->refcounts.size ? be64toh(q->refcounts.entries[block])
				       : 0;
	if (!at)
		return 0;
	if (!qcow2_is_plain(q, at, qcow2_cluster_size(q)))
		return qcow2_damaged(q, "a block of refcounts cannot be there",
				     at);
	return qcow2_cache_get(q, &q->blocks,
			       at + (n >> slice_bits(q)) * q->blocks.size,
			       slice);
}

/* In its slice. */
static u64 get_count(const struct qcow2 *q, const struct qcow2_slice *slice,
		     u64 cluster)
{
	return load(slice->data, q->refcount_order,
		    cluster & (BIT(slice_bits(q)) - 1));
}

static void set_count(struct qcow2 *q, struct qcow2_slice *slice, u64 cluster,
		      u64 count)
{
	store(slice->data, q->refcount_order,
	      cluster & (BIT(slice_bits(q)) - 1), count);
	qcow2_cache_dirty(&q->blocks, slice);
}

/* ---- More blocks, and a larger table --------------------------------------
 */

/* The part of a table that the next commit writes is one range, [from, to). */
static void mark_entry(struct qcow2_table *table, u32 n)
{
	table->from = table->to ? MIN(table->from, n) : n;
	table->to = MAX(table->to, n + 1);
}

/* Where blocks and a table of `entries` go: counts of clusters. */
struct area {
	u64 first; /* cluster */
	u64 blocks, table;
	u32 entries;
};

/* The blocks count themselves and the table. */
static void size_area(const struct qcow2 *q, struct area *area)
{
	u64 each = BIT(block_bits(q)), cluster = qcow2_cluster_size(q);

	area->table = ((u64)area->entries * 8 + cluster - 1) / cluster;
	area->entries = (u32)(area->table * cluster / 8);
	area->blocks = 1;
	while (area->blocks * each < area->blocks + area->table)
		area->blocks++;
}

/* The refcounts of an area, which no table of the file names yet. */
static int write_blocks(struct qcow2 *q, const struct area *area)
{
	u64 cluster = qcow2_cluster_size(q), each = BIT(block_bits(q));
	u64 used = area->blocks + area->table;
	u8 *data = malloc(cluster);
	int ret = data ? 0 : -ENOMEM;

	for (u64 b = 0; !ret && b < area->blocks; b++) {
		memset(data, 0, cluster);
		for (u64 n = b * each; n < MIN(used, (b + 1) * each); n++)
			store(data, q->refcount_order, n - b * each, 1);
		ret = qcow2_file_write(q, data, cluster,
				       (area->first + b) * cluster);
	}
	free(data);
	return ret;
}

/* The old one is free when the header has been changed. */
static int use_table(struct qcow2 *q, const struct area *area, u64 *entries)
{
	u64 cluster = qcow2_cluster_size(q);
	u64 first = area->first >> block_bits(q);
	u64 old = q->refcounts.offset / cluster;
	u64 count = ((u64)q->refcounts.size * 8 + cluster - 1) / cluster;

	memcpy(entries, q->refcounts.entries, (size_t)q->refcounts.size * 8);
	for (u64 b = 0; b < area->blocks; b++)
		entries[first + b] = htobe64((area->first + b) * cluster);
	free(q->refcounts.entries);
	pthread_mutex_lock(&q->lock);
	q->refcounts.entries = entries;
	q->refcounts.size = area->entries;
	q->refcounts.offset = (area->first + area->blocks) * cluster;
	pthread_mutex_unlock(&q->lock);
	q->refcounts_moved = true;
	qcow2_free(q, old, count);
	return 0;
}

/*
 * A table of twice the size, where the clusters begin that the old one has no
 * entries for. It is written by the next commit.
 */
static int grow_table(struct qcow2 *q, u64 block)
{
	u64 cluster = qcow2_cluster_size(q);
	u32 most = QCOW2_REFCOUNT_TABLE_MAX / 8;
	struct area area = { .first = block << block_bits(q) };
	u64 *entries;
	int ret;

	area.entries = MIN(q->refcounts.size * 2, most);
	size_area(q, &area);
	if (block + area.blocks > area.entries)
		return -EFBIG;
	entries = calloc(area.entries, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	ret = qcow2_file_grow(q, (area.first + area.blocks + area.table) *
					 cluster);
	if (!ret)
		ret = write_blocks(q, &area);
	if (ret) {
		free(entries);
		return ret;
	}
	qcow2_cache_forget(&q->blocks, area.first * cluster,
			   area.blocks * cluster);
	return use_table(q, &area, entries);
}

/*
 * In the first cluster of those that it is for, whose own count is the first in
 * it: 1. The file has it before the table names it, as the table is written by
 * the next commit.
 */
static int make_block(struct qcow2 *q, u64 block)
{
	u64 cluster = qcow2_cluster_size(q), first = block << block_bits(q);
	u64 at = first * cluster;
	struct qcow2_slice *slice;
	u8 *zeroes;
	int ret;

	if (block >= q->refcounts.size)
		return grow_table(q, block);
	ret = qcow2_file_grow(q, at + cluster);
	if (ret)
		return ret;
	if (!qcow2_is_plain(q, at, cluster))
		return qcow2_damaged(q, "what is used there has no refcount",
				     at);
	zeroes = calloc(1, cluster);
	if (!zeroes)
		return -ENOMEM;
	ret = qcow2_file_write(q, zeroes, cluster, at);
	free(zeroes);
	if (ret)
		return ret;
	qcow2_cache_forget(&q->blocks, at, cluster);
	q->refcounts.entries[block] = htobe64(at);
	mark_entry(&q->refcounts, (u32)block);
	ret = get_slice(q, first, &slice);
	if (ret || !slice) {
		q->refcounts.entries[block] = 0;
		return ret ? ret : -EIO;
	}
	set_count(q, slice, first, 1);
	return 0;
}

/* ---- Taking and giving back -----------------------------------------------
 */

/* The next one in the slice that is free, or the first behind the slice. */
static u64 skip_used(const struct qcow2 *q, const struct qcow2_slice *slice,
		     u64 cluster)
{
	u64 end = (cluster | (BIT(slice_bits(q)) - 1)) + 1;

	while (cluster < end && get_count(q, slice, cluster))
		cluster++;
	return cluster;
}

/*
 * Ends with a free cluster and its slice. Behind the file's end there may be
 * some that another program has lost, but a search costs no more than the file
 * is large.
 */
static int find_free(struct qcow2 *q, u64 *found, struct qcow2_slice **slice)
{
	u64 cluster = q->hint, next;
	u64 limit = (atomic_load(&q->end) >> q->cluster_bits) + MAX_BEHIND;
	int ret;

	while (cluster < limit) {
		ret = get_slice(q, cluster, slice);
		if (ret)
			return ret;
		if (!*slice) {
			ret = make_block(q, cluster >> block_bits(q));
			if (ret)
				return ret;
			continue;
		}
		next = skip_used(q, *slice, cluster);
		if (next >> slice_bits(q) == cluster >> slice_bits(q)) {
			*found = next;
			return 0;
		}
		cluster = next;
		q->hint = next;
	}
	qcow2_damaged(q, "all that is behind the file's end is in use",
		      cluster << q->cluster_bits);
	return -EIO;
}

/*
 * A run within one slice of counts, so that nothing can fail half way. `fresh`
 * tells a caller who writes a part of the clusters that the rest reads as zero,
 * as nothing was there before.
 */
int qcow2_alloc(struct qcow2 *q, u32 want, u64 *first, u32 *got, bool *fresh)
{
	u64 size = qcow2_cluster_size(q), end, at;
	struct qcow2_slice *slice;
	u32 n = 1;
	int ret = find_free(q, first, &slice);

	if (ret)
		return ret;
	end = (*first | (BIT(slice_bits(q)) - 1)) + 1;
	while (n < want && *first + n < end && !get_count(q, slice, *first + n))
		n++;
	at = *first * size;
	*fresh = at >= atomic_load(&q->end);
	ret = qcow2_file_grow(q, at + n * size);
	if (ret)
		return ret;
	if (!qcow2_is_plain(q, at, n * size))
		return qcow2_damaged(q, "what is used there has no refcount",
				     at);
	for (u32 i = 0; i < n; i++)
		set_count(q, slice, *first + i, 1);
	*got = n;
	q->hint = *first + n;
	q->new_bytes += n * size;
	return 0;
}

/* Ends with the count that is left. */
static int drop_one(struct qcow2 *q, u64 cluster, u64 *left)
{
	struct qcow2_slice *slice;
	int ret = get_slice(q, cluster, &slice);

	if (ret)
		return ret;
	*left = slice ? get_count(q, slice, cluster) : 0;
	if (!*left)
		return qcow2_damaged(q, "what is used there has no refcount",
				     cluster << q->cluster_bits);
	set_count(q, slice, cluster, --*left);
	if (!*left)
		q->hint = MIN(q->hint, cluster);
	return 0;
}

/* A count that cannot be changed is one too high: the cluster is lost. */
void qcow2_unalloc(struct qcow2 *q, u64 first, u32 count)
{
	u64 left;

	for (u32 i = 0; i < count; i++)
		drop_one(q, first + i, &left);
}

/*
 * Counts go down after the next commit, when nothing durable points to the
 * clusters any more. Who has more runs than fit has lost the space, as
 * `qemu-img check` will say; callers commit before that.
 */
void qcow2_free(struct qcow2 *q, u64 first, u64 count)
{
	struct qcow2_run *last = q->freed + q->nr_freed - 1;

	if (q->nr_freed && last->first + last->count == first)
		last->count += count;
	else if (q->nr_freed < QCOW2_MAX_FREED)
		q->freed[q->nr_freed++] = (struct qcow2_run) { first, count };
}

/* What follows each other and is free becomes one hole. */
static int release_run(struct qcow2 *q, const struct qcow2_run *run)
{
	u64 size = qcow2_cluster_size(q), holes = 0;
	int ret = 0, err;

	for (u64 i = 0; i < run->count; i++) {
		u64 left = 1;

		/* They are durable where they have to be: see commit.c. */
		if (q->blocks.nr_dirty > q->blocks.nr / 2) {
			err = qcow2_cache_write(q, &q->blocks);
			if (err)
				return err;
			qcow2_cache_clean(&q->blocks);
		}
		err = drop_one(q, run->first + i, &left);
		ret = ret ? ret : err;
		holes += !left;
		if (holes && (left || i + 1 == run->count)) {
			u64 to = run->first + i + !left;

			q->file->ops->discard(q->file, (to - holes) * size,
					      holes * size);
			holes = 0;
		}
	}
	return ret;
}

/* The rest is still to be done after an error. */
int qcow2_release(struct qcow2 *q)
{
	int ret = 0;

	while (!ret && q->nr_freed)
		ret = release_run(q, &q->freed[--q->nr_freed]);
	return ret;
}
