/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest reads, extent by extent: pieces that lie in one place of one
 * file, at most up to the end of a cluster's part of a table (qcow2_find()).
 *
 * Many reads run at the same time. Each holds `io` meanwhile, and a commit
 * waits for that before clusters that it frees can get other content.
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/util/iov.h"
#include "qcow2.h"

/*
 * "Backing files": behind the end of the backing file, which may be the smaller
 * one, and where there is none, content is zero.
 */
static int read_backing(struct qcow2 *q, struct iovec *iov, u32 count,
			u64 offset, u64 len)
{
	u64 size = q->backing ? q->backing->size : 0;
	u64 there = offset < size ? MIN(len, size - offset) : 0;
	u32 n = count;
	int ret;

	iov_zero(iov, count, there, len - there);
	if (!there)
		return 0;
	iov = iov_cut(iov, &n, 0, there);
	ret = disk_read(q->backing, iov, n, offset, there);
	return ret;
}

/* `iov` has as many bytes as the extent. */
static int read_extent(struct qcow2 *q, const struct qcow2_extent *e,
		       struct iovec *iov, u32 count, u64 offset)
{
	switch (e->kind) {
	case QCOW2_ABSENT:
		return read_backing(q, iov, count, offset, e->len);
	case QCOW2_READS_ZERO:
		iov_zero(iov, count, 0, e->len);
		return 0;
	case QCOW2_DATA:
		return qcow2_file_readv(q, iov, count, e->len, e->at);
	case QCOW2_PACKED:
		break;
	}
	return qcow2_read_compressed(q, e->at,
				     offset & (qcow2_cluster_size(q) - 1), iov,
				     count, e->len);
}

/*
 * Buffers and extents do not end at the same places: `some`, with room for as
 * many buffers as there are, has those parts of them that one extent fills.
 */
static int read_parts(struct qcow2 *q, const struct iovec *iov, u32 count,
		      struct iovec *some, u64 offset, u64 len)
{
	struct qcow2_extent e;
	int ret = 0;

	for (u64 done = 0; !ret && done < len; done += e.len) {
		u32 n;

		ret = qcow2_find(q, offset + done, len - done, &e);
		if (ret)
			break;
		n = iov_slice(some, iov, count, done, e.len);
		ret = read_extent(q, &e, some, n, offset + done);
	}
	return ret;
}

/* For copy on write, whose caller holds `io` already. */
int qcow2_read_content(struct qcow2 *q, void *buf, u64 len, u64 offset)
{
	const struct iovec iov = { .iov_base = buf, .iov_len = (size_t)len };
	struct iovec some;

	return read_parts(q, &iov, 1, &some, offset, len);
}

int qcow2_disk_read(struct disk *disk, struct iovec *iov, u32 count, u64 offset)
{
	struct qcow2 *q = qcow2_from_disk(disk);
	struct iovec *some = malloc(count * sizeof(*some));
	unsigned int group;
	int ret;

	if (!some)
		return -ENOMEM;
	group = qcow2_enter(q);
	ret = read_parts(q, iov, count, some, offset, iov_length(iov, count));
	qcow2_leave(q, group);
	free(some);
	return ret;
}
