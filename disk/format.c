/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Detects the formats of files by the magic numbers of their specifications, so
 * that an image is not taken for raw content and written to. Content without
 * any of them is raw: there is no magic for that, so each entry here excludes
 * some raw content. Only prefixes are compared; whether the rest is well-formed
 * is a reader's task.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/disk/format.h"

#define HEAD_SIZE 512 /* bytes that are enough for all entries */

#define IMAGE(which, name_, qemu, offset_, magic_)                           \
	{                                                                    \
		.id = which, .name = name_, .offset = offset_,               \
		.command = "qemu-img convert -f " qemu " -O raw", .to = " ", \
		.len = sizeof(magic_) - 1, .magic = magic_,                  \
	}
#define STREAM(which, name_, command_, offset_, magic_)             \
	{                                                           \
		.id = which, .name = name_, .compressed = true,     \
		.offset = offset_, .command = command_, .to = " >", \
		.len = sizeof(magic_) - 1, .magic = magic_,         \
	}
#define OTHER DISK_FORMAT_OTHER

/* The first one that fits counts. */
static const struct disk_format formats[] = {
	/* QEMU, docs/interop/qcow2: magic and version; 1 is another format. */
	IMAGE(OTHER, "qcow", "qcow", 0, "QFI\xfb\0\0\0\1"),
	IMAGE(DISK_FORMAT_QCOW2, "qcow2", "qcow2", 0, "QFI\xfb"),
	/* VMware, Virtual Disk Format 5.0: sparse, ESX's, a text beside it. */
	IMAGE(OTHER, "VMDK", "vmdk", 0, "KDMV"),
	IMAGE(OTHER, "VMDK", "vmdk", 0, "COWD"),
	IMAGE(OTHER, "VMDK", "vmdk", 0, "# Disk DescriptorFile"),
	/* VirtualBox: a text of any kind, then signature and version 1.1. */
	IMAGE(OTHER, "VDI", "vdi", 0x40, "\x7f\x10\xda\xbe\1\0\1\0"),
	/* Microsoft, [MS-VHDX] 2.2.1; VHD: a dynamic disk's copied footer. */
	IMAGE(OTHER, "VHDX", "vhdx", 0, "vhdxfile"),
	IMAGE(OTHER, "VHD", "vpc", 0, "conectix"),
	/* RFC 1952, 2.3.1. */
	STREAM(DISK_FORMAT_GZIP, "gzip", "gzip -dc", 0, "\x1f\x8b"),
	STREAM(OTHER, "xz", "xz -dc", 0, "\xfd\x37zXZ\0"),
	/* RFC 8878, 3.1.1; pzstd begins with a frame to be skipped. */
	STREAM(OTHER, "zstd", "zstd -dc", 0, "\x28\xb5\x2f\xfd"),
	STREAM(OTHER, "zstd", "zstd -dc", 0, "\x50\x2a\x4d\x18"),
	/* "BZh" and a digit come before the first block, or the end of all. */
	STREAM(OTHER, "bzip2", "bzip2 -dc", 4, "1AY&SY"),
	STREAM(OTHER, "bzip2", "bzip2 -dc", 4, "\x17\x72\x45\x38\x50\x90"),
	STREAM(OTHER, "lz4", "lz4 -dc", 0, "\x04\x22\x4d\x18"),
	STREAM(OTHER, "zip", "unzip -p", 0, "PK\3\4"),
};

const struct disk_format *disk_format_of(const void *start, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		const struct disk_format *f = &formats[i];

		if (range_within(f->offset, f->len, 0, len) &&
		    !memcmp((const u8 *)start + f->offset, f->magic, f->len))
			return f;
	}
	return NULL;
}

int disk_format_read(int fd, const struct disk_format **format)
{
	u8 head[HEAD_SIZE];
	size_t len = 0;
	ssize_t n;

	do {
		n = pread(fd, head + len, sizeof(head) - len, (off_t)len);
		len += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && len < sizeof(head)) || (n < 0 && errno == EINTR));
	if (n < 0)
		return -errno;
	*format = disk_format_of(head, len);
	return 0;
}
