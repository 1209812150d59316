/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DSDT: the devices that an OS cannot find by itself, with their registers,
 * interrupts and IDs. Written as AML by aml.c. The only method is the event of
 * the power button.
 */
#include <stdio.h>

#include "acpi_tables.h"

#define DSDT_REVISION 2 /* integers of 64 bits: ACPI 6.5, section 5.2.11.1 */

/* Section 6.3.7, _STA: present, enabled, and working, but not for users. */
#define STA_HIDDEN 0xb

#define GPIO_PATH     "\\_SB.GPO0"
#define BUTTON_PATH   "\\_SB.PWRB"
#define NOTIFY_BUTTON 0x80 /* section 5.6.6: it was pressed */

/* _UID distinguishes devices of one _HID: ACPI 6.5, section 6.1.12. */
static void begin_device(struct aml_writer *aml, const char *name,
			 const char *hid, u64 uid)
{
	aml_device_begin(aml, name);
	aml_name_string(aml, "_HID", hid);
	aml_name_integer(aml, "_UID", uid);
}

/* Section 6.2.17: on arm64 all that may use DMA has to say that. */
static void add_coherent(struct aml_writer *aml)
{
	aml_name_integer(aml, "_CCA", 1);
}

/* All registers are below 4 GiB, which acpi_check() has verified. */
static void add_resources(struct aml_writer *aml,
			  const struct acpi_device *device)
{
	aml_name(aml, "_CRS");
	aml_resources_begin(aml);
	aml_memory32(aml, device->base, device->size);
	if (device->intid)
		aml_interrupt(aml, device->intid,
			      device->trigger == IRQ_EDGE_RISING);
	aml_end(aml);
}

/* Section 8.4: _UID is that of the GICC in the MADT. */
static void add_cpus(struct aml_writer *aml, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		char name[5];

		snprintf(name, sizeof(name), "C%03X", i & 0xfff);
		begin_device(aml, name, "ACPI0007", i);
		aml_end(aml);
	}
}

/* Arm's own IDs are in DEN0093, "ACPI for Arm Components". */
static void add_uart(struct aml_writer *aml, const struct acpi_machine *machine)
{
	if (!machine->uart.size)
		return;
	aml_device_begin(aml, "COM0");
	if (machine->uart_type == ACPI_UART_PL011)
		aml_name_string(aml, "_HID", "ARMH0011");
	else
		aml_name_eisaid(aml, "_HID", "PNP0501");
	aml_name_integer(aml, "_UID", 0);
	add_resources(aml, &machine->uart);
	aml_end(aml);
}

/* QEMU's ID, from docs/specs/fw_cfg. */
static void add_fw_cfg(struct aml_writer *aml, const struct acpi_device *device)
{
	if (!device->size)
		return;
	begin_device(aml, "FWCF", "QEMU0002", 0);
	aml_name_integer(aml, "_STA", STA_HIDDEN);
	add_coherent(aml);
	add_resources(aml, device);
	aml_end(aml);
}

/* QEMU0001 is QEMU's ID (docs/specs/pvpanic); the other one is lkvm's own. */
static void add_status(struct aml_writer *aml,
		       const struct acpi_machine *machine)
{
	const struct {
		const char *name, *hid;
		const struct acpi_device *device;
	} devices[] = {
		{ "PEVT", "QEMU0001", &machine->pvpanic },
		{ "EXIT", "LKVM0001", &machine->exit_device },
	};

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		if (!devices[i].device->size)
			continue;
		begin_device(aml, devices[i].name, devices[i].hid, 0);
		add_resources(aml, devices[i].device);
		aml_end(aml);
	}
}

/* LNRO0015 is the ID that QEMU's virt machine used for its banks. */
static void add_flash(struct aml_writer *aml,
		      const struct acpi_machine *machine)
{
	for (unsigned int i = 0; i < machine->nr_flash; i++) {
		char name[5];

		snprintf(name, sizeof(name), "FLS%X", i & 0xf);
		begin_device(aml, name, "LNRO0015", i);
		add_resources(aml, &machine->flash[i]);
		aml_end(aml);
	}
}

/* LNRO0005 is Linux's ID for virtio-mmio (drivers/virtio/virtio_mmio.c). */
static void add_virtio(struct aml_writer *aml,
		       const struct acpi_machine *machine)
{
	for (unsigned int i = 0; i < machine->nr_virtio; i++) {
		char name[5];

		snprintf(name, sizeof(name), "VR%02X", i & 0xff);
		begin_device(aml, name, "LNRO0005", i);
		add_coherent(aml);
		add_resources(aml, &machine->virtio[i]);
		aml_end(aml);
	}
}

/*
 * The controller's event on the key's line, which rises when the key is
 * pressed. Section 5.6.5: _Exx is the method of an edge on pin 0xxx; _AEI has
 * the pins that have one.
 */
static void add_gpio(struct aml_writer *aml, const struct acpi_machine *machine)
{
	char method[5];

	begin_device(aml, "GPO0", "ARMH0061", 0);
	add_resources(aml, &machine->gpio);
	aml_name(aml, "_AEI");
	aml_resources_begin(aml);
	aml_gpio_interrupt(aml, GPIO_PATH, (u16)machine->power_key);
	aml_end(aml);
	snprintf(method, sizeof(method), "_E%02X", machine->power_key & 0xff);
	aml_method_begin(aml, method, 0);
	aml_notify(aml, BUTTON_PATH, NOTIFY_BUTTON);
	aml_end(aml);
	aml_end(aml);
}

/* Section 4.8.2.2.1.2: the button as a device. */
static void add_power_button(struct aml_writer *aml,
			     const struct acpi_machine *machine)
{
	if (!machine->gpio.size)
		return;
	add_gpio(aml, machine);
	aml_device_begin(aml, "PWRB");
	aml_name_eisaid(aml, "_HID", "PNP0C0C");
	aml_name_integer(aml, "_UID", 0);
	aml_end(aml);
}

/*
 * Not in the XSDT's list: the FADT points to it. What the machine does not have
 * is left out by each function itself.
 */
void acpi_add_dsdt(struct acpi_builder *b)
{
	const struct acpi_machine *machine = b->machine;
	struct aml_writer aml;

	b->dsdt = acpi_table_begin(b, "DSDT", DSDT_REVISION);
	aml_begin(&aml, b->tables);
	aml_scope_begin(&aml, "\\_SB");
	add_cpus(&aml, machine->nr_cpus);
	add_uart(&aml, machine);
	add_fw_cfg(&aml, &machine->fw_cfg);
	add_status(&aml, machine);
	add_flash(&aml, machine);
	add_virtio(&aml, machine);
	add_power_button(&aml, machine);
	if (machine->pcie)
		acpi_add_bridge(&aml, machine->pcie);
	aml_end(&aml);
	aml_finish(&aml);
	acpi_table_end(b, b->dsdt);
}
