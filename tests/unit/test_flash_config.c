/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/flash_config.c util/parse.c tests/unit/flash_fixture.c */
/* The argument of --flash. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flash_fixture.h"

static struct flash_config config;

static int reset(void **state)
{
	(void)state;
	forget_messages();
	memset(&config, 0xa5, sizeof(config));
	return 0;
}

static void assert_good(const char *arg)
{
	if (flash_config_parse(&config, arg))
		fail_msg("%s: refused: %s", arg, messages);
	assert_string_equal(messages, "");
}

/* Refused, with one message that holds `text`. */
static void assert_bad(const char *arg, const char *text)
{
	forget_messages();
	assert_int_equal(flash_config_parse(&config, arg), -EINVAL);
	if (nr_fatal != 1)
		fail_msg("\"%s\": %u messages: %s", arg, nr_fatal, messages);
	if (!strstr(messages, text))
		fail_msg("\"%s\": said: %s", arg, messages);
}

static void file_alone(void **state)
{
	(void)state;
	assert_good("vars.fd");
	assert_string_equal(config.path, "vars.fd");
	assert_string_equal(config.label, "");
	assert_int_equal(config.size, 0);
	assert_false(config.readonly);
	assert_false(config.create);
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

static void path_lengths(void **state)
{
	char arg[2 * sizeof(config.path)];

	(void)state;
	memset(arg, 'p', sizeof(arg));
	strcpy(arg + sizeof(config.path) - 1, ",ro");
	assert_good(arg);
	assert_int_equal(strlen(config.path), sizeof(config.path) - 1);
	assert_true(config.readonly);

	memset(arg, 'p', sizeof(arg));
	strcpy(arg + sizeof(config.path), ",ro");
	assert_bad(arg, "--flash ppp");

	memset(arg, 'p', sizeof(arg));
	arg[sizeof(arg) - 1] = '\0';
	assert_bad(arg, "--flash ppp");
}

static void no_file(void **state)
{
	(void)state;
	assert_bad("", "want FILE");
	assert_bad(",ro", "want FILE");
	assert_bad(",", "want FILE");
}

static void unknown_options(void **state)
{
	(void)state;
	assert_bad("f,rw", "unknown option \"rw\"");
	assert_bad("f,ro,Size=2M", "unknown option \"Size\"");
	assert_bad("f,readonly", "there are ro, snapshot, create, template=, "
				 "size=, sync=, fail=, cut=, label=");
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
		   "is longer than 31 bytes");
}

static void ro_and_create(void **state)
{
	(void)state;
	assert_bad("f,ro,create", "exclude each other");
	assert_bad("f,create,size=2M,ro", "exclude each other");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(file_alone, reset),
		cmocka_unit_test_setup(ro, reset),
		cmocka_unit_test_setup(create, reset),
		cmocka_unit_test_setup(size, reset),
		cmocka_unit_test_setup(label, reset),
		cmocka_unit_test_setup(all_in_any_order, reset),
		cmocka_unit_test_setup(commas, reset),
		cmocka_unit_test_setup(path_lengths, reset),
		cmocka_unit_test_setup(no_file, reset),
		cmocka_unit_test_setup(unknown_options, reset),
		cmocka_unit_test_setup(empty_items, reset),
		cmocka_unit_test_setup(values_where_none_belong, reset),
		cmocka_unit_test_setup(values_that_lack, reset),
		cmocka_unit_test_setup(bad_sizes, reset),
		cmocka_unit_test_setup(label_too_long, reset),
		cmocka_unit_test_setup(ro_and_create, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
