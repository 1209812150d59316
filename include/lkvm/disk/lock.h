/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks of image files that QEMU and lkvm see of each other. */
#ifndef LKVM_DISK_LOCK_H
#define LKVM_DISK_LOCK_H

#include "lkvm/util/util.h"

/*
 * Locks the file that `fd` is open for, as long as it is, to be read or written
 * to; `what` and `path` are for messages: "disk", "root.img". Returns 0, also
 * after a warning where there are no locks, or -EBUSY after a fatal message if
 * somebody has one that contradicts.
 */
int disk_lock(int fd, const char *what, const char *path, bool write);

#endif
