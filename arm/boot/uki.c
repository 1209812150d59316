/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unified kernel images (UAPI.5) started without firmware. Only section headers
 * and the command line are read here; kernel and initrd go from the file
 * straight to guest RAM. Main thread, when the file is opened.
 *
 * Sections that describe hardware (.dtb, .dtbauto) are not used, because the
 * guest's device tree has to describe lkvm's machine; others (.osrel, .uname,
 * .sbat, .splash, .pcrsig) are for boot loaders.
 *
 * UAPI.5, "Multi-Profile UKIs": each section .profile begins a profile, number
 * 0 first; what precedes the first is shared, and a profile's own section
 * overrides the shared one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/arm/boot/image_file.h"
#include "lkvm/arm/boot/pe.h"
#include "lkvm/arm/boot/uki.h"

/* Bytes; Linux uses at most 2 KiB. */
#define MAX_CMDLINE SZ_64K

#define uki_error(file, err, ...) \
	image_error((file)->what, (file)->path, err, __VA_ARGS__)

/* The sections that matter. */
enum part {
	PART_KERNEL,
	PART_INITRD,
	PART_CMDLINE,
	NR_PARTS
};

static const char *const part_names[NR_PARTS] = {
	[PART_KERNEL] = ".linux",
	[PART_INITRD] = ".initrd",
	[PART_CMDLINE] = ".cmdline",
};

/*
 * Where each part was found: a shared section can be overridden once, by
 * profile 0.
 */
struct parts {
	struct pe_section sections[NR_PARTS];
	bool found[NR_PARTS];
	bool own[NR_PARTS]; /* profile 0's */
};

/* The first of a name counts, except that profile 0's replaces a shared one. */
static void take_section(struct parts *parts, const struct pe_section *section,
			 bool own)
{
	for (unsigned int i = 0; i < NR_PARTS; i++) {
		if (strcmp(section->name, part_names[i]))
			continue;
		if (parts->found[i] && (!own || parts->own[i]))
			return;
		parts->sections[i] = *section;
		parts->found[i] = true;
		parts->own[i] = own;
	}
}

/* Ends at the second .profile, where profile 1 begins. */
static struct parts find_parts(const u8 *table, u32 count)
{
	struct parts parts = { 0 };
	unsigned int nr_profiles = 0;

	for (u32 i = 0; i < count && nr_profiles < 2; i++) {
		struct pe_section section =
			pe_section_at(table + (size_t)i * PE_SECTION_SIZE);

		if (!strcmp(section.name, ".profile"))
			nr_profiles++;
		else
			take_section(&parts, &section, nr_profiles);
	}
	return parts;
}

/*
 * The file pads sections to its alignment (SizeOfRawData); VirtualSize is the
 * size of the content.
 */
static int take_range(const struct boot_file *file, const struct parts *parts,
		      enum part part, struct file_range *range)
{
	const struct pe_section *section = &parts->sections[part];
	u64 size = section->raw_size;

	if (!parts->found[part])
		return 0;
	if (section->size && section->size < size)
		size = section->size;
	if (!range_within(section->pos, size, 0, file->size))
		return uki_error(file, -EBADMSG,
				 "it is truncated: its section %s, %" PRIu64
				 " bytes at offset %" PRIu32
				 ", lies outside the file",
				 section->name, size, section->pos);
	*range = (struct file_range) { .offset = section->pos, .size = size };
	return 0;
}

/*
 * Line ends and other control characters become spaces, as parameters are
 * separated by spaces; then spaces at both ends are removed.
 */
static void clean(char *text)
{
	size_t len;

	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	len = strlen(text);
	while (len && text[len - 1] == ' ')
		text[--len] = '\0';
	len = strspn(text, " ");
	memmove(text, text + len, strlen(text + len) + 1);
}

/* The size is the file's, so it is limited before memory is allocated. */
static int read_cmdline(struct boot_file *file, const struct file_range *range,
			char **cmdline)
{
	char *text;
	int ret;

	if (!range->size)
		return 0;
	if (range->size > MAX_CMDLINE)
		return uki_error(file, -EBADMSG,
				 "its command line has %" PRIu64 " bytes",
				 range->size);
	text = calloc(1, range->size + 1);
	if (!text)
		return uki_error(file, -ENOMEM, "%s", strerror(ENOMEM));
	ret = boot_file_read(file, range->offset, text, range->size);
	if (ret) {
		free(text);
		return ret;
	}
	clean(text);
	*cmdline = text;
	return 0;
}

/* All three are checked before anything is read into RAM. */
static int read_parts(struct boot_file *file, const struct parts *parts,
		      struct uki *uki)
{
	struct file_range cmdline = { 0 };
	int ret = take_range(file, parts, PART_KERNEL, &uki->kernel);

	if (!ret)
		ret = take_range(file, parts, PART_INITRD, &uki->initrd);
	if (!ret)
		ret = take_range(file, parts, PART_CMDLINE, &cmdline);
	if (!ret && !uki->kernel.size)
		ret = uki_error(file, -EBADMSG, "its section .linux is empty");
	return ret ? ret : read_cmdline(file, &cmdline, &uki->cmdline);
}

/*
 * With many profiles the table is longer than the head that uki_read() has, so
 * that it is read on its own.
 */
static int read_table(struct boot_file *file, u64 pos, u32 count,
		      struct uki *uki)
{
	size_t size = (size_t)count * PE_SECTION_SIZE;
	struct parts parts;
	u8 *table;
	int ret;

	if (!count || !range_within(pos, size, 0, file->size))
		return 0;
	table = malloc(size);
	if (!table)
		return uki_error(file, -ENOMEM, "%s", strerror(ENOMEM));
	ret = boot_file_read(file, pos, table, size);
	if (!ret) {
		parts = find_parts(table, count);
		if (parts.found[PART_KERNEL])
			ret = read_parts(file, &parts, uki);
	}
	free(table);
	return ret;
}

/* A file that is no PE program for arm64 is no error: it may be an Image. */
int uki_read(struct boot_file *file, struct uki *uki)
{
	u8 head[1024];
	u64 len = MIN(file->size, sizeof(head));
	const u8 *pe;
	int ret;

	*uki = (struct uki) { 0 };
	ret = boot_file_read(file, 0, head, len);
	if (ret)
		return ret;
	pe = pe_find(head, len);
	if (!pe || pe_type(pe) != PE_ARM64)
		return 0;
	return read_table(file, (u64)(pe - head) + pe_section_table(pe),
			  pe_nr_sections(pe), uki);
}

void uki_free(struct uki *uki)
{
	free(uki->cmdline);
	*uki = (struct uki) { 0 };
}
