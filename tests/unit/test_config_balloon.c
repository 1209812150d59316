/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/balloon.c config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* The argument of --balloon. */
#include <errno.h>
#include <string.h>

#include "flash_fixture.h"
#include "lkvm/config/balloon.h"

static struct balloon_config config;

static void assert_good(const char *arg, u64 target, u32 interval)
{
	memset(&config, 0xa5, sizeof(config));
	forget_messages();
	if (balloon_config_parse(&config, arg) || nr_fatal)
		fail_msg("\"%s\": %s", arg, messages);
	assert_true(config.on);
	assert_int_equal(config.target, target);
	assert_int_equal(config.interval, interval);
}

static void assert_bad(const char *arg, const char *text)
{
	forget_messages();
	assert_refusal(balloon_config_parse(&config, arg), EINVAL, text);
	assert_int_equal(strncmp(messages, "--balloon ", 10), 0);
	assert_false(config.on);
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
