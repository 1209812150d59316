/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked into an lkvm for tests, build/tests/lkvm-record: notes down what is
 * done to its files, in the order in which it is done, and what the guest
 * prints meanwhile. LKVM_RECORD names the file for that. powercuts.py reads it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Little endian, as the machine is; `len` bytes of data follow. */
struct record {
	char kind; /* Write, sync Begins, sync Ends, Truncate, Output */
	uint8_t failed;
	uint16_t reserved;
	int32_t fd;
	uint64_t offset;
	uint64_t len;
};

ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __real_write(int fd, const void *buf, size_t len);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_ftruncate(int fd, off_t len);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_ftruncate(int fd, off_t len);

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

static void put(int log, const void *data, size_t len)
{
	if (__real_write(log, data, len) == (ssize_t)len)
		return;
	perror("LKVM_RECORD");
	abort();
}

static int open_log(void)
{
	const char *path = getenv("LKVM_RECORD");
	int log =
		path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)
		     : -1;

	if (log >= 0)
		return log;
	perror("LKVM_RECORD");
	abort();
}

/* With the lock held, so that what is noted down is the order. */
static void note(const struct record *record, const void *data)
{
	static int log = -1;

	if (log < 0)
		log = open_log();
	put(log, record, sizeof(*record));
	if (record->len)
		put(log, data, record->len);
}

static void note_event(char kind, int fd, off_t offset, int failed)
{
	const struct record record = {
		.kind = kind,
		.failed = !!failed,
		.fd = fd,
		.offset = (uint64_t)offset,
	};

	pthread_mutex_lock(&order);
	note(&record, NULL);
	pthread_mutex_unlock(&order);
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	struct record record = {
		.kind = 'W',
		.fd = fd,
		.offset = (uint64_t)offset,
	};
	ssize_t n;

	pthread_mutex_lock(&order);
	n = __real_pwrite(fd, buf, len, offset);
	record.failed = n < 0;
	record.len = n < 0 ? 0 : (uint64_t)n;
	note(&record, buf);
	pthread_mutex_unlock(&order);
	return n;
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	const struct record record = { .kind = 'O', .fd = fd, .len = len };

	if (fd != STDOUT_FILENO)
		return __real_write(fd, buf, len);
	pthread_mutex_lock(&order);
	note(&record, buf);
	pthread_mutex_unlock(&order);
	return __real_write(fd, buf, len);
}

static int is_folder(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISDIR(st.st_mode);
}

/* That of a folder is for a name in it, and orders no data. */
static int noted_sync(int fd, int (*sync)(int fd))
{
	int ret;

	if (is_folder(fd))
		return sync(fd);
	note_event('B', fd, 0, 0);
	ret = sync(fd);
	note_event('E', fd, 0, ret);
	return ret;
}

int __wrap_fdatasync(int fd)
{
	return noted_sync(fd, __real_fdatasync);
}

int __wrap_fsync(int fd)
{
	return noted_sync(fd, __real_fsync);
}

int __wrap_ftruncate(int fd, off_t len)
{
	int ret = __real_ftruncate(fd, len);

	note_event('T', fd, len, ret);
	return ret;
}
