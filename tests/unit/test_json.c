/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/json.c */
/* JSON: commas, nesting, escapes, numbers, errors of the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/util/json.h"

struct text {
	struct json_writer json;
	char *buf;
	size_t size;
};

static int setup(void **state)
{
	struct text *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	t->json.out = open_memstream(&t->buf, &t->size);
	*state = t;
	return t->json.out ? 0 : -1;
}

static int teardown(void **state)
{
	struct text *t = *state;

	fclose(t->json.out);
	free(t->buf);
	free(t);
	return 0;
}

static void expect(struct text *t, const char *want)
{
	fflush(t->json.out);
	assert_string_equal(t->buf, want);
	assert_int_equal(t->json.depth, 0);
}

static void empty_object(void **state)
{
	struct text *t = *state;

	json_begin_object(&t->json, NULL);
	json_end_object(&t->json);
	expect(t, "{}\n");
}

static void empty_array(void **state)
{
	struct text *t = *state;

	json_begin_array(&t->json, NULL);
	json_end_array(&t->json);
	expect(t, "[]\n");
}

static void numbers_and_booleans(void **state)
{
	struct text *t = *state;

	json_begin_object(&t->json, NULL);
	json_u64(&t->json, "least", 0);
	json_u64(&t->json, "most", UINT64_MAX);
	json_bool(&t->json, "yes", true);
	json_bool(&t->json, "no", false);
	json_end_object(&t->json);
	expect(t, "{\n"
		  "  \"least\": 0,\n"
		  "  \"most\": 18446744073709551615,\n"
		  "  \"yes\": true,\n"
		  "  \"no\": false\n"
		  "}\n");
}

static void array_of_numbers(void **state)
{
	_Atomic(u64) values[33] = { 1, 20, UINT64_MAX };
	struct text *t = *state;

	json_begin_object(&t->json, NULL);
	json_u64_array(&t->json, "none", values, 0);
	json_u64_array(&t->json, "one", values, 1);
	json_u64_array(&t->json, "many", values, ARRAY_SIZE(values));
	json_u64(&t->json, "after", 2);
	json_end_object(&t->json);
	expect(t, "{\n"
		  "  \"none\": [],\n"
		  "  \"one\": [\n"
		  "    1\n"
		  "  ],\n"
		  "  \"many\": [\n"
		  "    1, 20, 18446744073709551615, 0, 0, 0, 0, 0, "
		  "0, 0, 0, 0, 0, 0, 0, 0,\n"
		  "    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,\n"
		  "    0\n"
		  "  ],\n"
		  "  \"after\": 2\n"
		  "}\n");
}

/* A comma between members and none after the last, after whatever came. */
static void nesting(void **state)
{
	struct text *t = *state;

	json_begin_object(&t->json, NULL);
	json_begin_object(&t->json, "none");
	json_end_object(&t->json);
	json_begin_array(&t->json, "list");
	json_u64(&t->json, NULL, 1);
	json_begin_object(&t->json, NULL);
	json_string(&t->json, "s", "x");
	json_end_object(&t->json);
	json_begin_array(&t->json, NULL);
	json_end_array(&t->json);
	json_bool(&t->json, NULL, true);
	json_end_array(&t->json);
	json_u64(&t->json, "after", 2);
	json_end_object(&t->json);
	expect(t, "{\n"
		  "  \"none\": {},\n"
		  "  \"list\": [\n"
		  "    1,\n"
		  "    {\n"
		  "      \"s\": \"x\"\n"
		  "    },\n"
		  "    [],\n"
		  "    true\n"
		  "  ],\n"
		  "  \"after\": 2\n"
		  "}\n");
}

static void one_string(struct text *t, const char *value, const char *want)
{
	rewind(t->json.out);
	t->json.first_done = false;
	json_string(&t->json, NULL, value);
	putc('\0', t->json.out);
	expect(t, want);
}

static void escapes(void **state)
{
	struct text *t = *state;

	one_string(t, "", "\"\"");
	one_string(t, "plain /~!", "\"plain /~!\"");
	one_string(t, "a\"b\\c", "\"a\\\"b\\\\c\"");
	one_string(t, "\n\t\x1b[31m\x1f",
		   "\"\\u000a\\u0009\\u001b[31m\\u001f\"");
	one_string(t, "\x7f", "\"\\u007f\"");
	one_string(t, "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\xa7",
		   "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\xa7\"");
}

static void names_are_escaped(void **state)
{
	struct text *t = *state;

	json_begin_object(&t->json, NULL);
	json_u64(&t->json, "a\"b", 1);
	json_end_object(&t->json);
	expect(t, "{\n  \"a\\\"b\": 1\n}\n");
}

/* Whatever bytes a file name has, what is no UTF-8 does not get through. */
static void any_bytes(void **state)
{
	struct text *t = *state;
	char all[256];

	for (unsigned int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	json_string(&t->json, NULL, all);
	fflush(t->json.out);
	for (size_t i = 0; i < t->size; i++) {
		assert_true(t->buf[i] >= ' ' && t->buf[i] <= '~');
		if (t->buf[i] == '\\')
			assert_non_null(strchr("\"\\u", t->buf[++i]));
		else if (t->buf[i] == '"')
			assert_true(i == 0 || i == t->size - 1);
	}
}

static void full_disk(void **state)
{
	struct json_writer json = { .out = fopen("/dev/full", "we") };

	(void)state;
	if (!json.out)
		skip();
	json_begin_object(&json, NULL);
	json_end_object(&json);
	assert_int_not_equal(fflush(json.out), 0);
	assert_int_not_equal(ferror(json.out), 0);
	fclose(json.out);
}

#define TEXT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void one_line(void **state)
{
	static const _Atomic(u64) values[] = { 1,  2,  3,  4,  5,  6,  7,  8, 9,
					       10, 11, 12, 13, 14, 15, 16, 17 };
	struct text *t = *state;

	t->json.compact = true;
	json_begin_object(&t->json, NULL);
	json_u64(&t->json, "a", 1);
	json_begin_object(&t->json, "none");
	json_end_object(&t->json);
	json_begin_array(&t->json, "list");
	json_string(&t->json, NULL, "x\ny");
	json_null(&t->json, NULL);
	json_number(&t->json, NULL, "-1.5e3;", 6);
	json_end_array(&t->json);
	json_u64_array(&t->json, "many", values, ARRAY_SIZE(values));
	json_end_object(&t->json);
	expect(t, "{\"a\":1,\"none\":{},\"list\":[\"x\\u000ay\",null,-1.5e3],"
		  "\"many\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEXT_TEST(empty_object),
		TEXT_TEST(empty_array),
		TEXT_TEST(numbers_and_booleans),
		TEXT_TEST(array_of_numbers),
		TEXT_TEST(nesting),
		TEXT_TEST(escapes),
		TEXT_TEST(names_are_escaped),
		TEXT_TEST(any_bytes),
		TEXT_TEST(one_line),
		cmocka_unit_test(full_disk),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
