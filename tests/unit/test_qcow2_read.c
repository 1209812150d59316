/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/qcow2_*.c util/file.c */
/* Images that are made here byte by byte: what a reader must take or refuse. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "lkvm/disk/qcow2_read.h"

/* Clusters of 512 bytes: a table of level 2 has 64 entries. */
#define BITS	9
#define CLUSTER 512UL
#define L2_SPAN (64 * CLUSTER)

#define L1 (1 * CLUSTER)
#define L2 (2 * CLUSTER)
#define A  (3 * CLUSTER)
#define B  (4 * CLUSTER)

static int fd;
static struct qcow2_reader *reader;
static const char *problem;
static u8 buf[4 * L2_SPAN];

static void put(u64 at, const void *data, size_t len)
{
	assert_int_equal(pwrite(fd, data, len, (off_t)at), len);
}

static void put32(u64 at, u32 value)
{
	value = htobe32(value);
	put(at, &value, sizeof(value));
}

static void put64(u64 at, u64 value)
{
	value = htobe64(value);
	put(at, &value, sizeof(value));
}

static void fill(u64 at, u8 value, size_t len)
{
	memset(buf, value, len);
	put(at, buf, len);
}

/* Two tables of level 2's worth of content, with one in place. */
static int setup(void **state)
{
	(void)state;
	fd = memfd_create("qcow2", MFD_CLOEXEC);
	assert_true(fd >= 0);
	reader = NULL;
	put(0, "QFI\xfb", 4);
	put32(4, 3);
	put32(20, BITS);
	put64(24, 2 * L2_SPAN);
	put32(36, 2);
	put64(40, L1);
	put32(96, 4);
	put32(100, 104);
	put64(L1, L2 | BIT(63));
	put64(L1 + 8, 0);
	fill(L2, 0, CLUSTER);
	fill(A, 0xaa, CLUSTER);
	fill(B, 0xbb, CLUSTER);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	qcow2_close(reader);
	close(fd);
	return 0;
}

static void open_good(void)
{
	qcow2_close(reader);
	reader = NULL;
	problem = NULL;
	assert_int_equal(qcow2_open(fd, &reader, &problem), 0);
}

static int read_at(u64 offset, size_t len)
{
	bool zeros;
	int ret;

	memset(buf, 0x5a, sizeof(buf));
	ret = qcow2_read(reader, buf, len, offset, &zeros);
	if (!ret && zeros)
		memset(buf, 0, len);
	return ret;
}

static void assert_bytes(size_t from, size_t to, u8 value)
{
	for (size_t i = from; i < to; i++)
		if (buf[i] != value)
			fail_msg("byte %zu is %#x, not %#x", i, buf[i], value);
}

static void assert_refused(const char *text)
{
	problem = NULL;
	assert_int_equal(qcow2_open(fd, &reader, &problem), -ENOTSUP);
	assert_non_null(strstr(problem, text));
	assert_null(reader);
}

/* ---- The header ---------------------------------------------------------- */

static void versions(void **state)
{
	(void)state;
	open_good();
	assert_int_equal(qcow2_size(reader), 2 * L2_SPAN);
	put32(4, 2);
	/* There are no such fields in version 2. */
	put64(72, UINT64_MAX);
	put32(100, 0);
	open_good();
	teardown(NULL);
	setup(NULL);
	put32(4, 4);
	assert_refused("unknown version");
	put32(4, 1);
	assert_refused("unknown version");
}

static void features(void **state)
{
	static const char *const texts[] = {
		"was not closed by the program that wrote it; repair it with "
		"\"qemu-img check -r all\"",
		"is marked as corrupt; repair it with",
		"has its data in another file; make a raw file of it with "
		"\"qemu-img convert -O raw\"",
		"is compressed with something else than zlib; make",
		"has extended L2 entries, which are not supported; make",
		"has features that are not supported; make",
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(texts); i++) {
		put64(72, BIT(i));
		assert_refused(texts[i]);
	}
	put64(72, BIT(63));
	assert_refused("has features that are not supported");
	/* Others are for who knows them. */
	put64(72, 0);
	put64(80, UINT64_MAX);
	put64(88, UINT64_MAX);
	open_good();
}

static void refused(void **state)
{
	(void)state;
	put64(8, 200);
	assert_refused("needs its backing file");
	put64(8, 0);
	put32(32, 2);
	assert_refused("is encrypted");
	put32(32, 0);
	open_good();
}

/* A word of the header, too small or too large, and the next to it that is not.
 */
static void nonsense(void **state)
{
	(void)state;
	put32(20, 8);
	assert_refused("has an invalid header");
	put32(20, 22);
	assert_refused("has an invalid header");
	put32(20, UINT32_MAX);
	assert_refused("has an invalid header");
	put32(20, BITS);
	put32(100, 103);
	assert_refused("has an invalid header");
	put32(100, 104);
	put64(24, BIT(63));
	assert_refused("has an invalid header");
	put64(24, BIT(63) - 1);
	assert_refused("too few L1 entries");
	put64(24, 2 * L2_SPAN + 1);
	assert_refused("too few L1 entries");
	put64(24, 2 * L2_SPAN);
	put64(40, BIT(63));
	assert_refused("has an invalid header");
	put64(40, UINT64_MAX);
	assert_refused("has an invalid header");
	put64(40, L1);
	open_good();
	assert_int_equal(ftruncate(fd, 103), 0);
	qcow2_close(reader);
	reader = NULL;
	assert_refused("ends within its header");
	assert_int_equal(ftruncate(fd, 71), 0);
	assert_refused("ends within its header");
	assert_int_equal(qcow2_open(-1, &reader, &problem), -EBADF);
}

/* ---- Clusters ------------------------------------------------------------ */

static void clusters(void **state)
{
	(void)state;
	put64(L2 + 8 * 1, A | BIT(63));
	put64(L2 + 8 * 2, B);
	put64(L2 + 8 * 3, A);
	put64(L2 + 8 * 4, B | 1); /* zero, though it has a place */
	put64(L2 + 8 * 63, B);
	open_good();
	assert_int_equal(read_at(0, 2 * L2_SPAN), 0);
	assert_bytes(0, 512, 0);
	assert_bytes(512, 1024, 0xaa);
	assert_bytes(1024, 1536, 0xbb);
	assert_bytes(1536, 2048, 0xaa);
	assert_bytes(2048, 63 * 512, 0);
	assert_bytes(63 * 512, L2_SPAN, 0xbb);
	assert_bytes(L2_SPAN, 2 * L2_SPAN, 0);
	assert_int_equal(read_at(1000, 1000), 0);
	assert_bytes(0, 24, 0xaa);
	assert_bytes(24, 536, 0xbb);
	assert_bytes(536, 1000, 0xaa);
	assert_bytes(1000, 1001, 0x5a);
	assert_int_equal(read_at(L2_SPAN - 1, 2), 0);
	assert_bytes(0, 1, 0xbb);
	assert_bytes(1, 2, 0);
}

static void zeros_are_told(void **state)
{
	bool zeros = false;

	(void)state;
	put64(L2 + 8 * 3, A);
	open_good();
	buf[0] = 0x5a;
	assert_int_equal(qcow2_read(reader, buf, 3 * CLUSTER, 0, &zeros), 0);
	assert_true(zeros);
	assert_int_equal(buf[0], 0x5a);
	assert_int_equal(qcow2_read(reader, buf, 3 * CLUSTER, 1, &zeros), 0);
	assert_false(zeros);
	assert_int_equal(qcow2_read(reader, buf, L2_SPAN, L2_SPAN, &zeros), 0);
	assert_true(zeros);
}

static void corrupt(void **state)
{
	(void)state;
	open_good();
	put64(L2, A + 512 * 1000); /* behind the file's end */
	assert_int_equal(read_at(0, 1), -EBADMSG);
	open_good();
	put64(L1, L2 + 512 * 1000);
	assert_int_equal(read_at(0, 1), -EBADMSG);
	put64(L1, 0x00fffffffffffe00);
	assert_int_equal(read_at(0, 1), -EBADMSG);
	/* One that is not there does not make the next one fail. */
	assert_int_equal(read_at(L2_SPAN, 1), 0);
	put64(40, 0x7fffff0000000000);
	open_good();
	assert_int_equal(read_at(0, 1), -EBADMSG);
	put64(40, L1);
	put64(L1, L2);
	put32(4, 2);
	put64(L2, A | 1); /* no such thing in version 2 */
	open_good();
	assert_int_equal(read_at(0, 1), -EBADMSG);
	assert_int_equal(read_at(CLUSTER, 1), 0);
}

static void misaligned(void **state)
{
	(void)state;
	put32(4, 3);
	put32(20, BITS + 1);
	put64(L1, 3 * CLUSTER);
	open_good();
	assert_int_equal(read_at(0, 1), -EBADMSG);
	put64(L1, 2 * CLUSTER);
	put64(L2, 5 * CLUSTER);
	assert_int_equal(read_at(0, 1), -EBADMSG);
}

/* ---- Compression --------------------------------------------------------- */

/* Puts `len` bytes, compressed, to `at` of the file. Returns how many. */
static size_t deflate_to(u64 at, const u8 *data, size_t len)
{
	static u8 out[4096];
	z_stream z = { .next_in = (u8 *)(uintptr_t)data,
		       .avail_in = (unsigned int)len,
		       .next_out = out,
		       .avail_out = sizeof(out) };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -12, 9, 0), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	put(at, out, z.total_out);
	return z.total_out;
}

/* With clusters of 512 bytes there are 61 bits of offset, one of sectors. */
#define PACKED(at, sectors) (BIT(62) | (u64)((sectors)-1) << 61 | (at))

static void compressed(void **state)
{
	u8 data[CLUSTER];

	(void)state;
	for (size_t i = 0; i < CLUSTER; i++)
		data[i] = (u8)(i * i >> 3);
	/* Over a sector's end, and short of one at the end of the file. */
	deflate_to(5 * CLUSTER - 20, data, CLUSTER);
	put64(L2, PACKED(5 * CLUSTER - 20, 2));
	put64(L2 + 8, B);
	put64(L2 + 16, PACKED(5 * CLUSTER - 20, 2));
	open_good();
	assert_int_equal(read_at(0, 3 * CLUSTER), 0);
	assert_memory_equal(buf, data, CLUSTER);
	assert_bytes(512, 512 + 400, 0xbb);
	assert_memory_equal(buf + 2 * CLUSTER, data, CLUSTER);
	assert_int_equal(read_at(100, 10), 0);
	assert_memory_equal(buf, data + 100, 10);
}

static void badly_compressed(void **state)
{
	u8 data[CLUSTER + 8] = { 0 };

	(void)state;
	/* A byte less than a cluster; more than one will do. */
	deflate_to(A, data, CLUSTER - 1);
	put64(L2, PACKED(A, 1));
	deflate_to(B, data, CLUSTER + 8);
	put64(L2 + 8, PACKED(B, 1));
	put64(L2 + 16, PACKED(A + BIT(60), 2));
	put64(L2 + 24, PACKED(L1, 2));
	open_good();
	assert_int_equal(read_at(0, 1), -EBADMSG);
	assert_int_equal(read_at(CLUSTER, CLUSTER), 0);
	assert_bytes(0, CLUSTER, 0);
	assert_int_equal(read_at(2 * CLUSTER, 1), -EBADMSG);
	assert_int_equal(read_at(3 * CLUSTER, 1), -EBADMSG);
	/* What was there before is not taken for it. */
	assert_int_equal(read_at(0, 1), -EBADMSG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(versions),		TEST(features),	  TEST(refused),
		TEST(nonsense),		TEST(clusters),	  TEST(zeros_are_told),
		TEST(corrupt),		TEST(misaligned), TEST(compressed),
		TEST(badly_compressed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
