/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/* SOURCES: efi/vars.c efi/ftw.c efi/guid.c efi/text.c */
/* SOURCES: efi/value.c efi/devpath.c efi/cert.c efi/x509.c */
/* SOURCES: util/json.c */
/* clang-format on */
/*
 * A flash file of any content: all that it holds is printed in each way.
 *
 * Guessing checksums is no test: if the first byte is odd, the volume's and the
 * working block's headers are made by us, so that the rest of the input is a
 * store; its second bit chooses the format.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/efi/value.h"
#include "lkvm/efi/vars.h"

#define HEADERS	  (72 + EFI_STORE_HEADER_SIZE)
#define MAX_INPUT 16384

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool what)
{
	if (!what)
		abort();
}

static void put_le32(u8 *p, u32 value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (u8)(value >> (8 * i));
}

static void put_guid(u8 *p, const char *text)
{
	struct efi_guid guid;

	require(!efi_guid_parse(text, &guid));
	memcpy(p, guid.bytes, sizeof(guid.bytes));
}

/* A good volume and store header for `size` bytes at p. */
static void make_headers(u8 *p, size_t size, bool authenticated)
{
	u16 sum = 0;

	memset(p, 0, HEADERS);
	put_guid(p + 16, EFI_GUID_NV_DATA);
	put_le32(p + 32, (u32)size);
	memcpy(p + 40, "_FVH", 4);
	p[48] = 72;
	p[55] = 2;
	put_le32(p + 56, (u32)size);
	put_le32(p + 60, 1);
	for (size_t i = 0; i < 72; i += 2)
		sum = (u16)(sum + efi_le16(p + i));
	p[50] = (u8)-sum;
	p[51] = (u8)((u16)-sum >> 8);
	put_guid(p + 72,
		 authenticated ? EFI_GUID_STORE_AUTH : EFI_GUID_STORE_PLAIN);
	put_le32(p + 88, (u32)MIN(size, (size_t)SZ_4K) - 72);
	p[92] = EFI_STORE_FORMATTED;
	p[93] = EFI_STORE_HEALTHY;
	if (size >= SZ_4K + 64)
		put_guid(p + SZ_4K, EFI_GUID_FTW_BLOCK);
}

static void print_all(FILE *out, const struct efi_var *var)
{
	struct json_writer json = { .out = out };

	efi_var_print_name(out, var);
	efi_attributes_print(out, var->attributes);
	efi_value_print(out, var);
	efi_value_print_long(out, var);
	json_begin_object(&json, NULL);
	efi_value_json(&json, var);
	json_end_object(&json);
}

/* Where it is, and that no live one is there twice. */
static void check_var(const struct efi_image *image, const struct efi_var *var)
{
	require(var->offset <= image->size &&
		var->size <= image->size - var->offset);
	if (!var->has_name)
		return;
	require(var->name + var->name_units * 2 <= var->data);
	require(var->data_size <=
		(size_t)(image->data + image->size - var->data));
	require(strlen(efi_var_state_name(var->state)));
}

static void check_list(const struct efi_image *image,
		       const struct efi_store *store,
		       const struct efi_var_list *list, FILE *out)
{
	u64 start = ALIGN_UP(store->offset + EFI_STORE_HEADER_SIZE, 4) -
		    store->offset;
	u64 all = list->live + list->reclaimable + list->free + list->damaged;

	require(all == store->size - MIN(start, (u64)store->size));
	for (size_t i = 0; i < list->count; i++) {
		check_var(image, &list->vars[i]);
		print_all(out, &list->vars[i]);
		for (size_t j = 0; j < i && list->count < 200; j++)
			require(!efi_var_is_live(&list->vars[i]) ||
				!efi_var_is_live(&list->vars[j]) ||
				efi_var_compare(&list->vars[i],
						&list->vars[j]));
	}
}

static void read_image(const struct efi_image *image, FILE *out)
{
	struct efi_var_list list;
	struct efi_volume volume;
	struct efi_store store;
	struct efi_ftw ftw;

	if (!efi_store_find(image, &volume, &store)) {
		require(!efi_var_list_read(image, &store, &list));
		check_list(image, &store, &list, out);
		efi_var_list_free(&list);
	}
	efi_ftw_find(image, &volume, &store, &ftw);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	bool made = size && data[0] & 1;
	size_t before = made ? HEADERS : 0;
	size_t rest = size ? size - 1 : 0;
	struct efi_image image = { .size = before + rest };
	u8 *copy;
	FILE *out;

	if (size > MAX_INPUT)
		return 0;
	copy = malloc(image.size + 1);
	out = fopen("/dev/null", "w");
	require(copy && out);
	if (rest)
		memcpy(copy + before, data + 1, rest);
	if (made)
		make_headers(copy, image.size, data[0] & 2);
	/* With nothing behind the image, for ASan. */
	image.data = realloc(copy, image.size + !image.size);
	require(image.data);
	read_image(&image, out);
	fclose(out);
	free((void *)(uintptr_t)image.data);
	return 0;
}
