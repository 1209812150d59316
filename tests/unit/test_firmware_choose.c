/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/boot/firmware.c */
/* Which firmware a machine starts, and the banks that come of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arm/boot.h"
#include "arm/machine.h"
#include "lkvm/arm/boot/firmware_desc.h"
#include "lkvm/arm/boot/image.h"

#define FLASH_FILE "/firmware/for-flash"

static struct {
	struct machine machine;
	struct vm_config config;
	struct flash_config banks[FLASH_MAX_BANKS]; /* of `config` */
	struct machine_type type;
	int find;    /* what firmware_desc_find() returns */
	int by_code; /* the same where the firmware has a name */
	unsigned int messages;
	char said[512]; /* the last */
} t;

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	if (level > LOG_LEVEL_INFO)
		return;
	va_start(args, fmt);
	vsnprintf(t.said, sizeof(t.said), fmt, args);
	va_end(args);
	t.messages++;
}

void pr_fatal(const char *fmt, ...)
{
	(void)fmt;
	t.messages++;
}

bool image_runs_from_flash(const char *path)
{
	return !strcmp(path, FLASH_FILE);
}

static bool has(const char *const *list, const char *name)
{
	while (*list && strcmp(*list, name))
		list++;
	return *list;
}

int firmware_desc_find(const struct firmware_query *query,
		       struct firmware_files *out)
{
	assert_string_equal(query->architecture, "aarch64");
	assert_string_equal(query->machine, "virt");
	assert_int_equal(query->modes, BIT(FIRMWARE_SPLIT));
	strcpy(out->code, "/installed/code");
	strcpy(out->vars, "/installed/vars");
	if (query->code) {
		assert_string_equal(query->code, FLASH_FILE);
		assert_null(query->without);
		return t.by_code;
	}
	assert_true(has(query->without, "secure-boot"));
	assert_true(has(query->without, "enrolled-keys"));
	return t.find;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.type.name = "virt";
	t.type.starts_in_flash = true;
	t.machine.type = &t.type;
	t.machine.config = &t.config;
	t.config.flash.items = t.banks;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(t.machine.installed);
	return 0;
}

/* Banks of --flash, named a, b, ... */
static void give_flash(unsigned int n)
{
	static const char *const names[FLASH_MAX_BANKS] = { "a", "b", "c",
							    "d" };

	for (unsigned int i = 0; i < n; i++)
		t.banks[i].path = names[i];
	t.config.flash.count = n;
}

static void choose(int ret, enum boot_from boot, unsigned int nr_flash)
{
	free(t.machine.installed);
	t.machine.installed = NULL;
	assert_int_equal(firmware_choose(&t.machine), ret);
	if (ret)
		return;
	assert_int_equal(t.machine.boot, boot);
	assert_int_equal(t.machine.nr_flash, nr_flash);
}

static void assert_bank(unsigned int n, const char *path, bool readonly)
{
	assert_string_equal(t.machine.flash[n].path, path);
	assert_int_equal(t.machine.flash[n].readonly, readonly);
}

static void kernel(void **state)
{
	(void)state;
	give_flash(1);
	t.config.boot.kernel = "Image";
	choose(0, BOOT_KERNEL, 1);
	assert_bank(0, "a", false);
	assert_int_equal(t.messages, 0);
}

/* It is there, but it does not get to check the kernel. */
static void kernel_beside_firmware(void **state)
{
	(void)state;
	t.banks[0].path = FLASH_FILE;
	t.config.flash.count = 1;
	t.config.boot.kernel = "Image";
	choose(0, BOOT_KERNEL, 1);
	assert_int_equal(t.messages, 1);
	t.type.starts_in_flash = false;
	choose(0, BOOT_KERNEL, 1);
	assert_int_equal(t.messages, 1);
}

static void first_bank(void **state)
{
	(void)state;
	give_flash(2);
	choose(0, BOOT_FLASH, 2);
	assert_bank(0, "a", false);
	assert_bank(1, "b", false);
	t.config.boot.firmware_address = SZ_1G;
	choose(-EINVAL, BOOT_FLASH, 2);
}

static void firmware_in_ram(void **state)
{
	(void)state;
	give_flash(1);
	t.config.boot.firmware = "KVMTOOL_EFI.fd";
	choose(0, BOOT_RAM_FIRMWARE, 1);
	assert_bank(0, "a", false);
	t.config.boot.kernel = "Image";
	choose(0, BOOT_RAM_FIRMWARE, 1);
	t.config.boot.firmware_address = SZ_1G;
	choose(0, BOOT_RAM_FIRMWARE, 1);
	assert_int_equal(t.messages, 0);
}

static void firmware_in_flash(void **state)
{
	(void)state;
	give_flash(FLASH_MAX_BANKS);
	t.config.boot.firmware = FLASH_FILE;
	choose(0, BOOT_FLASH, FLASH_MAX_BANKS + 1);
	assert_bank(0, FLASH_FILE, true);
	assert_bank(1, "a", false);
	assert_bank(FLASH_MAX_BANKS, "d", false);
	assert_int_equal(t.messages, 0);
	t.config.boot.firmware_address = SZ_1G;
	choose(-EINVAL, BOOT_FLASH, FLASH_MAX_BANKS + 1);
}

static void assert_volatile(const char *path, bool in_memory)
{
	assert_bank(1, path, false);
	assert_true(t.machine.flash[1].snapshot);
	assert_int_equal(t.machine.flash[1].in_memory, in_memory);
}

/* EDK2 needs a place for its variables; who wants to keep them is told how. */
static void firmware_without_flash(void **state)
{
	(void)state;
	t.config.boot.firmware = FLASH_FILE;
	t.by_code = -ENOENT;
	choose(0, BOOT_FLASH, 2);
	assert_bank(0, FLASH_FILE, true);
	assert_volatile("in memory", true);
	assert_int_equal(t.messages, 1);
	assert_non_null(strstr(t.said, "--flash vars.fd,create,size=2M"));
	t.by_code = 0;
	choose(0, BOOT_FLASH, 2);
	assert_bank(0, FLASH_FILE, true);
	assert_volatile("/installed/vars", false);
	assert_int_equal(t.messages, 2);
	assert_non_null(strstr(t.said, "--flash vars.fd,template=/installed/"));
	t.by_code = -ENOMEM;
	choose(-ENOMEM, BOOT_FLASH, 0);
	assert_int_equal(t.messages, 3);
}

/* As if it were named by --firmware, but for the file's being writable. */
static void only_bank_has_firmware(void **state)
{
	(void)state;
	t.banks[0].path = FLASH_FILE;
	t.config.flash.count = 1;
	t.by_code = -ENOENT;
	choose(0, BOOT_FLASH, 2);
	assert_bank(0, FLASH_FILE, false);
	assert_volatile("in memory", true);
	assert_int_equal(t.messages, 1);
	assert_non_null(strstr(t.said, "--flash vars.fd,create,size=2M"));
	t.banks[1].path = "b";
	t.config.flash.count = 2;
	choose(0, BOOT_FLASH, 2);
	assert_bank(1, "b", false);
	t.type.starts_in_flash = false;
	t.config.flash.count = 1;
	choose(0, BOOT_FLASH, 1);
	assert_int_equal(t.messages, 1);
}

/* There it gets the message that it would not run from RAM. */
static void machine_that_starts_in_ram(void **state)
{
	(void)state;
	t.type.starts_in_flash = false;
	t.config.boot.firmware = FLASH_FILE;
	choose(0, BOOT_RAM_FIRMWARE, 0);
}

static void installed(void **state)
{
	(void)state;
	t.config.boot.firmware = "auto";
	t.config.boot.firmware_auto = true;
	choose(0, BOOT_FLASH, 2);
	assert_bank(0, "/installed/code", true);
	assert_bank(1, "/installed/vars", false);
	assert_volatile("/installed/vars", false);
	assert_int_equal(t.messages, 1);
	assert_non_null(strstr(t.said, "--flash vars.fd does"));
	t.find = -ENOENT;
	choose(-ENOENT, BOOT_FLASH, 0);
	assert_int_equal(t.messages, 1);
	t.find = -ENOMEM;
	choose(-ENOMEM, BOOT_FLASH, 0);
	assert_int_equal(t.messages, 2);
}

static void assert_template(const char *template)
{
	choose(0, BOOT_FLASH, 2);
	assert_string_equal(t.machine.flash[1].path, "a");
	if (template)
		assert_string_equal(t.machine.flash[1].template, template);
	else
		assert_null(t.machine.flash[1].template);
}

/* Whoever says where variables come from gets them from there. */
static void installed_with_flash(void **state)
{
	struct flash_config *flash = t.banks;

	(void)state;
	t.config.boot.firmware = "auto";
	t.config.boot.firmware_auto = true;
	give_flash(1);
	assert_template("/installed/vars");
	assert_false(t.machine.flash[1].snapshot);
	flash->template = "mine";
	assert_template("mine");
	flash->template = NULL;
	flash->create = true;
	assert_template(NULL);
	flash->create = false;
	flash->readonly = true;
	assert_template(NULL);
	flash->readonly = false;
	flash->snapshot = true;
	assert_template(NULL);
	assert_int_equal(t.messages, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kernel),
		TEST(kernel_beside_firmware),
		TEST(first_bank),
		TEST(firmware_in_ram),
		TEST(firmware_in_flash),
		TEST(firmware_without_flash),
		TEST(only_bank_has_firmware),
		TEST(machine_that_starts_in_ram),
		TEST(installed),
		TEST(installed_with_flash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
