/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/pmem.c config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* The argument of --pmem. */
#include <errno.h>
#include <string.h>

#include "flash_fixture.h"
#include "lkvm/config/pmem.h"

static struct pmem_config config;

static void assert_good(const char *arg, const char *path, bool readonly,
			bool snapshot)
{
	memset(&config, 0xa5, sizeof(config));
	forget_messages();
	if (pmem_config_parse(&config, arg) || nr_fatal)
		fail_msg("\"%s\": %s", arg, messages);
	assert_string_equal(config.path, path);
	assert_int_equal(config.readonly, readonly);
	assert_int_equal(config.snapshot, snapshot);
	pmem_config_free(&config);
	assert_null(config.strings);
}

static void assert_bad(const char *arg, const char *text)
{
	forget_messages();
	assert_refusal(pmem_config_parse(&config, arg), EINVAL, text);
	assert_int_equal(strncmp(messages, "--pmem ", 7), 0);
	assert_null(config.strings);
}

static void parses(void **state)
{
	(void)state;
	assert_good("root.img", "root.img", false, false);
	assert_good("a dir/a,,b=c,ro", "a dir/a,b=c", true, false);
	assert_good("ro,snapshot", "ro", false, true);
}

static void refuses(void **state)
{
	(void)state;
	assert_bad("", "want FILE[,OPT]; there are ro and snapshot");
	assert_bad("f,ro,snapshot", "with ro the guest cannot write");
	assert_bad("f,rw", "there are ro and snapshot");
	assert_bad("f,ro=1", "ro");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
