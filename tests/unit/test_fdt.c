/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/fdt.c */
/* WRAP: calloc */
/* The device tree writer, read back with libfdt. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libfdt.h>
#include <cmocka.h>

#include "lkvm/util/log.h"
#include "lkvm/vmm/fdt.h"

#define NR_NODES 300
#define FOREVER	 1000000

static unsigned int messages;

/* How many calls of calloc() still succeed. */
static int callocs_left;

void *__wrap_calloc(size_t n, size_t size);
void *__real_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return callocs_left-- > 0 ? __real_calloc(n, size) : NULL;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
	messages++;
}

/* A tree under construction, then the finished one. */
struct tree {
	struct fdt_writer fdt;
	void *blob;
	size_t size;
};

static int setup(void **state)
{
	static struct tree t;

	memset(&t, 0, sizeof(t));
	messages = 0;
	callocs_left = FOREVER;
	*state = &t;
	return fdt_writer_init(&t.fdt);
}

static int teardown(void **state)
{
	struct tree *t = *state;

	free(t->blob);
	/* Whatever happened: the writer holds nothing any more. */
	assert_null(t->fdt.buf);
	return 0;
}

static void finish(struct tree *t)
{
	assert_int_equal(fdt_writer_finish(&t->fdt, &t->blob, &t->size), 0);
	assert_non_null(t->blob);
	assert_int_equal(fdt_check_full(t->blob, t->size), 0);
	assert_int_equal(messages, 0);
}

static void expect_prop(struct tree *t, const char *path, const char *name,
			const void *want, size_t size)
{
	int node = fdt_path_offset(t->blob, path);
	const void *got;
	int len;

	assert_true(node >= 0);
	got = fdt_getprop(t->blob, node, name, &len);
	assert_non_null(got);
	assert_int_equal(len, size);
	assert_memory_equal(got, want, size);
}

static void empty_tree(void **state)
{
	struct tree *t = *state;
	int len;

	finish(t);
	assert_int_equal(t->size, fdt_totalsize(t->blob));
	assert_string_equal(fdt_get_name(t->blob, 0, &len), "");
	assert_true(fdt_first_subnode(t->blob, 0) < 0);
}

static void every_kind_of_property(void **state)
{
	static const u32 cells[] = { 1, 0x80000000, UINT32_MAX };
	static const u64 pairs[] = { 0x123456789abcdef0, 0x1000, 0, 1 };
	struct tree *t = *state;

	fdt_prop(&t->fdt, "bytes", "\x01\x02\xff", 3);
	fdt_prop_empty(&t->fdt, "empty");
	fdt_prop_string(&t->fdt, "string", "text");
	fdt_prop_string(&t->fdt, "no-text", "");
	fdt_prop_strings(&t->fdt, "strings", "a\0bc\0");
	fdt_prop_u32(&t->fdt, "u32", 0x12345678);
	fdt_prop_u64(&t->fdt, "u64", 0x123456789abcdef0);
	fdt_prop_cells(&t->fdt, "cells", cells, ARRAY_SIZE(cells));
	fdt_prop_reg(&t->fdt, pairs, 2);
	finish(t);
	expect_prop(t, "/", "bytes", "\x01\x02\xff", 3);
	expect_prop(t, "/", "empty", "", 0);
	expect_prop(t, "/", "string", "text", 5);
	expect_prop(t, "/", "no-text", "", 1);
	expect_prop(t, "/", "strings", "a\0bc", 5);
	expect_prop(t, "/", "u32", "\x12\x34\x56\x78", 4);
	expect_prop(t, "/", "u64", "\x12\x34\x56\x78\x9a\xbc\xde\xf0", 8);
	expect_prop(t, "/", "cells", "\0\0\0\x01\x80\0\0\0\xff\xff\xff\xff",
		    12);
	expect_prop(t, "/", "reg",
		    "\x12\x34\x56\x78\x9a\xbc\xde\xf0\0\0\0\0\0\0\x10\0"
		    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
		    32);
}

static void nodes(void **state)
{
	struct tree *t = *state;

	fdt_node_begin(&t->fdt, "outer");
	fdt_prop_u32(&t->fdt, "n", 1);
	fdt_node_begin_unit(&t->fdt, "inner", 0xfedcba9876543210);
	fdt_prop_reg1(&t->fdt, 0xfedcba9876543210, 0x10);
	fdt_node_end(&t->fdt);
	fdt_node_begin_unit(&t->fdt, "inner", 0);
	fdt_node_end(&t->fdt);
	fdt_node_end(&t->fdt);
	fdt_node_begin(&t->fdt, "beside");
	fdt_prop_u32(&t->fdt, "n", 2);
	fdt_node_end(&t->fdt);
	finish(t);
	expect_prop(t, "/outer", "n", "\0\0\0\x01", 4);
	expect_prop(t, "/beside", "n", "\0\0\0\x02", 4);
	expect_prop(t, "/outer/inner@fedcba9876543210", "reg",
		    "\xfe\xdc\xba\x98\x76\x54\x32\x10\0\0\0\0\0\0\0\x10", 16);
	assert_true(fdt_path_offset(t->blob, "/outer/inner@0") > 0);
}

/* arm,gic-v3.yaml: <SPI, number, 1 for edge or 4 for level>. */
static void interrupts(void **state)
{
	const struct irq_line level = { .gsi = 5, .trigger = IRQ_LEVEL_HIGH };
	const struct irq_line edge = { .gsi = 300, .trigger = IRQ_EDGE_RISING };
	struct tree *t = *state;

	fdt_node_begin(&t->fdt, "level");
	fdt_prop_interrupt(&t->fdt, &level);
	fdt_node_end(&t->fdt);
	fdt_node_begin(&t->fdt, "edge");
	fdt_prop_interrupt(&t->fdt, &edge);
	fdt_node_end(&t->fdt);
	finish(t);
	expect_prop(t, "/level", "interrupts", "\0\0\0\0\0\0\0\x05\0\0\0\x04",
		    12);
	expect_prop(t, "/edge", "interrupts", "\0\0\0\0\0\0\x01\x2c\0\0\0\x01",
		    12);
}

/* Nodes, properties and names of properties each meet the buffer's end. */
static void grows(void **state)
{
	struct tree *t = *state;
	size_t first = t->fdt.size;
	char path[64];

	for (u32 i = 0; i < NR_NODES; i++) {
		char name[32], value[100];

		fdt_node_begin_unit(&t->fdt, "node", i);
		snprintf(name, sizeof(name), "property-%u", i);
		memset(value, (int)i, sizeof(value));
		fdt_prop(&t->fdt, name, value, i % sizeof(value));
		fdt_prop_u32(&t->fdt, "n", i);
		fdt_node_end(&t->fdt);
	}
	assert_true(t->fdt.size > first);
	finish(t);
	for (u32 i = 0; i < NR_NODES; i++) {
		u8 want[100], cell[4] = { 0, 0, (u8)(i >> 8), (u8)i };
		char name[32];

		snprintf(path, sizeof(path), "/node@%x", i);
		snprintf(name, sizeof(name), "property-%u", i);
		memset(want, (int)i, sizeof(want));
		expect_prop(t, path, name, want, i % sizeof(want));
		expect_prop(t, path, "n", cell, sizeof(cell));
	}
}

/* One property of any size: the buffer may have to double several times. */
static void large_property(void **state)
{
	struct tree *t = *state;
	size_t size = 900 * SZ_1K;
	char *value = malloc(size);

	assert_non_null(value);
	for (size_t i = 0; i < size; i++)
		value[i] = (char)(i * 7);
	fdt_prop(&t->fdt, "large", value, size);
	fdt_prop_u32(&t->fdt, "n", 7);
	finish(t);
	expect_prop(t, "/", "large", value, size);
	expect_prop(t, "/", "n", "\0\0\0\x07", 4);
	free(value);
}

/* The end of the tree itself may be what does not fit. */
static void every_fill_level(void **state)
{
	struct tree *t = *state;
	char value[4200];

	memset(value, 'v', sizeof(value));
	for (size_t len = 3900; len < sizeof(value); len += 2) {
		fdt_prop(&t->fdt, "p", value, len);
		finish(t);
		expect_prop(t, "/", "p", value, len);
		free(t->blob);
		t->blob = NULL;
		assert_int_equal(fdt_writer_init(&t->fdt), 0);
	}
	finish(t);
}

static void expect_failure(struct tree *t, int want)
{
	assert_int_equal(fdt_writer_finish(&t->fdt, &t->blob, &t->size), want);
	assert_int_equal(messages, 1);
	assert_null(t->blob);
}

static void too_large(void **state)
{
	struct tree *t = *state;
	char *value = calloc(1, SZ_1M);

	assert_non_null(value);
	fdt_prop(&t->fdt, "large", value, SZ_1M);
	free(value);
	/* What comes after is no harm. */
	fdt_node_begin(&t->fdt, "node");
	fdt_prop_u32(&t->fdt, "n", 1);
	fdt_node_end(&t->fdt);
	expect_failure(t, -ENOMEM);
}

static void too_many_pairs(void **state)
{
	static const u64 pairs[18] = { 0 };
	struct tree *t = *state;

	fdt_prop_reg(&t->fdt, pairs, 9);
	expect_failure(t, -ENOMEM);
}

static void one_end_too_many(void **state)
{
	struct tree *t = *state;

	fdt_node_end(&t->fdt);
	fdt_node_end(&t->fdt);
	expect_failure(t, -EINVAL);
}

static void one_end_missing(void **state)
{
	struct tree *t = *state;

	fdt_node_begin(&t->fdt, "open");
	expect_failure(t, -EINVAL);
}

static void second_root(void **state)
{
	struct tree *t = *state;

	fdt_node_end(&t->fdt);
	fdt_node_begin(&t->fdt, "second");
	expect_failure(t, -EINVAL);
}

static void property_after_a_node(void **state)
{
	struct tree *t = *state;

	fdt_node_end(&t->fdt);
	fdt_prop_u32(&t->fdt, "n", 1);
	expect_failure(t, -EINVAL);
}

/* Wherever memory runs out: an error and a message, no leak, no crash. */
static void out_of_memory(void **state)
{
	static const u32 cells[400] = { 0 };
	struct tree *t = *state;
	unsigned int failures = 0;

	finish(t);
	free(t->blob);
	t->blob = NULL;
	for (int n = 0;; n++) {
		int ret;

		messages = 0;
		callocs_left = n;
		ret = fdt_writer_init(&t->fdt);
		if (ret) {
			assert_int_equal(ret, -ENOMEM);
			failures++;
			continue;
		}
		for (int i = 0; i < 10; i++)
			fdt_prop_cells(&t->fdt, "c", cells, ARRAY_SIZE(cells));
		ret = fdt_writer_finish(&t->fdt, &t->blob, &t->size);
		if (!ret)
			break;
		assert_int_equal(ret, -ENOMEM);
		assert_int_equal(messages, 1);
		failures++;
	}
	assert_int_equal(messages, 0);
	assert_in_range(failures, 12, 20);
}

#define TREE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(empty_tree),
		TREE_TEST(every_kind_of_property),
		TREE_TEST(nodes),
		TREE_TEST(interrupts),
		TREE_TEST(grows),
		TREE_TEST(large_property),
		TREE_TEST(every_fill_level),
		TREE_TEST(too_large),
		TREE_TEST(too_many_pairs),
		TREE_TEST(one_end_too_many),
		TREE_TEST(one_end_missing),
		TREE_TEST(second_root),
		TREE_TEST(property_after_a_node),
		TREE_TEST(out_of_memory),
	};

	return cmocka_run_group_tests_name("fdt", tests, NULL, NULL);
}
