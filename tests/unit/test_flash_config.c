/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/flash.c config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* The argument of --flash. */
#include <stdio.h>
#include <string.h>

#include "lkvm/config/flash.h"

#define OPTION	     "--flash"
#define CONFIG	     flash_config
#define CONFIG_PARSE flash_config_parse
#define CONFIG_FREE  flash_config_free
#include "option_fixture.h"

static void file_alone(void **state)
{
	(void)state;
	assert_good("vars.fd");
	assert_string_equal(config.path, "vars.fd");
	assert_null(config.label);
	assert_int_equal(config.size, 0);
	assert_false(config.readonly);
	assert_false(config.create);
	assert_false(config.snapshot);
	assert_null(config.template);
	assert_int_equal(config.sync, FLASH_SYNC_ORDERED);
	assert_int_equal(config.fail_program | config.fail_erase, 0);
	assert_int_equal(config.cut, 0);
}

static void ro(void **state)
{
	(void)state;
	assert_good("dir/code.fd,ro");
	assert_string_equal(config.path, "dir/code.fd");
	assert_true(config.readonly);
	assert_false(config.create);
}

static void create(void **state)
{
	(void)state;
	assert_good("f,create");
	assert_true(config.create);
	assert_false(config.readonly);
}

static void size(void **state)
{
	static const struct {
		const char *arg;
		u64 size;
	} cases[] = {
		{ "f,size=2M", SZ_2M },		{ "f,size=2m", SZ_2M },
		{ "f,size=64K", SZ_64K },	{ "f,size=65536", SZ_64K },
		{ "f,size=0x10000", SZ_64K },	{ "f,size=1G", SZ_1G },
		{ "f,size=1M,size=2M", SZ_2M }, /* the last one counts */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_good(cases[i].arg);
		assert_int_equal(config.size, cases[i].size);
	}
}

static void label(void **state)
{
	(void)state;
	assert_good("f,label=System-firmware");
	assert_string_equal(config.label, "System-firmware");
	assert_good("f,label=a=b,,c d");
	assert_string_equal(config.label, "a=b,c d");
	assert_good("f,label=1234567890123456789012345678901");
	assert_int_equal(strlen(config.label), 31);
}

static void all_in_any_order(void **state)
{
	(void)state;
	assert_good("f,size=4M,label=x,create");
	assert_string_equal(config.path, "f");
	assert_int_equal(config.size, 4 * SZ_1M);
	assert_string_equal(config.label, "x");
	assert_true(config.create);
	assert_good("f,ro,label=y,size=64K");
	assert_true(config.readonly);
	assert_int_equal(config.size, SZ_64K);
	assert_string_equal(config.label, "y");
}

/* A comma of the name is written twice; an '=' is one of the name. */
static void commas(void **state)
{
	(void)state;
	assert_good("a,,b,,,,c=d,ro");
	assert_string_equal(config.path, "a,b,,c=d");
	assert_true(config.readonly);
	assert_good("ro=1");
	assert_string_equal(config.path, "ro=1");
	assert_false(config.readonly);
	assert_good(",,,ro");
	assert_string_equal(config.path, ",");
	assert_true(config.readonly);
}

/* What is too long for a path the system says when the file is opened. */
static void long_path(void **state)
{
	char arg[10000];

	(void)state;
	memset(arg, 'p', sizeof(arg));
	strcpy(arg + 9000, ",ro");
	assert_good(arg);
	assert_int_equal(strlen(config.path), 9000);
	assert_true(config.readonly);
	strcpy(arg + 9000, ",rw");
	assert_bad(arg, "ppp...: unknown option \"rw\"");
}

static void no_file(void **state)
{
	(void)state;
	assert_bad("", "want FILE[,OPT...]; there are ro, snapshot, ");
	assert_bad(",ro", "want FILE");
	assert_bad(",", "want FILE");
}

static void unknown_options(void **state)
{
	(void)state;
	assert_bad("f,rw", "unknown option \"rw\"");
	assert_bad("f,ro,Size=2M", "unknown option \"Size\"");
	assert_bad("f,readonly", "there are ro, snapshot, create, template=, "
				 "size=, sync=, fail=, cut=, label= and xip");
	assert_bad("f, ro", "unknown option \" ro\"");
	assert_bad("f,unknown=1", "--flash f,unknown=1:");
}

/* Never silence, whatever came before the item that is empty. */
static void empty_items(void **state)
{
	(void)state;
	assert_bad("f,", "--flash f,:");
	assert_bad("f,ro,", "--flash f,ro,:");
	assert_bad("f,ro,,create", "ro,create"); /* a comma of the key */
	assert_bad("f,=x", "--flash f,=x:");
	assert_bad("f,ro,=", "--flash f,ro,=:");
}

static void values_where_none_belong(void **state)
{
	(void)state;
	assert_bad("f,ro=1", "\"ro\" takes no value");
	assert_bad("f,create=yes", "\"create\" takes no value");
	assert_bad("f,ro=", "\"ro\" takes no value");
	assert_bad("f,create=", "\"create\" takes no value");
}

static void values_that_lack(void **state)
{
	(void)state;
	assert_bad("f,size", "\"size\" takes a value");
	assert_bad("f,size=", "\"size\" takes a value");
	assert_bad("f,label", "\"label\" takes a value");
	assert_bad("f,label=", "\"label\" takes a value");
}

static void bad_sizes(void **state)
{
	static const char *const sizes[] = {
		"0",	 "0M",
		"3M",	 "garbage",
		"2Q",	 "-1",
		"2M ",	 " 2M",
		"1.5M",	 "768K",
		"0x",	 "2MM",
		"65537", "18446744073709551616",
		"16E",	 "17179869184G",
	};
	char arg[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(arg, sizeof(arg), "f,size=%s", sizes[i]);
		assert_bad(arg, "want a power of two, such as 2M");
		assert_said(sizes[i]);
	}
}

static void label_too_long(void **state)
{
	(void)state;
	assert_bad("f,label=12345678901234567890123456789012",
		   "012: want at most 31 bytes");
}

static void snapshot(void **state)
{
	(void)state;
	assert_good("f,snapshot,size=2M");
	assert_true(config.snapshot);
	assert_false(config.readonly);
	assert_bad("f,snapshot=1", "\"snapshot\" takes no value");
}

static void template(void **state)
{
	(void)state;
	assert_good("f,template=/usr/share/a,,b=c.fd,size=2M");
	assert_string_equal(config.path, "f");
	assert_string_equal(config.template, "/usr/share/a,b=c.fd");
	assert_bad("f,template", "\"template\" takes a value");
	assert_bad("f,template=", "\"template\" takes a value");
}

static void sync_modes(void **state)
{
	(void)state;
	assert_good("f,sync=ordered");
	assert_int_equal(config.sync, FLASH_SYNC_ORDERED);
	assert_good("f,sync=strict");
	assert_int_equal(config.sync, FLASH_SYNC_STRICT);
	assert_good("f,sync=none");
	assert_int_equal(config.sync, FLASH_SYNC_NONE);
	assert_good("f,sync=none,sync=strict"); /* the last one counts */
	assert_int_equal(config.sync, FLASH_SYNC_STRICT);
	assert_bad("f,sync", "\"sync\" takes a value");
	assert_bad("f,sync=always",
		   "sync=always: there are ordered, strict and none");
	assert_bad("f,sync=None", "there are ordered, strict and none");
}

static void faults(void **state)
{
	(void)state;
	assert_good("f,fail=erase:3");
	assert_int_equal(config.fail_erase, 3);
	assert_int_equal(config.fail_program, 0);
	assert_good("f,fail=program:0x10,cut=7,fail=erase:1");
	assert_int_equal(config.fail_program, 16);
	assert_int_equal(config.fail_erase, 1);
	assert_int_equal(config.cut, 7);
	assert_good("f,cut=18446744073709551615");
	assert_int_equal(config.cut, UINT64_MAX);
}

static void bad_faults(void **state)
{
	static const char *const fails[] = {
		"erase:0",
		"program:0",
		"erase:",
		"erase",
		"program",
		"3",
		"read:1",
		"erase:-1",
		"erase:x",
		"erase:1:2",
		"Erase:1",
		"erases:1",
		"program:18446744073709551616",
		"erase: 1",
		"program:1 ",
	};
	static const char *const cuts[] = {
		"0", "-1", "x", "1:2", "1M", "18446744073709551616"
	};
	char arg[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fails); i++) {
		snprintf(arg, sizeof(arg), "f,fail=%s", fails[i]);
		assert_bad(arg, "want erase:N or program:N, counted from 1");
		assert_said(arg + 2);
	}
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		snprintf(arg, sizeof(arg), "f,cut=%s", cuts[i]);
		assert_bad(arg, "want the number of a program or erase, "
				"counted from 1");
		assert_said(arg + 2);
	}
	assert_bad("f,cut", "\"cut\" takes a value");
	assert_bad("f,fail=", "\"fail\" takes a value");
}

/* Each pair, in both orders, with others before, between and after. */
static void contradictions(void **state)
{
	static const char *const pairs[][2] = {
		{ "ro", "snapshot" },	     { "ro", "create" },
		{ "ro", "template=t" },	     { "ro", "sync=ordered" },
		{ "ro", "fail=erase:1" },    { "ro", "cut=1" },
		{ "snapshot", "create" },    { "snapshot", "template=t" },
		{ "snapshot", "sync=none" }, { "snapshot", "cut=1" },
		{ "create", "template=t" },
	};
	char arg[64], said[64];

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(pairs); i++) {
		const char *const *pair = pairs[i / 2];

		snprintf(arg, sizeof(arg), "f,size=2M,%s,label=x,%s,size=4M",
			 pair[i % 2], pair[1 - i % 2]);
		snprintf(said, sizeof(said), "\"%.*s\" and \"%.*s\" exclude",
			 (int)strcspn(pair[0], "="), pair[0],
			 (int)strcspn(pair[1], "="), pair[1]);
		assert_bad(arg, said);
	}
}

/* What may stand together, and nothing is lost of. */
static void no_contradictions(void **state)
{
	(void)state;
	assert_good("f,create,size=2M,sync=none,fail=erase:1,cut=2,label=x");
	assert_good("f,template=t,size=2M,sync=strict,fail=program:1,cut=2");
	assert_string_equal(config.template, "t");
	assert_good("f,snapshot,size=2M,fail=erase:1,label=x");
	assert_good("f,ro,size=2M,label=x");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(file_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(ro, setup, teardown),
		cmocka_unit_test_setup_teardown(create, setup, teardown),
		cmocka_unit_test_setup_teardown(size, setup, teardown),
		cmocka_unit_test_setup_teardown(label, setup, teardown),
		cmocka_unit_test_setup_teardown(all_in_any_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(commas, setup, teardown),
		cmocka_unit_test_setup_teardown(long_path, setup, teardown),
		cmocka_unit_test_setup_teardown(no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(unknown_options, setup,
						teardown),
		cmocka_unit_test_setup_teardown(empty_items, setup, teardown),
		cmocka_unit_test_setup_teardown(values_where_none_belong, setup,
						teardown),
		cmocka_unit_test_setup_teardown(values_that_lack, setup,
						teardown),
		cmocka_unit_test_setup_teardown(bad_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(label_too_long, setup,
						teardown),
		cmocka_unit_test_setup_teardown(snapshot, setup, teardown),
		cmocka_unit_test_setup_teardown(template, setup, teardown),
		cmocka_unit_test_setup_teardown(sync_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(faults, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(contradictions, setup,
						teardown),
		cmocka_unit_test_setup_teardown(no_contradictions, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
