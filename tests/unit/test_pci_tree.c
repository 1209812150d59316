/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: pci/config.c pci/intx.c */
/* SOURCES: pci/host.c pci/function.c pci/decode.c pci/msix.c vmm/mmio.c */
/* SOURCES: vmm/fdt.c util/json.c util/log.c util/output.c */
/*
 * The bridge's node of the device tree (Linux: Documentation/devicetree/
 * bindings/pci/host-generic-pci.yaml), without which a guest has no bus, and
 * bridges that cannot be.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libfdt.h>

#include "lkvm/pci/pci.h"
#include "lkvm/vmm/fdt.h"
#include "no_irqfd.h"

#define ECAM   0x3f000000ULL
#define MMIO32 0x10000000ULL

void irq_line_set(const struct irq_line *line, bool high)
{
	(void)line;
	(void)high;
	fail();
}

static struct pci_host_params params(void)
{
	return (struct pci_host_params) {
		.name = "pci",
		.ecam = ECAM,
		.nr_buses = 4,
		.mmio32 = MMIO32,
		.mmio32_size = SZ_1M,
		.intx = { .gsi = 3, .trigger = IRQ_LEVEL_HIGH },
	};
}

static void check_cells(const void *blob, int node, const char *name,
			const u32 *cells, int n)
{
	int len;
	const fdt32_t *p = fdt_getprop(blob, node, name, &len);

	assert_non_null(p);
	assert_int_equal(len, n * 4);
	for (int i = 0; i < n; i++)
		assert_int_equal(fdt32_to_cpu(p[i]), cells[i]);
}

static void check_cell(const void *blob, int node, const char *name, u32 cell)
{
	check_cells(blob, node, name, &cell, 1);
}

static void check_node(const void *blob, int node)
{
	static const u32 mask[] = { 0x1800, 0, 0, 7 };
	static const u32 buses[] = { 0, 3 };
	static const u32 reg[] = { 0, (u32)ECAM, 0, 4 * SZ_1M };
	static const u32 ranges[] = { 0x02000000,  0, (u32)MMIO32, 0,
				      (u32)MMIO32, 0, SZ_1M };

	assert_string_equal(fdt_getprop(blob, node, "compatible", NULL),
			    "pci-host-ecam-generic");
	assert_string_equal(fdt_getprop(blob, node, "device_type", NULL),
			    "pci");
	check_cell(blob, node, "#address-cells", 3);
	check_cell(blob, node, "#size-cells", 2);
	check_cell(blob, node, "#interrupt-cells", 1);
	check_cell(blob, node, "linux,pci-domain", 0);
	check_cells(blob, node, "bus-range", buses, ARRAY_SIZE(buses));
	check_cells(blob, node, "reg", reg, ARRAY_SIZE(reg));
	check_cells(blob, node, "ranges", ranges, ARRAY_SIZE(ranges));
	check_cells(blob, node, "interrupt-map-mask", mask, ARRAY_SIZE(mask));
	assert_null(fdt_getprop(blob, node, "msi-map", NULL));
}

static void node(void **state)
{
	const struct pci_host_params p = params();
	struct mmio_bus bus;
	struct pci_host *host;
	struct fdt_writer fdt;
	void *blob;
	size_t size;

	(void)state;
	mmio_bus_init(&bus);
	assert_int_equal(pci_host_create(&p, &bus, &host), 0);
	assert_int_equal(fdt_writer_init(&fdt), 0);
	host->dev.ops->fdt_node(&host->dev, &fdt);
	assert_int_equal(fdt_writer_finish(&fdt, &blob, &size), 0);
	check_node(blob, fdt_path_offset(blob, "/pcie@3f000000"));
	free(blob);
	host->dev.ops->destroy(&host->dev);
	mmio_bus_destroy(&bus);
}

/* Any of its regions may be where another is. */
static void place_taken(void **state)
{
	struct pci_host_params cases[4];
	struct pci_host *host;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mmio_region other = { .name = "other",
					     .base = 0x40000000,
					     .size = SZ_4K };
		struct mmio_bus bus;

		cases[i] = params();
		cases[i].ecam = i == 0 ? other.base : ECAM;
		cases[i].mmio32 = i == 1 ? other.base : MMIO32;
		cases[i].mmio64 = other.base;
		cases[i].mmio64_size = i == 2 ? SZ_64K : 0;
		cases[i].io = other.base;
		cases[i].io_size = i == 3 ? SZ_64K : 0;
		mmio_bus_init(&bus);
		assert_int_equal(mmio_bus_add(&bus, &other), 0);
		assert_int_equal(pci_host_create(&cases[i], &bus, &host),
				 -EEXIST);
		mmio_bus_destroy(&bus);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(node),
		cmocka_unit_test(place_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
