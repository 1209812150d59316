/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compressed clusters, which are only read: what is written to one goes to a
 * new cluster. The one that was read last is kept, as a guest reads several
 * parts of it. Its entry tells it from others: what it stands for in the file
 * never changes as long as a table has it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/iov.h"
#include "lkvm/util/zstd.h"
#include "qcow2.h"

/* Input for zstd_read(). */
struct memory {
	struct byte_source source;
	const u8 *data;
	size_t left;
};

static ssize_t read_memory(struct byte_source *source, void *buf, size_t len)
{
	struct memory *m = container_of(source, struct memory, source);
	size_t n = MIN(len, m->left);

	memcpy(buf, m->data, n);
	m->data += n;
	m->left -= n;
	return (ssize_t)n;
}

/* Others' clusters may follow in the input, so the end is not checked. */
static int unzstd(u8 *in, size_t len, u8 *out, size_t out_len)
{
	struct memory m = { { read_memory }, in, len };
	struct zstd_reader *reader;
	size_t got = 0;
	int ret = zstd_open_source(&m.source, &reader);

	if (ret)
		return ret;
	ret = zstd_read(reader, out, out_len, &got);
	zstd_close(reader);
	if (ret == -ENOMEM || (!ret && got == out_len))
		return ret;
	return -EBADMSG;
}

/* Only images that have compressed clusters need the memory. */
static int alloc_buffers(struct qcow2 *q)
{
	if (!q->compressed.cluster)
		q->compressed.cluster = malloc(qcow2_cluster_size(q));
	if (!q->compressed.input)
		q->compressed.input = malloc(2 * qcow2_cluster_size(q));
	return q->compressed.cluster && q->compressed.input ? 0 : -ENOMEM;
}

/* The file may end within the sectors that the entry counts. */
static int decompress(struct qcow2 *q, u64 entry)
{
	size_t len;
	u64 at = qcow2_compressed_at(q->cluster_bits, entry, &len);
	u64 end = atomic_load(&q->end);
	int ret = alloc_buffers(q);

	if (ret || q->compressed.entry == entry)
		return ret;
	q->compressed.entry = 0;
	len = (size_t)MIN((u64)len, end > at ? end - at : 0);
	ret = qcow2_file_read(q, q->compressed.input, len, at);
	if (!ret)
		ret = (q->zstd ? unzstd : qcow2_inflate)(q->compressed.input,
							 len,
							 q->compressed.cluster,
							 qcow2_cluster_size(q));
	if (ret == -EBADMSG)
		return qcow2_damaged(q, "a compressed cluster is corrupt", at);
	if (!ret)
		q->compressed.entry = entry;
	return ret;
}

/*
 * One cluster is kept, as a guest that reads on gets the next part of it. Its
 * lock is held over the I/O: others would need the same buffers.
 */
int qcow2_read_compressed(struct qcow2 *q, u64 entry, u64 skip,
			  const struct iovec *iov, u32 count, u64 len)
{
	int ret;

	pthread_mutex_lock(&q->compressed.lock);
	ret = decompress(q, entry);
	if (!ret)
		iov_write(iov, count, 0, q->compressed.cluster + skip,
			  (size_t)len);
	pthread_mutex_unlock(&q->compressed.lock);
	return ret;
}
