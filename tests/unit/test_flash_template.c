/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/store.c hw/flash/open.c hw/flash/file.c */
/* SOURCES: hw/flash/template.c util/file.c util/gzip.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* WRAP: pwrite fsync link linkat renameat2 fcntl ftruncate mmap open access */
/*
 * A bank's file that is made as a copy of a template: the same with files that
 * have no name at first, and where the filesystem has none of these.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "flash_fixture.h"

#define TEMPLATE "t"

static struct {
	/* errno to fail with, or 0 */
	int pwrite, fsync, link, renameat2, ftruncate, mmap;
	bool named;   /* the filesystem has no files without a name */
	bool no_proc; /* nor can they be named */
	unsigned int most_files; /* seen while the copy was written */
	bool rival;		 /* makes the file just before we would */
	bool locks;		 /* and locks it */
	char order[64]; /* one letter per call: write Sync Lock lInk(at) Rename
			 */
} fake;

static struct flash_store store, other;

ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __real_linkat(int from_dir, const char *from, int to_dir, const char *to,
		  int flags);
int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to,
		  int flags);
int __real_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to,
		     unsigned int flags);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to,
		     unsigned int flags);
int __real_fcntl(int fd, int cmd, void *arg);
int __wrap_fcntl(int fd, int cmd, void *arg);
int __real_ftruncate(int fd, off_t len);
int __wrap_ftruncate(int fd, off_t len);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t offset);

/* Notes a call, once if it comes again at once. True if it shall fail. */
static bool note(char letter, int err)
{
	size_t len = strlen(fake.order);

	if ((!len || fake.order[len - 1] != letter) &&
	    len + 1 < sizeof(fake.order))
		fake.order[len] = letter;
	errno = err ? err : errno;
	return err;
}

/* How many names there are in the folder. */
static unsigned int nr_files(void)
{
	DIR *d = opendir(path_of("."));
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	fake.most_files = MAX(fake.most_files, nr_files());
	return note('w', fake.pwrite) ? -1
				      : __real_pwrite(fd, buf, len, offset);
}

int __wrap_fsync(int fd)
{
	return note('S', fake.fsync) ? -1 : __real_fsync(fd);
}

int __wrap_ftruncate(int fd, off_t len)
{
	return note('t', fake.ftruncate) ? -1 : __real_ftruncate(fd, len);
}

/* The other one's file is larger, so that it is not mistaken. */
static void make_rival(void)
{
	struct flash_config config = config_of("f", "");

	fake.rival = false;
	make_file(4 * BLOCK);
	if (fake.locks)
		assert_int_equal(
			flash_store_open(&other, &config, BLOCK, WINDOW), 0);
}

int __wrap_link(const char *from, const char *to)
{
	if (fake.rival)
		make_rival();
	return note('I', fake.link) ? -1 : __real_link(from, to);
}

int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to,
		  int flags)
{
	if (fake.rival)
		make_rival();
	return note('I', fake.link)
		       ? -1
		       : __real_linkat(from_dir, from, to_dir, to, flags);
}

int __wrap_open(const char *path, int flags, mode_t mode)
{
	if (fake.named && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return __real_open(path, flags, mode);
}

int __wrap_access(const char *path, int mode)
{
	if (fake.no_proc && !strncmp(path, "/proc/", 6)) {
		errno = ENOENT;
		return -1;
	}
	return __real_access(path, mode);
}

int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to,
		     unsigned int flags)
{
	return note('R', fake.renameat2)
		       ? -1
		       : __real_renameat2(from_dir, from, to_dir, to, flags);
}

int __wrap_fcntl(int fd, int cmd, void *arg)
{
	if (cmd == F_OFD_SETLK)
		note(((struct flock *)arg)->l_type == F_WRLCK ? 'L' : 'l', 0);
	return __real_fcntl(fd, cmd, arg);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t offset)
{
	errno = fake.mmap;
	return fake.mmap ? MAP_FAILED
			 : __real_mmap(addr, len, prot, flags, fd, offset);
}

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	memset(&other, 0, sizeof(other));
	forget_messages();
	return make_dir(state);
}

static int setup_named(void **state)
{
	int ret = setup(state);

	fake.named = true;
	return ret;
}

/* Most of the tests would not fail where there are none. */
static void require_nameless(void)
{
	int fd = open(path_of("."), O_TMPFILE | O_RDWR, 0600);

	if (fd < 0)
		skip();
	close(fd);
}

/* The file "f" becomes the template. */
static void make_template(u64 size)
{
	char from[256];

	make_file(size);
	strcpy(from, PATH);
	assert_int_equal(rename(from, path_of(TEMPLATE)), 0);
}

static struct flash_config config_with(const char *name, const char *options)
{
	struct flash_config config = config_of(name, options);

	config.template = lasting_path_of(TEMPLATE);
	return config;
}

static int open_with(const char *options)
{
	struct flash_config config = config_with("f", options);

	forget_messages();
	memset(fake.order, 0, sizeof(fake.order));
	memset(&store, 0x5a, sizeof(store));
	return flash_store_open(&store, &config, BLOCK, WINDOW);
}

/* A new bank of `size` bytes, in memory and in the file: `bytes` of them are
 * the template's. */
static void assert_makes(const char *options, u64 size, u64 bytes)
{
	static u8 file[WINDOW];

	if (open_with(options))
		fail_msg("not opened: %s", messages);
	assert_content(&store, size, bytes);
	assert_int_equal(store.persistent, size);
	assert_int_equal(file_bytes(), size);
	read_file(0, file, size);
	assert_memory_equal(file, store.array, size);
	assert_int_equal(nr_files(), 2);
	flash_store_close(&store);
}

/* Refused with one message, and nothing is there that was not before. */
static void assert_refused(const char *options, int err, const char *text)
{
	unsigned int before = nr_files();

	assert_refusal(open_with(options), err, text);
	assert_int_equal(nr_files(), before);
	assert_int_equal(access(PATH, F_OK), -1);
}

/* ---- Copies -------------------------------------------------------------- */

/* What is written goes to the copy; the template stays what it is. */
static void copy(void **state)
{
	struct stat st;
	mode_t mask = umask(0027);
	int fd;
	u8 byte;

	(void)state;
	make_template(128 * SZ_1K);
	assert_int_equal(open_with(""), 0);
	assert_string_equal(messages, "");
	assert_content(&store, 128 * SZ_1K, 128 * SZ_1K);
	assert_int_equal(flash_store_write(&store, 7, (const u8 *)"x", 1), 0);
	assert_int_equal(flash_store_finish(&store), 0);
	flash_store_close(&store);
	umask(mask);
	assert_int_equal(file_byte(7), 'x');
	assert_int_equal(stat(PATH, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(st.st_nlink, 1);
	fd = open(path_of(TEMPLATE), O_RDONLY);
	assert_int_equal(pread(fd, &byte, 1, 7), 1);
	close(fd);
	assert_int_equal(byte, pattern(7));
}

/* A signal that ends lkvm then leaves nothing. */
static void nothing_to_leave(void **state)
{
	(void)state;
	require_nameless();
	make_template(128 * SZ_1K);
	fake.most_files = 0;
	assert_makes("", 128 * SZ_1K, 128 * SZ_1K);
	assert_int_equal(fake.most_files, 1);
	fake.link = EACCES;
	assert_int_equal(unlink(PATH), 0);
	assert_refused("", EACCES,
		       "f: unable to name the new file: Permission");
}

/* What cannot be named must have a name from the start. */
static void falls_back_to_a_name(void **state)
{
	(void)state;
	make_template(128 * SZ_1K);
	for (int i = 0; i < 2; i++) {
		fake.named = i;
		fake.no_proc = !i;
		fake.most_files = 0;
		assert_makes("", 128 * SZ_1K, 128 * SZ_1K);
		assert_int_equal(fake.most_files, 2);
		assert_int_equal(unlink(PATH), 0);
	}
}

/* Whole, for good and locked before it has its name; then the folder. */
static void order(void **state)
{
	(void)state;
	make_template(128 * SZ_1K);
	assert_int_equal(open_with(""), 0);
	assert_string_equal(fake.order, "lwtSLIS");
	assert_false(store.dirty);
	flash_store_close(&store);
	assert_int_equal(unlink(PATH), 0);
	/* Nothing is promised to those who want it fast. */
	assert_int_equal(open_with(",sync=none"), 0);
	assert_string_equal(fake.order, "lwtLI");
	flash_store_close(&store);
}

static void padded(void **state)
{
	(void)state;
	make_template(768 * SZ_1K);
	assert_makes("", SZ_1M, 768 * SZ_1K);
	assert_said("t: has 786432 bytes, not a power of two: the bank has "
		    "1048576, the rest is erased");
	assert_int_equal(unlink(PATH), 0);
	make_template(BLOCK + 1);
	assert_makes("", 2 * BLOCK, BLOCK + 1);
	assert_int_equal(unlink(PATH), 0);
	assert_makes(",size=1M", SZ_1M, BLOCK + 1);
	assert_int_equal(unlink(PATH), 0);
	make_template(100);
	assert_makes(",size=64K", BLOCK, 100);
}

/* An image that is padded to more than the bank. */
static void larger_template(void **state)
{
	(void)state;
	make_template(WINDOW + BLOCK);
	assert_refused("", EFBIG,
		       "has more than 1048576 bytes, there is room for");
	assert_makes(",size=128K", 128 * SZ_1K, 128 * SZ_1K);
	assert_said("t: has more than 131072 bytes, the first 131072 are used");
}

static void holes(void **state)
{
	struct stat st;
	FILE *f = fopen(path_of(TEMPLATE), "w");

	(void)state;
	assert_int_equal(fwrite("head", 4, 1, f), 1);
	assert_int_equal(fseek(f, 500000, SEEK_SET), 0);
	assert_int_equal(fwrite("mid", 3, 1, f), 1);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(truncate(path_of(TEMPLATE), SZ_1M), 0);
	assert_int_equal(open_with(""), 0);
	assert_int_equal(stat(PATH, &st), 0);
	assert_int_equal(st.st_size, SZ_1M);
	assert_in_range(st.st_blocks * 512, 1, SZ_64K);
	assert_memory_equal(store.array, "head", 4);
	assert_memory_equal(store.array + 500000, "mid", 3);
	for (u64 i = 4; i < SZ_1M; i++)
		if (i - 500000 >= 3)
			assert_int_equal(store.array[i], 0);
	flash_store_close(&store);
}

static void compressed(void **state)
{
	gzFile gz = gzopen(path_of(TEMPLATE), "wb");

	(void)state;
	for (u64 i = 0; i < 768 * SZ_1K; i++)
		gzputc(gz, pattern(i));
	assert_int_equal(gzclose(gz), Z_OK);
	assert_makes("", SZ_1M, 768 * SZ_1K);
	assert_int_equal(unlink(PATH), 0);
	assert_makes(",size=64K", BLOCK, BLOCK);
	assert_int_equal(unlink(PATH), 0);
	assert_int_equal(truncate(path_of(TEMPLATE), 1000), 0);
	assert_refused("", EBADMSG, "t: unable to read it: its gzip data ends");
	assert_refused(",size=1M", EBADMSG, "its gzip data ends early");
}

/* ---- FILE exists --------------------------------------------------------- */

/* Then nothing of the template matters, nor even whether there is one. */
static void file_exists(void **state)
{
	(void)state;
	make_file(BLOCK);
	assert_int_equal(open_with(""), 0);
	assert_string_equal(messages, "");
	assert_content(&store, BLOCK, BLOCK);
	assert_string_equal(fake.order, "L");
	flash_store_close(&store);
	assert_int_equal(mkdir(path_of(TEMPLATE), 0755), 0);
	assert_int_equal(open_with(",size=128K"), 0);
	assert_int_equal(store.persistent, BLOCK);
	flash_store_close(&store);
	assert_int_equal(truncate(PATH, 0), 0);
	assert_int_equal(open_with(""), -EINVAL);
	assert_said("f: is empty\n");
}

/* Somebody else makes it while we copy: theirs is the bank. */
static void rival(void **state)
{
	(void)state;
	make_template(128 * SZ_1K);
	fake.rival = true;
	assert_int_equal(open_with(""), 0);
	assert_content(&store, 4 * BLOCK, 4 * BLOCK);
	assert_int_equal(nr_files(), 2);
	flash_store_close(&store);
}

static void rival_without_links(void **state)
{
	(void)state;
	make_template(128 * SZ_1K);
	fake.rival = true;
	fake.link = EPERM;
	assert_int_equal(open_with(""), 0);
	assert_content(&store, 4 * BLOCK, 4 * BLOCK);
	assert_int_equal(nr_files(), 2);
	flash_store_close(&store);
}

static void rival_uses_it(void **state)
{
	(void)state;
	make_template(128 * SZ_1K);
	fake.rival = true;
	fake.locks = true;
	assert_int_equal(open_with(""), -EBUSY);
	assert_int_equal(nr_fatal, 1);
	assert_said("f: is in use");
	assert_int_equal(nr_files(), 2);
	assert_int_equal(file_bytes(), 4 * BLOCK);
	flash_store_close(&other);
}

/* There is a name, but nothing behind it: it is not ours to replace. */
static void dangling_link(void **state)
{
	(void)state;
	make_template(128 * SZ_1K);
	assert_int_equal(symlink("nowhere", PATH), 0);
	assert_int_equal(open_with(""), -ENOENT);
	assert_int_equal(nr_fatal, 1);
	assert_said("is a symbolic link to nowhere, which does not exist");
	assert_int_equal(nr_files(), 2);
	assert_int_equal(access(path_of("nowhere"), F_OK), -1);
}

static void temporary_name_is_taken(void **state)
{
	char name[64];

	(void)state;
	make_template(128 * SZ_1K);
	snprintf(name, sizeof(name), ".lkvm-%d-0", (int)getpid());
	assert_int_equal(mkdir(path_of(name), 0755), 0);
	assert_int_equal(open_with(""), 0);
	assert_content(&store, 128 * SZ_1K, 128 * SZ_1K);
	flash_store_close(&store);
	assert_int_equal(nr_files(), 3);
}

static void no_links_here(void **state)
{
	(void)state;
	make_template(128 * SZ_1K);
	fake.link = EPERM;
	assert_makes("", 128 * SZ_1K, 128 * SZ_1K);
	assert_int_equal(unlink(PATH), 0);
	fake.renameat2 = EINVAL;
	assert_refused("", EINVAL,
		       "f: unable to name the new file: Invalid arg");
}

/* ---- What goes wrong ----------------------------------------------------- */

static void bad_templates(void **state)
{
	int fd;

	(void)state;
	assert_refused("", ENOENT, "Unable to open template ");
	assert_int_equal(mkdir(path_of(TEMPLATE), 0755), 0);
	assert_refused("", EISDIR, "t: is a directory");
	rmdir(path_of(TEMPLATE));
	assert_int_equal(mkfifo(path_of(TEMPLATE), 0644), 0);
	alarm(20);
	assert_refused("", EINVAL, "t: is neither a file nor a block device");
	alarm(0);
	unlink(path_of(TEMPLATE));
	fd = open(path_of(TEMPLATE), O_CREAT | O_WRONLY, 0644);
	close(fd);
	assert_refused("", EINVAL, "t: is empty\n");
	assert_refused(",size=64K", EINVAL, "t: is empty\n");
	make_template(1000);
	assert_refused("", EINVAL, "t: has 1000 bytes, less than one erase");
}

static int check(void)
{
	struct flash_config config = config_with("f", "");
	int fd = next_fd(), ret;

	forget_messages();
	ret = flash_store_check(&config);
	assert_int_equal(next_fd(), fd);
	return ret;
}

/* Before there is a VM: only where the template will be read. */
static void checked_early(void **state)
{
	(void)state;
	assert_refusal(check(), ENOENT, "Unable to open template ");
	make_template(BLOCK);
	assert_int_equal(check(), 0);
	assert_int_equal(nr_files(), 1);
	unlink(path_of(TEMPLATE));
	make_file(BLOCK);
	assert_int_equal(check(), 0);
	unlink(PATH);
	make_template(BLOCK);
	assert_int_equal(symlink("nowhere", PATH), 0);
	assert_refusal(check(), ENOENT, "f: is a symbolic link to nowhere");
	assert_string_equal(fake.order, "");
}

static void bad_sizes(void **state)
{
	(void)state;
	make_template(BLOCK);
	assert_refused(",size=2M", EFBIG, "f: size=2097152: there is room");
	assert_refused(",size=4K", EINVAL, "f: size=4096: has to be");
}

/* A bank that is in use is no template: it changes as it is copied. */
static void template_in_use(void **state)
{
	struct flash_config config = config_of(TEMPLATE, "");

	(void)state;
	make_template(BLOCK);
	assert_int_equal(flash_store_open(&other, &config, BLOCK, WINDOW), 0);
	assert_refused("", EBUSY, "t: is in use by another");
	flash_store_close(&other);
	config.snapshot = true;
	assert_int_equal(flash_store_open(&other, &config, BLOCK, WINDOW), 0);
	assert_makes("", BLOCK, BLOCK);
	flash_store_close(&other);
}

static void medium_fails(void **state)
{
	(void)state;
	make_template(768 * SZ_1K);
	fake.pwrite = ENOSPC;
	assert_refused("", ENOSPC, "f: unable to make it from template ");
	assert_said("No space left on device");
	fake.pwrite = 0;
	fake.ftruncate = EFBIG;
	assert_refused("", EFBIG, "File too large");
	fake.ftruncate = 0;
	fake.fsync = EIO;
	assert_refused("", EIO, "Input/output error");
	fake.fsync = 0;
	fake.mmap = ENOMEM;
	assert_refused("", ENOMEM, "Cannot allocate memory");
	fake.mmap = 0;
	fake.link = fake.renameat2 = EACCES;
	assert_refused("", EACCES, "Permission denied");
	fake.link = fake.renameat2 = 0;
	assert_makes("", SZ_1M, 768 * SZ_1K);
}

static void no_folder(void **state)
{
	struct flash_config config = config_with("none/f", "");

	(void)state;
	make_template(BLOCK);
	assert_int_equal(flash_store_open(&store, &config, BLOCK, WINDOW),
			 -ENOENT);
	assert_int_equal(nr_fatal, 1);
	assert_said("none/f: unable to make it from template ");
	assert_said("No such file or directory");
}

static void nothing_is_left_open(void **state)
{
	int before = next_fd();

	(void)state;
	medium_fails(state);
	unlink(PATH);
	fake.rival = true;
	assert_int_equal(open_with(""), 0);
	flash_store_close(&store);
	assert_int_equal(next_fd(), before);
}

#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, setup, remove_dir)
#define NAMED_TEST(f) \
	cmocka_unit_test_setup_teardown(f, setup_named, remove_dir)
#define BOTH_TESTS(f) DIR_TEST(f), NAMED_TEST(f)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BOTH_TESTS(copy),
		DIR_TEST(nothing_to_leave),
		DIR_TEST(falls_back_to_a_name),
		BOTH_TESTS(order),
		BOTH_TESTS(padded),
		BOTH_TESTS(larger_template),
		BOTH_TESTS(holes),
		BOTH_TESTS(compressed),
		BOTH_TESTS(file_exists),
		BOTH_TESTS(rival),
		NAMED_TEST(rival_without_links),
		BOTH_TESTS(rival_uses_it),
		BOTH_TESTS(dangling_link),
		NAMED_TEST(temporary_name_is_taken),
		NAMED_TEST(no_links_here),
		BOTH_TESTS(bad_templates),
		DIR_TEST(checked_early),
		BOTH_TESTS(bad_sizes),
		BOTH_TESTS(template_in_use),
		BOTH_TESTS(medium_fails),
		BOTH_TESTS(no_folder),
		BOTH_TESTS(nothing_is_left_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
