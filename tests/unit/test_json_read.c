/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/json_read.c util/json_copy.c util/json.c */
/* What is JSON, what it means, and where it goes wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/util/json.h"
#include "lkvm/util/json_read.h"

/* Of a size of its own, so that ASan sees a byte too far. */
static int read_bytes(const char *text, size_t len, struct json_value **root,
		      struct json_error *error)
{
	char *copy = malloc(len);
	int ret;

	if (len)
		memcpy(copy, text, len);
	ret = json_read(copy, len, root, error);
	free(copy);
	return ret;
}

static struct json_value *good(const char *text)
{
	struct json_value *root = NULL;
	struct json_error error;

	if (read_bytes(text, strlen(text), &root, &error))
		fail_msg("%s: line %u: %s", text, error.line, error.what);
	return root;
}

static void bad_at(const char *text, size_t len, unsigned int line,
		   const char *what)
{
	struct json_value *root;
	struct json_error error = { 0 };
	int ret = read_bytes(text, len, &root, &error);

	if (ret != -EBADMSG)
		fail_msg("%s: returned %d", text, ret);
	if (error.line != line || !strstr(error.what, what))
		fail_msg("%s: line %u: %s", text, error.line, error.what);
}

static void bad(const char *text, const char *what)
{
	bad_at(text, strlen(text), 1, what);
}

static void words(void **state)
{
	static const struct {
		const char *text;
		enum json_type type;
	} cases[] = {
		{ "null", JSON_NULL },	    { "false", JSON_FALSE },
		{ " true\r\n", JSON_TRUE }, { "\t[]", JSON_ARRAY },
		{ "{ }", JSON_OBJECT },	    { "\"\"", JSON_STRING },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_value *v = good(cases[i].text);

		assert_int_equal(v->type, cases[i].type);
		assert_true(json_is(v, cases[i].type));
		assert_null(v->first);
		assert_null(v->next);
		assert_null(v->name);
		assert_true(!v->string == (v->type != JSON_STRING));
		free(v);
	}
	bad("nul", "a value is expected here");
	bad("True", "a value is expected here");
	bad("truefalse", "something follows");
}

static void numbers(void **state)
{
	static const char *const yes[] = { "0",	    "-0",  "12",   "0.5",
					   "-1.25", "1e9", "1E+9", "2.5e-10" };
	static const char *const no[] = { "-",	"+1",  ".5",  "1.", "1.e5",
					  "1e", "1e+", "--1", "NaN" };
	static const char *const more[] = { "01", "0x10", "1 2", "1.2.3",
					    "-00" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		struct json_value *v = good(yes[i]);

		assert_int_equal(v->type, JSON_NUMBER);
		assert_null(json_string_of(v));
		assert_int_equal(v->number_len, strlen(yes[i]));
		assert_memory_equal(v->number, yes[i], v->number_len);
		free(v);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		bad(no[i], "");
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		bad(more[i], "something follows");
	bad("1.x", "no digit after its point");
	bad("1ex", "empty exponent");
}

static void strings(void **state)
{
	static const struct {
		const char *text, *string;
	} cases[] = {
		{ "\"abc\"", "abc" },
		{ "\"\"", "" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"a\\u0041\\u00e4\\u20ac\\uD83D\\uDe00z\"",
		  "aA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z" },
		{ "\"\\u0001\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
		  "\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf" },
		{ "\"\\ud800\\udc00\\udbff\\udfff\"",
		  "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
		{ "\"\xc3\xa4\xf4\x8f\xbf\xbf\x7f\"",
		  "\xc3\xa4\xf4\x8f\xbf\xbf\x7f" },
		{ "\"[,]:{}\"", "[,]:{}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_value *v = good(cases[i].text);

		assert_string_equal(json_string_of(v), cases[i].string);
		free(v);
	}
}

static void bad_strings(void **state)
{
	(void)state;
	bad("\"abc", "ends too early");
	bad("\"abc\\", "ends too early");
	bad("\"abc\\u12", "ends too early");
	bad("\"\\x41\"", "unknown escape");
	bad("\"\\u12g4\"", "four hexadecimal digits");
	bad("\"\\u0000\"", "U+0000");
	bad("\"\\ud800\"", "surrogate");
	bad("\"\\ud800\\n\"", "surrogate");
	bad("\"\\ud800\\u0041\"", "surrogate");
	bad("\"\\udc00\"", "surrogate");
	bad("\"\\udfff\\ud800\"", "surrogate");
	bad("\"a\tb\"", "control character");
	bad("\"a\nb\"", "control character");
	bad("'a'", "a value is expected here");
	/* Overlong, cut off, a surrogate, beyond Unicode. */
	bad("\"\xc0\x80\"", "UTF-8");
	bad("\"\xe2\x82\"", "UTF-8");
	bad("\"\xed\xa0\x80\"", "UTF-8");
	bad("\"\xf4\x90\x80\x80\"", "UTF-8");
	bad("\"\xff\"", "UTF-8");
	bad("\"\xe2\x82", "UTF-8");
	bad_at("\"a\0b\"", 5, 1, "control character");
}

static void arrays(void **state)
{
	struct json_value *root = good("[1,[ ],\"two\" , [[3]], {}]");
	const struct json_value *v = root->first;

	(void)state;
	assert_int_equal(v->type, JSON_NUMBER);
	v = v->next;
	assert_int_equal(v->type, JSON_ARRAY);
	assert_null(v->first);
	v = v->next;
	assert_string_equal(v->string, "two");
	v = v->next;
	assert_int_equal(v->first->first->type, JSON_NUMBER);
	assert_null(v->first->next);
	v = v->next;
	assert_int_equal(v->type, JSON_OBJECT);
	assert_null(v->next);
	assert_true(json_has_string(root, "two"));
	assert_false(json_has_string(root, "tw"));
	free(root);

	bad("[", "ends too early");
	bad("[1", "ends too early");
	bad("[1,", "ends too early");
	bad("[1,]", "a value is expected here");
	bad("[,1]", "a value is expected here");
	bad("[1 2]", "',' or a bracket");
	bad("[1}", "',' or a bracket");
	bad("]", "a value is expected here");
	bad("[]]", "something follows");
}

static void objects(void **state)
{
	struct json_value *root =
		good("{\"a\":\"x\",\"\\u0062\" : {\"a\" : \"y\"}, \"\":null}");
	const struct json_value *b = json_member(root, "b");

	(void)state;
	assert_string_equal(json_string_of(json_member(root, "a")), "x");
	assert_string_equal(b->name, "b");
	assert_string_equal(json_string_of(json_member(b, "a")), "y");
	assert_true(json_is(json_member(root, ""), JSON_NULL));
	assert_null(json_member(root, "c"));
	assert_null(json_member(b, "b"));
	free(root);

	bad("{", "ends too early");
	bad("{\"a\"", "ends too early");
	bad("{\"a\":", "ends too early");
	bad("{\"a\":1", "ends too early");
	bad("{\"a\":1,}", "a name in quotation marks");
	bad("{a:1}", "a name in quotation marks");
	bad("{1:1}", "a name in quotation marks");
	bad("{\"a\" 1}", "':' is missing");
	bad("{\"a\":1]", "',' or a bracket");
	bad("{\"a\":1 \"b\":2}", "',' or a bracket");
	bad("{\"a\":1,\"\\u0061\":1}", "two members of one name");
}

/* Nothing is asked of what is not there. */
static void nothing(void **state)
{
	struct json_value *array = good("[[\"a\"],{\"a\":1}]");

	(void)state;
	assert_null(json_member(NULL, "a"));
	assert_null(json_member(array, "a"));
	assert_null(json_string_of(NULL));
	assert_false(json_is(NULL, JSON_NULL));
	assert_false(json_has_string(NULL, "a"));
	assert_false(json_has_string(array, "a"));
	assert_false(json_has_string(array->first->next, "a"));
	free(array);
}

static void lines(void **state)
{
	static const char text[] = "{\n  \"a\": \"\\n\\n\",\n  \"b\": ?\n}\n";

	(void)state;
	bad_at(text, sizeof(text) - 1, 3, "a value is expected here");
	bad_at("", 0, 1, "ends too early");
	bad_at("\n\n", 2, 3, "ends too early");
	bad_at("1\n\n2", 4, 3, "something follows");
	bad_at("1\0", 2, 1, "something follows");
	bad_at("\xef\xbb\xbf{}", 5, 1, "a value is expected here");
}

static void depth(void **state)
{
	char text[2 * JSON_MAX_DEPTH + 3];

	(void)state;
	memset(text, '[', JSON_MAX_DEPTH);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	text[2 * JSON_MAX_DEPTH] = '\0';
	free(good(text));
	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	text[2 * JSON_MAX_DEPTH + 2] = '\0';
	bad(text, "nested too deep");
}

/* Beside each other is no nesting. */
static void width(void **state)
{
	char text[4 * 1000 + 1] = "";
	const struct json_value *v;
	struct json_value *root;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		strcpy(text + 4 * i, i ? ",[] " : "[{} ");
	text[4 * 1000 - 1] = ']';
	root = good(text);
	for (v = root->first; v; v = v->next)
		n++;
	assert_int_equal(n, 1000);
	free(root);
}

static void integers(void **state)
{
	static const struct {
		const char *text;
		u64 value;
	} good_ones[] = {
		{ "0", 0 },
		{ "42", 42 },
		{ " 18446744073709551615 ", UINT64_MAX },
	};
	static const char *const bad_ones[] = {
		"18446744073709551616",
		"99999999999999999999999",
		"-1",
		"1.0",
		"1e3",
		"\"1\"",
		"true",
		"[1]",
	};
	u64 value = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good_ones); i++) {
		struct json_value *v = good(good_ones[i].text);

		assert_int_equal(json_u64_of(v, &value), 0);
		assert_int_equal(value, good_ones[i].value);
		free(v);
	}
	value = 7;
	for (size_t i = 0; i < ARRAY_SIZE(bad_ones); i++) {
		struct json_value *v = good(bad_ones[i]);

		assert_int_equal(json_u64_of(v, &value), -EINVAL);
		assert_int_equal(value, 7);
		free(v);
	}
	assert_int_equal(json_u64_of(NULL, &value), -EINVAL);
}

/* What is written is what was read. */
static void copied(void **state)
{
	static const char text[] =
		"{\"a\":[1,-2.50,3E7,[],{}],\"b\":{\"c\":null,\"d\":true,"
		"\"e\":false},\"f\":\"x\\\"y\"}\n";
	char out[sizeof(text) + 16] = "";
	struct json_writer json = { .out = fmemopen(out, sizeof(out), "w"),
				    .compact = true };
	struct json_value *v = good(text);

	(void)state;
	assert_non_null(json.out);
	json_copy(&json, NULL, v);
	fclose(json.out);
	free(v);
	assert_string_equal(out, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),    cmocka_unit_test(numbers),
		cmocka_unit_test(strings),  cmocka_unit_test(bad_strings),
		cmocka_unit_test(arrays),   cmocka_unit_test(objects),
		cmocka_unit_test(nothing),  cmocka_unit_test(lines),
		cmocka_unit_test(depth),    cmocka_unit_test(width),
		cmocka_unit_test(integers), cmocka_unit_test(copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
