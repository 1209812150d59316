/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signature lists as text, for `lkvm flash`: what PK, KEK, db, dbx and shim's
 * MokList hold. Layout: UEFI Specification 2.10, section 32.4.1, "Signature
 * Database", EFI_SIGNATURE_LIST and EFI_SIGNATURE_DATA.
 *
 * The data comes from a file of the guest and is not trusted: each size is
 * compared with what is left before anything behind it is read. No signature is
 * verified and no certificate checked; of X.509 only the subject is shown, as
 * hexadecimal DER is of no use to a reader. One thread.
 */
#include "lkvm/efi/cert.h"
#include "lkvm/efi/text.h"

/* Bytes of EFI_SIGNATURE_LIST: type, three sizes. */
#define LIST_HEADER  28
#define OWNER_SIZE   16 /* the SignatureOwner GUID before the data */
#define LINE_LISTS   4	/* shown of a value in one line */
#define SUBJECT_SIZE 64 /* bytes of a subject in one line */

#define X509 "a5c059a1-94e4-4aa7-87b5-ab155c2bf072"

/*
 * The types of section 32.4.1 by their GUIDs. A list of any other type is
 * well-formed as well: it is printed with its GUID for a type.
 */
static const struct {
	const char *guid, *name;
} types[] = {
	{ X509, "X.509" },
	{ "c1c41626-504c-4092-aca9-41f936934328", "SHA-256" },
	{ "826ca512-cf10-4ac9-b187-be01496631bd", "SHA-1" },
	{ "0b6e5233-a65c-44c9-9407-d9ab83bfc8bd", "SHA-224" },
	{ "ff3e5307-9fd0-48c9-85f1-8ad56c701e01", "SHA-384" },
	{ "093e0fae-a6c4-4f50-9f1b-d41e2b89c19a", "SHA-512" },
	{ "3c5766e8-269c-4e34-aa14-ed776e85b3b6", "RSA-2048" },
	{ "e2b36190-879b-4a3d-ad8d-f2e7bba32784", "RSA-2048-SHA-256" },
	{ "67f8444f-8743-48f1-a328-1eaab8736080", "RSA-2048-SHA-1" },
	{ "3bd2a492-96c0-4079-b420-fcf98ef103ed", "X.509-SHA-256" },
	{ "7076876e-80c2-4ee6-aad2-28b349a6865b", "X.509-SHA-384" },
	{ "446dbf63-2502-4cda-bcfa-2465d2b0fe9d", "X.509-SHA-512" },
	{ "4aafd29d-68df-49ee-8aa9-347d375665a7", "PKCS-7" },
};

/*
 * One list; all of its signatures have the same size, so an array of digests
 * needs one list and an array of certificates one list for each length.
 */
struct siglist {
	struct efi_guid type;
	const u8 *first; /* behind the list's own header */
	size_t count;
	u32 size; /* of a signature, owner included */
};

/*
 * Reads the list at *p and moves *p and *rest behind it. Returns false at the
 * end and for what is not a list. SignatureSize must divide what the headers
 * leave: the specification has no padding.
 */
static bool next_list(const u8 **p, size_t *rest, struct siglist *list)
{
	u32 size, header;

	if (*rest < LIST_HEADER)
		return false;
	list->type = efi_guid_at(*p);
	size = efi_le32(*p + 16);
	header = efi_le32(*p + 20);
	list->size = efi_le32(*p + 24);
	if (size < LIST_HEADER || size > *rest || header > size - LIST_HEADER ||
	    list->size < OWNER_SIZE ||
	    (size - LIST_HEADER - header) % list->size)
		return false;
	list->first = *p + LIST_HEADER + header;
	list->count = (size - LIST_HEADER - header) / list->size;
	*p += size;
	*rest -= size;
	return true;
}

bool efi_siglists_are_good(const u8 *p, size_t size)
{
	struct siglist list;

	while (size)
		if (!next_list(&p, &size, &list))
			return false;
	return true;
}

/* Returns NULL for a type that is not in the table. */
static const char *type_name(const struct efi_guid *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (efi_guid_is(type, types[i].guid))
			return types[i].name;
	return NULL;
}

static void print_type(FILE *out, const struct efi_guid *type)
{
	const char *name = type_name(type);
	char text[EFI_GUID_TEXT_SIZE];

	efi_guid_format(type, text);
	fputs(name ? name : text, out);
}

/*
 * The owner is the vendor that enrolled the signature, not its issuer: a short
 * name, where there is one, separates Microsoft's entries from local ones.
 */
static void print_owner(FILE *out, const u8 *signature)
{
	struct efi_guid owner = efi_guid_at(signature);
	const char *name = efi_guid_name(&owner);
	char text[EFI_GUID_TEXT_SIZE];

	efi_guid_format(&owner, text);
	fputs(name ? name : text, out);
}

/* Only X.509 has a subject; digests and plain keys do not. */
static bool find_subject(const struct siglist *list, const u8 *signature,
			 const u8 **name, size_t *len)
{
	return efi_guid_is(&list->type, X509) &&
	       efi_cert_subject(signature + OWNER_SIZE, list->size - OWNER_SIZE,
				name, len);
}

/*
 * Prints ` "subject"` if there is one, and ` N bytes`. Cut, as a certificate
 * may hold a subject of any length.
 */
static void print_subject(FILE *out, const struct siglist *list,
			  const u8 *signature)
{
	const u8 *name;
	size_t len;

	if (find_subject(list, signature, &name, &len)) {
		fputs(" \"", out);
		efi_ascii_print(out, name, MIN(len, (size_t)SUBJECT_SIZE),
				true);
		putc('"', out);
	}
	fprintf(out, " %u bytes", list->size - OWNER_SIZE);
}

/*
 * A single certificate is shown by its subject, as in PK and KEK; of several
 * signatures only the number, since dbx has hundreds.
 */
static void print_list(FILE *out, const struct siglist *list)
{
	print_type(out, &list->type);
	if (list->count != 1)
		fprintf(out, " x %zu", list->count);
	else if (efi_guid_is(&list->type, X509))
		print_subject(out, list, list->first);
}

void efi_siglists_print(FILE *out, const u8 *p, size_t size)
{
	struct siglist list;
	size_t count = 0;

	for (const u8 *at = p; next_list(&at, &size, &list); count++) {
		if (count < LINE_LISTS) {
			fputs(count ? "; " : "", out);
			print_list(out, &list);
		}
	}
	if (count > LINE_LISTS)
		fprintf(out, "; %zu more lists", count - LINE_LISTS);
	if (!count)
		fputs("no signatures", out);
}

/*
 * One line of `lkvm flash vars --get`: digests in full, so that they can be
 * compared with those of a file.
 */
static void print_signature(FILE *out, const struct siglist *list,
			    const u8 *signature)
{
	print_type(out, &list->type);
	fputs(" owner ", out);
	print_owner(out, signature);
	if (efi_guid_is(&list->type, X509)) {
		print_subject(out, list, signature);
	} else {
		putc(' ', out);
		efi_hex_print(out, signature + OWNER_SIZE,
			      list->size - OWNER_SIZE);
	}
	putc('\n', out);
}

void efi_siglists_print_long(FILE *out, const u8 *p, size_t size)
{
	struct siglist list;

	while (next_list(&p, &size, &list))
		for (size_t i = 0; i < list.count; i++)
			print_signature(out, &list, list.first + i * list.size);
}

/* efi_ascii_print() with the signature that efi_text_json() calls. */
static void print_plain(FILE *out, const u8 *p, size_t len)
{
	efi_ascii_print(out, p, len, false);
}

/*
 * A certificate has "subject", all else "hex". A certificate's bytes are in the
 * variable's "data" already.
 */
static void signature_json(struct json_writer *json, const struct siglist *list,
			   const u8 *signature)
{
	struct efi_guid owner = efi_guid_at(signature);
	const u8 *data = signature + OWNER_SIZE;
	char text[EFI_GUID_TEXT_SIZE];
	const u8 *name;
	size_t len;

	efi_guid_format(&owner, text);
	json_begin_object(json, NULL);
	json_string(json, "owner", text);
	json_u64(json, "size", list->size - OWNER_SIZE);
	if (find_subject(list, signature, &name, &len))
		efi_text_json(json, "subject", name, len, print_plain);
	else if (!efi_guid_is(&list->type, X509))
		efi_text_json(json, "hex", data, list->size - OWNER_SIZE,
			      efi_hex_print);
	json_end_object(json);
}

static void list_json(struct json_writer *json, const struct siglist *list)
{
	const char *name = type_name(&list->type);
	char text[EFI_GUID_TEXT_SIZE];

	efi_guid_format(&list->type, text);
	json_begin_object(json, NULL);
	json_string(json, "type", name ? name : text);
	json_u64(json, "count", list->count);
	json_begin_array(json, "signatures");
	for (size_t i = 0; i < list->count; i++)
		signature_json(json, list, list->first + i * list->size);
	json_end_array(json);
	json_end_object(json);
}

void efi_siglists_json(struct json_writer *json, const char *name, const u8 *p,
		       size_t size)
{
	struct siglist list;

	json_begin_array(json, name);
	while (next_list(&p, &size, &list))
		list_json(json, &list);
	json_end_array(json);
}
