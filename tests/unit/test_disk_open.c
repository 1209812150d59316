/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/open.c disk/lock.c disk/raw.c disk/disk.c disk/format.c */
/* SOURCES: disk/qcow2/?*.c disk/qcow2_format.c util/zstd.c */
/* SOURCES: util/iov.c util/file.c tests/unit/flash_fixture.c disk/snapshot.c */
/* SOURCES: tests/unit/qcow2_fixture.c */
/* WRAP: open fstat ioctl pread malloc */
/* What can be opened as a disk, and what the user is told of the rest. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flash_fixture.h"
#include "lkvm/disk/disk.h"
#include "qcow2_fixture.h"

#define NOBODY 65534 /* a user, and a group */

#define RW	 0
#define RO	 1
#define SNAPSHOT 4
#define RAW	 2 /* format=raw */
#define QCOW2	 8 /* format=qcow2 */

/* errno values with which calls fail, or 0; and what they say. */
static struct {
	int open, fstat, pread, ioctl;
	bool no_memory;
	unsigned long request; /* of the ioctl() that fails */
	u64 blkdev;	       /* bytes of the device that the file is */
	bool readonly;	       /* it is set to be so */
	unsigned int block;    /* its blocks, or the file's unless 0 */
	int flags;	       /* of the last open() */
} fake;

static struct disk *disk;

int __real_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode);
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
ssize_t __real_pread(int fd, void *buf, size_t len, off_t offset);
ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t offset);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static bool fails(int err)
{
	errno = err ? err : errno;
	return err;
}

int __wrap_open(const char *path, int flags, mode_t mode)
{
	fake.flags = flags;
	return fails(fake.open) ? -1 : __real_open(path, flags, mode);
}

int __wrap_fstat(int fd, struct stat *st)
{
	int ret = fails(fake.fstat) ? -1 : __real_fstat(fd, st);

	if (!ret && fake.blkdev) {
		st->st_mode = S_IFBLK | 0660;
		st->st_size = 0;
	}
	if (!ret && fake.block)
		st->st_blksize = fake.blkdev ? 1024 : (blksize_t)fake.block;
	return ret;
}

ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t offset)
{
	return fails(fake.pread) ? -1 : __real_pread(fd, buf, len, offset);
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	if (request == fake.request && fails(fake.ioctl))
		return -1;
	if (request == BLKGETSIZE64)
		*(u64 *)arg = fake.blkdev;
	else if (request == BLKPBSZGET)
		*(unsigned int *)arg = fake.block;
	else if (request == BLKROGET)
		*(int *)arg = fake.readonly;
	else
		fail_msg("request %#lx", request);
	return 0;
}

void *__wrap_malloc(size_t size)
{
	return fake.no_memory ? NULL : __real_malloc(size);
}

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	forget_messages();
	return make_dir(state);
}

static void close_disk(void)
{
	disk_close(disk);
	disk = NULL;
}

static int teardown(void **state)
{
	close_disk();
	return seteuid(getuid()) ? -1 : remove_dir(state);
}

static int open_path(const char *path, int how)
{
	static struct disk_config config;

	config = (struct disk_config) {
		.path = path,
		.readonly = how & RO,
		.snapshot = how & SNAPSHOT,
		.format = how & RAW	? DISK_CONFIG_RAW
			  : how & QCOW2 ? DISK_CONFIG_QCOW2
					: DISK_CONFIG_UNKNOWN,
	};
	close_disk();
	forget_messages();
	return disk_open(&config, &disk);
}

static int open_named(const char *name, int how)
{
	return open_path(lasting_path_of(name), how);
}

/* Refused, with one message about the file, and nothing is left open. */
static void assert_bad(const char *name, int how, int err, const char *text)
{
	char begin[600];
	int fd;

	close_disk();
	fd = next_fd();
	assert_refusal(open_named(name, how), err, text);
	snprintf(begin, sizeof(begin), "disk %s: ", path_of(name));
	assert_memory_equal(messages, begin, strlen(begin));
	assert_null(disk);
	assert_int_equal(next_fd(), fd);
}

static void assert_good(int how, u64 size)
{
	assert_int_equal(open_named("f", how), 0);
	assert_string_equal(disk->path, PATH);
	assert_int_equal(disk->size, size);
	assert_int_equal(disk->readonly, how & RO);
}

/* -------------------------------------------------------------------------- */

/* Neither made nor emptied; no terminal, and nothing that waits. */
static void opened(void **state)
{
	(void)state;
	make_file(4096);
	assert_good(RW, 4096);
	assert_int_equal(fake.flags,
			 O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	assert_good(RO, 4096);
	assert_int_equal(fake.flags,
			 O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	assert_good(RW | RAW, 4096);
	assert_good(RO | RAW, 4096);
	assert_string_equal(messages, "");
	assert_int_equal(file_bytes(), 4096);
}

/* lkvm may have been started without a standard input. */
static void descriptor_0(void **state)
{
	int saved = dup(0), ret;
	bool opened_it;

	(void)state;
	make_file(512);
	close(0);
	ret = open_named("f", RW);
	opened_it = disk;
	close_disk();
	dup2(saved, 0);
	close(saved);
	assert_int_equal(ret, 0);
	assert_true(opened_it);
	assert_string_equal(messages, "");
}

static void missing(void **state)
{
	(void)state;
	for (int how = RW; how <= RO; how++) {
		assert_bad("none", how, ENOENT,
			   "unable to open it: No such file or directory\n");
		assert_bad("none/f", how, ENOENT,
			   "unable to open it: No such file or directory\n");
	}
	make_file(512);
	assert_bad("f/x", RW, ENOTDIR, "unable to open it: Not a directory");
	assert_int_equal(access(path_of("none"), F_OK), -1);
}

static void links(void **state)
{
	(void)state;
	assert_int_equal(symlink("f", path_of("link")), 0);
	for (int how = RW; how <= RO; how++)
		assert_bad("link", how, ENOENT,
			   "is a symbolic link to f, which does not exist\n");
	make_file(512);
	assert_int_equal(open_named("link", RW), 0);
	/* It is no link's fault that a file cannot be opened. */
	fake.open = ENOENT;
	assert_bad("link", RW, ENOENT, "unable to open it: No such file");
	fake.open = EIO;
	assert_int_equal(unlink(PATH), 0);
	assert_bad("link", RW, EIO, "unable to open it: Input/output error");
}

#define DIRECTORY \
	"is a directory; --root starts a kernel with one, --9p shares it\n"

static void directory(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path_of("d"), 0755), 0);
	assert_bad("d", RW, EISDIR, DIRECTORY);
	assert_bad("d", RO, EISDIR, DIRECTORY);
	assert_bad("d", RO | RAW, EISDIR, DIRECTORY);
}

/* A FIFO without another end is not waited for. */
static void other_kinds(void **state)
{
	static const char text[] = "is neither a file nor a block device\n";

	(void)state;
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	assert_int_equal(symlink("/dev/null", path_of("null")), 0);
	for (int how = RW; how <= (RO | RAW); how++) {
		assert_bad("fifo", how, EINVAL, text);
		assert_bad("null", how, EINVAL, text);
	}
}

static void no_permission(void **state)
{
	static const int errors[] = { EACCES, EROFS, EPERM };

	(void)state;
	make_file(512);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		fake.open = errors[i];
		assert_bad("f", RW, errors[i],
			   "is read-only: add \",ro\" to use it as it is, or "
			   "\",snapshot\" for changes that are thrown away\n");
		assert_bad("f", RO, errors[i], "unable to open it: ");
		assert_said(strerror(errors[i]));
	}
	fake.open = ENXIO;
	assert_bad("f", RW, ENXIO, "unable to open it: No such device or addr");
}

/* Root is not root for a while: teardown() ends that. */
static void mode_bits(void **state)
{
	(void)state;
	make_file(512);
	assert_int_equal(chmod(PATH, 0400), 0);
	if (!geteuid() && (chown(PATH, NOBODY, NOBODY) || seteuid(NOBODY)))
		skip();
	assert_bad("f", RW, EACCES, "is read-only: add \",ro\"");
	assert_good(RO, 512);
	assert_good(SNAPSHOT, 512);
	assert_string_equal(messages, "");
}

static void unreadable(void **state)
{
	(void)state;
	make_file(512);
	fake.fstat = EIO;
	assert_bad("f", RW, EIO, "unable to read it: Input/output error\n");
	fake.fstat = 0;
	fake.pread = ENXIO;
	assert_bad("f", RW, ENXIO, "unable to read it: No such device or addr");
	assert_bad("f", RO | RAW, ENXIO, "unable to read it: No such device");
}

static void out_of_memory(void **state)
{
	int fd = next_fd();

	(void)state;
	make_file(512);
	fake.no_memory = true;
	assert_refusal(open_named("f", RW), ENOMEM, "out of memory\n");
	fake.no_memory = false;
	assert_null(disk);
	assert_int_equal(next_fd(), fd);
}

/* Neither the file nor its locks are left, nor a disk that was begun. */
static void no_place_for_changes(void **state)
{
	(void)state;
	make_file(512);
	setenv("TMPDIR", path_of("missing"), 1);
	assert_bad("f", SNAPSHOT, ENOENT,
		   "no place for changes: No such file or directory: TMPDIR");
	unsetenv("TMPDIR");
	assert_good(SNAPSHOT, 512);
}

/* ---- Sizes --------------------------------------------------------------- */

static void empty(void **state)
{
	char text[600];

	(void)state;
	make_file(0);
	snprintf(text, sizeof(text),
		 "is empty: \"truncate -s 8G %s\" makes it a disk of 8 GiB\n",
		 PATH);
	assert_bad("f", RW, EINVAL, text);
	assert_bad("f", RO | RAW, EINVAL, text);
}

static void less_than_a_sector(void **state)
{
	(void)state;
	make_file(1);
	assert_bad("f", RW, EINVAL, "has 1 bytes, less than one sector\n");
	make_file(511);
	assert_bad("f", RO, EINVAL, "has 511 bytes, less than one sector\n");
}

/* The rest is not the disk's: it stays as it is. */
static void parts_of_sectors(void **state)
{
	static const struct {
		u64 bytes, size;
		const char *text;
	} cases[] = {
		{ 513, 512,
		  "has 513 bytes, the last 1 of which are no whole "
		  "sector and not seen by the guest\n" },
		{ 1023, 512, "has 1023 bytes, the last 511 of which" },
		{ 5000, 4608, "has 5000 bytes, the last 392 of which" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_file(cases[i].bytes);
		assert_good(RW, cases[i].size);
		assert_said(cases[i].text);
		assert_int_equal(nr_fatal, 0);
		assert_int_equal(file_bytes(), cases[i].bytes);
		assert_good(RO, cases[i].size);
		assert_said(cases[i].text);
	}
}

static void whole_sectors(void **state)
{
	static const u64 sizes[] = { 512, 1024, 4608, SZ_64K };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_file(sizes[i]);
		assert_good(RW, sizes[i]);
		assert_string_equal(messages, "");
	}
}

static const struct {
	unsigned int says, block;
} blocks[] = {
	{ 512, 512 },	    { 1024, 1024 },	    { 4096, 4096 },
	{ SZ_64K, SZ_64K }, { 2 * SZ_64K, SZ_64K }, { SZ_1M, SZ_64K },
	{ 1, 512 },	    { 256, 512 },	    { 3000, 512 },
	{ 12288, 512 },
};

static void block_of_a_file(void **state)
{
	(void)state;
	make_file(SZ_64K);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		fake.block = blocks[i].says;
		assert_good(RW, SZ_64K);
		assert_int_equal(disk->block, blocks[i].block);
	}
}

static void block_device(void **state)
{
	(void)state;
	make_file(SZ_64K);
	fake.blkdev = 5ULL << 40;
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		fake.block = blocks[i].says;
		assert_good(RW, 5ULL << 40);
		assert_int_equal(disk->block, blocks[i].block);
	}
	fake.block = 0;
	assert_good(RO, 5ULL << 40);
	assert_int_equal(disk->block, 512);
	assert_string_equal(messages, "");
}

static void unreadable_device(void **state)
{
	static const unsigned long requests[] = { BLKGETSIZE64, BLKPBSZGET,
						  BLKROGET };

	(void)state;
	make_file(512);
	fake.blkdev = SZ_1M;
	fake.ioctl = ENOTTY;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		fake.request = requests[i];
		assert_bad("f", RW, ENOTTY, "unable to read it: Inappropriate");
		assert_bad("f", RO, ENOTTY, "unable to read it: Inappropriate");
	}
}

/* By blockdev --setro, say: it is opened, and fails when it is written to. */
static void readonly_device(void **state)
{
	(void)state;
	make_file(512);
	fake.blkdev = SZ_1M;
	fake.readonly = true;
	assert_bad("f", RW, EROFS,
		   "is read-only: add \",ro\" to use it as it is, or "
		   "\",snapshot\" for changes that are thrown away\n");
	assert_good(RO, SZ_1M);
	assert_string_equal(messages, "");
}

/* ---- Formats ------------------------------------------------------------- */

static void write_magic(const char *magic, size_t len)
{
	FILE *f = fopen(PATH, "r+");

	assert_non_null(f);
	assert_int_equal(fwrite(magic, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* Its header may come from a guest to which it is a raw disk. */
static void other_format(void **state)
{
	static const char qcow2[] = "QFI\xfb\0\0\0\3";
	static const char qcow2_text[] =
		"is in qcow2 format, or looks so: add \",format=qcow2\" to use "
		"it as that, or \",format=raw\" if it is raw\n";
	char text[2000];

	(void)state;
	make_file(1024);
	write_magic(qcow2, 8);
	assert_bad("f", RW, EINVAL, qcow2_text);
	assert_bad("f", RO, EINVAL, qcow2_text);
	assert_good(RW | RAW, 1024);
	assert_string_equal(messages, "");
	assert_good(RO | RAW, 1024);
	make_file(1024);
	write_magic("\xfd\x37zXZ", 6);
	snprintf(text, sizeof(text),
		 "is in xz format, not raw; \"xz -dc %s >%s.raw\" converts it; "
		 "if it is raw all the same, add \",format=raw\"\n",
		 PATH, PATH);
	assert_bad("f", RW, EINVAL, text);
}

/* The option decides, not the content; tests/unit/qcow2_tool.py has the rest.
 */
static void qcow2(void **state)
{
	(void)state;
	make_file(1024);
	assert_bad("f", RW | QCOW2, EINVAL, "is not in qcow2 format\n");
	assert_bad("f", SNAPSHOT | QCOW2, EINVAL, "is not in qcow2 format\n");
	make_file(0);
	assert_bad("f", RW | QCOW2, EINVAL, "the file ends within it");
	make_qcow2_disk(PATH);
	assert_bad("f", RW, EINVAL, "is in qcow2 format, or looks so");
	assert_good(RO | QCOW2, 512);
	assert_int_equal(disk->cluster, SZ_4K);
	fake.no_memory = true;
	close_disk();
	assert_refusal(open_named("f", RO | QCOW2), ENOMEM, "out of memory");
	fake.no_memory = false;
	qcow2_set(PATH, QCOW2_FEATURES, 1);
	assert_bad("f", RO | QCOW2, EINVAL, "-r all");
}

/* It becomes larger where a file does, and no device does. */
static void qcow2_on_a_device(void **state)
{
	u8 sector[DISK_SECTOR];
	struct iovec iov = { sector, sizeof(sector) };

	(void)state;
	make_qcow2_disk(PATH);
	fake.blkdev = file_bytes();
	assert_good(QCOW2, 512);
	assert_int_equal(disk_read(disk, &iov, 1, 0, sizeof(sector)), 0);
	assert_string_equal((char *)sector, "content");
	iov = (struct iovec) { sector, sizeof(sector) };
	assert_int_equal(disk_write(disk, &iov, 1, 0, sizeof(sector)), 0);
	assert_int_equal(disk_flush(disk), 0);
	/* As if an internal snapshot had it, too: it has to be copied. */
	qcow2_set(PATH, QCOW2_L2, 0x3000);
	assert_good(QCOW2, 512);
	iov = (struct iovec) { sector, sizeof(sector) };
	assert_int_equal(disk_write(disk, &iov, 1, 0, sizeof(sector)), -ENOSPC);
	fake.blkdev = 0;
	assert_good(QCOW2, 512);
	iov = (struct iovec) { sector, sizeof(sector) };
	assert_int_equal(disk_write(disk, &iov, 1, 0, sizeof(sector)), 0);
	close_disk();
	assert_int_equal(file_bytes(), 0x7000);
}

/* The format is a device's, too. */
static void other_format_on_a_device(void **state)
{
	(void)state;
	make_file(1024);
	write_magic("QFI\xfb\0\0\0\2", 8);
	fake.blkdev = SZ_1M;
	assert_bad("f", RW, EINVAL, "is in qcow2 format");
	assert_good(RW | RAW, SZ_1M);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(opened),
		TEST(descriptor_0),
		TEST(missing),
		TEST(links),
		TEST(directory),
		TEST(other_kinds),
		TEST(no_permission),
		TEST(mode_bits),
		TEST(unreadable),
		TEST(out_of_memory),
		TEST(no_place_for_changes),
		TEST(empty),
		TEST(less_than_a_sector),
		TEST(parts_of_sectors),
		TEST(whole_sectors),
		TEST(block_of_a_file),
		TEST(block_device),
		TEST(unreadable_device),
		TEST(readonly_device),
		TEST(other_format),
		TEST(other_format_on_a_device),
		TEST(qcow2),
		TEST(qcow2_on_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
