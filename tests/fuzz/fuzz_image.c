/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: arm/boot/boot_file.c arm/boot/image.c arm/boot/image_file.c */
/* SOURCES: util/file.c */
/* SOURCES: arm/boot/pe.c arm/boot/uki.c util/zstd.c */
/* SOURCES: util/gzip.c */
/* Any bytes as a kernel, an initrd and firmware, into RAM of a bounded size. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/arm/boot/image.h"
#include "lkvm/arm/boot/uki.h"
#include "lkvm/util/log.h"

#define SZ_16K (16 * SZ_1K)

/* Little more than the text_offset of a file without header. */
#define RAM_SIZE (0x80000 + SZ_16K)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Formatted so that the sanitizers see the arguments, then dropped. */
static __printf(1, 0) void format(const char *fmt, va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, args);
}

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format(fmt, args);
	va_end(args);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	format(fmt, args);
	va_end(args);
}

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void load_kernel(struct boot_file *file, u8 *ram, bool aarch32)
{
	struct image img;
	u64 loaded;

	if (image_open(&img, file, aarch32))
		return;
	if (!image_load(&img, ram, RAM_SIZE, &loaded)) {
		check(loaded > 0 && loaded <= img.image_size);
		check(range_within(img.text_offset, img.image_size, 0,
				   RAM_SIZE));
	}
	image_close(&img);
}

static void check_part(const struct file_range *part, size_t size)
{
	check(range_within(part->offset, part->size, 0, size));
}

/* The parts lie in the file, and the kernel of them is loaded as any. */
static void load_uki(struct boot_file *file, u8 *ram, size_t size)
{
	struct uki uki;

	if (uki_read(file, &uki))
		return;
	check_part(&uki.kernel, size);
	check_part(&uki.initrd, size);
	check(uki.kernel.size || (!uki.initrd.size && !uki.cmdline));
	if (uki.cmdline)
		check(strlen(uki.cmdline) <= size);
	file->part = uki.kernel;
	load_kernel(file, ram, false);
	file->part = (struct file_range) { 0 };
	uki_free(&uki);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct boot_file file = { 0 };
	u64 loaded, footprint;
	char path[64];
	u8 *ram;

	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ram = malloc(RAM_SIZE);
	check(ram);
	check(!boot_file_open(&file, path, "image", RAM_SIZE));
	load_kernel(&file, ram, false);
	load_kernel(&file, ram, true);
	load_uki(&file, ram, size);
	if (!file_load(&file, ram, SZ_16K, &loaded))
		check(loaded == size && !memcmp(ram, data, size));
	if (!image_check_firmware(path, data, size, RAM_SIZE, &footprint))
		check(footprint >= size && footprint <= RAM_SIZE);
	boot_file_close(&file);
	free(ram);
	close(fd);
	return 0;
}
