/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recognises kernels and firmware, and loads kernels into RAM.
 *
 * Formats: the arm64 Image (booting.rst), for --aarch32 a zImage, and flat
 * binaries without header, which are loaded where an old Image would be.
 * image_file.c has removed gzip, zstd or EFI zboot before. Known formats that
 * cannot be started are refused with a message that says what the file is and
 * what to use, as a guest started from them would only fault.
 *
 * Nothing in a header is trusted: offsets and sizes are checked against the
 * space in RAM in image_load(). Main thread; image_runs_from_flash() as well,
 * before there is a VM.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/arm/boot/image.h"
#include "lkvm/arm/boot/image_file.h"
#include "lkvm/arm/boot/pe.h"
#include "lkvm/disk/decode.h"
#include "lkvm/util/log.h"

/* Linux Documentation/arch/arm64/booting.rst, "Call the kernel image" */
#define ARM64_TEXT_OFFSET     0x08
#define ARM64_IMAGE_SIZE      0x10
#define ARM64_FLAGS	      0x18
#define ARM64_MAGIC	      0x38
#define ARM64_HEADER_SIZE     0x40
#define ARM64_OLD_TEXT_OFFSET 0x80000 /* also that of a file without header */

/* Linux arch/arm/boot/compressed/head.S; what it is linked to run at */
#define ZIMAGE_MAGIC	   0x24
#define ZIMAGE_START	   0x28
#define ZIMAGE_END	   0x2c
#define ZIMAGE_HEADER_SIZE 0x30
#define ZIMAGE_TEXT_OFFSET 0x8000

/* UEFI Platform Initialization spec., volume 3, EFI_FIRMWARE_VOLUME_HEADER */
#define FV_SIGNATURE 0x28

/* U-Boot arch/arm/cpu/armv8/start.S: what it is linked at; offsets from it */
#define UBOOT_TEXT_BASE	  0x08
#define UBOOT_END	  0x10
#define UBOOT_BSS_START	  0x18
#define UBOOT_BSS_END	  0x20
#define UBOOT_HEADER_SIZE 0x28

/* Arm ARM, C6.2.26: B */
#define IS_BRANCH(insn) (((insn)&0xfc000000) == 0x14000000)

/* The first volume is expected to begin in these bytes. */
#define FLASH_FIRMWARE_HEAD SZ_64K

#define kernel_error(img, err, ...) \
	image_error((img)->what, (img)->path, err, __VA_ARGS__)

static u32 get_be32(const u8 *p)
{
	return __builtin_bswap32(image_le32(p));
}

/* A format that is no kernel, how it is recognised, and what to use instead. */
struct foreign {
	u16 offset;
	u16 len;
	const char *magic;
	const char *what;
	const char *advice;
};

#define FOREIGN(offset, magic, what, advice)                    \
	{                                                       \
		offset, sizeof(magic) - 1, magic, what, advice, \
	}
#define UNPACK(tool) "decompress it with " tool

/*
 * In the order of the search. Compressions that are supported for kernels are
 * here for firmware, and for what is compressed twice.
 */
static const struct foreign foreign_formats[] = {
	FOREIGN(0,
		"\x7f"
		"ELF",
		"an ELF file",
		"use the flat binary; that of vmlinux is "
		"arch/arm64/boot/Image"),
	FOREIGN(0x202, "HdrS", "an x86 kernel (bzImage)",
		"use one built for arm64"),
	FOREIGN(0x38, "RSC\x05", "a RISC-V kernel", "use one built for arm64"),
	FOREIGN(0, "\x27\x05\x19\x56", "a U-Boot uImage",
		"use the Image that is in it"),
	FOREIGN(0, "\xd0\x0d\xfe\xed", "a device tree blob or a FIT image",
		"use arch/arm64/boot/Image"),
	FOREIGN(0, "ANDROID!", "an Android boot image",
		"use the Image that is in it"),
	FOREIGN(0, "070701", "a cpio archive", "an initrd goes with --initrd"),
	FOREIGN(0, "070702", "a cpio archive", "an initrd goes with --initrd"),
	FOREIGN(0, "070707", "a cpio archive", "an initrd goes with --initrd"),
	FOREIGN(0, "QFI\xfb", "a qcow2 disk image", "a disk goes with --disk"),
	FOREIGN(0, GZIP_MAGIC, "compressed with gzip", UNPACK("gzip -d")),
	FOREIGN(0, "\xfd\x37zXZ\0", "compressed with xz", UNPACK("xz -d")),
	FOREIGN(0, ZSTD_FRAME_MAGIC, "compressed with zstd", UNPACK("zstd -d")),
	FOREIGN(4, "1AY&SY", "compressed with bzip2", UNPACK("bzip2 -d")),
	FOREIGN(0, "\x04\x22\x4d\x18", "compressed with lz4", UNPACK("lz4 -d")),
	FOREIGN(0, "\x02\x21\x4c\x18", "compressed with lz4", UNPACK("lz4 -d")),
	FOREIGN(0, "\x89LZO\0\r\n\x1a\n", "compressed with lzop",
		UNPACK("lzop -d")),
	/* No magic: the usual parameters, xz -6 and -9, and no size. */
	FOREIGN(0, "\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff",
		"compressed with lzma", UNPACK("xz -d")),
	FOREIGN(0, "\x5d\0\0\0\x04\xff\xff\xff\xff\xff\xff\xff\xff",
		"compressed with lzma", UNPACK("xz -d")),
};

static const struct foreign *find_foreign(const u8 *data, u64 size)
{
	for (size_t i = 0; i < ARRAY_SIZE(foreign_formats); i++) {
		const struct foreign *f = &foreign_formats[i];

		if (image_has_bytes(data, size, f->offset, f->magic, f->len))
			return f;
	}
	return NULL;
}

/* -ENOEXEC after a message if `data` begins like something that cannot run. */
static int reject_foreign(const char *what, const char *path,
			  const char *subject, const u8 *data, u64 size)
{
	const struct foreign *f = find_foreign(data, size);
	const u8 *pe = pe_find(data, size);

	if (f)
		return image_error(what, path, -ENOEXEC, "%s is %s; %s",
				   subject, f->what, f->advice);
	if (pe)
		return image_error(what, path, -ENOEXEC,
				   "%s is an EFI program for %s, which only "
				   "firmware can start",
				   subject, pe_machine(pe));
	return 0;
}

/* Zeros or erased flash: neither is an A64 instruction (0 is UDF). */
static bool is_blank(const u8 *data, u64 size)
{
	u32 first = size < 4 ? 0 : image_le32(data);

	return !first || first == UINT32_MAX;
}

/* image_size 0 is from before Linux 3.17. */
static int probe_arm64(struct image *img, const u8 *head, u64 len, bool aarch32)
{
	if (len < ARM64_HEADER_SIZE)
		return kernel_error(img, -EBADMSG, "its header is truncated");
	if (aarch32)
		return kernel_error(
			img, -ENOEXEC,
			"it is a 64-bit kernel, the guest is 32-bit "
			"(--aarch32)");
	img->kind = IMAGE_ARM64;
	img->image_size = image_le64(head + ARM64_IMAGE_SIZE);
	img->flags = image_le64(head + ARM64_FLAGS);
	/* Before Linux 3.17: no image_size, text_offset of either endianness */
	img->text_offset = img->image_size
				   ? image_le64(head + ARM64_TEXT_OFFSET)
				   : ARM64_OLD_TEXT_OFFSET;
	if (!IS_ALIGNED(img->text_offset, 4))
		return kernel_error(img, -EBADMSG,
				    "its header has text_offset %#" PRIx64,
				    img->text_offset);
	return 0;
}

/* `get32` reads in the byte order of the magic: both orders occur. */
static int probe_zimage(struct image *img, const u8 *head, u64 len,
			bool aarch32, u32 (*get32)(const u8 *))
{
	u32 start, end;

	if (len < ZIMAGE_HEADER_SIZE)
		return kernel_error(img, -EBADMSG, "its header is truncated");
	if (!aarch32)
		return kernel_error(img, -ENOEXEC,
				    "it is a 32-bit kernel (zImage), which "
				    "needs --aarch32");
	start = get32(head + ZIMAGE_START);
	end = get32(head + ZIMAGE_END);
	if (end <= start)
		return kernel_error(img, -EBADMSG,
				    "its header has start %#" PRIx32
				    " and end %#" PRIx32,
				    start, end);
	img->kind = IMAGE_ZIMAGE;
	img->text_offset = ZIMAGE_TEXT_OFFSET;
	img->image_size = end - start;
	return 0;
}

/* Headers first, then formats to refuse; what remains is a flat binary. */
static int image_probe(struct image *img, bool aarch32)
{
	const struct image_stream *s = img->stream;
	const u8 *head = s->head;
	u64 len = s->head_len;
	int ret;

	if (IMAGE_HAS(head, len, ARM64_MAGIC, "ARM\x64"))
		return probe_arm64(img, head, len, aarch32);
	if (s->zboot)
		return kernel_error(img, -ENOEXEC,
				    "its payload is not an arm64 Image");
	if (IMAGE_HAS(head, len, ZIMAGE_MAGIC, "\x18\x28\x6f\x01"))
		return probe_zimage(img, head, len, aarch32, image_le32);
	if (IMAGE_HAS(head, len, ZIMAGE_MAGIC, "\x01\x6f\x28\x18"))
		return probe_zimage(img, head, len, aarch32, get_be32);
	ret = reject_foreign(img->what, img->path,
			     s->compression ? "what is compressed in it" : "it",
			     head, len);
	if (ret)
		return ret;
	if (len < ARM64_HEADER_SIZE && IMAGE_HAS(head, len, 0, "MZ"))
		return kernel_error(img, -EBADMSG, "its header is truncated");
	if (!aarch32 && is_blank(head, len))
		return kernel_error(img, -ENOEXEC, "it holds no code");
	img->kind = IMAGE_FLAT;
	img->text_offset = aarch32 ? ZIMAGE_TEXT_OFFSET : ARM64_OLD_TEXT_OFFSET;
	return 0;
}

/* A reset opens the same file again: warnings are not repeated. */
int image_open(struct image *img, struct boot_file *file, bool aarch32)
{
	int ret;

	*img = (struct image) { .path = file->path,
				.what = file->what,
				.file = file,
				.again = file->seen };
	file->seen = true;
	ret = image_stream_open(file, &img->stream);
	if (ret)
		return ret;
	ret = image_probe(img, aarch32);
	if (ret)
		image_close(img);
	return ret;
}

/*
 * A truncated kernel hangs without any output. For a zImage it is an error; the
 * PE header of an Image may be wrong, so that is a warning only.
 */
static int check_complete(const struct image *img, u64 loaded)
{
	const struct image_stream *s = img->stream;
	u64 expected = 0;

	if (img->kind == IMAGE_ZIMAGE && loaded < img->image_size)
		return kernel_error(img, -EBADMSG,
				    "it is truncated: %" PRIu64
				    " bytes of %" PRIu64,
				    loaded, img->image_size);
	if (img->kind == IMAGE_ARM64)
		expected = pe_file_size(s->head, s->head_len);
	if (loaded < expected && !img->again)
		pr_warn("%s %s seems to be truncated: %" PRIu64
			" bytes of %" PRIu64,
			img->what, img->path, loaded, expected);
	return 0;
}

/* Of a compressed kernel only a lower limit of the size is known. */
static int too_big(const struct image *img, u64 needed, u64 room)
{
	return kernel_error(img, -EFBIG,
			    "it does not fit: it needs %" PRIu64
			    " bytes or more, %" PRIu64
			    " bytes above the start of memory, of which it "
			    "may use %" PRIu64,
			    needed, img->text_offset, room);
}

/*
 * Reads up to `capacity`, then one byte more to find out whether there is more.
 * The check for a changed file comes after reading.
 */
static int load_checked(struct image *img, u8 *base, u64 room, u64 *loaded)
{
	struct image_stream *s = img->stream;
	u64 capacity, got, more = 0;
	u8 byte;
	int ret;

	if (!range_within(img->text_offset, img->image_size, 0, room))
		return too_big(img, img->image_size, room);
	capacity = room - img->text_offset;
	if (!s->compression && s->file_size > capacity)
		return too_big(img, s->file_size, room);
	ret = image_stream_read(s, base + img->text_offset, capacity, &got);
	if (!ret && got == capacity)
		ret = image_stream_read(s, &byte, 1, &more);
	if (!ret)
		ret = boot_file_check(img->file);
	if (ret)
		return ret;
	if (more)
		return too_big(img, got + more, room);
	ret = check_complete(img, got);
	if (ret)
		return ret;
	img->image_size = MAX(img->image_size, got);
	*loaded = got;
	return 0;
}

int image_load(struct image *img, void *base, u64 room, u64 *loaded)
{
	int ret;

	if (!img->stream)
		return kernel_error(img, -EINVAL, "it was loaded before");
	ret = load_checked(img, base, room, loaded);
	if (!ret)
		pr_debug("%s %s: %" PRIu64 " bytes at offset %#" PRIx64
			 " of memory, needs %" PRIu64 ", flags %#" PRIx64,
			 img->what, img->path, *loaded, img->text_offset,
			 img->image_size, img->flags);
	image_close(img);
	return ret;
}

void image_close(struct image *img)
{
	image_stream_close(img->stream);
	img->stream = NULL;
}

#define efi_warn(file, fmt, ...)                                   \
	pr_warn("%s %s: UEFI firmware does not start it: it " fmt, \
		(file)->what, (file)->path, ##__VA_ARGS__)

/* A warning, not an error: firmware other than EDK2 may start other formats. */
static void warn_not_efi(const struct boot_file *file, const u8 *head, u64 len)
{
	const struct foreign *f = find_foreign(head, len);
	const u8 *pe = pe_find(head, len);

	if (f)
		efi_warn(file, "is %s; %s", f->what, f->advice);
	else if (pe)
		efi_warn(file, "is an EFI program for %s", pe_machine(pe));
	else if (IMAGE_HAS(head, len, ARM64_MAGIC, "ARM\x64"))
		efi_warn(file, "is a kernel without CONFIG_EFI");
	else
		efi_warn(file, "is no EFI program");
}

/* A zboot kernel is Linux as well, although it has no Image header. */
int image_check_efi(struct boot_file *file, bool *is_linux)
{
	u64 len = MIN(file->size, IMAGE_HEAD_SIZE);
	u8 *head = malloc(IMAGE_HEAD_SIZE);
	const u8 *pe;
	int ret;

	if (!head)
		return image_error(file->what, file->path, -ENOMEM, "%s",
				   strerror(ENOMEM));
	ret = boot_file_read(file, 0, head, len);
	if (!ret) {
		pe = pe_find(head, len);
		if (!pe || pe_type(pe) != PE_ARM64)
			warn_not_efi(file, head, len);
		*is_linux = IMAGE_HAS(head, len, ARM64_MAGIC, "ARM\x64") ||
			    IMAGE_HAS(head, len, ZBOOT_MAGIC, "zimg");
	}
	free(head);
	return ret;
}

/*
 * Firmware to be executed from flash begins with a reset vector of at most a
 * few pages, then a firmware volume (UEFI PI spec., volume 3). EDK2's firmware
 * for RAM has an Image header instead.
 */
static bool is_flash_firmware(const u8 *data, u64 size)
{
	for (u64 fv = 0; fv < FLASH_FIRMWARE_HEAD; fv += SZ_4K) {
		if (IMAGE_HAS(data, size, fv + FV_SIGNATURE, "_FVH"))
			return true;
	}
	return false;
}

/*
 * U-Boot has the address it is linked at behind its first branch: 0, where the
 * flash is, for qemu_arm64.
 */
static bool is_flash_uboot(const u8 *data, u64 size)
{
	u64 end, bss_start;

	if (size < UBOOT_HEADER_SIZE || !IS_BRANCH(image_le32(data)) ||
	    image_le64(data + UBOOT_TEXT_BASE))
		return false;
	end = image_le64(data + UBOOT_END);
	bss_start = image_le64(data + UBOOT_BSS_START);
	return end > UBOOT_HEADER_SIZE && end <= bss_start &&
	       bss_start <= image_le64(data + UBOOT_BSS_END);
}

/*
 * Reads the first 64 KiB of what a bank of this file would contain, through
 * qcow2 or a compression; returns how many bytes there are, 0 on any error.
 */
static size_t read_flash_head(int fd, u8 *head)
{
	const struct disk_format *format;
	struct disk_decoder decoder;
	size_t got;
	bool zeros;
	int ret = disk_format_read(fd, &format);

	if (ret || (format && format->id == DISK_FORMAT_OTHER) ||
	    disk_decoder_open(&decoder, fd, format))
		return 0;
	ret = disk_decoder_read(&decoder, head, FLASH_FIRMWARE_HEAD, &got,
				&zeros);
	disk_decoder_close(&decoder);
	return ret || zeros ? 0 : got;
}

/* O_NONBLOCK: opening a FIFO must not block. */
bool image_runs_from_flash(const char *path)
{
	u8 *head = calloc(1, FLASH_FIRMWARE_HEAD);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t n = 0;
	bool is;

	if (head && fd >= 0)
		n = read_flash_head(fd, head);
	is = n && !IMAGE_HAS(head, n, ARM64_MAGIC, "ARM\x64") &&
	     (is_flash_firmware(head, n) || is_flash_uboot(head, n));
	if (fd >= 0)
		close(fd);
	free(head);
	return is;
}

/* Checked after loading, because the file may be a pipe. */
int image_check_firmware(const char *path, const void *data, u64 size, u64 room,
			 u64 *footprint)
{
	static const char what[] = "firmware";
	const struct disk_format *format = disk_format_of(data, size);
	const u8 *head = data;
	u64 needed = size;
	int ret;

	if (size >= ARM64_HEADER_SIZE &&
	    IMAGE_HAS(head, size, ARM64_MAGIC, "ARM\x64")) {
		needed = MAX(size, image_le64(head + ARM64_IMAGE_SIZE));
	} else if (is_flash_firmware(head, size) ||
		   (format && image_runs_from_flash(path))) {
		return image_error(what, path, -ENOEXEC,
				   "it is made for QEMU's virt machine (AAVMF, "
				   "QEMU_EFI.fd) and runs from flash; add "
				   "--machine virt, or use one that runs from "
				   "RAM, KVMTOOL_EFI.fd");
	} else if (format && !format->compressed) {
		return image_error(what, path, -ENOEXEC,
				   "it " DISK_FORMAT_ADVICE,
				   DISK_FORMAT_ARGS(format, path));
	} else {
		ret = reject_foreign(what, path, "it", head, size);
		if (ret)
			return ret;
		if (is_blank(head, size))
			return image_error(what, path, -ENOEXEC,
					   "it holds no code");
	}
	if (needed > room)
		return image_error(what, path, -EFBIG,
				   "it needs %" PRIu64 " bytes, where %" PRIu64
				   " bytes of memory are free",
				   needed, room);
	*footprint = needed;
	return 0;
}
