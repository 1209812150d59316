/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writer of AML, ACPI's byte code: ACPI 6.5, chapter 20. Only the terms that
 * the DSDT needs. A term's length is in front of it and has one to four bytes,
 * so it is inserted when the term is closed. Wrong use (a bad name, terms that
 * do not nest) fails the blob with -EINVAL, which unit tests and iasl would
 * show; no guest can cause it.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/arm/tables/aml.h"

/* ACPI 6.5, section 20.3, "AML Byte Stream Byte Values". */
#define AML_ZERO	  0x00
#define AML_ONE		  0x01
#define AML_NAME	  0x08
#define AML_BYTE_PREFIX	  0x0a
#define AML_WORD_PREFIX	  0x0b
#define AML_DWORD_PREFIX  0x0c
#define AML_STRING_PREFIX 0x0d
#define AML_QWORD_PREFIX  0x0e
#define AML_SCOPE	  0x10
#define AML_BUFFER	  0x11
#define AML_PACKAGE	  0x12
#define AML_METHOD	  0x14
#define AML_DUAL_NAME	  0x2e
#define AML_MULTI_NAME	  0x2f
#define AML_EXT_OP	  0x5b
#define AML_EXT_DEVICE	  0x82
#define AML_NOTIFY	  0x86
#define AML_ONES	  0xff

#define MAX_ARGS     7	 /* section 20.2.5.2, MethodFlags: three bits */
#define MAX_ELEMENTS 255 /* section 20.2.5.4, NumElements */
#define SEGMENT_SIZE 4	 /* section 20.2.2 */

/* Section 6.4.2.9: end tag; a checksum of 0 counts as right. */
#define RESOURCE_END 0x79

static void fail(struct aml_writer *aml, int err)
{
	blob_fail(aml->out, err);
}

/* Whether descriptors are expected in place of terms. */
static bool in_resources(const struct aml_writer *aml)
{
	return aml->depth && aml->open[aml->depth - 1].resources;
}

/* The first byte of a term, which has no place among descriptors. */
static void put_op(struct aml_writer *aml, u8 op)
{
	if (in_resources(aml))
		fail(aml, -EINVAL);
	blob_add_u8(aml->out, op);
}

void aml_begin(struct aml_writer *aml, struct blob *out)
{
	*aml = (struct aml_writer) { .out = out };
}

void aml_finish(struct aml_writer *aml)
{
	if (aml->depth)
		fail(aml, -EINVAL);
}

/* ---- Lengths --------------------------------------------------------------
 */

/* Remembers where the length is to be inserted. */
static void open_term(struct aml_writer *aml)
{
	if (aml->depth == AML_MAX_DEPTH) {
		fail(aml, -EINVAL);
		return;
	}
	aml->open[aml->depth].at = aml->out->size;
	aml->open[aml->depth].resources = false;
	aml->depth++;
}

/* Section 20.2.3: the prefix says how many bytes follow. */
static size_t encode_integer(u8 bytes[9], u64 value)
{
	size_t len;

	bytes[0] = value > UINT32_MAX	? AML_QWORD_PREFIX
		   : value > UINT16_MAX ? AML_DWORD_PREFIX
		   : value > UINT8_MAX	? AML_WORD_PREFIX
					: AML_BYTE_PREFIX;
	len = value > UINT32_MAX   ? 8
	      : value > UINT16_MAX ? 4
	      : value > UINT8_MAX  ? 2
				   : 1;
	for (size_t i = 0; i < len; i++)
		bytes[1 + i] = (u8)(value >> 8 * i);
	return 1 + len;
}

/*
 * Section 20.2.4: the length counts its own bytes. One byte holds 6 bits of
 * it; more hold 4 bits and their own number in the first and 8 in each other.
 */
static size_t encode_length(u8 bytes[4], size_t body)
{
	size_t n = body + 1 < BIT(6) ? 1 : 2;
	size_t len;

	while (n > 1 && n < 4 && body + n >= BIT(4 + 8 * (n - 1)))
		n++;
	len = body + n;
	bytes[0] = n == 1 ? (u8)len : (u8)((n - 1) << 6 | (len & 0xf));
	for (size_t i = 1; i < n; i++)
		bytes[i] = (u8)(len >> (8 * i - 4));
	return n;
}

/* The size of a buffer stands in front of its bytes. */
static void close_resources(struct aml_writer *aml, size_t at)
{
	u8 bytes[9];

	blob_add_u8(aml->out, RESOURCE_END);
	blob_add_u8(aml->out, 0);
	blob_insert(aml->out, at, bytes,
		    encode_integer(bytes, aml->out->size - at));
}

/* The size of a buffer goes in first, as the term's length counts it. */
void aml_end(struct aml_writer *aml)
{
	u8 bytes[4];
	size_t at;

	if (!aml->depth) {
		fail(aml, -EINVAL);
		return;
	}
	aml->depth--;
	if (aml->out->err)
		return;
	at = aml->open[aml->depth].at;
	if (aml->open[aml->depth].resources)
		close_resources(aml, at);
	blob_insert(aml->out, at, bytes,
		    encode_length(bytes, aml->out->size - at));
}

/* ---- Names ----------------------------------------------------------------
 */

/* Section 20.2.2: LeadNameChar and NameChar. */
static bool is_name_char(char c, bool first)
{
	return (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

/*
 * Adds the segment that `text` starts with, padded with '_' to four bytes as
 * NameSeg requires. Returns its length in `text`.
 */
static size_t put_segment(struct aml_writer *aml, const char *text)
{
	char padded[SEGMENT_SIZE] = { '_', '_', '_', '_' };
	size_t len = 0;

	while (len < SEGMENT_SIZE && is_name_char(text[len], !len)) {
		padded[len] = text[len];
		len++;
	}
	if (!len)
		fail(aml, -EINVAL);
	blob_add(aml->out, padded, sizeof(padded));
	return len;
}

/* One segment and nothing behind it. */
static void put_name(struct aml_writer *aml, const char *name)
{
	if (name[put_segment(aml, name)])
		fail(aml, -EINVAL);
}

/* Section 20.2.2: what comes before two segments, and before more. */
static void put_segments(struct aml_writer *aml, const char *path)
{
	u8 count = 1;

	for (const char *p = path; *p; p++)
		count += *p == '.';
	if (count > 2)
		blob_add_u8(aml->out, AML_MULTI_NAME);
	if (count > 1)
		blob_add_u8(aml->out, count > 2 ? count : AML_DUAL_NAME);
	while (!aml->out->err) {
		path += put_segment(aml, path);
		if (!*path)
			return;
		if (*path++ != '.')
			fail(aml, -EINVAL);
	}
}

/* A root or parent prefix, then the segments. */
static void put_path(struct aml_writer *aml, const char *path)
{
	if (*path == '\\')
		blob_add_u8(aml->out, (u8)*path++);
	else
		while (*path == '^')
			blob_add_u8(aml->out, (u8)*path++);
	put_segments(aml, path);
}

/* ---- Terms ----------------------------------------------------------------
 */

void aml_scope_begin(struct aml_writer *aml, const char *path)
{
	put_op(aml, AML_SCOPE);
	open_term(aml);
	put_path(aml, path);
}

void aml_device_begin(struct aml_writer *aml, const char *name)
{
	put_op(aml, AML_EXT_OP);
	blob_add_u8(aml->out, AML_EXT_DEVICE);
	open_term(aml);
	put_name(aml, name);
}

void aml_method_begin(struct aml_writer *aml, const char *name,
		      unsigned int args)
{
	if (args > MAX_ARGS)
		fail(aml, -EINVAL);
	put_op(aml, AML_METHOD);
	open_term(aml);
	put_name(aml, name);
	blob_add_u8(aml->out, (u8)args);
}

void aml_name(struct aml_writer *aml, const char *name)
{
	put_op(aml, AML_NAME);
	put_name(aml, name);
}

void aml_name_integer(struct aml_writer *aml, const char *name, u64 value)
{
	aml_name(aml, name);
	aml_integer(aml, value);
}

void aml_name_string(struct aml_writer *aml, const char *name,
		     const char *value)
{
	aml_name(aml, name);
	aml_string(aml, value);
}

void aml_name_eisaid(struct aml_writer *aml, const char *name, const char *id)
{
	aml_name(aml, name);
	aml_eisaid(aml, id);
}

void aml_notify(struct aml_writer *aml, const char *path, u64 value)
{
	put_op(aml, AML_NOTIFY);
	put_path(aml, path);
	aml_integer(aml, value);
}

/* ---- Values ---------------------------------------------------------------
 */

/* Three values have an opcode of their own, which is shorter. */
void aml_integer(struct aml_writer *aml, u64 value)
{
	u8 bytes[9];

	if (value <= 1 || value == UINT64_MAX) {
		put_op(aml, value == 1 ? AML_ONE : value ? AML_ONES : AML_ZERO);
		return;
	}
	if (in_resources(aml))
		fail(aml, -EINVAL);
	blob_add(aml->out, bytes, encode_integer(bytes, value));
}

void aml_string(struct aml_writer *aml, const char *value)
{
	for (const char *p = value; *p; p++)
		if (*p & 0x80)
			fail(aml, -EINVAL);
	put_op(aml, AML_STRING_PREFIX);
	blob_add_string(aml->out, value);
}

/* The value of a capital or hexadecimal digit; `base` of letters. */
static u32 eisa_digit(struct aml_writer *aml, char c, char first, char last)
{
	if (c >= first && c <= last)
		return (u32)(c - first);
	fail(aml, -EINVAL);
	return 0;
}

static u32 eisa_hex(struct aml_writer *aml, char c)
{
	return c >= 'A' ? 10 + eisa_digit(aml, c, 'A', 'F')
			: eisa_digit(aml, c, '0', '9');
}

/*
 * Chapter 19, "EISAID": three letters of 5 bits, A being 1, and four digits;
 * the most significant byte comes first.
 */
void aml_eisaid(struct aml_writer *aml, const char *id)
{
	u32 value = 0;

	if (strlen(id) != 7) {
		fail(aml, -EINVAL);
		return;
	}
	for (int i = 0; i < 3; i++)
		value = value << 5 | (eisa_digit(aml, id[i], 'A', 'Z') + 1);
	for (int i = 3; i < 7; i++)
		value = value << 4 | eisa_hex(aml, id[i]);
	put_op(aml, AML_DWORD_PREFIX);
	blob_add_u32(aml->out, __builtin_bswap32(value));
}

void aml_path(struct aml_writer *aml, const char *path)
{
	if (in_resources(aml))
		fail(aml, -EINVAL);
	put_path(aml, path);
}

void aml_package_begin(struct aml_writer *aml, unsigned int count)
{
	if (count > MAX_ELEMENTS)
		fail(aml, -EINVAL);
	put_op(aml, AML_PACKAGE);
	open_term(aml);
	blob_add_u8(aml->out, (u8)count);
}

/* A template is a buffer whose bytes are descriptors. */
void aml_resources_begin(struct aml_writer *aml)
{
	put_op(aml, AML_BUFFER);
	open_term(aml);
	if (aml->depth)
		aml->open[aml->depth - 1].resources = true;
}
