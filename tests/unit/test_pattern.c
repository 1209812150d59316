/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/pattern.c */
/* WRAP: regcomp regfree */
/* Regular expressions, and what they must not want of the C library. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/config/pattern.h"
#include "lkvm/util/log.h"

static struct {
	struct pattern pattern;
	char why[PATTERN_WHY];
	char text[2 * PATTERN_MAX];
	unsigned int compiled, freed, errors;
	bool no_memory;
} t;

int __real_regcomp(regex_t *regex, const char *text, int flags);
int __wrap_regcomp(regex_t *regex, const char *text, int flags);
int __wrap_regcomp(regex_t *regex, const char *text, int flags)
{
	int err = t.no_memory ? REG_ESPACE : __real_regcomp(regex, text, flags);

	t.compiled += !err;
	return err;
}

void __real_regfree(regex_t *regex);
void __wrap_regfree(regex_t *regex);
void __wrap_regfree(regex_t *regex)
{
	t.freed++;
	__real_regfree(regex);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)fmt;
	assert_int_equal(level, LOG_LEVEL_ERROR);
	t.errors++;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pattern_drop(&t.pattern);
	/* Twice is harmless. */
	pattern_drop(&t.pattern);
	assert_int_equal(t.compiled, t.freed);
	return 0;
}

static bool is_good(const char *text)
{
	return !pattern_set(&t.pattern, text, t.why);
}

/* Too large, of which the C library has not heard. */
static void assert_large(const char *text)
{
	unsigned int before = t.compiled;

	assert_int_equal(pattern_set(&t.pattern, text, t.why), -EINVAL);
	assert_int_equal(t.compiled, before);
	assert_non_null(strstr(t.why, "4096 characters"));
}

static void assert_match(const char *text, const char *line, int flags,
			 bool want)
{
	assert_true(is_good(text));
	assert_int_equal(pattern_matches(&t.pattern, line, flags, NULL), want);
}

static void matches(void **state)
{
	size_t end = 0;

	(void)state;
	assert_match("^a+(b|c)$", "aac", 0, true);
	pattern_drop(&t.pattern);
	assert_match("^a+(b|c)$", "xaac", 0, false);
	pattern_drop(&t.pattern);
	assert_match("^b", "b", REG_NOTBOL, false);
	pattern_drop(&t.pattern);
	assert_true(is_good("b+"));
	assert_true(pattern_matches(&t.pattern, "abbb c", 0, &end));
	assert_int_equal(end, 4);
	assert_false(pattern_matches(&t.pattern, "x", 0, &end));
	assert_int_equal(end, 4);
}

/* It is checked, and not kept before it is used. */
static void is_lazy(void **state)
{
	(void)state;
	assert_true(is_good("a"));
	assert_int_equal(t.compiled, 1);
	assert_int_equal(t.freed, 1);
	for (int i = 0; i < 100; i++)
		assert_true(pattern_matches(&t.pattern, "a", 0, NULL));
	assert_int_equal(t.compiled, 2);
}

static void wrong(void **state)
{
	static const char *const texts[] = {
		"(", "a)(", "[", "a{2", "\\", "[[:", "a{99999}", "x{3,2}"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		memset(t.why, 0, sizeof(t.why));
		assert_int_equal(pattern_set(&t.pattern, texts[i], t.why),
				 -EINVAL);
		assert_true(strlen(t.why) > 0);
	}
}

static void repeat(char c, unsigned int n)
{
	memset(t.text, c, n);
	t.text[n] = '\0';
}

/* PATTERN_MAX characters, and one more. */
static void lengths(void **state)
{
	(void)state;
	repeat('a', 4096);
	assert_true(is_good(t.text));
	repeat('a', 4097);
	assert_large(t.text);
	assert_true(is_good("a{4096}"));
	assert_large("a{4097}");
	assert_large("ba{4096}");
	assert_large("a{4096,}");
	assert_true(is_good("(a{63}){64}"));
	assert_large("(a{64}){64}");
	assert_large("(a|b){2048}");
	assert_large("a{1,255}{1,255}");
	assert_large("((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+");
	assert_large("a+++++++++++++");
	/* Stars cost nothing, and what is no repeat is none. */
	assert_true(is_good("((((((((((((a*)*)*)*)*)*)*)*)*)*)*)*)*"));
	assert_true(is_good("a\\{4097\\}[{4097}][]{4097][^]{4097}]"));
	assert_true(is_good("[[:alpha:]{4097}][[.].]{4097}]"));
	assert_true(is_good("[0-9]{1,3}(\\.[0-9]{1,3}){3} .{64}"));
}

static void depths(void **state)
{
	(void)state;
	for (unsigned int n = 64; n <= 65; n++) {
		memset(t.text, '(', n);
		t.text[n] = 'a';
		memset(t.text + n + 1, ')', n);
		t.text[2 * n + 1] = '\0';
		if (n == 64)
			assert_true(is_good(t.text));
		else
			assert_large(t.text);
	}
	/* One behind the other are not in each other. */
	for (unsigned int i = 0; i < 1000; i++)
		memcpy(t.text + 3 * i, "(a)", 4);
	assert_true(is_good(t.text));
}

/* Lines of a guest that wants a set of states for each byte of them. */
static void is_renewed(void **state)
{
	char line[1025];
	u64 random = 1;

	(void)state;
	assert_true(is_good("a.*b.{16}c"));
	for (unsigned int n = 0; n < 130; n++) {
		for (size_t i = 0; i < sizeof(line) - 1; i++) {
			random = random * 6364136223846793005 + 1;
			line[i] = "ab"[random >> 63];
		}
		line[sizeof(line) - 1] = '\0';
		assert_false(pattern_matches(&t.pattern, line, 0, NULL));
	}
	/* Once to check it; then each 64 lines, as they have a zero each. */
	assert_int_equal(t.compiled, 1 + 3);
	assert_int_equal(t.errors, 0);
}

/* It is said once, and the run goes on. */
static void no_memory(void **state)
{
	(void)state;
	assert_true(is_good("a"));
	t.no_memory = true;
	assert_false(pattern_matches(&t.pattern, "a", 0, NULL));
	assert_int_equal(t.errors, 1);
	t.no_memory = false;
	assert_false(pattern_matches(&t.pattern, "a", 0, NULL));
	assert_int_equal(t.errors, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(matches), TEST(is_lazy),	 TEST(wrong),	  TEST(lengths),
		TEST(depths),  TEST(is_renewed), TEST(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
