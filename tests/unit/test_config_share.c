/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/share.c config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* The argument of --9p. */
#include <string.h>

#include "lkvm/config/share.h"

#define TAG_32 "12345678901234567890123456789012"

#define OPTION	     "--9p"
#define CONFIG	     share_config
#define CONFIG_PARSE share_config_parse
#define CONFIG_FREE  share_config_free
#include "option_fixture.h"

static void assert_share(const char *arg, const char *path, const char *tag,
			 bool readonly)
{
	assert_good(arg);
	assert_string_equal(config.path, path);
	assert_string_equal(config.tag, tag);
	assert_int_equal(config.readonly, readonly);
}

static void good(void **state)
{
	(void)state;
	assert_share("/srv/tree,src", "/srv/tree", "src", false);
	assert_share(".,src,ro", ".", "src", true);
	assert_share("a=b,/dev/root", "a=b", "/dev/root", false);
	assert_share("a,,b,c,,d,ro,ro", "a,b", "c,d", true);
	assert_int_equal(config.owner, SHARE_OWNER_HOST);
	assert_share("d,t,owner=mapped", "d", "t", false);
	assert_int_equal(config.owner, SHARE_OWNER_MAPPED);
	assert_bad("d,t,owner=root", "there are host and mapped");
	assert_share("d," TAG_32, "d", TAG_32, false);
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
