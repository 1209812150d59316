/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/tables/smbios.c util/blob.c */
/* WRAP: realloc */
/*
 * SMBIOS structures, read as DSP0134 has them. What dmidecode thinks of them:
 * tests/unit/acpi_tables.py.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/arm/tables/smbios.h"
#include "lkvm/util/log.h"

#define FOREVER 1000000

static unsigned int messages;

/* How many calls of realloc() still succeed. */
static int reallocs_left;

void *__wrap_realloc(void *p, size_t size);
void *__real_realloc(void *p, size_t size);

void *__wrap_realloc(void *p, size_t size)
{
	return reallocs_left-- > 0 ? __real_realloc(p, size) : NULL;
}

void pr_fatal(const char *fmt, ...)
{
	(void)fmt;
	messages++;
}

struct world {
	struct smbios_machine machine;
	struct smbios_tables tables;
};

static int setup(void **state)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	world.machine.nr_cpus = 4;
	world.machine.ram[0] = (struct smbios_range) { SZ_1G, SZ_1G };
	world.machine.nr_ram = 1;
	messages = 0;
	reallocs_left = FOREVER;
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	smbios_tables_free(&w->tables);
	assert_null(w->tables.tables.data);
	return 0;
}

static void build(struct world *w)
{
	smbios_tables_free(&w->tables);
	assert_int_equal(smbios_build(&w->machine, &w->tables), 0);
	assert_int_equal(messages, 0);
}

/* The structure at *at, which is moved behind it; NULL at the end. */
static const u8 *next(const struct world *w, size_t *at)
{
	const struct blob *blob = &w->tables.tables;
	const u8 *s = blob->data + *at;
	size_t end = *at;

	if (*at == blob->size)
		return NULL;
	assert_true(*at + 4 <= blob->size);
	assert_true(s[1] >= 4);
	end += s[1];
	while (end + 2 <= blob->size && efi_le16(blob->data + end))
		end++;
	assert_true(end + 2 <= blob->size);
	*at = end + 2;
	return s;
}

/* The nth structure of a type, which is there and has that length. */
static const u8 *structure(const struct world *w, u8 type, u8 length,
			   unsigned int n)
{
	const u8 *s;
	size_t at = 0;

	while ((s = next(w, &at)))
		if (s[0] == type && !n--)
			break;
	assert_non_null(s);
	assert_int_equal(s[1], length);
	return s;
}

/* The string whose number is at an offset. */
static const char *string(const u8 *s, size_t at)
{
	const char *p = (const char *)s + s[1];

	if (!s[at])
		return "";
	for (u8 n = s[at]; --n;)
		p += strlen(p) + 1;
	return p;
}

static void anchor(void **state)
{
	struct world *w = *state;
	const u8 *p;
	u8 sum = 0;

	build(w);
	p = w->tables.anchor.data;
	assert_int_equal(w->tables.anchor.size, 24);
	assert_memory_equal(p, "_SM3_", 5);
	for (int i = 0; i < 24; i++)
		sum = (u8)(sum + p[i]);
	assert_int_equal(sum, 0);
	assert_memory_equal(p + 6, "\x18\3\0\0\1\0", 6);
	assert_int_equal(efi_le32(p + 12), w->tables.tables.size);
	assert_int_equal(efi_le64(p + 16), 0);
}

static void all_structures(void **state)
{
	static const u8 want[] = { 1, 3, 4, 16, 17, 19, 19, 32, 127 };
	struct world *w = *state;
	u16 handles[ARRAY_SIZE(want)];
	size_t at = 0, n = 0;
	const u8 *s;

	w->machine.ram[1] = (struct smbios_range) { SZ_4G, SZ_1M };
	w->machine.nr_ram = 2;
	build(w);
	for (; (s = next(w, &at)); n++) {
		assert_true(n < ARRAY_SIZE(want));
		assert_int_equal(s[0], want[n]);
		handles[n] = efi_le16(s + 2);
		for (size_t i = 0; i < n; i++)
			assert_int_not_equal(handles[i], handles[n]);
	}
	assert_int_equal(n, ARRAY_SIZE(want));
}

static void default_strings(void **state)
{
	struct world *w = *state;
	const u8 *s;

	build(w);
	s = structure(w, 1, 27, 0);
	assert_string_equal(string(s, 4), "lkvm");
	assert_string_equal(string(s, 5), "KVM Virtual Machine");
	assert_string_equal(string(s, 6), LKVM_VERSION);
	assert_string_equal(string(s, 7), "");
	for (int i = 8; i < 24; i++)
		assert_int_equal(s[i], 0);
	assert_int_equal(s[24], 6);
}

static void refuse(struct world *w, int err)
{
	messages = 0;
	assert_int_equal(smbios_build(&w->machine, &w->tables), err);
	assert_int_equal(messages, 1);
	assert_null(w->tables.tables.data);
	assert_null(w->tables.anchor.data);
	setup((void *[]) { NULL });
}

static void own_strings(void **state)
{
	static const struct efi_guid uuid = { {
		0x33,
		0x22,
		0x11,
		0x00,
		0x55,
		0x44,
		0x77,
		0x66,
		0x88,
		0x99,
		0xaa,
		0xbb,
		0xcc,
		0xdd,
		0xee,
		0xff,
	} };
	struct world *w = *state;
	const u8 *s;

	w->machine.system.sku = "a SKU";
	w->machine.system.family = "family";
	w->machine.system.manufacturer = "";
	w->machine.system.product = "P";
	w->machine.system.version = "a version";
	w->machine.system.serial = "0123456789012345678901234567890123456789"
				   "012345678901234567890123";
	w->machine.uuid = &uuid;
	build(w);
	s = structure(w, 1, 27, 0);
	assert_int_equal(s[4], 0);
	assert_string_equal(string(s, 5), "P");
	assert_string_equal(string(s, 6), "a version");
	assert_string_equal(string(s, 7), w->machine.system.serial);
	assert_memory_equal(s + 8, uuid.bytes, 16);
	assert_string_equal(string(s, 25), "a SKU");
	assert_string_equal(string(s, 26), "family");
	/* They are the system's alone. */
	s = structure(w, 3, 22, 0);
	assert_string_equal(string(s, 4), "lkvm");
	assert_string_equal(string(s, 6), LKVM_VERSION);
	assert_string_equal(string(structure(w, 4, 48, 0), 4), "CPU 0");
}

static void own_enclosure(void **state)
{
	struct world *w = *state;
	const u8 *s;

	w->machine.enclosure = (struct smbios_texts) {
		.manufacturer = "maker",
		.version = "v",
		.serial = "s",
		.sku = "k",
		.asset = "tag",
	};
	build(w);
	s = structure(w, 3, 22, 0);
	assert_string_equal(string(s, 4), "maker");
	assert_string_equal(string(s, 6), "v");
	assert_string_equal(string(s, 7), "s");
	assert_string_equal(string(s, 8), "tag");
	assert_string_equal(string(s, 21), "k");
	assert_string_equal(string(structure(w, 1, 27, 0), 4), "lkvm");
}

/* A byte has their number, so there are 255 at most. */
static void oem_strings(void **state)
{
	static const char *texts[256];
	struct world *w = *state;
	const u8 *s;

	w->machine.oem = texts;
	w->machine.nr_oem = 2;
	texts[0] = "first\nline";
	texts[1] = "caf\xc3\xa9";
	build(w);
	s = structure(w, 11, 5, 0);
	assert_int_equal(s[4], 2);
	assert_string_equal((const char *)s + 5, texts[0]);
	assert_string_equal((const char *)s + 5 + strlen(texts[0]) + 1,
			    texts[1]);
	for (unsigned int i = 0; i < 256; i++)
		texts[i] = "x";
	w->machine.nr_oem = 255;
	build(w);
	assert_int_equal(structure(w, 11, 5, 0)[4], 255);
	w->machine.nr_oem = 256;
	smbios_tables_free(&w->tables);
	refuse(w, -E2BIG);
}

static void long_oem_strings(void **state)
{
	static char text[SMBIOS_MAX_OEM + 1];
	const char *texts[] = { text, "" };
	struct world *w = *state;

	memset(text, 'x', SMBIOS_MAX_OEM);
	w->machine.oem = texts;
	w->machine.nr_oem = 1;
	build(w);
	texts[1] = "x";
	w->machine.nr_oem = 2;
	smbios_tables_free(&w->tables);
	refuse(w, -E2BIG);
}

static void expect_counts(struct world *w, unsigned int cpus, u8 small)
{
	const u8 *s;

	w->machine.nr_cpus = cpus;
	build(w);
	s = structure(w, 4, 48, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(s[0x23 + i], small);
		assert_int_equal(efi_le16(s + 0x2a + 2 * i), cpus);
	}
	assert_int_equal(efi_le16(s + 0x26), cpus > 1 ? 0xc : 4);
}

static void processor(void **state)
{
	struct world *w = *state;
	const u8 *s;

	w->machine.midr = 0x410fd0c0;
	build(w);
	s = structure(w, 4, 48, 0);
	assert_int_equal(s[5], 3);
	assert_int_equal(s[6], 0xfe);
	assert_int_equal(efi_le64(s + 8), 0x410fd0c0);
	assert_int_equal(s[0x18], 0x41);
	assert_int_equal(efi_le16(s + 0x1a), 0xffff);
	assert_int_equal(efi_le16(s + 0x28), 0x101);
	expect_counts(w, 1, 1);
	expect_counts(w, 254, 254);
	expect_counts(w, 255, 255);
	expect_counts(w, 512, 255);
}

static void set_ram(struct world *w, u64 base, u64 size)
{
	w->machine.ram[0] = (struct smbios_range) { base, size };
	build(w);
}

static void expect_array(const struct world *w, u32 kib, u64 bytes)
{
	const u8 *s = structure(w, 16, 23, 0);

	assert_memory_equal(s + 4, "\1\3\3", 3);
	assert_int_equal(efi_le32(s + 7), kib);
	assert_int_equal(efi_le16(s + 13), 1);
	assert_int_equal(efi_le64(s + 15), bytes);
}

static void expect_device(const struct world *w, u16 mib, u32 extended)
{
	const u8 *s = structure(w, 17, 40, 0);

	assert_int_equal(efi_le16(s + 4),
			 efi_le16(structure(w, 16, 23, 0) + 2));
	assert_int_equal(efi_le16(s + 12), mib);
	assert_int_equal(s[18], 7);
	assert_int_equal(efi_le32(s + 28), extended);
}

static void expect_mapped(const struct world *w, u32 first, u32 last,
			  u64 ext_first, u64 ext_last)
{
	const u8 *s = structure(w, 19, 31, 0);

	assert_int_equal(efi_le32(s + 4), first);
	assert_int_equal(efi_le32(s + 8), last);
	assert_int_equal(efi_le16(s + 12),
			 efi_le16(structure(w, 16, 23, 0) + 2));
	assert_int_equal(s[14], 1);
	assert_int_equal(efi_le64(s + 15), ext_first);
	assert_int_equal(efi_le64(s + 23), ext_last);
}

/* Each field of sizes has a limit, and an extension behind that. */
static void memory(void **state)
{
	const u64 tera = 1024 * SZ_1G;
	struct world *w = *state;

	set_ram(w, SZ_1G, SZ_1G);
	expect_array(w, 0x100000, 0);
	expect_device(w, 1024, 0);
	expect_mapped(w, 0x100000, 0x1fffff, 0, 0);
	set_ram(w, 0, 0x7fff * SZ_1M - SZ_1K);
	expect_device(w, 0x7ffe, 0);
	set_ram(w, 0, 0x7fff * SZ_1M);
	expect_device(w, 0x7fff, 0x7fff);
	set_ram(w, 0, 2 * tera - SZ_1K);
	expect_array(w, 0x7fffffff, 0);
	set_ram(w, 0, 2 * tera);
	expect_array(w, 0x80000000, 2 * tera);
	expect_device(w, 0x7fff, 0x200000);
	set_ram(w, SZ_1G, 4 * tera - SZ_1G - SZ_1K);
	expect_mapped(w, 0x100000, 0xfffffffe, 0, 0);
	set_ram(w, SZ_1G, 4 * tera - SZ_1G);
	expect_mapped(w, UINT32_MAX, UINT32_MAX, SZ_1G, 4 * tera - 1);
}

static void several_ranges(void **state)
{
	struct world *w = *state;
	const u8 *s;

	w->machine.ram[1] = (struct smbios_range) { 4 * SZ_1G, 3 * SZ_1G };
	w->machine.nr_ram = 2;
	build(w);
	expect_array(w, 0x400000, 0);
	expect_device(w, 4096, 0);
	s = structure(w, 19, 31, 1);
	assert_int_equal(efi_le32(s + 4), 0x400000);
	assert_int_equal(efi_le32(s + 8), 0x6fffff);
}

static void bad_machines(void **state)
{
	struct world *w = *state;

	w->machine.nr_cpus = 0;
	refuse(w, -EINVAL);
	w->machine.nr_cpus = 513;
	refuse(w, -E2BIG);
	w->machine.nr_ram = 0;
	refuse(w, -EINVAL);
	w->machine.nr_ram = SMBIOS_MAX_RAM + 1;
	refuse(w, -E2BIG);
	w->machine.ram[0].size = SZ_1M - SZ_1K;
	refuse(w, -EINVAL);
	w->machine.ram[0].base = 512;
	refuse(w, -EINVAL);
	w->machine.ram[0].size = SZ_1G + 512;
	refuse(w, -EINVAL);
	w->machine.ram[0].size = -SZ_1G;
	refuse(w, -EINVAL);
	w->machine.ram[0].size = 0x80000000ULL * SZ_1M;
	refuse(w, -E2BIG);
	w->machine.ram[0].size = SZ_1M << 43;
	w->machine.ram[1].size = SZ_1M << 43;
	w->machine.nr_ram = 2;
	refuse(w, -E2BIG);
}

/* What is just not refused; System Boot Information has six reserved bytes. */
static void good_limits(void **state)
{
	struct world *w = *state;
	const u8 *s;

	set_ram(w, 0, SZ_1M);
	expect_device(w, 1, 0);
	set_ram(w, 0, 0x7fffffff * SZ_1M);
	expect_device(w, 0x7fff, 0x7fffffff);
	for (u64 i = 0; i < SMBIOS_MAX_RAM; i++)
		w->machine.ram[i] = (struct smbios_range) { i * SZ_1G, SZ_1M };
	w->machine.nr_ram = SMBIOS_MAX_RAM;
	build(w);
	s = structure(w, 32, 11, 0);
	assert_true(is_filled(s + 4, 7, 0));
}

static void bad_strings(void **state)
{
	static char long_one[SMBIOS_MAX_STRING + 2];
	struct world *w = *state;

	memset(long_one, 'x', SMBIOS_MAX_STRING);
	w->machine.system.manufacturer = long_one;
	build(w);
	smbios_tables_free(&w->tables);
	long_one[SMBIOS_MAX_STRING] = 'x';

	w->machine.system.manufacturer = long_one;
	refuse(w, -EINVAL);
	w->machine.system.product = "new\nline";
	refuse(w, -EINVAL);
	w->machine.system.version = "caf\xc3\xa9";
	refuse(w, -EINVAL);
	w->machine.system.serial = "\x7f";
	refuse(w, -EINVAL);
	w->machine.system.sku = "\t";
	refuse(w, -EINVAL);
	w->machine.system.family = "\t";
	refuse(w, -EINVAL);
	w->machine.enclosure.asset = "\t";
	refuse(w, -EINVAL);
	w->machine.enclosure.serial = "\t";
	refuse(w, -EINVAL);
}

static void out_of_memory(void **state)
{
	struct world *w = *state;
	int n = 0;

	for (;; n++) {
		setup((void *[]) { NULL });
		reallocs_left = n;
		if (!smbios_build(&w->machine, &w->tables))
			break;
		assert_int_equal(messages, 1);
		assert_null(w->tables.tables.data);
		assert_null(w->tables.anchor.data);
	}
	assert_in_range(n, 2, 10);
}

#define SMBIOS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMBIOS_TEST(anchor),	       SMBIOS_TEST(all_structures),
		SMBIOS_TEST(default_strings),  SMBIOS_TEST(own_strings),
		SMBIOS_TEST(own_enclosure),    SMBIOS_TEST(oem_strings),
		SMBIOS_TEST(long_oem_strings), SMBIOS_TEST(processor),
		SMBIOS_TEST(memory),	       SMBIOS_TEST(several_ranges),
		SMBIOS_TEST(bad_machines),     SMBIOS_TEST(good_limits),
		SMBIOS_TEST(bad_strings),      SMBIOS_TEST(out_of_memory),
	};

	return cmocka_run_group_tests_name("smbios", tests, NULL, NULL);
}
