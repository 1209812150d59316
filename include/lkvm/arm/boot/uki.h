/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unified kernel images: EFI programs with a kernel, its initrd and its command
 * line in their sections (UAPI.5, systemd-stub(7)). Without firmware lkvm
 * starts what is in them by itself.
 */
#ifndef LKVM_ARM_BOOT_UKI_H
#define LKVM_ARM_BOOT_UKI_H

#include "lkvm/arm/boot/boot_file.h"

struct uki {
	struct file_range kernel; /* size 0: the file is no such image */
	struct file_range initrd; /* size 0: none */
	char *cmdline;		  /* on one line; NULL: none */
};

/*
 * Finds out whether *file is a unified kernel image for arm64, and where its
 * parts are, all within the file. Of an image with several profiles the parts
 * are those that systemd-stub takes unless told otherwise: of profile 0, and
 * those before all profiles for what that has not.
 *
 * Returns 0, with nothing in *uki if it is none; -EBADMSG after a message if
 * the image makes no sense; -ENOMEM; or an error of boot_file_read(). After 0
 * there is uki_free() to be called.
 */
int uki_read(struct boot_file *file, struct uki *uki);

/* Frees the command line; *uki may be all zeroes. */
void uki_free(struct uki *uki);

#endif
