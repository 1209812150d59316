/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which processes have locked a file, without locking it. A snapshot: locks
 * come and go. Any thread.
 */
#ifndef LKVM_UTIL_FILE_LOCK_H
#define LKVM_UTIL_FILE_LOCK_H

#include <sys/types.h>

#include "lkvm/util/util.h"

#define FILE_LOCK_USERS	  8
#define FILE_LOCK_COMMAND 16

struct file_lock {
	bool locked;
	bool exclusive; /* for writing */
	/*
	 * Those of the processes that could be identified; the kernel shows
	 * others' descriptors only to root.
	 */
	size_t nr_users;
	struct {
		pid_t pid;
		char command[FILE_LOCK_COMMAND]; /* printable ASCII */
	} users[FILE_LOCK_USERS];
};

/*
 * Queries locks of both kinds (fcntl(2)) on the file behind `fd`, which may be
 * open for reading only. Returns 0, or -errno where locks cannot be queried.
 */
int file_lock_query(int fd, struct file_lock *lock);

#endif
