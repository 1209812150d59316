/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: arm/boot/boot_file.c arm/boot/image.c arm/boot/image_file.c */
/* SOURCES: arm/boot/pe.c util/zstd.c util/file.c util/gzip.c */
/* SOURCES: tests/unit/image_fixture.c */
/* WRAP: zstd_open_source */
/* Kernels compressed with zstd: as a file, and as the payload of EFI zboot. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "image_fixture.h"
#include "lkvm/util/zstd.h"

#define ZBOOT_OFFSET 0x1234

/* What a build without libzstd does. */
static bool without_zstd;

int __real_zstd_open_source(struct byte_source *source,
			    struct zstd_reader **out);
int __wrap_zstd_open_source(struct byte_source *source,
			    struct zstd_reader **out);

int __wrap_zstd_open_source(struct byte_source *source,
			    struct zstd_reader **out)
{
	return without_zstd ? -ENOTSUP : __real_zstd_open_source(source, out);
}

static void zstd_file(struct fixture *f)
{
	size_t room = ZSTD_compressBound(f->len);
	u8 *out = malloc(room);
	size_t n = ZSTD_compress(out, room, f->data, f->len, 1);

	assert_false(ZSTD_isError(n));
	set_data(f, out, n);
}

/* As Linux's build makes it: the payload, its size when unpacked, and code. */
static void zboot_file(struct fixture *f, const char *compression)
{
	size_t size = f->len;
	u8 *data;

	zstd_file(f);
	data = calloc(1, ZBOOT_OFFSET + f->len + 4 + 100);
	memcpy(data, "MZ\0\0zimg", 8);
	put_le(data + 0x08, ZBOOT_OFFSET, 4);
	put_le(data + 0x0c, f->len + 4, 4);
	strcpy((char *)data + 0x18, compression);
	memcpy(data + ZBOOT_OFFSET, f->data, f->len);
	put_le(data + ZBOOT_OFFSET + f->len, size, 4);
	memset(data + ZBOOT_OFFSET + f->len + 4, 0x28, 100);
	set_data(f, data, ZBOOT_OFFSET + f->len + 4 + 100);
}

static void image(void **state)
{
	struct fixture *f = *state;
	u8 *plain;

	set_arm64(f, TEXT_OFFSET, 0x100000);
	plain = copy_of(f);
	zstd_file(f);
	assert_int_equal(load(f), 0);
	assert_loaded(f, IMAGE_ARM64, TEXT_OFFSET, 0x100000, plain,
		      KERNEL_SIZE);
	free(plain);
}

static void zboot(void **state)
{
	static const char *const names[] = { "zstd", "zstd22" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		u8 *plain;

		set_room(f, RAM_SIZE);
		set_arm64(f, TEXT_OFFSET, 0x100000);
		plain = copy_of(f);
		zboot_file(f, names[i]);
		assert_int_equal(load(f), 0);
		assert_loaded(f, IMAGE_ARM64, TEXT_OFFSET, 0x100000, plain,
			      KERNEL_SIZE);
		free(plain);
	}
}

static void damaged(void **state)
{
	struct fixture *f = *state;
	size_t full;

	set_arm64(f, 0, 0x100000);
	zstd_file(f);
	full = f->len;
	for (size_t len = full - 1; len >= 4; len -= len > 300 ? 251 : 1) {
		truncate_file(f, len);
		assert_int_equal(load(f), -EBADMSG);
		assert_said(f, "truncated: its zstd data");
	}
	truncate_file(f, full);
	f->data[4] |= 0x08; /* a bit that is reserved */
	write_file(f);
	assert_int_equal(load(f), -EBADMSG);
	assert_said(f, "zstd data is corrupt");
}

/* As little memory as the guest has is all that it may fill. */
static void bomb(void **state)
{
	const size_t size = 64 * SZ_1M;
	struct fixture *f = *state;
	u8 *data = calloc(1, size);

	put_le(data, 0xd503201f, 4); /* nop */
	set_data(f, data, size);
	zstd_file(f);
	assert_true(f->len < SZ_64K);
	assert_int_equal(load(f), -EFBIG);
	assert_said(f, "does not fit");
	assert_int_equal(open_file(f, f->path, "kernel"), 0);
	assert_int_equal(image_unpack(&f->file, SZ_1M), 0);
	assert_int_equal(f->file.size, SZ_1M + 1);
}

static void window(void **state)
{
	static const u8 frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0,
				    0xf8, 9,	0,    0,    'x' };
	struct fixture *f = *state;

	set_bytes(f, frame, sizeof(frame));
	assert_int_equal(load(f), -EBADMSG);
	assert_said(f, "more than 128 MiB; compress it without --long");
}

static void something_else(void **state)
{
	struct fixture *f = *state;

	set_magic(f, 4096, 0, "070701", 6);
	zstd_file(f);
	assert_int_equal(load(f), -ENOEXEC);
	assert_said(f, "compressed in it is a cpio archive");

	set_arm64(f, 0, 0x100000);
	zstd_file(f);
	zstd_file(f);
	assert_int_equal(load(f), -ENOEXEC);
	assert_said(f, "compressed in it is compressed with zstd; decompress");

	set_bytes(f, "", 0);
	zstd_file(f);
	assert_int_equal(load(f), -ENODATA);
	assert_said(f, "nothing in its zstd data");
}

/* As firmware gets it, which does not unpack that; zboot stays as it is. */
static void unpacked(void **state)
{
	struct fixture *f = *state;
	u8 *plain;

	set_arm64(f, 0, 0x100000);
	plain = copy_of(f);
	zstd_file(f);
	assert_int_equal(open_file(f, f->path, "kernel"), 0);
	assert_int_equal(image_unpack(&f->file, RAM_SIZE), 0);
	assert_int_equal(file_load(&f->file, f->ram, f->room, &f->loaded), 0);
	assert_int_equal(f->loaded, KERNEL_SIZE);
	assert_ram(f, 0, plain, KERNEL_SIZE);
	free(plain);

	zboot_file(f, "zstd");
	assert_int_equal(open_file(f, f->path, "kernel"), 0);
	assert_int_equal(image_unpack(&f->file, RAM_SIZE), 0);
	assert_int_equal(f->file.size, f->len);
}

static void built_without(void **state)
{
	struct fixture *f = *state;

	without_zstd = true;
	set_arm64(f, 0, 0x100000);
	zstd_file(f);
	assert_int_equal(load(f), -ENOEXEC);
	assert_said(f, "built without libzstd; decompress it with zstd -d");
	set_arm64(f, 0, 0x100000);
	zboot_file(f, "zstd");
	assert_int_equal(load(f), -ENOEXEC);
	assert_said(f, "built without libzstd; use arch/arm64/boot/Image");
	without_zstd = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(image),	TEST(zboot),	     TEST(damaged),
		TEST(bomb),	TEST(window),	     TEST(something_else),
		TEST(unpacked), TEST(built_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
