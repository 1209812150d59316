/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/machine-status.c hw/exit_device.c hw/pvpanic.c pci/config.c */
/* SOURCES: pci/intx.c pci/host.c pci/function.c pci/decode.c pci/msix.c */
/* SOURCES: vmm/mmio.c vmm/fdt.c vmm/device.c util/json.c util/log.c */
/* SOURCES: util/output.c */
/* What becomes of what the guest says by pvpanic and the exit device. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arm/machine.h"
#include "lkvm/pci/pci.h"
#include "no_irqfd.h"

#define PVPANIC 0x09700000ULL
#define EXIT	0x09710000ULL
#define ECAM	0x3f000000ULL

static const struct machine_type type = {
	.name = "a machine",
	.pvpanic = PVPANIC,
	.exit_device = EXIT,
};

static struct {
	struct vm_config config;
	struct machine machine;
	enum vm_exit reason;
	unsigned int requests, bridges;
	int bridge_error;
} t;

void vm_request_exit(struct vm *vm, enum vm_exit reason)
{
	assert_ptr_equal(vm, &t.machine.vm);
	t.reason = reason;
	t.requests++;
}

void irq_line_set(const struct irq_line *line, bool high)
{
	(void)line;
	(void)high;
	fail();
}

int machine_add_pci(struct machine *machine)
{
	const struct pci_host_params params = {
		.name = "pci",
		.ecam = ECAM,
		.nr_buses = 1,
		.mmio32 = 0x10000000,
		.mmio32_size = SZ_1M,
	};
	int ret;

	if (t.bridge_error)
		return t.bridge_error;
	ret = pci_host_create(&params, &machine->vm.bus, &machine->pci);
	assert_int_equal(ret, 0);
	device_add(&machine->vm.devices, &machine->pci->dev);
	t.bridges++;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.machine.type = &type;
	t.machine.config = &t.config;
	mmio_bus_init(&t.machine.vm.bus);
	device_list_init(&t.machine.vm.devices);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	device_destroy_all(&t.machine.vm.devices);
	mmio_bus_destroy(&t.machine.vm.bus);
	return 0;
}

static void put(u64 at, u32 value)
{
	mmio_bus_write(&t.machine.vm.bus, at, value, 4);
}

static void events(void **state)
{
	(void)state;
	t.config.pvpanic = PVPANIC_MMIO;
	assert_int_equal(machine_add_status(&t.machine), 0);
	put(PVPANIC, 1);
	assert_int_equal(t.reason, VM_EXIT_PANIC);
	put(PVPANIC, 4);
	assert_int_equal(t.reason, VM_EXIT_POWEROFF);
	log_set_level(LOG_LEVEL_ERROR);
	put(PVPANIC, 2);
	assert_int_equal(t.requests, 2);
	put(EXIT, 1);
	assert_int_equal(t.requests, 2);
	assert_int_equal(t.bridges, 0);
}

/* The first status counts, also if it is 0. */
static void statuses(void **state)
{
	(void)state;
	t.config.exit_device = true;
	assert_int_equal(machine_add_status(&t.machine), 0);
	assert_int_equal(machine_guest_status(&t.machine), 0);
	put(EXIT, 255);
	assert_int_equal(t.reason, VM_EXIT_STATUS);
	assert_int_equal(machine_guest_status(&t.machine), 255);
	put(EXIT, 3);
	assert_int_equal(machine_guest_status(&t.machine), 255);
	put(PVPANIC, 1);
	assert_int_equal(t.reason, VM_EXIT_STATUS);
	atomic_store(&t.machine.guest_status, 0);
	put(EXIT, 0);
	put(EXIT, 3);
	assert_int_equal(machine_guest_status(&t.machine), 0);
}

/* The bridge is there once, whoever needs it. */
static void function(void **state)
{
	(void)state;
	t.config.pvpanic = PVPANIC_PCI;
	assert_int_equal(machine_add_status(&t.machine), 0);
	assert_int_equal(t.bridges, 1);
	assert_int_equal(mmio_bus_read(&t.machine.vm.bus, ECAM + 0x8000, 4),
			 0x00111b36);
	assert_int_equal(machine_add_status(&t.machine), 0);
	assert_int_equal(t.bridges, 1);
}

/* What cannot be added is an error, whatever else is asked for. */
static void no_place(void **state)
{
	struct mmio_region taken = { .name = "taken", .size = 4 };
	unsigned int regions;

	(void)state;
	taken.base = PVPANIC + 4;
	assert_int_equal(mmio_bus_add(&t.machine.vm.bus, &taken), 0);
	regions = t.machine.vm.bus.nr_regions;
	t.config.pvpanic = PVPANIC_MMIO;
	t.config.exit_device = true;
	assert_int_equal(machine_add_status(&t.machine), -EEXIST);
	assert_int_equal(t.machine.vm.bus.nr_regions, regions);
	t.config.pvpanic = PVPANIC_NONE;
	assert_int_equal(machine_add_status(&t.machine), 0);
	assert_int_equal(machine_add_status(&t.machine), -EEXIST);
	t.bridge_error = -ENOMEM;
	t.config.pvpanic = PVPANIC_PCI;
	assert_int_equal(machine_add_status(&t.machine), -ENOMEM);
}

static void slots(void **state)
{
	(void)state;
	log_demote_fatal(true);
	t.config.pvpanic = PVPANIC_PCI;
	t.config.disk.count = MACHINE_MAX_VIRTIO - 1;
	assert_int_equal(machine_check_status(&t.machine), 0);
	t.config.rng = true;
	assert_int_equal(machine_check_status(&t.machine), -ENOSPC);
	t.config.virtio = VIRTIO_TRANSPORT_MMIO;
	assert_int_equal(machine_check_status(&t.machine), 0);
	t.config.virtio = VIRTIO_TRANSPORT_PCI;
	t.config.pvpanic = PVPANIC_MMIO;
	assert_int_equal(machine_check_status(&t.machine), 0);
}

static void tables(void **state)
{
	(void)state;
	t.config.pvpanic = PVPANIC_PCI;
	assert_int_equal(machine_acpi_pvpanic(&t.machine).size, 0);
	assert_int_equal(machine_acpi_exit(&t.machine).size, 0);
	t.config.pvpanic = PVPANIC_MMIO;
	t.config.exit_device = true;
	assert_int_equal(machine_acpi_pvpanic(&t.machine).base, PVPANIC);
	assert_int_equal(machine_acpi_pvpanic(&t.machine).size, 16);
	assert_int_equal(machine_acpi_exit(&t.machine).base, EXIT);
	assert_int_equal(machine_acpi_exit(&t.machine).size, SZ_4K);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(events),	TEST(statuses), TEST(function),
		TEST(no_place), TEST(slots),	TEST(tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
