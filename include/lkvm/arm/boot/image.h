/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel, initrd and firmware files: what they are, and their way into guest
 * memory. A path may be that of a pipe or a file in /proc.
 *
 * Every function here that fails has printed one fatal message, which names
 * the file and the reason. For one thread at a time per `struct image`.
 */
#ifndef LKVM_ARM_BOOT_IMAGE_H
#define LKVM_ARM_BOOT_IMAGE_H

#include "lkvm/arm/boot/boot_file.h"

enum image_kind {
	IMAGE_FLAT,   /* no header: code from the first byte on */
	IMAGE_ARM64,  /* Linux Documentation/arch/arm64/booting.rst */
	IMAGE_ZIMAGE, /* 32-bit: Linux Documentation/arch/arm/booting.rst */
};

struct image_stream;

/* A kernel between image_open() and image_close(). */
struct image {
	enum image_kind kind;
	/*
	 * Where the first byte belongs and where the CPU starts: bytes above
	 * the start of RAM, which is 2 MiB aligned. It comes from the file and
	 * may be any number until image_load() has accepted it.
	 */
	u64 text_offset;
	/*
	 * Bytes from text_offset on that the kernel needs for itself, what
	 * it clears (.bss) included. As the header says, or 0 if it does not,
	 * until image_load(), which makes it at least the bytes loaded.
	 */
	u64 image_size;
	u64 flags; /* IMAGE_ARM64: the header's flags, 0 in old kernels */
	const char *path;
	const char *what;
	/* Private from here on. */
	struct image_stream *stream;
	const struct boot_file *file;
	bool again; /* what is odd about it has been said */
};

/*
 * Looks through gzip, zstd and EFI zboot at what is inside of *file, and fills
 * in *img. The file stays the caller's and outlives *img. `aarch32` says that
 * the vCPUs start in 32-bit state: a kernel for the other state is an error,
 * and a file without a header has another text_offset.
 *
 * Returns 0; -ESTALE if the file was changed after it was opened; the errno of
 * a failed read; -ENODATA for an empty file; -ENOEXEC for something that is not
 * a kernel for this guest; -EBADMSG if it is truncated or corrupt; -ENOMEM.
 * After an error there is nothing to close.
 */
int image_open(struct image *img, struct boot_file *file, bool aarch32);

/*
 * Writes the kernel to base + text_offset. `base` is the host's address of
 * the start of RAM, `room` the bytes from there on that the kernel may use
 * for its image and its .bss; the memory reads as zero. Works once for each
 * image_open().
 *
 * Returns 0 with the bytes written in *loaded and image_size brought up to
 * date; -EFBIG if it does not fit in, with nothing written outside
 * [base, base + room); -EBADMSG if the file is truncated or corrupt; -EINVAL
 * if it was loaded before; -ESTALE if the file was written to meanwhile; or the
 * errno of a failed read. After an error the contents of the memory are
 * undefined.
 */
int image_load(struct image *img, void *base, u64 room, u64 *loaded);

/* Frees what image_open() got. More than once is fine. */
void image_close(struct image *img);

/*
 * Reads the whole file as it is to `dst`, where `capacity` bytes are free.
 *
 * Returns 0 with the file's size in *loaded; -EFBIG if it does not fit;
 * -ENODATA if it is empty; -ESTALE if it was changed after it was opened; or
 * the errno of a failed read.
 */
int file_load(struct boot_file *file, void *dst, u64 capacity, u64 *loaded);

/*
 * Replaces *file, if it is compressed with gzip or zstd, by its content: at
 * most `limit` + 1 bytes, so that a caller that has room for `limit` can tell
 * that it does not fit. An EFI zboot image, which unpacks itself, stays as it
 * is. Returns 0, or an error of image_open(); the file stays the caller's.
 */
int image_unpack(struct boot_file *file, u64 limit);

/*
 * Warns if the file is nothing that UEFI firmware of arm64 starts, and says
 * what it is; *is_linux tells whether that is a kernel of Linux. Returns 0, or
 * an error of boot_file_read().
 */
int image_check_efi(struct boot_file *file, bool *is_linux);

/*
 * True if the file begins like firmware that is made to be executed from flash
 * at address 0: with a reset vector and a firmware volume of UEFI behind it, or
 * like a U-Boot that is linked there. False for others, pipes, and what cannot
 * be read: without a message.
 */
bool image_runs_from_flash(const char *path);

/*
 * Decides whether the `size` bytes at `data`, loaded from `path`, are firmware
 * that runs from RAM, entered at its first byte: whatever has the header of an
 * arm64 Image (EDK2's KVMTOOL_EFI.fd, a U-Boot built that way), or code
 * without any header. `room` is the bytes of RAM from `data` on.
 *
 * Returns 0 with the bytes that the firmware needs, at least `size`, in
 * *footprint; -EFBIG if it needs more than `room`; -ENOEXEC if it is
 * something else, such as firmware made to be executed from flash.
 */
int image_check_firmware(const char *path, const void *data, u64 size, u64 room,
			 u64 *footprint);

#endif
