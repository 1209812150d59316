/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/boot/firmware_find.c arm/boot/firmware_desc.c */
/* SOURCES: util/json_read.c */
/* SOURCES: util/json.c util/file.c */
/* Which of the installed firmware descriptors counts. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/arm/boot/firmware_desc.h"
#include "lkvm/util/log.h"

static char root[64];
static char messages[4096];
static unsigned int nr_fatal, nr_warnings;

/* User's, administrator's, distribution's. */
static char user[128], etc[128], usr[128];
static const char *const dirs[] = { user, etc, usr, NULL };
static struct firmware_query query;
static struct firmware_files files;

static void __printf(1, 0) say(const char *fmt, va_list args)
{
	size_t len = strlen(messages);

	vsnprintf(messages + len, sizeof(messages) - len, fmt, args);
}

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	nr_fatal++;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	assert_int_equal(level, LOG_LEVEL_WARNING);
	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	nr_warnings++;
}

static void make_path(char *path, size_t size, const char *dir,
		      const char *name)
{
	snprintf(path, size, "%s/%s", dir, name);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/lkvm-firmware-XXXXXX");
	assert_non_null(mkdtemp(root));
	make_path(user, sizeof(user), root, "user");
	make_path(etc, sizeof(etc), root, "etc");
	make_path(usr, sizeof(usr), root, "usr");
	assert_int_equal(mkdir(etc, 0755), 0);
	assert_int_equal(mkdir(usr, 0755), 0);
	query = (struct firmware_query) { .architecture = "aarch64",
					  .machine = "virt",
					  .modes = BIT(FIRMWARE_SPLIT),
					  .dirs = dirs };
	return 0;
}

static int unlink_any(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(root, unlink_any, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	make_path(path, sizeof(path), dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* A descriptor as distributions have them; files are below the root. */
static void describe(const char *dir, const char *name, const char *code,
		     const char *vars, const char *features)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "{\n"
		 "  \"description\": \"UEFI firmware\",\n"
		 "  \"interface-types\": [ \"uefi\" ],\n"
		 "  \"mapping\": {\n"
		 "    \"device\": \"flash\",\n"
		 "    \"executable\": {\n"
		 "      \"filename\": \"%s/%s\", \"format\": \"raw\"\n"
		 "    },\n"
		 "    \"nvram-template\": {\n"
		 "      \"filename\": \"%s/%s\", \"format\": \"raw\"\n"
		 "    }\n"
		 "  },\n"
		 "  \"targets\": [\n"
		 "    { \"architecture\": \"aarch64\",\n"
		 "      \"machines\": [ \"virt-*\" ] }\n"
		 "  ],\n"
		 "  \"features\": [ %s ],\n"
		 "  \"tags\": [ ]\n"
		 "}\n",
		 root, code, root, vars, features);
	put(dir, name, text);
}

/* One that fits and names files which are there. */
static void install(const char *dir, const char *name, const char *code)
{
	put(root, code, "code");
	put(root, "vars", "vars");
	describe(dir, name, code, "vars", "");
}

static void assert_found(const char *dir, const char *name, const char *code)
{
	char path[256];

	messages[0] = '\0';
	nr_fatal = nr_warnings = 0;
	memset(&files, 0xa5, sizeof(files));
	if (firmware_desc_find(&query, &files))
		fail_msg("not found: %s", messages);
	assert_int_equal(nr_fatal, 0);
	make_path(path, sizeof(path), dir, name);
	assert_string_equal(files.descriptor, path);
	make_path(path, sizeof(path), root, code);
	assert_string_equal(files.code, path);
	make_path(path, sizeof(path), root, "vars");
	assert_string_equal(files.vars, path);
	assert_int_equal(files.mode, FIRMWARE_SPLIT);
}

static void assert_none(const char *text)
{
	messages[0] = '\0';
	nr_fatal = nr_warnings = 0;
	assert_int_equal(firmware_desc_find(&query, &files), -ENOENT);
	assert_int_equal(nr_fatal, 1);
	if (!strstr(messages, text))
		fail_msg("said: %s", messages);
}

static void nothing(void **state)
{
	static const char *const secure[] = { "secure-boot", "enrolled-keys",
					      NULL };
	char where[512];

	(void)state;
	snprintf(where, sizeof(where),
		 "aarch64's virt is installed: no "
		 "descriptor (*.json) in %s, %s, %s fits",
		 user, etc, usr);
	assert_none(where);
	assert_int_equal(nr_warnings, 0);
	query.with = secure;
	assert_none("virt with secure-boot, enrolled-keys is installed");
	query.with = NULL;
	query.without = secure + 1;
	assert_none("virt without enrolled-keys is installed");
	query.with = secure;
	query.dirs = dirs + 3;
	assert_none("virt with secure-boot, enrolled-keys without "
		    "enrolled-keys is installed");
}

/* By name, wherever they are. */
static void order(void **state)
{
	(void)state;
	assert_int_equal(mkdir(user, 0755), 0);
	install(usr, "60-a.json", "usr60");
	assert_found(usr, "60-a.json", "usr60");
	install(user, "70-a.json", "user70");
	assert_found(usr, "60-a.json", "usr60");
	install(etc, "50-a.json", "etc50");
	assert_found(etc, "50-a.json", "etc50");
	install(usr, "40-a.json", "usr40");
	assert_found(usr, "40-a.json", "usr40");
	install(user, "05-a.json", "user05");
	assert_found(user, "05-a.json", "user05");
	assert_int_equal(nr_warnings, 0);
}

static void more_specific(void **state)
{
	(void)state;
	install(usr, "50-a.json", "usr50");
	install(etc, "50-a.json", "etc50");
	assert_found(etc, "50-a.json", "etc50");
	assert_int_equal(mkdir(user, 0755), 0);
	install(user, "50-a.json", "user50");
	assert_found(user, "50-a.json", "user50");
}

/* What does not fit hides all the same. */
static void hidden(void **state)
{
	char path[256];

	(void)state;
	install(usr, "50-a.json", "usr50");
	install(usr, "60-a.json", "usr60");
	put(etc, "50-a.json", "");
	assert_found(usr, "60-a.json", "usr60");
	assert_int_equal(nr_warnings, 0);
	describe(etc, "50-a.json", "usr50", "vars", "\"requires-smm\"");
	assert_found(usr, "60-a.json", "usr60");
	make_path(path, sizeof(path), etc, "60-a.json");
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_none(etc);
	assert_int_equal(nr_warnings, 0);
	/* A pipe has no size either, and nobody waits for its other end. */
	unlink(path);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_none(etc);
}

static void other_names(void **state)
{
	(void)state;
	install(usr, "50-a.json~", "a");
	install(usr, ".50-a.json", "a");
	install(usr, "50-a.JSON", "a");
	install(usr, "50-ajson", "a");
	install(usr, ".json", "a");
	install(usr, "json", "a");
	assert_none(usr);
	assert_int_equal(nr_warnings, 0);
	install(usr, "a.json", "a");
	assert_found(usr, "a.json", "a");
}

/* Each is said once, and the next one counts. */
static void broken(void **state)
{
	char path[256];

	(void)state;
	install(usr, "90-a.json", "a");
	put(usr, "10-a.json", "{\n\"features\": [],,\n}");
	assert_found(usr, "90-a.json", "a");
	assert_int_equal(nr_warnings, 1);
	assert_non_null(strstr(messages, "usr/10-a.json is passed over: "
					 "line 2: "));
	put(usr, "10-a.json", "{}");
	assert_found(usr, "90-a.json", "a");
	assert_int_equal(nr_warnings, 1);
	assert_non_null(strstr(messages, "no list interface-types"));
	unlink(strcat(strcpy(path, usr), "/10-a.json"));
	/* Nothing there, or a directory with something in it. */
	assert_int_equal(symlink("nowhere", path), 0);
	assert_found(usr, "90-a.json", "a");
	assert_non_null(strstr(messages, "No such file"));
	unlink(path);
	assert_int_equal(mkdir(path, 0755), 0);
	put(path, "x", "x");
	assert_found(usr, "90-a.json", "a");
}

/* A descriptor that has another format for both of its files. */
static void change_format(const char *name, const char *format)
{
	char path[256], text[2048], *at = text;
	size_t len;
	FILE *f;

	make_path(path, sizeof(path), usr, name);
	f = fopen(path, "r");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	f = fopen(path, "w");
	assert_non_null(f);
	for (char *raw; (raw = strstr(at, "\"raw\"")); at = raw + 5)
		fprintf(f, "%.*s\"%s\"", (int)(raw - at), at, format);
	fputs(at, f);
	assert_int_equal(fclose(f), 0);
}

/* As Fedora has it: qcow2 first, and raw. */
static void formats(void **state)
{
	(void)state;
	install(usr, "50-edk2-aarch64-qcow2.json", "a");
	install(usr, "51-edk2-aarch64-raw.json", "b");
	change_format("50-edk2-aarch64-qcow2.json", "qcow2");
	assert_found(usr, "50-edk2-aarch64-qcow2.json", "a");
	assert_int_equal(nr_warnings, 0);
	install(usr, "50-edk2-aarch64-qcow2.json", "a");
	change_format("50-edk2-aarch64-qcow2.json", "vdi");
	assert_found(usr, "51-edk2-aarch64-raw.json", "b");
	assert_int_equal(nr_warnings, 1);
	assert_non_null(strstr(messages,
			       "50-edk2-aarch64-qcow2.json is passed over: it "
			       "names a file in vdi format, where raw and"));
}

static void too_large(void **state)
{
	char path[256];

	(void)state;
	install(usr, "90-a.json", "a");
	install(usr, "10-a.json", "b");
	make_path(path, sizeof(path), usr, "10-a.json");
	assert_int_equal(truncate(path, 65537), 0);
	assert_found(usr, "90-a.json", "a");
	assert_int_equal(nr_warnings, 1);
	assert_non_null(strstr(messages, "File too large"));
}

/*
 * As Debian 12 installs it (qemu-efi-aarch64 2022.11-6+deb12u2), where the
 * code that the second descriptor names is in no package.
 */
static void debian(void **state)
{
	static const char enrolled[] = "40-edk2-aarch64-secure-enrolled.json";
	static const char *const features[] = { "enrolled-keys", "secure-boot",
						NULL };

	(void)state;
	put(root, "vars", "");
	put(root, "AAVMF_CODE.fd", "");
	put(root, "AAVMF_CODE.ms.fd", "");
	describe(usr, enrolled, "AAVMF_CODE.ms.fd", "vars",
		 "\"enrolled-keys\", \"secure-boot\", \"verbose-static\"");
	describe(usr, "50-edk2-aarch64-secure.json", "AAVMF_CODE.secboot.fd",
		 "vars", "\"secure-boot\", \"verbose-static\"");
	describe(usr, "60-edk2-aarch64.json", "AAVMF_CODE.fd", "vars",
		 "\"verbose-static\"");

	assert_found(usr, enrolled, "AAVMF_CODE.ms.fd");
	query.without = features;
	assert_found(usr, "60-edk2-aarch64.json", "AAVMF_CODE.fd");
	assert_int_equal(nr_warnings, 0);
	query.without = (const char *const[]) { "enrolled-keys", NULL };
	assert_found(usr, "60-edk2-aarch64.json", "AAVMF_CODE.fd");
	assert_int_equal(nr_warnings, 1);
	assert_non_null(strstr(messages, "50-edk2-aarch64-secure.json is "
					 "passed over: it names "));
	assert_non_null(strstr(messages, "AAVMF_CODE.secboot.fd: No such"));
	query.without = NULL;
	query.with = features;
	assert_found(usr, enrolled, "AAVMF_CODE.ms.fd");
	query.architecture = "arm";
	assert_none("arm's virt");
}

static void no_template(void **state)
{
	(void)state;
	put(root, "code", "");
	describe(usr, "50-a.json", "code", "lost", "");
	assert_none(usr);
	assert_int_equal(nr_warnings, 1);
	assert_non_null(strstr(messages, "/lost: No such file"));
}

/* Where it looks if nobody says where. */
/* By whatever name; the features of a descriptor do not matter then. */
static void by_code(void **state)
{
	char code[256], link[256];

	(void)state;
	install(etc, "10-other.json", "other");
	describe(etc, "20-secure.json", "code", "vars", "\"secure-boot\"");
	install(etc, "30-code.json", "code");
	put(root, "code", "");
	put(root, "vars", "");
	make_path(code, sizeof(code), root, "code");
	make_path(link, sizeof(link), root, "link");
	assert_int_equal(symlink(code, link), 0);
	query.code = link;
	assert_found(etc, "20-secure.json", "code");
	make_path(link, sizeof(link), root, "vars");
	assert_int_equal(firmware_desc_find(&query, &files), -ENOENT);
	query.code = "/nonexistent";
	assert_int_equal(firmware_desc_find(&query, &files), -ENOENT);
	assert_string_equal(messages, "");
}

static void environment(void **state)
{
	char dir[256], path[512];

	(void)state;
	query.dirs = NULL;
	query.machine = "none-has-this";
	make_path(dir, sizeof(dir), root, "home");
	assert_int_equal(mkdir(dir, 0755), 0);
	setenv("HOME", dir, 1);
	unsetenv("XDG_CONFIG_HOME");
	snprintf(path, sizeof(path),
		 " in %s/.config/qemu/firmware, "
		 "/etc/qemu/firmware, "
		 "/usr/share/qemu/firmware fits",
		 dir);
	assert_none(path);
	setenv("XDG_CONFIG_HOME", "", 1);
	assert_none(path);
	setenv("XDG_CONFIG_HOME", "relative", 1);
	assert_none(path);
	setenv("XDG_CONFIG_HOME", root, 1);
	snprintf(path, sizeof(path),
		 " in %s/qemu/firmware, "
		 "/etc/qemu/firmware, "
		 "/usr/share/qemu/firmware fits",
		 root);
	assert_none(path);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	assert_none(" in /etc/qemu/firmware, /usr/share/qemu/firmware fits");

	setenv("XDG_CONFIG_HOME", root, 1);
	make_path(path, sizeof(path), root, "qemu");
	assert_int_equal(mkdir(path, 0755), 0);
	strcat(path, "/firmware");
	assert_int_equal(mkdir(path, 0755), 0);
	query.machine = "virt";
	install(path, "00-a.json", "code");
	assert_found(path, "00-a.json", "code");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing),	   TEST(order),	      TEST(more_specific),
		TEST(hidden),	   TEST(other_names), TEST(broken),
		TEST(formats),	   TEST(too_large),   TEST(debian),
		TEST(no_template), TEST(by_code),     TEST(environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
