/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: builtin-flash-create.c builtin-flash-common.c */
/* SOURCES: builtin-flash-content.c disk/format.c disk/decode.c */
/* SOURCES: disk/qcow2_*.c */
/* SOURCES: efi/vars.c efi/guid.c efi/text.c efi/value.c efi/devpath.c */
/* SOURCES: efi/cert.c efi/x509.c util/file.c util/gzip.c util/json.c */
/* SOURCES: util/options.c util/parse.c util/names.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* WRAP: fcntl fsync */
/* `lkvm flash create`: the name of the new file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builtin-flash.h"
#include "flash_fixture.h"
#include "lkvm/exit_status.h"

static struct {
	void (*before_lock)(void); /* once, unless it sets itself again */
	unsigned int nr_locks, nr_folders;
} fake;

int __real_fcntl(int fd, int cmd, void *arg);
int __wrap_fcntl(int fd, int cmd, void *arg);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_fcntl(int fd, int cmd, void *arg)
{
	void (*before)(void) = fake.before_lock;

	fake.before_lock = NULL;
	fake.nr_locks++;
	if (before)
		before();
	return __real_fcntl(fd, cmd, arg);
}

int __wrap_fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	fake.nr_folders += S_ISDIR(st.st_mode);
	return __real_fsync(fd);
}

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	return make_dir(state);
}

static int create(const char *option)
{
	char path[256], size[] = "--size=64K", force[] = "--force";
	char *const argv[] = { path, size, force, NULL };

	forget_messages();
	strcpy(path, PATH);
	return cmd_flash_create(*option ? 3 : 2, argv);
}

static void folder_is_synced(void **state)
{
	(void)state;
	assert_int_equal(create(""), EXIT_STATUS_POWEROFF);
	assert_int_equal(fake.nr_folders, 1);
	assert_int_equal(create("--force"), EXIT_STATUS_POWEROFF);
	assert_int_equal(fake.nr_folders, 1);
	assert_int_equal(create(""), EXIT_STATUS_SETUP);
	assert_said("exists already");
}

static void take_name(void)
{
	assert_int_equal(unlink(PATH), 0);
}

static void take_name_always(void)
{
	take_name();
	fake.before_lock = take_name_always;
}

static void name_is_lost(void **state)
{
	(void)state;
	fake.before_lock = take_name;
	assert_int_equal(create(""), EXIT_STATUS_POWEROFF);
	assert_int_equal(fake.nr_locks, 2);
	assert_int_equal(file_bytes(), SZ_64K);
	assert_int_equal(file_byte(0), 0xff);
	/* To be overwritten, but gone. */
	make_file(1000);
	fake.before_lock = take_name;
	assert_int_equal(create("--force"), EXIT_STATUS_POWEROFF);
	assert_int_equal(file_bytes(), SZ_64K);
	take_name();
	fake.before_lock = take_name_always;
	assert_int_equal(create(""), EXIT_STATUS_SETUP);
	assert_int_equal(nr_fatal, 1);
	assert_said("is replaced by another file each time");
	assert_true(fake.nr_locks < 100);
}

static void dangling_link(void **state)
{
	static const char *const options[] = { "", "--force" };

	(void)state;
	assert_int_equal(symlink("nowhere/at-all", PATH), 0);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		assert_int_equal(create(options[i]), EXIT_STATUS_SETUP);
		assert_int_equal(nr_fatal, 1);
		assert_said("f: is a symbolic link to nowhere/at-all, which "
			    "does not exist");
	}
}

#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, setup, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIR_TEST(folder_is_synced),
		DIR_TEST(name_is_lost),
		DIR_TEST(dangling_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
