/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to arm/: the ACPI tables one by one. */
#ifndef ARM_TABLES_ACPI_TABLES_H
#define ARM_TABLES_ACPI_TABLES_H

#include "lkvm/arm/tables/acpi.h"
#include "lkvm/arm/tables/aml.h"

#define ACPI_MAX_TABLES 12

/*
 * Tables under construction. A table function adds its table, or none if the
 * machine has no use for it; errors are kept in the blobs.
 */
struct acpi_builder {
	const struct acpi_machine *machine;
	struct blob *tables;
	struct blob *loader;
	size_t dsdt;			/* where it is in `tables` */
	size_t listed[ACPI_MAX_TABLES]; /* what the XSDT points to */
	unsigned int nr_listed;
};

/* acpi_check.c: 0, or -EINVAL or -E2BIG after a message. */
int acpi_check(const struct acpi_machine *machine);

/*
 * acpi_table.c. A table begins with its header, at the offset that is returned,
 * and ends with its length and a command for its checksum; acpi_table_list()
 * has the XSDT point to it.
 */
size_t acpi_table_begin(struct acpi_builder *b, const char *signature,
			u8 revision);
void acpi_table_end(struct acpi_builder *b, size_t start);
void acpi_table_list(struct acpi_builder *b, size_t start);

/* Zeros up to the offset `at` of the table at `start`. */
void acpi_table_skip(struct acpi_builder *b, size_t start, size_t at);

/* A 64-bit pointer to the table at `start`. */
void acpi_table_pointer(struct acpi_builder *b, size_t start);

/* A register in memory, accessed `width` bits at a time: 8, 16, 32 or 64. */
void acpi_table_register(struct acpi_builder *b, u64 base, unsigned int width);

/*
 * acpi_loader.c: commands of ACPI_FILE_LOADER. `at` is an offset in `file`. A
 * pointer has 8 bytes, which hold an offset in `to`. The range of a checksum
 * has a byte for it at `at`, which is 0.
 */
enum acpi_zone {
	ACPI_ZONE_HIGH = 1,
	ACPI_ZONE_FSEG = 2, /* low memory of a PC; any on arm64 */
};
void acpi_load_file(struct blob *loader, const char *file, u32 align,
		    enum acpi_zone zone);
void acpi_load_pointer(struct blob *loader, const char *file, size_t at,
		       const char *to);
void acpi_load_checksum(struct blob *loader, const char *file, size_t at,
			size_t start, size_t len);

/* acpi_dsdt.c. Devices of the DSDT that other tables name. */
#define ACPI_UART_PATH "\\_SB.COM0"
void acpi_add_dsdt(struct acpi_builder *b);

/* acpi_pcie.c: the bridge for the DSDT, and its table. */
void acpi_add_bridge(struct aml_writer *aml, const struct acpi_pcie *pcie);
void acpi_add_mcfg(struct acpi_builder *b);

/* acpi_madt.c, acpi_pptt.c, acpi_serial.c, acpi_iort.c */
void acpi_add_madt(struct acpi_builder *b);
void acpi_add_pptt(struct acpi_builder *b);
void acpi_add_spcr(struct acpi_builder *b);
void acpi_add_dbg2(struct acpi_builder *b);
void acpi_add_iort(struct acpi_builder *b);

#endif
