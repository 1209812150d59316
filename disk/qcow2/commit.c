/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes changed tables in an order in which the image is whole at any moment,
 * whichever of the writes since the last fdatasync(2) have got to the medium:
 *
 *   1. Data is in its clusters, new tables of level 2 are in theirs, empty or a
 *      copy of the one before. Refcounts of what is new, blocks of them, and
 *      the table of blocks if it has moved: nothing names these yet.
 *   2. What names the blocks: entries of their table, or the header.
 *   3. Entries of level 2, and of level 1: everything they name is counted.
 *   4. Refcounts of what no table names any more.
 *
 * Each step is durable before the next one begins. After a stop in the middle
 * clusters may be counted that nobody uses, a loss of space that "qemu-img
 * check -r leaks" finds; never the reverse.
 *
 * A table stays dirty until it is durable, so that the next commit repeats what
 * has failed in this one.
 */
#include <endian.h>
#include <errno.h>

#include "qcow2.h"

/*
 * From so much new data on it is made durable first, since that takes time in
 * which a program is likely to be killed: no refcount has changed then.
 */
#define MUCH_DATA (4 * SZ_1M)

static int sync_file(struct qcow2 *q)
{
	return q->file->ops->flush(q->file);
}

static int write_entries(struct qcow2 *q, const struct qcow2_table *table,
			 u32 from, u32 to)
{
	return qcow2_file_write(q, table->entries + from, (u64)(to - from) * 8,
				table->offset + (u64)from * 8);
}

/* Both fields are in one sector. */
static int write_header(struct qcow2 *q)
{
	struct {
		u64 offset;
		u32 clusters;
	} __attribute__((packed)) field = {
		.offset = htobe64(q->refcounts.offset),
		.clusters = htobe32(
			(u32)((u64)q->refcounts.size * 8 >> q->cluster_bits)),
	};

	return qcow2_file_write(q, &field, sizeof(field),
				QCOW2_AT_REFCOUNT_TABLE);
}

static int write_refcounts(struct qcow2 *q)
{
	int ret = qcow2_cache_write(q, &q->blocks);

	if (!ret && q->refcounts_moved)
		ret = write_entries(q, &q->refcounts, 0, q->refcounts.size);
	if (!ret)
		ret = sync_file(q);
	if (!ret)
		qcow2_cache_clean(&q->blocks);
	return ret;
}

static int name_blocks(struct qcow2 *q)
{
	struct qcow2_table *table = &q->refcounts;
	int ret;

	if (!table->to && !q->refcounts_moved)
		return 0;
	ret = q->refcounts_moved
		      ? write_header(q)
		      : write_entries(q, table, table->from, table->to);
	if (!ret)
		ret = sync_file(q);
	if (ret)
		return ret;
	q->refcounts_moved = false;
	table->from = table->to = 0;
	return 0;
}

/* Look-ups go on meanwhile; changes need `change`. */
static int write_map(struct qcow2 *q)
{
	int ret = 0;

	if (!q->l2.nr_dirty && !q->l1.to)
		return 0;
	if (q->l1.to)
		ret = write_entries(q, &q->l1, q->l1.from, q->l1.to);
	if (!ret)
		ret = qcow2_cache_write(q, &q->l2);
	if (!ret)
		ret = sync_file(q);
	if (ret)
		return ret;
	pthread_mutex_lock(&q->lock);
	qcow2_cache_clean(&q->l2);
	q->l1.from = q->l1.to = 0;
	pthread_mutex_unlock(&q->lock);
	return 0;
}

/* Whoever has found such a cluster in a table has done with it then. */
static int give_back(struct qcow2 *q)
{
	int ret;

	if (!q->nr_freed)
		return 0;
	qcow2_wait_for_all(q);
	ret = qcow2_release(q);
	if (!ret)
		ret = qcow2_cache_write(q, &q->blocks);
	if (!ret)
		ret = sync_file(q);
	if (!ret)
		qcow2_cache_clean(&q->blocks);
	return ret;
}

int qcow2_commit(struct qcow2 *q)
{
	int ret = 0;

	if (q->new_bytes >= MUCH_DATA)
		ret = sync_file(q);
	if (!ret)
		ret = write_refcounts(q);
	if (!ret)
		ret = name_blocks(q);
	if (!ret)
		ret = write_map(q);
	if (!ret)
		ret = give_back(q);
	if (!ret)
		q->new_bytes = 0;
	return ret;
}

bool qcow2_is_committed(const struct qcow2 *q)
{
	return !q->l2.nr_dirty && !q->blocks.nr_dirty && !q->l1.to &&
	       !q->refcounts.to && !q->refcounts_moved && !q->nr_freed;
}

/* A change takes one slice of level 2, and a few of the refcounts. */
int qcow2_make_room(struct qcow2 *q)
{
	return q->l2.nr_dirty >= q->l2.nr / 2 ||
			       q->blocks.nr_dirty >= q->blocks.nr / 2 ||
			       q->nr_freed + 2 * QCOW2_MAX_RUN > QCOW2_MAX_FREED
		       ? qcow2_commit(q)
		       : 0;
}
