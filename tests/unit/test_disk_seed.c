/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/seed.c disk/disk.c disk/raw.c util/iov.c util/file.c */
/* SOURCES: util/run_program.c tests/unit/flash_fixture.c */
/*
 * The disk of --cloud-init: by programs that note how they are called, and by
 * the real ones, whichever are installed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flash_fixture.h"
#include "lkvm/disk/disk.h"

static char *path_before;
static struct disk *disk;

static void put(const char *name, const char *text, mode_t mode)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int setup(void **state)
{
	forget_messages();
	make_dir(state);
	path_before = strdup(getenv("PATH"));
	setenv("PATH", path_of("."), 1);
	put("user-data", "#cloud-config\n", 0600);
	put("meta-data", "", 0600);
	return 0;
}

static int teardown(void **state)
{
	disk_close(disk);
	disk = NULL;
	setenv("PATH", path_before, 1);
	free(path_before);
	return remove_dir(state);
}

/* Two sectors that begin with how it was called. */
static void add_program(const char *name)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "#!/bin/sh\n"
		 "PATH=/bin:/usr/bin\n"
		 "head -c 1024 /dev/zero >&3\n"
		 "echo \"%s $*\" | dd of=\"$7\" conv=notrunc 2>/dev/null\n",
		 name);
	put(name, text, 0700);
}

static void refused(int err, const char *text)
{
	assert_int_equal(disk_open_seed(path_of("."), &disk), err);
	assert_int_equal(nr_fatal, 1);
	if (!strstr(messages, text))
		fail_msg("no \"%s\" in: %s", text, messages);
	disk = NULL;
}

static void check_made_by(const char *name)
{
	char sector[1024], wanted[512];
	struct iovec iov = { sector, sizeof(sector) };

	assert_int_equal(disk_open_seed(path_of("."), &disk), 0);
	assert_string_equal(messages, "");
	assert_int_equal(disk->size, sizeof(sector));
	assert_true(disk->readonly);
	assert_int_equal(disk_read(disk, &iov, 1, 0, sizeof(sector)), 0);
	snprintf(wanted, sizeof(wanted),
		 "%s -quiet -V cidata -J -r -o /dev/fd/3 %s\n", name,
		 path_of("."));
	assert_string_equal(sector, wanted);
	assert_int_equal(disk_write(disk, &iov, 1, 0, 512), -EROFS);
	disk_close(disk);
	disk = NULL;
}

static void programs(void **state)
{
	(void)state;
	add_program("mkisofs");
	check_made_by("mkisofs");
	add_program("xorrisofs");
	check_made_by("xorrisofs");
	add_program("genisoimage");
	check_made_by("genisoimage");
}

static void no_program(void **state)
{
	(void)state;
	refused(-ENOENT, "install genisoimage or xorriso");
}

static void program_fails(void **state)
{
	(void)state;
	put("genisoimage", "#!/bin/sh\necho no space >&2\nexit 3\n", 0700);
	refused(-EIO, "genisoimage: no space");
}

static void program_makes_nothing(void **state)
{
	(void)state;
	put("genisoimage", "#!/bin/sh\n", 0700);
	refused(-EIO, "not one of whole sectors");
}

static void missing_files(void **state)
{
	(void)state;
	add_program("genisoimage");
	unlink(path_of("meta-data"));
	refused(-ENOENT, "meta-data: No such file");
	forget_messages();
	unlink(path_of("user-data"));
	refused(-ENOENT, "user-data: No such file");
}

static void no_folder(void **state)
{
	(void)state;
	assert_int_equal(disk_open_seed(path_of("none"), &disk), -ENOENT);
	assert_int_equal(disk_open_seed(path_of("user-data"), &disk), -ENOTDIR);
	assert_int_equal(nr_fatal, 2);
}

/* What cloud-init goes by: the label of the volume (ECMA-119, 8.4.8). */
static void real_program(void **state)
{
	char sector[2048];
	struct iovec iov = { sector, sizeof(sector) };

	(void)state;
	setenv("PATH", path_before, 1);
	if (system("command -v genisoimage xorrisofs mkisofs >/dev/null 2>&1"))
		skip();
	assert_int_equal(disk_open_seed(path_of("."), &disk), 0);
	assert_int_equal(disk_read(disk, &iov, 1, 16 * sizeof(sector),
				   sizeof(sector)),
			 0);
	assert_memory_equal(sector + 1, "CD001", 5);
	assert_memory_equal(sector + 40, "cidata ", 7);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(programs),	     TEST(no_program),
		TEST(program_fails), TEST(program_makes_nothing),
		TEST(missing_files), TEST(no_folder),
		TEST(real_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
