/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What variables hold, as text. Those that UEFI defines (Specification 2.10,
 * section 3.3 and chapter 32) and a few of boot loaders are decoded if their
 * data is well-formed; of all others there are bytes.
 */
#ifndef LKVM_EFI_VALUE_H
#define LKVM_EFI_VALUE_H

#include <stdio.h>

#include "lkvm/efi/vars.h"
#include "lkvm/util/json.h"

/* Prints the name with escapes, see lkvm/efi/text.h; "?" if it has none. */
void efi_var_print_name(FILE *out, const struct efi_var *var);

/* Prints "NV,BS,RT" and the like; bits without a name as a number. */
void efi_attributes_print(FILE *out, u32 attributes);

/* Prints the value in one line, cut if it is long, without the line's end. */
void efi_value_print(FILE *out, const struct efi_var *var);

/* Prints all of the value in one or more lines, the last of them ended. */
void efi_value_print_long(FILE *out, const struct efi_var *var);

/*
 * What `print`, one of the functions above, prints as a string for the caller
 * to free, or NULL if there is no memory for it.
 */
char *efi_var_text(const struct efi_var *var,
		   void (*print)(FILE *out, const struct efi_var *var));

/*
 * Adds members to the open object: "value", the text in one line; what has
 * parts in one of "order", "load_option", "signature_lists"; and the data as
 * hexadecimal digits.
 */
void efi_value_json(struct json_writer *json, const struct efi_var *var);

#endif
