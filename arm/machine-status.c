/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices by which the guest tells lkvm how it is: pvpanic, and the one that
 * sets the exit status. What is added is what the options ask for. Main thread,
 * while the machine is built, but for what the devices call.
 */
#include <errno.h>

#include "lkvm/hw/exit_device.h"
#include "lkvm/hw/pvpanic.h"
#include "lkvm/util/log.h"
#include "machine.h"

/* ---- pvpanic ------------------------------------------------------------- */

/* A kernel that is taken over by another one ends nothing. */
static void on_event(void *opaque, enum pvpanic_event event)
{
	struct machine *machine = opaque;

	if (event == PVPANIC_PANICKED)
		vm_request_exit(&machine->vm, VM_EXIT_PANIC);
	else if (event == PVPANIC_SHUTDOWN)
		vm_request_exit(&machine->vm, VM_EXIT_POWEROFF);
	else
		pr_guest(&machine->crash_messages,
			 "pvpanic: the guest's kernel has panicked, and its "
			 "crash kernel takes over");
}

int machine_check_status(const struct machine *machine)
{
	const struct vm_config *config = machine->config;

	if (config->pvpanic != PVPANIC_PCI ||
	    config->virtio != VIRTIO_TRANSPORT_PCI ||
	    vm_config_count_virtio(config) < MACHINE_MAX_VIRTIO)
		return 0;
	pr_fatal("--pvpanic pci: %u virtio devices are in all slots of the "
		 "bus; --pvpanic mmio needs none",
		 vm_config_count_virtio(config));
	return -ENOSPC;
}

/* Behind the virtio devices, which keep their slots. */
static int add_pvpanic(struct machine *machine)
{
	const struct pvpanic_params params = {
		.name = "pvpanic",
		.event = on_event,
		.opaque = machine,
	};
	struct device *dev;
	int ret = 0;

	if (machine->config->pvpanic == PVPANIC_MMIO) {
		ret = pvpanic_create(&params, machine->type->pvpanic,
				     &machine->vm.bus, &dev);
		if (!ret)
			device_add(&machine->vm.devices, dev);
		return ret;
	}
	if (!machine->pci)
		ret = machine_add_pci(machine);
	return ret ? ret : pvpanic_create_pci(&params, machine->pci);
}

/* ---- The exit device ----------------------------------------------------- */

/* The first status counts: it is there before the run is to end by it. */
static void on_status(void *opaque, u8 status)
{
	struct machine *machine = opaque;
	int none = 0;

	atomic_compare_exchange_strong(&machine->guest_status, &none,
				       status + 1);
	vm_request_exit(&machine->vm, VM_EXIT_STATUS);
}

u8 machine_guest_status(const struct machine *machine)
{
	int status = atomic_load(&machine->guest_status);

	return status ? (u8)(status - 1) : 0;
}

static int add_exit_device(struct machine *machine)
{
	const struct exit_device_params params = {
		.name = "exit",
		.base = machine->type->exit_device,
		.end = on_status,
		.opaque = machine,
	};
	struct device *dev;
	int ret = exit_device_create(&params, &machine->vm.bus, &dev);

	if (!ret)
		device_add(&machine->vm.devices, dev);
	return ret;
}

/* ---- Both ---------------------------------------------------------------- */

int machine_add_status(struct machine *machine)
{
	const struct vm_config *config = machine->config;
	int ret = 0;

	if (config->pvpanic)
		ret = add_pvpanic(machine);
	if (!ret && config->exit_device)
		ret = add_exit_device(machine);
	return ret;
}

struct acpi_device machine_acpi_pvpanic(const struct machine *machine)
{
	bool there = machine->config->pvpanic == PVPANIC_MMIO;

	return (struct acpi_device) {
		.base = machine->type->pvpanic,
		.size = there ? PVPANIC_SIZE : 0,
	};
}

struct acpi_device machine_acpi_exit(const struct machine *machine)
{
	return (struct acpi_device) {
		.base = machine->type->exit_device,
		.size = machine->config->exit_device ? EXIT_DEVICE_SIZE : 0,
	};
}
