/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The qcow2 format, for the reader and for the medium of a disk: the header and
 * compressed clusters. Nothing here trusts a number of an image, nor decides
 * which images are supported.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "lkvm/util/file.h"
#include "qcow2_format.h"

#define SECTOR 512 /* the unit of a compressed cluster's length */

/* docs/interop/qcow2, "Header"; big endian. */
struct raw_header {
	char magic[4];
	u32 version;
	u64 backing_file_offset;
	u32 backing_file_size;
	u32 cluster_bits;
	u64 size;
	u32 crypt_method;
	u32 l1_size;
	u64 l1_table_offset;
	u64 refcount_table_offset;
	u32 refcount_table_clusters;
	u32 nb_snapshots;
	u64 snapshots_offset;
	/* Version 3. */
	u64 incompatible_features;
	u64 compatible_features;
	u64 autoclear_features;
	u32 refcount_order;
	u32 header_length;
} __attribute__((packed));

/* All of the fields that version 2 has; the others as it implies them. */
static void decode_v2(const struct raw_header *raw, struct qcow2_header *h)
{
	*h = (struct qcow2_header) {
		.version = be32toh(raw->version),
		.backing_offset = be64toh(raw->backing_file_offset),
		.backing_len = be32toh(raw->backing_file_size),
		.cluster_bits = be32toh(raw->cluster_bits),
		.size = be64toh(raw->size),
		.crypt_method = be32toh(raw->crypt_method),
		.l1_size = be32toh(raw->l1_size),
		.l1_offset = be64toh(raw->l1_table_offset),
		.refcount_offset = be64toh(raw->refcount_table_offset),
		.refcount_clusters = be32toh(raw->refcount_table_clusters),
		.nr_snapshots = be32toh(raw->nb_snapshots),
		.snapshots_offset = be64toh(raw->snapshots_offset),
		.refcount_order = 4,
		.length = QCOW2_V2_HEADER,
	};
}

/* The compression type is there if the header says that it is so long. */
static int decode_v3(int fd, const struct raw_header *raw,
		     struct qcow2_header *h)
{
	h->incompatible = be64toh(raw->incompatible_features);
	h->compatible = be64toh(raw->compatible_features);
	h->autoclear = be64toh(raw->autoclear_features);
	h->refcount_order = be32toh(raw->refcount_order);
	h->length = be32toh(raw->header_length);
	return h->length > QCOW2_V3_HEADER
		       ? pread_full(fd, &h->compression, 1, QCOW2_V3_HEADER)
		       : 0;
}

int qcow2_header_read(int fd, struct qcow2_header *h)
{
	struct raw_header raw = { 0 };
	int ret = pread_full(fd, &raw, QCOW2_V2_HEADER, 0);

	_Static_assert(sizeof(raw) == QCOW2_V3_HEADER, "as in the file");
	if (ret)
		return ret;
	if (memcmp(raw.magic, QCOW2_MAGIC, sizeof(raw.magic)))
		return -EINVAL;
	decode_v2(&raw, h);
	if (h->version < 3)
		return 0;
	ret = pread_full(fd, &raw, sizeof(raw), 0);
	return ret ? ret : decode_v3(fd, &raw, h);
}

/*
 * What the arithmetic on offsets relies on, in the reader as in a disk: no
 * shift is too wide, no sum overflows. What is supported is decided by whoever
 * asks.
 */
bool qcow2_header_sane(const struct qcow2_header *h)
{
	return h->cluster_bits >= QCOW2_MIN_CLUSTER_BITS &&
	       h->cluster_bits <= QCOW2_MAX_CLUSTER_BITS &&
	       h->size <= INT64_MAX &&
	       h->l1_offset <= INT64_MAX - (u64)UINT32_MAX * 8 &&
	       (h->version < 3 || h->length >= QCOW2_V3_HEADER);
}

u64 qcow2_l1_needed(const struct qcow2_header *h, unsigned int l2_bits)
{
	u64 span = 1ULL << (h->cluster_bits + l2_bits);

	return (h->size + span - 1) / span;
}

/* First the offset, to the byte; above it how many sectors there are more. */
u64 qcow2_compressed_at(unsigned int cluster_bits, u64 entry, size_t *len)
{
	unsigned int offset_bits = 62 - (cluster_bits - 8);
	u64 at = entry & (BIT(offset_bits) - 1);
	u64 sectors = (entry & (QCOW2_COMPRESSED - 1)) >> offset_bits;

	*len = (sectors + 1) * SECTOR - at % SECTOR;
	return at;
}

/* Raw deflate; its end may lie behind the last byte that is wanted. */
int qcow2_inflate(u8 *in, size_t len, u8 *out, size_t out_len)
{
	z_stream z = { .next_in = in,
		       .avail_in = (unsigned int)len,
		       .next_out = out,
		       .avail_out = (unsigned int)out_len };
	int ret;

	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return -ENOMEM;
	ret = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	if (ret == Z_MEM_ERROR)
		return -ENOMEM;
	return (ret == Z_STREAM_END || ret == Z_BUF_ERROR) && !z.avail_out
		       ? 0
		       : -EBADMSG;
}
