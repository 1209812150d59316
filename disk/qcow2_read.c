/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reader of qcow2 images: QEMU, docs/interop/qcow2.
 *
 * The content is divided into clusters. Where one is, the table of level 2
 * says, which fills a cluster itself; where that is, the table of level 1. An
 * entry of 0 stands for a cluster of zeros, as there is no backing file. All
 * numbers are big endian.
 *
 * Level 1 is read entry by entry, since its size is the image's to choose; of
 * level 2 the table used last is kept. No offset in the image is trusted: each
 * goes to pread(2) only, which fails behind the file's end.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/disk/qcow2_read.h"
#include "lkvm/util/file.h"
#include "qcow2_format.h"

/*
 * One table of level 2 and one decompressed cluster are kept: content is mostly
 * read front to back.
 */
struct qcow2_reader {
	int fd;		    /* the caller's */
	bool has_zero_flag; /* version 3: QCOW2_ZERO has its meaning */
	unsigned int cluster_bits;
	u64 size;      /* bytes of content */
	u64 l1_offset; /* of the table of level 1 in the file */
	/* The table of level 2 for this entry of level 1. */
	u64 l1_index;
	bool has_l2; /* else all that it stands for is zero */
	u64 *l2;     /* NULL before the first one */
	/* The cluster that was decompressed last; NULL before the first one. */
	u8 *cluster;
	u64 cluster_entry; /* its entry; 0: none, or it failed */
	u8 *compressed;	   /* input of inflate(), two clusters */
};

/* A stretch of content that is in one place. */
struct extent {
	enum {
		EXTENT_ZERO,
		EXTENT_DATA,
		EXTENT_COMPRESSED
	} kind;
	u64 entry; /* EXTENT_COMPRESSED */
	u64 at;	   /* EXTENT_DATA: in the file; EXTENT_COMPRESSED: in cluster */
	u64 len;
};

static size_t cluster_size(const struct qcow2_reader *r)
{
	return BIT(r->cluster_bits);
}

/* log2 of the entries in a table of level 2, each of them 8 bytes. */
static unsigned int l2_bits(unsigned int cluster_bits)
{
	return cluster_bits - 3;
}

/* ---- The header ---------------------------------------------------------- */

#define CONVERT "; make a raw file of it with \"qemu-img convert -O raw\""
#define REPAIR	"; repair it with \"qemu-img check -r all\""

/* In their order in the bits of incompatible_features. */
static const char *feature_problem(u64 features)
{
	static const char *const problems[] = {
		"the qcow2 image was not closed by the program that wrote "
		"it" REPAIR,
		"the qcow2 image is marked as corrupt" REPAIR,
		"the qcow2 image has its data in another file" CONVERT,
		"the qcow2 image is compressed with something else than "
		"zlib" CONVERT,
		"the qcow2 image has extended L2 entries, which are not "
		"supported" CONVERT,
	};

	for (size_t i = 0; i < ARRAY_SIZE(problems); i++)
		if (features & BIT(i))
			return problems[i];
	return features ? "the qcow2 image has features that are not "
			  "supported" CONVERT
			: NULL;
}

/*
 * NULL, or why an image of this header is not read. What later code relies on
 * is checked here: shifts by cluster_bits, sums with the offset of level 1, and
 * that each cluster of the content has an entry there.
 */
static const char *header_problem(const struct qcow2_header *h)
{
	if (h->version < 2 || h->version > 3)
		return "the qcow2 image is of an unknown version" CONVERT;
	if (h->incompatible)
		return feature_problem(h->incompatible);
	if (h->backing_offset)
		return "the qcow2 image needs its backing file, which is not "
		       "read" CONVERT;
	if (h->crypt_method)
		return "the qcow2 image is encrypted" CONVERT;
	if (!qcow2_header_sane(h))
		return "the qcow2 image has an invalid header";
	if (h->l1_size < qcow2_l1_needed(h, l2_bits(h->cluster_bits)))
		return "the qcow2 image has too few L1 entries for its size";
	return NULL;
}

int qcow2_open(int fd, struct qcow2_reader **out, const char **problem)
{
	struct qcow2_header h;
	struct qcow2_reader *r;
	int ret = qcow2_header_read(fd, &h);

	if (ret && ret != -ENODATA && ret != -EINVAL)
		return ret;
	if (ret)
		*problem = ret == -ENODATA
				   ? "the qcow2 image ends within its header"
				   : "the qcow2 image has an invalid header";
	else
		*problem = header_problem(&h);
	if (*problem)
		return -ENOTSUP;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->fd = fd;
	r->has_zero_flag = h.version >= 3;
	r->cluster_bits = h.cluster_bits;
	r->size = h.size;
	r->l1_offset = h.l1_offset;
	r->l1_index = UINT64_MAX;
	*out = r;
	return 0;
}

void qcow2_close(struct qcow2_reader *r)
{
	if (!r)
		return;
	free(r->l2);
	free(r->cluster);
	free(r->compressed);
	free(r);
}

u64 qcow2_size(const struct qcow2_reader *r)
{
	return r->size;
}

/* ---- Tables -------------------------------------------------------------- */

/* What lies behind the end of the file is as corrupt as a bad entry. */
static int read_at(const struct qcow2_reader *r, void *buf, size_t len, u64 at)
{
	int ret = pread_full(r->fd, buf, len, (off_t)at);

	return ret == -ENODATA ? -EBADMSG : ret;
}

/* Makes r->l2 the table for this entry of level 1, or clears has_l2. */
static int load_l2(struct qcow2_reader *r, u64 l1_index)
{
	u64 entry, at;
	int ret;

	if (r->l1_index == l1_index)
		return 0;
	r->l1_index = UINT64_MAX;
	ret = read_at(r, &entry, sizeof(entry), r->l1_offset + l1_index * 8);
	if (ret)
		return ret;
	at = be64toh(entry) & QCOW2_OFFSET_MASK;
	if (!IS_ALIGNED(at, cluster_size(r)))
		return -EBADMSG;
	if (at && !r->l2)
		r->l2 = malloc(cluster_size(r));
	if (at && !r->l2)
		return -ENOMEM;
	ret = at ? read_at(r, r->l2, cluster_size(r), at) : 0;
	if (ret)
		return ret;
	r->has_l2 = at;
	r->l1_index = l1_index;
	return 0;
}

/* What one entry of level 2 says of its whole cluster. */
static int decode_entry(const struct qcow2_reader *r, u64 entry,
			struct extent *e)
{
	*e = (struct extent) { .entry = entry, .len = cluster_size(r) };
	if (entry & QCOW2_COMPRESSED) {
		e->kind = EXTENT_COMPRESSED;
		return 0;
	}
	e->at = entry & QCOW2_OFFSET_MASK;
	if (!IS_ALIGNED(e->at, cluster_size(r)) ||
	    (entry & QCOW2_ZERO && !r->has_zero_flag))
		return -EBADMSG;
	e->kind = e->at && !(entry & QCOW2_ZERO) ? EXTENT_DATA : EXTENT_ZERO;
	return 0;
}

/* Goes on over the next clusters as long as they continue *e. */
static int merge(const struct qcow2_reader *r, u64 index, u64 want,
		 struct extent *e)
{
	struct extent next;
	int ret = 0;

	while (!ret && e->kind != EXTENT_COMPRESSED && e->len < want &&
	       ++index < BIT(l2_bits(r->cluster_bits))) {
		ret = decode_entry(r, be64toh(r->l2[index]), &next);
		if (ret || next.kind != e->kind ||
		    (e->kind == EXTENT_DATA && next.at != e->at + e->len))
			break;
		e->len += next.len;
	}
	return ret;
}

/* Where the content at `offset` is; `want` bytes are enough. */
static int find_extent(struct qcow2_reader *r, u64 offset, u64 want,
		       struct extent *e)
{
	u64 within = offset & (cluster_size(r) - 1);
	u64 index = offset >> r->cluster_bits;
	u64 l2_index = index & (BIT(l2_bits(r->cluster_bits)) - 1);
	int ret = load_l2(r, index >> l2_bits(r->cluster_bits));

	if (ret)
		return ret;
	if (r->has_l2) {
		ret = decode_entry(r, be64toh(r->l2[l2_index]), e);
		if (!ret)
			ret = merge(r, l2_index, within + want, e);
	} else {
		u64 clusters = BIT(l2_bits(r->cluster_bits)) - l2_index;

		*e = (struct extent) { .kind = EXTENT_ZERO,
				       .len = clusters << r->cluster_bits };
	}
	e->at += within;
	e->len -= within;
	return ret;
}

/* ---- Compressed clusters ------------------------------------------------- */

/* As much of [at, at + len) as there is: the last sector need not be whole. */
static int read_some(int fd, u8 *buf, size_t len, u64 at, size_t *got)
{
	ssize_t n = 1;

	*got = 0;
	while (*got < len && n) {
		n = pread(fd, buf + *got, len - *got, (off_t)(at + *got));
		if (n < 0 && errno != EINTR)
			return -errno;
		*got += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Only images that have compressed clusters need the memory. */
static int alloc_buffers(struct qcow2_reader *r)
{
	if (!r->cluster)
		r->cluster = malloc(cluster_size(r));
	/* The sectors' count has cluster_bits - 8 bits. */
	if (!r->compressed)
		r->compressed = malloc(2 * cluster_size(r));
	return r->cluster && r->compressed ? 0 : -ENOMEM;
}

/* Has the cluster of this entry in r->cluster. */
static int decompress(struct qcow2_reader *r, u64 entry)
{
	size_t len;
	u64 at = qcow2_compressed_at(r->cluster_bits, entry, &len);
	int ret = alloc_buffers(r);

	/* Never 0 for one that was decompressed: it has the flag. */
	if (ret || r->cluster_entry == entry)
		return ret;
	r->cluster_entry = 0;
	ret = read_some(r->fd, r->compressed, len, at, &len);
	if (!ret)
		ret = qcow2_inflate(r->compressed, len, r->cluster,
				    cluster_size(r));
	if (!ret)
		r->cluster_entry = entry;
	return ret;
}

/* -------------------------------------------------------------------------- */

/* `len` bytes of content that is all in one extent. */
static int read_extent(struct qcow2_reader *r, const struct extent *e, u8 *buf,
		       size_t len)
{
	int ret;

	switch (e->kind) {
	case EXTENT_ZERO:
		memset(buf, 0, len);
		return 0;
	case EXTENT_DATA:
		return read_at(r, buf, len, e->at);
	case EXTENT_COMPRESSED:
		break;
	}
	ret = decompress(r, e->entry);
	if (!ret)
		memcpy(buf, r->cluster + e->at, len);
	return ret;
}

/*
 * A range of zeros is reported and not written, so that a copy can stay sparse.
 */
int qcow2_read(struct qcow2_reader *r, void *buf, size_t len, u64 offset,
	       bool *zeros)
{
	size_t done = 0;

	*zeros = false;
	while (done < len) {
		struct extent e;
		size_t n;
		int ret = find_extent(r, offset + done, len - done, &e);

		if (ret)
			return ret;
		n = MIN(len - done, e.len);
		*zeros = e.kind == EXTENT_ZERO && n == len;
		if (*zeros)
			return 0;
		ret = read_extent(r, &e, (u8 *)buf + done, n);
		if (ret)
			return ret;
		done += n;
	}
	return 0;
}
