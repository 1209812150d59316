/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/table.c */
/* Columns: widths, alignment, cells that are too wide, missing memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/util/table.h"

static void add(struct table *table, const char *const *cells, size_t count)
{
	for (size_t i = 0; i < count; i++)
		table_add(table, strdup(cells[i]));
}

static void expect(const struct table *table, int want_ret, const char *want)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(table_print(table, out), want_ret);
	fclose(out);
	assert_string_equal(text, want);
	free(text);
}

static void aligned(void **state)
{
	static const char *const cells[] = { "NAME",  "N",   "VALUE",
					     "a",     "1",   "long value",
					     "bcdef", "100", "" };
	struct table table = { .columns = 3, .right = BIT(1) };

	(void)state;
	add(&table, cells, ARRAY_SIZE(cells));
	expect(&table, 0,
	       "NAME     N  VALUE\n"
	       "a        1  long value\n"
	       "bcdef  100\n");
	table_free(&table);
}

/* Characters count, not bytes. */
static void utf8(void **state)
{
	static const char *const cells[] = { "\xc3\xa4\xe2\x82\xac", "x", "abc",
					     "y" };
	struct table table = { .columns = 2 };

	(void)state;
	add(&table, cells, ARRAY_SIZE(cells));
	expect(&table, 0, "\xc3\xa4\xe2\x82\xac   x\nabc  y\n");
	table_free(&table);
}

static void too_wide(void **state)
{
	char wide[TABLE_MAX_WIDTH + 10];
	char want[256];
	const char *cells[] = { wide, "x", "a", "y" };
	struct table table = { .columns = 2 };

	(void)state;
	memset(wide, 'w', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	snprintf(want, sizeof(want), "%s  x\n%-*s  y\n", wide, TABLE_MAX_WIDTH,
		 "a");
	add(&table, cells, ARRAY_SIZE(cells));
	expect(&table, 0, want);
	table_free(&table);
}

static void many_rows(void **state)
{
	struct table table = { .columns = 1 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		table_add(&table, strdup("x"));
	assert_int_equal(table.count, 1000);
	assert_false(table.failed);
	table_free(&table);
	expect(&table, 0, "");
}

static void no_memory(void **state)
{
	struct table table = { .columns = 1 };

	(void)state;
	table_add(&table, strdup("x"));
	table_add(&table, NULL);
	expect(&table, -ENOMEM, "");
	table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligned),   cmocka_unit_test(utf8),
		cmocka_unit_test(too_wide),  cmocka_unit_test(many_rows),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
