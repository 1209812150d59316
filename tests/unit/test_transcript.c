/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: chardev/transcript.c util/output.c config/console_log.c */
/* SOURCES: config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* The console in a file, and the argument of --console-log. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/chardev/transcript.h"
#include "lkvm/config/console_log.h"
#include "lkvm/util/clock.h"

#define OPTION	     "--console-log"
#define CONFIG	     console_log_config
#define CONFIG_PARSE console_log_config_parse
#define CONFIG_FREE  console_log_config_free
#include "option_fixture.h"

static void argument(void **state)
{
	(void)state;
	assert_good("a,,b");
	assert_string_equal(config.path, "a,b");
	assert_false(config.timestamps);
	assert_int_equal(config.limit, 64 * SZ_1M);
	assert_good("x,timestamps,limit=2K");
	assert_true(config.timestamps);
	assert_int_equal(config.limit, 2048);
	assert_good("x,limit=0");
	assert_int_equal(config.limit, 0);
	assert_bad("", "want FILE[,OPT...]");
	assert_bad("x,limit=", "takes a value");
	assert_bad("x,limit=much", "a size such as 100M");
	assert_bad("x,stamps", "timestamps and limit=");
}

static struct {
	struct transcript log;
	char path[32];
} t;

static int log_setup(void **state)
{
	int fd;

	setup(state);
	memset(&t, 0, sizeof(t));
	strcpy(t.path, "/tmp/transcript.XXXXXX");
	fd = mkstemp(t.path);
	assert_int_equal(write(fd, "old", 3), 3);
	return close(fd);
}

static int log_teardown(void **state)
{
	transcript_close(&t.log);
	/* Twice is harmless. */
	transcript_close(&t.log);
	unlink(t.path);
	return teardown(state);
}

static void begin(const char *options)
{
	char arg[64];

	snprintf(arg, sizeof(arg), "%s%s", t.path, options);
	assert_good(arg);
	assert_int_equal(transcript_open(&t.log, &config), 0);
	t.log.start = 10 * NS_PER_SECOND;
}

static void add(const char *text, u64 ms)
{
	transcript_add(&t.log, (const u8 *)text, strlen(text),
		       t.log.start + ms * NS_PER_MS);
}

static void assert_file(const char *want)
{
	char text[512] = "";
	FILE *file = fopen(t.path, "re");

	assert_non_null(file);
	assert_int_equal(fread(text, 1, sizeof(text) - 1, file), strlen(want));
	fclose(file);
	assert_string_equal(text, want);
}

static void whole(void **state)
{
	(void)state;
	begin("");
	assert_file("");
	add("a\r\n\033[1mb", 1);
	add("", 2);
	add("c\n", 3);
	assert_file("a\r\n\033[1mbc\n");
}

static void stamps(void **state)
{
	(void)state;
	begin(",timestamps");
	add("one\r\ntw", 1);
	add("o", 20);
	add("\n\nthree", 1234);
	add("\n", 2000);
	add("four", 100000000);
	assert_file("[    0.001000] one\r\n"
		    "[    0.001000] two\n"
		    "[    1.234000] \n"
		    "[    1.234000] three\n"
		    "[100000.000000] four");
}

/* Exactly, and said once. */
static void limit(void **state)
{
	(void)state;
	begin(",limit=10");
	add("12345", 0);
	assert_string_equal(messages, "");
	add("6789012", 0);
	assert_file("1234567890");
	assert_non_null(strstr(messages, "has reached its limit of 10 bytes"));
	forget_messages();
	add("more\n", 0);
	assert_file("1234567890");
	assert_string_equal(messages, "");
}

static void limit_of_stamps(void **state)
{
	(void)state;
	begin(",timestamps,limit=20");
	add("a\nb\n", 0);
	add("c\n", 0);
	assert_file("[    0.000000] a\n[  ");
}

static void full(void **state)
{
	(void)state;
	assert_good("/dev/full");
	assert_int_equal(transcript_open(&t.log, &config), 0);
	add("text\n", 0);
	assert_non_null(strstr(messages, "/dev/full"));
	assert_non_null(strstr(messages, "No space left"));
	forget_messages();
	add("text\n", 0);
	assert_string_equal(messages, "");
}

static void not_opened(void **state)
{
	(void)state;
	assert_good("/nonexistent/x");
	assert_int_equal(transcript_open(&t.log, &config), -ENOENT);
	assert_non_null(strstr(messages, "--console-log: unable to open "
					 "/nonexistent/x: No such file"));
	unlink(t.path);
	assert_int_equal(mkfifo(t.path, 0600), 0);
	assert_good(t.path);
	assert_int_equal(transcript_open(&t.log, &config), -ENXIO);
	assert_non_null(strstr(messages, "nobody reads from this pipe"));
}

#define TEST(f)	    cmocka_unit_test_setup_teardown(f, setup, teardown)
#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, log_setup, log_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(argument),
		LOG_TEST(whole),
		LOG_TEST(stamps),
		LOG_TEST(limit),
		LOG_TEST(limit_of_stamps),
		LOG_TEST(full),
		LOG_TEST(not_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
