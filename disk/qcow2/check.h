/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to disk/qcow2/: what is known of an image before it is used. */
#ifndef DISK_QCOW2_CHECK_H
#define DISK_QCOW2_CHECK_H

#include "qcow2.h"

/* "Extended L2 Entries": a subcluster is not smaller than a sector. */
#define QCOW2_EXTENDED_CLUSTER_BITS 14
#define QCOW2_SUBCLUSTERS_BITS	    5 /* log2 of how many a cluster has */

struct qcow2_check {
	/* The caller's. */
	const char *path;
	int fd;
	u64 file_size;
	/* The result. */
	struct qcow2_header h;
	unsigned int l2_bits; /* log2 of the entries in a table of level 2 */
	u64 names_offset;     /* the names of features; 0 bytes: none */
	u32 names_len;
};

/*
 * Reads header and extensions, and ends with *backing. What it does not refuse
 * can be used: sums and shifts with the numbers do not overflow, tables are
 * inside of the file, all features are known. Returns 0, or -errno after a
 * fatal message.
 */
int qcow2_check(struct qcow2_check *check, struct qcow2_backing *backing);

#endif
