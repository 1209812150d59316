/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: builtin-test-file.c builtin-test-words.c config/script.c */
/* SOURCES: config/pattern.c config/list.c config/outcome.c util/file.c */
/* SOURCES: util/parse.c config/control.c */
/*
 * Files of `lkvm test`. What is taken has names that can be folders and values
 * that can be split; what is not has one message.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builtin-test.h"
#include "lkvm/config/control.h"
#include "lkvm/util/log.h"

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static unsigned int nr_messages;

void pr_fatal(const char *fmt, ...)
{
	char line[8192];
	va_list args;

	va_start(args, fmt);
	CHECK(vsnprintf(line, sizeof(line), fmt, args) > 0);
	va_end(args);
	nr_messages++;
}

/* Of a pattern for which there is no memory. */
void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

static void check_words(const struct test_values *values)
{
	const struct words_vars vars = { .tmp = "a b", .run = 1 };
	char why[WORDS_WHY];

	for (unsigned int i = 0; i < values->count; i++) {
		struct words words;

		CHECK(!words_split(values->items[i].text, &vars, &words, why));
		CHECK(!words.items[words.count]);
		words_free(&words);
	}
}

static void check_test(const struct test_suite *suite, unsigned int n)
{
	const struct test_case *test = suite->items[n];

	CHECK(*test->name && *test->name != '.' && !strchr(test->name, '/'));
	CHECK(strlen(test->name) <= CONTROL_NAME_MAX);
	CHECK(test->seconds && test->line);
	CHECK(!test->script.text || !test->steps.text);
	check_words(&test->lists[TEST_RUN]);
	check_words(&test->lists[TEST_COPY]);
	check_words(&test->lists[TEST_SKIP_UNLESS]);
	for (int i = 0; i < TEST_NR_LISTS; i++)
		CHECK(test->lists[i].count <= TEST_LINES_MAX);
	for (unsigned int i = 0; i < n; i++)
		CHECK(strcmp(suite->items[i]->name, test->name));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct test_suite suite = { 0 };
	char *text = malloc(size + 1);
	int ret;

	CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	nr_messages = 0;
	ret = test_file_parse(&suite, "a/file", text);
	CHECK(!ret || ret == -EINVAL);
	CHECK(nr_messages == !!ret);
	CHECK(ret || suite.count);
	for (unsigned int i = 0; !ret && i < suite.count; i++)
		check_test(&suite, i);
	test_suite_free(&suite);
	return 0;
}
