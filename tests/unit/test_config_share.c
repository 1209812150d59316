/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/share.c config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* The argument of --9p. */
#include <errno.h>
#include <string.h>

#include "flash_fixture.h"
#include "lkvm/config/share.h"

#define TAG_32 "12345678901234567890123456789012"

static struct share_config config;

static int setup(void **state)
{
	(void)state;
	forget_messages();
	memset(&config, 0xa5, sizeof(config));
	config.strings = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	share_config_free(&config);
	return 0;
}

static void assert_good(const char *arg, const char *path, const char *tag,
			bool readonly)
{
	share_config_free(&config);
	setup(NULL);
	if (share_config_parse(&config, arg))
		fail_msg("%s: refused: %s", arg, messages);
	assert_string_equal(messages, "");
	assert_string_equal(config.path, path);
	assert_string_equal(config.tag, tag);
	assert_int_equal(config.readonly, readonly);
}

/* Refused, with one message that names the option and holds `text`. */
static void assert_bad(const char *arg, const char *text)
{
	share_config_free(&config);
	setup(NULL);
	assert_int_equal(share_config_parse(&config, arg), -EINVAL);
	assert_null(config.strings);
	if (nr_fatal != 1)
		fail_msg("\"%s\": %u messages: %s", arg, nr_fatal, messages);
	if (strncmp(messages, "--9p ", 5) || !strstr(messages, text))
		fail_msg("\"%s\": said: %s", arg, messages);
}

static void good(void **state)
{
	(void)state;
	assert_good("/srv/tree,src", "/srv/tree", "src", false);
	assert_good(".,src,ro", ".", "src", true);
	assert_good("a=b,/dev/root", "a=b", "/dev/root", false);
	assert_good("a,,b,c,,d,ro,ro", "a,b", "c,d", true);
	assert_int_equal(config.owner, SHARE_OWNER_HOST);
	assert_good("d,t,owner=mapped", "d", "t", false);
	assert_int_equal(config.owner, SHARE_OWNER_MAPPED);
	assert_bad("d,t,owner=root", "there are host and mapped");
	assert_good("d," TAG_32, "d", TAG_32, false);
}

static void bad(void **state)
{
	static const char *const forms[] = { "",     ",",    "dir",
					     "dir,", ",tag", ",,tag" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		assert_bad(forms[i], "want DIR,TAG[,OPT...]");
	assert_bad("d," TAG_32 "3", "want at most 32 bytes");
	assert_bad("d,t,rw", "unknown option \"rw\"; there are ro and owner=");
	assert_bad("d,t,ro=1", "\"ro\" takes no value");
	assert_bad("d,t,", "an option is empty");
	assert_bad("d,t,DIR=x", "unknown option \"DIR\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good, setup, teardown),
		cmocka_unit_test_setup_teardown(bad, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
