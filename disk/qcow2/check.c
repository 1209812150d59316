/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether an image can be used: its header, which is not trusted, and the
 * extensions behind it. Each message says what to do. Names in quotation marks
 * are sections of the format's specification (QEMU, docs/interop/qcow2.rst).
 *
 * What is checked here need not be checked again: geometry, and that both
 * tables lie in the file. Their entries are checked whenever one is used.
 *
 * Two ways out are told: `qemu-img check` for images that are damaged,
 * `qemu-img convert` for those with features that lkvm does not have.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "lkvm/util/file.h"

/* "Header extensions". */
#define EXT_BACKING_FORMAT 0xe2792acaU
#define EXT_FEATURE_NAMES  0x6803f857U

#define MAX_BACKING_NAME 1023  /* bytes; QEMU's limit */
#define MAX_SNAPSHOTS	 65536 /* QEMU's limit */

/* "Feature name table": kind, bit, name padded with zeroes. */
struct feature_name {
	u8 kind; /* 0: incompatible */
	u8 bit;
	char name[46];
};

static int refuse(const struct qcow2_check *c, const char *what)
{
	pr_fatal("disk %s: %s", c->path, what);
	return -EINVAL;
}

static int refuse_header(const struct qcow2_check *c, const char *what)
{
	pr_fatal("disk %s: the header of the qcow2 image is invalid: %s: "
		 "\"qemu-img check %s\" may say more",
		 c->path, what, c->path);
	return -EINVAL;
}

/* A file that is too short for what is read is no matter of the system. */
static int unreadable(const struct qcow2_check *c, int err)
{
	if (err == -ENODATA)
		return refuse_header(c, "the file ends within it");
	pr_fatal("disk %s: unable to read it: %s", c->path, strerror(-err));
	return err;
}

/* ---- Features -------------------------------------------------------------
 */

static int refuse_repair(const struct qcow2_check *c, const char *what)
{
	pr_fatal("disk %s: the qcow2 image %s: \"qemu-img check -r all %s\" "
		 "repairs it",
		 c->path, what, c->path);
	return -EINVAL;
}

static int refuse_convert(const struct qcow2_check *c, const char *what)
{
	pr_fatal("disk %s: the qcow2 image %s, which is not supported: "
		 "\"qemu-img convert -O qcow2 %s NEW\" makes one without",
		 c->path, what, c->path);
	return -EINVAL;
}

/* What the image itself calls a bit, in printable characters. */
static void name_feature(const struct qcow2_check *c, unsigned int bit,
			 char *buf, size_t size)
{
	struct feature_name f;

	buf[0] = '\0';
	for (u32 i = 0; i + sizeof(f) <= c->names_len; i += sizeof(f)) {
		if (pread_full(c->fd, &f, sizeof(f),
			       (off_t)(c->names_offset + i)))
			return;
		if (f.kind || f.bit != bit)
			continue;
		for (size_t k = 0; k < sizeof(f.name) && k + 1 < size; k++) {
			char ch = f.name[k];

			buf[k] = ch && (ch < ' ' || ch > '~') ? '?' : ch;
			buf[k + 1] = '\0';
		}
		return;
	}
}

/*
 * "Header", incompatible features: one that is not known may mean anything, so
 * the image must not be opened. What is dirty is not repaired here: only qemu-
 * img can tell which refcounts are right.
 */
static int check_features(const struct qcow2_check *c)
{
	u64 unknown = c->h.incompatible & ~(QCOW2_INCOMPATIBLE - 1);
	char text[128], name[48];
	unsigned int bit;

	if (c->h.incompatible & QCOW2_DIRTY)
		return refuse_repair(c, "was not closed by the program that "
					"wrote to it");
	if (c->h.incompatible & QCOW2_CORRUPT)
		return refuse_repair(c, "is marked as corrupt");
	if (c->h.incompatible & QCOW2_DATA_FILE)
		return refuse_convert(c, "has its data in another file");
	if (c->h.crypt_method)
		return refuse_convert(c, "is encrypted");
	if (!unknown)
		return 0;
	bit = (unsigned int)__builtin_ctzll(unknown);
	name_feature(c, bit, name, sizeof(name));
	snprintf(text, sizeof(text), "has the feature %s%s%sbit %u",
		 *name ? "\"" : "", name, *name ? "\", " : "", bit);
	return refuse_convert(c, text);
}

/*
 * "Header", compression type: the bit has to say whether it is another one than
 * deflate.
 */
static int check_compression(const struct qcow2_check *c)
{
	bool bit = c->h.incompatible & QCOW2_COMPRESSION;

	if (bit != (c->h.compression != QCOW2_DEFLATE))
		return refuse_header(c, "type of compression");
	if (c->h.compression > QCOW2_ZSTD)
		return refuse_convert(c, "has an unknown compression");
#ifndef HAVE_ZSTD
	if (c->h.compression == QCOW2_ZSTD)
		return refuse(c, "the qcow2 image is compressed with zstd, and "
				 "this lkvm is built without it");
#endif
	return 0;
}

/* ---- Numbers --------------------------------------------------------------
 */

/* A table that is where a table can be, all of it in the file. */
static bool is_table(const struct qcow2_check *c, u64 offset, u64 len)
{
	return offset && IS_ALIGNED(offset, BIT(c->h.cluster_bits)) &&
	       range_within(offset, len, 0, c->file_size);
}

/* Sizes are limited before anything is allocated: they come from the file. */
static int check_tables(const struct qcow2_check *c)
{
	const struct qcow2_header *h = &c->h;
	u64 refcounts = (u64)h->refcount_clusters << h->cluster_bits;
	u64 l1 = (u64)h->l1_size * 8;

	if (l1 > QCOW2_L1_MAX)
		return refuse_header(c, "level 1 is too large");
	if (h->l1_size < qcow2_l1_needed(h, c->l2_bits))
		return refuse_header(c, "level 1 is too small for the disk");
	if (!is_table(c, h->l1_offset, l1))
		return refuse_header(c, "place of level 1");
	if (!refcounts || refcounts > QCOW2_REFCOUNT_TABLE_MAX)
		return refuse_header(c, "size of the table of refcounts");
	if (!is_table(c, h->refcount_offset, refcounts) ||
	    range_overlaps(h->l1_offset, l1, h->refcount_offset, refcounts))
		return refuse_header(c, "place of the table of refcounts");
	if (h->nr_snapshots > MAX_SNAPSHOTS ||
	    (h->nr_snapshots && !is_table(c, h->snapshots_offset, 1)))
		return refuse_header(c, "place of the snapshots");
	return 0;
}

/* Before all others: each of them shifts by cluster_bits. */
static int check_numbers(struct qcow2_check *c)
{
	const struct qcow2_header *h = &c->h;
	bool extended = h->incompatible & QCOW2_EXTENDED_L2;

	if (!qcow2_header_sane(h) || h->length > BIT(h->cluster_bits) ||
	    !IS_ALIGNED(h->length, 8))
		return refuse_header(c, "size of clusters, disk or header");
	if (extended && h->cluster_bits < QCOW2_EXTENDED_CLUSTER_BITS)
		return refuse_header(c, "clusters too small for subclusters");
	if (h->refcount_order > 6)
		return refuse_header(c, "size of refcounts");
	c->l2_bits = h->cluster_bits - (extended ? 4 : 3);
	if (h->size < DISK_SECTOR)
		return refuse(c, "the disk in the qcow2 image has no sectors: "
				 "\"qemu-img resize\" makes it larger");
	if (h->size % DISK_SECTOR)
		pr_warn("disk %s: has %" PRIu64 " bytes, the last of which are "
			"no whole sector and not seen by the guest",
			c->path, h->size);
	return 0;
}

/* ---- What follows the header ----------------------------------------------
 */

/*
 * It lies in the first cluster and has no zero at its end: `backing->name` is
 * all zero before.
 */
static int read_name(const struct qcow2_check *c, struct qcow2_backing *backing)
{
	const struct qcow2_header *h = &c->h;
	int ret;

	if (!h->backing_offset)
		return 0;
	if (!h->backing_len || h->backing_len > MAX_BACKING_NAME ||
	    !range_within(h->backing_offset, h->backing_len, h->length,
			  BIT(h->cluster_bits) - h->length))
		return refuse_header(c, "name of the backing file");
	ret = pread_full(c->fd, backing->name, h->backing_len,
			 (off_t)h->backing_offset);
	return ret ? unreadable(c, ret) : 0;
}

/*
 * A format that has no name here stays unknown: open.c refuses such a backing
 * file.
 */
static int read_format(const struct qcow2_check *c, u64 offset, u32 len,
		       struct qcow2_backing *backing)
{
	char name[16] = "";
	int ret = len < sizeof(name)
			  ? pread_full(c->fd, name, len, (off_t)offset)
			  : 0;

	if (ret)
		return unreadable(c, ret);
	if (!strcmp(name, "raw"))
		backing->format = DISK_CONFIG_RAW;
	else if (!strcmp(name, "qcow2"))
		backing->format = DISK_CONFIG_QCOW2;
	return 0;
}

/* They end before the backing file's name, else with the first cluster. */
static int read_extensions(struct qcow2_check *c, struct qcow2_backing *backing)
{
	u64 end = c->h.backing_offset ? c->h.backing_offset
				      : BIT(c->h.cluster_bits);
	u64 at = c->h.length;
	u32 head[2];
	int ret = 0;

	end = MIN(end, c->file_size);
	while (!ret && range_within(at, sizeof(head), 0, end)) {
		u32 type, len;

		ret = pread_full(c->fd, head, sizeof(head), (off_t)at);
		if (ret)
			return unreadable(c, ret);
		type = be32toh(head[0]);
		len = be32toh(head[1]);
		at += sizeof(head);
		if (!type)
			break;
		if (!range_within(at, len, 0, end))
			return refuse_header(c, "an extension is too long");
		if (type == EXT_BACKING_FORMAT)
			ret = read_format(c, at, len, backing);
		if (type == EXT_FEATURE_NAMES) {
			c->names_offset = at;
			c->names_len = len;
		}
		at += ALIGN_UP((u64)len, 8);
	}
	return ret;
}

/*
 * In this order: each check relies on what those before it have found to be
 * right.
 */
int qcow2_check(struct qcow2_check *c, struct qcow2_backing *backing)
{
	int ret = qcow2_header_read(c->fd, &c->h);

	memset(backing, 0, sizeof(*backing));
	if (ret == -EINVAL)
		return refuse(c, "is not in qcow2 format");
	if (ret)
		return unreadable(c, ret);
	if (c->h.version < 2 || c->h.version > 3)
		return refuse_convert(c, "is of an unknown version");
	ret = check_numbers(c);
	if (!ret)
		ret = read_extensions(c, backing);
	if (!ret)
		ret = check_features(c);
	if (!ret)
		ret = check_compression(c);
	if (!ret)
		ret = check_tables(c);
	return ret ? ret : read_name(c, backing);
}
