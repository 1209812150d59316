/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines to describe, and a firmware that loads their tables. */
#ifndef TESTS_ACPI_FIXTURE_H
#define TESTS_ACPI_FIXTURE_H

#include "lkvm/arm/tables/acpi.h"

#define POWER_KEY 3

/*
 * CLIDR_EL1. The Cortex-A72's (Arm 100095). What KVM makes up for
 * hosts with neither CTR_EL0.IDC nor DIC, with the one, or with both. And seven
 * levels, of which two are separate.
 */
#define CLIDR_A72	  0x0a200023
#define CLIDR_KVM	  0x09200003
#define CLIDR_KVM_IDC	  0x02000021
#define CLIDR_KVM_IDC_DIC 0x01000004
#define CLIDR_SEVEN	  0x0012491b

/* A description and what it points to. */
struct acpi_machine_box {
	struct acpi_machine machine;
	struct acpi_cpu cpus[ACPI_MAX_CPUS + 1];
	struct acpi_device virtio[ACPI_MAX_VIRTIO + 1];
	struct acpi_pcie pcie;
};

/*
 * QEMU's virt machine. With a GICv2 there is a v2m frame, with a GICv3 an ITS,
 * and a CPU interface to be ignored; no PMU, flash, virtio-mmio or PCIe.
 */
void acpi_machine_init(struct acpi_machine_box *box, unsigned int gic,
		       unsigned int nr_cpus);
void acpi_machine_add_virtio(struct acpi_machine_box *box, unsigned int count);
void acpi_machine_add_flash(struct acpi_machine_box *box, unsigned int count);
void acpi_machine_add_pcie(struct acpi_machine_box *box);

/* Cases of tests/unit/acpi_tables.py; NULL if there is no such number. */
const char *acpi_machine_case(struct acpi_machine_box *box, unsigned int n);

/* A file in the guest's memory, which is where it is told here. */
struct acpi_file {
	char name[56];
	u8 *data;
	size_t size;
	u64 addr;
};

struct acpi_image {
	struct acpi_file files[2];
	unsigned int nr_files;
	unsigned int commands;
	const char *error; /* what was wrong with a command, or NULL */
};

/* Carries out the commands, as strictly as EDK2 does. */
void acpi_image_load(struct acpi_image *image,
		     const struct acpi_tables *tables);
void acpi_image_free(struct acpi_image *image);

/* `size` bytes of the guest's memory, or NULL. */
const u8 *acpi_image_at(const struct acpi_image *image, u64 addr, size_t size);

/* The table with this signature as the RSDP leads to it, or NULL. */
const u8 *acpi_image_table(const struct acpi_image *image,
			   const char *signature);

u16 get_le16(const u8 *p);
u32 get_le32(const u8 *p);
u64 get_le64(const u8 *p);
u8 sum_of(const u8 *p, size_t len);

#endif
