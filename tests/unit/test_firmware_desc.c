/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/boot/firmware_desc.c util/json_read.c util/json.c */
/* What makes a firmware's descriptor fit. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/arm/boot/firmware_desc.h"
#include "lkvm/util/json_read.h"

#define SPLIT	  BIT(FIRMWARE_SPLIT)
#define COMBINED  BIT(FIRMWARE_COMBINED)
#define STATELESS BIT(FIRMWARE_STATELESS)

/* Of one that fits. */
#define UEFI	    "\"interface-types\": [\"bios\", \"uefi\"]"
#define CODE	    "{\"filename\": \"/code\", \"format\": \"raw\"}"
#define VARS	    "{\"filename\": \"/vars\", \"format\": \"raw\"}"
#define FLASH(rest) "\"mapping\": {\"device\": \"flash\", " rest "}"
#define MAPPING	    FLASH("\"executable\": " CODE ", \"nvram-template\": " VARS)
#define TARGETS(a, m)                                                          \
	"\"targets\": [{\"architecture\": \"x86_64\", \"machines\": [\"*\"]}," \
	"{\"architecture\": \"" a "\", \"machines\": [" m "]}]"
#define VIRT		 TARGETS("aarch64", "\"sbsa\", \"virt-*\"")
#define FEATURES(list)	 "\"features\": [" list "]"
#define NONE		 FEATURES("")
#define DESC(a, b, c, d) "{" a ", " b ", " c ", " d "}"

static struct firmware_query query;
static struct firmware_files files;
static const char *what;

static int setup(void **state)
{
	(void)state;
	query = (struct firmware_query) { .architecture = "aarch64",
					  .machine = "virt",
					  .modes = SPLIT };
	memset(&files, 0xa5, sizeof(files));
	return 0;
}

static int match(const char *text)
{
	struct json_value *root;
	struct json_error error;
	int ret;

	if (json_read(text, strlen(text), &root, &error))
		fail_msg("%s: line %u: %s", text, error.line, error.what);
	what = NULL;
	ret = firmware_desc_match(root, &query, &files, &what);
	assert_true(!what == (ret >= 0));
	free(root);
	return ret;
}

#define assert_fits(text)     assert_int_equal(match(text), 1)
#define assert_no_match(text) assert_int_equal(match(text), 0)

static void assert_malformed(const char *text, const char *why)
{
	assert_int_equal(match(text), -EINVAL);
	if (!strstr(what, why))
		fail_msg("%s: said: %s", text, what);
}

static void fits(void **state)
{
	(void)state;
	assert_fits(DESC(UEFI, MAPPING, VIRT, NONE));
	assert_int_equal(files.mode, FIRMWARE_SPLIT);
	assert_string_equal(files.code, "/code");
	assert_string_equal(files.vars, "/vars");
	/* What we do not know is for others. */
	assert_fits(DESC("\"description\": null, \"x\": {}, " UEFI, MAPPING,
			 VIRT, NONE));
}

static void interfaces(void **state)
{
	(void)state;
	assert_no_match(DESC("\"interface-types\": []", MAPPING, VIRT, NONE));
	assert_no_match(
		DESC("\"interface-types\": [\"bios\"]", MAPPING, VIRT, NONE));
	assert_no_match(DESC("\"interface-types\": [\"uboot\", \"UEFI\"]",
			     MAPPING, VIRT, NONE));
}

static void machines(void **state)
{
	static const char *const yes[] = { "\"virt\"", "\"virt-*\"",
					   "\"virt*\"", "\"*\"",
					   "1, \"pc\", \"virt-*\"" };
	static const char *const no[] = { "",
					  "\"virt-2.?\"",
					  "\"vir\"",
					  "\"virt-9.0\"",
					  "\"virtual\"",
					  "\"pc-*\"",
					  "[\"virt\"]",
					  "\"[\"" };
	char text[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		snprintf(text, sizeof(text),
			 DESC(UEFI, MAPPING, TARGETS("aarch64", "%s"), NONE),
			 yes[i]);
		assert_fits(text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		snprintf(text, sizeof(text),
			 DESC(UEFI, MAPPING, TARGETS("aarch64", "%s"), NONE),
			 no[i]);
		assert_no_match(text);
	}
	assert_no_match(
		DESC(UEFI, MAPPING, TARGETS("arm", "\"virt-*\""), NONE));
	assert_no_match(DESC(UEFI, MAPPING, "\"targets\": []", NONE));
	assert_no_match(DESC(UEFI, MAPPING, "\"targets\": [null, {}]", NONE));
	assert_no_match(DESC(UEFI, MAPPING,
			     "\"targets\": [{\"architecture\": \"aarch64\", "
			     "\"machines\": \"virt\"}]",
			     NONE));
	query.machine = "sbsa";
	assert_fits(DESC(UEFI, MAPPING, VIRT, NONE));
}

static void features(void **state)
{
	static const char *const secure[] = { "secure-boot", "enrolled-keys",
					      NULL };
	static const char enrolled[] =
		DESC(UEFI, MAPPING, VIRT,
		     FEATURES("\"enrolled-keys\", \"x\", \"secure-boot\""));
	static const char empty[] =
		DESC(UEFI, MAPPING, VIRT,
		     FEATURES("\"secure-boot\", \"verbose-static\""));

	(void)state;
	assert_fits(enrolled);
	assert_fits(empty);
	query.with = secure;
	assert_fits(enrolled);
	assert_no_match(empty);
	query.without = secure + 1;
	assert_no_match(enrolled);
	query.with = NULL;
	assert_no_match(enrolled);
	assert_fits(empty);
	query.without = secure;
	assert_no_match(empty);
	assert_fits(DESC(UEFI, MAPPING, VIRT, FEATURES("\"x\"")));
}

static void assert_unreadable(const char *text, const char *format)
{
	assert_int_equal(match(text), -ENOTSUP);
	assert_string_equal(files.format, format);
}

/* We have no System Management Mode to offer. */
static void smm(void **state)
{
	(void)state;
	assert_no_match(
		DESC(UEFI, MAPPING, VIRT, FEATURES("\"requires-smm\"")));
}

static void devices(void **state)
{
	(void)state;
	assert_no_match(DESC(UEFI,
			     "\"mapping\": {\"device\": \"memory\", "
			     "\"filename\": \"/bios\"}",
			     VIRT, NONE));
	assert_malformed(DESC(UEFI, "\"mapping\": {}", VIRT, NONE),
			 "without device");
	assert_malformed(DESC(UEFI, "\"mapping\": {\"device\": 1}", VIRT, NONE),
			 "without device");
}

static void modes(void **state)
{
	static const char both[] = DESC(
		UEFI, FLASH("\"mode\": \"combined\", \"executable\": " CODE),
		VIRT, NONE);
	static const char stateless[] = DESC(
		UEFI, FLASH("\"mode\": \"stateless\", \"executable\": " CODE),
		VIRT, NONE);
	static const char split[] =
		DESC(UEFI,
		     FLASH("\"mode\": \"split\", \"executable\": " CODE
			   ", \"nvram-template\": " VARS),
		     VIRT, NONE);

	(void)state;
	assert_fits(split);
	assert_no_match(both);
	assert_no_match(stateless);
	query.modes = COMBINED;
	assert_no_match(split);
	assert_no_match(DESC(UEFI, MAPPING, VIRT, NONE));
	assert_fits(both);
	assert_int_equal(files.mode, FIRMWARE_COMBINED);
	assert_string_equal(files.code, "/code");
	assert_string_equal(files.vars, "");
	query.modes = STATELESS | SPLIT;
	assert_fits(stateless);
	assert_int_equal(files.mode, FIRMWARE_STATELESS);
	assert_string_equal(files.vars, "");
	assert_fits(split);
	assert_malformed(DESC(UEFI,
			      FLASH("\"mode\": \"x\", \"executable\": " CODE),
			      VIRT, NONE),
			 "the mode is none of");
	assert_malformed(DESC(UEFI,
			      FLASH("\"mode\": null, \"executable\": " CODE),
			      VIRT, NONE),
			 "the mode is none of");
}

static void formats(void **state)
{
	static const char code[] = DESC(
		UEFI,
		FLASH("\"executable\": {\"filename\": \"/code\", \"format\": "
		      "\"qcow2\"}, \"nvram-template\": " VARS),
		VIRT, NONE);
	static const char vars[] =
		DESC(UEFI,
		     FLASH("\"executable\": " CODE ", \"nvram-template\": "
			   "{\"filename\": \"/vars\", \"format\": \"qcow2\"}"),
		     VIRT, NONE);

	(void)state;
	assert_fits(code);
	assert_string_equal(files.code, "/code");
	assert_fits(vars);
	assert_string_equal(files.vars, "/vars");
	assert_unreadable(
		DESC(UEFI,
		     FLASH("\"executable\": {\"filename\": \"/c\", \"format\": "
			   "\"vmdk\"}, \"nvram-template\": " VARS),
		     VIRT, NONE),
		"vmdk");
	assert_unreadable(
		DESC(UEFI,
		     FLASH("\"executable\": " CODE ", \"nvram-template\": "
			   "{\"filename\": \"/v\", \"format\": \"luks\"}"),
		     VIRT, NONE),
		"luks");
	/* Nothing is said of what is not for us in any case. */
	assert_no_match(
		DESC(UEFI,
		     FLASH("\"executable\": {\"filename\": \"/c\", \"format\": "
			   "\"vmdk\"}, \"nvram-template\": " VARS),
		     VIRT, FEATURES("\"requires-smm\"")));
}

static void bad_files(void **state)
{
	static char text[8192];
	char name[sizeof(files.code) + 1];

	(void)state;
	assert_malformed(DESC(UEFI, FLASH("\"executable\": " CODE), VIRT, NONE),
			 "without filename");
	assert_malformed(DESC(UEFI, FLASH("\"nvram-template\": " VARS), VIRT,
			      NONE),
			 "without filename");
	assert_malformed(DESC(UEFI, FLASH("\"executable\": \"/code\""), VIRT,
			      NONE),
			 "without filename");
	assert_malformed(DESC(UEFI,
			      FLASH("\"executable\": {\"format\": \"raw\"}"),
			      VIRT, NONE),
			 "without filename");
	assert_malformed(DESC(UEFI,
			      FLASH("\"executable\": {\"filename\": \"/c\"}"),
			      VIRT, NONE),
			 "without filename and format");
	assert_malformed(DESC(UEFI,
			      FLASH("\"executable\": {\"filename\": \"c\", "
				    "\"format\": \"raw\"}"),
			      VIRT, NONE),
			 "not absolute");
	memset(name, '/', sizeof(name));
	name[sizeof(files.code)] = '\0';
	snprintf(text, sizeof(text),
		 DESC(UEFI,
		      FLASH("\"executable\": {\"filename\": \"%s\", "
			    "\"format\": \"raw\"}, \"nvram-template\": " VARS),
		      VIRT, NONE),
		 name);
	assert_malformed(text, "too long");
	name[sizeof(files.code) - 1] = '\0';
	snprintf(text, sizeof(text),
		 DESC(UEFI,
		      FLASH("\"executable\": {\"filename\": \"%s\", "
			    "\"format\": \"raw\"}, \"nvram-template\": " VARS),
		      VIRT, NONE),
		 name);
	assert_fits(text);
	assert_string_equal(files.code, name);
}

static void members(void **state)
{
	(void)state;
	assert_malformed("[]", "interface-types");
	assert_malformed("\"uefi\"", "interface-types");
	assert_malformed("{}", "interface-types");
	assert_malformed(DESC("\"interface-types\": \"uefi\"", MAPPING, VIRT,
			      NONE),
			 "interface-types");
	assert_malformed(DESC(UEFI, "\"mapping\": []", VIRT, NONE), "mapping");
	assert_malformed(DESC(UEFI, MAPPING, "\"targets\": {}", NONE),
			 "targets");
	assert_malformed(DESC(UEFI, MAPPING, VIRT, "\"features\": null"),
			 "features");
	assert_malformed(DESC(UEFI, MAPPING, VIRT, "\"x\": []"), "features");
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fits),	TEST(interfaces), TEST(machines),
		TEST(features), TEST(smm),	  TEST(devices),
		TEST(modes),	TEST(formats),	  TEST(bad_files),
		TEST(members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
