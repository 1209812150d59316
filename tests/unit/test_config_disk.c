/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/disk.c config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* The argument of --disk. */
#include <string.h>

#include "lkvm/config/disk.h"

#define SERIAL_20 "12345678901234567890"

#define OPTION	     "--disk"
#define CONFIG	     disk_config
#define CONFIG_PARSE disk_config_parse
#define CONFIG_FREE  disk_config_free
#include "option_fixture.h"

static void file_alone(void **state)
{
	(void)state;
	assert_good("dir/root.img");
	assert_string_equal(config.path, "dir/root.img");
	assert_null(config.serial);
	assert_false(config.readonly);
	assert_int_equal(config.format, DISK_CONFIG_UNKNOWN);
}

static void bootindex(void **state)
{
	(void)state;
	assert_good("f");
	assert_int_equal(config.bootindex, DISK_NO_BOOTINDEX);
	assert_good("f,bootindex=0");
	assert_int_equal(config.bootindex, 0);
	assert_good("f,bootindex=4294967294");
	assert_int_equal(config.bootindex, UINT32_MAX - 1);
	assert_bad("f,bootindex=4294967295", "the lowest is tried first");
	assert_bad("f,bootindex=-1", "the lowest is tried first");
}

static void queues(void **state)
{
	(void)state;
	assert_good("f");
	assert_int_equal(config.queues, 0);
	assert_good("f,queues=1");
	assert_int_equal(config.queues, 1);
	assert_good("f,queues=64");
	assert_int_equal(config.queues, 64);
	assert_bad("f,queues=0", "1 to 64");
	assert_bad("f,queues=65", "1 to 64");
}

static void ro(void **state)
{
	(void)state;
	assert_good("f,ro");
	assert_string_equal(config.path, "f");
	assert_true(config.readonly);
	assert_null(config.serial);
	assert_int_equal(config.format, DISK_CONFIG_UNKNOWN);
	assert_bad("f,ro=1", "\"ro\" takes no value");
	assert_bad("f,ro=", "\"ro\" takes no value");
}

/* The value without a name cannot be asked for. */
static void formats(void **state)
{
	static const char *const unknown[] = { "f,format=qcow", "f,format=Raw",
					       "f,format=ra", "f,format=raw ",
					       "f,format=unknown" };

	(void)state;
	assert_good("f,format=raw");
	assert_int_equal(config.format, DISK_CONFIG_RAW);
	assert_false(config.readonly);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		assert_bad(unknown[i], ": there are raw and qcow2\n");
		assert_said(unknown[i] + 2);
	}
	assert_good("f,format=qcow2");
	assert_int_equal(config.format, DISK_CONFIG_QCOW2);
	assert_null(config.backing);
	assert_bad("f,format", "\"format\" takes a value");
	assert_bad("f,format=", "\"format\" takes a value");
}

/* Only an image of that format can be based on another file. */
static void backing(void **state)
{
	(void)state;
	assert_good("f,format=qcow2,backing=b,,c");
	assert_string_equal(config.backing, "b,c");
	assert_int_equal(config.backing_format, DISK_CONFIG_UNKNOWN);
	assert_good("f,backing_format=raw,backing=b,format=qcow2");
	assert_int_equal(config.backing_format, DISK_CONFIG_RAW);
	assert_good("f,backing_format=qcow2,backing=b,format=qcow2");
	assert_int_equal(config.backing_format, DISK_CONFIG_QCOW2);
	assert_bad("f,backing=b", "goes with format=qcow2\n");
	assert_bad("f,backing=b,format=raw", "goes with format=qcow2\n");
	assert_bad("f,format=qcow2,backing_format=raw", "goes with backing=\n");
	assert_bad("f,format=qcow2,backing=b,backing_format=vmdk",
		   ": there are raw and qcow2\n");
	assert_bad("f,format=qcow2,backing=", "\"backing\" takes a value");
}

/* In bytes, whatever they mean. */
static void serials(void **state)
{
	(void)state;
	assert_good("f,serial=root-1");
	assert_string_equal(config.serial, "root-1");
	assert_good("f,serial=a=b,,c d");
	assert_string_equal(config.serial, "a=b,c d");
	assert_good("f,serial=" SERIAL_20);
	assert_string_equal(config.serial, SERIAL_20);
	/* A doubled comma is one byte. */
	assert_good("f,serial=,,234567890123456789,,");
	assert_string_equal(config.serial, ",234567890123456789,");
	assert_bad("f,serial=" SERIAL_20 "1", "01: want at most 20 bytes");
	assert_bad("f,serial=1234567890123456789\xc3\xa9", "at most 20 bytes");
	assert_bad("f,serial", "\"serial\" takes a value");
	assert_bad("f,serial=", "\"serial\" takes a value");
}

static void all_in_any_order(void **state)
{
	static const char *const args[] = { "f,ro,format=raw,serial=x",
					    "f,serial=x,format=raw,ro",
					    "f,serial=y,ro,serial=x,format=raw",
					    "f,ro,format=raw,ro,serial=x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(args); i++) {
		assert_good(args[i]);
		assert_string_equal(config.path, "f");
		assert_string_equal(config.serial, "x");
		assert_true(config.readonly);
		assert_int_equal(config.format, DISK_CONFIG_RAW);
	}
}

/* A comma of the name is written twice; what has an '=' first is a name. */
static void commas(void **state)
{
	(void)state;
	assert_good("a,,b,,,,c=d,ro");
	assert_string_equal(config.path, "a,b,,c=d");
	assert_true(config.readonly);
	assert_good("serial=1");
	assert_string_equal(config.path, "serial=1");
	assert_null(config.serial);
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
}

static void no_file(void **state)
{
	(void)state;
	assert_bad("", "want FILE[,OPT...]; there are ro, snapshot, direct, "
		       "format=, backing=, backing_format=, serial=, "
		       "bootindex= and queues=");
	assert_bad(",ro", "want FILE[,OPT...]");
	assert_bad(",", "want FILE[,OPT...]");
	assert_bad(",serial=x", "want FILE[,OPT...]");
}

static void unknown_options(void **state)
{
	(void)state;
	assert_bad("f,rw", "unknown option \"rw\"; there are ro, snapshot, "
			   "direct, format=, backing=, backing_format=, "
			   "serial=, bootindex= and queues=\n");
	assert_bad("f,ro,Serial=x", "unknown option \"Serial\"");
	assert_bad("f,FILE=x", "unknown option \"FILE\"");
	assert_bad("f,snap", "--disk f,snap:");
	assert_bad("f,ro,snapshot", "with ro the guest cannot write");
	assert_bad("f, ro", "unknown option \" ro\"");
}

static void empty_items(void **state)
{
	(void)state;
	assert_bad("f,", "--disk f,:");
	assert_bad("f,ro,", "--disk f,ro,:");
	assert_bad("f,=x", "--disk f,=x:");
	assert_bad("f,ro,,serial=x", "ro,serial"); /* a comma of the key */
}

static void freed_twice(void **state)
{
	(void)state;
	assert_good("f");
	disk_config_free(&config);
	assert_null(config.strings);
	disk_config_free(&config);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(file_alone),	TEST(ro),
		TEST(bootindex),	TEST(queues),
		TEST(formats),		TEST(serials),
		TEST(all_in_any_order), TEST(commas),
		TEST(long_path),	TEST(no_file),
		TEST(unknown_options),	TEST(empty_items),
		TEST(freed_twice),	TEST(backing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
