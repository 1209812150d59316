/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of UEFI variables as text and JSON, for `lkvm flash vars` and `diff`.
 * The type of a value follows from the variable's GUID and name: UEFI
 * Specification 2.10, section 3.3, table "Global Variables", and chapter 32;
 * shim's MokVars.txt; systemd's Boot Loader Interface.
 *
 * Name and data are the guest's: a value is decoded only if all of its data has
 * the expected form (data_is()), else it is shown as bytes. So the functions
 * below read without checks of their own what data_is() has accepted. Nothing
 * is kept between calls.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/efi/cert.h"
#include "lkvm/efi/devpath.h"
#include "lkvm/efi/text.h"
#include "lkvm/efi/value.h"

#define PREVIEW_BYTES 16 /* of a value in one line */
#define PREVIEW_TEXT  48 /* characters */
#define DUMP_BYTES    16 /* per line of a dump */

#define LOAD_OPTION_HEADER 6 /* attributes, length of the path list */

/* UEFI Specification 2.10, section 3.1.3, "Load Options" */
#define LOAD_OPTION_ACTIVE    0x00000001
#define LOAD_OPTION_RECONNECT 0x00000002
#define LOAD_OPTION_HIDDEN    0x00000008
#define LOAD_OPTION_CATEGORY  0x00001f00
#define LOAD_OPTION_APP	      0x00000100

/* Types of values; the comments say what data_is() requires. */
enum kind {
	KIND_BYTES,   /* anything */
	KIND_ORDER,   /* u16 numbers of load options, any number of them */
	KIND_NUMBER,  /* one of these, as in BootNext */
	KIND_OPTION,  /* a load option */
	KIND_PATH,    /* device paths */
	KIND_SECONDS, /* u16; 0xffff: no limit */
	KIND_BOOL,    /* u8, 0 or 1 */
	KIND_FLAGS,   /* 32 or 64 bits */
	KIND_ASCII,   /* with or without a zero at the end; lines */
	KIND_UTF16,   /* the same, of one line */
	KIND_LISTS,   /* signature lists */
};

/*
 * The first match counts. A name may end in "####", which stands for four
 * hexadecimal digits, or in "*".
 */
static const struct {
	const char *guid;
	const char *name;
	enum kind kind;
} known[] = {
	{ EFI_GUID_GLOBAL, "BootOrder", KIND_ORDER },
	{ EFI_GUID_GLOBAL, "DriverOrder", KIND_ORDER },
	{ EFI_GUID_GLOBAL, "SysPrepOrder", KIND_ORDER },
	{ EFI_GUID_GLOBAL, "BootNext", KIND_NUMBER },
	{ EFI_GUID_GLOBAL, "BootCurrent", KIND_NUMBER },
	{ EFI_GUID_GLOBAL, "Boot####", KIND_OPTION },
	{ EFI_GUID_GLOBAL, "Driver####", KIND_OPTION },
	{ EFI_GUID_GLOBAL, "SysPrep####", KIND_OPTION },
	{ EFI_GUID_GLOBAL, "PlatformRecovery####", KIND_OPTION },
	{ EFI_GUID_GLOBAL, "ConIn", KIND_PATH },
	{ EFI_GUID_GLOBAL, "ConOut", KIND_PATH },
	{ EFI_GUID_GLOBAL, "ErrOut", KIND_PATH },
	{ EFI_GUID_GLOBAL, "ConInDev", KIND_PATH },
	{ EFI_GUID_GLOBAL, "ConOutDev", KIND_PATH },
	{ EFI_GUID_GLOBAL, "ErrOutDev", KIND_PATH },
	{ EFI_GUID_GLOBAL, "Timeout", KIND_SECONDS },
	{ EFI_GUID_GLOBAL, "Lang", KIND_ASCII },
	{ EFI_GUID_GLOBAL, "LangCodes", KIND_ASCII },
	{ EFI_GUID_GLOBAL, "PlatformLang", KIND_ASCII },
	{ EFI_GUID_GLOBAL, "PlatformLangCodes", KIND_ASCII },
	{ EFI_GUID_GLOBAL, "SecureBoot", KIND_BOOL },
	{ EFI_GUID_GLOBAL, "SetupMode", KIND_BOOL },
	{ EFI_GUID_GLOBAL, "AuditMode", KIND_BOOL },
	{ EFI_GUID_GLOBAL, "DeployedMode", KIND_BOOL },
	{ EFI_GUID_GLOBAL, "VendorKeys", KIND_BOOL },
	{ EFI_GUID_GLOBAL, "OsIndications", KIND_FLAGS },
	{ EFI_GUID_GLOBAL, "OsIndicationsSupported", KIND_FLAGS },
	{ EFI_GUID_GLOBAL, "BootOptionSupport", KIND_FLAGS },
	{ EFI_GUID_GLOBAL, "PK", KIND_LISTS },
	{ EFI_GUID_GLOBAL, "KEK", KIND_LISTS },
	{ EFI_GUID_GLOBAL, "PKDefault", KIND_LISTS },
	{ EFI_GUID_GLOBAL, "KEKDefault", KIND_LISTS },
	{ EFI_GUID_GLOBAL, "dbDefault", KIND_LISTS },
	{ EFI_GUID_GLOBAL, "dbxDefault", KIND_LISTS },
	{ EFI_GUID_GLOBAL, "dbtDefault", KIND_LISTS },
	{ EFI_GUID_GLOBAL, "dbrDefault", KIND_LISTS },
	{ EFI_GUID_IMAGE_SECURITY, "db", KIND_LISTS },
	{ EFI_GUID_IMAGE_SECURITY, "dbx", KIND_LISTS },
	{ EFI_GUID_IMAGE_SECURITY, "dbt", KIND_LISTS },
	{ EFI_GUID_IMAGE_SECURITY, "dbr", KIND_LISTS },
	{ "f0a30bc7-af08-4556-99c4-001009c93a44", "SecureBootEnable",
	  KIND_BOOL },
	{ "c076ec0c-7028-4399-a072-71ee5c448b9f", "CustomMode", KIND_BOOL },
	{ EFI_GUID_SHIM, "MokList", KIND_LISTS },
	{ EFI_GUID_SHIM, "MokListX", KIND_LISTS },
	{ EFI_GUID_SHIM, "MokListRT", KIND_LISTS },
	{ EFI_GUID_SHIM, "MokListXRT", KIND_LISTS },
	{ EFI_GUID_SHIM, "MokSBState", KIND_BOOL },
	{ EFI_GUID_SHIM, "SbatLevel", KIND_ASCII },
	{ EFI_GUID_SHIM, "SbatLevelRT", KIND_ASCII },
	{ EFI_GUID_LOADER, "LoaderFeatures", KIND_FLAGS },
	{ EFI_GUID_LOADER, "StubFeatures", KIND_FLAGS },
	{ EFI_GUID_LOADER, "LoaderRandomSeed", KIND_BYTES },
	{ EFI_GUID_LOADER, "LoaderSystemToken", KIND_BYTES },
	{ EFI_GUID_LOADER, "Loader*", KIND_UTF16 },
	{ EFI_GUID_LOADER, "Stub*", KIND_UTF16 },
};

/* EFI_LOAD_OPTION (section 3.1.3); pointers into the variable's data. */
struct load_option {
	u32 attributes;
	const u8 *description;
	size_t units;	/* of the description, without its zero */
	const u8 *path; /* FilePathList: one device path or several */
	size_t path_size;
	const u8 *optional; /* for the loaded image; no defined form */
	size_t optional_size;
};

/*
 * Compares UTF-16 with ASCII; digits in either case, though the specification
 * has upper case only.
 */
static bool matches(const struct efi_var *var, const char *pattern)
{
	size_t i = 0;
	u16 c;

	for (; *pattern && *pattern != '*'; pattern++, i++) {
		if (i == var->name_units)
			return false;
		c = efi_le16(var->name + i * 2);
		if (*pattern == '#' ? c > 0x7f || !isxdigit(c)
				    : c != (u8)*pattern)
			return false;
	}
	return *pattern || i == var->name_units;
}

/*
 * Returns false if a field does not fit the data, or the paths are malformed.
 */
static bool read_option(const struct efi_var *var, struct load_option *option)
{
	const u8 *p = var->data + LOAD_OPTION_HEADER;
	size_t rest = var->data_size;

	if (rest < LOAD_OPTION_HEADER)
		return false;
	rest -= LOAD_OPTION_HEADER;
	option->attributes = efi_le32(var->data);
	option->path_size = efi_le16(var->data + 4);
	option->description = p;
	option->units = efi_utf16_units(p, rest);
	/* Without its zero the description ran to the data's end. */
	if (option->units * 2 + 2 > rest)
		return false;
	rest -= option->units * 2 + 2;
	option->path = p + option->units * 2 + 2;
	if (option->path_size > rest)
		return false;
	option->optional = option->path + option->path_size;
	option->optional_size = rest - option->path_size;
	return !option->path_size ||
	       efi_devpath_is_good(option->path, option->path_size);
}

/*
 * Whether all of it is one string of plain text, with or without its zero; what
 * follows a zero would not be shown, so it must not be there.
 */
static bool is_utf16(const u8 *p, size_t size)
{
	size_t units = efi_utf16_units(p, size);

	return size && size % 2 == 0 && units * 2 + 2 >= size &&
	       efi_utf16_is_plain(p, units);
}

/* ASCII with newlines, as in SBAT's CSV; a zero may only be the last byte. */
static bool is_lines(const u8 *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] >= 0x7f || (p[i] < 0x20 && p[i] != '\n'))
			return i + 1 == size && !p[i];
	return true;
}

/* Whether the data has the form of this kind: what makes the decoders safe. */
static bool data_is(const struct efi_var *var, enum kind kind)
{
	struct load_option option;

	switch (kind) {
	case KIND_BYTES:
		return true;
	case KIND_ORDER:
		return var->data_size % 2 == 0;
	case KIND_NUMBER:
	case KIND_SECONDS:
		return var->data_size == 2;
	case KIND_BOOL:
		return var->data_size == 1 && var->data[0] <= 1;
	case KIND_FLAGS:
		return var->data_size == 4 || var->data_size == 8;
	case KIND_OPTION:
		return read_option(var, &option);
	case KIND_PATH:
		return efi_devpath_is_good(var->data, var->data_size);
	case KIND_ASCII:
		return is_lines(var->data, var->data_size);
	case KIND_UTF16:
		return is_utf16(var->data, var->data_size);
	case KIND_LISTS:
		return efi_siglists_are_good(var->data, var->data_size);
	}
	return false;
}

/*
 * The kind that GUID and name stand for if the data has its form, else bytes.
 */
static enum kind kind_of(const struct efi_var *var)
{
	if (!var->has_name)
		return KIND_BYTES;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (matches(var, known[i].name) &&
		    efi_guid_is(&var->guid, known[i].guid))
			return data_is(var, known[i].kind) ? known[i].kind
							   : KIND_BYTES;
	}
	return KIND_BYTES;
}

void efi_var_print_name(FILE *out, const struct efi_var *var)
{
	if (var->has_name)
		efi_utf16_print(out, var->name, var->name_units, false);
	else
		putc('?', out);
}

/*
 * In the order of bits: section 8.2, EFI_VARIABLE_*.
 */
void efi_attributes_print(FILE *out, u32 attributes)
{
	static const char *const names[] = { "NV", "BS", "RT", "HR",
					     "AW", "AT", "AP", "EA" };
	const char *before = "";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(attributes & BIT(i)))
			continue;
		fprintf(out, "%s%s", before, names[i]);
		before = ",";
	}
	attributes &= ~(u32)0xff;
	if (attributes)
		fprintf(out, "%s0x%x", before, attributes);
	else if (!*before)
		putc('-', out);
}

/* The column of characters beside hexadecimal bytes. */
static void print_printable(FILE *out, const u8 *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		putc(p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '.', out);
}

/*
 * Applies to variables of unknown vendors: two or more characters below U+0250,
 * Latin without its rarer extensions, up to a zero. Binary data rarely has a
 * zero in every second byte.
 */
static bool looks_like_utf16(const struct efi_var *var)
{
	size_t units = efi_utf16_units(var->data, var->data_size);

	for (size_t i = 0; i < units; i++)
		if (efi_le16(var->data + i * 2) >= 0x250)
			return false;
	return units > 1 && is_utf16(var->data, var->data_size);
}

/* The first bytes, or text as the EDK2 shell's dmpstore quotes it: L"text". */
static void print_preview(FILE *out, const struct efi_var *var)
{
	size_t len = MIN(var->data_size, (size_t)PREVIEW_BYTES);
	size_t units = efi_utf16_units(var->data, var->data_size);
	const char *more = var->data_size > len ? " ..." : "";

	if (looks_like_utf16(var)) {
		fputs("L\"", out);
		efi_utf16_print(out, var->data,
				MIN(units, (size_t)PREVIEW_TEXT), true);
		fputs(units > PREVIEW_TEXT ? "\"..." : "\"", out);
		return;
	}
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x ", var->data[i]);
	if (!len)
		return;
	putc('|', out);
	print_printable(out, var->data, len);
	fprintf(out, "|%s", more);
}

/* As `hexdump -C`, for values without a decoder. */
static void print_dump(FILE *out, const u8 *p, size_t size)
{
	for (size_t at = 0; at < size; at += DUMP_BYTES) {
		size_t len = MIN(size - at, (size_t)DUMP_BYTES);

		fprintf(out, "%06zx ", at);
		for (size_t i = 0; i < DUMP_BYTES; i++) {
			if (i < len)
				fprintf(out, " %02x", p[at + i]);
			else
				fputs("   ", out);
		}
		fputs("  |", out);
		print_printable(out, p + at, len);
		fputs("|\n", out);
	}
}

/* Four digits as in the variables' names: Boot0001 is "0001". */
static void print_order(FILE *out, const struct efi_var *var)
{
	for (size_t i = 0; i + 2 <= var->data_size; i += 2)
		fprintf(out, "%s%04X", i ? "," : "", efi_le16(var->data + i));
}

/* Attributes by their names in the specification, unknown bits as a number. */
static void print_option_flags(FILE *out, u32 attributes)
{
	u32 category = attributes & LOAD_OPTION_CATEGORY;
	u32 rest = attributes &
		   ~(u32)(LOAD_OPTION_ACTIVE | LOAD_OPTION_RECONNECT |
			  LOAD_OPTION_HIDDEN | LOAD_OPTION_CATEGORY);

	fputs(attributes & LOAD_OPTION_ACTIVE ? "active" : "inactive", out);
	if (attributes & LOAD_OPTION_RECONNECT)
		fputs(",reconnect", out);
	if (attributes & LOAD_OPTION_HIDDEN)
		fputs(",hidden", out);
	if (category == LOAD_OPTION_APP)
		fputs(",app", out);
	else if (category)
		fprintf(out, ",category%u", category >> 8);
	if (rest)
		fprintf(out, ",0x%x", rest);
}

static void print_option(FILE *out, const struct efi_var *var)
{
	struct load_option option;

	if (!read_option(var, &option))
		return;
	print_option_flags(out, option.attributes);
	fputs(" \"", out);
	efi_utf16_print(out, option.description, option.units, true);
	fputs("\" ", out);
	efi_devpath_print(out, option.path, option.path_size);
	if (option.optional_size)
		fprintf(out, " +%zu bytes", option.optional_size);
}

/* One line for each field, then the optional data as a dump. */
static void print_option_long(FILE *out, const struct efi_var *var)
{
	struct load_option option;

	if (!read_option(var, &option))
		return;
	fputs("attributes:  ", out);
	print_option_flags(out, option.attributes);
	fputs("\ndescription: ", out);
	efi_utf16_print(out, option.description, option.units, false);
	fputs("\ndevice path: ", out);
	efi_devpath_print(out, option.path, option.path_size);
	putc('\n', out);
	if (!option.optional_size)
		return;
	fprintf(out, "optional data: %zu bytes\n", option.optional_size);
	print_dump(out, option.optional, option.optional_size);
}

/*
 * Without the zero at its end. `all` prints every line, otherwise the first
 * stands for all. is_lines() has excluded control characters.
 */
static void print_ascii(FILE *out, const struct efi_var *var, bool all)
{
	size_t len = strnlen((const char *)var->data, var->data_size);
	const u8 *end = memchr(var->data, '\n', len);
	size_t line = end ? (size_t)(end - var->data) : len;

	if (all) {
		fwrite(var->data, 1, len, out);
	} else {
		efi_ascii_print(out, var->data, line, false);
		fputs(line < len ? " ..." : "", out);
	}
}

static void print_seconds(FILE *out, const struct efi_var *var)
{
	u16 seconds = efi_le16(var->data);

	if (seconds == 0xffff)
		fputs("wait for the user", out);
	else
		fprintf(out, "%u s", seconds);
}

static void print_flags(FILE *out, const struct efi_var *var)
{
	fprintf(out, "0x%" PRIx64,
		var->data_size == 8 ? efi_le64(var->data)
				    : efi_le32(var->data));
}

/* The one-line form, `all` extends to the text of several lines. */
static void print_value(FILE *out, const struct efi_var *var, bool all)
{
	switch (kind_of(var)) {
	case KIND_BYTES:
		print_preview(out, var);
		break;
	case KIND_ORDER:
	case KIND_NUMBER:
		print_order(out, var);
		break;
	case KIND_OPTION:
		print_option(out, var);
		break;
	case KIND_PATH:
		efi_devpath_print(out, var->data, var->data_size);
		break;
	case KIND_SECONDS:
		print_seconds(out, var);
		break;
	case KIND_BOOL:
		fputs(var->data[0] ? "1" : "0", out);
		break;
	case KIND_FLAGS:
		print_flags(out, var);
		break;
	case KIND_ASCII:
		print_ascii(out, var, all);
		break;
	case KIND_UTF16:
		efi_utf16_print(out, var->data,
				efi_utf16_units(var->data, var->data_size),
				false);
		break;
	case KIND_LISTS:
		efi_siglists_print(out, var->data, var->data_size);
		break;
	}
}

void efi_value_print(FILE *out, const struct efi_var *var)
{
	print_value(out, var, false);
}

void efi_value_print_long(FILE *out, const struct efi_var *var)
{
	switch (kind_of(var)) {
	case KIND_BYTES:
		print_dump(out, var->data, var->data_size);
		break;
	case KIND_OPTION:
		print_option_long(out, var);
		break;
	case KIND_LISTS:
		efi_siglists_print_long(out, var->data, var->data_size);
		break;
	default:
		print_value(out, var, true);
		putc('\n', out);
	}
}

/*
 * Strings and not numbers, to be compared with the names of Boot#### entries.
 */
static void order_json(struct json_writer *json, const struct efi_var *var)
{
	char text[5];

	json_begin_array(json, "order");
	for (size_t i = 0; i + 2 <= var->data_size; i += 2) {
		snprintf(text, sizeof(text), "%04X", efi_le16(var->data + i));
		json_string(json, NULL, text);
	}
	json_end_array(json);
}

/* The parts of a load option; the optional data as hexadecimal digits. */
static void option_json(struct json_writer *json, const struct efi_var *var)
{
	struct load_option option;

	if (!read_option(var, &option))
		return;
	json_begin_object(json, "load_option");
	json_u64(json, "attributes", option.attributes);
	json_bool(json, "active", option.attributes & LOAD_OPTION_ACTIVE);
	efi_text_json(json, "description", option.description, option.units,
		      efi_utf16_convert);
	efi_text_json(json, "device_path", option.path, option.path_size,
		      efi_devpath_print);
	efi_text_json(json, "optional_data", option.optional,
		      option.optional_size, efi_hex_print);
	json_end_object(json);
}

char *efi_var_text(const struct efi_var *var,
		   void (*print)(FILE *out, const struct efi_var *var))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print(out, var);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

/*
 * "data" is there for every kind, so a consumer can decode what this file does
 * not.
 */
void efi_value_json(struct json_writer *json, const struct efi_var *var)
{
	char *text = efi_var_text(var, efi_value_print);
	enum kind kind = kind_of(var);

	if (text)
		json_string(json, "value", text);
	free(text);
	if (kind == KIND_ORDER)
		order_json(json, var);
	else if (kind == KIND_OPTION)
		option_json(json, var);
	else if (kind == KIND_LISTS)
		efi_siglists_json(json, "signature_lists", var->data,
				  var->data_size);
	efi_text_json(json, "data", var->data, var->data_size, efi_hex_print);
}
