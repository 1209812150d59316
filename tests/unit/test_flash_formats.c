/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/store.c hw/flash/open.c hw/flash/file.c */
/* SOURCES: hw/flash/template.c util/file.c util/gzip.c */
/* SOURCES: tests/unit/flash_fixture.c tests/unit/qcow2_fixture.c */
/* Files of banks and templates in formats that are not raw. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "flash_fixture.h"
#include "qcow2_fixture.h"

static struct flash_store store;
static u8 data[WINDOW];

static void fill_data(void)
{
	for (u64 i = 0; i < sizeof(data); i++)
		data[i] = pattern(i);
}

static int setup(void **state)
{
	forget_messages();
	fill_data();
	return make_dir(state);
}

static void make_bytes(const char *name, const void *bytes, size_t len)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static int open_with(const char *options)
{
	struct flash_config config = config_of("f", options);

	if (strstr(options, ",template"))
		config.template = lasting_path_of("t");
	forget_messages();
	memset(&store, 0x5a, sizeof(store));
	return flash_store_open(&store, &config, BLOCK, WINDOW);
}

static void assert_opens(const char *options, u64 size, u64 persistent)
{
	if (open_with(options))
		fail_msg("not opened: %s", messages);
	assert_int_equal(nr_fatal, 0);
	assert_content(&store, size, persistent);
	assert_int_equal(store.persistent, persistent);
	flash_store_close(&store);
}

static void assert_refused(const char *options, int err, const char *text)
{
	assert_refusal(open_with(options), err, text);
	assert_said(path_of(strstr(options, ",template") ? "t" : "f"));
}

/* The content of the file "f" is what it was. */
static u64 sum_of_file(void)
{
	static u8 bytes[2 * WINDOW];
	u64 len = file_bytes();

	assert_true(len <= sizeof(bytes));
	read_file(0, bytes, len);
	return crc32(0, bytes, (unsigned int)len) | len << 32;
}

/* ---- Formats by name ----------------------------------------------------- */

static const struct {
	const char *name, *magic;
	size_t offset, len;
	bool compressed;
	const char *command;
} formats[] = {
	{ "qcow", "QFI\xfb\0\0\0\1", 0, 8, false, "qemu-img convert -f qcow" },
	{ "VMDK", "KDMV", 0, 4, false, "qemu-img convert -f vmdk -O raw" },
	{ "VDI", "\x7f\x10\xda\xbe\1\0\1\0", 0x40, 8, false,
	  "qemu-img convert -f vdi -O raw" },
	{ "VHDX", "vhdxfile", 0, 8, false, "qemu-img convert -f vhdx -O raw" },
	{ "xz", "\xfd\x37zXZ\0", 0, 6, true, "xz -dc" },
	{ "zstd", "\x28\xb5\x2f\xfd", 0, 4, true, "zstd -dc" },
	{ "bzip2", "1AY&SY", 4, 6, true, "bzip2 -dc" },
	{ "lz4", "\x04\x22\x4d\x18", 0, 4, true, "lz4 -dc" },
};

/* However it is used, and nothing is written to it. */
static void refused_by_name(void **state)
{
	static const char *const options[] = { "",	    ",ro",
					       ",snapshot", ",create",
					       ",size=1M",  ",create,size=1M" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		u64 sum;

		memcpy(data + formats[i].offset, formats[i].magic,
		       formats[i].len);
		make_bytes("f", data, BLOCK + 512);
		sum = sum_of_file();
		for (size_t j = 0; j < ARRAY_SIZE(options); j++) {
			assert_refused(options[j], EINVAL, formats[i].name);
			assert_said("format, not raw; \"");
			assert_said(formats[i].command);
			assert_true(sum_of_file() == sum);
		}
		fill_data();
	}
}

/* A disk image is one whatever its size, which is 2^n often enough. */
static void banks_that_begin_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		memcpy(data + formats[i].offset, formats[i].magic,
		       formats[i].len);
		make_bytes("f", data, BLOCK);
		if (formats[i].compressed) {
			assert_int_equal(open_with(""), 0);
			assert_memory_equal(store.array, data, BLOCK);
			flash_store_close(&store);
		} else {
			assert_refused("", EINVAL, formats[i].name);
		}
		fill_data();
	}
}

static void templates_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		memcpy(data + formats[i].offset, formats[i].magic,
		       formats[i].len);
		make_bytes("t", data, 100);
		assert_refused(",template", EINVAL, formats[i].name);
		assert_said(formats[i].command);
		assert_int_equal(access(PATH, F_OK), -1);
		fill_data();
	}
}

static void too_short_for_a_format(void **state)
{
	(void)state;
	make_bytes("f", "", 0);
	assert_refused("", EINVAL, "is empty");
	make_bytes("f", "QFI", 3);
	assert_refused("", EINVAL, "less than one erase block");
}

/* ---- qcow2 --------------------------------------------------------------- */

static void qcow2_is_read(void **state)
{
	static const char *const options[] = { ",ro", ",snapshot",
					       ",ro,size=1M",
					       ",snapshot,size=64K" };

	(void)state;
	make_qcow2(PATH, data, BLOCK);
	for (size_t i = 0; i < 2; i++)
		assert_opens(options[i], BLOCK, BLOCK);
	assert_opens(options[2], SZ_1M, BLOCK);
	make_qcow2(PATH, data, 768 * SZ_1K);
	assert_opens(options[0], SZ_1M, 768 * SZ_1K);
	assert_said("has 786432 bytes, not a power of two");
	make_qcow2(PATH, data, SZ_1M);
	assert_opens(options[0], SZ_1M, SZ_1M);
	assert_opens(options[3], BLOCK, BLOCK);
}

/* What is zero neither is in the file nor needs memory. */
static void qcow2_with_holes(void **state)
{
	unsigned char pages[WINDOW / 4096];
	unsigned int n = 0;

	(void)state;
	memset(data, 0, sizeof(data));
	data[5 * SZ_4K] = 1;
	data[SZ_1M - 1] = 2;
	make_qcow2(PATH, data, SZ_1M);
	assert_true(file_bytes() < SZ_64K);
	assert_int_equal(open_with(",ro"), 0);
	assert_memory_equal(store.array, data, SZ_1M);
	flash_store_close(&store);
	assert_int_equal(open_with(",ro"), 0);
	assert_int_equal(mincore(store.array, SZ_1M, pages), 0);
	for (size_t i = 0; i < sizeof(pages); i++)
		n += pages[i] & 1;
	assert_true(n <= 32);
	flash_store_close(&store);
}

static void qcow2_snapshot_is_writable(void **state)
{
	u8 zero[64] = { 0 };
	u64 sum;

	(void)state;
	make_qcow2(PATH, data, BLOCK);
	sum = sum_of_file();
	assert_int_equal(open_with(",snapshot"), 0);
	assert_int_equal(flash_store_write(&store, 0, zero, 64), 0);
	assert_int_equal(flash_store_finish(&store), 0);
	assert_memory_equal(store.array, zero, 64);
	flash_store_close(&store);
	assert_true(sum_of_file() == sum);
}

static void qcow2_is_not_written_to(void **state)
{
	u64 sum;

	(void)state;
	make_qcow2(PATH, data, BLOCK);
	sum = sum_of_file();
	assert_refused("", EINVAL,
		       "is in qcow2 format and cannot be written to: name it "
		       "as \"template=\" of a new file, add \",snapshot\" or "
		       "\",ro\", or convert it: \"qemu-img convert -f qcow2 -O "
		       "raw ");
	assert_refused(",create,size=1M", EINVAL, "is in qcow2 format");
	assert_true(sum_of_file() == sum);
}

static void qcow2_template(void **state)
{
	(void)state;
	make_qcow2(path_of("t"), data, 768 * SZ_1K);
	if (open_with(",template"))
		fail_msg("not opened: %s", messages);
	assert_content(&store, SZ_1M, 768 * SZ_1K);
	assert_int_equal(file_bytes(), SZ_1M);
	flash_store_close(&store);
	/* The new file is raw. */
	assert_int_equal(open_with(""), 0);
	assert_content(&store, SZ_1M, 768 * SZ_1K);
	flash_store_close(&store);
}

static void qcow2_sizes(void **state)
{
	(void)state;
	make_qcow2(PATH, data, 4096);
	assert_refused(",ro", EINVAL, "has 4096 bytes, less than one erase");
	make_qcow2(PATH, data, 0);
	assert_refused(",ro", EINVAL, "is empty once decoded");
	make_qcow2(PATH, data, SZ_1M);
	qcow2_set(PATH, 24, SZ_2M);
	assert_refused(",ro", EFBIG, "there is room for 1048576");
	qcow2_set(PATH, 24, SZ_1M + 512);
	assert_refused(",ro", EFBIG, "there is room for 1048576");
}

static void qcow2_that_is_not_read(void **state)
{
	(void)state;
	make_qcow2(PATH, data, BLOCK);
	qcow2_set(PATH, QCOW2_BACKING_FILE, 1000);
	assert_refused(",ro", ENOTSUP,
		       "the qcow2 image needs its backing file, which is "
		       "not read; make a raw file of it with \"qemu-img");
	qcow2_set(PATH, QCOW2_BACKING_FILE, 0);
	qcow2_set(PATH, QCOW2_FEATURES, 1);
	assert_refused(",snapshot", ENOTSUP, "qemu-img check");
	qcow2_set(PATH, QCOW2_FEATURES, 0);
	qcow2_set(PATH, QCOW2_L2 + 8, SZ_16M);
	assert_refused(",ro", EBADMSG, "is corrupt, or not all of it is there");
	make_qcow2(path_of("t"), data, BLOCK);
	qcow2_set(path_of("t"), QCOW2_L2, SZ_16M);
	unlink(PATH);
	assert_refused(",template", EBADMSG, "the qcow2 image is corrupt");
	assert_int_equal(access(PATH, F_OK), -1);
}

/* ---- gzip of another format ---------------------------------------------- */

static void compressed_image(void **state)
{
	char from[256];
	gzFile gz;

	(void)state;
	make_qcow2(PATH, data, BLOCK);
	read_file(0, data, BLOCK);
	gz = gzopen(path_of("t"), "w");
	assert_non_null(gz);
	assert_int_equal(gzwrite(gz, data, BLOCK), BLOCK);
	assert_int_equal(gzclose(gz), Z_OK);
	unlink(PATH);
	assert_refused(
		",template", ENOTSUP,
		"once decompressed it is an image in another format than raw");
	strcpy(from, path_of("t"));
	assert_int_equal(rename(from, PATH), 0);
	assert_refused(",ro", ENOTSUP,
		       "gunzip it and convert that with \"qemu-img");
}

#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, setup, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIR_TEST(refused_by_name),
		DIR_TEST(banks_that_begin_so),
		DIR_TEST(templates_by_name),
		DIR_TEST(too_short_for_a_format),
		DIR_TEST(qcow2_is_read),
		DIR_TEST(qcow2_with_holes),
		DIR_TEST(qcow2_snapshot_is_writable),
		DIR_TEST(qcow2_is_not_written_to),
		DIR_TEST(qcow2_template),
		DIR_TEST(qcow2_sizes),
		DIR_TEST(qcow2_that_is_not_read),
		DIR_TEST(compressed_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
