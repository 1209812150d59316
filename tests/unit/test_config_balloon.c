/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/balloon.c config/keyvalue.c util/names.c util/parse.c */
/* WRAP: pr_fatal */
/* The argument of --balloon. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/config/balloon.h"
#include "lkvm/util/log.h"

static struct balloon_config config;
static char message[1024];
static unsigned int nr_fatal;

void __wrap_pr_fatal(const char *fmt, ...) __printf(1, 2);

void __wrap_pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	nr_fatal++;
}

static void assert_good(const char *arg, u64 target, u32 interval)
{
	memset(&config, 0xa5, sizeof(config));
	nr_fatal = 0;
	if (balloon_config_parse(&config, arg) || nr_fatal)
		fail_msg("\"%s\": %s", arg, message);
	assert_true(config.on);
	assert_int_equal(config.target, target);
	assert_int_equal(config.interval, interval);
}

static void assert_bad(const char *arg, const char *text)
{
	nr_fatal = 0;
	assert_int_equal(balloon_config_parse(&config, arg), -EINVAL);
	assert_false(config.on);
	if (nr_fatal != 1 || strncmp(message, "--balloon ", 10) ||
	    !strstr(message, text))
		fail_msg("\"%s\": %u messages: %s", arg, nr_fatal, message);
}

static void parses(void **state)
{
	(void)state;
	assert_good(NULL, 0, 0);
	assert_good("target=512M", 512 * SZ_1M, 0);
	assert_good("target=1G,stats=10", SZ_1G, 10);
	assert_good("stats=86400,stats=1", 0, 1);
}

static void refuses(void **state)
{
	(void)state;
	assert_bad("", "want OPT[,OPT...]; there are target= and stats=");
	assert_bad("512M", "512M");
	assert_bad("target=512", "want a size from 1M on, such as 512M");
	assert_bad("target=", "takes a value");
	assert_bad("target=18446744073709551615G", "want a size");
	assert_bad("stats=0", "want a number of seconds");
	assert_bad("stats=86401", "want a number of seconds");
	assert_bad("stats", "stats");
	assert_bad("size=1G", "there are target= and stats=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
