/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UEFI device paths as text: UEFI Specification 2.10, chapter 10. The common
 * nodes have the names they have there; others become Path(type,subtype,data).
 */
#ifndef LKVM_EFI_DEVPATH_H
#define LKVM_EFI_DEVPATH_H

#include <stdio.h>

#include "lkvm/util/util.h"

/*
 * True if `size` bytes at p are one or more device paths, each with all of its
 * nodes and its end.
 */
bool efi_devpath_is_good(const u8 *p, size_t size);

/*
 * Prints good device paths in one line. Instances of one path are separated by
 * a comma, several paths by a semicolon.
 */
void efi_devpath_print(FILE *out, const u8 *p, size_t size);

#endif
