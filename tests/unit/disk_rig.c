/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>

#include "disk_rig.h"

struct disk_fake fake;
struct disk *disk;

ssize_t __real_preadv(int fd, const struct iovec *iov, int n, off_t offset);
ssize_t __wrap_preadv(int fd, const struct iovec *iov, int n, off_t offset);
ssize_t __real_pwritev(int fd, const struct iovec *iov, int n, off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int n, off_t offset);
ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);
int __wrap_fdatasync(int fd);
int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);

static int fail_with(int err)
{
	errno = err;
	return -1;
}

static int next_step(void)
{
	int step = fake.nr_steps ? *fake.steps : INT_MAX;

	fake.steps += !!fake.nr_steps;
	fake.nr_steps -= !!fake.nr_steps;
	return step;
}

/* As much of the buffers as the next step says. */
static ssize_t transfer(int fd, const struct iovec *iov, int n, off_t offset,
			ssize_t (*call)(int, const struct iovec *, int, off_t))
{
	struct iovec part[8];
	int step = next_step(), i;
	size_t left = step > 0 ? (size_t)step : 0;

	fake.transfers++;
	errno = step < 0 ? -step : EINTR; /* it has no meaning but with -1 */
	if (step <= 0)
		return step ? -1 : 0;
	assert_in_range(n, 1, ARRAY_SIZE(part));
	for (i = 0; i < n && left; i++) {
		part[i] = iov[i];
		part[i].iov_len = MIN(left, iov[i].iov_len);
		left -= part[i].iov_len;
	}
	return call(fd, part, i, offset);
}

ssize_t __wrap_preadv(int fd, const struct iovec *iov, int n, off_t offset)
{
	return transfer(fd, iov, n, offset, __real_preadv);
}

ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
	return transfer(fd, iov, n, offset, __real_pwritev);
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	if (++fake.pwrites == 2 && fake.pwrite)
		return fail_with(fake.pwrite);
	return __real_pwrite(fd, buf, len, offset);
}

int __wrap_fdatasync(int fd)
{
	(void)fd;
	fake.syncs++;
	return fake.fdatasync ? fail_with(fake.fdatasync) : 0;
}

/* Notes a change; nonzero if it is to fail. */
static int change(unsigned long how, u64 offset, u64 len)
{
	int step = next_step();

	fake.changes++;
	fake.how = how;
	fake.offset = offset;
	fake.len = len;
	if (step < 0)
		return fail_with(-step);
	return fake.refusal ? fail_with(fake.refusal) : 0;
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
	assert_false(fake.is_block);
	return change((unsigned long)mode, (u64)offset, (u64)len)
		       ? -1
		       : __real_fallocate(fd, mode, offset, len);
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	u64 range[2];

	(void)fd;
	assert_true(fake.is_block);
	if (request == BLKGETSIZE64) {
		*(u64 *)arg = SIZE;
		return 0;
	}
	if (request == BLKROGET) {
		*(int *)arg = 0;
		return 0;
	}
	if (request == BLKPBSZGET) {
		*(unsigned int *)arg = 4096;
		return 0;
	}
	memcpy(range, arg, sizeof(range));
	return change(request, range[0], range[1]);
}

int __wrap_fstat(int fd, struct stat *st)
{
	int ret = __real_fstat(fd, st);

	if (fake.is_block)
		st->st_mode = S_IFBLK | 0660;
	return ret;
}

void make_plan(const int *steps, size_t n)
{
	fake.steps = steps;
	fake.nr_steps = n;
}

void close_disk(void)
{
	disk_close(disk);
	disk = NULL;
}

void open_disk(bool readonly, bool is_block)
{
	static struct disk_config config;

	close_disk();
	make_file(SIZE);
	memset(&fake, 0, sizeof(fake));
	fake.is_block = is_block;
	config = (struct disk_config) { .path = lasting_path_of("f"),
					.readonly = readonly };
	assert_int_equal(disk_open(&config, &disk), 0);
	forget_messages();
}

int setup(void **state)
{
	int ret = make_dir(state);

	if (!ret)
		open_disk(false, false);
	return ret;
}

int teardown(void **state)
{
	close_disk();
	return remove_dir(state);
}

void assert_zeroes(u64 offset, u64 len)
{
	static u8 content[SIZE];

	assert_int_equal(file_bytes(), SIZE);
	read_file(0, content, SIZE);
	for (u64 i = 0; i < SIZE; i++)
		if (content[i] != (i - offset < len ? 0 : pattern(i)))
			fail_msg("byte %#lx: %#x", (long)i, content[i]);
}

void assert_no_calls(void)
{
	assert_int_equal(fake.transfers, 0);
	assert_int_equal(fake.syncs, 0);
	assert_int_equal(fake.changes, 0);
	assert_int_equal(fake.pwrites, 0);
}

int request(enum op op, u64 offset, u64 len)
{
	static u8 buf[512];
	struct iovec iov = { buf, sizeof(buf) };

	switch (op) {
	case READ:
		return disk_read(disk, &iov, 1, offset, len);
	case WRITE:
		return disk_write(disk, &iov, 1, offset, len);
	case DISCARD:
		return disk_discard(disk, offset, len);
	default:
		return disk_write_zeroes(disk, offset, len, op == UNMAP);
	}
}

#define NR_PARTS 5

static const size_t parts[NR_PARTS] = { 1, 511, 0, 1000, 536 };
static u8 memory[NR_PARTS][1024];

static void make_parts(struct iovec *iov, u8 (*byte)(u64), u64 first)
{
	memset(memory, 0xa5, sizeof(memory));
	for (u32 i = 0; i < NR_PARTS; i++) {
		iov[i] = (struct iovec) { memory[i], parts[i] };
		for (u32 k = 0; byte && k < parts[i]; k++)
			memory[i][k] = byte(first++);
	}
}

void assert_parts(u8 (*byte)(u64), u64 first)
{
	for (u32 i = 0; i < NR_PARTS; i++) {
		for (u32 k = 0; k < parts[i]; k++)
			assert_int_equal(memory[i][k], byte(first++));
		assert_true(is_filled(memory[i] + parts[i],
				      sizeof(memory[i]) - parts[i], 0xa5));
	}
}

int read_parts(u64 offset)
{
	struct iovec iov[NR_PARTS];

	make_parts(iov, NULL, 0);
	return disk_read(disk, iov, NR_PARTS, offset, DATA);
}

u8 other(u64 n)
{
	return (u8)~pattern(n);
}

int write_parts(u64 offset)
{
	struct iovec iov[NR_PARTS];

	make_parts(iov, other, offset);
	return disk_write(disk, iov, NR_PARTS, offset, DATA);
}

void assert_written(u64 offset)
{
	static u8 content[SIZE];

	assert_int_equal(file_bytes(), SIZE);
	read_file(0, content, SIZE);
	for (u64 i = 0; i < SIZE; i++)
		if (content[i] != (i - offset < DATA ? other(i) : pattern(i)))
			fail_msg("byte %#lx: %#x", (long)i, content[i]);
}
