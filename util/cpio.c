/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Archives in the "newc" format of cpio (Linux
 * Documentation/driver-api/early-userspace/buffer-format.rst): for each object
 * a header of hexadecimal numbers, its name and its data, both padded to a
 * multiple of four bytes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/util/cpio.h"

#define HEADER_SIZE 110 /* the magic and 13 numbers of eight digits */
#define ALIGNMENT   4

/* What objects differ in, besides name and data. */
struct attributes {
	u32 ino, mode, major, minor;
};

/*
 * Objects of one inode number would be hard links of each other if they had
 * more than one link; the position is a number that no other has.
 */
static void add(struct blob *blob, const struct attributes *attr,
		const char *name, const void *data, size_t len)
{
	size_t name_size = strlen(name) + 1;
	char header[HEADER_SIZE + 1];

	if (len > UINT32_MAX) {
		blob_fail(blob, -E2BIG);
		return;
	}
	snprintf(header, sizeof(header),
		 "070701"
		 "%08" PRIx32 "%08" PRIx32
		 /* owner, group, links, time */
		 "00000000"
		 "00000000"
		 "00000001"
		 "00000000"
		 "%08" PRIx32
		 /* the device that it was on */
		 "00000000"
		 "00000000"
		 "%08" PRIx32 "%08" PRIx32 "%08" PRIx32
		 /* a sum that this format has no use for */
		 "00000000",
		 attr->ino, attr->mode, (u32)len, attr->major, attr->minor,
		 (u32)name_size);
	blob_add(blob, header, HEADER_SIZE);
	blob_add(blob, name, name_size);
	blob_align(blob, ALIGNMENT);
	if (len)
		blob_add(blob, data, len);
	blob_align(blob, ALIGNMENT);
}

void cpio_add(struct blob *blob, u32 mode, const char *name, const void *data,
	      size_t len)
{
	const struct attributes attr = { .ino = (u32)blob->size + 1,
					 .mode = mode };

	add(blob, &attr, name, data, len);
}

void cpio_add_device(struct blob *blob, u32 mode, const char *name, u32 major,
		     u32 minor)
{
	const struct attributes attr = { .ino = (u32)blob->size + 1,
					 .mode = mode,
					 .major = major,
					 .minor = minor };

	add(blob, &attr, name, NULL, 0);
}

/* Linux unpacks up to a file of this name, which is not made. */
void cpio_end(struct blob *blob)
{
	const struct attributes attr = { 0 };

	add(blob, &attr, "TRAILER!!!", NULL, 0);
}
