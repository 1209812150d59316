/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/pmem.c config/keyvalue.c util/names.c util/parse.c */
/* WRAP: pr_fatal */
/* The argument of --pmem. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/config/pmem.h"
#include "lkvm/util/log.h"

static struct pmem_config config;
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

static void assert_good(const char *arg, const char *path, bool readonly,
			bool snapshot)
{
	memset(&config, 0xa5, sizeof(config));
	nr_fatal = 0;
	if (pmem_config_parse(&config, arg) || nr_fatal)
		fail_msg("\"%s\": %s", arg, message);
	assert_string_equal(config.path, path);
	assert_int_equal(config.readonly, readonly);
	assert_int_equal(config.snapshot, snapshot);
	pmem_config_free(&config);
	assert_null(config.strings);
}

static void assert_bad(const char *arg, const char *text)
{
	nr_fatal = 0;
	assert_int_equal(pmem_config_parse(&config, arg), -EINVAL);
	assert_null(config.strings);
	if (nr_fatal != 1 || strncmp(message, "--pmem ", 7) ||
	    !strstr(message, text))
		fail_msg("\"%s\": %u messages: %s", arg, nr_fatal, message);
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
