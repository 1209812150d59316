/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to disk/: the kinds of media, as disk_open() makes them. */
#ifndef DISK_RAW_H
#define DISK_RAW_H

#include "lkvm/disk/disk.h"

/* disk.c: 0 if the range is one of the disk's that may be written or read. */
int disk_check(const struct disk *disk, u64 offset, u64 len, bool write);

/* disk.c: logs an error, the first of its kind. Returns `ret`. */
int disk_ended(struct disk *disk, const char *what, u64 offset, int ret);

/*
 * raw.c: the content is the file itself. `fd` is the medium's from here on,
 * also after an error; `disk` is what the medium begins with, its `ops` are
 * set here. 0 or -ENOMEM.
 */
int raw_create(const struct disk *disk, int fd, bool is_block,
	       struct disk **out);

/*
 * raw.c: has the disk of raw_create() read and write past the page cache where
 * it can. 0 or -errno, as -EINVAL from a file system that has no such thing.
 */
int raw_go_direct(struct disk *disk);

/*
 * raw.c: makes the file of raw_create() larger, but not the disk: for a medium
 * whose content is in it, with all calls of its own. 0; -ENOSPC for a device,
 * or another -errno.
 */
int raw_resize(struct disk *disk, u64 size);

/* raw.c: the descriptor, which stays the medium's. */
int raw_fd(struct disk *disk);

/* What the header of a qcow2 image says of the file it is based on. */
struct qcow2_backing {
	char name[1024];		/* empty: there is none */
	enum disk_config_format format; /* DISK_CONFIG_UNKNOWN: not said */
};

/*
 * qcow2/open.c: the disk in the image `file`, a raw medium which is the disk's
 * from here on, also after an error. What it begins with is as in `disk`, but
 * for the size and the block. Returns 0, or -errno after a fatal message.
 * *backing is the image's to choose: not to be trusted.
 */
int qcow2_create(const struct disk *disk, struct disk *file, struct disk **out,
		 struct qcow2_backing *backing);

/*
 * qcow2/open.c: what the image does not have is read from `backing`, which is
 * the disk's from here on; before anything is read or written.
 */
void qcow2_set_backing(struct disk *disk, struct disk *backing);

/*
 * snapshot.c: a disk that reads like `below`, which is the snapshot's from here
 * on, and keeps what is written to it in a file that has no name. 0, or -errno:
 * then `below` is still the caller's.
 */
int snapshot_create(struct disk *below, struct disk **out);

#endif
