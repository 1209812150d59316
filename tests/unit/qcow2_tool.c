/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JUDGE: tests/unit/qcow2_tool.py */
/* SOURCES: disk/open.c disk/lock.c disk/raw.c disk/disk.c disk/format.c */
/* SOURCES: disk/snapshot.c disk/qcow2/?*.c disk/qcow2_format.c util/zstd.c */
/* SOURCES: config/disk.c config/keyvalue.c util/parse.c util/names.c */
/* SOURCES: util/iov.c util/file.c util/log.c util/output.c */
/* WRAP: pwritev pwrite fdatasync ftruncate fallocate */
/*
 * usage: qcow2_tool DISK [RECORD]
 *
 * Opens a disk as `--disk DISK` does and does what stdin says, a line each:
 * "r OFFSET LENGTH" (the bytes go to stdout), "w OFFSET LENGTH SEED", "d", "z",
 * "u" (discard, zeroes, zeroes that unmap) with OFFSET LENGTH, "f" (flush),
 * "t SEED" and "x SEED" (several threads at once), "fail N ERRNO" (the Nth
 * write from now on fails), "m TEXT" (a mark in the record). Each is answered
 * by a line "0" or an errno. RECORD gets what was done to the file, in order.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/disk/disk.h"

#define MAX_LEN	   (8 * SZ_1M)
#define NR_THREADS 4
#define ROUNDS	   300

/* Little endian; `len` bytes follow a 'W'. */
struct record {
	char kind; /* Write, Truncate, Punch, Zero, Sync begins, synced, Mark */
	u8 pad[7];
	u64 offset, len;
};

static struct disk *disk;
static FILE *record;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static int fail_after, fail_with;
static u8 buf[MAX_LEN];

ssize_t __real_pwritev(int fd, const struct iovec *iov, int n, off_t at);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int n, off_t at);
ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ftruncate(int fd, off_t len);
int __wrap_ftruncate(int fd, off_t len);
int __real_fallocate(int fd, int mode, off_t at, off_t len);
int __wrap_fallocate(int fd, int mode, off_t at, off_t len);

static void note(char kind, u64 offset, u64 len, const struct iovec *iov, int n)
{
	const struct record r = { .kind = kind, .offset = offset, .len = len };

	if (!record)
		return;
	pthread_mutex_lock(&order);
	fwrite(&r, sizeof(r), 1, record);
	for (int i = 0; i < n; i++)
		fwrite(iov[i].iov_base, 1, iov[i].iov_len, record);
	pthread_mutex_unlock(&order);
}

static bool fails(void)
{
	if (!fail_after || --fail_after)
		return false;
	errno = fail_with;
	return true;
}

ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	ssize_t ret = fails() ? -1 : __real_pwritev(fd, iov, n, at);

	if (ret < 0)
		return ret;
	note('W', (u64)at, (u64)ret, iov, n);
	return ret;
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at)
{
	struct iovec iov = { (void *)(uintptr_t)data, len };

	return __wrap_pwritev(fd, &iov, 1, at);
}

int __wrap_fdatasync(int fd)
{
	int ret = fails() ? -1 : 0;

	/* No power is cut here: there is nothing to wait for. */
	(void)fd;
	if (!ret)
		note('S', 0, 0, NULL, 0);
	return ret;
}

int __wrap_ftruncate(int fd, off_t len)
{
	int ret = fails() ? -1 : __real_ftruncate(fd, len);

	if (!ret)
		note('T', (u64)len, 0, NULL, 0);
	return ret;
}

int __wrap_fallocate(int fd, int mode, off_t at, off_t len)
{
	int ret = fails() ? -1 : __real_fallocate(fd, mode, at, len);

	if (!ret)
		note('Z', (u64)at, (u64)len, NULL, 0);
	return ret;
}

/* As qcow2_tool.py does: a sector's number and the seed, repeated. */
static void fill(u8 *to, u64 offset, u64 len, u64 seed)
{
	for (u64 at = 0; at < len; at += 8) {
		u64 word = (offset + at) / DISK_SECTOR << 24 ^ seed;

		memcpy(to + at, &word, 8);
	}
}

/* Cut anywhere, as a guest may. */
static u32 cut(struct iovec *iov, u8 *data, u64 len)
{
	u64 first = len > 700 ? 700 : len / 2;

	iov[0] = (struct iovec) { data, first };
	iov[1] = (struct iovec) { data + first, len - first };
	return 2;
}

/* ---- Threads --------------------------------------------------------------
 */

/* Each has sectors of its own, every fourth, in clusters that all share. */
static void *work(void *arg)
{
	u64 n = (u64)(uintptr_t)arg % NR_THREADS;
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	u64 sectors = disk->size / DISK_SECTOR / NR_THREADS;
	u64 *last = calloc(sectors, sizeof(*last));

	for (u32 i = 0; last && i < ROUNDS; i++) {
		u64 sector = (u64)rand_r(&seed) % sectors;
		u64 at = (sector * NR_THREADS + n) * DISK_SECTOR;
		u64 data[DISK_SECTOR / 8], want[DISK_SECTOR / 8];
		struct iovec iov = { data, sizeof(data) };

		if (rand_r(&seed) % 3 == 0) {
			last[sector] = (u64)rand_r(&seed) + 1;
			fill((u8 *)data, at, sizeof(data), last[sector]);
			if (disk_write(disk, &iov, 1, at, sizeof(data)))
				abort();
		} else if (last[sector]) {
			fill((u8 *)want, at, sizeof(want), last[sector]);
			if (disk_read(disk, &iov, 1, at, sizeof(data)) ||
			    memcmp(data, want, sizeof(data)))
				abort();
		} else if (i % 16 == 0 && disk_flush(disk)) {
			abort();
		}
	}
	free(last);
	return NULL;
}

/*
 * The first two overwrite and discard the same content. The clusters that they
 * give up become those of the others, each of which has a part of the disk.
 */
static void *fight(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	u64 n = (u64)(uintptr_t)arg % NR_THREADS;
	u64 part = disk->size / NR_THREADS, len = SZ_64K;
	u64 at = n < 2 ? 0 : n * part;
	u8 *data = malloc(len), *want = malloc(len);

	for (u32 i = 0; data && want && i < ROUNDS; i++) {
		struct iovec iov = { data, len };
		u64 offset = at + (u64)rand_r(&seed) % (part / len) * len;

		fill(data, offset, len, n << 20 | i);
		memcpy(want, data, len);
		if ((n == 0 || n > 1) && disk_write(disk, &iov, 1, offset, len))
			abort();
		if (n == 1 && (disk_discard(disk, offset, len) ||
			       (i % 4 == 0 && disk_flush(disk))))
			abort();
		iov = (struct iovec) { data, len };
		if (n > 1 && (disk_read(disk, &iov, 1, offset, len) ||
			      memcmp(data, want, len)))
			abort();
		if (n > 1 && i % 2 && disk_discard(disk, offset, len))
			abort();
	}
	free(data);
	free(want);
	return NULL;
}

static int run_threads(void *(*work_of)(void *), u64 seed)
{
	pthread_t threads[NR_THREADS];

	for (u64 i = 0; i < NR_THREADS; i++)
		if (pthread_create(&threads[i], NULL, work_of,
				   (void *)(uintptr_t)(seed * NR_THREADS + i)))
			abort();
	for (u32 i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/* -------------------------------------------------------------------------- */

static int transfer(const char *op, u64 offset, u64 len, u64 seed)
{
	struct iovec iov[2];
	u32 n = cut(iov, buf, len);

	if (*op == 'r')
		return disk_read(disk, iov, n, offset, len);
	fill(buf, offset, len, seed);
	return disk_write(disk, iov, n, offset, len);
}

static int execute(const char *op, u64 a, u64 b, u64 c)
{
	if (b > MAX_LEN && (*op == 'r' || *op == 'w'))
		return -EINVAL;
	if (!strcmp(op, "r") || !strcmp(op, "w"))
		return transfer(op, a, b, c);
	if (!strcmp(op, "d"))
		return disk_discard(disk, a, b);
	if (!strcmp(op, "z") || !strcmp(op, "u"))
		return disk_write_zeroes(disk, a, b, *op == 'u');
	if (!strcmp(op, "f"))
		return disk_flush(disk);
	if (!strcmp(op, "t"))
		return run_threads(work, a);
	if (!strcmp(op, "x"))
		return run_threads(fight, a);
	if (!strcmp(op, "m"))
		note('M', a, 0, NULL, 0);
	else if (!strcmp(op, "fail")) {
		fail_after = (int)a;
		fail_with = (int)b;
	}
	return 0;
}

int main(int argc, char *argv[])
{
	struct disk_config config;
	char line[256], op[16];

	if (argc < 2 || disk_config_parse(&config, argv[1]))
		return 2;
	record = argc > 2 ? fopen(argv[2], "w") : NULL;
	if (disk_open(&config, &disk)) {
		disk_config_free(&config);
		return 1;
	}
	printf("%llu\n", (unsigned long long)disk->size);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		unsigned long long a = 0, b = 0, c = 0;
		int ret;

		if (sscanf(line, "%15s %llu %llu %llu", op, &a, &b, &c) < 1)
			continue;
		ret = execute(op, a, b, c);
		printf("%d\n", -ret);
		if (*op == 'r' && !ret)
			fwrite(buf, 1, b, stdout);
		fflush(stdout);
	}
	fail_after = 0;
	disk_close(disk);
	disk_config_free(&config);
	if (record)
		fclose(record);
	return 0;
}
