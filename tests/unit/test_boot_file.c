/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: arm/boot/boot_file.c arm/boot/image_file.c util/file.c */
/* SOURCES: arm/boot/pe.c util/zstd.c */
/* SOURCES: util/gzip.c */
/* SOURCES: tests/unit/image_fixture.c arm/boot/image.c */
/* WRAP: read */
/* A file that is loaded again: what it held at first, or an error. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image_fixture.h"

/* Somebody else, who comes when lkvm has read for the `when`th time. */
static struct {
	const char *path;
	unsigned int when;
} writer;

/* No more than so many bytes at once, and each second read() is interrupted. */
static struct {
	size_t most;
	unsigned int calls;
} slow;

ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	ssize_t n;
	int out;

	if (slow.most && slow.calls++ % 2) {
		errno = EINTR;
		return -1;
	}
	n = __real_read(fd, buf, slow.most ? MIN(len, slow.most) : len);
	if (!writer.when || --writer.when)
		return n;
	out = open(writer.path, O_WRONLY | O_APPEND);
	assert_true(out >= 0);
	assert_int_equal(write(out, "more", 4), 4);
	close(out);
	return n;
}

static const char first[] = "what the file held at first";

static int load_again(struct fixture *f)
{
	memset(f->ram, 0, f->room);
	nr_fatal = 0;
	return file_load(&f->file, f->ram, f->room, &f->loaded);
}

static void assert_first(struct fixture *f)
{
	for (int i = 0; i < 3; i++) {
		assert_int_equal(load_again(f), 0);
		assert_int_equal(f->loaded, sizeof(first));
		assert_ram(f, 0, (const u8 *)first, sizeof(first));
	}
}

static void open_first(struct fixture *f)
{
	set_bytes(f, first, sizeof(first));
	assert_int_equal(open_file(f, f->path, "initrd"), 0);
	assert_first(f);
}

static void deleted(void **state)
{
	struct fixture *f = *state;

	open_first(f);
	unlink(f->path);
	assert_first(f);
}

static void replaced(void **state)
{
	struct fixture *f = *state;
	char path[300];
	int fd;

	open_first(f);
	snprintf(path, sizeof(path), "%s.new", f->path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "new", 3), 3);
	close(fd);
	assert_int_equal(rename(path, f->path), 0);
	assert_first(f);
}

/* By size, or by the time alone; to touch its mode is nothing. */
static void written_to(void **state)
{
	struct fixture *f = *state;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 1, 0 } };

	open_first(f);
	assert_int_equal(chmod(f->path, 0400), 0);
	assert_first(f);
	assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
	assert_int_equal(load_again(f), -ESTALE);
	assert_said(f, "written to");

	assert_int_equal(chmod(f->path, 0600), 0);
	open_first(f);
	assert_int_equal(truncate(f->path, 3), 0);
	assert_int_equal(load_again(f), -ESTALE);
	assert_int_equal(open_file(f, f->path, "initrd"), 0);
	assert_int_equal(load_again(f), 0);
	assert_int_equal(f->loaded, 3);
}

/* A change within the same second, and one to the same part of another. */
static void times_that_nearly_agree(void **state)
{
	static const struct timespec others[] = { { 5, 8 }, { 6, 7 } };
	struct fixture *f = *state;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 5, 7 } };

	set_bytes(f, first, sizeof(first));
	assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
	assert_int_equal(open_file(f, f->path, "initrd"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_first(f);
		times[1] = others[i];
		assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
		assert_int_equal(load_again(f), -ESTALE);
		times[1] = (struct timespec) { 5, 7 };
		assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
	}
}

/* A part that is not there: the error stays, and is said once. */
static void read_beyond_the_end(void **state)
{
	struct fixture *f = *state;
	char buf[4];
	int ret;

	open_first(f);
	assert_int_equal(boot_file_read(&f->file, 5, buf, sizeof(buf)), 0);
	assert_memory_equal(buf, first + 5, sizeof(buf));
	nr_fatal = 0;
	ret = boot_file_read(&f->file, sizeof(first), buf, sizeof(buf));
	assert_true(ret < 0);
	assert_int_equal(boot_file_read(&f->file, 5, buf, sizeof(buf)), ret);
	assert_int_equal(nr_fatal, 1);
}

static int load_kernel(struct fixture *f)
{
	int ret = image_open(&f->img, &f->file, false);

	nr_fatal = 0;
	if (!ret)
		ret = image_load(&f->img, f->ram, f->room, &f->loaded);
	return ret;
}

/* Each time anew, at first and after a reset; the nth read() is `when`. */
static void assert_noticed(struct fixture *f, unsigned int when,
			   int (*load_it)(struct fixture *f))
{
	for (unsigned int again = 0; again < 2; again++) {
		write_file(f);
		assert_int_equal(open_file(f, f->path, "kernel"), 0);
		if (again)
			assert_int_equal(load_it(f), 0);
		writer.path = f->path;
		writer.when = when;
		assert_int_equal(load_it(f), -ESTALE);
		assert_int_equal(writer.when, 0);
		assert_said(f, "written to");
	}
}

static const u8 gzip_of_a[] = { 0x1f, 0x8b, 8,	  0,	0,    0, 0,
				0,    0,    3,	  0x4b, 0x04, 0, 0x43,
				0xbe, 0xb7, 0xe8, 1,	0,    0, 0 };

static int unpack(struct fixture *f)
{
	nr_fatal = 0;
	return image_unpack(&f->file, RAM_SIZE);
}

/* As from a file system over a network, with signals that come in between. */
static void read_in_pieces(void **state)
{
	static const size_t pieces[] = { 1, 7, 4096 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		set_bytes(f, first, sizeof(first));
		assert_int_equal(open_file(f, f->path, "initrd"), 0);
		slow.most = pieces[i];
		assert_first(f);
		slow.most = 0;

		set_arm64(f, 0, 0x100000);
		assert_int_equal(open_file(f, f->path, "kernel"), 0);
		slow.most = pieces[i];
		memset(f->ram, 0, f->room);
		assert_int_equal(load_kernel(f), 0);
		slow.most = 0;
		assert_int_equal(f->loaded, f->len);
		assert_ram(f, 0, f->data, f->len);

		set_bytes(f, gzip_of_a, sizeof(gzip_of_a));
		assert_int_equal(open_file(f, f->path, "kernel"), 0);
		slow.most = pieces[i];
		assert_int_equal(unpack(f), 0);
		slow.most = 0;
		assert_int_equal(f->file.size, 1);
	}
}

/* What was read before and what came after are no one kernel. */
static void written_to_while_read(void **state)
{
	struct fixture *f = *state;

	set_bytes(f, first, sizeof(first));
	assert_noticed(f, 1, load_again);
	set_arm64(f, 0, 0x100000);
	assert_noticed(f, 1, load_kernel);
	assert_noticed(f, 2, load_kernel);
	set_bytes(f, gzip_of_a, sizeof(gzip_of_a));
	assert_int_equal(open_file(f, f->path, "kernel"), 0);
	writer.when = 1;
	assert_int_equal(unpack(f), -ESTALE);
	assert_said(f, "written to");
}

/* The file keeps its path. */
static void open_pipe(struct fixture *f, u64 limit)
{
	static char path[32];
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], first, sizeof(first)), sizeof(first));
	close(fds[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	boot_file_close(&f->file);
	assert_int_equal(boot_file_open(&f->file, path, "initrd", limit), 0);
	close(fds[0]);
}

static void from_a_pipe(void **state)
{
	struct fixture *f = *state;

	open_pipe(f, sizeof(first));
	assert_first(f);
	open_pipe(f, UINT64_MAX);
	assert_first(f);
}

/* No more is read than it takes to find out. */
static void too_much_from_a_pipe(void **state)
{
	struct fixture *f = *state;

	open_pipe(f, 10);
	assert_int_equal(f->file.size, 11);
	set_room(f, 10);
	assert_int_equal(load_again(f), -EFBIG);
	assert_int_equal(open_file(f, "/dev/zero", "initrd"), 0);
	assert_int_equal(load_again(f), -EFBIG);
}

/* The second call finds it open; the last leaves nothing to close. */
static void opened_once(void **state)
{
	struct fixture *f = *state;
	int fd;

	open_first(f);
	fd = f->file.fd;
	assert_int_equal(boot_file_open(&f->file, "none", "kernel", 0), 0);
	assert_int_equal(f->file.fd, fd);
	boot_file_close(&f->file);
	boot_file_close(&f->file);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(open_file(f, "none", "kernel"), -ENOENT);
	assert_null(f->file.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(deleted),
		TEST(replaced),
		TEST(written_to),
		TEST(written_to_while_read),
		TEST(from_a_pipe),
		TEST(too_much_from_a_pipe),
		TEST(opened_once),
		TEST(times_that_nearly_agree),
		TEST(read_beyond_the_end),
		TEST(read_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
