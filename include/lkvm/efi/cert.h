/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signature lists, as PK, KEK, db and dbx hold them: UEFI Specification 2.10,
 * section 32.4.1.
 */
#ifndef LKVM_EFI_CERT_H
#define LKVM_EFI_CERT_H

#include <stdio.h>

#include "lkvm/efi/guid.h"
#include "lkvm/util/json.h"

/* True if `size` bytes at p, perhaps none, are signature lists. */
bool efi_siglists_are_good(const u8 *p, size_t size);

/*
 * Print lists that efi_siglists_are_good() accepted: in one line without its
 * end, cut if there are many; a line for each signature; as an array `name`.
 */
void efi_siglists_print(FILE *out, const u8 *p, size_t size);
void efi_siglists_print_long(FILE *out, const u8 *p, size_t size);
void efi_siglists_json(struct json_writer *json, const char *name, const u8 *p,
		       size_t size);

/*
 * Finds the subject's common name, or else its organisation, in an X.509
 * certificate of `size` bytes; nothing is verified. Returns true with *len
 * bytes at *name, in `cert`, ASCII or UTF-8 but not checked; or false if there
 * is none.
 */
bool efi_cert_subject(const u8 *cert, size_t size, const u8 **name,
		      size_t *len);

#endif
