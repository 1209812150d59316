/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/console.c config/console_log.c config/keyvalue.c */
/* SOURCES: config/list.c config/port.c util/names.c util/parse.c */
/* What belongs to the console as a whole: its ports, and the end of them. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/config/console.h"
#include "lkvm/util/log.h"

static struct {
	struct console_config config;
	char message[256];
} t;

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(t.message, sizeof(t.message), fmt, args);
	va_end(args);
}

static int set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	return 0;
}

/* Twice: what is freed is as if it had never been. */
static int tear_down(void **state)
{
	(void)state;
	console_config_free(&t.config);
	assert_false(console_config_is_allocated(&t.config));
	console_config_free(&t.config);
	return 0;
}

/* As many as the device has room for, each of its own name. */
static void ports(void **state)
{
	char args[PORT_MAX + 1][24];

	(void)state;
	assert_false(console_config_is_virtio(&t.config));
	for (unsigned int i = 0; i <= PORT_MAX; i++)
		snprintf(args[i], sizeof(args[i]), "p%u,file=f%u", i, i);
	for (unsigned int i = 0; i < PORT_MAX; i++)
		assert_int_equal(console_config_add_port(&t.config, args[i]),
				 0);
	assert_true(console_config_is_virtio(&t.config));
	assert_true(console_config_is_allocated(&t.config));
	assert_int_equal(t.config.ports.count, PORT_MAX);
	assert_string_equal(t.config.ports.items[29].name, "p29");
	assert_int_equal(console_config_add_port(&t.config, args[PORT_MAX]),
			 -EINVAL);
	assert_string_equal(t.message, "--virtio-port p30,file=f30: there are "
				       "30 ports already, no more fit");
	assert_int_equal(t.config.ports.count, PORT_MAX);
}

static void names_are_unique(void **state)
{
	(void)state;
	assert_int_equal(console_config_add_port(&t.config, "a,file=f"), 0);
	assert_int_equal(console_config_add_port(&t.config, "b,file=f"), 0);
	assert_int_equal(console_config_add_port(&t.config, "a,file=g"),
			 -EINVAL);
	assert_string_equal(t.message, "--virtio-port a,file=g: there is a "
				       "port of this name already");
}

/* The terminal's device, and nothing to be freed for that. */
static void terminal(void **state)
{
	(void)state;
	t.config.device = CONSOLE_VIRTIO;
	assert_true(console_config_is_virtio(&t.config));
	assert_false(console_config_is_allocated(&t.config));
	assert_int_equal(console_log_config_parse(&t.config.log, "f"), 0);
	assert_true(console_config_is_allocated(&t.config));
}

#define CONSOLE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONSOLE_TEST(ports),
		CONSOLE_TEST(names_are_unique),
		CONSOLE_TEST(terminal),
	};

	return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
