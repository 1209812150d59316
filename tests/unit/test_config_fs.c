/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/fs.c config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* The argument of --fs. */
#include <errno.h>
#include <string.h>

#include "flash_fixture.h"
#include "lkvm/config/fs.h"

#define TAG_36 "123456789012345678901234567890123456"

static struct fs_config config;

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
	fs_config_free(&config);
	return 0;
}

static void assert_good(const char *arg, const char *path, const char *tag,
			bool readonly, enum fs_sandbox sandbox)
{
	fs_config_free(&config);
	setup(NULL);
	if (fs_config_parse(&config, arg))
		fail_msg("%s: refused: %s", arg, messages);
	assert_string_equal(messages, "");
	assert_string_equal(config.path, path);
	assert_string_equal(config.tag, tag);
	assert_int_equal(config.readonly, readonly);
	assert_int_equal(config.sandbox, sandbox);
}

/* Refused, with one message that names the option and holds `text`. */
static void assert_bad(const char *arg, const char *text)
{
	fs_config_free(&config);
	setup(NULL);
	assert_refusal(fs_config_parse(&config, arg), EINVAL, text);
	assert_null(config.strings);
	assert_int_equal(strncmp(messages, "--fs ", 5), 0);
}

static void good(void **state)
{
	(void)state;
	assert_good("/srv/tree,src", "/srv/tree", "src", false,
		    FS_SANDBOX_NAMESPACE);
	assert_good(".,src,ro", ".", "src", true, FS_SANDBOX_NAMESPACE);
	assert_good("a=b,/dev/root", "a=b", "/dev/root", false,
		    FS_SANDBOX_NAMESPACE);
	assert_good("a,,b,c,,d,ro,ro", "a,b", "c,d", true,
		    FS_SANDBOX_NAMESPACE);
	assert_good("d,t,sandbox=none,ro", "d", "t", true, FS_SANDBOX_NONE);
	assert_good("d,t,sandbox=chroot", "d", "t", false, FS_SANDBOX_CHROOT);
	assert_good("d,t,sandbox=namespace", "d", "t", false,
		    FS_SANDBOX_NAMESPACE);
	assert_good("d," TAG_36, "d", TAG_36, false, FS_SANDBOX_NAMESPACE);
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
