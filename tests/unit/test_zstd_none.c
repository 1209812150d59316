/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A build without libzstd says so to whoever opens a reader. */
#undef HAVE_ZSTD
#include "util/zstd.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void not_supported(void **state)
{
	struct byte_source source = { 0 };
	struct zstd_reader *reader;
	size_t got = 1;
	u8 byte;

	(void)state;
	assert_int_equal(zstd_open_source(&source, &reader), -ENOTSUP);
	assert_null(reader);
	assert_int_equal(zstd_read(reader, &byte, 1, &got), -ENOTSUP);
	assert_int_equal(got, 0);
	zstd_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_supported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
