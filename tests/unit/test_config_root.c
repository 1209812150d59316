/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/?*.c util/options.c util/names.c util/parse.c util/log.c */
/* SOURCES: util/output.c util/file.c */
/* WRAP: pr_fatal options_usage */
/* --root and --init, and the command line of `lkvm sandbox`. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lkvm/config/run.h"
#include "lkvm/util/log.h"
#include "lkvm/util/options.h"

#define MAX_ARGS 16

static struct {
	struct vm_config config;
	char line[256];
	char *argv[MAX_ARGS + 1];
	char message[512];
	unsigned int nr_fatal;
	char home[64];
	char synopsis[128];
} t;

void __wrap_pr_fatal(const char *fmt, ...) __printf(1, 2);
void __wrap_options_usage(FILE *out, const char *synopsis,
			  const struct option_group *groups);

void __wrap_pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(t.message, sizeof(t.message), fmt, args);
	va_end(args);
	t.nr_fatal++;
}

void __wrap_options_usage(FILE *out, const char *synopsis,
			  const struct option_group *groups)
{
	(void)out;
	(void)groups;
	snprintf(t.synopsis, sizeof(t.synopsis), "%s", synopsis);
}

/* A home of its own, with what `lkvm setup` would have made. */
static int setup(void **state)
{
	char path[100];

	(void)state;
	memset(&t, 0, sizeof(t));
	strcpy(t.home, "/tmp/test_config_root.XXXXXX");
	assert_non_null(mkdtemp(t.home));
	snprintf(path, sizeof(path), "%s/.lkvm", t.home);
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/mine");
	assert_int_equal(mkdir(path, 0700), 0);
	setenv("HOME", t.home, 1);
	return 0;
}

static int teardown(void **state)
{
	char path[100];

	(void)state;
	vm_config_free(&t.config);
	snprintf(path, sizeof(path), "%s/.lkvm/mine", t.home);
	rmdir(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	return rmdir(t.home);
}

enum command {
	RUN,
	SANDBOX,
};

/* Arguments are separated by '|'. */
static int parse(enum command command, const char *line)
{
	char *rest = t.line;
	int argc = 0;

	vm_config_free(&t.config);
	memset(&t.config, 0xa5, sizeof(t.config));
	t.message[0] = '\0';
	t.nr_fatal = 0;
	assert_true(strlen(line) < sizeof(t.line));
	strcpy(t.line, line);
	while (*line && rest) {
		assert_true(argc < MAX_ARGS);
		t.argv[argc++] = strsep(&rest, "|");
	}
	t.argv[argc] = NULL;
	return command == RUN ? run_config_parse(&t.config, argc, t.argv)
			      : sandbox_config_parse(&t.config, argc, t.argv);
}

static const struct vm_config *good(enum command command, const char *line)
{
	if (parse(command, line))
		fail_msg("%s: refused: %s", line, t.message);
	assert_int_equal(t.nr_fatal, 0);
	return &t.config;
}

/* Refused, with one message that holds `text`. */
static void bad(enum command command, const char *line, const char *text)
{
	assert_true(parse(command, line) < 0);
	if (t.nr_fatal != 1 || !strstr(t.message, text))
		fail_msg("%s: %u messages: %s", line, t.nr_fatal, t.message);
}

/* kvmtool's way to name what `lkvm setup` has made. */
static void disks(void **state)
{
	char path[100];

	(void)state;
	bad(RUN, "Image|-d|a|--disk|mine",
	    "--disk mine: there is no such file; --root mine starts a kernel "
	    "with ");
	bad(SANDBOX, "-d|mine,ro|Image|--|true", "--root mine");
	good(RUN, "Image|-d|none|-d|./mine|-d|.lkvm");
	snprintf(path, sizeof(path), "%s/.lkvm", t.home);
	assert_int_equal(chdir(path), 0);
	/* Its message is that of a directory. */
	good(RUN, "Image|-d|mine");
	assert_int_equal(chdir("/"), 0);
	unsetenv("HOME");
	good(RUN, "Image|-d|mine");
}

/* The root's share comes behind the user's. */
static void roots(void **state)
{
	const struct vm_config *config;

	(void)state;
	config = good(RUN, "-k|Image|--root|host|--9p|a,b");
	assert_string_equal(config->root.dir, "/");
	assert_int_equal(config->share.count, 2);
	assert_string_equal(config->share.items[1].path, "/");
	assert_string_equal(config->share.items[1].tag, ROOT_TAG);
	assert_true(config->share.items[1].readonly);
	assert_true(config->share.items[1].is_root);
	assert_false(config->share.items[0].is_root);
	assert_null(config->root.command);
	assert_false(config->no_reboot);
	config = good(RUN, "Image|--root=host|--root=/tmp|--init=/sbin/init");
	assert_string_equal(config->share.items[0].path, "/tmp");
	assert_string_equal(config->root.init, "/sbin/init");
	config = good(RUN, "Image|--root=host|--modules=out");
	assert_string_equal(config->root.modules, "out");
	config = good(RUN, "-k|Image");
	assert_null(config->root.dir);
	assert_int_equal(config->share.count, 0);
}

/* What setup has made needs the host's root beside it. */
static void named(void **state)
{
	const struct vm_config *config;
	char want[100];

	(void)state;
	snprintf(want, sizeof(want), "%s/.lkvm/mine", t.home);
	config = good(RUN, "-k|Image|--root|mine");
	assert_string_equal(config->root.dir, want);
	assert_int_equal(config->share.count, 2);
	assert_string_equal(config->share.items[1].tag, ROOT_HOST_TAG);
	assert_true(config->share.items[1].readonly);
	good(RUN, "-k|Image|--root|mine|--root|host");
	assert_int_equal(config->share.count, 1);
	bad(RUN, "-k|Image|--root|yours",
	    "--root yours: there is no such directory, neither here nor one "
	    "made by lkvm setup");
	bad(RUN, "-k|Image|--root|./mine",
	    "--root ./mine: there is no such directory");
	bad(RUN, "-k|Image|--root|.lkvm", "no such directory");
	bad(RUN, "-k|Image|--root|/dev/null", "no such directory");
	bad(RUN, "-k|Image|--root=", "want host or a directory");
	unsetenv("HOME");
	bad(RUN, "-k|Image|--root|mine", "no such directory");
}

static void conflicts(void **state)
{
	(void)state;
	bad(RUN, "-k|Image|--root|host|-i|initrd",
	    "--root: it has an initrd of its own");
	bad(RUN, "--root|host", "which kernel");
	bad(RUN, "-k|I|--root|host|-f|fw", "without --firmware");
	bad(RUN, "-k|I|--root|host|--aarch32", "64-bit");
	bad(RUN, "-k|I|--root|host|--9p|a," ROOT_TAG, ROOT_TAG);
	bad(RUN, "-k|I|--root|host|--9p|a,hostfs", "hostfs");
	bad(RUN, "-k|I|--root|host|--init|sbin/init",
	    "--init sbin/init: want a path that begins with /");
	bad(RUN, "-k|I|--modules|out", "--modules out: it is for --root");
	bad(RUN, "-k|I|--init|/sbin/init",
	    "--init /sbin/init: it is for --root");
}

static void sandbox(void **state)
{
	const struct vm_config *config;

	(void)state;
	config = good(SANDBOX, "-k|I|--|ls|-l|--|--root=x");
	assert_string_equal(config->root.dir, "/");
	assert_ptr_equal(config->root.command, t.argv + 3);
	assert_string_equal(config->root.command[3], "--root=x");
	assert_null(config->root.command[4]);
	assert_true(config->no_reboot);
	assert_int_equal(config->share.count, 1);
	config = good(SANDBOX, "I|--root|mine|--|a");
	assert_int_equal(config->share.count, 2);
	bad(SANDBOX, "-k|I", "sandbox: which command?");
	bad(SANDBOX, "-k|I|--", "sandbox: which command?");
	bad(SANDBOX, "-k|I|--init|/x|--|a", "--init /x");
	bad(SANDBOX, "--|a", "which kernel");
	bad(SANDBOX, "-k|I|-i|r|--|a", "initrd");
	bad(SANDBOX, "-k|I|--loud|--|a", "--loud");
	assert_int_equal(parse(SANDBOX, "--help"), OPTIONS_HELP);
	assert_non_null(strstr(t.synopsis, "lkvm sandbox"));
}

static void names(void **state)
{
	static const char *const not [] = { "", ".", "..", "a/b", "/a", ".a" };
	char *path = NULL, want[100];

	(void)state;
	assert_int_equal(root_named_path("a b", &path), 0);
	snprintf(want, sizeof(want), "%s/.lkvm/a b", t.home);
	assert_string_equal(path, want);
	free(path);
	for (size_t i = 0; i < ARRAY_SIZE(not ); i++)
		assert_int_equal(root_named_path(not [i], &path), -EINVAL);
	setenv("HOME", "", 1);
	assert_int_equal(root_named_path("a", &path), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(disks),	 TEST(roots),	TEST(named),
		TEST(conflicts), TEST(sandbox), TEST(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
