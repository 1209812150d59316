/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The subject of an X.509 certificate, to name entries of db and KEK: as much
 * of DER (X.690) and of certificates (RFC 5280, section 4.1) as leads to it. A
 * library for certificates would be a large dependency for one line of output.
 *
 * Nothing is verified, neither signature nor dates. The data is not trusted: a
 * value's length is compared with what contains it before it is entered, there
 * is no recursion, and lengths of more than four bytes are refused.
 */
#include <string.h>

#include "lkvm/efi/cert.h"

#define TAG_OID	     0x06
#define TAG_UTF8     0x0c
#define TAG_PRINT    0x13
#define TAG_T61	     0x14
#define TAG_IA5	     0x16
#define TAG_SEQUENCE 0x30
#define TAG_SET	     0x31
#define TAG_VERSION  0xa0 /* [0] EXPLICIT, absent in version 1 */

/* The rest of a value: elements are taken from its front. */
struct der {
	const u8 *p;
	size_t len;
};

static u8 first_byte(const struct der *in)
{
	return in->len ? in->p[0] : 0;
}

/*
 * Takes the length of an element behind its tag: one byte, or the number of
 * bytes that follow with it, of which 4 are accepted. X.690, 8.1.3.
 */
static bool take_length(struct der *in, size_t *len)
{
	u8 count = first_byte(in);

	if (!in->len)
		return false;
	in->p++;
	in->len--;
	*len = count;
	if (count < 0x80)
		return true;
	count &= 0x7f;
	if (!count || count > 4 || count > in->len)
		return false;
	*len = 0;
	for (; count; count--, in->p++, in->len--)
		*len = *len << 8 | in->p[0];
	return true;
}

/* Takes one element off `in`; *value is what it contains. */
static bool take(struct der *in, struct der *value)
{
	size_t len;

	if (!in->len)
		return false;
	in->p++;
	in->len--;
	if (!take_length(in, &len) || len > in->len)
		return false;
	*value = (struct der) { in->p, len };
	in->p += len;
	in->len -= len;
	return true;
}

/* The same for an element that must have this tag; else nothing is taken. */
static bool take_tag(struct der *in, u8 tag, struct der *value)
{
	return first_byte(in) == tag && take(in, value);
}

/*
 * Certificate ::= SEQUENCE { tbsCertificate, ... }; the subject is the sixth
 * field of a TBSCertificate, or the fifth without a version.
 */
static bool find_subject(struct der in, struct der *subject)
{
	struct der cert, tbs;

	if (!take_tag(&in, TAG_SEQUENCE, &cert) ||
	    !take_tag(&cert, TAG_SEQUENCE, &tbs))
		return false;
	if (first_byte(&tbs) == TAG_VERSION && !take(&tbs, subject))
		return false;
	/* serial number, algorithm, issuer, validity */
	for (int i = 0; i < 4; i++)
		if (!take(&tbs, subject))
			return false;
	return take_tag(&tbs, TAG_SEQUENCE, subject);
}

/*
 * The first attribute `oid` of a name, if its string has one byte a character
 * or is UTF-8. BMPString and UniversalString are not decoded: RFC 5280 keeps
 * them for old certificates only.
 */
static bool find_attribute(struct der name, const u8 oid[3], struct der *value)
{
	struct der set, pair, type;

	while (take_tag(&name, TAG_SET, &set)) {
		u8 tag;

		if (!take_tag(&set, TAG_SEQUENCE, &pair) ||
		    !take_tag(&pair, TAG_OID, &type))
			continue;
		tag = first_byte(&pair);
		if (type.len != 3 || memcmp(type.p, oid, 3))
			continue;
		if (tag == TAG_UTF8 || tag == TAG_PRINT || tag == TAG_T61 ||
		    tag == TAG_IA5)
			return take(&pair, value);
	}
	return false;
}

/*
 * OIDs 2.5.4.3 and 2.5.4.10 in DER. The organisation is shown where there is no
 * common name.
 */
bool efi_cert_subject(const u8 *cert, size_t size, const u8 **name, size_t *len)
{
	static const u8 common_name[] = { 0x55, 0x04, 0x03 };
	static const u8 organisation[] = { 0x55, 0x04, 0x0a };
	struct der subject, value;

	if (!find_subject((struct der) { cert, size }, &subject))
		return false;
	if (!find_attribute(subject, common_name, &value) &&
	    !find_attribute(subject, organisation, &value))
		return false;
	*name = value.p;
	*len = value.len;
	return true;
}
