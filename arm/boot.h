/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal to arm/: what the guest starts with, in arm/boot and arm/tables. All
 * of it is for the main thread, while no vCPU runs.
 */
#ifndef ARM_BOOT_H
#define ARM_BOOT_H

struct machine;

/*
 * open.c: opens kernel, initrd and firmware, with the choice of
 * firmware_choose(), and looks at all other files that are named. RAM has its
 * size, there need be no VM. 0, or -errno after a message; boot_destroy()
 * closes what is open in both cases.
 */
int boot_open(struct machine *machine);

/*
 * firmware.c: where the guest starts, and which banks of flash it has. 0, or
 * -errno after a message.
 */
int firmware_choose(struct machine *machine);

/*
 * boot.c: loads kernel, initrd and firmware, writes the device tree and has
 * vCPU 0 start there. Again after a reset, into RAM that is empty. 0, or -errno
 * after a message.
 */
int boot_prepare(struct machine *machine);

/* Closes the files and frees what boot_open() and boot_prepare() allocated. */
void boot_destroy(struct machine *machine);

/*
 * cmdline.c: warns of a command line that is longer than what the guest's
 * Linux takes.
 */
void boot_check_cmdline(const struct machine *machine);

/*
 * fw_cfg_items.c: what firmware gets through fw_cfg, if the machine has that:
 * boot order, kernel, initrd and command line, and the user's files. 0, or
 * -errno after a message.
 */
int boot_fill_fw_cfg(struct machine *machine);

/*
 * smbios.c: reads the files of --smbios; frees what was read; builds tables,
 * which the caller frees. 0, or -errno after a message.
 */
struct smbios_tables;
int boot_open_smbios(struct machine *machine);
void boot_close_smbios(struct machine *machine);
int boot_build_smbios(const struct machine *machine,
		      struct smbios_tables *tables);

/* tables.c: ACPI and SMBIOS tables. 0, or -errno after a message. */
int boot_add_tables(struct machine *machine);

/*
 * tables/fdt.c: writes the device tree into RAM, and, before the first reset,
 * to --dump-dtb's file. 0, or -errno after a message.
 */
int machine_write_fdt(struct machine *machine);

/*
 * order.c: *paths is a list of OpenFirmware paths, a newline between
 * them, that firmware is to boot from: --boot-order, and then the disks in the
 * order of their bootindex. NULL if there is none; the caller frees it. 0 or
 * -ENOMEM.
 */
int boot_order(const struct machine *machine, char **paths);

#endif
