/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files read and written in full: short transfers are continued and EINTR is
 * retried, so that a caller sees success or an error and nothing between.
 */
#ifndef LKVM_UTIL_FILE_H
#define LKVM_UTIL_FILE_H

#include <sys/types.h>

#include "lkvm/util/util.h"

/*
 * open(2), with `mode` if the flags have O_CREAT or O_TMPFILE. Returns a
 * descriptor, which is closed by exec, or -errno.
 */
int file_open(const char *path, int flags, mode_t mode);

/* fdatasync(2). Returns 0 or -errno. */
int file_sync_data(int fd);

/*
 * Reads all of `path`: a regular file, or a pipe, a device or a file of
 * procfs, whose size is not known beforehand. On success *buf, which the
 * caller frees, holds *len bytes and after them a zero byte that is not
 * counted; an empty file has a buffer too.
 *
 * Returns 0, -EFBIG if the file has more than `max` bytes, -EISDIR for a
 * directory, -ENOMEM, or the error of open(2) or read(2). Prints nothing.
 */
int file_read_all(const char *path, size_t max, void **buf, size_t *len);

/* The same from the position of an open file on; `fd` stays open. */
int file_read_fd(int fd, size_t max, void **buf, size_t *len);

/*
 * Whether `path` can be opened for writing, or made: nothing is changed, so an
 * error may come all the same when that is done. Returns 0, -EISDIR, or the
 * error of access(2).
 */
int file_check_writable(const char *path);

/*
 * Reads `len` bytes at offset `off` and does not move the file position.
 * Returns 0, -ENODATA if the file ends before, or the error of pread(2); on
 * failure the content of `buf` is unspecified.
 */
int pread_full(int fd, void *buf, size_t len, off_t off);

/*
 * Writes `len` bytes at offset `off` and does not move the file position.
 * Returns 0, -EIO if the file takes no more and says no reason, or the error
 * of pwrite(2); on failure a part may have been written.
 */
int pwrite_full(int fd, const void *buf, size_t len, off_t off);

/* Like pwrite_full() at the file position, which moves; pipes and sockets. */
int write_full(int fd, const void *buf, size_t len);

/*
 * Locks the open file description, without waiting; `type` is F_RDLCK or
 * F_WRLCK. The lock goes with its last descriptor. Returns 0, -EBUSY if another
 * holds a lock that conflicts, or -errno if there are no locks here.
 */
int file_try_lock(int fd, short type);

/*
 * True if `path` is no more the name of the file that `fd` is open for: of
 * another one, or of none. False if that cannot be found out.
 */
bool file_lost_name(int fd, const char *path);

/*
 * True if `path` is a symbolic link to what does not exist: it can neither be
 * opened nor created. What it says is put into target[size], which is cut if
 * too small.
 */
bool file_is_dangling(const char *path, char *target, size_t size);

/*
 * Makes the folder of `path` durable, and with it that there is a file of this
 * name. Returns 0 or -errno.
 */
int file_sync_folder(const char *path);

#endif
