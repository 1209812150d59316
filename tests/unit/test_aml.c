/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/tables/aml.c arm/tables/aml_resource.c util/blob.c */
/* The AML writer: encodings of ACPI 6.5, chapter 20, byte by byte. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/arm/tables/aml.h"

struct code {
	struct blob blob;
	struct aml_writer aml;
};

static int setup(void **state)
{
	static struct code code;

	code.blob = (struct blob) { .limit = SZ_2M };
	aml_begin(&code.aml, &code.blob);
	*state = &code;
	return 0;
}

static int teardown(void **state)
{
	struct code *code = *state;

	blob_free(&code->blob);
	return 0;
}

/* Compares all that was written, and starts anew. */
static void expect(struct code *code, const char *bytes, size_t len)
{
	aml_finish(&code->aml);
	assert_int_equal(code->blob.err, 0);
	assert_int_equal(code->blob.size, len);
	assert_memory_equal(code->blob.data, bytes, len);
	blob_free(&code->blob);
}

static void expect_error(struct code *code, int err)
{
	assert_int_equal(code->blob.err, err);
	blob_free(&code->blob);
	aml_begin(&code->aml, &code->blob);
}

#define EXPECT(code, bytes) expect(code, bytes, sizeof(bytes) - 1)

static void integers(void **state)
{
	struct code *code = *state;
	static const u64 values[] = {
		0,
		1,
		2,
		0xff,
		0x100,
		0xffff,
		0x10000,
		UINT32_MAX,
		1 + (u64)UINT32_MAX,
		UINT64_MAX - 1,
		UINT64_MAX,
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		aml_integer(&code->aml, values[i]);
	EXPECT(code, "\x00\x01\x0a\x02\x0a\xff"
		     "\x0b\x00\x01\x0b\xff\xff\x0c\x00\x00\x01\x00"
		     "\x0c\xff\xff\xff\xff\x0e\x00\x00\x00\x00\x01\x00\x00\x00"
		     "\x0e\xfe\xff\xff\xff\xff\xff\xff\xff\xff");
}

static void strings(void **state)
{
	struct code *code = *state;

	aml_string(&code->aml, "QEMU0002");
	EXPECT(code, "\x0dQEMU0002\0");
	aml_string(&code->aml, "caf\xc3\xa9");
	expect_error(code, -EINVAL);
}

static void eisa_ids(void **state)
{
	struct code *code = *state;

	aml_eisaid(&code->aml, "PNP0C0C");
	aml_eisaid(&code->aml, "PNP0501");
	aml_eisaid(&code->aml, "ABZ9AF0");
	EXPECT(code, "\x0c\x41\xd0\x0c\x0c\x0c\x41\xd0\x05\x01"
		     "\x0c\x04\x5a\x9a\xf0");
	static const char *const bad[] = { "",	      "PNP0C0",	 "PNP0C0CC",
					   "pNP0C0C", "PNP0c0C", "PNP0C0G",
					   "P1P0C0C", "[NP0C0C" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		aml_eisaid(&code->aml, bad[i]);
		expect_error(code, -EINVAL);
	}
}

static void paths(void **state)
{
	struct code *code = *state;

	aml_path(&code->aml, "\\_SB");
	EXPECT(code, "\\_SB_");
	aml_path(&code->aml, "\\_SB.PWRB");
	EXPECT(code, "\\\x2e_SB_PWRB");
	aml_path(&code->aml, "A.B1.C_3D");
	EXPECT(code, "\x2f\x03"
		     "A___B1__C_3D");
	aml_path(&code->aml, "^^X");
	EXPECT(code, "^^X___");
	static const char *const bad[] = {
		"",   "\\",   "^",   "a",    "1A",   "ABCDE", "A.",
		".A", "A..B", "A B", "\\^A", "A.^B", "A\\B",  "\\\\A",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		aml_path(&code->aml, bad[i]);
		expect_error(code, -EINVAL);
	}
}

static void named_objects(void **state)
{
	struct code *code = *state;

	aml_name_string(&code->aml, "_HID", "X");
	aml_name_integer(&code->aml, "_UID", 3);
	aml_name_eisaid(&code->aml, "_CID", "PNP0C0C");
	EXPECT(code, "\x08_HID\x0dX\0\x08_UID\x0a\x03"
		     "\x08_CID\x0c\x41\xd0\x0c\x0c");
	aml_name(&code->aml, "A.B");
	expect_error(code, -EINVAL);
}

static void nested(void **state)
{
	struct code *code = *state;

	aml_scope_begin(&code->aml, "\\_SB");
	aml_device_begin(&code->aml, "D");
	aml_method_begin(&code->aml, "_E03", 2);
	aml_notify(&code->aml, "\\_SB.D", 0x80);
	aml_end(&code->aml);
	aml_name(&code->aml, "P");
	aml_package_begin(&code->aml, 2);
	aml_integer(&code->aml, 1);
	aml_integer(&code->aml, 0);
	aml_end(&code->aml);
	aml_end(&code->aml);
	aml_end(&code->aml);
	EXPECT(code, "\x10\x2b\\_SB_\x5b\x82\x23"
		     "D___\x14\x13_E03\x02\x86\\\x2e_SB_D___\x0a\x80"
		     "\x08P___\x12\x04\x02\x01\x00");
}

/* The length counts itself, so each limit is met from either side. */
static void lengths(void **state)
{
	static const struct {
		size_t body;
		size_t bytes;
		const char *text;
	} cases[] = {
		{ 0x3e, 1, "\x3f" },
		{ 0x3f, 2, "\x41\x04" },
		{ 0xffd, 2, "\x4f\xff" },
		{ 0xffe, 3, "\x81\x00\x01" },
		{ 0xffffc, 3, "\x8f\xff\xff" },
		{ 0xffffd, 4, "\xc1\x00\x00\x01" },
	};
	struct code *code = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		aml_scope_begin(&code->aml, "A");
		blob_add_zeros(&code->blob, cases[i].body - 4);
		aml_end(&code->aml);
		assert_int_equal(code->blob.size,
				 1 + cases[i].bytes + cases[i].body);
		assert_memory_equal(code->blob.data + 1, cases[i].text,
				    cases[i].bytes);
		blob_free(&code->blob);
	}
}

static void resources(void **state)
{
	struct code *code = *state;

	aml_resources_begin(&code->aml);
	aml_memory32(&code->aml, 0x9000000, 0x1000);
	aml_interrupt(&code->aml, 33, false);
	aml_interrupt(&code->aml, 0x12345678, true);
	aml_end(&code->aml);
	EXPECT(code, "\x11\x23\x0a\x20"
		     "\x86\x09\x00\x01\x00\x00\x00\x09\x00\x10\x00\x00"
		     "\x89\x06\x00\x01\x01\x21\x00\x00\x00"
		     "\x89\x06\x00\x03\x01\x78\x56\x34\x12\x79\x00");
	aml_resources_begin(&code->aml);
	aml_end(&code->aml);
	EXPECT(code, "\x11\x05\x0a\x02\x79\x00");
}

static void gpio(void **state)
{
	struct code *code = *state;

	aml_resources_begin(&code->aml);
	aml_gpio_interrupt(&code->aml, "\\_SB.GPO0", 3);
	aml_end(&code->aml);
	EXPECT(code, "\x11\x28\x0a\x25"
		     "\x8c\x20\x00\x01\x00\x01\x00\x01\x00\x01\x00\x00\x00\x00"
		     "\x17\x00\x00\x19\x00\x23\x00\x00\x00\x03\x00"
		     "\\_SB.GPO0\0\x79\x00");
}

static void windows(void **state)
{
	struct code *code = *state;

	aml_resources_begin(&code->aml);
	aml_bus_window(&code->aml, 0, 0xff);
	aml_memory_window(&code->aml, 0x10000000, 0x2eff0000);
	aml_port_window(&code->aml, 0x4000000000, SZ_64K);
	aml_memory_window(&code->aml, 0xfffff000, 0x2000);
	aml_memory64(&code->aml, 0x1000, 0x1000);
	aml_end(&code->aml);
	EXPECT(code, "\x11\x4a\x0b\x0a\xb6"
		     "\x88\x0d\x00\x02\x0c\x00\0\0\0\0\xff\0\0\0\0\1"
		     "\x87\x17\x00\x00\x0c\x01\0\0\0\0\0\0\0\x10"
		     "\xff\xff\xfe\x3e\0\0\0\0\0\0\xff\x2e"
		     "\x8a\x2b\x00\x01\x0c\x03\0\0\0\0\0\0\0\0"
		     "\0\0\0\0\0\0\0\0\xff\xff\0\0\0\0\0\0"
		     "\0\0\0\0\x40\0\0\0\0\0\1\0\0\0\0\0"
		     "\x8a\x2b\x00\x00\x0c\x01\0\0\0\0\0\0\0\0"
		     "\0\xf0\xff\xff\0\0\0\0\xff\x0f\0\0\1\0\0\0"
		     "\0\0\0\0\0\0\0\0\0\x20\0\0\0\0\0\0"
		     "\x8a\x2b\x00\x00\x0d\x01\0\0\0\0\0\0\0\0"
		     "\0\x10\0\0\0\0\0\0\xff\x1f\0\0\0\0\0\0"
		     "\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\x79\x00");
}

static void bus_windows(void **state)
{
	struct code *code = *state;

	aml_resources_begin(&code->aml);
	aml_bus_window(&code->aml, 3, 5);
	aml_bus_window(&code->aml, 7, 7);
	aml_end(&code->aml);
	EXPECT(code, "\x11\x25\x0a\x22"
		     "\x88\x0d\x00\x02\x0c\x00\0\0\3\0\5\0\0\0\3\0"
		     "\x88\x0d\x00\x02\x0c\x00\0\0\7\0\7\0\0\0\1\0"
		     "\x79\x00");
}

static void bad_windows(void **state)
{
	struct code *code = *state;

	aml_resources_begin(&code->aml);
	aml_bus_window(&code->aml, 1, 0);
	expect_error(code, -EINVAL);
	aml_resources_begin(&code->aml);
	aml_memory_window(&code->aml, 0x1000, 0);
	expect_error(code, -EINVAL);
	aml_resources_begin(&code->aml);
	aml_memory64(&code->aml, 2, UINT64_MAX);
	expect_error(code, -EINVAL);
	aml_resources_begin(&code->aml);
	aml_port_window(&code->aml, 0x1000, SZ_64K + 1);
	expect_error(code, -EINVAL);
	aml_memory64(&code->aml, 0, 1);
	expect_error(code, -EINVAL);
}

/* Descriptors have one place, all else has others. */
static void misplaced(void **state)
{
	struct code *code = *state;

	aml_memory32(&code->aml, 0, 1);
	expect_error(code, -EINVAL);
	aml_scope_begin(&code->aml, "A");
	aml_interrupt(&code->aml, 32, false);
	expect_error(code, -EINVAL);
	aml_resources_begin(&code->aml);
	aml_integer(&code->aml, 7);
	expect_error(code, -EINVAL);
	aml_resources_begin(&code->aml);
	aml_name(&code->aml, "A");
	expect_error(code, -EINVAL);
	aml_resources_begin(&code->aml);
	aml_path(&code->aml, "A");
	expect_error(code, -EINVAL);
}

static void ranges_of_memory(void **state)
{
	struct code *code = *state;

	aml_resources_begin(&code->aml);
	aml_memory32(&code->aml, 0xfffff000, 0x1000);
	aml_memory32(&code->aml, 0, UINT32_MAX);
	aml_end(&code->aml);
	assert_int_equal(code->blob.err, 0);
	for (int i = 0; i < 3; i++) {
		static const u64 bad[][2] = { { 0xfffff000, 0x1001 },
					      { SZ_4G, 1 },
					      { 0, SZ_4G } };

		aml_resources_begin(&code->aml);
		aml_memory32(&code->aml, bad[i][0], bad[i][1]);
		expect_error(code, -ERANGE);
	}
}

static void unbalanced(void **state)
{
	struct code *code = *state;

	aml_end(&code->aml);
	expect_error(code, -EINVAL);
	aml_scope_begin(&code->aml, "A");
	aml_finish(&code->aml);
	expect_error(code, -EINVAL);
	for (int i = 0; i < AML_MAX_DEPTH; i++)
		aml_device_begin(&code->aml, "D");
	assert_int_equal(code->blob.err, 0);
	aml_device_begin(&code->aml, "D");
	expect_error(code, -EINVAL);
}

static void counts(void **state)
{
	struct code *code = *state;

	aml_method_begin(&code->aml, "M", 8);
	expect_error(code, -EINVAL);
	aml_package_begin(&code->aml, 256);
	expect_error(code, -EINVAL);
	aml_method_begin(&code->aml, "M", 7);
	aml_package_begin(&code->aml, 255);
	aml_end(&code->aml);
	aml_end(&code->aml);
	EXPECT(code, "\x14\x09M___\x07\x12\x02\xff");
}

/* A full blob in the middle of anything: an error, no crash. */
static void every_limit(void **state)
{
	struct code *code = *state;

	for (size_t limit = 0;; limit++) {
		blob_free(&code->blob);
		code->blob.limit = limit;
		aml_begin(&code->aml, &code->blob);
		aml_scope_begin(&code->aml, "\\_SB");
		aml_device_begin(&code->aml, "D");
		aml_name(&code->aml, "_CRS");
		aml_resources_begin(&code->aml);
		aml_memory32(&code->aml, 0, 1);
		aml_gpio_interrupt(&code->aml, "X", 1);
		aml_end(&code->aml);
		aml_end(&code->aml);
		aml_end(&code->aml);
		aml_finish(&code->aml);
		if (!code->blob.err)
			break;
		assert_int_equal(code->blob.err, -E2BIG);
	}
	assert_int_equal(code->blob.limit, code->blob.size);
}

#define AML_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AML_TEST(integers),	 AML_TEST(strings),
		AML_TEST(eisa_ids),	 AML_TEST(paths),
		AML_TEST(named_objects), AML_TEST(nested),
		AML_TEST(lengths),	 AML_TEST(resources),
		AML_TEST(gpio),		 AML_TEST(windows),
		AML_TEST(bad_windows),	 AML_TEST(bus_windows),
		AML_TEST(misplaced),	 AML_TEST(ranges_of_memory),
		AML_TEST(unbalanced),	 AML_TEST(counts),
		AML_TEST(every_limit),
	};

	return cmocka_run_group_tests_name("aml", tests, NULL, NULL);
}
