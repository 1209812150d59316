/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/pvpanic.c pci/config.c pci/intx.c pci/host.c pci/function.c */
/* SOURCES: pci/decode.c pci/msix.c vmm/mmio.c vmm/fdt.c vmm/device.c */
/* SOURCES: util/json.c util/log.c util/output.c */
/* WRAP: calloc */
/* pvpanic on the bus and in a function: events, widths, node, identity. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libfdt.h>

#include "lkvm/hw/pvpanic.h"
#include "lkvm/util/json.h"
#include "lkvm/vmm/fdt.h"
#include "no_irqfd.h"

#define BASE	  0x09700000ULL
#define ECAM	  0x3f000000ULL
#define WINDOW	  0x10000000ULL
#define BAR_AT	  (WINDOW + 0x4000)
#define CONFIG(r) (ECAM + (1 << 15) + (r))
#define KNOWN	  7

static struct {
	struct mmio_bus bus;
	struct device_list devices;
	unsigned int count;
	enum pvpanic_event last;
} t;

static void event(void *opaque, enum pvpanic_event what)
{
	assert_ptr_equal(opaque, &t);
	t.count++;
	t.last = what;
}

static const struct pvpanic_params params = {
	.name = "pvpanic",
	.event = event,
	.opaque = &t,
};

void irq_line_set(const struct irq_line *line, bool high)
{
	(void)line;
	(void)high;
	fail();
}

static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	mmio_bus_init(&t.bus);
	device_list_init(&t.devices);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	device_destroy_all(&t.devices);
	mmio_bus_destroy(&t.bus);
	return 0;
}

static void add_mmio(void)
{
	struct device *dev;

	assert_int_equal(pvpanic_create(&params, BASE, &t.bus, &dev), 0);
	device_add(&t.devices, dev);
}

static struct pci_host *add_host(void)
{
	const struct pci_host_params host_params = {
		.name = "pci",
		.ecam = ECAM,
		.nr_buses = 1,
		.mmio32 = WINDOW,
		.mmio32_size = SZ_1M,
	};
	struct pci_host *host;

	assert_int_equal(pci_host_create(&host_params, &t.bus, &host), 0);
	device_add(&t.devices, &host->dev);
	return host;
}

static void add_pci(void)
{
	assert_int_equal(pvpanic_create_pci(&params, add_host()), 0);
	mmio_bus_write(&t.bus, CONFIG(PCI_BASE_ADDRESS_0), BAR_AT, 4);
	mmio_bus_write(&t.bus, CONFIG(PCI_COMMAND), PCI_COMMAND_MEMORY, 2);
}

static void expect_event(u64 at, u64 value, unsigned int len,
			 enum pvpanic_event want)
{
	unsigned int before = t.count;

	mmio_bus_write(&t.bus, at, value, len);
	assert_int_equal(t.count, before + 1);
	assert_int_equal(t.last, want);
}

/* The same for both, whatever the width of the access is. */
static void use(u64 at)
{
	for (unsigned int len = 1; len <= 8; len *= 2) {
		assert_int_equal(mmio_bus_read(&t.bus, at, len), KNOWN);
		expect_event(at, 1, len, PVPANIC_PANICKED);
		expect_event(at, 2, len, PVPANIC_CRASH_LOADED);
		expect_event(at, 4, len, PVPANIC_SHUTDOWN);
		expect_event(at, 7, len, PVPANIC_PANICKED);
		expect_event(at, 0xfe, len, PVPANIC_CRASH_LOADED);
	}
	t.count = 0;
	mmio_bus_write(&t.bus, at, 0, 1);
	mmio_bus_write(&t.bus, at, 0xf8, 1);
	mmio_bus_write(&t.bus, at, 0x100, 2);
	for (u64 offset = 1; offset < PVPANIC_SIZE; offset++) {
		assert_int_equal(mmio_bus_read(&t.bus, at + offset, 1), 0);
		mmio_bus_write(&t.bus, at + offset, 1, 1);
	}
	assert_int_equal(t.count, 0);
}

static void mmio(void **state)
{
	(void)state;
	add_mmio();
	use(BASE);
	assert_int_equal(atomic_load(&t.bus.unclaimed), 0);
}

static void pci(void **state)
{
	(void)state;
	add_pci();
	use(BAR_AT);
}

/* As drivers find it, and the size of its range. */
static void identity(void **state)
{
	(void)state;
	add_pci();
	assert_int_equal(mmio_bus_read(&t.bus, CONFIG(0), 4), 0x00111b36);
	assert_int_equal(mmio_bus_read(&t.bus, CONFIG(PCI_CLASS_REVISION), 4),
			 0x08800001);
	assert_int_equal(mmio_bus_read(&t.bus, CONFIG(PCI_INTERRUPT_PIN), 1),
			 0);
	mmio_bus_write(&t.bus, CONFIG(PCI_BASE_ADDRESS_0), ~0U, 4);
	assert_int_equal(mmio_bus_read(&t.bus, CONFIG(PCI_BASE_ADDRESS_0), 4),
			 (u32)-PVPANIC_SIZE);
	mmio_bus_write(&t.bus, CONFIG(PCI_BASE_ADDRESS_0 + 4), ~0U, 4);
	assert_int_equal(
		mmio_bus_read(&t.bus, CONFIG(PCI_BASE_ADDRESS_0 + 4), 4), 0);
}

static void no_slot(void **state)
{
	struct pci_host *host = add_host();

	(void)state;
	for (unsigned int i = 1; i < PCI_SLOTS; i++)
		assert_int_equal(pvpanic_create_pci(&params, host), 0);
	assert_int_equal(pvpanic_create_pci(&params, host), -ENOSPC);
}

static void no_place(void **state)
{
	struct device *dev;

	(void)state;
	add_mmio();
	assert_int_equal(pvpanic_create(&params, BASE + PVPANIC_SIZE - 1,
					&t.bus, &dev),
			 -EEXIST);
}

static void none_without_memory(void **state)
{
	struct pci_host *host = add_host();
	struct device *dev = NULL;

	(void)state;
	no_memory = true;
	assert_int_equal(pvpanic_create(&params, BASE, &t.bus, &dev), -ENOMEM);
	assert_int_equal(pvpanic_create_pci(&params, host), -ENOMEM);
	no_memory = false;
	assert_null(dev);
}

static void node(void **state)
{
	static const u8 reg[] = { 0, 0, 0, 0, 0x09, 0x70, 0, 0,
				  0, 0, 0, 0, 0,    0,	  0, PVPANIC_SIZE };
	struct fdt_writer fdt;
	void *blob;
	size_t size;
	int at, len;

	(void)state;
	add_mmio();
	assert_int_equal(fdt_writer_init(&fdt), 0);
	device_fdt_nodes(&t.devices, &fdt);
	assert_int_equal(fdt_writer_finish(&fdt, &blob, &size), 0);
	at = fdt_path_offset(blob, "/pvpanic-mmio@9700000");
	assert_true(at > 0);
	assert_int_equal(
		fdt_node_check_compatible(blob, at, "qemu,pvpanic-mmio"), 0);
	assert_memory_equal(fdt_getprop(blob, at, "reg", &len), reg,
			    sizeof(reg));
	assert_int_equal(len, sizeof(reg));
	free(blob);
}

static void expect_stats(const char *want)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct json_writer json = { .out = out };

	json_begin_object(&json, NULL);
	device_stats_all(&t.devices, &json);
	json_end_object(&json);
	fclose(out);
	if (!strstr(text, want))
		fail_msg("no %s in %s", want, text);
	free(text);
}

static void stats(void **state)
{
	(void)state;
	add_mmio();
	mmio_bus_write(&t.bus, BASE, 2, 1);
	mmio_bus_write(&t.bus, BASE, 2, 1);
	mmio_bus_write(&t.bus, BASE, 1, 1);
	expect_stats("\"panicked\": 1,\n    \"crash_loaded\": 2,\n"
		     "    \"shutdown\": 0");
}

static void pci_stats(void **state)
{
	(void)state;
	add_pci();
	mmio_bus_write(&t.bus, BAR_AT, 4, 1);
	expect_stats("\"crash_loaded\": 0,\n      \"shutdown\": 1");
	expect_stats("\"pvpanic\"");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mmio),    TEST(pci),      TEST(identity),
		TEST(no_slot), TEST(no_place), TEST(none_without_memory),
		TEST(node),    TEST(stats),    TEST(pci_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
