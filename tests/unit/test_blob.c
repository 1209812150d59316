/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/blob.c */
/* WRAP: realloc */
/* Bytes under construction: order, limits, and errors that are kept. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/util/blob.h"

static bool no_memory;

void *__wrap_realloc(void *p, size_t size);
void *__real_realloc(void *p, size_t size);

void *__wrap_realloc(void *p, size_t size)
{
	return no_memory ? NULL : __real_realloc(p, size);
}

static int setup(void **state)
{
	static struct blob blob;

	blob = (struct blob) { .limit = 1000 };
	no_memory = false;
	*state = &blob;
	return 0;
}

static int teardown(void **state)
{
	struct blob *blob = *state;

	blob_free(blob);
	assert_null(blob->data);
	assert_int_equal(blob->err, 0);
	assert_int_equal(blob->size, 0);
	return 0;
}

static void expect(const struct blob *blob, const char *bytes, size_t len)
{
	assert_int_equal(blob->err, 0);
	assert_int_equal(blob->size, len);
	assert_memory_equal(blob->data, bytes, len);
}

static void little_endian(void **state)
{
	struct blob *blob = *state;

	blob_add_u8(blob, 0x12);
	blob_add_u16(blob, 0x3456);
	blob_add_u32(blob, 0x789abcde);
	blob_add_u64(blob, 0x0123456789abcdef);
	expect(blob,
	       "\x12\x56\x34\xde\xbc\x9a\x78\xef\xcd\xab\x89\x67\x45\x23\x01",
	       15);
}

static void text(void **state)
{
	struct blob *blob = *state;

	blob_add_string(blob, "ab");
	blob_add_field(blob, "cd", 4);
	blob_add_field(blob, "full", 4);
	blob_add_string(blob, "");
	expect(blob, "ab\0cd\0\0full\0", 12);
	blob_add_field(blob, "fives", 4);
	assert_int_equal(blob->err, -E2BIG);
	assert_int_equal(blob->size, 12);
}

static void aligned(void **state)
{
	struct blob *blob = *state;

	blob_align(blob, 8);
	blob_add_u8(blob, 1);
	blob_align(blob, 4);
	blob_align(blob, 4);
	blob_add_u8(blob, 2);
	expect(blob, "\1\0\0\0\2", 5);
}

static void inserted(void **state)
{
	struct blob *blob = *state;

	blob_insert(blob, 0, "ad", 2);
	blob_insert(blob, 1, "bc", 2);
	blob_insert(blob, 4, "e", 1);
	blob_insert(blob, 2, "", 0);
	expect(blob, "abcde", 5);
	blob_insert(blob, 6, "x", 1);
	assert_int_equal(blob->err, -EINVAL);
}

static void overwritten(void **state)
{
	struct blob *blob = *state;

	blob_add_zeros(blob, 5);
	blob_set_u8(blob, 0, 1);
	blob_set_u32(blob, 1, 0x05040302);
	expect(blob, "\1\2\3\4\5", 5);
	blob_set_u32(blob, 2, 0);
	assert_int_equal(blob->err, -EINVAL);
	assert_memory_equal(blob->data, "\1\2\3\4\5", 5);
}

static void checksums(void **state)
{
	struct blob *blob = *state;

	blob_add(blob, "\x80\x90\x01\x02", 4);
	assert_int_equal(blob_checksum(blob, 0, 4), 0xed);
	assert_int_equal(blob_checksum(blob, 2, 2), 0xfd);
	assert_int_equal(blob_checksum(blob, 4, 0), 0);
	assert_int_equal(blob_checksum(blob, 3, 2), 0);
}

static void limited(void **state)
{
	struct blob *blob = *state;

	blob_add_zeros(blob, 999);
	blob_add_u8(blob, 1);
	assert_int_equal(blob->err, 0);
	blob_add_zeros(blob, 0);
	assert_int_equal(blob->err, 0);
	blob_add_u8(blob, 1);
	assert_int_equal(blob->err, -E2BIG);
	assert_int_equal(blob->size, 1000);
}

/* The first error stays, and what comes after it is no harm. */
static void errors_stay(void **state)
{
	struct blob *blob = *state;

	blob_add_u8(blob, 1);
	no_memory = true;
	blob_add_zeros(blob, 500);
	assert_int_equal(blob->err, -ENOMEM);
	no_memory = false;
	blob_add_u8(blob, 2);
	blob_add_zeros(blob, 1);
	blob_set_u8(blob, 0, 3);
	blob_set_u8(blob, 9, 3);
	blob_fail(blob, -EINVAL);
	blob_add_zeros(blob, 5000);
	assert_int_equal(blob->err, -ENOMEM);
	assert_int_equal(blob->size, 1);
	assert_int_equal(blob->data[0], 1);
}

static void grows(void **state)
{
	struct blob *blob = *state;

	blob->limit = SZ_1M;
	for (u32 i = 0; i < 5000; i++)
		blob_add_u32(blob, i);
	assert_int_equal(blob->err, 0);
	assert_int_equal(blob->size, 20000);
	for (u32 i = 0; i < 5000; i++) {
		assert_int_equal(blob->data[4 * i], i & 0xff);
		assert_int_equal(blob->data[4 * i + 1], i >> 8);
	}
}

#define BLOB_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLOB_TEST(little_endian), BLOB_TEST(text),
		BLOB_TEST(aligned),	  BLOB_TEST(inserted),
		BLOB_TEST(overwritten),	  BLOB_TEST(checksums),
		BLOB_TEST(limited),	  BLOB_TEST(errors_stay),
		BLOB_TEST(grows),
	};

	return cmocka_run_group_tests_name("blob", tests, NULL, NULL);
}
