/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal to disk/: what all who read qcow2 need to know of the format. QEMU,
 * docs/interop/qcow2; the names of sections there are given below.
 */
#ifndef DISK_QCOW2_FORMAT_H
#define DISK_QCOW2_FORMAT_H

#include "lkvm/util/util.h"

#define QCOW2_MAGIC "QFI\xfb"

#define QCOW2_MIN_CLUSTER_BITS 9
#define QCOW2_MAX_CLUSTER_BITS 21 /* QEMU's limit */

/* Of entries in tables of level 1 and 2; other bits are flags or reserved. */
#define QCOW2_OFFSET_MASK 0x00fffffffffffe00ULL

/* "Cluster mapping": of an entry of level 2. */
#define QCOW2_ZERO	 BIT(0) /* since version 3, without extended entries */
#define QCOW2_COMPRESSED BIT(62)
#define QCOW2_COPIED	 BIT(63) /* of level 1, too: no one else uses it */

/* "Header", incompatible features. */
#define QCOW2_DIRTY	   BIT(0)
#define QCOW2_CORRUPT	   BIT(1)
#define QCOW2_DATA_FILE	   BIT(2)
#define QCOW2_COMPRESSION  BIT(3)
#define QCOW2_EXTENDED_L2  BIT(4)
#define QCOW2_INCOMPATIBLE BIT(5) /* and what follows is unknown */

/* "Header", compression type. */
#define QCOW2_DEFLATE 0 /* raw, without zlib's header */
#define QCOW2_ZSTD    1

#define QCOW2_V2_HEADER 72 /* bytes */
#define QCOW2_V3_HEADER 104

/* "Header", in the host's byte order. */
struct qcow2_header {
	u32 version;
	u64 backing_offset; /* of the backing file's name; 0: there is none */
	u32 backing_len;
	u32 cluster_bits;
	u64 size; /* bytes of content */
	u32 crypt_method;
	u32 l1_size; /* entries */
	u64 l1_offset;
	u64 refcount_offset;
	u32 refcount_clusters;
	u32 nr_snapshots;
	u64 snapshots_offset;
	/* Version 3; else what version 2 implies. */
	u64 incompatible, compatible, autoclear;
	u32 refcount_order; /* log2 of a refcount's bits */
	u32 length;	    /* bytes of the header */
	u8 compression;
};

/* Where some of the fields are, for those who change them. */
#define QCOW2_AT_REFCOUNT_TABLE 48
#define QCOW2_AT_AUTOCLEAR	88

/*
 * Reads the header, whatever it says. Returns 0, -ENODATA if the file ends
 * within it, -EINVAL if its magic is another's, or the -errno of pread(2).
 */
int qcow2_header_read(int fd, struct qcow2_header *h);

/*
 * True if sums and shifts with these numbers do not overflow: sizes of clusters
 * and of the disk, place of the table of level 1, length of the header.
 */
bool qcow2_header_sane(const struct qcow2_header *h);

/* How many tables of level 2 the content needs, each of 2^`l2_bits` entries. */
u64 qcow2_l1_needed(const struct qcow2_header *h, unsigned int l2_bits);

/*
 * "Compressed Clusters Descriptor": where the compressed cluster of this entry
 * begins, and how many bytes it has at most; no more than two clusters.
 */
u64 qcow2_compressed_at(unsigned int cluster_bits, u64 entry, size_t *len);

/*
 * Decompresses one cluster, all `out_len` bytes of it; what follows in the
 * input is ignored. Returns 0, -ENOMEM, or -EBADMSG if it is corrupt.
 */
int qcow2_inflate(u8 *in, size_t len, u8 *out, size_t out_len);

#endif
