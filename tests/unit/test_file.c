/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/file.c */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "lkvm/util/file.h"

/*
 * These take the place of libc's functions in this program. While a plan is
 * set its steps decide what the next calls do: > 0 transfers no more than so
 * many bytes, < 0 fails with that errno, 0 transfers nothing.
 */
static const int *plan;
static size_t plan_left;

static void set_plan(const int *steps, size_t n)
{
	plan = steps;
	plan_left = n;
}

/* True if the call is to return *ret without doing anything. */
static bool planned(size_t *len, ssize_t *ret)
{
	int step;

	if (!plan_left)
		return false;
	plan_left--;
	step = *plan++;
	if (step > 0) {
		*len = MIN(*len, (size_t)step);
		return false;
	}
	if (step < 0)
		errno = -step;
	*ret = step < 0 ? -1 : 0;
	return true;
}

ssize_t read(int fd, void *buf, size_t len)
{
	ssize_t ret;

	return planned(&len, &ret) ? ret : syscall(SYS_read, fd, buf, len);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	ssize_t ret;

	return planned(&len, &ret) ? ret : syscall(SYS_write, fd, buf, len);
}

ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	ssize_t ret;

	return planned(&len, &ret) ? ret
				   : syscall(SYS_pread64, fd, buf, len, off);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	ssize_t ret;

	return planned(&len, &ret) ? ret
				   : syscall(SYS_pwrite64, fd, buf, len, off);
}

int open(const char *path, int flags, ...)
{
	size_t len = 0;
	ssize_t ret;
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return planned(&len, &ret)
		       ? (int)ret
		       : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int fdatasync(int fd)
{
	size_t len = 0;
	ssize_t ret;

	return planned(&len, &ret) ? (int)ret : (int)syscall(SYS_fdatasync, fd);
}

struct fixture {
	char path[64];
	int fd;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->path, "/tmp/lkvm-test-file-XXXXXX");
	f->fd = mkstemp(f->path);
	*state = f;
	return f->fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	set_plan(NULL, 0);
	close(f->fd);
	unlink(f->path);
	free(f);
	return 0;
}

static void fill(struct fixture *f, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(ftruncate(f->fd, 0), 0);
	assert_int_equal(syscall(SYS_pwrite64, f->fd, text, len, 0), len);
}

static void expect_content(const char *path, size_t max, const char *text)
{
	void *buf = NULL;
	size_t len = 99;

	assert_int_equal(file_read_all(path, max, &buf, &len), 0);
	assert_int_equal(len, strlen(text));
	/* With the zero byte behind it. */
	assert_memory_equal(buf, text, len + 1);
	free(buf);
}

static void expect_error(const char *path, size_t max, int err)
{
	char untouched;
	void *buf = &untouched;
	size_t len = 99;

	assert_int_equal(file_read_all(path, max, &buf, &len), err);
	assert_ptr_equal(buf, &untouched);
	assert_int_equal(len, 99);
}

static void test_read_all(void **state)
{
	struct fixture *f = *state;

	expect_content(f->path, 0, "");
	fill(f, "hello");
	expect_content(f->path, 5, "hello");
	expect_content(f->path, 6, "hello");
	expect_content(f->path, SIZE_MAX, "hello");
	expect_error(f->path, 4, -EFBIG);
	expect_error(f->path, 0, -EFBIG);
}

static void test_read_all_errors(void **state)
{
	static const int fails[] = { 3, -EIO };
	struct fixture *f = *state;

	expect_error("/tmp", 4096, -EISDIR);
	expect_error("/tmp/lkvm-test-file-none/none", 4096, -ENOENT);
	expect_error("", 4096, -ENOENT);
	expect_error("/dev/null/none", 4096, -ENOTDIR);
	fill(f, "hello");
	set_plan(fails, ARRAY_SIZE(fails));
	expect_error(f->path, 4096, -EIO);
	assert_int_equal(plan_left, 0);
}

/* Fails before it allocates or reads as much as the file says it has. */
static void test_read_all_sparse(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ftruncate(f->fd, 1LL << 40), 0);
	expect_error(f->path, SZ_1M, -EFBIG);
}

static void test_read_all_interrupted(void **state)
{
	static const int steps[] = { -EINTR, 1, -EINTR, -EINTR, 2, 1, -EINTR };
	struct fixture *f = *state;

	fill(f, "hello");
	set_plan(steps, ARRAY_SIZE(steps));
	expect_content(f->path, 5, "hello");
	assert_int_equal(plan_left, 0);
}

/* What stat(2) calls empty although it is not. */
static void test_read_all_unknown_size(void **state)
{
	void *buf;
	size_t len;

	(void)state;
	assert_int_equal(file_read_all("/proc/self/status", SZ_64K, &buf, &len),
			 0);
	assert_true(len > 5);
	assert_int_equal(strlen(buf), len);
	assert_memory_equal(buf, "Name:", 5);
	free(buf);
	expect_error("/proc/self/status", len / 2, -EFBIG);

	expect_content("/dev/null", 0, "");
	expect_error("/dev/zero", 3 * SZ_64K, -EFBIG);
}

static void test_read_all_pipe(void **state)
{
	size_t size = 3 * SZ_4K;
	char path[32];
	char *data = malloc(size);
	void *buf;
	size_t len;
	int fds[2];

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write_full(fds[1], data, size), 0);
	close(fds[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	assert_int_equal(file_read_all(path, size, &buf, &len), 0);
	assert_int_equal(len, size);
	assert_memory_equal(buf, data, size);
	free(buf);
	free(data);
	close(fds[0]);
}

static void test_pread_full(void **state)
{
	static const int steps[] = { -EINTR, 2, -EINTR, 1 };
	struct fixture *f = *state;
	char buf[8];

	fill(f, "0123456789");
	set_plan(steps, ARRAY_SIZE(steps));
	assert_int_equal(pread_full(f->fd, buf, 6, 3), 0);
	assert_int_equal(plan_left, 0);
	assert_memory_equal(buf, "345678", 6);
	assert_int_equal(lseek(f->fd, 0, SEEK_CUR), 0);

	assert_int_equal(pread_full(f->fd, buf, 7, 3), 0);
	assert_int_equal(pread_full(f->fd, buf, 8, 3), -ENODATA);
	assert_int_equal(pread_full(f->fd, buf, 1, 10), -ENODATA);
	assert_int_equal(pread_full(f->fd, buf, 1, 1000), -ENODATA);
	assert_int_equal(pread_full(f->fd, buf, 0, 1000), 0);
	assert_int_equal(pread_full(f->fd, buf, 1, -1), -EINVAL);
	assert_int_equal(pread_full(-1, buf, 1, 0), -EBADF);
}

static void test_pwrite_full(void **state)
{
	static const int steps[] = { -EINTR, 2, -EINTR, 1 };
	static const int stuck[] = { 2, 0 };
	static const int full[] = { 2, -ENOSPC };
	struct fixture *f = *state;

	fill(f, "0123456789");
	set_plan(steps, ARRAY_SIZE(steps));
	assert_int_equal(pwrite_full(f->fd, "abcdef", 6, 7), 0);
	assert_int_equal(plan_left, 0);
	assert_int_equal(lseek(f->fd, 0, SEEK_CUR), 0);
	expect_content(f->path, 64, "0123456abcdef");

	assert_int_equal(pwrite_full(f->fd, "x", 0, 0), 0);
	set_plan(stuck, ARRAY_SIZE(stuck));
	assert_int_equal(pwrite_full(f->fd, "xxxx", 4, 0), -EIO);
	set_plan(full, ARRAY_SIZE(full));
	assert_int_equal(pwrite_full(f->fd, "yyyy", 4, 0), -ENOSPC);
	assert_int_equal(pwrite_full(f->fd, "x", 1, -1), -EINVAL);
	assert_int_equal(pwrite_full(-1, "x", 1, 0), -EBADF);
	expect_content(f->path, 64, "yy23456abcdef");
}

static void test_write_full(void **state)
{
	static const int steps[] = { -EINTR, 1, 1, -EINTR };
	static const int stuck[] = { 0 };
	static const int again[] = { 1, -EAGAIN };
	struct fixture *f = *state;

	set_plan(steps, ARRAY_SIZE(steps));
	assert_int_equal(write_full(f->fd, "abcd", 4), 0);
	assert_int_equal(plan_left, 0);
	assert_int_equal(write_full(f->fd, "ef", 2), 0);
	expect_content(f->path, 64, "abcdef");

	set_plan(stuck, ARRAY_SIZE(stuck));
	assert_int_equal(write_full(f->fd, "x", 1), -EIO);
	set_plan(again, ARRAY_SIZE(again));
	assert_int_equal(write_full(f->fd, "gh", 2), -EAGAIN);
	assert_int_equal(write_full(f->fd, NULL, 0), 0);
	assert_int_equal(write_full(-1, "x", 1), -EBADF);
	expect_content(f->path, 64, "abcdefg");
}

/* Nothing is made or changed by looking. */
static void test_check_writable(void **state)
{
	struct fixture *f = *state;
	char path[512];

	assert_int_equal(file_check_writable(f->path), 0);
	snprintf(path, sizeof(path), "%s.new", f->path);
	assert_int_equal(file_check_writable(path), 0);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/new", f->path);
	assert_int_equal(file_check_writable(path), -ENOTDIR);
	assert_int_equal(file_check_writable("/nonexistent/new"), -ENOENT);
	assert_int_equal(file_check_writable("/tmp"), -EISDIR);
	assert_int_equal(file_check_writable("no-such-file-here"), 0);
}

static void test_open(void **state)
{
	static const int steps[] = { -EINTR, -EINTR, 1 };
	static const int denied[] = { -EACCES };
	struct fixture *f = *state;
	struct stat st;
	int fd;

	set_plan(steps, ARRAY_SIZE(steps));
	fd = file_open(f->path, O_WRONLY, 0);
	assert_true(fd >= 0);
	assert_int_equal(plan_left, 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	set_plan(denied, ARRAY_SIZE(denied));
	assert_int_equal(file_open(f->path, O_WRONLY, 0), -EACCES);
	assert_int_equal(file_open("/nowhere/f", O_RDONLY, 0), -ENOENT);
	unlink(f->path);
	fd = file_open(f->path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0 && !fstat(fd, &st));
	assert_int_equal(st.st_mode & 0777, 0600);
	close(fd);
}

static void test_sync_data(void **state)
{
	static const int steps[] = { -EINTR, 0, -EINTR, -EIO };
	struct fixture *f = *state;

	set_plan(steps, ARRAY_SIZE(steps));
	assert_int_equal(file_sync_data(f->fd), 0);
	assert_int_equal(file_sync_data(f->fd), -EIO);
	assert_int_equal(plan_left, 0);
	assert_int_equal(file_sync_data(f->fd), 0);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(test_read_all),
		FILE_TEST(test_read_all_errors),
		FILE_TEST(test_read_all_sparse),
		FILE_TEST(test_read_all_interrupted),
		FILE_TEST(test_read_all_unknown_size),
		FILE_TEST(test_read_all_pipe),
		FILE_TEST(test_open),
		FILE_TEST(test_sync_data),
		FILE_TEST(test_pread_full),
		FILE_TEST(test_pwrite_full),
		FILE_TEST(test_write_full),
		FILE_TEST(test_check_writable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
