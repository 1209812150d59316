/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/exit_device.c vmm/mmio.c vmm/fdt.c vmm/device.c util/json.c */
/* SOURCES: util/log.c util/output.c */
/* WRAP: calloc */
/* The exit device: what is a status, what is not, and its node. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libfdt.h>

#include "lkvm/hw/exit_device.h"
#include "lkvm/vmm/fdt.h"

#define BASE 0x01040000ULL

static struct {
	struct mmio_bus bus;
	struct device_list devices;
	unsigned int count;
	u8 status;
} t;

static void end(void *opaque, u8 status)
{
	assert_ptr_equal(opaque, &t);
	t.count++;
	t.status = status;
}

static const struct exit_device_params params = {
	.name = "exit",
	.base = BASE,
	.end = end,
	.opaque = &t,
};

static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

static int setup(void **state)
{
	struct device *dev;

	(void)state;
	memset(&t, 0, sizeof(t));
	mmio_bus_init(&t.bus);
	device_list_init(&t.devices);
	if (exit_device_create(&params, &t.bus, &dev))
		return -1;
	device_add(&t.devices, dev);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	device_destroy_all(&t.devices);
	mmio_bus_destroy(&t.bus);
	return 0;
}

static void statuses(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 256; n++) {
		mmio_bus_write(&t.bus, BASE, n, 4);
		assert_int_equal(t.count, n + 1);
		assert_int_equal(t.status, n);
	}
	mmio_bus_write(&t.bus, BASE, 0xffffff07, 4);
	assert_int_equal(t.status, 7);
}

static void widths(void **state)
{
	(void)state;
	for (unsigned int len = 1; len <= 8; len *= 2) {
		u64 mask = len < 4 ? BIT(8 * len) - 1 : UINT32_MAX;

		assert_int_equal(mmio_bus_read(&t.bus, BASE, len),
				 EXIT_DEVICE_ID & mask);
		t.count = 0;
		mmio_bus_write(&t.bus, BASE, 3, len);
		assert_int_equal(t.count, 1);
		assert_int_equal(t.status, 3);
	}
}

/* Only the register is one. */
static void elsewhere(void **state)
{
	(void)state;
	for (u64 offset = 1; offset < EXIT_DEVICE_SIZE; offset++) {
		mmio_bus_write(&t.bus, BASE + offset, 1, 1);
		assert_int_equal(mmio_bus_read(&t.bus, BASE + offset, 1), 0);
	}
	assert_int_equal(t.count, 0);
	assert_int_equal(atomic_load(&t.bus.unclaimed), 0);
}

static void no_place(void **state)
{
	struct device *dev;

	(void)state;
	assert_int_equal(exit_device_create(&params, &t.bus, &dev), -EEXIST);
	no_memory = true;
	assert_int_equal(exit_device_create(&params, &t.bus, &dev), -ENOMEM);
	no_memory = false;
}

static void node(void **state)
{
	static const u8 reg[] = { 0, 0, 0, 0, 0x01, 0x04, 0,	0,
				  0, 0, 0, 0, 0,    0,	  0x10, 0 };
	struct fdt_writer fdt;
	void *blob;
	size_t size;
	int at;

	(void)state;
	assert_int_equal(fdt_writer_init(&fdt), 0);
	device_fdt_nodes(&t.devices, &fdt);
	assert_int_equal(fdt_writer_finish(&fdt, &blob, &size), 0);
	at = fdt_path_offset(blob, "/exit@1040000");
	assert_true(at > 0);
	assert_int_equal(
		fdt_node_check_compatible(blob, at, "lkvm,exit-device"), 0);
	assert_memory_equal(fdt_getprop(blob, at, "reg", NULL), reg,
			    sizeof(reg));
	free(blob);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(statuses), TEST(widths), TEST(elsewhere),
		TEST(no_place), TEST(node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
