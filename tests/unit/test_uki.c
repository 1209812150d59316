/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: arm/boot/uki.c arm/boot/pe.c arm/boot/boot_file.c */
/* SOURCES: arm/boot/image.c arm/boot/image_file.c util/zstd.c */
/* SOURCES: util/file.c util/gzip.c tests/unit/image_fixture.c */
/* The parts of unified kernel images. */
#include <errno.h>
#include <unistd.h>

#include "image_fixture.h"
#include "lkvm/arm/boot/uki.h"
#include "uki_fixture.h"

#define TEXT(name, text)                     \
	{                                    \
		name, text, sizeof(text) - 1 \
	}

static struct uki uki;

static void set_parts(struct fixture *f, const struct uki_part *parts, size_t n)
{
	size_t len;
	u8 *data = uki_make(parts, n, &len);

	set_data(f, data, len);
}

static int parse(struct fixture *f)
{
	int ret;

	write_file(f);
	nr_fatal = 0;
	uki_free(&uki);
	assert_int_equal(open_file(f, f->path, "kernel"), 0);
	ret = uki_read(&f->file, &uki);
	if (ret)
		assert_null(uki.cmdline);
	return ret;
}

static void assert_part(const struct fixture *f, struct file_range part,
			const char *text)
{
	assert_int_equal(part.size, strlen(text));
	assert_true(part.offset + part.size <= f->len);
	assert_memory_equal(f->data + part.offset, text, part.size);
}

static void assert_parts(struct fixture *f, const char *kernel,
			 const char *initrd, const char *cmdline)
{
	assert_int_equal(parse(f), 0);
	assert_int_equal(nr_fatal, 0);
	assert_part(f, uki.kernel, kernel);
	assert_part(f, uki.initrd, initrd);
	if (cmdline)
		assert_string_equal(uki.cmdline, cmdline);
	else
		assert_null(uki.cmdline);
	uki_free(&uki);
}

static void assert_none(struct fixture *f)
{
	assert_int_equal(parse(f), 0);
	assert_int_equal(nr_fatal, 0);
	assert_int_equal(uki.kernel.size, 0);
	assert_int_equal(uki.initrd.size, 0);
	assert_null(uki.cmdline);
}

static void all_parts(void **state)
{
	static const struct uki_part parts[] = {
		TEXT(".text", "stub"),	     TEXT(".osrel", "ID=debian\n"),
		TEXT(".cmdline", "quiet\n"), TEXT(".dtb", "\xd0\x0d\xfe\xed"),
		TEXT(".initrd", "070701"),   TEXT(".linux", "MZ kernel"),
	};
	struct fixture *f = *state;

	set_parts(f, parts, ARRAY_SIZE(parts));
	assert_parts(f, "MZ kernel", "070701", "quiet");
}

static void kernel_alone(void **state)
{
	static const struct uki_part parts[] = { TEXT(".linux", "kernel") };
	struct fixture *f = *state;

	set_parts(f, parts, 1);
	assert_parts(f, "kernel", "", NULL);
	/* All that is in the file, where the size in memory is none or more. */
	put_le(f->data + UKI_TABLE + 8, 0, 4);
	assert_int_equal(parse(f), 0);
	assert_int_equal(uki.kernel.size, UKI_ALIGN);
	put_le(f->data + UKI_TABLE + 8, 0xffffffff, 4);
	assert_int_equal(parse(f), 0);
	assert_int_equal(uki.kernel.size, UKI_ALIGN);
}

static void command_lines(void **state)
{
	static const struct {
		const char *text, *want;
		size_t len;
	} lines[] = {
		{ "a=b", "a=b", 3 },
		{ " \t\na=b\n\tc\r\n\n", "a=b  c", 12 },
		{ "a\0b\0", "a", 4 },
		{ "  \n ", "", 4 },
		{ "\xc3\xa4=1", "\xc3\xa4=1", 4 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const struct uki_part parts[] = {
			TEXT(".linux", "kernel"),
			{ ".cmdline", lines[i].text, lines[i].len },
		};

		set_parts(f, parts, 2);
		assert_parts(f, "kernel", "", lines[i].want);
	}
}

/* Profile 0, and the shared parts that it has none of; no other profile. */
static void profiles(void **state)
{
	static const struct uki_part parts[] = {
		TEXT(".linux", "shared"),  TEXT(".cmdline", "shared"),
		TEXT(".profile", "ID=0"),  TEXT(".cmdline", "own"),
		TEXT(".cmdline", "twice"), TEXT(".profile", "ID=1"),
		TEXT(".cmdline", "other"), TEXT(".initrd", "other"),
		TEXT(".linux", "other"),
	};
	static const struct uki_part in_first[] = {
		TEXT(".profile", "ID=0"),  TEXT(".linux", "kernel"),
		TEXT(".initrd", "initrd"), TEXT(".profile", "ID=1"),
		TEXT(".cmdline", "other"),
	};
	static const struct uki_part twice[] = {
		TEXT(".linux", "first"),
		TEXT(".linux", "second"),
	};
	struct fixture *f = *state;

	set_parts(f, parts, ARRAY_SIZE(parts));
	assert_parts(f, "shared", "", "own");
	set_parts(f, in_first, ARRAY_SIZE(in_first));
	assert_parts(f, "kernel", "initrd", NULL);
	set_parts(f, twice, 2);
	assert_parts(f, "first", "", NULL);
}

/* More sections than fit into the file's head. */
static void many_sections(void **state)
{
	struct uki_part parts[300];
	struct fixture *f = *state;
	size_t table = sizeof(parts) / sizeof(*parts) * UKI_HEADER;
	u8 *data;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i] = (struct uki_part)TEXT(".linux", "kernel");
	set_parts(f, parts, 1);
	data = calloc(1, UKI_TABLE + table);
	memcpy(data, f->data, UKI_TABLE);
	put_le(data + UKI_PE + 6, ARRAY_SIZE(parts), 2);
	memcpy(data + UKI_TABLE + table - UKI_HEADER, f->data + UKI_TABLE,
	       UKI_HEADER);
	put_le(data + UKI_TABLE + table - UKI_HEADER + 0x14, 2, 4);
	put_le(data + UKI_TABLE + table - UKI_HEADER + 0x10, 3, 4);
	set_data(f, data, UKI_TABLE + table);
	assert_int_equal(parse(f), 0);
	assert_int_equal(uki.kernel.offset, 2);
	assert_int_equal(uki.kernel.size, 3);
	truncate_file(f, f->len - 1);
	assert_none(f);
}

static void no_such_image(void **state)
{
	static const struct uki_part parts[] = {
		TEXT(".text", "stub"),
		TEXT(".initrd", "initrd"),
	};
	static const struct uki_part kernel[] = { TEXT(".linux", "kernel") };
	struct fixture *f = *state;

	set_parts(f, parts, 2);
	assert_none(f);
	set_parts(f, parts, 0);
	assert_none(f);
	set_arm64(f, 0, 0x100000);
	assert_none(f);
	set_bytes(f, "", 0);
	assert_none(f);
	set_bytes(f, "MZ", 2);
	assert_none(f);
	/* For another machine. */
	set_parts(f, kernel, 1);
	put_le(f->data + UKI_PE + 4, 0x8664, 2);
	assert_none(f);
	/* Wherever it is cut, nothing but the whole is an image. */
	set_parts(f, kernel, 1);
	for (size_t len = UKI_TABLE + UKI_HEADER - 1; len; len--) {
		f->len = len;
		assert_none(f);
	}
}

/* offset of a field in the section's header, bytes, value */
static void outside_the_file(void **state)
{
	static const struct uki_part parts[] = {
		TEXT(".linux", "kernel"),
		TEXT(".initrd", "initrd"),
		TEXT(".cmdline", "quiet"),
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		u8 *header;

		set_parts(f, parts, ARRAY_SIZE(parts));
		header = f->data + UKI_TABLE + i * UKI_HEADER;
		put_le(header + 0x14, f->len - parts[i].size + 1, 4);
		assert_int_equal(parse(f), -EBADMSG);
		assert_said(f, "lies outside the file");
		assert_said(f, parts[i].name);
		put_le(header + 0x14, 0xffffffff, 4);
		assert_int_equal(parse(f), -EBADMSG);
		put_le(header + 0x14, 0, 4);
		put_le(header + 0x08, 0xffffffff, 4);
		put_le(header + 0x10, 0xffffffff, 4);
		assert_int_equal(parse(f), -EBADMSG);
	}
	set_parts(f, parts, 1);
	put_le(f->data + UKI_TABLE + 0x10, 0, 4);
	assert_int_equal(parse(f), -EBADMSG);
	assert_said(f, ".linux is empty");
}

static void long_command_line(void **state)
{
	struct uki_part parts[] = {
		TEXT(".linux", "kernel"),
		{ ".cmdline", NULL, SZ_64K + 1 },
	};
	struct fixture *f = *state;
	char *text = malloc(SZ_64K + 1);

	memset(text, 'x', SZ_64K + 1);
	parts[1].data = text;
	set_parts(f, parts, 2);
	assert_int_equal(parse(f), -EBADMSG);
	assert_said(f, "its command line has 65537 bytes");
	parts[1].size--;
	set_parts(f, parts, 2);
	assert_int_equal(parse(f), 0);
	assert_int_equal(strlen(uki.cmdline), SZ_64K);
	uki_free(&uki);
	free(text);
}

/* The kernel is loaded from within, whatever it is wrapped in there. */
static void loaded(void **state)
{
	struct fixture *f = *state;
	struct uki_part parts[] = {
		TEXT(".cmdline", "quiet"),
		{ ".linux", NULL, KERNEL_SIZE },
		TEXT(".initrd", "initrd"),
	};
	u8 *plain;

	set_arm64(f, TEXT_OFFSET, 0x100000);
	plain = copy_of(f);
	parts[1].data = plain;
	set_parts(f, parts, ARRAY_SIZE(parts));
	assert_int_equal(parse(f), 0);
	f->file.part = uki.kernel;
	for (int i = 0; i < 2; i++) {
		set_room(f, RAM_SIZE);
		assert_int_equal(image_open(&f->img, &f->file, false), 0);
		assert_int_equal(
			image_load(&f->img, f->ram, f->room, &f->loaded), 0);
		assert_loaded(f, IMAGE_ARM64, TEXT_OFFSET, 0x100000, plain,
			      KERNEL_SIZE);
	}
	set_room(f, TEXT_OFFSET + 0x100000);
	assert_int_equal(image_open(&f->img, &f->file, false), 0);
	assert_int_equal(image_load(&f->img, f->ram, f->room, &f->loaded), 0);
	uki_free(&uki);
	free(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_parts),	TEST(kernel_alone),
		TEST(command_lines),	TEST(profiles),
		TEST(many_sections),	TEST(no_such_image),
		TEST(outside_the_file), TEST(long_command_line),
		TEST(loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
