/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which Linux a kernel file is, to find its modules. */
#ifndef LKVM_ARM_ROOT_RELEASE_H
#define LKVM_ARM_ROOT_RELEASE_H

#include "lkvm/arm/boot/boot_file.h"

/* Linux, include/uapi/linux/utsname.h: __NEW_UTS_LEN, and the zero. */
#define RELEASE_SIZE 65

/*
 * Puts what `uname -r` will say into `release`. Looks through gzip, zstd and
 * EFI zboot; the file is *file's part, see boot_file.h, and stays the caller's.
 *
 * Returns 0; -ENOENT without a message if the file does not tell; or an error
 * of image_open() after one.
 */
int release_find(struct boot_file *file, char release[RELEASE_SIZE]);

/* True if modules are looked for under this name: it is one of a folder. */
bool release_is_good(const char *release);

#endif
