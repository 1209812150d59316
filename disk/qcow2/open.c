/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The beginning and the end of a disk in a qcow2 image. Main thread, while
 * nobody uses the disk.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lkvm/util/file.h"

/*
 * A flush of the guest is a commit: the only moment, but for the end and for
 * caches that are full, at which the tables of the file change.
 */
static int qcow2_flush(struct disk *disk)
{
	struct qcow2 *q = qcow2_from_disk(disk);
	int ret;

	pthread_mutex_lock(&q->change);
	ret = qcow2_commit(q);
	pthread_mutex_unlock(&q->change);
	return ret;
}

/* ---- The end --------------------------------------------------------------
 */

static void free_all(struct qcow2 *q)
{
	disk_close(q->file);
	disk_close(q->backing);
	qcow2_cache_free(&q->l2);
	qcow2_cache_free(&q->blocks);
	free(q->l1.entries);
	free(q->refcounts.entries);
	free(q->compressed.cluster);
	free(q->compressed.input);
	pthread_mutex_destroy(&q->change);
	pthread_cond_destroy(&q->left);
	pthread_mutex_destroy(&q->lock);
	pthread_mutex_destroy(&q->compressed.lock);
	free(q);
}

/* What the guest has written without a flush is kept, too. */
static void qcow2_disk_close(struct disk *disk)
{
	struct qcow2 *q = qcow2_from_disk(disk);
	int ret = qcow2_is_committed(q) ? 0 : qcow2_commit(q);

	if (ret)
		pr_err("disk %s: unable to write the image's tables: %s: what "
		       "the guest has written since its last flush is lost",
		       disk->path, strerror(-ret));
	free_all(q);
}

static const struct disk_ops qcow2_ops = {
	.read = qcow2_disk_read,
	.write = qcow2_disk_write,
	.flush = qcow2_flush,
	.discard = qcow2_disk_discard,
	.write_zeroes = qcow2_disk_zero,
	.begin = qcow2_begin,
	.end = qcow2_end,
	.close = qcow2_disk_close,
};

/* ---- The beginning --------------------------------------------------------
 */

/* Their order is at the head of qcow2.h. */
static void init_locks(struct qcow2 *q)
{
	pthread_mutex_init(&q->change, NULL);
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->left, NULL);
	pthread_mutex_init(&q->compressed.lock, NULL);
}

/*
 * Numbers that qcow2_check() has found to be in range. The guest does not see a
 * last sector that is not whole.
 */
static void set_geometry(struct qcow2 *q, const struct qcow2_check *c)
{
	const struct qcow2_header *h = &c->h;

	q->cluster_bits = h->cluster_bits;
	q->l2_bits = c->l2_bits;
	q->refcount_order = h->refcount_order;
	q->has_zero = h->version >= 3;
	q->extended = h->incompatible & QCOW2_EXTENDED_L2;
	q->sub_bits =
		h->cluster_bits - (q->extended ? QCOW2_SUBCLUSTERS_BITS : 0);
	q->zstd = h->compression == QCOW2_ZSTD;
	q->snapshots_offset = h->nr_snapshots ? h->snapshots_offset : 0;
	q->disk.size = ALIGN_DOWN(h->size, (u64)DISK_SECTOR);
	q->disk.cluster = (u32)BIT(h->cluster_bits);
	atomic_init(&q->end, c->file_size);
}

/* Only as many entries as the disk needs: an image may have more. */
static int read_table(const struct qcow2_check *c, struct qcow2_table *table,
		      u64 offset, u64 entries)
{
	int ret;

	table->offset = offset;
	table->size = (u32)entries;
	table->entries = malloc(entries * 8);
	if (!table->entries)
		return -ENOMEM;
	ret = pread_full(c->fd, table->entries, entries * 8, (off_t)offset);
	return ret == -ENODATA ? -EIO : ret;
}

/*
 * Both tables stay in memory as a whole, since their size is limited by
 * qcow2_check(): 8 MiB for refcounts, 32 MiB for level 1. Of what they point to
 * there are slices, no larger than a cluster.
 */
static int read_tables(struct qcow2 *q, const struct qcow2_check *c)
{
	const struct qcow2_header *h = &c->h;
	u32 slice = (u32)MIN(BIT(h->cluster_bits), QCOW2_SLICE_MAX);
	u64 refcounts = ((u64)h->refcount_clusters << h->cluster_bits) / 8;
	int ret = read_table(c, &q->l1, h->l1_offset,
			     qcow2_l1_needed(h, c->l2_bits));

	if (!ret)
		ret = read_table(c, &q->refcounts, h->refcount_offset,
				 refcounts);
	if (!ret)
		ret = qcow2_cache_init(&q->l2, QCOW2_L2_SLICES, slice);
	if (!ret)
		ret = qcow2_cache_init(&q->blocks, QCOW2_REFCOUNT_SLICES,
				       slice);
	return ret;
}

/*
 * "Header", autoclear features: what they stand for is not kept up to date from
 * here on.
 */
static int clear_features(struct qcow2 *q, const struct qcow2_check *c)
{
	static const u64 none;
	int ret;

	if (q->disk.readonly || !c->h.autoclear)
		return 0;
	pr_warn("disk %s: the qcow2 image has what lkvm does not keep up to "
		"date, such as bitmaps for backups: it is invalid from now on",
		q->disk.path);
	ret = qcow2_file_write(q, &none, sizeof(none), QCOW2_AT_AUTOCLEAR);
	return ret ? ret : q->file->ops->flush(q->file);
}

/* After a message. */
static int fill(struct qcow2 *q, const struct qcow2_check *c)
{
	int ret;

	set_geometry(q, c);
	ret = read_tables(q, c);
	if (!ret)
		ret = clear_features(q, c);
	if (ret)
		pr_fatal("disk %s: unable to use the qcow2 image: %s",
			 q->disk.path, strerror(-ret));
	return ret;
}

/*
 * `file` belongs to this function from the call on: it is closed with the disk,
 * or here after an error.
 */
int qcow2_create(const struct disk *disk, struct disk *file, struct disk **out,
		 struct qcow2_backing *backing)
{
	struct qcow2_check c = {
		.path = disk->path,
		.fd = raw_fd(file),
		.file_size = file->size,
	};
	struct qcow2 *q;
	int ret = qcow2_check(&c, backing);

	if (ret) {
		disk_close(file);
		return ret;
	}
	q = calloc(1, sizeof(*q));
	if (!q) {
		disk_close(file);
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	q->disk = *disk;
	q->disk.ops = &qcow2_ops;
	q->file = file;
	init_locks(q);
	ret = fill(q, &c);
	if (ret)
		free_all(q);
	else
		*out = &q->disk;
	return ret;
}

/* Before the disk is used, so without a lock. */
void qcow2_set_backing(struct disk *disk, struct disk *backing)
{
	qcow2_from_disk(disk)->backing = backing;
}
