/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: arm/boot/boot_file.c arm/boot/image.c arm/boot/image_file.c */
/* SOURCES: util/file.c */
/* SOURCES: arm/boot/pe.c util/zstd.c */
/* SOURCES: util/gzip.c */
/* SOURCES: tests/unit/image_fixture.c tests/unit/qcow2_fixture.c */
/* What a kernel or firmware file is taken for, and where it ends up. */
#include <errno.h>
#include <string.h>

#include "image_fixture.h"
#include "qcow2_fixture.h"

static void arm64_image(void **state)
{
	struct fixture *f = *state;

	set_arm64(f, TEXT_OFFSET, 0x100000);
	assert_int_equal(load(f), 0);
	assert_loaded(f, IMAGE_ARM64, TEXT_OFFSET, 0x100000, f->data, f->len);
	assert_int_equal(f->img.flags, 0xa);
}

/* The header knows of fewer bytes than there are, a signature for one. */
static void arm64_image_longer_than_image_size(void **state)
{
	struct fixture *f = *state;

	set_arm64(f, 0, 0x1000);
	assert_int_equal(load(f), 0);
	assert_loaded(f, IMAGE_ARM64, 0, KERNEL_SIZE, f->data, f->len);
}

static void arm64_image_before_3_17(void **state)
{
	struct fixture *f = *state;

	set_arm64(f, 0x0000080000000000, 0);
	assert_int_equal(load(f), 0);
	assert_loaded(f, IMAGE_ARM64, 0x80000, KERNEL_SIZE, f->data, f->len);
}

static void arm64_image_with_efi_stub(void **state)
{
	struct fixture *f = *state;

	set_arm64(f, 0, 0x100000);
	memcpy(f->data, "MZ", 2);
	put_le(f->data + 0x3c, 0x40, 4);
	memcpy(f->data + 0x40, "PE\0\0\x64\xaa", 6);
	write_file(f);
	assert_int_equal(load(f), 0);
	assert_loaded(f, IMAGE_ARM64, 0, 0x100000, f->data, f->len);
}

static void put_section(struct fixture *f, size_t nr, u32 pos, u32 size)
{
	u8 *section = f->data + 0x40 + 0x18 + 0xa0 + nr * 0x28;

	put_le(section + 0x10, size, 4);
	put_le(section + 0x14, pos, 4);
}

/* The same file again: what is odd about it has been said. */
static void load_after_reset(struct fixture *f)
{
	assert_int_equal(image_open(&f->img, &f->file, false), 0);
	assert_int_equal(image_load(&f->img, f->ram, f->room, &f->loaded), 0);
}

static void cut_off_image_is_noticed(void **state)
{
	struct fixture *f = *state;

	set_arm64(f, 0, 0x100000);
	memcpy(f->data, "MZ", 2);
	put_le(f->data + 0x3c, 0x40, 4);
	memcpy(f->data + 0x40, "PE\0\0\x64\xaa\x02\0", 8);
	put_le(f->data + 0x40 + 0x14, 0xa0, 2);
	put_section(f, 0, 0x10000, 0x10000);
	put_section(f, 1, 0x20000, KERNEL_SIZE - 0x20000);
	write_file(f);
	assert_int_equal(load(f), 0);
	assert_int_equal(nr_warnings, 0);

	truncate_file(f, KERNEL_SIZE - 1);
	assert_int_equal(load(f), 0);
	assert_int_equal(nr_warnings, 1);
	load_after_reset(f);
	assert_int_equal(nr_warnings, 1);

	/* Sections that are not in the head, or wrap: nothing is known. */
	put_le(f->data + 0x40 + 0x06, 0xffff, 2);
	write_file(f);
	assert_int_equal(load(f), 0);
	assert_int_equal(nr_warnings, 1);
	put_le(f->data + 0x3c, 0xfffffff0, 4);
	write_file(f);
	assert_int_equal(load(f), 0);
	assert_int_equal(nr_warnings, 1);
}

static void hostile_header_values(void **state)
{
	static const u64 values[] = {
		RAM_SIZE,   RAM_SIZE + 4,   1ULL << 32,
		1ULL << 63, -(u64)RAM_SIZE, UINT64_MAX - 3
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		set_arm64(f, values[i], 0x1000);
		assert_int_equal(load(f), -EFBIG);
		assert_said(f, "does not fit");
		set_arm64(f, 4, values[i]);
		assert_int_equal(load(f), -EFBIG);
		assert_said(f, "does not fit");
		set_arm64(f, values[i], -values[i]);
		assert_int_equal(load(f), -EFBIG);
	}
	assert_ram(f, 0, NULL, 0);
	set_arm64(f, 2, 0x1000);
	assert_int_equal(load(f), -EBADMSG);
	assert_said(f, "text_offset 0x2");
}

static void room_is_exact(void **state)
{
	struct fixture *f = *state;

	set_arm64(f, TEXT_OFFSET, 1);
	set_room(f, TEXT_OFFSET + KERNEL_SIZE);
	assert_int_equal(load(f), 0);
	assert_loaded(f, IMAGE_ARM64, TEXT_OFFSET, KERNEL_SIZE, f->data,
		      f->len);
	set_room(f, TEXT_OFFSET + KERNEL_SIZE - 1);
	assert_int_equal(load(f), -EFBIG);
	assert_said(f, "does not fit");

	/* .bss counts as much as what is loaded. */
	set_arm64(f, TEXT_OFFSET, KERNEL_SIZE + 0x1000);
	set_room(f, TEXT_OFFSET + KERNEL_SIZE + 0x1000);
	assert_int_equal(load(f), 0);
	set_room(f, TEXT_OFFSET + KERNEL_SIZE + 0xfff);
	assert_int_equal(load(f), -EFBIG);

	set_room(f, 0);
	assert_int_equal(load(f), -EFBIG);
}

static void loads_once(void **state)
{
	struct fixture *f = *state;

	set_arm64(f, 0, 0x100000);
	assert_int_equal(open_file(f, f->path, "kernel"), 0);
	assert_int_equal(image_open(&f->img, &f->file, false), 0);
	assert_int_equal(f->img.image_size, 0x100000);
	assert_int_equal(image_load(&f->img, f->ram, f->room, &f->loaded), 0);
	assert_int_equal(image_load(&f->img, f->ram, f->room, &f->loaded),
			 -EINVAL);
	assert_said(f, "before");
	image_close(&f->img);
}

static void zimage(void **state)
{
	struct fixture *f = *state;

	set_zimage(f, 0x60000000, 0x60000000 + KERNEL_SIZE);
	assert_int_equal(open_and_load(f, true), 0);
	assert_loaded(f, IMAGE_ZIMAGE, 0x8000, KERNEL_SIZE, f->data, f->len);
	assert_int_equal(load(f), -ENOEXEC);
	assert_said(f, "needs --aarch32");

	set_zimage(f, 0, KERNEL_SIZE + 1);
	assert_int_equal(open_and_load(f, true), -EBADMSG);
	assert_said(f, "truncated");
	set_zimage(f, 1, 0);
	assert_int_equal(open_and_load(f, true), -EBADMSG);
	set_zimage(f, 0, 0xffffffff);
	assert_int_equal(open_and_load(f, true), -EFBIG);
}

static void zimage_big_endian(void **state)
{
	struct fixture *f = *state;

	set_magic(f, 0x1000, 0x24,
		  "\x01\x6f\x28\x18"
		  "\0\0\0\0"
		  "\0\0\x08\0",
		  12);
	assert_int_equal(open_and_load(f, true), 0);
	assert_loaded(f, IMAGE_ZIMAGE, 0x8000, 0x1000, f->data, f->len);
}

/* A device tree may be appended to it (CONFIG_ARM_APPENDED_DTB). */
static void zimage_with_appended_dtb(void **state)
{
	struct fixture *f = *state;

	set_zimage(f, 0, KERNEL_SIZE - 0x1000);
	assert_int_equal(open_and_load(f, true), 0);
	assert_loaded(f, IMAGE_ZIMAGE, 0x8000, KERNEL_SIZE, f->data, f->len);
}

static void arm64_image_in_32_bit_guest(void **state)
{
	struct fixture *f = *state;

	set_arm64(f, 0, 0x100000);
	assert_int_equal(open_and_load(f, true), -ENOEXEC);
	assert_said(f, "64-bit kernel");
}

static void flat_binary(void **state)
{
	static const u8 code[] = { 0x1f, 0x20, 0x03, 0xd5,
				   0xff, 0xff, 0xff, 0x17 };
	struct fixture *f = *state;

	set_bytes(f, code, sizeof(code));
	assert_int_equal(load(f), 0);
	assert_loaded(f, IMAGE_FLAT, 0x80000, sizeof(code), code, sizeof(code));
	set_room(f, RAM_SIZE);
	assert_int_equal(open_and_load(f, true), 0);
	assert_loaded(f, IMAGE_FLAT, 0x8000, sizeof(code), code, sizeof(code));
}

static void no_code(void **state)
{
	static const u8 zeroes[512];
	struct fixture *f = *state;

	set_bytes(f, zeroes, sizeof(zeroes));
	assert_int_equal(load(f), -ENOEXEC);
	assert_said(f, "no code");
	/* A32 has an instruction that is zero: andeq r0, r0, r0. */
	assert_int_equal(open_and_load(f, true), 0);
	set_bytes(f, "ab", 2);
	assert_int_equal(load(f), -ENOEXEC);
	set_bytes(f, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_int_equal(load(f), -ENOEXEC);
}

static void truncated_header(void **state)
{
	struct fixture *f = *state;

	set_arm64(f, 0, 0x100000);
	memcpy(f->data, "MZ", 2);
	for (size_t len = 0x3f; len >= 2; len--) {
		truncate_file(f, len);
		assert_int_equal(load(f), -EBADMSG);
		assert_said(f, "header is truncated");
	}
	set_zimage(f, 0, KERNEL_SIZE);
	for (size_t len = 0x2f; len >= 0x28; len--) {
		truncate_file(f, len);
		assert_int_equal(open_and_load(f, true), -EBADMSG);
		assert_said(f, "header is truncated");
	}
}

static void foreign_files(void **state)
{
#define FOREIGN(offset, magic, text)                    \
	{                                               \
		offset, sizeof(magic) - 1, magic, text, \
	}
	static const struct {
		size_t offset;
		size_t len;
		const char *magic;
		const char *text;
	} formats[] = {
		FOREIGN(0,
			"\x7f"
			"ELF",
			"ELF file; use the flat binary; that of vmlinux is "
			"arch/arm64/boot/Image"),
		FOREIGN(0x202, "HdrS", "x86 kernel (bzImage)"),
		FOREIGN(0x38, "RSC\x05", "RISC-V"),
		FOREIGN(0, "\x27\x05\x19\x56", "uImage"),
		FOREIGN(0, "\xd0\x0d\xfe\xed", "device tree"),
		FOREIGN(0, "ANDROID!", "Android"),
		FOREIGN(0, "070701", "cpio"),
		FOREIGN(0, "070702", "cpio"),
		FOREIGN(0, "070707", "cpio"),
		FOREIGN(0, "QFI\xfb", "qcow2"),
		FOREIGN(0, "\xfd\x37zXZ\0", "with xz; decompress it with xz"),
		FOREIGN(0, "BZh91AY&SY", "bzip2 -d"),
		FOREIGN(0, "\x04\x22\x4d\x18", "lz4 -d"),
		FOREIGN(0, "\x02\x21\x4c\x18", "lz4 -d"),
		FOREIGN(0, "\x89LZO\0\r\n\x1a\n", "lzop -d"),
		FOREIGN(0,
			"\x5d\0\0\x80\0\xff\xff\xff\xff"
			"\xff\xff\xff\xff",
			"lzma"),
		FOREIGN(0,
			"\x5d\0\0\0\x04\xff\xff\xff\xff"
			"\xff\xff\xff\xff",
			"lzma"),
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		const char *magic = formats[i].magic;
		u64 footprint;

		set_magic(f, KERNEL_SIZE, formats[i].offset, magic,
			  formats[i].len);
		assert_int_equal(load(f), -ENOEXEC);
		assert_said(f, formats[i].text);
		assert_int_equal(open_and_load(f, true), -ENOEXEC);
		nr_fatal = 0;
		assert_int_equal(image_check_firmware(f->path, f->data, f->len,
						      RAM_SIZE, &footprint),
				 -ENOEXEC);
		assert_said(f, formats[i].text);
	}
}

static void efi_programs(void **state)
{
	static const struct {
		u16 machine;
		const char *text;
	} machines[] = {
		{ 0x8664, "EFI program for x86-64" },
		{ 0x014c, "for x86," },
		{ 0x01c2, "for 32-bit ARM" },
		{ 0xaa64, "for arm64" },
		{ 0x5064, "for RISC-V" },
		{ 0x6264, "for LoongArch" },
		{ 0x0200, "for another machine" },
	};
	struct fixture *f = *state;

	set_magic(f, KERNEL_SIZE, 0, "MZ", 2);
	put_le(f->data + 0x3c, 0x80, 4);
	memcpy(f->data + 0x80, "PE\0\0", 4);
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		put_le(f->data + 0x84, machines[i].machine, 2);
		write_file(f);
		assert_int_equal(load(f), -ENOEXEC);
		assert_said(f, machines[i].text);
	}
	/* No PE header where it should be: it is code then. */
	put_le(f->data + 0x3c, 0xffffffff, 4);
	write_file(f);
	assert_int_equal(load(f), 0);
	put_le(f->data + 0x3c, 0x100 - 0x17, 4);
	memcpy(f->data + 0x100 - 0x17, "PE\0\0", 4);
	truncate_file(f, 0x100);
	assert_int_equal(load(f), 0);
}

static int check_firmware(struct fixture *f, u64 room, u64 *footprint)
{
	nr_fatal = 0;
	return image_check_firmware(f->path, f->data, f->len, room, footprint);
}

static void firmware_for_ram(void **state)
{
	struct fixture *f = *state;
	u64 footprint;

	/* EDK2 for kvmtool: an Image header, and firmware volumes behind. */
	set_arm64(f, 0x80000, SZ_2M);
	memcpy(f->data + 0x8028, "_FVH", 4);
	assert_int_equal(check_firmware(f, SZ_2M, &footprint), 0);
	assert_int_equal(footprint, SZ_2M);
	assert_int_equal(check_firmware(f, SZ_2M - 1, &footprint), -EFBIG);
	assert_said(f, "2097152");
	put_le(f->data + 0x10, UINT64_MAX, 8);
	assert_int_equal(check_firmware(f, RAM_SIZE, &footprint), -EFBIG);
	put_le(f->data + 0x10, 0, 8);
	assert_int_equal(check_firmware(f, RAM_SIZE, &footprint), 0);
	assert_int_equal(footprint, KERNEL_SIZE);

	set_magic(f, KERNEL_SIZE, 0, "\x0a\0\0\x14", 4);
	assert_int_equal(check_firmware(f, KERNEL_SIZE, &footprint), 0);
	assert_int_equal(footprint, KERNEL_SIZE);
	assert_int_equal(check_firmware(f, KERNEL_SIZE - 1, &footprint),
			 -EFBIG);
}

static void firmware_for_flash(void **state)
{
	static const u8 blank[256];
	struct fixture *f = *state;
	u64 footprint;

	/* AAVMF begins with a page of its own, a variable store does not. */
	for (size_t fv = 0; fv < SZ_64K; fv += SZ_4K) {
		set_magic(f, KERNEL_SIZE, fv + 0x28, "_FVH", 4);
		assert_int_equal(check_firmware(f, RAM_SIZE, &footprint),
				 -ENOEXEC);
		assert_said(f, "KVMTOOL_EFI.fd");
	}
	/* The signature has to be all there. */
	f->len = 0xf000 + 0x2b;
	assert_int_equal(check_firmware(f, RAM_SIZE, &footprint), 0);

	set_bytes(f, blank, sizeof(blank));
	assert_int_equal(check_firmware(f, RAM_SIZE, &footprint), -ENOEXEC);
	assert_said(f, "no code");
	memset(f->data, 0xff, f->len);
	assert_int_equal(check_firmware(f, RAM_SIZE, &footprint), -ENOEXEC);
	for (f->len = 0; f->len < 4; f->len++)
		assert_int_equal(check_firmware(f, RAM_SIZE, &footprint),
				 -ENOEXEC);
}

static void finds_firmware_for_flash(void **state)
{
	struct fixture *f = *state;

	for (size_t fv = 0; fv < SZ_64K; fv += SZ_4K) {
		set_magic(f, KERNEL_SIZE, fv + 0x28, "_FVH", 4);
		assert_true(image_runs_from_flash(f->path));
	}
	truncate_file(f, 0xf000 + 0x2b);
	assert_false(image_runs_from_flash(f->path));
	truncate_file(f, 0);
	assert_false(image_runs_from_flash(f->path));
	assert_false(image_runs_from_flash("/nonexistent"));
	assert_false(image_runs_from_flash("/"));

	set_magic(f, KERNEL_SIZE, SZ_64K + 0x28, "_FVH", 4);
	assert_false(image_runs_from_flash(f->path));
	/* That for RAM has volumes, too. */
	set_arm64(f, 0x80000, SZ_2M);
	memcpy(f->data + 0x8028, "_FVH", 4);
	write_file(f);
	assert_false(image_runs_from_flash(f->path));
}

/* What is in an image counts, not what it begins with; if it can be read. */
static void firmware_in_images(void **state)
{
	static const u8 head[512] = "QFI\xfb\0\0\0\3";
	struct fixture *f = *state;
	u64 footprint;

	set_magic(f, SZ_1M, 0x1028, "_FVH", 4);
	make_qcow2(f->path, f->data, f->len);
	assert_true(image_runs_from_flash(f->path));
	assert_int_equal(image_check_firmware(f->path, head, sizeof(head),
					      RAM_SIZE, &footprint),
			 -ENOEXEC);
	assert_said(f, "add --machine virt");
	qcow2_set(f->path, QCOW2_BACKING_FILE, 1);
	assert_false(image_runs_from_flash(f->path));
	fatal[0] = '\0';
	nr_fatal = 0;
	assert_int_equal(image_check_firmware(f->path, head, sizeof(head),
					      RAM_SIZE, &footprint),
			 -ENOEXEC);
	assert_said(f, "it is in qcow2 format, not raw; \"qemu-img convert -f");

	set_magic(f, SZ_1M, 0x1028, "XXXX", 4);
	make_qcow2(f->path, f->data, f->len);
	assert_false(image_runs_from_flash(f->path));
	memset(f->data, 0, f->len);
	make_qcow2(f->path, f->data, f->len);
	assert_false(image_runs_from_flash(f->path));
	set_magic(f, SZ_1M, 0x1028, "_FVH", 4);
	memcpy(f->data, "vhdxfile", 8);
	write_file(f);
	assert_false(image_runs_from_flash(f->path));
}

/* The words of a U-Boot's head, each with others of which it is none. */
static void finds_uboot_for_flash(void **state)
{
	static const struct {
		size_t offset;
		u64 good, bad;
	} words[] = {
		{ 0x00, 0xd503201f1400000aULL, 0xd503201f9400000aULL },
		{ 0x08, 0, 0x200000 },
		{ 0x10, 0xed228, 0 },
		{ 0x18, 0xed228, 0xed220 },
		{ 0x20, 0xf8f80, 0xed220 },
	};
	struct fixture *f = *state;
	u8 head[64] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		memcpy(head + words[i].offset, &words[i].good, sizeof(u64));
	set_bytes(f, head, sizeof(head));
	write_file(f);
	assert_true(image_runs_from_flash(f->path));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		memcpy(f->data + words[i].offset, &words[i].bad, sizeof(u64));
		write_file(f);
		assert_false(image_runs_from_flash(f->path));
		memcpy(f->data + words[i].offset, &words[i].good, sizeof(u64));
	}
	memcpy(f->data + 0x38, "ARM\x64", 4);
	write_file(f);
	assert_false(image_runs_from_flash(f->path));
	memset(f->data + 0x38, 0, 4);
	write_file(f);
	truncate_file(f, 0x28);
	assert_true(image_runs_from_flash(f->path));
	truncate_file(f, 0x27);
	assert_false(image_runs_from_flash(f->path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(arm64_image),
		TEST(arm64_image_longer_than_image_size),
		TEST(arm64_image_before_3_17),
		TEST(arm64_image_with_efi_stub),
		TEST(cut_off_image_is_noticed),
		TEST(hostile_header_values),
		TEST(room_is_exact),
		TEST(loads_once),
		TEST(zimage),
		TEST(zimage_big_endian),
		TEST(zimage_with_appended_dtb),
		TEST(arm64_image_in_32_bit_guest),
		TEST(flat_binary),
		TEST(no_code),
		TEST(truncated_header),
		TEST(foreign_files),
		TEST(efi_programs),
		TEST(firmware_for_ram),
		TEST(firmware_for_flash),
		TEST(finds_firmware_for_flash),
		TEST(firmware_in_images),
		TEST(finds_uboot_for_flash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
