/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/* SOURCES: efi/value.c efi/devpath.c efi/cert.c efi/x509.c */
/* SOURCES: efi/vars.c efi/guid.c efi/text.c util/json.c efi/ftw.c */
/* SOURCES: tests/unit/efi_fixture.c */
/* clang-format on */
/* Values as text, and as JSON. */
#include <stdlib.h>
#include <string.h>

#include "efi_fixture.h"
#include "lkvm/efi/cert.h"
#include "lkvm/efi/devpath.h"
#include "lkvm/efi/text.h"
#include "lkvm/efi/value.h"

/* For literals, whose zero at the end does not count. */
#define BYTES(s) (const u8 *)(s), sizeof(s) - 1

static u8 name_buf[128];

/* A copy of the data with nothing behind it, for ASan; the caller frees. */
static struct efi_var make(const char *guid, const char *name, const u8 *data,
			   size_t size)
{
	struct efi_var var = { .has_name = true, .data_size = size };
	u8 *copy = malloc(size + !size);

	assert_non_null(copy);
	memcpy(copy, data, size);
	var.data = copy;
	put_guid(var.guid.bytes, guid);
	for (; name[var.name_units]; var.name_units++)
		put_le16(name_buf + var.name_units * 2,
			 (u8)name[var.name_units]);
	var.name = name_buf;
	return var;
}

static void free_var(struct efi_var *var)
{
	free((void *)(uintptr_t)var->data);
}

static void expect_printed(const struct efi_var *var,
			   void (*print)(FILE *out, const struct efi_var *var),
			   const char *want)
{
	char *text = efi_var_text(var, print);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
}

static void expect_guid(const char *guid, const char *name, const u8 *data,
			size_t size, const char *want)
{
	struct efi_var var = make(guid, name, data, size);

	expect_printed(&var, efi_value_print, want);
	free_var(&var);
}

static void expect(const char *name, const u8 *data, size_t size,
		   const char *want)
{
	expect_guid(EFI_GUID_GLOBAL, name, data, size, want);
}

static void expect_long(const char *guid, const char *name, const u8 *data,
			size_t size, const char *want)
{
	struct efi_var var = make(guid, name, data, size);

	expect_printed(&var, efi_value_print_long, want);
	free_var(&var);
}

static void numbers(void **state)
{
	(void)state;
	expect("BootOrder", BYTES("\x00\x00\x01\x00\xab\x0c"),
	       "0000,0001,0CAB");
	expect("BootOrder", BYTES(""), "");
	expect("DriverOrder", BYTES("\x02\x00"), "0002");
	expect("BootNext", BYTES("\x03\x00"), "0003");
	expect("BootCurrent", BYTES("\x00\xf0"), "F000");
	expect("Timeout", BYTES("\x05\x00"), "5 s");
	expect("Timeout", BYTES("\xff\xff"), "wait for the user");
	expect("OsIndications", BYTES("\1\0\0\0\0\0\0\x80"),
	       "0x8000000000000001");
	expect("SecureBoot", BYTES("\1"), "1");
	expect("SetupMode", BYTES("\0"), "0");
	/* What is not of that form is bytes. */
	expect("BootOrder", BYTES("\1\0\2"), "01 00 02 |...|");
	expect("BootNext", BYTES("\1"), "01 |.|");
	expect("Timeout", BYTES(""), "");
	expect("SecureBoot", BYTES("\2"), "02 |.|");
	expect("OsIndications", BYTES("\1\2\3"), "01 02 03 |...|");
	/* So is another's variable of the same name. */
	expect_guid(OUR_GUID, "BootNext", BYTES("\3\0"), "03 00 |..|");
}

static void texts(void **state)
{
	(void)state;
	expect("Lang", BYTES("eng\0"), "eng");
	expect("PlatformLang", BYTES("en-US"), "en-US");
	expect("Lang", BYTES("e\033[m"), "65 1b 5b 6d |e.[m|");
	expect("Lang", BYTES("e\0ng"), "65 00 6e 67 |e.ng|");
	expect_guid(EFI_GUID_LOADER, "LoaderInfo", BYTES("s\0d\0\0\0"), "sd");
	expect_guid(EFI_GUID_LOADER, "LoaderInfo", BYTES("s\0d"),
		    "73 00 64 |s.d|");
	expect_guid(EFI_GUID_LOADER, "LoaderFeatures",
		    BYTES("\x7f\0\0\0\0\0\0\0"), "0x7f");
	expect_guid(EFI_GUID_SHIM, "SbatLevel", BYTES("sbat,1\nshim,2\n"),
		    "sbat,1 ...");
	expect_long(EFI_GUID_SHIM, "SbatLevel", BYTES("sbat,1\nshim,2"),
		    "sbat,1\nshim,2\n");
}

static void bytes(void **state)
{
	(void)state;
	expect_guid(OUR_GUID, "V", BYTES("K\0e\0p\0t\0"), "L\"Kept\"");
	expect_guid(OUR_GUID, "V", BYTES("K\0\0\0"), "4b 00 00 00 |K...|");
	expect_guid(OUR_GUID, "V", BYTES("\"\0\\\0\0\0"), "L\"\\\"\\\\\"");
	expect_guid(OUR_GUID, "V", BYTES("0123456789abcdefg"),
		    "30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 "
		    "|0123456789abcdef| ...");
	expect_long(OUR_GUID, "V", BYTES("0123456789abcdef\x7f"),
		    "000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66"
		    "  |0123456789abcdef|\n"
		    "000010  7f                                             "
		    "  |.|\n");
	expect_long(OUR_GUID, "V", BYTES(""), "");
}

#define FV                                                                   \
	"\4\7\x14\0\x8e\xc0\x91\x8a\x9d\x7d\x33\x49\x84\xd6\x90\x1d\x26\xd0" \
	"\x76\x6e"
#define END	"\x7f\xff\4\0"
#define FV_TEXT "Fv(8a91c08e-7d9d-4933-84d6-901d26d0766e)"

static void load_options(void **state)
{
	(void)state;
	expect("Boot0001", BYTES("\1\0\0\0\x18\0U\0i\0\0\0" FV END),
	       "active \"Ui\" " FV_TEXT);
	expect("Boot00aF", BYTES("\0\0\0\0\x18\0\0\0" FV END "xyz"),
	       "inactive \"\" " FV_TEXT " +3 bytes");
	expect("Driver0001", BYTES("\x0b\1\0\0\0\0\"\0\0\0"),
	       "active,reconnect,hidden,app \"\\\"\" ");
	expect_long(EFI_GUID_GLOBAL, "SysPrep0000",
		    BYTES("\1\2\0\0\x18\0U\0\0\0" FV END "xyz"),
		    "attributes:  active,category2\n"
		    "description: U\n"
		    "device path: " FV_TEXT "\n"
		    "optional data: 3 bytes\n"
		    "000000  78 79 7a                                       "
		    "  |xyz|\n");
	/* No four digits: some variable. */
	expect("Boot001", BYTES("\1\0"), "01 00 |..|");
	expect("Boot000g", BYTES("\1\0"), "01 00 |..|");
	expect("Boot00011", BYTES("\1\0"), "01 00 |..|");
}

/* Each shorter one is bytes, and ASan has nothing to say. */
static void cut_load_option(void **state)
{
	static const char option[] = "\1\0\0\0\x18\0U\0i\0\0\0" FV END;
	char *text;

	(void)state;
	for (size_t size = 0; size < sizeof(option) - 1; size++) {
		struct efi_var var = make(EFI_GUID_GLOBAL, "Boot0000",
					  (const u8 *)option, size);

		text = efi_var_text(&var, efi_value_print);
		assert_non_null(text);
		assert_null(strstr(text, "active"));
		free(text);
		free_var(&var);
	}
}

static void expect_path(const u8 *path, size_t size, const char *want)
{
	expect("ConOut", path, size, want);
}

static void device_paths(void **state)
{
	(void)state;
	expect_path(BYTES("\1\1\6\0\3\2" END), "Pci(0x2,0x3)");
	expect_path(BYTES("\2\1\x0c\0\xd0\x41\x03\x0a\0\0\0\0\1\1\6\0\0\1" END),
		    "PciRoot(0x0)/Pci(0x1,0x0)");
	expect_path(BYTES("\2\1\x0c\0\xd0\x41\x08\x0a\1\0\0\0" END),
		    "PcieRoot(0x1)");
	expect_path(BYTES("\2\1\x0c\0\xd0\x41\1\5\0\0\0\0" END),
		    "Acpi(PNP0501,0x0)");
	expect_path(BYTES("\3\x0e\x13\0\0\0\0\0\0\xc2\1\0\0\0\0\0\x08\1\1" END),
		    "Uart(115200,8,N,1)");
	expect_path(BYTES("\3\x0a\x14\0\x65\x60\xa6\xdf\x19\xb4\xd3\x11"
			  "\x9a\x2d\0\x90\x27\x3f\xc1\x4d" END),
		    "VenVt100()");
	expect_path(BYTES("\3\5\6\0\1\2" END), "USB(0x1,0x2)");
	expect_path(BYTES("\3\x0b\x25\0\x52\x54\0\x12\x34\x56"
			  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
			  "\1" END),
		    "MAC(525400123456,0x1)");
	expect_path(BYTES("\3\x12\x0a\0\0\0\xff\xff\0\0" END),
		    "Sata(0x0,0xffff,0x0)");
	expect_path(BYTES("\3\x17\x10\0\1\0\0\0\0\1\2\3\4\5\6\7" END),
		    "NVMe(0x1,00-01-02-03-04-05-06-07)");
	expect_path(BYTES("\3\x18\x0c\0http://x" END), "Uri(http://x)");
	expect_path(BYTES("\4\4\x10\0\\\0E\0F\0I\0\x1b\0\0\0" END),
		    "\\\\EFI\\u001b");
	expect_path(BYTES("\4\1\x2a\0\1\0\0\0\0\x08\0\0\0\0\0\0"
			  "\0\0\x10\0\0\0\0\0"
			  "\x61\xdf\xe4\x8b\xca\x93\xd2\x11"
			  "\xaa\x0d\0\xe0\x98\3\x2b\x8c\2\2" END),
		    "HD(1,GPT," EFI_GUID_GLOBAL ",0x800,0x100000)");
	/* Instances, several paths, and an empty one. */
	expect_path(BYTES("\1\1\6\0\0\1\x7f\1\4\0\1\1\6\0\0\2" END),
		    "Pci(0x1,0x0),Pci(0x2,0x0)");
	expect_path(BYTES("\1\1\6\0\0\1" END "\1\1\6\0\0\2" END),
		    "Pci(0x1,0x0); Pci(0x2,0x0)");
	expect_path(BYTES(END), "");
	/* Nodes that are unknown, or too short for what they say they are. */
	expect_path(BYTES("\3\x63\6\0\xab\xcd" END), "Path(3,99,abcd)");
	expect_path(BYTES("\x09\1\4\0" END), "Path(9,1)");
	expect_path(BYTES("\4\7\x05\0\1" END), "Path(4,7,01)");
}

/* All that the table has, at each length: no more is read than is there. */
static void nodes_of_any_length(void **state)
{
	FILE *out = fopen("/dev/null", "w");

	(void)state;
	assert_non_null(out);
	for (int type = 0; type < 7; type++) {
		for (int sub = 0; sub < 32; sub++) {
			for (u16 len = 4; len < 60; len++) {
				u8 *node = calloc(1, len);

				assert_non_null(node);
				node[0] = (u8)type;
				node[1] = (u8)sub;
				put_le16(node + 2, len);
				efi_devpath_print(out, node, len);
				free(node);
			}
		}
	}
	fclose(out);
}

static void bad_device_paths(void **state)
{
	(void)state;
	assert_false(efi_devpath_is_good(BYTES("")));
	assert_false(efi_devpath_is_good(BYTES("\1\1\6\0\0\1")));
	assert_false(efi_devpath_is_good(BYTES("\1\1\3\0" END)));
	assert_false(efi_devpath_is_good(BYTES("\1\1\0\0" END)));
	assert_false(efi_devpath_is_good(BYTES("\1\1\xff\xff" END)));
	assert_false(efi_devpath_is_good(BYTES(END "\1")));
	assert_false(efi_devpath_is_good(BYTES("\x7f\2\4\0" END)));
	assert_false(efi_devpath_is_good(BYTES("\x7f\1\4\0")));
}

#define SHA256_TYPE \
	"\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28"
#define X509_TYPE \
	"\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72"
#define OWNER "\xbd\x9a\xfa\x77\x59\x03\x32\x4d\xbd\x60\x28\xf4\xe7\x8f\x78\x4b"
#define HASH  "0123456789abcdef0123456789abcdef"

/* Two hashes; the least certificate that has a subject: CN=Me. */
#define HASHES SHA256_TYPE "\x7c\0\0\0\0\0\0\0\x30\0\0\0" OWNER HASH OWNER HASH
#define CERT                                             \
	"\x30\x1e\x30\x1c\x02\x01\x01\x30\0\x30\0\x30\0" \
	"\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02Me\x05\0\x05\0"
#define CERTS X509_TYPE "\x4c\0\0\0\0\0\0\0\x30\0\0\0" OWNER CERT

static void signature_lists(void **state)
{
	(void)state;
	expect_guid(EFI_GUID_IMAGE_SECURITY, "dbx", BYTES(HASHES),
		    "SHA-256 x 2");
	expect("PK", BYTES(CERTS), "X.509 \"Me\" 32 bytes");
	expect_guid(EFI_GUID_IMAGE_SECURITY, "db", BYTES(CERTS HASHES),
		    "X.509 \"Me\" 32 bytes; SHA-256 x 2");
	expect_guid(EFI_GUID_IMAGE_SECURITY, "db",
		    BYTES(HASHES HASHES HASHES HASHES HASHES HASHES),
		    "SHA-256 x 2; SHA-256 x 2; SHA-256 x 2; SHA-256 x 2; "
		    "2 more lists");
	expect("KEK", BYTES(""), "no signatures");
	expect_long(EFI_GUID_IMAGE_SECURITY, "db", BYTES(CERTS HASHES),
		    "X.509 owner microsoft \"Me\" 32 bytes\n"
		    "SHA-256 owner microsoft 3031323334353637383961626364656630"
		    "313233343536373839616263646566\n"
		    "SHA-256 owner microsoft 3031323334353637383961626364656630"
		    "313233343536373839616263646566\n");
}

static void bad_signature_lists(void **state)
{
	u8 list[sizeof(HASHES) - 1];
	static const struct {
		u8 at, value;
	} wrong[] = {
		{ 16, 0x7d }, { 16, 0x7b }, { 16, 12 },	  { 16, 27 },
		{ 16, 0 },    { 19, 0xff }, { 20, 0xff }, { 23, 0x80 },
		{ 24, 0x31 }, { 24, 15 },   { 24, 0 },	  { 27, 0xff },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		memcpy(list, HASHES, sizeof(list));
		assert_true(efi_siglists_are_good(list, sizeof(list)));
		list[wrong[i].at] = wrong[i].value;
		assert_false(efi_siglists_are_good(list, sizeof(list)));
	}
	/* Without a size, and a signature's that would divide 2^32 - 28. */
	memcpy(list, HASHES, sizeof(list));
	put_le32(list + 16, 0);
	put_le32(list + 24, 357913939);
	assert_false(efi_siglists_are_good(list, sizeof(list)));
	for (size_t size = 1; size < sizeof(list); size++)
		assert_false(efi_siglists_are_good((const u8 *)HASHES, size));
}

/* Cut, and with every byte wrong: no more is read than is there. */
static void bad_certificates(void **state)
{
	static const char cert[] = CERT;
	const u8 *name;
	size_t len;

	(void)state;
	for (size_t size = 0; size < sizeof(cert) - 1; size++) {
		u8 *copy = malloc(size + !size);

		assert_non_null(copy);
		memcpy(copy, cert, size);
		assert_false(efi_cert_subject(copy, size, &name, &len));
		free(copy);
	}
	for (size_t at = 0; at < sizeof(cert) - 1; at++) {
		for (int value = 0; value < 256; value++) {
			u8 *copy = malloc(sizeof(cert) - 1);

			assert_non_null(copy);
			memcpy(copy, cert, sizeof(cert) - 1);
			copy[at] = (u8)value;
			if (efi_cert_subject(copy, sizeof(cert) - 1, &name,
					     &len))
				assert_true(range_within((uintptr_t)name, len,
							 (uintptr_t)copy,
							 sizeof(cert) - 1));
			free(copy);
		}
	}
}

static char *utf16(const u8 *p, size_t size,
		   void (*print)(FILE *out, const u8 *p, size_t units))
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	print(out, p, size / 2);
	fclose(out);
	return text;
}

static void print_escaped(FILE *out, const u8 *p, size_t units)
{
	efi_utf16_print(out, p, units, false);
}

static void names(void **state)
{
	static const struct {
		const char *raw;
		size_t size;
		const char *escaped, *plain;
	} cases[] = {
		{ "a\0\\\0", 4, "a\\\\", "a\\" },
		{ "\x1b\0\n\0", 4, "\\u001b\\u000a", "\x1b\n" },
		{ "\x9b\0", 2, "\\u009b", "\xc2\x9b" },
		{ "\x2e\x20", 2, "\\u202e", "\xe2\x80\xae" },
		{ "\xe4\0\xac\x20", 4, "\xc3\xa4\xe2\x82\xac",
		  "\xc3\xa4\xe2\x82\xac" },
		{ "\x3d\xd8\0\xde", 4, "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\x3d\xd8", 2, "\\ud83d", "\xef\xbf\xbd" },
		{ "\x3d\xd8x\0", 4, "\\ud83dx", "\xef\xbf\xbdx" },
		{ "\0\xde\x3d\xd8", 4, "\\ude00\\ud83d",
		  "\xef\xbf\xbd\xef\xbf\xbd" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const u8 *raw = (const u8 *)cases[i].raw;
		char *text = utf16(raw, cases[i].size, print_escaped);

		assert_string_equal(text, cases[i].escaped);
		free(text);
		text = utf16(raw, cases[i].size, efi_utf16_convert);
		assert_string_equal(text, cases[i].plain);
		free(text);
	}
}

static void print_attributes(FILE *out, const struct efi_var *var)
{
	efi_attributes_print(out, var->attributes);
}

static void attributes(void **state)
{
	struct efi_var var = { 0 };

	(void)state;
	expect_printed(&var, print_attributes, "-");
	expect_printed(&var, efi_var_print_name, "?");
	var.attributes = 7;
	expect_printed(&var, print_attributes, "NV,BS,RT");
	var.attributes = 0x800000ff;
	expect_printed(&var, print_attributes,
		       "NV,BS,RT,HR,AW,AT,AP,EA,0x80000000");
	var.attributes = 0x100;
	expect_printed(&var, print_attributes, "0x100");
}

static void expect_json(const char *guid, const char *name, const u8 *data,
			size_t size, const char *want)
{
	struct efi_var var = make(guid, name, data, size);
	struct json_writer json = { 0 };
	char *text = NULL;
	size_t len;

	json.out = open_memstream(&text, &len);
	assert_non_null(json.out);
	json_begin_object(&json, NULL);
	efi_value_json(&json, &var);
	json_end_object(&json);
	fclose(json.out);
	assert_string_equal(text, want);
	free(text);
	free_var(&var);
}

static void as_json(void **state)
{
	(void)state;
	expect_json(OUR_GUID, "V", BYTES("\x01z"),
		    "{\n  \"value\": \"01 7a |.z|\",\n"
		    "  \"data\": \"017a\"\n}\n");
	expect_json(EFI_GUID_GLOBAL, "BootOrder", BYTES("\2\0\1\0"),
		    "{\n  \"value\": \"0002,0001\",\n"
		    "  \"order\": [\n    \"0002\",\n    \"0001\"\n  ],\n"
		    "  \"data\": \"02000100\"\n}\n");
	expect_json(EFI_GUID_GLOBAL, "Boot0000",
		    BYTES("\1\0\0\0\4\0U\0\0\0" END "x"),
		    "{\n  \"value\": \"active \\\"U\\\"  +1 bytes\",\n"
		    "  \"load_option\": {\n    \"attributes\": 1,\n"
		    "    \"active\": true,\n    \"description\": \"U\",\n"
		    "    \"device_path\": \"\",\n"
		    "    \"optional_data\": \"78\"\n  },\n"
		    "  \"data\": \"0100000004005500000"
		    "07fff040078\"\n}\n");
	expect_json(EFI_GUID_GLOBAL, "PK",
		    BYTES(X509_TYPE "\x1c\0\0\0\0\0\0\0\x10\0\0\0"),
		    "{\n  \"value\": \"X.509 x 0\",\n"
		    "  \"signature_lists\": [\n    {\n"
		    "      \"type\": \"X.509\",\n      \"count\": 0,\n"
		    "      \"signatures\": []\n    }\n  ],\n"
		    "  \"data\": \"a159c0a5e494a74a87b5ab155c2bf072"
		    "1c0000000000000010000000\"\n}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(texts),
		cmocka_unit_test(bytes),
		cmocka_unit_test(load_options),
		cmocka_unit_test(cut_load_option),
		cmocka_unit_test(device_paths),
		cmocka_unit_test(nodes_of_any_length),
		cmocka_unit_test(bad_device_paths),
		cmocka_unit_test(signature_lists),
		cmocka_unit_test(bad_signature_lists),
		cmocka_unit_test(bad_certificates),
		cmocka_unit_test(names),
		cmocka_unit_test(attributes),
		cmocka_unit_test(as_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
