/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UEFI device paths as text, for the load options and console variables that
 * `lkvm flash` shows. Nodes: UEFI Specification 2.10, section 10.3; their text:
 * section 10.6. Offsets in this file count from behind a node's header of four
 * bytes (type, subtype, length), so they are four less than in the
 * specification's tables.
 *
 * efi_devpath_is_good() checks untrusted data for the chain of lengths, and the
 * table below for the least length of each node; the functions that print rely
 * on both. Nodes that ArmVirt firmware and U-Boot do not make (iSCSI,
 * InfiniBand, SAS, Bluetooth and others) are printed in the generic form
 * Path(type,subtype,data).
 */
#include <inttypes.h>

#include "lkvm/efi/devpath.h"
#include "lkvm/efi/guid.h"
#include "lkvm/efi/text.h"

/* Type, subtype and a 16-bit length that includes these four bytes. */
#define NODE_HEADER 4

/* Section 10.3.1: an end of one instance, or of the whole path. */
#define TYPE_END     0x7f
#define END_INSTANCE 0x01
#define END_PATH     0xff

/* What follows a node's header; `len` is at least the table's `min`. */
struct body {
	const u8 *p;
	size_t len;
};

static void print_guid(FILE *out, const u8 *p)
{
	char text[EFI_GUID_TEXT_SIZE];
	struct efi_guid guid = efi_guid_at(p);

	efi_guid_format(&guid, text);
	fputs(text, out);
}

/* NAME(GUID), or NAME(GUID,data) if there is more than the GUID. */
static void print_vendor(FILE *out, const char *name, struct body body)
{
	fprintf(out, "%s(", name);
	print_guid(out, body.p);
	if (body.len > 16)
		putc(',', out);
	efi_hex_print(out, body.p + 16, body.len - 16);
	putc(')', out);
}

/* First and last address or offset, both included. */
static void print_range(FILE *out, const char *name, const u8 *p)
{
	fprintf(out, "%s(0x%" PRIx64 ",0x%" PRIx64 ")", name, efi_le64(p),
		efi_le64(p + 8));
}

/*
 * The node has the function before the device, the text has them the other way.
 */
static void print_pci(FILE *out, struct body body)
{
	fprintf(out, "Pci(0x%x,0x%x)", body.p[1], body.p[0]);
}

/* The number before the range is an EFI_MEMORY_TYPE. */
static void print_memory(FILE *out, struct body body)
{
	fprintf(out, "MemoryMapped(0x%x,0x%" PRIx64 ",0x%" PRIx64 ")",
		efi_le32(body.p), efi_le64(body.p + 4), efi_le64(body.p + 12));
}

static void print_hw_vendor(FILE *out, struct body body)
{
	print_vendor(out, "VenHw", body);
}

static void print_controller(FILE *out, struct body body)
{
	fprintf(out, "Ctrl(0x%x)", efi_le32(body.p));
}

/*
 * _HID is a compressed EISA ID: vendor in the lower half ("PNP" is 0x41d0),
 * product in the upper. PNP0A03 and PNP0A08 are the roots of PCI and PCI
 * Express and have names of their own.
 */
static void print_acpi(FILE *out, struct body body)
{
	u32 hid = efi_le32(body.p);
	u32 uid = efi_le32(body.p + 4);

	if ((hid & 0xffff) != 0x41d0)
		fprintf(out, "Acpi(0x%x,0x%x)", hid, uid);
	else if (hid >> 16 == 0x0a03)
		fprintf(out, "PciRoot(0x%x)", uid);
	else if (hid >> 16 == 0x0a08)
		fprintf(out, "PcieRoot(0x%x)", uid);
	else
		fprintf(out, "Acpi(PNP%04X,0x%x)", hid >> 16, uid);
}

static void print_atapi(FILE *out, struct body body)
{
	fprintf(out, "Ata(%s,%s,0x%x)", body.p[0] ? "Secondary" : "Primary",
		body.p[1] ? "Slave" : "Master", efi_le16(body.p + 2));
}

static void print_scsi(FILE *out, struct body body)
{
	fprintf(out, "Scsi(0x%x,0x%x)", efi_le16(body.p), efi_le16(body.p + 2));
}

static void print_usb(FILE *out, struct body body)
{
	fprintf(out, "USB(0x%x,0x%x)", body.p[0], body.p[1]);
}

static void print_usb_class(FILE *out, struct body body)
{
	fprintf(out, "UsbClass(0x%x,0x%x,0x%x,0x%x,0x%x)", efi_le16(body.p),
		efi_le16(body.p + 2), body.p[4], body.p[5], body.p[6]);
}

/*
 * The field has 32 bytes; of interface types 0 and 1 (RFC 3232, Ethernet) six
 * are the address.
 */
static void print_mac(FILE *out, struct body body)
{
	u8 type = body.p[32];

	fputs("MAC(", out);
	efi_hex_print(out, body.p, type <= 1 ? 6 : 32);
	fprintf(out, ",0x%x)", type);
}

/*
 * Only the remote address, the one which a boot option is recognised by; the
 * node also has ports, protocol and the local address.
 */
static void print_ipv4(FILE *out, struct body body)
{
	const u8 *remote = body.p + 4;

	fprintf(out, "IPv4(%u.%u.%u.%u)", remote[0], remote[1], remote[2],
		remote[3]);
}

/*
 * As print_ipv4(), all eight groups written out: no run of zeros is shortened.
 */
static void print_ipv6(FILE *out, struct body body)
{
	fputs("IPv6(", out);
	for (size_t i = 0; i < 16; i += 2)
		fprintf(out, "%s%x", i ? ":" : "",
			body.p[16 + i] << 8 | body.p[17 + i]);
	putc(')', out);
}

/*
 * Behind four reserved bytes: baud rate, data bits, parity, stop bits. Zero
 * means the default ("D") in each of the last two.
 */
static void print_uart(FILE *out, struct body body)
{
	static const char parities[] = "DNEOMS";
	static const char *const stops[] = { "D", "1", "1.5", "2" };
	u8 parity = body.p[13];
	u8 stop = body.p[14];

	fprintf(out, "Uart(%" PRIu64 ",%u,%c,%s)", efi_le64(body.p + 4),
		body.p[12], parity < 6 ? parities[parity] : '?',
		stop < ARRAY_SIZE(stops) ? stops[stop] : "?");
}

/*
 * The type of a terminal is a vendor node without data; any
 * other GUID is printed.
 */
static void print_msg_vendor(FILE *out, struct body body)
{
	static const struct {
		const char *guid, *name;
	} terminals[] = {
		{ "e0c14753-f9be-11d2-9a0c-0090273fc14d", "VenPcAnsi" },
		{ "dfa66065-b419-11d3-9a2d-0090273fc14d", "VenVt100" },
		{ "7baec70b-57e0-4c76-8e87-2f9e28088343", "VenVt100Plus" },
		{ "ad15a0d6-8bec-4acf-a073-d01de77e2d88", "VenUtf8" },
		{ "7d916d80-5bb1-458c-a48f-e25fdd51ef94", "TtyTerm" },
	};
	struct efi_guid guid = efi_guid_at(body.p);

	for (size_t i = 0; i < ARRAY_SIZE(terminals); i++) {
		if (body.len == 16 && efi_guid_is(&guid, terminals[i].guid)) {
			fprintf(out, "%s()", terminals[i].name);
			return;
		}
	}
	print_vendor(out, "VenMsg", body);
}

static void print_vlan(FILE *out, struct body body)
{
	fprintf(out, "Vlan(%u)", efi_le16(body.p));
}

static void print_sata(FILE *out, struct body body)
{
	fprintf(out, "Sata(0x%x,0x%x,0x%x)", efi_le16(body.p),
		efi_le16(body.p + 2), efi_le16(body.p + 4));
}

/* The EUI-64 is big-endian, unlike the number before it. */
static void print_nvme(FILE *out, struct body body)
{
	fprintf(out, "NVMe(0x%x,", efi_le32(body.p));
	for (size_t i = 0; i < 8; i++)
		fprintf(out, "%s%02X", i ? "-" : "", body.p[4 + i]);
	putc(')', out);
}

static void print_uri(FILE *out, struct body body)
{
	fputs("Uri(", out);
	efi_ascii_print(out, body.p, body.len, false);
	putc(')', out);
}

/*
 * A partition: number, first block, blocks, signature, its format and kind. For
 * MBR four bytes of the signature count, for GPT it is the GUID of the
 * partition.
 */
static void print_hard_drive(FILE *out, struct body body)
{
	const u8 *signature = body.p + 20;
	u8 type = body.p[37];

	fprintf(out, "HD(%u,", efi_le32(body.p));
	if (type == 2) {
		fputs("GPT,", out);
		print_guid(out, signature);
	} else if (type == 1) {
		fprintf(out, "MBR,0x%08x", efi_le32(signature));
	} else {
		fprintf(out, "%u,", type);
		efi_hex_print(out, signature, 16);
	}
	fprintf(out, ",0x%" PRIx64 ",0x%" PRIx64 ")", efi_le64(body.p + 4),
		efi_le64(body.p + 12));
}

/* The number of the El Torito boot entry, first block, blocks. */
static void print_cdrom(FILE *out, struct body body)
{
	fprintf(out, "CDROM(0x%x,0x%" PRIx64 ",0x%" PRIx64 ")",
		efi_le32(body.p), efi_le64(body.p + 4), efi_le64(body.p + 12));
}

static void print_media_vendor(FILE *out, struct body body)
{
	print_vendor(out, "VenMedia", body);
}

/*
 * A path of UTF-16; '\' is printed twice, as it begins an escape in this
 * output.
 */
static void print_file(FILE *out, struct body body)
{
	efi_utf16_print(out, body.p, efi_utf16_units(body.p, body.len), false);
}

static void print_media(FILE *out, struct body body)
{
	print_vendor(out, "Media", body);
}

static void print_fv_file(FILE *out, struct body body)
{
	print_vendor(out, "FvFile", body);
}

static void print_fv(FILE *out, struct body body)
{
	print_vendor(out, "Fv", body);
}

/* Four reserved bytes come first. */
static void print_offset(FILE *out, struct body body)
{
	print_range(out, "Offset", body.p + 4);
}

/* The text has the instance before the type's GUID, the node behind it. */
static void print_ram_disk(FILE *out, struct body body)
{
	fprintf(out, "RamDisk(0x%" PRIx64 ",0x%" PRIx64 ",%u,",
		efi_le64(body.p), efi_le64(body.p + 8), efi_le16(body.p + 32));
	print_guid(out, body.p + 16);
	putc(')', out);
}

/* Legacy BIOS boot: arm64 has none, but a store copied from a PC may. */
static void print_bbs(FILE *out, struct body body)
{
	size_t len = 0;

	while (len < body.len - 4 && body.p[4 + len])
		len++;
	fprintf(out, "BBS(0x%x,", efi_le16(body.p));
	efi_ascii_print(out, body.p + 4, len, false);
	putc(')', out);
}

/*
 * Known nodes. `min` is the least body that the function reads from; a shorter
 * node is printed in the generic form.
 */
static const struct {
	u8 type, subtype;
	u8 min;
	void (*print)(FILE *out, struct body body);
} nodes[] = {
	{ 1, 1, 2, print_pci },		  { 1, 3, 20, print_memory },
	{ 1, 4, 16, print_hw_vendor },	  { 1, 5, 4, print_controller },
	{ 2, 1, 8, print_acpi },	  { 3, 1, 4, print_atapi },
	{ 3, 2, 4, print_scsi },	  { 3, 5, 2, print_usb },
	{ 3, 10, 16, print_msg_vendor },  { 3, 11, 33, print_mac },
	{ 3, 12, 8, print_ipv4 },	  { 3, 13, 32, print_ipv6 },
	{ 3, 14, 15, print_uart },	  { 3, 15, 7, print_usb_class },
	{ 3, 18, 6, print_sata },	  { 3, 20, 2, print_vlan },
	{ 3, 23, 12, print_nvme },	  { 3, 24, 0, print_uri },
	{ 4, 1, 38, print_hard_drive },	  { 4, 2, 20, print_cdrom },
	{ 4, 3, 16, print_media_vendor }, { 4, 4, 0, print_file },
	{ 4, 5, 16, print_media },	  { 4, 6, 16, print_fv_file },
	{ 4, 7, 16, print_fv },		  { 4, 8, 20, print_offset },
	{ 4, 9, 34, print_ram_disk },	  { 5, 1, 4, print_bbs },
};

/*
 * Prints what is not in the table, or too short for it, as bytes: no part of a
 * path is left out.
 */
static void print_node(FILE *out, u8 type, u8 subtype, struct body body)
{
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (nodes[i].type == type && nodes[i].subtype == subtype &&
		    body.len >= nodes[i].min) {
			nodes[i].print(out, body);
			return;
		}
	}
	fprintf(out, "Path(%u,%u", type, subtype);
	if (body.len)
		putc(',', out);
	efi_hex_print(out, body.p, body.len);
	putc(')', out);
}

/*
 * Walks the chain: every length covers at least its header and ends inside.
 * Several complete paths may follow each other, as in a load option's
 * FilePathList, so only what comes last must be an end of a path.
 */
bool efi_devpath_is_good(const u8 *p, size_t size)
{
	bool ended = false;
	size_t len;

	for (; size; p += len, size -= len) {
		if (size < NODE_HEADER)
			return false;
		len = efi_le16(p + 2);
		if (len < NODE_HEADER || len > size)
			return false;
		ended = p[0] == TYPE_END && p[1] == END_PATH;
		if (p[0] == TYPE_END && !ended && p[1] != END_INSTANCE)
			return false;
	}
	return ended;
}

/*
 * For data that efi_devpath_is_good() accepted; lengths are not checked again.
 */
void efi_devpath_print(FILE *out, const u8 *p, size_t size)
{
	const char *before = "";
	size_t len;

	for (; size; p += len, size -= len) {
		struct body body;

		len = efi_le16(p + 2);
		if (p[0] == TYPE_END) {
			before = p[1] == END_PATH ? "; " : ",";
			continue;
		}
		body = (struct body) { p + NODE_HEADER, len - NODE_HEADER };
		fputs(before, out);
		before = "/";
		print_node(out, p[0], p[1], body);
	}
}
