/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/names.c */
/* Values chosen by name, and lists of names for messages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/util/names.h"

static const char *const names[] = { NULL, "one", NULL, "two", "three", NULL };

static void find(void **state)
{
	unsigned int index = 77;

	(void)state;
	assert_int_equal(names_find(names, 6, "one", &index), 0);
	assert_int_equal(index, 1);
	assert_int_equal(names_find(names, 6, "three", &index), 0);
	assert_int_equal(index, 4);
	assert_int_equal(names_find(names, 6, "", &index), -EINVAL);
	assert_int_equal(names_find(names, 6, "tw", &index), -EINVAL);
	assert_int_equal(names_find(names, 6, "Two", &index), -EINVAL);
	assert_int_equal(names_find(names, 4, "three", &index), -EINVAL);
	assert_int_equal(names_find(names, 0, "one", &index), -EINVAL);
	assert_int_equal(index, 4);
}

static void list(void **state)
{
	char buf[32];

	(void)state;
	names_list(names, 6, buf, sizeof(buf));
	assert_string_equal(buf, "one, two and three");
	names_list(names, 4, buf, sizeof(buf));
	assert_string_equal(buf, "one and two");
	names_list(names, 3, buf, sizeof(buf));
	assert_string_equal(buf, "one");
	names_list(names, 1, buf, sizeof(buf));
	assert_string_equal(buf, "");
}

/* Nothing is written behind a buffer that is too small. */
static void small_buffer(void **state)
{
	char buf[32];

	(void)state;
	for (size_t size = 1; size < 20; size++) {
		memset(buf, 'x', sizeof(buf));
		names_list(names, 6, buf, size);
		assert_int_equal(strlen(buf), size < 19 ? size - 1 : 18);
		assert_memory_equal(buf, "one, two and three", strlen(buf));
		assert_int_equal(buf[size], 'x');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find),
		cmocka_unit_test(list),
		cmocka_unit_test(small_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
