/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/watch.c config/pattern.c config/list.c */
/* SOURCES: config/console_log.c config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* Patterns of --expect and --fail-on, and which options need what. */
#include <errno.h>
#include <string.h>

#include "flash_fixture.h"
#include "lkvm/config/watch.h"

static struct watch_config config;

static int setup(void **state)
{
	(void)state;
	forget_messages();
	memset(&config, 0, sizeof(config));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	watch_config_free(&config);
	assert_int_equal(config.expect.count + config.fail_on.count, 0);
	/* Twice is harmless. */
	watch_config_free(&config);
	return 0;
}

static int add(const char *arg)
{
	forget_messages();
	return watch_pattern_add(&config.expect, "--expect", arg);
}

static void assert_match(unsigned int n, const char *text, bool want)
{
	assert_int_equal(
		pattern_matches(&config.expect.items[n], text, 0, NULL), want);
}

static void patterns(void **state)
{
	(void)state;
	assert_int_equal(add("^a+(b|c)$"), 0);
	assert_int_equal(add("login: "), 0);
	assert_int_equal(add("[[:digit:]]{3}"), 0);
	assert_string_equal(messages, "");
	assert_int_equal(config.expect.count, 3);
	assert_string_equal(config.expect.items[1].text, "login: ");
	assert_match(0, "aac", true);
	assert_match(0, "xaac", false);
	assert_match(1, "host login: ", true);
	assert_match(2, "a 12 b 345", true);
	assert_match(2, "a 12 b 34", false);
	/* Bytes, whatever they are. */
	assert_match(1, "\xff\xfe login: ", true);
}

static void bad(void **state)
{
	static const char *const args[] = { "(", "a)(", "[", "a{2", "\\" };

	(void)state;
	assert_int_equal(add("good"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(args); i++) {
		assert_int_equal(add(args[i]), -EINVAL);
		assert_int_equal(nr_fatal, 1);
		assert_memory_equal(messages, "--expect ", 9);
		assert_non_null(strstr(messages, "no regular expression"));
		assert_int_equal(config.expect.count, 1);
	}
	assert_int_equal(add(""), -EINVAL);
	assert_non_null(strstr(messages, "--expect: want a regular"));
	assert_match(0, "so good", true);
}

/* --detect alone, or by another option; --detect off beside one. */
static void needs(void **state)
{
	(void)state;
	assert_false(watch_config_needs_console(&config));
	assert_false(watch_config_detects(&config));
	config.detect = WATCH_DETECT_ON;
	assert_true(watch_config_needs_console(&config));
	assert_true(watch_config_detects(&config));
	config.detect = WATCH_DETECT_AUTO;
	config.junit = "file";
	assert_true(watch_config_needs_console(&config));
	assert_true(watch_config_detects(&config));
	config.detect = WATCH_DETECT_OFF;
	assert_true(watch_config_needs_console(&config));
	assert_false(watch_config_detects(&config));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(patterns), TEST(bad),
					    TEST(needs) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
