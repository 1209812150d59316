/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/fs.c config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* The argument of --fs. */
#include <string.h>

#include "lkvm/config/fs.h"

#define TAG_36 "123456789012345678901234567890123456"

#define OPTION	     "--fs"
#define CONFIG	     fs_config
#define CONFIG_PARSE fs_config_parse
#define CONFIG_FREE  fs_config_free
#include "option_fixture.h"

static void assert_share(const char *arg, const char *path, const char *tag,
			 bool readonly, enum fs_sandbox sandbox)
{
	assert_good(arg);
	assert_string_equal(config.path, path);
	assert_string_equal(config.tag, tag);
	assert_int_equal(config.readonly, readonly);
	assert_int_equal(config.sandbox, sandbox);
}

static void good(void **state)
{
	(void)state;
	assert_share("/srv/tree,src", "/srv/tree", "src", false,
		     FS_SANDBOX_NAMESPACE);
	assert_share(".,src,ro", ".", "src", true, FS_SANDBOX_NAMESPACE);
	assert_share("a=b,/dev/root", "a=b", "/dev/root", false,
		     FS_SANDBOX_NAMESPACE);
	assert_share("a,,b,c,,d,ro,ro", "a,b", "c,d", true,
		     FS_SANDBOX_NAMESPACE);
	assert_share("d,t,sandbox=none,ro", "d", "t", true, FS_SANDBOX_NONE);
	assert_share("d,t,sandbox=chroot", "d", "t", false, FS_SANDBOX_CHROOT);
	assert_share("d,t,sandbox=namespace", "d", "t", false,
		     FS_SANDBOX_NAMESPACE);
	assert_share("d," TAG_36, "d", TAG_36, false, FS_SANDBOX_NAMESPACE);
}

static void bad(void **state)
{
	static const char *const forms[] = { "",     ",",    "dir",
					     "dir,", ",tag", ",,tag" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		assert_bad(forms[i], "want DIR|SOCKET,TAG[,OPT...]");
	assert_bad("d," TAG_36 "7", "want at most 36 bytes");
	assert_bad("d,t,rw",
		   "unknown option \"rw\"; there are ro and sandbox=");
	assert_bad("d,t,ro=1", "\"ro\" takes no value");
	assert_bad("d,t,sandbox=yes", "there are namespace, chroot and none");
	assert_bad("d,t,", "an option is empty");
	assert_bad("d,t,PATH=x", "unknown option \"PATH\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good, setup, teardown),
		cmocka_unit_test_setup_teardown(bad, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
