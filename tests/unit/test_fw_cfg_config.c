/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/fw_cfg.c config/keyvalue.c util/names.c */
/* SOURCES: hw/fw_cfg/fw_cfg.c hw/fw_cfg/items.c util/parse.c */
/* SOURCES: util/file.c util/json.c vmm/mmio.c vmm/gmem.c vmm/fdt.c */
/* SOURCES: hw/fw_cfg/user_file.c tests/unit/flash_fixture.c */
/* SOURCES: tests/unit/fw_cfg_rig.c */
/* The argument of --fw-cfg, and the files that come of it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flash_fixture.h"
#include "fw_cfg_rig.h"
#include "lkvm/config/fw_cfg.h"
#include "lkvm/hw/fw_cfg/boot.h"

static struct fw_cfg_config config;

static int setup(void **state)
{
	forget_messages();
	make_dir(state);
	return rig_setup(state);
}

static int teardown(void **state)
{
	fw_cfg_config_free(&config);
	rig_teardown(state);
	return remove_dir(state);
}

/* Parsed, with what is said: nothing, or one warning. */
static void assert_good(const char *arg, const char *text)
{
	forget_messages();
	fw_cfg_config_free(&config);
	memset(&config, 0xa5, sizeof(config));
	if (fw_cfg_config_parse(&config, arg))
		fail_msg("%s: refused: %s", arg, messages);
	assert_int_equal(nr_fatal, 0);
	if (!strstr(messages, text) || !*text != !*messages)
		fail_msg("\"%s\": said: %s", arg, messages);
}

static void assert_bad(const char *arg, const char *text)
{
	forget_messages();
	fw_cfg_config_free(&config);
	memset(&config, 0xa5, sizeof(config));
	if (fw_cfg_config_parse(&config, arg) != -EINVAL)
		fail_msg("\"%s\": not refused", arg);
	assert_null(config.strings);
	if (nr_fatal != 1)
		fail_msg("\"%s\": %u messages: %s", arg, nr_fatal, messages);
	if (!strstr(messages, text))
		fail_msg("\"%s\": said: %s", arg, messages);
}

static void strings(void **state)
{
	(void)state;
	assert_good("name=opt/org.x/a,string=some text", "");
	assert_string_equal(config.name, "opt/org.x/a");
	assert_string_equal(config.text, "some text");
	assert_null(config.path);
	assert_good("string=a=b,,c,name=opt/x", "");
	assert_string_equal(config.name, "opt/x");
	assert_string_equal(config.text, "a=b,c");
}

static void files(void **state)
{
	(void)state;
	assert_good("name=opt/x,file=/etc/a,,b", "");
	assert_string_equal(config.path, "/etc/a,b");
	assert_null(config.text);
	/* The last one counts. */
	assert_good("name=opt/x,file=a,name=opt/y,file=b", "");
	assert_string_equal(config.name, "opt/y");
	assert_string_equal(config.path, "b");
}

static void name_without_key(void **state)
{
	(void)state;
	assert_good("opt/x,file=a", "");
	assert_string_equal(config.name, "opt/x");
	assert_bad("file=a,opt/x", "unknown option \"opt/x\"; there are name=, "
				   "file= and string=");
}

static void foreign_names(void **state)
{
	(void)state;
	assert_good("name=etc/x,string=a", "do not begin with opt/");
	assert_good("name=opt,string=a", "do not begin with opt/");
	assert_string_equal(config.name, "opt");
}

static void bad_names(void **state)
{
	(void)state;
	assert_bad("string=a", "no name= is given");
	assert_bad("name=,string=a", "\"name\" takes a value");
	assert_bad("name=opt/a b,string=a", "printable ASCII");
	assert_bad("name=opt/\xc3\xa4,string=a", "printable ASCII");
	assert_good("name=opt/345678901234567890123456789012345678901234567890"
		    "123,string=a",
		    "");
	assert_bad("name=opt/345678901234567890123456789012345678901234567890"
		   "1234,string=a",
		   "want at most 55 bytes");
}

static void bad_items(void **state)
{
	(void)state;
	assert_bad("", "want name=NAME");
	assert_bad("name=opt/x", "want one of file= and string=");
	assert_bad("opt/x,file=a,string=b",
		   "\"file\" and \"string\" exclude each other");
	assert_bad("opt/x,file=", "\"file\" takes a value");
	assert_bad("opt/x,string=", "\"string\" takes a value");
	assert_bad("opt/x,file", "\"file\" takes a value");
	assert_bad("opt/x,path=a", "unknown option \"path\"");
	assert_bad("opt/x,string=a,", "an option is empty");
	assert_bad("opt/x,=a", "an option is empty");
	assert_bad(",string=a", "--fw-cfg ,string=a: ");
}

/* What is too long for a path the system says when the file is opened. */
static void lengths(void **state)
{
	char arg[10000];

	(void)state;
	memset(arg, 'p', sizeof(arg));
	arg[sizeof(arg) - 1] = '\0';
	memcpy(arg, "opt/x,file=", 11);
	assert_good(arg, "");
	assert_int_equal(strlen(config.path), sizeof(arg) - 12);
	memcpy(arg, "opt/x,string=", 13);
	assert_good(arg, "");
	assert_int_equal(strlen(config.text), sizeof(arg) - 14);
	memset(arg, 'p', sizeof(arg) - 1);
	assert_bad(arg, "ppp...: name=ppp");
}

static void add(struct rig *r, const char *arg, int err)
{
	assert_good(arg, "");
	assert_int_equal(fw_cfg_add_user_file(r->fw, &config), err);
	assert_int_equal(nr_fatal, err ? 1 : 0);
}

/* Before there is a device. */
static void checked(void **state)
{
	(void)state;
	assert_good("name=opt/b,string=hello", "");
	assert_int_equal(fw_cfg_check_user_file(&config), 0);
	assert_good("name=opt/b,file=/proc/self/status", "");
	assert_int_equal(fw_cfg_check_user_file(&config), 0);
	assert_int_equal(nr_fatal, 0);
	assert_good("name=opt/b,file=/nonexistent", "");
	assert_int_equal(fw_cfg_check_user_file(&config), -ENOENT);
	assert_int_equal(nr_fatal, 1);
}

static void added_string(void **state)
{
	struct rig *r = *state;

	add(r, "name=opt/b,string=hello", 0);
	/* No zero at its end. */
	assert_int_equal(r->fw->items[r->fw->nr_items - 1].data.len, 5);
	assert_string_equal(read_text(r, FW_CFG_FIRST_FILE, 5), "hello");
	add(r, "name=opt/b,string=again", -EEXIST);
	assert_said("--fw-cfg opt/b: there is a file of this name");
}

static void added_file(void **state)
{
	struct rig *r = *state;
	char arg[256];

	make_file(100);
	snprintf(arg, sizeof(arg), "name=opt/b,file=%s", PATH);
	add(r, arg, 0);
	unlink(PATH);
	assert_int_equal(r->fw->items[r->fw->nr_items - 1].data.len, 100);
	select_key(r, FW_CFG_FIRST_FILE);
	for (u64 i = 0; i < 100; i++)
		assert_int_equal(read_data(r, 1), pattern(i));
	snprintf(arg, sizeof(arg), "name=opt/c,file=%s", PATH);
	add(r, arg, -ENOENT);
	assert_said("--fw-cfg opt/c: unable to read ");
	assert_said(PATH);
}

static void files_that_do_not_fit(void **state)
{
	struct rig *r = *state;
	char arg[256];

	make_file(1);
	assert_int_equal(truncate(PATH, FW_CFG_CONFIG_MAX + 1), 0);
	snprintf(arg, sizeof(arg), "name=opt/b,file=%s", PATH);
	add(r, arg, -EFBIG);
	add(r, "name=opt/b,file=/", -EISDIR);
	make_file(0);
	add(r, arg, 0);
	for (int i = 1; i < FW_CFG_MAX_FILES; i++) {
		snprintf(arg, sizeof(arg), "name=opt/%d,string=x", i);
		add(r, arg, 0);
	}
	add(r, "name=opt/c,string=x", -ENOSPC);
	assert_said("there are too many files");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings),
		cmocka_unit_test(files),
		cmocka_unit_test(name_without_key),
		cmocka_unit_test(foreign_names),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(bad_items),
		cmocka_unit_test(lengths),
		cmocka_unit_test(checked),
		TEST(added_string),
		TEST(added_file),
		TEST(files_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
