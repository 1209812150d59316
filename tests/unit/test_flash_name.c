/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/store.c hw/flash/open.c hw/flash/file.c */
/* SOURCES: hw/flash/template.c util/file.c util/gzip.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* WRAP: fcntl open fsync */
/* The name of a bank's file: lost to others, made durable, a dangling link. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flash_fixture.h"

static struct {
	void (*before_lock)(void); /* once, unless it sets itself again */
	void (*before_create)(void);
	unsigned int nr_locks, nr_folders;
	int fsync; /* errno to fail with, or 0 */
} fake;

static struct flash_store store;

int __real_fcntl(int fd, int cmd, void *arg);
int __wrap_fcntl(int fd, int cmd, void *arg);
int __real_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static void call(void (**f)(void))
{
	void (*what)(void) = *f;

	*f = NULL;
	if (what)
		what();
}

int __wrap_fcntl(int fd, int cmd, void *arg)
{
	if (cmd == F_OFD_SETLK) {
		fake.nr_locks++;
		call(&fake.before_lock);
	}
	return __real_fcntl(fd, cmd, arg);
}

int __wrap_open(const char *path, int flags, mode_t mode)
{
	if (flags & O_EXCL)
		call(&fake.before_create);
	return __real_open(path, flags, mode);
}

int __wrap_fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	fake.nr_folders += S_ISDIR(st.st_mode);
	errno = fake.fsync;
	return fake.fsync ? -1 : __real_fsync(fd);
}

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	forget_messages();
	return make_dir(state);
}

static int open_with(const char *options)
{
	struct flash_config config = config_of("f", options);

	if (strstr(options, ",template"))
		config.template = lasting_path_of("t");
	forget_messages();
	memset(&store, 0x5a, sizeof(store));
	return flash_store_open(&store, &config, BLOCK, WINDOW);
}

/* What is open, and locked, is what the name stands for. */
static void assert_has_name(void)
{
	struct stat own, named;

	assert_int_equal(fstat(store.fd, &own), 0);
	assert_int_equal(stat(PATH, &named), 0);
	assert_true(own.st_ino == named.st_ino);
	assert_int_equal(nr_fatal, 0);
}

static void take_name(void)
{
	assert_int_equal(unlink(PATH), 0);
}

/* By a larger file. */
static void replace(void)
{
	take_name();
	make_file(2 * BLOCK);
}

static void replace_always(void)
{
	replace();
	fake.before_lock = replace_always;
}

/* ---- Lost names ---------------------------------------------------------- */

/* As an lkvm does that has made the file and cannot go on. */
static void name_is_gone(void **state)
{
	(void)state;
	make_file(BLOCK);
	fake.before_lock = take_name;
	assert_int_equal(open_with(",create,size=64K"), 0);
	assert_has_name();
	assert_int_equal(store.array[0], 0xff);
	assert_int_equal(fake.nr_locks, 2);
	flash_store_close(&store);
	fake.before_lock = take_name;
	assert_refusal(open_with(""), ENOENT, "No such file");
	make_file(BLOCK);
	fake.before_lock = take_name;
	assert_refusal(open_with(",ro"), ENOENT, "No such file");
}

static void name_is_replaced(void **state)
{
	static const char *const options[] = { "", ",ro", ",snapshot" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		make_file(BLOCK);
		fake.before_lock = replace;
		assert_int_equal(open_with(options[i]), 0);
		assert_has_name();
		assert_content(&store, 2 * BLOCK, 2 * BLOCK);
		flash_store_close(&store);
	}
}

/* The file that was made is not the one that has the name now. */
static void made_and_replaced(void **state)
{
	int before = next_fd();

	(void)state;
	fake.before_lock = replace;
	assert_int_equal(open_with(",create,size=128K"), 0);
	assert_has_name();
	assert_content(&store, 2 * BLOCK, 2 * BLOCK);
	flash_store_close(&store);
	take_name();
	fake.before_lock = replace_always;
	assert_refusal(open_with(",create,size=128K"), ESTALE,
		       "is replaced by another file each time");
	assert_true(fake.nr_locks < 100);
	assert_int_equal(file_bytes(), 2 * BLOCK);
	assert_int_equal(next_fd(), before);
}

static void make_bank_file(void)
{
	make_file(2 * BLOCK);
}

static void made_at_once_by_another(void **state)
{
	(void)state;
	fake.before_create = make_bank_file;
	assert_int_equal(open_with(",create,size=128K"), 0);
	assert_has_name();
	assert_content(&store, 2 * BLOCK, 2 * BLOCK);
	flash_store_close(&store);
}

/* ---- Durable ones -------------------------------------------------------- */

static void new_name_is_synced(void **state)
{
	(void)state;
	assert_int_equal(open_with(",create,size=64K"), 0);
	assert_int_equal(fake.nr_folders, 1);
	assert_true(store.dirty);
	flash_store_close(&store);
	assert_int_equal(open_with(",create,size=64K"), 0);
	assert_int_equal(fake.nr_folders, 1);
	flash_store_close(&store);
	take_name();
	assert_int_equal(open_with(",create,size=64K,sync=none"), 0);
	assert_int_equal(fake.nr_folders, 1);
	flash_store_close(&store);
	take_name();
	/* Not every filesystem can. */
	fake.fsync = EINVAL;
	assert_int_equal(open_with(",create,size=64K"), 0);
	assert_int_equal(fake.nr_folders, 2);
	assert_has_name();
	flash_store_close(&store);
}

/* ---- Links --------------------------------------------------------------- */

static void dangling_link(void **state)
{
	static const char *const options[] = { "", ",ro", ",create,size=64K",
					       ",template",
					       ",template,size=1M" };

	(void)state;
	assert_int_equal(symlink("../nowhere/at-all", PATH), 0);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		assert_refusal(open_with(options[i]), ENOENT,
			       "f: is a symbolic link to ../nowhere/at-all, "
			       "which does not exist: name that instead, or");
}

/* One that leads to a file is as good as the file. */
static void good_link(void **state)
{
	char target[256];

	(void)state;
	strcpy(target, path_of("real"));
	assert_int_equal(symlink("real", PATH), 0);
	make_file(BLOCK);
	assert_int_equal(access(target, F_OK), 0);
	assert_int_equal(open_with(",create,size=64K"), 0);
	assert_has_name();
	flash_store_close(&store);
}

#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, setup, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIR_TEST(name_is_gone),	      DIR_TEST(name_is_replaced),
		DIR_TEST(made_and_replaced),  DIR_TEST(made_at_once_by_another),
		DIR_TEST(new_name_is_synced), DIR_TEST(dangling_link),
		DIR_TEST(good_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
