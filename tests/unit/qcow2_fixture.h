/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes qcow2 images for tests of those that read them. */
#ifndef TESTS_QCOW2_FIXTURE_H
#define TESTS_QCOW2_FIXTURE_H

#include "lkvm/util/util.h"

/*
 * A disk of `size` bytes, up to 1 MiB, of this content; clusters of 4 KiB that
 * are all zero are not in the file.
 */
void make_qcow2(const char *path, const u8 *data, u64 size);

/*
 * A disk of one sector, "content", that can be written to: six clusters of 4
 * KiB, all of which are used.
 */
void make_qcow2_disk(const char *path);

/* Changes the big endian word of 64 bits at `offset` of a file. */
void qcow2_set(const char *path, u64 offset, u64 value);

#define QCOW2_BACKING_FILE 8
#define QCOW2_REFCOUNTS	   48 /* an offset; there are none */
/* The lower half is the number of snapshots. */
#define QCOW2_REFCOUNT_CLUSTERS 56
#define QCOW2_FEATURES		72
#define QCOW2_L2		0x2000 /* the only table */

#endif
