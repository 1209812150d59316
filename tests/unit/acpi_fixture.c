/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "acpi_fixture.h"

#define COMMAND_SIZE 128

u16 get_le16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

u32 get_le32(const u8 *p)
{
	return get_le16(p) | (u32)get_le16(p + 2) << 16;
}

u64 get_le64(const u8 *p)
{
	return get_le32(p) | (u64)get_le32(p + 4) << 32;
}

u8 sum_of(const u8 *p, size_t len)
{
	u8 sum = 0;

	while (len--)
		sum = (u8)(sum + *p++);
	return sum;
}

/* ---- Machines -------------------------------------------------------------
 */

static void init_gic(struct acpi_gic *gic, unsigned int version,
		     unsigned int nr_cpus)
{
	gic->version = version;
	gic->gicd = 0x08000000;
	gic->gicc = 0x08010000;
	if (version == 2) {
		gic->v2m = 0x08020000;
		gic->v2m_intid = 80;
		gic->nr_v2m_spis = 64;
		return;
	}
	gic->its = 0x08080000;
	gic->gicr[0] = (struct acpi_range) { 0x080a0000, 0xf60000 };
	gic->nr_gicr = 1;
	if (nr_cpus > 123) {
		gic->gicr[1] = (struct acpi_range) { 0x4000000000, 0x4000000 };
		gic->nr_gicr = 2;
	}
}

void acpi_machine_init(struct acpi_machine_box *box, unsigned int gic,
		       unsigned int nr_cpus)
{
	struct acpi_machine *machine = &box->machine;

	memset(box, 0, sizeof(*box));
	for (unsigned int i = 0; i < ARRAY_SIZE(box->cpus); i++)
		box->cpus[i].mpidr = (i & 0xf) | (u64)(i >> 4) << 8;
	machine->cpus = box->cpus;
	machine->nr_cpus = nr_cpus;
	init_gic(&machine->gic, gic, nr_cpus);
	machine->timers = (struct acpi_timers) { 29, 30, 27, 26, 0 };
	machine->uart = (struct acpi_device) { 0x09000000, SZ_4K, 33, 0 };
	machine->fw_cfg = (struct acpi_device) { 0x09020000, 0x18, 0, 0 };
	machine->gpio = (struct acpi_device) { 0x09030000, SZ_4K, 39, 0 };
	machine->power_key = POWER_KEY;
}

void acpi_machine_add_virtio(struct acpi_machine_box *box, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		box->virtio[i] = (struct acpi_device) {
			.base = 0x0a000000 + i * 0x200,
			.size = 0x200,
			.intid = 48 + i,
			.trigger = IRQ_EDGE_RISING,
		};
	box->machine.virtio = box->virtio;
	box->machine.nr_virtio = count;
}

void acpi_machine_add_flash(struct acpi_machine_box *box, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		box->machine.flash[i] = (struct acpi_device) {
			.base = (u64)i * 0x4000000,
			.size = 0x4000000,
		};
	box->machine.nr_flash = count;
}

void acpi_machine_add_pcie(struct acpi_machine_box *box)
{
	box->pcie = (struct acpi_pcie) {
		.ecam = 0x4010000000,
		.nr_buses = 256,
		.mmio32 = { 0x10000000, 0x2eff0000 },
		.mmio64 = { 0x8000000000, 0x8000000000 },
		.ports = { 0x3eff0000, SZ_64K },
		.intid = 35,
	};
	box->machine.pcie = &box->pcie;
}

static void own_redistributors(struct acpi_machine_box *box)
{
	box->machine.gic.nr_gicr = 0;
	for (unsigned int i = 0; i < box->machine.nr_cpus; i++)
		box->cpus[i].gicr = 0x080a0000 + i * 0x20000;
}

static void largest(struct acpi_machine_box *box)
{
	acpi_machine_init(box, 3, ACPI_MAX_CPUS);
	box->machine.clidr = CLIDR_SEVEN;
	acpi_machine_add_virtio(box, ACPI_MAX_VIRTIO);
	acpi_machine_add_flash(box, ACPI_MAX_FLASH);
	box->machine.pmu_intid = 23;
	box->machine.timers.hyp_virt = 28;
	box->machine.psci_smc = true;
	box->machine.pvpanic = (struct acpi_device) { 0x09700000, 0x10, 0, 0 };
	box->machine.exit_device =
		(struct acpi_device) { 0x09710000, SZ_4K, 0, 0 };
	acpi_machine_add_pcie(box);
}

const char *acpi_machine_case(struct acpi_machine_box *box, unsigned int n)
{
	switch (n) {
	case 0:
		acpi_machine_init(box, 2, 1);
		return "gicv2m-1";
	case 1:
		acpi_machine_init(box, 2, 4);
		box->machine.clidr = CLIDR_A72;
		box->machine.pmu_intid = 23;
		acpi_machine_add_virtio(box, 32);
		return "gicv2m-4-pmu-virtio";
	case 2:
		acpi_machine_init(box, 3, 1);
		box->machine.pvpanic =
			(struct acpi_device) { 0x09700000, 0x10, 0, 0 };
		box->machine.clidr = CLIDR_KVM_IDC;
		acpi_machine_add_flash(box, 2);
		return "gicv3-its-1-flash";
	case 3:
		acpi_machine_init(box, 3, 4);
		box->machine.clidr = CLIDR_KVM_IDC_DIC;
		box->machine.pmu_intid = 23;
		acpi_machine_add_virtio(box, 1);
		return "gicv3-its-4-pmu-virtio";
	case 4:
		acpi_machine_init(box, 3, 123);
		return "gicv3-its-123";
	case 5:
		acpi_machine_init(box, 3, 2);
		box->machine.clidr = CLIDR_KVM;
		box->machine.gic.its = 0;
		box->machine.uart_type = ACPI_UART_16550;
		box->machine.uart.size = 8;
		box->machine.gpio.size = 0;
		own_redistributors(box);
		return "gicv3-2-16550";
	case 6:
		acpi_machine_init(box, 2, 8);
		box->machine.gic.v2m = 0;
		box->machine.uart.size = 0;
		box->machine.fw_cfg.size = 0;
		box->machine.gpio.size = 0;
		return "gicv2-8-no-devices";
	case 7:
		largest(box);
		return "largest";
	case 8:
		acpi_machine_init(box, 2, 1);
		acpi_machine_add_pcie(box);
		box->pcie.ecam = 0x3f000000;
		box->pcie.nr_buses = 16;
		box->pcie.mmio64.size = 0;
		box->pcie.ports.size = 0;
		return "gicv2m-1-pcie";
	default:
		return NULL;
	}
}

/* ---- Firmware -------------------------------------------------------------
 */

static struct acpi_file *find(struct acpi_image *image, const u8 *name)
{
	if (name[55])
		image->error = "a name without end";
	for (unsigned int i = 0; !image->error && i < image->nr_files; i++)
		if (!strcmp(image->files[i].name, (const char *)name))
			return &image->files[i];
	image->error = "a file that is not there";
	return NULL;
}

static const struct blob *content(const struct acpi_tables *tables,
				  const char *name)
{
	if (!strcmp(name, ACPI_FILE_RSDP))
		return &tables->rsdp;
	return strcmp(name, ACPI_FILE_TABLES) ? NULL : &tables->tables;
}

/* Each file has 16 MiB of addresses, and starts where its alignment allows. */
static void allocate(struct acpi_image *image, const struct acpi_tables *tables,
		     const u8 *args)
{
	struct acpi_file *file = &image->files[image->nr_files];
	u32 align = get_le32(args + 56);
	const struct blob *blob;

	if (args[55] || image->nr_files == ARRAY_SIZE(image->files) ||
	    !is_power_of_2(align) || align > SZ_4K ||
	    (args[60] != 1 && args[60] != 2)) {
		image->error = "a bad ALLOCATE";
		return;
	}
	memcpy(file->name, args, sizeof(file->name));
	blob = content(tables, file->name);
	if (!blob) {
		image->error = "an unknown file";
		return;
	}
	file->data = malloc(blob->size);
	if (!file->data)
		abort();
	memcpy(file->data, blob->data, blob->size);
	file->size = blob->size;
	file->addr = 0x140000000 + image->nr_files * SZ_16M + align;
	image->nr_files++;
}

static void add_pointer(struct acpi_image *image, const u8 *args)
{
	struct acpi_file *file = find(image, args);
	struct acpi_file *to = find(image, args + 56);
	u32 at = get_le32(args + 112);
	u64 value;

	if (image->error)
		return;
	if (args[116] != 8 || !range_within(at, 8, 0, file->size) ||
	    get_le64(file->data + at) >= to->size) {
		image->error = "a bad ADD_POINTER";
		return;
	}
	value = htole64(get_le64(file->data + at) + to->addr);
	memcpy(file->data + at, &value, sizeof(value));
}

static void add_checksum(struct acpi_image *image, const u8 *args)
{
	struct acpi_file *file = find(image, args);
	u32 at = get_le32(args + 56);
	u32 start = get_le32(args + 60);
	u32 len = get_le32(args + 64);

	if (image->error)
		return;
	if (!range_within(start, len, 0, file->size) ||
	    !range_within(at, 1, start, len) || file->data[at]) {
		image->error = "a bad ADD_CHECKSUM";
		return;
	}
	file->data[at] = (u8)-sum_of(file->data + start, len);
}

void acpi_image_load(struct acpi_image *image, const struct acpi_tables *tables)
{
	const struct blob *loader = &tables->loader;

	memset(image, 0, sizeof(*image));
	if (!loader->size || loader->size % COMMAND_SIZE)
		image->error = "a script of a bad size";
	for (size_t i = 0; !image->error && i < loader->size;
	     i += COMMAND_SIZE) {
		const u8 *args = loader->data + i + 4;

		image->commands++;
		if (get_le32(loader->data + i) == 1)
			allocate(image, tables, args);
		else if (get_le32(loader->data + i) == 2)
			add_pointer(image, args);
		else if (get_le32(loader->data + i) == 3)
			add_checksum(image, args);
		else
			image->error = "an unknown command";
	}
}

void acpi_image_free(struct acpi_image *image)
{
	for (unsigned int i = 0; i < image->nr_files; i++)
		free(image->files[i].data);
	memset(image, 0, sizeof(*image));
}

const u8 *acpi_image_at(const struct acpi_image *image, u64 addr, size_t size)
{
	for (unsigned int i = 0; i < image->nr_files; i++) {
		const struct acpi_file *file = &image->files[i];

		if (range_within(addr, size, file->addr, file->size))
			return file->data + (addr - file->addr);
	}
	return NULL;
}

/* A whole table with a good checksum, or NULL. */
static const u8 *table_at(const struct acpi_image *image, u64 addr)
{
	const u8 *table = acpi_image_at(image, addr, 36);

	if (!table || get_le32(table + 4) < 36)
		return NULL;
	table = acpi_image_at(image, addr, get_le32(table + 4));
	return table && !sum_of(table, get_le32(table + 4)) ? table : NULL;
}

static const u8 *rsdp_of(const struct acpi_image *image)
{
	for (unsigned int i = 0; i < image->nr_files; i++)
		if (!strcmp(image->files[i].name, ACPI_FILE_RSDP))
			return image->files[i].data;
	return NULL;
}

const u8 *acpi_image_table(const struct acpi_image *image,
			   const char *signature)
{
	const u8 *rsdp = rsdp_of(image);
	const u8 *xsdt = rsdp ? table_at(image, get_le64(rsdp + 24)) : NULL;

	if (!xsdt || memcmp(xsdt, "XSDT", 4) || !strcmp(signature, "XSDT"))
		return xsdt;
	for (u32 at = 36; at + 8 <= get_le32(xsdt + 4); at += 8) {
		const u8 *table = table_at(image, get_le64(xsdt + at));

		if (table && !memcmp(table, "FACP", 4) &&
		    !strcmp(signature, "DSDT"))
			table = table_at(image, get_le64(table + 140));
		if (table && !memcmp(table, signature, 4))
			return table;
	}
	return NULL;
}
