/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GUIDs: their text form (UEFI Specification 2.10, appendix A) and short names
 * of those that occur in arm64 variable stores, which `lkvm flash vars` prints
 * and takes instead of a GUID. The names are part of the command's interface;
 * an existing one is not changed. No state, any thread.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "lkvm/efi/guid.h"
#include "lkvm/util/parse.h"

/*
 * Sources: UEFI Specification; EDK2's .dec files; shim, systemd and Linux. Some
 * 30 entries, searched linearly: a store has a few hundred variables at most.
 */
static const struct {
	const char *text;
	const char *name;
} known[] = {
	{ EFI_GUID_GLOBAL, "global" },
	{ EFI_GUID_IMAGE_SECURITY, "image-security" },
	{ EFI_GUID_SHIM, "shim" },
	{ EFI_GUID_LOADER, "loader" },
	{ EFI_GUID_NV_DATA, "nv-data" },
	{ EFI_GUID_STORE_AUTH, "authenticated-store" },
	{ EFI_GUID_STORE_PLAIN, "plain-store" },
	{ EFI_GUID_FTW_BLOCK, "ftw-working-block" },
	{ "8c8ce578-8a3d-4f1c-9935-896185c32dd3", "ffs2" },
	{ "5473c07a-3dcb-4dca-bd6f-1e9689e7349a", "ffs3" },
	{ "f0a30bc7-af08-4556-99c4-001009c93a44", "secure-boot-enable" },
	{ "c076ec0c-7028-4399-a072-71ee5c448b9f", "custom-mode" },
	{ "d9bee56e-75dc-49d9-b4d7-b534210f637a", "cert-db" },
	{ "9073e4e0-60ec-4b6e-9903-4c223c260f3c", "vendor-keys" },
	{ "eb704011-1402-11d3-8e77-00a0c969723b", "mtc" },
	{ "04b37fe8-f6ae-480b-bdd5-37d98c5e89aa", "var-error-flag" },
	{ "4c19049f-4137-4dd3-9c10-8b97a83ffdfa", "memory-type" },
	{ "e20939be-32d4-41be-a150-897f85d49829", "memory-overwrite" },
	{ "bb983ccf-151d-40e1-a07b-4a17be168292", "memory-overwrite-lock" },
	{ "5b446ed1-e30b-4faa-871a-3654eca36080", "ip4-config" },
	{ "937fe521-95ae-4d1a-8929-48bcd90ad31a", "ip6-config" },
	{ "158def5a-f656-419c-b027-7a3192c079d2", "shell" },
	{ "0053d9d6-2659-4599-a26b-ef4536e631a9", "shell-alias" },
	{ "1ce1e5bc-7ceb-42f2-81e5-8aadf180f57b", "linux-random-seed" },
	{ "cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0", "linux-crash-dump" },
	{ "77fa9abd-0359-4d32-bd60-28f4e78f784b", "microsoft" },
	{ "a0baa8a3-041d-48a8-bc87-c36d121b5e3d", "ovmf-enroll" },
};

struct efi_guid efi_guid_at(const u8 *p)
{
	struct efi_guid guid;

	memcpy(guid.bytes, p, sizeof(guid.bytes));
	return guid;
}

/*
 * For each byte of the text, from left to right, its index in memory: the first
 * three fields are little-endian numbers, the rest is an array of bytes.
 */
static const u8 text_order[16] = { 3, 2, 1,  0,	 5,  4,	 7,  6,
				   8, 9, 10, 11, 12, 13, 14, 15 };

/*
 * Whether the text has a dash before its i-th byte: groups of 8-4-4-4-12
 * digits.
 */
static bool dash_before(size_t i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

void efi_guid_format(const struct efi_guid *guid, char text[EFI_GUID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < ARRAY_SIZE(text_order); i++) {
		u8 byte = guid->bytes[text_order[i]];

		if (dash_before(i))
			*text++ = '-';
		*text++ = digits[byte >> 4];
		*text++ = digits[byte & 0xf];
	}
	*text = '\0';
}

/*
 * All 36 characters and nothing behind them. *guid is written on success only.
 */
static int parse_digits(const char *text, struct efi_guid *guid)
{
	struct efi_guid parsed;

	for (size_t i = 0; i < ARRAY_SIZE(text_order); i++) {
		unsigned int high, low;

		if (dash_before(i) && *text++ != '-')
			return -EINVAL;
		high = digit_value(text[0]);
		low = high > 0xf ? high : digit_value(text[1]);
		if (low > 0xf)
			return -EINVAL;
		parsed.bytes[text_order[i]] = (u8)(high << 4 | low);
		text += 2;
	}
	if (*text)
		return -EINVAL;
	*guid = parsed;
	return 0;
}

int efi_guid_parse(const char *text, struct efi_guid *guid)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcasecmp(text, known[i].name))
			return parse_digits(known[i].text, guid);
	return parse_digits(text, guid);
}

/*
 * Compares texts, so that constants can be written in the form that the
 * specifications print.
 */
bool efi_guid_is(const struct efi_guid *guid, const char *text)
{
	char own[EFI_GUID_TEXT_SIZE];

	efi_guid_format(guid, own);
	return !strcmp(own, text);
}

const char *efi_guid_name(const struct efi_guid *guid)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (efi_guid_is(guid, known[i].text))
			return known[i].name;
	return NULL;
}
