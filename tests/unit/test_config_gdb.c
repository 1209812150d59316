/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/gdb.c util/parse.c tests/unit/flash_fixture.c */
/* The argument of --gdb. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flash_fixture.h"
#include "lkvm/config/gdb.h"

static struct gdb_config config;

static int parse(const char *arg)
{
	forget_messages();
	memset(&config, 0xa5, sizeof(config));
	return gdb_config_parse(&config, arg);
}

static void expect_tcp(const char *arg, const char *host, u16 port)
{
	if (parse(arg))
		fail_msg("%s: refused: %s", arg, messages);
	assert_null(config.path);
	assert_string_equal(config.host, host);
	assert_int_equal(config.port, port);
	assert_true(gdb_config_is_on(&config));
}

static void expect_bad(const char *arg, const char *text)
{
	assert_int_equal(parse(arg), -EINVAL);
	assert_false(gdb_config_is_on(&config));
	assert_int_equal(nr_fatal, 1);
	if (!strstr(messages, text))
		fail_msg("\"%s\": said: %s", arg, messages);
}

static void tcp(void **state)
{
	(void)state;
	expect_tcp("1234", "127.0.0.1", 1234);
	expect_tcp(":1234", "127.0.0.1", 1234);
	expect_tcp("tcp::1234", "127.0.0.1", 1234);
	expect_tcp("tcp:0", "127.0.0.1", 0);
	expect_tcp("localhost:65535", "127.0.0.1", 65535);
	expect_tcp("0.0.0.0:1", "0.0.0.0", 1);
	expect_tcp("tcp:[::1]:1", "::1", 1);
	expect_bad("", "want [tcp:][HOST:]PORT");
	expect_bad("tcp:", "want [tcp:]");
	expect_bad("1.2.3.4", "want [tcp:]");
	expect_bad("1.2.3:4", "want [tcp:]");
	expect_bad("host:4", "IP address");
	expect_bad("::1:4", "want [tcp:]");
	expect_bad("[::1:4", "want [tcp:]");
	expect_bad("[]:4", "want [tcp:]");
	expect_bad("[localhost]:4", "want [tcp:]");
	expect_bad("65536", "want [tcp:]");
	expect_bad("-1", "want [tcp:]");
	expect_bad("12x", "want [tcp:]");
	expect_bad("udp:1", "want [tcp:]");
	expect_bad("[1111111111111111111111111111111111111111111111111]:1",
		   "want [tcp:]");
}

static void paths(void **state)
{
	char arg[160];

	(void)state;
	assert_int_equal(parse("unix:a dir/s:1"), 0);
	assert_string_equal(config.path, "a dir/s:1");
	assert_string_equal(config.host, "");
	assert_true(gdb_config_is_on(&config));
	expect_bad("unix:", "the path of a socket");
	snprintf(arg, sizeof(arg), "unix:%0107d", 0);
	assert_int_equal(parse(arg), 0);
	snprintf(arg, sizeof(arg), "unix:%0108d", 0);
	expect_bad(arg, "at most 107 bytes");
}

/* Whatever comes first. */
static void waiting(void **state)
{
	(void)state;
	forget_messages();
	memset(&config, 0, sizeof(config));
	assert_false(gdb_config_is_on(&config));
	config.wait = true;
	assert_int_equal(gdb_config_parse(&config, "1"), 0);
	assert_true(config.wait);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp),
		cmocka_unit_test(paths),
		cmocka_unit_test(waiting),
	};

	return cmocka_run_group_tests_name("config_gdb", tests, NULL, NULL);
}
