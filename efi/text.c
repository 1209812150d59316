/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text from a variable store, for output on a terminal or as JSON. A guest
 * decides on every name and value, so an escape sequence or a control of text
 * direction in one could hide or change what the user sees: such characters are
 * printed as escapes (see text.h). UEFI's strings are UCS-2 by the
 * specification (section 2.3.1, CHAR16); pairs of surrogates are decoded as
 * well, since operating systems write them. No locale is used, output is always
 * UTF-8.
 */
#include <stdlib.h>

#include "lkvm/efi/guid.h"
#include "lkvm/efi/text.h"

#define REPLACEMENT 0xfffd /* U+FFFD, REPLACEMENT CHARACTER */

size_t efi_utf16_units(const u8 *p, size_t bytes)
{
	size_t n = 0;

	while (n < bytes / 2 && efi_le16(p + n * 2))
		n++;
	return n;
}

static bool is_surrogate(u32 c)
{
	return c >= 0xd800 && c <= 0xdfff;
}

/*
 * Decodes the character at unit *i and moves *i behind it. A surrogate without
 * its other half is returned as it is: the callers decide what to print for it.
 */
static u32 next_char(const u8 *p, size_t units, size_t *i)
{
	u32 c = efi_le16(p + *i * 2);
	u32 low;

	++*i;
	if (c < 0xd800 || c > 0xdbff || *i == units)
		return c;
	low = efi_le16(p + *i * 2);
	if (low < 0xdc00 || low > 0xdfff)
		return c;
	++*i;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* RFC 3629. The caller has dealt with surrogates, which UTF-8 cannot encode. */
static void put_utf8(FILE *out, u32 c)
{
	if (c < 0x80) {
		putc((int)c, out);
		return;
	}
	if (c < 0x800) {
		putc((int)(0xc0 | c >> 6), out);
	} else if (c < 0x10000) {
		putc((int)(0xe0 | c >> 12), out);
		putc((int)(0x80 | (c >> 6 & 0x3f)), out);
	} else {
		putc((int)(0xf0 | c >> 18), out);
		putc((int)(0x80 | (c >> 12 & 0x3f)), out);
		putc((int)(0x80 | (c >> 6 & 0x3f)), out);
	}
	putc((int)(0x80 | (c & 0x3f)), out);
}

/*
 * Characters that a terminal acts upon instead of showing them: Unicode's
 * general categories Cc, Cs, Zl and Zp, and the bidirectional controls. Also
 * U+FEFF and the non-characters at each plane's end, which editors drop.
 */
static bool is_unsafe(u32 c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || is_surrogate(c) ||
	       c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
	       (c & 0xfffe) == 0xfffe;
}

/* '\' is always escaped, so that every escape in the output is ours. */
static void put_char(FILE *out, u32 c, bool quoted)
{
	if (c == '\\' || (c == '"' && quoted))
		fprintf(out, "\\%c", (char)c);
	else if (is_unsafe(c))
		fprintf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
	else
		put_utf8(out, c);
}

void efi_utf16_print(FILE *out, const u8 *p, size_t units, bool quoted)
{
	for (size_t i = 0; i < units;)
		put_char(out, next_char(p, units, &i), quoted);
}

/*
 * For JSON, whose writer escapes controls itself; a string of JSON must be
 * valid UTF-8, hence the replacement character.
 */
void efi_utf16_convert(FILE *out, const u8 *p, size_t units)
{
	for (size_t i = 0; i < units;) {
		u32 c = next_char(p, units, &i);

		put_utf8(out, is_surrogate(c) ? REPLACEMENT : c);
	}
}

/* Bytes above 0x7f are shown by value: their encoding is not known. */
void efi_ascii_print(FILE *out, const u8 *p, size_t len, bool quoted)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x80)
			put_char(out, p[i], quoted);
		else
			fprintf(out, "\\x%02x", p[i]);
	}
}

void efi_hex_print(FILE *out, const u8 *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", p[i]);
}

/*
 * Printing to memory first lets the JSON writer escape what all the functions
 * print to a stream.
 */
void efi_text_json(struct json_writer *json, const char *name, const u8 *p,
		   size_t len,
		   void (*print)(FILE *out, const u8 *p, size_t len))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	print(out, p, len);
	if (!fclose(out))
		json_string(json, name, text);
	free(text);
}

bool efi_utf16_is_plain(const u8 *p, size_t units)
{
	for (size_t i = 0; i < units;)
		if (is_unsafe(next_char(p, units, &i)))
			return false;
	return true;
}
