/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small image of a flash with a variable store, made record by record. */
#ifndef TESTS_EFI_FIXTURE_H
#define TESTS_EFI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lkvm/efi/vars.h"

#define VOLUME_LENGTH 0x3000
#define VOLUME_HEADER 72
#define STORE_END     0x1000 /* in the volume; the working block is here */
#define FIRST_VAR     (VOLUME_HEADER + EFI_STORE_HEADER_SIZE)

/* Where a record's fields are, authenticated or not. */
#define NAME_SIZE_AT(auth) ((auth) ? 36 : 8)
#define DATA_SIZE_AT(auth) ((auth) ? 40 : 12)
#define RECORD_SIZE(auth)  ((auth) ? 60 : 32)

#define OUR_GUID "1b6d6c04-5ff4-4b0c-9d7a-2f1c7d1c2a90"

struct maker {
	u8 data[VOLUME_LENGTH];
	bool authenticated;
	size_t at; /* where the next record goes */
};

void put_le16(u8 *p, u16 value);
void put_le32(u8 *p, u32 value);
void put_le64(u8 *p, u64 value);
void put_guid(u8 *p, const char *text);

/* Makes the sum of the volume header's words 0 again. */
void fix_checksum(u8 *header);

/* An empty store. */
void make_store(struct maker *maker, bool authenticated);

/* Adds a record and returns its offset. */
size_t make_var(struct maker *maker, u8 state, const char *guid,
		const char *name, const void *data, size_t len);

/* A working block of fault tolerant writes, with nothing in its queue. */
void make_ftw(struct maker *maker);

/* What the image holds; `list` is the caller's to free. */
const char *read_image(const u8 *data, size_t size, struct efi_var_list *list,
		       struct efi_ftw *ftw);

#endif
