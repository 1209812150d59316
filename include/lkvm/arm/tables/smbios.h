/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS 3.0 (DMTF DSP0134) of an arm64 machine, as files of fw_cfg. The
 * firmware adds its own type 0, BIOS information, and makes an entry point of
 * its own with the address of the tables; ours has the version and no address.
 */
#ifndef LKVM_ARM_TABLES_SMBIOS_H
#define LKVM_ARM_TABLES_SMBIOS_H

#include "lkvm/config/smbios.h"
#include "lkvm/efi/guid.h"
#include "lkvm/util/blob.h"

#define SMBIOS_FILE_ANCHOR "etc/smbios/smbios-anchor"
#define SMBIOS_FILE_TABLES "etc/smbios/smbios-tables"

#define SMBIOS_MAX_CPUS	 512
#define SMBIOS_MAX_RAM	 8
#define SMBIOS_MAX_TEXTS 255 /* of a structure */

/* Guest physical addresses, whole KiB. */
struct smbios_range {
	u64 base;
	u64 size;
};

/*
 * Printable ASCII, at most SMBIOS_MAX_STRING bytes; NULL stands for the default
 * that is named, "" for none.
 */
struct smbios_texts {
	const char *manufacturer; /* "lkvm" */
	const char *product;	  /* "KVM Virtual Machine" */
	const char *version;	  /* lkvm's own */
	const char *serial;	  /* none, as of all that follow */
	const char *sku;
	const char *family;
	const char *asset;
};

/* An enclosure has no product and no family, a system no asset tag. */
struct smbios_machine {
	struct smbios_texts system, enclosure;
	const struct efi_guid *uuid; /* NULL: the machine has none */
	/* OEM strings: of any bytes, none is empty; SMBIOS_MAX_OEM in all. */
	const char *const *oem;
	unsigned int nr_oem; /* SMBIOS_MAX_TEXTS at most */
	unsigned int nr_cpus;
	u32 midr; /* MIDR_EL1 of the CPUs, or 0 */
	struct smbios_range ram[SMBIOS_MAX_RAM];
	unsigned int nr_ram;
};

/* What the two files hold. */
struct smbios_tables {
	struct blob anchor;
	struct blob tables;
};

/*
 * Builds *tables, which the caller frees with smbios_tables_free() if this was
 * successful; nothing of the description is kept. Returns 0, or after a message
 * -EINVAL for an invalid description, -E2BIG for one of a machine
 * that is too large, or -ENOMEM; then *tables is empty.
 */
int smbios_build(const struct smbios_machine *machine,
		 struct smbios_tables *tables);

/* Frees the files' bytes and leaves them empty. */
void smbios_tables_free(struct smbios_tables *tables);

#endif
