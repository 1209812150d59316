/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JUDGE: tests/unit/acpi_tables.py */
/* SOURCES: tests/unit/acpi_fixture.c arm/tables/aml.c */
/* SOURCES: arm/tables/aml_resource.c util/blob.c util/log.c util/output.c */
/* SOURCES: arm/tables/acpi.c arm/tables/acpi_check.c arm/tables/acpi_dsdt.c */
/* SOURCES: arm/tables/acpi_iort.c arm/tables/acpi_loader.c */
/* SOURCES: arm/tables/acpi_madt.c arm/tables/acpi_pcie.c */
/* SOURCES: arm/tables/acpi_pptt.c arm/tables/acpi_serial.c */
/* SOURCES: arm/tables/acpi_table.c arm/tables/smbios.c */
/* Writes tables of several machines to files, for acpi_tables.py. */
#include <stdio.h>
#include <string.h>

#include "acpi_fixture.h"
#include "lkvm/arm/tables/smbios.h"

static int write_file(const char *dir, const char *name, const char *suffix,
		      const void *data, size_t size)
{
	char path[4096];
	FILE *out;
	int ret;

	snprintf(path, sizeof(path), "%s/%s.%s", dir, name, suffix);
	out = fopen(path, "wb");
	if (!out || fwrite(data, 1, size, out) != size) {
		perror(path);
		if (out)
			fclose(out);
		return 1;
	}
	ret = fclose(out);
	if (ret)
		perror(path);
	return ret ? 1 : 0;
}

static int dump_tables(const char *dir, const char *name,
		       const struct acpi_image *image)
{
	static const char *const signatures[] = { "XSDT", "DSDT", "FACP",
						  "APIC", "GTDT", "PPTT",
						  "SPCR", "DBG2", "IORT",
						  "MCFG" };
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(signatures); i++) {
		const u8 *table = acpi_image_table(image, signatures[i]);

		if (table)
			ret = write_file(dir, name, signatures[i], table,
					 get_le32(table + 4));
	}
	return ret;
}

static int dump_machine(const char *dir, const char *name,
			const struct acpi_machine *machine)
{
	struct acpi_tables tables;
	struct acpi_image image;
	int ret;

	if (acpi_build(machine, &tables))
		return 1;
	acpi_image_load(&image, &tables);
	ret = image.error ? 1 : dump_tables(dir, name, &image);
	if (image.error)
		fprintf(stderr, "%s: %s\n", name, image.error);
	acpi_image_free(&image);
	acpi_tables_free(&tables);
	return ret;
}

static int dump_smbios(const char *dir, const char *name,
		       const struct smbios_machine *machine)
{
	struct smbios_tables tables;
	int ret;

	if (smbios_build(machine, &tables))
		return 1;
	ret = write_file(dir, name, "anchor", tables.anchor.data,
			 tables.anchor.size);
	if (!ret)
		ret = write_file(dir, name, "tables", tables.tables.data,
				 tables.tables.size);
	smbios_tables_free(&tables);
	return ret;
}

static int dump_smbioses(const char *dir)
{
	static const struct smbios_machine small = {
		.nr_cpus = 1,
		.ram = { { SZ_1G, 256 * SZ_1M } },
		.nr_ram = 1,
	};
	static const struct efi_guid uuid = {
		{ 0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99,
		  0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff }
	};
	static const char *const oem[] = { "io.systemd.credential:a=b",
					   "second" };
	static const struct smbios_machine large = {
		.system = { .manufacturer = "maker",
			    .product = "machine",
			    .version = "7",
			    .serial = "4711",
			    .sku = "K1",
			    .family = "old one" },
		.enclosure = { .asset = "tag 3", .serial = "4712" },
		.oem = oem,
		.nr_oem = ARRAY_SIZE(oem),
		.uuid = &uuid,
		.nr_cpus = SMBIOS_MAX_CPUS,
		.midr = 0x410fd0c0,
		.ram = { { SZ_1G, 3 * SZ_1G }, { 1024 * SZ_4G, SZ_4G } },
		.nr_ram = 2,
	};
	int ret = dump_smbios(dir, "smbios-small", &small);

	return ret ? ret : dump_smbios(dir, "smbios-large", &large);
}

int main(int argc, char *argv[])
{
	static struct acpi_machine_box box;
	const char *name;
	int ret = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: acpi_dump DIRECTORY\n");
		return 2;
	}
	for (unsigned int n = 0; !ret && (name = acpi_machine_case(&box, n));
	     n++)
		ret = dump_machine(argv[1], name, &box.machine);
	return ret ? ret : dump_smbioses(argv[1]);
}
