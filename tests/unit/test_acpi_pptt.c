/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: tests/unit/acpi_fixture.c arm/tables/aml.c */
/* SOURCES: arm/tables/aml_resource.c util/blob.c util/log.c util/output.c */
/* SOURCES: arm/tables/acpi.c arm/tables/acpi_check.c arm/tables/acpi_dsdt.c */
/* SOURCES: arm/tables/acpi_iort.c arm/tables/acpi_loader.c */
/* SOURCES: arm/tables/acpi_madt.c arm/tables/acpi_pcie.c */
/* SOURCES: arm/tables/acpi_pptt.c arm/tables/acpi_serial.c */
/* SOURCES: arm/tables/acpi_table.c */
/* The PPTT: cores, their package, and the caches that CLIDR_EL1 has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "acpi_fixture.h"

#define LEAF	(1 << 1 | 1 << 3)
#define PACKAGE (1 << 0)

struct world {
	struct acpi_machine_box box;
	struct acpi_tables tables;
	struct acpi_image image;
	const u8 *pptt;
	u32 length;
};

static int setup(void **state)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	acpi_image_free(&w->image);
	acpi_tables_free(&w->tables);
	return 0;
}

static void load(struct world *w, u32 nr_cpus, u64 clidr)
{
	teardown((void *[]) { w });
	acpi_machine_init(&w->box, 3, nr_cpus);
	w->box.machine.clidr = clidr;
	assert_int_equal(acpi_build(&w->box.machine, &w->tables), 0);
	acpi_image_load(&w->image, &w->tables);
	assert_null(w->image.error);
	w->pptt = acpi_image_table(&w->image, "PPTT");
	assert_non_null(w->pptt);
	assert_int_equal(w->pptt[8], 2);
	w->length = get_le32(w->pptt + 4);
}

static void expect_zeros(const u8 *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(p[i], 0);
}

/* The structure of that type at an offset, which lies within the table. */
static const u8 *structure(const struct world *w, u32 at, u8 type)
{
	const u8 *e = w->pptt + at;

	assert_in_range(at, 36, w->length - 2);
	assert_true(e[1] >= 20 && e[1] <= w->length - at);
	assert_int_equal(e[0], type);
	expect_zeros(e + 2, 2);
	return e;
}

/* A letter for the type; nothing else is said of the cache. */
static char letter(const u8 *cache)
{
	assert_int_equal(cache[1], 24);
	assert_int_equal(get_le32(cache + 4), 1 << 4);
	expect_zeros(cache + 12, 9);
	assert_int_equal(cache[21] & ~0xc, 0);
	expect_zeros(cache + 22, 2);
	return "DIUU"[cache[21] >> 2];
}

/* Adds a node's caches to the text: D, I or U, with > to the next level. */
static void tell_caches(const struct world *w, const u8 *node, char *text)
{
	u32 resources = get_le32(node + 16);

	assert_int_equal(node[1], 20 + 4 * resources);
	text += strlen(text);
	for (u32 i = 0; i < resources; i++) {
		const u8 *cache = structure(w, get_le32(node + 20 + 4 * i), 1);
		u32 next = get_le32(cache + 8);

		text += sprintf(text, "%s%c", i ? "," : "", letter(cache));
		for (; next; next = get_le32(cache + 8)) {
			cache = structure(w, next, 1);
			text += sprintf(text, ">%c", letter(cache));
		}
	}
}

static unsigned int count(const struct world *w, u8 type)
{
	unsigned int found = 0;
	u32 at = 36;

	for (; at < w->length; at += w->pptt[at + 1]) {
		assert_true(w->pptt[at + 1] >= 20);
		found += w->pptt[at] == type;
	}
	assert_int_equal(at, w->length);
	return found;
}

/*
 * Cores, numbered as in the MADT, and behind them their package; `want` is
 * a core's own caches, and after the space those of the package. The caches
 * come first, and nothing else is there.
 */
static void expect_topology(struct world *w, const char *want)
{
	u32 nr_cpus = w->box.machine.nr_cpus;
	u32 at = 36 + 24 * count(w, 1);
	u32 size = structure(w, at, 0)[1];
	u32 package = at + nr_cpus * size;

	assert_int_equal(count(w, 0), nr_cpus + 1);
	for (u32 i = 0; i < nr_cpus; i++, at += size) {
		const u8 *node = structure(w, at, 0);
		char text[64] = "";

		assert_int_equal(node[1], size);
		assert_int_equal(get_le32(node + 4), LEAF);
		assert_int_equal(get_le32(node + 8), package);
		assert_int_equal(get_le32(node + 12), i);
		tell_caches(w, node, text);
		node = structure(w, package, 0);
		assert_int_equal(get_le32(node + 4), PACKAGE);
		expect_zeros(node + 8, 8);
		strcat(text, " ");
		tell_caches(w, node, text);
		assert_string_equal(text, want);
	}
	assert_int_equal(package + w->pptt[package + 1], w->length);
}

static void number_of_cpus(void **state)
{
	static const u32 counts[] = { 1, 2, 123, ACPI_MAX_CPUS };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		load(w, counts[i], 0);
		assert_int_equal(w->length, 36 + 20 * counts[i] + 20);
		expect_topology(w, " ");
		load(w, counts[i], CLIDR_A72);
		assert_int_equal(w->length, 36 + 3 * 24 + 28 * counts[i] + 24);
		expect_topology(w, "D,I U");
	}
}

/* The first level is a core's own, unless it is all there is. */
static void caches(void **state)
{
	static const struct {
		u64 clidr;
		unsigned int nr_caches;
		const char *want;
	} cases[] = {
		{ CLIDR_KVM, 2, " D,I" },
		{ CLIDR_KVM_IDC, 2, "I U" },
		{ CLIDR_KVM_IDC_DIC, 1, " U" },
		{ 02, 1, " D" },
		{ 01, 1, " I" },
		{ 0443, 4, "D,I U>U" },
		{ 044, 2, "U U" },
		{ 033, 4, "D,I D,I" },
		{ 0433, 5, "D,I D>U,I>U" },
		{ 0333, 6, "D,I D>D,I>I" },
		{ 0423, 4, "D,I D>U" },
		{ 0413, 4, "D,I I>U" },
		{ 0123, 4, "D,I D>I" },
		{ CLIDR_SEVEN, 9, "D,I D>U>U>U>U>U,I>U>U>U>U>U" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		load(w, 2, cases[i].clidr);
		expect_topology(w, cases[i].want);
		assert_int_equal(count(w, 1), cases[i].nr_caches);
	}
}

/* Other fields do not matter, nor does a level behind one without a cache. */
static void end_of_caches(void **state)
{
	struct world *w = *state;

	load(w, 2, ~07777777ULL | 043);
	expect_topology(w, "D,I U");
	load(w, 2, 04043);
	expect_topology(w, "D,I U");
	load(w, 2, 07043);
	expect_topology(w, "D,I U");
	load(w, 2, 0440);
	expect_topology(w, " ");
	/* Behind the seventh level is LoUIS, 4 here. */
	load(w, 2, CLIDR_SEVEN | 4 << 21);
	assert_int_equal(count(w, 1), 9);
}

/* Reserved types: an OS might count them or not. */
static void unknown_caches(void **state)
{
	static const u64 clidrs[] = { 05, 06, 07, 053, 0743, 07444443 };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(clidrs); i++) {
		load(w, 2, clidrs[i]);
		expect_topology(w, " ");
		assert_int_equal(count(w, 1), 0);
	}
}

#define PPTT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PPTT_TEST(number_of_cpus),
		PPTT_TEST(caches),
		PPTT_TEST(end_of_caches),
		PPTT_TEST(unknown_caches),
	};

	return cmocka_run_group_tests_name("acpi_pptt", tests, NULL, NULL);
}
