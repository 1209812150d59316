/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text of unknown origin, printed as UTF-8 so that a terminal takes it for
 * text: \u001b and the like stand for control characters, for characters that
 * turn the direction of writing, and for surrogates without their other half;
 * \xff for a byte that is no ASCII; \\ for \.
 */
#ifndef LKVM_EFI_TEXT_H
#define LKVM_EFI_TEXT_H

#include <stdio.h>

#include "lkvm/util/json.h"
#include "lkvm/util/util.h"

/*
 * The number of UTF-16 units before the first zero in [p, p + bytes), or all
 * if there is none; an odd byte at the end counts as nothing.
 */
size_t efi_utf16_units(const u8 *p, size_t bytes);

/* Prints little-endian UTF-16. `quoted` escapes double quotes as well. */
void efi_utf16_print(FILE *out, const u8 *p, size_t units, bool quoted);

/* Prints it without escapes; U+FFFD replaces half a pair of surrogates. */
void efi_utf16_convert(FILE *out, const u8 *p, size_t units);

/* Prints bytes that are meant to be ASCII. */
void efi_ascii_print(FILE *out, const u8 *p, size_t len, bool quoted);

/* Prints bytes as hexadecimal digits with nothing between them. */
void efi_hex_print(FILE *out, const u8 *p, size_t len);

/*
 * Makes what `print` prints of [p, p + len) the value of a member. Without
 * memory for it there is no such member.
 */
void efi_text_json(struct json_writer *json, const char *name, const u8 *p,
		   size_t len,
		   void (*print)(FILE *out, const u8 *p, size_t len));

/* True if all of it is text of one line: no controls, no lone surrogates. */
bool efi_utf16_is_plain(const u8 *p, size_t units);

#endif
