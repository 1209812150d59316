/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of an option of `lkvm run`, parsed into a configuration that the
 * tests then look at. Who includes this says which one: OPTION, CONFIG (the
 * struct), CONFIG_PARSE and CONFIG_FREE. It is linked with flash_fixture.c.
 */
#ifndef TESTS_OPTION_FIXTURE_H
#define TESTS_OPTION_FIXTURE_H

#include <errno.h>
#include <string.h>

#include "flash_fixture.h"

static struct CONFIG config;

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
	CONFIG_FREE(&config);
	return 0;
}

/* Into noise, so that a member that is left as it was is seen. */
static int parse(const char *arg)
{
	CONFIG_FREE(&config);
	forget_messages();
	memset(&config, 0xa5, sizeof(config));
	return CONFIG_PARSE(&config, arg);
}

static void assert_good(const char *arg)
{
	if (parse(arg))
		fail_msg("%s: refused: %s", arg, messages);
	assert_string_equal(messages, "");
}

/* Refused, with one message that names the option and holds `text`. */
static void assert_bad(const char *arg, const char *text)
{
	assert_int_equal(parse(arg), -EINVAL);
	assert_null(config.strings);
	if (nr_fatal != 1)
		fail_msg("\"%s\": %u messages: %s", arg, nr_fatal, messages);
	if (strncmp(messages, OPTION " ", strlen(OPTION " ")) ||
	    !strstr(messages, text))
		fail_msg("\"%s\": said: %s", arg, messages);
}

#endif
