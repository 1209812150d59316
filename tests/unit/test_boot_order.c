/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/boot/order.c */
/* WRAP: asprintf strdup */
/* The list of what firmware is to boot from. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arm/boot.h"
#include "arm/machine.h"

static struct machine machine;
static struct vm_config config;

static bool no_copy;
static unsigned int failing_line; /* counted from 1; 0: none */

int __wrap_asprintf(char **text, const char *fmt, ...);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

int __wrap_asprintf(char **text, const char *fmt, ...)
{
	va_list args;
	int ret = -1;

	if (failing_line && !--failing_line)
		return -1;
	va_start(args, fmt);
	ret = vasprintf(text, fmt, args);
	va_end(args);
	return ret;
}

char *__wrap_strdup(const char *text)
{
	return no_copy ? NULL : __real_strdup(text);
}

static int setup(void **state)
{
	static const struct machine_type type = {
		.virtio = { 0x0a000000, 16 },
	};

	(void)state;
	memset(&machine, 0, sizeof(machine));
	memset(&config, 0, sizeof(config));
	machine.type = &type;
	machine.config = &config;
	return 0;
}

static void set_disks(struct disk_config *disks, unsigned int count)
{
	config.disk = (struct disk_list) { disks, count };
}

static void assert_order(const char *want)
{
	char *paths;

	assert_int_equal(boot_order(&machine, &paths), 0);
	assert_string_equal(paths, want);
	free(paths);
}

/* By number, then by option; those without a number are not in the list. */
static void disks(void **state)
{
	struct disk_config disks[] = {
		{ .bootindex = 7 },
		{ .bootindex = DISK_NO_BOOTINDEX },
		{ .bootindex = 0 },
		{ .bootindex = 7 },
	};

	(void)state;
	set_disks(disks, ARRAY_SIZE(disks));
	for (u32 i = 0; i < ARRAY_SIZE(disks); i++)
		machine.disk_slots[i] = i + 1;
	assert_order("/virtio-mmio@000000000a000600/disk@0,0\n"
		     "/virtio-mmio@000000000a000200/disk@0,0\n"
		     "/virtio-mmio@000000000a000800/disk@0,0");
}

/* Behind the paths that the user has named. */
static void pci_disks(void **state)
{
	struct disk_config disks[] = { { .bootindex = 2 }, { .bootindex = 1 } };
	char order[] = "/first\n/second";

	(void)state;
	set_disks(disks, ARRAY_SIZE(disks));
	config.boot.order = order;
	machine.pci = (void *)0x10;
	machine.disk_slots[0] = 1;
	machine.disk_slots[1] = 0x1f;
	assert_order("/first\n/second\n/pci@i0cf8/scsi@1f/disk@0,0\n"
		     "/pci@i0cf8/scsi@1/disk@0,0");
}

/* Behind disks of the same number. */
static void nets(void **state)
{
	struct disk_config disks[] = { { .bootindex = 2 } };
	struct network_config list[] = {
		{ .bootindex = 2 },
		{ .bootindex = NETWORK_NO_BOOTINDEX },
		{ .bootindex = 1 },
	};

	(void)state;
	set_disks(disks, ARRAY_SIZE(disks));
	config.network = (struct network_list) { list, ARRAY_SIZE(list) };
	machine.disk_slots[0] = 1;
	for (u32 i = 0; i < ARRAY_SIZE(list); i++)
		machine.net_slots[i] = i + 2;
	assert_order("/virtio-mmio@000000000a000800/ethernet-phy@0\n"
		     "/virtio-mmio@000000000a000200/disk@0,0\n"
		     "/virtio-mmio@000000000a000400/ethernet-phy@0");
	machine.pci = (void *)0x10;
	machine.net_slots[2] = 0x1e;
	assert_order("/pci@i0cf8/ethernet@1e/ethernet-phy@0\n"
		     "/pci@i0cf8/scsi@1/disk@0,0\n"
		     "/pci@i0cf8/ethernet@2/ethernet-phy@0");
}

static void nothing(void **state)
{
	struct disk_config disk = { .bootindex = DISK_NO_BOOTINDEX };
	char order[] = "/only", *paths = order;

	(void)state;
	assert_int_equal(boot_order(&machine, &paths), 0);
	assert_null(paths);
	set_disks(&disk, 1);
	assert_int_equal(boot_order(&machine, &paths), 0);
	assert_null(paths);
	config.boot.order = order;
	assert_order("/only");
}

static void no_memory(void **state)
{
	struct disk_config disks[] = { { .bootindex = 2 }, { .bootindex = 1 } };
	char order[] = "/first", *paths = order;

	(void)state;
	set_disks(disks, ARRAY_SIZE(disks));
	for (unsigned int n = 1; n <= 2; n++) {
		failing_line = n;
		assert_int_equal(boot_order(&machine, &paths), -ENOMEM);
		assert_null(paths);
	}
	config.boot.order = order;
	no_copy = true;
	assert_int_equal(boot_order(&machine, &paths), -ENOMEM);
	no_copy = false;
	assert_null(paths);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(disks),   TEST(pci_disks), TEST(nets),
		TEST(nothing), TEST(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
