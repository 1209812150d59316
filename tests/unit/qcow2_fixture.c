/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "qcow2_fixture.h"

#define CLUSTER SZ_4K
#define L1	CLUSTER
#define DATA	(3 * CLUSTER)

static void put(int fd, u64 offset, const void *data, size_t len)
{
	assert_int_equal(pwrite(fd, data, len, (off_t)offset), len);
}

static void put64(int fd, u64 offset, u64 value)
{
	value = htobe64(value);
	put(fd, offset, &value, sizeof(value));
}

static bool is_zero(const u8 *data, size_t len)
{
	return !data[0] && !memcmp(data, data + 1, len - 1);
}

static void put_clusters(int fd, const u8 *data, u64 size)
{
	u64 end = DATA;

	for (u64 at = 0; at < size; at += CLUSTER) {
		size_t len = MIN(CLUSTER, size - at);

		if (is_zero(data + at, len))
			continue;
		put64(fd, QCOW2_L2 + at / CLUSTER * 8, end | BIT(63));
		put(fd, end, data + at, len);
		end += CLUSTER;
	}
	assert_int_equal(ftruncate(fd, (off_t)end), 0);
}

void make_qcow2(const char *path, const u8 *data, u64 size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	assert_true(fd >= 0);
	put64(fd, 0, 0x514649fb00000003);
	put64(fd, 16, 12); /* cluster_bits */
	put64(fd, 24, size);
	put64(fd, 32, 1); /* entries of level 1 */
	put64(fd, 40, L1);
	put64(fd, 96, 0x400000068); /* refcounts of 2^4 bits; header's bytes */
	put64(fd, L1, QCOW2_L2 | BIT(63));
	put_clusters(fd, data, size);
	close(fd);
}

void qcow2_set(const char *path, u64 offset, u64 value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	put64(fd, offset, value);
	close(fd);
}

void make_qcow2_disk(const char *path)
{
	static const u8 content[512] = "content";

	make_qcow2(path, content, sizeof(content));
	assert_int_equal(truncate(path, 0x6000), 0);
	qcow2_set(path, QCOW2_REFCOUNTS, 0x4000);
	qcow2_set(path, QCOW2_REFCOUNT_CLUSTERS, 1ULL << 32);
	qcow2_set(path, 0x4000, 0x5000);
	qcow2_set(path, 0x5000, 0x0001000100010001);
	qcow2_set(path, 0x5008, 0x0001000100000000);
}
