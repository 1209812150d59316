/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: arm/boot/boot_file.c arm/boot/image_file.c util/file.c */
/* SOURCES: arm/boot/pe.c util/zstd.c util/gzip.c arm/root/release.c */
/* SOURCES: tests/unit/image_fixture.c arm/boot/image.c */
/* The release of a kernel, wherever in its file it is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "image_fixture.h"
#include "lkvm/arm/root/release.h"

#define SIZE (3 * SZ_64K)

static char release[RELEASE_SIZE];

/* SIZE bytes with `text` at `at`. */
static void put(struct fixture *f, size_t at, const char *text)
{
	u8 *data = malloc(SIZE);

	assert_non_null(data);
	memset(data, 0xa5, SIZE);
	assert_true(at + strlen(text) <= SIZE);
	memcpy(data + at, text, strlen(text));
	set_data(f, data, SIZE);
	write_file(f);
}

static int find(struct fixture *f)
{
	int ret = open_file(f, f->path, "kernel");

	assert_int_equal(ret, 0);
	memset(release, 'x', sizeof(release));
	ret = release_find(&f->file, release);
	boot_file_close(&f->file);
	return ret;
}

static void assert_release(struct fixture *f, const char *want)
{
	int ret = find(f);

	if (ret)
		fail_msg("%s: error %d", want, ret);
	assert_string_equal(release, want);
}

/* Across the ends of the pieces that are read, too. */
static void anywhere(void **state)
{
	static const char banner[] =
		"Linux version 6.1.0-57-arm64 (builder@host) ";
	struct fixture *f = *state;

	put(f, 0, banner);
	assert_release(f, "6.1.0-57-arm64");
	for (size_t i = 0; i <= sizeof(banner); i += 3) {
		put(f, SZ_64K - i, banner);
		assert_release(f, "6.1.0-57-arm64");
		put(f, 2 * SZ_64K - i, banner);
		assert_release(f, "6.1.0-57-arm64");
	}
	put(f, SIZE - strlen(banner), banner);
	assert_release(f, "6.1.0-57-arm64");
}

/* The text is in formats of messages as well, and a file may have any. */
static void others(void **state)
{
	static const char *const not [] = {
		"Linux version ",
		"Linux version %s (%s)",
		"Linux version 6 (x)",
		"Linux version 6.1/../../etc (x)",
		"Linux version .6.1 (x)",
		"Linux version 6.1\n (x)",
		"Linux version  6.1 (x)",
		"Linux version 6.12345678901234567890123456789012345678901234"
		"5678901234567890123 (x)",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(not ); i++) {
		put(f, 100, not [i]);
		if (find(f) != -ENOENT)
			fail_msg("%s: found %s", not [i], release);
	}
	put(f, SIZE - 17, "Linux version 6.1");
	assert_int_equal(find(f), -ENOENT);
	put(f, 7, "Linux version %s Linux version 6.12.0-rc1+ (x) ");
	assert_release(f, "6.12.0-rc1+");
	set_bytes(f, "MZ", 2);
	write_file(f);
	assert_int_equal(find(f), -ENOENT);
	assert_int_equal(nr_fatal, 0);
}

/* gzip; what zstd has is tested with the readers. */
static void compressed(void **state)
{
	struct fixture *f = *state;
	gzFile out;

	put(f, SZ_64K - 5, "Linux version 6.9.1 (x) ");
	out = gzopen(f->path, "wb");
	assert_non_null(out);
	assert_int_equal(gzwrite(out, f->data, SIZE), SIZE);
	gzclose(out);
	assert_release(f, "6.9.1");
	set_bytes(f, "\x1f\x8b\x08", 3);
	write_file(f);
	assert_true(find(f) < 0);
	assert_int_equal(nr_fatal, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(others, setup, teardown),
		cmocka_unit_test_setup_teardown(compressed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
