/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file of an image, of which nothing is trusted: an offset that a table
 * names is compared with the file's size before it is used.
 *
 * The last cluster need not be whole: what is missing of it reads as zero.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/iov.h"
#include "qcow2.h"

int qcow2_damaged(struct qcow2 *q, const char *what, u64 offset)
{
	if (!atomic_exchange(&q->damaged, true))
		pr_guest(&q->damage,
			 "disk %s: the qcow2 image is damaged: %s (byte "
			 "%#" PRIx64 " of the file): end lkvm, and see what "
			 "\"qemu-img check %s\" says",
			 q->disk.path, what, offset, q->disk.path);
	return -EIO;
}

/* Where the last cluster ends, whether it is whole or not. */
static u64 limit_of(const struct qcow2 *q)
{
	return ALIGN_UP(atomic_load(&q->end), qcow2_cluster_size(q));
}

/*
 * Tables whose place is known from the header. An image in which a cluster of
 * data lies over one of them would be changed by the guest's writes.
 */
static bool is_in_table(const struct qcow2_table *table, u64 offset, u64 len)
{
	return range_overlaps(offset, len, table->offset, (u64)table->size * 8);
}

bool qcow2_is_plain(const struct qcow2 *q, u64 offset, u64 len)
{
	u64 cluster = qcow2_cluster_size(q);

	return IS_ALIGNED(offset, cluster) && offset &&
	       range_within(offset, len, 0, limit_of(q)) &&
	       !is_in_table(&q->l1, offset, len) &&
	       !is_in_table(&q->refcounts, offset, len) &&
	       !(q->snapshots_offset &&
		 range_overlaps(offset, len, q->snapshots_offset, cluster));
}

/* The buffers from byte `from` on, `len` bytes of them. */
static int read_part(struct qcow2 *q, const struct iovec *iov, u32 count,
		     u64 len, u64 offset)
{
	struct iovec *some = malloc(count * sizeof(*some));
	u32 n;
	int ret;

	if (!some)
		return -ENOMEM;
	n = iov_slice(some, iov, count, 0, len);
	ret = q->file->ops->read(q->file, some, n, offset);
	free(some);
	return ret;
}

/*
 * Three cases: all of it inside of the file, all behind it but in the last
 * cluster, or a part of each.
 */
int qcow2_file_readv(struct qcow2 *q, struct iovec *iov, u32 count, u64 len,
		     u64 offset)
{
	u64 end = atomic_load(&q->end), there;
	int ret;

	if (!range_within(offset, len, 0, limit_of(q)))
		return qcow2_damaged(q, "something is behind the file's end",
				     offset);
	if (range_within(offset, len, 0, end))
		return q->file->ops->read(q->file, iov, count, offset);
	there = end > offset ? end - offset : 0;
	ret = there ? read_part(q, iov, count, there, offset) : 0;
	if (!ret)
		iov_zero(iov, count, there, len - there);
	return ret;
}

int qcow2_file_read(struct qcow2 *q, void *buf, u64 len, u64 offset)
{
	struct iovec iov = { .iov_base = buf, .iov_len = (size_t)len };

	return qcow2_file_readv(q, &iov, 1, len, offset);
}

int qcow2_file_write(struct qcow2 *q, const void *buf, u64 len, u64 offset)
{
	/* It is only read. */
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf,
			     .iov_len = (size_t)len };

	return q->file->ops->write(q->file, &iov, 1, offset);
}

int qcow2_file_zero(struct qcow2 *q, u64 offset, u64 len)
{
	return q->file->ops->write_zeroes(q->file, offset, len, true);
}

bool qcow2_file_has(const struct qcow2 *q, u64 offset, u64 len)
{
	return range_within(offset, len, 0, atomic_load(&q->end));
}

/*
 * With `change`. In whole clusters, so that the last one is whole from the
 * first change on that needs it.
 */
int qcow2_file_grow(struct qcow2 *q, u64 to)
{
	int ret;

	if (to <= atomic_load(&q->end))
		return 0;
	ret = raw_resize(q->file, to);
	if (!ret)
		atomic_store(&q->end, to);
	return ret;
}
