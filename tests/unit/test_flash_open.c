/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/store.c hw/flash/open.c hw/flash/file.c */
/* SOURCES: hw/flash/template.c util/file.c util/gzip.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* WRAP: fstat ioctl fcntl lseek mmap pwrite */
/* Opening the file of a flash bank: sizes, kinds of files, locks, content. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "flash_fixture.h"

/* errno values with which the next calls shall fail, or 0. */
static struct {
	int fstat, ioctl, setlk, lseek, mmap, pwrite;
	u64 blkdev; /* bytes of the block device that the file shall be */
} fake;

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_ioctl(int fd, unsigned long request, u64 *arg);
int __real_fcntl(int fd, int cmd, void *arg);
int __wrap_fcntl(int fd, int cmd, void *arg);
off_t __real_lseek(int fd, off_t offset, int whence);
off_t __wrap_lseek(int fd, off_t offset, int whence);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t offset);
ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);

static bool fails(int err)
{
	errno = err ? err : errno;
	return err;
}

int __wrap_fstat(int fd, struct stat *st)
{
	int ret = fails(fake.fstat) ? -1 : __real_fstat(fd, st);

	if (!ret && fake.blkdev) {
		st->st_mode = S_IFBLK | 0660;
		st->st_size = 0;
	}
	return ret;
}

int __wrap_ioctl(int fd, unsigned long request, u64 *arg)
{
	(void)fd;
	assert_int_equal(request, _IOR(0x12, 114, size_t)); /* BLKGETSIZE64 */
	if (fails(fake.ioctl))
		return -1;
	*arg = fake.blkdev;
	return 0;
}

int __wrap_fcntl(int fd, int cmd, void *arg)
{
	if (cmd == F_OFD_SETLK && fails(fake.setlk))
		return -1;
	return __real_fcntl(fd, cmd, arg);
}

off_t __wrap_lseek(int fd, off_t offset, int whence)
{
	return fails(fake.lseek) ? -1 : __real_lseek(fd, offset, whence);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t offset)
{
	return fails(fake.mmap)
		       ? MAP_FAILED
		       : __real_mmap(addr, len, prot, flags, fd, offset);
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	return fails(fake.pwrite) ? -1 : __real_pwrite(fd, buf, len, offset);
}

static struct flash_store store;

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	forget_messages();
	return make_dir(state);
}

static int open_named(const char *name, const char *options)
{
	struct flash_config config = config_of(name, options);

	forget_messages();
	memset(&store, 0x5a, sizeof(store));
	return flash_store_open(&store, &config, BLOCK, WINDOW);
}

static int open_with(const char *options)
{
	return open_named("f", options);
}

/* Opens and closes: `size` bytes, of which the file has `persistent`. */
static void assert_opens(const char *options, u64 size, u64 persistent)
{
	if (open_with(options))
		fail_msg("not opened: %s", messages);
	assert_int_equal(store.persistent, persistent);
	assert_string_equal(store.path, PATH);
	assert_int_equal(nr_fatal, 0);
	assert_content(&store, size, persistent);
	flash_store_close(&store);
}

/* Refused, with one message that names the file and holds `text`. */
static void assert_refused(const char *name, const char *options, int err,
			   const char *text)
{
	assert_refusal(open_named(name, options), err, text);
	assert_said(path_of(name));
}

/* ---- Sizes --------------------------------------------------------------- */

static void size_of_file(void **state)
{
	(void)state;
	make_file(SZ_1M);
	assert_opens("", SZ_1M, SZ_1M);
	assert_string_equal(messages, "");
	make_file(BLOCK);
	assert_opens("", BLOCK, BLOCK);
	assert_string_equal(messages, "");
}

/* Whatever is mapped below it: a page is taken there each time. */
static void aligned_to_huge_pages(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *maps[3];

	(void)state;
	make_file(SZ_1M);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		maps[i] = mmap(NULL, page, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(maps[i], MAP_FAILED);
		assert_int_equal(open_with(""), 0);
		assert_true(IS_ALIGNED((uintptr_t)store.array, SZ_2M));
		flash_store_close(&store);
	}
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		munmap(maps[i], page);
}

static void empty(void **state)
{
	(void)state;
	make_file(0);
	assert_refused("f", "", EINVAL, "is empty");
	assert_said("create,size=");
	assert_refused("f", ",ro", EINVAL, "is empty\n");
	assert_refused("f", ",snapshot", EINVAL, "is empty\n");
	assert_refused("f", ",size=64K", EINVAL, "is empty; \",create,size=2M");
	assert_int_equal(file_bytes(), 0);
}

static void less_than_a_block(void **state)
{
	(void)state;
	make_file(BLOCK - 1);
	assert_refused("f", "", EINVAL,
		       "has 65535 bytes, less than one erase block (65536)");
	make_file(1);
	assert_refused("f", "", EINVAL, "has 1 bytes");
}

/* The first 2^n bytes are used; the message says which. */
static void not_a_power_of_2(void **state)
{
	(void)state;
	make_file(768 * SZ_1K);
	assert_opens("", 512 * SZ_1K, 512 * SZ_1K);
	assert_said("has 786432 bytes, not a power of two");
	assert_said("the first 524288 are used");
	assert_said("size=1048576");
	assert_said(PATH);
	assert_opens(",size=1M", SZ_1M, 768 * SZ_1K);
	make_file(BLOCK + 1);
	assert_opens("", BLOCK, BLOCK);
	assert_said("the first 65536 are used");
}

static void larger_than_window(void **state)
{
	(void)state;
	make_file(WINDOW + 1);
	assert_refused("f", "", EFBIG,
		       "has 1048577 bytes, there is room for 1048576");
	assert_opens(",size=1M", SZ_1M, SZ_1M);
	make_file(2 * WINDOW);
	assert_refused("f", "", EFBIG, "has 2097152 bytes");
}

static void size_larger_than_window(void **state)
{
	(void)state;
	make_file(BLOCK);
	assert_refused("f", ",size=2M", EFBIG,
		       "size=2097152: there is room for 1048576");
	assert_refused("f", ",size=4096G", EFBIG, "there is room for");
}

static void size_below_block(void **state)
{
	(void)state;
	make_file(BLOCK);
	assert_refused("f", ",size=32K", EINVAL,
		       "size=32768: has to be a power of two, at least an "
		       "erase block (65536)");
}

/* flash_config_parse() lets none through, but others may fill it in. */
static void size_not_a_power_of_2(void **state)
{
	struct flash_config config;

	(void)state;
	make_file(SZ_1M);
	config = config_of("f", "");
	config.size = 768 * SZ_1K;
	assert_int_equal(flash_store_open(&store, &config, BLOCK, WINDOW),
			 -EINVAL);
	assert_said("size=786432");
}

static void size_below_file(void **state)
{
	(void)state;
	make_file(SZ_1M);
	assert_opens(",size=128K", 128 * SZ_1K, 128 * SZ_1K);
	assert_said("has 1048576 bytes, the first 131072 are used");
	assert_opens(",create,size=128K", 128 * SZ_1K, 128 * SZ_1K);
	assert_int_equal(file_bytes(), SZ_1M);
}

/* The rest is erased flash; opening leaves the file as long as it is. */
static void size_above_file(void **state)
{
	(void)state;
	make_file(BLOCK + 100);
	assert_opens(",size=256K", 256 * SZ_1K, BLOCK + 100);
	assert_opens(",size=256K,ro", 256 * SZ_1K, BLOCK + 100);
	make_file(1);
	assert_opens(",size=64K", BLOCK, 1);
	assert_int_equal(file_bytes(), 1);
}

/* ---- create -------------------------------------------------------------- */

static void create_new(void **state)
{
	(void)state;
	assert_int_equal(open_with(",create,size=128K"), 0);
	assert_string_equal(messages, "");
	assert_int_equal(store.size, 128 * SZ_1K);
	assert_int_equal(store.persistent, 128 * SZ_1K);
	assert_int_equal(file_bytes(), 128 * SZ_1K);
	for (u64 i = 0; i < 128 * SZ_1K; i++)
		assert_int_equal(store.array[i], 0xff);
	assert_int_equal(file_byte(0), 0xff);
	assert_int_equal(file_byte(128 * SZ_1K - 1), 0xff);
	flash_store_close(&store);
}

/* An error leaves no file behind that was not there before. */
static void create_needs_size(void **state)
{
	(void)state;
	assert_refused("f", ",create", EINVAL, "create needs a size");
	assert_int_equal(access(PATH, F_OK), -1);
	make_file(0);
	assert_refused("f", ",create", EINVAL, "create needs a size");
	assert_int_equal(access(PATH, F_OK), 0);
}

static void create_bad_size_makes_nothing(void **state)
{
	(void)state;
	assert_refused("f", ",create,size=4K", EINVAL, "size=4096");
	assert_int_equal(access(PATH, F_OK), -1);
	assert_refused("f", ",create,size=2M", EFBIG, "size=2097152");
	assert_int_equal(access(PATH, F_OK), -1);
}

static void create_existing(void **state)
{
	(void)state;
	make_file(128 * SZ_1K);
	assert_opens(",create", 128 * SZ_1K, 128 * SZ_1K);
	assert_opens(",create,size=128K", 128 * SZ_1K, 128 * SZ_1K);
	assert_int_equal(file_bytes(), 128 * SZ_1K);
}

/* What is there stays; the new part is erased in the file as well. */
static void create_extends(void **state)
{
	static u8 data[SZ_1M];

	(void)state;
	make_file(BLOCK + 777);
	assert_int_equal(open_with(",create,size=1M"), 0);
	assert_int_equal(store.persistent, SZ_1M);
	assert_int_equal(file_bytes(), SZ_1M);
	read_file(0, data, SZ_1M);
	assert_memory_equal(data, store.array, SZ_1M);
	for (u64 i = 0; i < SZ_1M; i++)
		assert_int_equal(data[i], i < BLOCK + 777 ? pattern(i) : 0xff);
	flash_store_close(&store);
}

/* What was written to make the file wants to be made durable as well. */
static void create_is_dirty(void **state)
{
	bool dirty;

	(void)state;
	assert_int_equal(open_with(",create,size=1M"), 0);
	dirty = store.dirty;
	flash_store_close(&store);
	assert_true(dirty);
}

static void create_disk_full(void **state)
{
	(void)state;
	fake.pwrite = ENOSPC;
	assert_refused("f", ",create,size=1M", ENOSPC,
		       "unable to write 1048576 bytes: No space left");
	assert_int_equal(access(PATH, F_OK), -1);
	make_file(BLOCK);
	assert_refused("f", ",create,size=1M", ENOSPC, "unable to write");
	assert_int_equal(file_bytes(), BLOCK);
}

static void create_in_no_dir(void **state)
{
	(void)state;
	assert_refused("none/f", ",create,size=1M", ENOENT,
		       "No such file or directory");
}

/* ---- What is no flash ---------------------------------------------------- */

static void missing(void **state)
{
	(void)state;
	assert_refused("f", "", ENOENT, "No such file or directory");
	assert_said("create,size=");
	assert_refused("f", ",ro", ENOENT, "No such file or directory");
	assert_int_equal(access(PATH, F_OK), -1);
}

static void directory(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path_of("d"), 0755), 0);
	assert_refused("d", "", EISDIR, "is a directory");
	assert_refused("d", ",ro", EISDIR, "is a directory");
	assert_refused("d", ",create,size=1M", EISDIR, "is a directory");
}

/* Nobody is at the other end, and nobody is waited for. */
static void fifo(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path_of("p"), 0644), 0);
	alarm(20);
	assert_refused("p", "", EINVAL, "neither a file nor a block device");
	assert_refused("p", ",ro", EINVAL, "neither a file nor");
	alarm(0);
}

static void character_device(void **state)
{
	struct flash_config config = { .path = "/dev/full" };

	(void)state;
	assert_int_equal(flash_store_open(&store, &config, BLOCK, WINDOW),
			 -EINVAL);
	assert_said("flash /dev/full: is neither a file nor");
}

static void socket_file(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	strncpy(addr.sun_path, path_of("s"), sizeof(addr.sun_path) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_refused("s", "", ENXIO, "Unable to open flash");
	close(fd);
}

static void block_device(void **state)
{
	(void)state;
	make_file(SZ_1M);
	fake.blkdev = 256 * SZ_1K;
	fake.lseek = EINVAL;
	assert_opens("", 256 * SZ_1K, 256 * SZ_1K);
	fake.ioctl = EIO;
	assert_refused("f", "", EIO, "Input/output error");
}

static void no_status_of_file(void **state)
{
	(void)state;
	make_file(SZ_1M);
	fake.fstat = EIO;
	assert_refused("f", "", EIO, "Input/output error");
}

/* ---- Permissions --------------------------------------------------------- */

/*
 * Not root until be_root_again(), if root at all; the test is skipped where
 * there is nobody else to be.
 */
static bool dropped_root;

static void be_nobody(void)
{
	if (getuid())
		return;
	if (setresuid(65534, 65534, 0)) {
		print_message("cannot become nobody: %s\n", strerror(errno));
		skip();
	}
	dropped_root = true;
}

static void be_root_again(void)
{
	if (dropped_root)
		assert_int_equal(setresuid(0, 0, 0), 0);
	dropped_root = false;
}

/* As root as well: permission bits are how one says what not to touch. */
static void read_only_file(void **state)
{
	(void)state;
	make_file(BLOCK);
	assert_int_equal(chmod(PATH, 0444), 0);
	assert_refused("f", "", EACCES,
		       "is read-only: add \",ro\" to use it as it is");
	assert_refused("f", ",create,size=64K", EACCES, "is read-only");
	assert_opens(",ro", BLOCK, BLOCK);
}

static void read_only_file_of_another(void **state)
{
	int ret;

	(void)state;
	make_file(BLOCK);
	assert_int_equal(chmod(PATH, 0444), 0);
	be_nobody();
	ret = open_with("");
	be_root_again();
	assert_int_equal(ret, -EACCES);
	assert_said("is read-only: add \",ro\"");
	be_nobody();
	ret = open_with(",ro");
	be_root_again();
	assert_int_equal(ret, 0);
	flash_store_close(&store);
}

/* Here ",ro" would be the wrong advice. */
static void unreadable(void **state)
{
	int ret;

	(void)state;
	make_file(BLOCK);
	assert_int_equal(chmod(PATH, 0200), 0);
	be_nobody();
	ret = open_with("");
	be_root_again();
	assert_int_equal(ret, -EACCES);
	assert_int_equal(nr_fatal, 1);
	assert_said(PATH);
	assert_said("Permission denied");
	assert_null(strstr(messages, "add \",ro\""));
	be_nobody();
	ret = open_with(",ro");
	be_root_again();
	assert_int_equal(ret, -EACCES);
	assert_said("Permission denied");
}

/* ---- Locks --------------------------------------------------------------- */

static void lock_conflicts(void **state)
{
	static const struct {
		const char *first, *second;
		int ret;
	} cases[] = {
		{ "", "", -EBUSY },
		{ "", ",ro", -EBUSY },
		{ ",ro", "", -EBUSY },
		{ ",ro", ",ro", 0 },
		{ "", ",create,size=1M", -EBUSY },
	};
	struct flash_store first;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_file(BLOCK);
		assert_int_equal(open_with(cases[i].first), 0);
		first = store;
		assert_int_equal(open_with(cases[i].second), cases[i].ret);
		if (cases[i].ret) {
			assert_said(PATH);
			assert_said("is in use by another");
		} else {
			flash_store_close(&store);
		}
		flash_store_close(&first);
		assert_int_equal(file_bytes(), BLOCK);
		assert_opens("", BLOCK, BLOCK);
	}
}

/* Where locks do not work the user is told, and goes on. */
static void no_locks_here(void **state)
{
	(void)state;
	make_file(BLOCK);
	fake.setlk = ENOLCK;
	assert_opens("", BLOCK, BLOCK);
	assert_said("unable to lock it (No locks available)");
	assert_said(PATH);
}

static void lock_is_not_inherited(void **state)
{
	(void)state;
	make_file(BLOCK);
	assert_int_equal(open_with(""), 0);
	assert_true(fcntl(store.fd, F_GETFD) & FD_CLOEXEC);
	flash_store_close(&store);
	assert_int_equal(store.fd, -1);
	assert_null(store.array);
	assert_null(store.path);
}

/* ---- Content ------------------------------------------------------------- */

static void no_seek_data_here(void **state)
{
	(void)state;
	make_file(BLOCK);
	fake.lseek = EINVAL;
	assert_opens("", BLOCK, BLOCK);
}

/* The file became shorter between fstat(2) and here. */
static void cut_short(void **state)
{
	(void)state;
	make_file(BLOCK);
	fake.blkdev = 2 * BLOCK;
	fake.lseek = EINVAL;
	assert_refused("f", "", ENODATA, "unable to read it");
}

static void no_memory(void **state)
{
	(void)state;
	make_file(BLOCK);
	fake.mmap = ENOMEM;
	assert_refused("f", "", ENOMEM, "Cannot allocate memory");
}

/* Nothing is left to close: the lock is gone with the descriptor. */
static void failure_leaves_nothing(void **state)
{
	int before = next_fd();

	(void)state;
	make_file(BLOCK);
	fake.mmap = ENOMEM;
	assert_refused("f", "", ENOMEM, "");
	fake.mmap = 0;
	assert_refused("f", ",size=2M", EFBIG, "");
	assert_int_equal(next_fd(), before);
	assert_opens("", BLOCK, BLOCK);
}

static void ro_opens_for_reading(void **state)
{
	(void)state;
	make_file(BLOCK);
	assert_int_equal(open_with(",ro"), 0);
	assert_true(store.readonly);
	assert_int_equal(fcntl(store.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	flash_store_close(&store);
	assert_int_equal(open_with(""), 0);
	assert_false(store.readonly);
	assert_int_equal(fcntl(store.fd, F_GETFL) & O_ACCMODE, O_RDWR);
	flash_store_close(&store);
}

#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, setup, remove_dir)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		DIR_TEST(size_of_file),
		DIR_TEST(aligned_to_huge_pages),
		DIR_TEST(empty),
		DIR_TEST(less_than_a_block),
		DIR_TEST(not_a_power_of_2),
		DIR_TEST(larger_than_window),
		DIR_TEST(size_larger_than_window),
		DIR_TEST(size_below_block),
		DIR_TEST(size_not_a_power_of_2),
		DIR_TEST(size_below_file),
		DIR_TEST(size_above_file),
		DIR_TEST(create_new),
		DIR_TEST(create_needs_size),
		DIR_TEST(create_bad_size_makes_nothing),
		DIR_TEST(create_existing),
		DIR_TEST(create_extends),
		DIR_TEST(create_is_dirty),
		DIR_TEST(create_disk_full),
		DIR_TEST(create_in_no_dir),
		DIR_TEST(missing),
		DIR_TEST(directory),
		DIR_TEST(fifo),
		DIR_TEST(character_device),
		DIR_TEST(socket_file),
		DIR_TEST(block_device),
		DIR_TEST(no_status_of_file),
		DIR_TEST(read_only_file),
		DIR_TEST(read_only_file_of_another),
		DIR_TEST(unreadable),
		DIR_TEST(lock_conflicts),
		DIR_TEST(no_locks_here),
		DIR_TEST(lock_is_not_inherited),
		DIR_TEST(no_seek_data_here),
		DIR_TEST(cut_short),
		DIR_TEST(no_memory),
		DIR_TEST(failure_leaves_nothing),
		DIR_TEST(ro_opens_for_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
