/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks of an image that QEMU and lkvm see of each other. QEMU (qemu 10.2,
 * block/file-posix.c) takes shared locks of single bytes: byte 100 + n says "I
 * do n", byte 200 + n "nobody else may do n", and whoever comes later looks
 * whether a byte that contradicts is locked. n is 0 for reading content that
 * stays consistent, 1 for writing, 3 for changing the size.
 *
 * Whoever comes first locks, then looks: two that start at the same time may
 * both be refused, but never both get the image.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lkvm/disk/lock.h"
#include "lkvm/util/log.h"

#define BYTE_DOES  100
#define BYTE_ALONE 200

#define DOES_READ   0
#define DOES_WRITE  1
#define DOES_RESIZE 3

static struct flock at_byte(off_t byte, short type)
{
	return (struct flock) { .l_type = type,
				.l_whence = SEEK_SET,
				.l_start = byte,
				.l_len = 1 };
}

static int lock_byte(int fd, off_t byte)
{
	struct flock lock = at_byte(byte, F_RDLCK);
	int ret;

	do
		ret = fcntl(fd, F_OFD_SETLK, &lock);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

/* Shared locks of this description are no conflict; those of others are. */
static bool is_locked(int fd, off_t byte)
{
	struct flock lock = at_byte(byte, F_WRLCK);

	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

/* A writer and any other exclude each other; readers do not. */
static int lock_all(int fd, bool write)
{
	int ret = lock_byte(fd, BYTE_DOES + DOES_READ);

	if (!ret && write)
		ret = lock_byte(fd, BYTE_DOES + DOES_WRITE);
	if (!ret && write)
		ret = lock_byte(fd, BYTE_DOES + DOES_RESIZE);
	if (!ret)
		ret = lock_byte(fd, BYTE_ALONE + DOES_WRITE);
	return ret ? ret : lock_byte(fd, BYTE_ALONE + DOES_RESIZE);
}

static bool contradicts(int fd, bool write)
{
	return is_locked(fd, BYTE_ALONE + DOES_READ) ||
	       is_locked(fd, BYTE_DOES + DOES_WRITE) ||
	       is_locked(fd, BYTE_DOES + DOES_RESIZE) ||
	       (write && (is_locked(fd, BYTE_ALONE + DOES_WRITE) ||
			  is_locked(fd, BYTE_ALONE + DOES_RESIZE)));
}

/*
 * The locks go with the descriptor. Another program's lock of the whole file
 * for writing makes lock_all() fail (EAGAIN).
 */
int disk_lock(int fd, const char *what, const char *path, bool write)
{
	int ret = lock_all(fd, write);

	if (ret == -EAGAIN || ret == -EACCES ||
	    (!ret && contradicts(fd, write))) {
		pr_fatal("%s %s: is in use by another lkvm or QEMU%s", what,
			 path, write ? "" : ", which writes to it");
		return -EBUSY;
	}
	if (ret)
		pr_warn("%s %s: unable to lock it (%s): make sure that "
			"nothing else uses it",
			what, path, strerror(-ret));
	return 0;
}
