/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_read.c */
/* SOURCES: arm/boot/boot_file.c arm/boot/image_file.c util/file.c */
/* SOURCES: util/gzip.c */
/* SOURCES: tests/unit/image_fixture.c arm/boot/image.c */
/* A file that is loaded again: what it held at first, or an error. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image_fixture.h"

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

static void open_pipe(struct fixture *f, u64 limit)
{
	char path[32];
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
		TEST(from_a_pipe),
		TEST(too_much_from_a_pipe),
		TEST(opened_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
