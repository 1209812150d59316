/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/outcome.c */
/* The table of how a run ends, and that the manual and README have the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/config/outcome.h"
#include "lkvm/exit_status.h"

static void each_row_is_complete(void **state)
{
	(void)state;
	for (enum outcome i = 0; i < NR_OUTCOMES; i++) {
		const struct outcome_row *row = outcome_row(i);

		assert_non_null(row->name);
		assert_non_null(row->what);
		assert_int_equal(row->what[strlen(row->what) - 1], '.');
		assert_true(row->status >= -(i == OUTCOME_GUEST) &&
			    row->status <= 130);
		assert_int_equal(row->is_success, !row->status);
		for (enum outcome j = 0; j < i; j++)
			assert_string_not_equal(row->name,
						outcome_row(j)->name);
	}
}

/* Scripts have them: they are not to change. */
static void numbers(void **state)
{
	static const struct {
		const char *name;
		int status;
	} rows[] = {
		{ "power-off", 0 },	{ "expected", 0 },
		{ "setup", 1 },		{ "usage", 2 },
		{ "reset", 3 },		{ "crash", 4 },
		{ "failure", 4 },	{ "power-cut", 5 },
		{ "panic", 6 },		{ "firmware-crash", 7 },
		{ "reset-loop", 8 },	{ "hang", 9 },
		{ "boot-timeout", 10 }, { "unexpected", 11 },
		{ "fail-on", 12 },	{ "timeout", 124 },
		{ "killed", 130 },	{ "guest", EXIT_STATUS_GUEST },
	};

	(void)state;
	assert_int_equal(ARRAY_SIZE(rows), NR_OUTCOMES);
	for (size_t i = 0; i < NR_OUTCOMES; i++) {
		assert_string_equal(rows[i].name, outcome_row(i)->name);
		assert_int_equal(rows[i].status, outcome_row(i)->status);
	}
}

/* Of all runs but that of the guest's own. */
static void statuses(void **state)
{
	(void)state;
	for (enum outcome i = 0; i < OUTCOME_GUEST; i++) {
		assert_int_equal(outcome_status(i, 7), outcome_row(i)->status);
		assert_int_equal(outcome_is_success(i, 7),
				 outcome_row(i)->is_success);
	}
	for (unsigned int n = 0; n < 256; n++) {
		assert_int_equal(outcome_status(OUTCOME_GUEST, (u8)n), n);
		assert_int_equal(outcome_is_success(OUTCOME_GUEST, (u8)n), !n);
	}
}

/* A file of the tree, between two lines; tests run from its top. */
static char *read_part(const char *path, const char *from, const char *to)
{
	FILE *file = fopen(path, "re");
	char *line = NULL, *text = NULL;
	size_t size = 0, len = 0;
	FILE *part = open_memstream(&text, &len);
	bool inside = false;

	assert_non_null(file);
	assert_non_null(part);
	while (getline(&line, &size, file) > 0) {
		if (!inside)
			inside = !strncmp(line, from, strlen(from));
		else if (!strncmp(line, to, strlen(to)))
			break;
		else
			fputs(line, part);
	}
	free(line);
	fclose(file);
	fclose(part);
	return text;
}

/* `rows` in the order of the table, and no others that begin like them. */
static void assert_rows(const char *text, const char *first, const char *format)
{
	for (enum outcome i = 0; i < NR_OUTCOMES; i++) {
		char row[64], status[12] = "N";

		if (i != OUTCOME_GUEST)
			snprintf(status, sizeof(status), "%d",
				 outcome_row(i)->status);
		text = strstr(text, first);
		snprintf(row, sizeof(row), "%s%s%s%s", first, status, format,
			 outcome_row(i)->name);
		if (!text || strncmp(text, row, strlen(row)))
			fail_msg("not the next one: %s", row);
		text += strlen(row);
	}
	text = strstr(text, first);
	assert_null(text);
}

static void manual(void **state)
{
	char *text = read_part("docs/lkvm.1", ".Sh EXIT STATUS", ".El");

	(void)state;
	assert_rows(text, ".It ", " Pq Cm ");
	free(text);
}

static void readme(void **state)
{
	char *text = read_part("README.md", "| status | outcome", "##");

	(void)state;
	/* The line below the head is none of them. */
	assert_rows(strchr(text, '\n'), "\n| ", " | ");
	free(text);
}

static void printed(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	char *rest;

	(void)state;
	outcome_print_table(out);
	fclose(out);
	for (enum outcome i = 0; i < NR_OUTCOMES; i++)
		assert_non_null(strstr(text, outcome_row(i)->name));
	assert_non_null(strstr(text, "\n   124  timeout         The time of"));
	assert_non_null(strstr(text, "\n     N  guest           The guest"));
	rest = text;
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
		assert_true(strlen(line) <= 80);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_complete),
		cmocka_unit_test(numbers),
		cmocka_unit_test(statuses),
		cmocka_unit_test(manual),
		cmocka_unit_test(readme),
		cmocka_unit_test(printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
