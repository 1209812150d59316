/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/device.c util/json.c */
/* The registry: who is called, in which order, and whose error counts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/util/json.h"
#include "lkvm/vmm/device.h"

struct fdt_writer {
	char log[64];
};

/* A device whose calls append its name to `calls`. */
struct toy {
	struct device dev;
	int quiesce_error;
};

static char calls[64];

static void called(struct device *dev)
{
	assert_true(strlen(calls) + strlen(dev->name) < sizeof(calls));
	strcat(calls, dev->name);
}

static void toy_fdt_node(struct device *dev, struct fdt_writer *fdt)
{
	assert_non_null(fdt);
	strcat(fdt->log, dev->name);
}

static void toy_reset(struct device *dev)
{
	called(dev);
}

static int toy_quiesce(struct device *dev)
{
	called(dev);
	return container_of(dev, struct toy, dev)->quiesce_error;
}

static void toy_stats(struct device *dev, struct json_writer *json)
{
	json_u64(json, "length", strlen(dev->name));
}

static void toy_details(struct device *dev, struct json_writer *json)
{
	json_string(json, "name", dev->name);
}

static void toy_destroy(struct device *dev)
{
	called(dev);
	free(container_of(dev, struct toy, dev));
}

static const struct device_ops all_ops = {
	.fdt_node = toy_fdt_node,
	.reset = toy_reset,
	.quiesce = toy_quiesce,
	.stats = toy_stats,
	.details = toy_details,
	.destroy = toy_destroy,
};

/* What every device has. */
static const struct device_ops few_ops = { .destroy = toy_destroy };

static struct toy *add(struct device_list *list, const char *name,
		       const struct device_ops *ops)
{
	struct toy *toy = calloc(1, sizeof(*toy));

	assert_non_null(toy);
	toy->dev.name = name;
	toy->dev.ops = ops;
	device_add(list, &toy->dev);
	return toy;
}

static int setup(void **state)
{
	static struct device_list list;

	device_list_init(&list);
	calls[0] = '\0';
	*state = &list;
	return 0;
}

static void in_the_order_of_addition(void **state)
{
	struct device_list *list = *state;
	struct fdt_writer fdt = { "" };

	add(list, "a", &all_ops);
	add(list, "-", &few_ops);
	add(list, "b", &all_ops);
	add(list, "c", &all_ops);
	device_reset_all(list);
	device_fdt_nodes(list, &fdt);
	assert_string_equal(calls, "abc");
	assert_string_equal(fdt.log, "abc");
	device_destroy_all(list);
}

static void quiesced_backwards_and_order_kept(void **state)
{
	struct device_list *list = *state;

	add(list, "a", &all_ops);
	add(list, "b", &all_ops);
	add(list, "-", &few_ops);
	add(list, "c", &all_ops);
	assert_int_equal(device_quiesce_all(list), 0);
	assert_string_equal(calls, "cba");
	device_reset_all(list);
	assert_string_equal(calls, "cbaabc");
	add(list, "d", &all_ops);
	device_reset_all(list);
	assert_string_equal(calls, "cbaabcabcd");
	device_destroy_all(list);
}

static void first_error_counts_and_all_are_called(void **state)
{
	struct device_list *list = *state;

	add(list, "a", &all_ops)->quiesce_error = -EIO;
	add(list, "b", &all_ops);
	add(list, "c", &all_ops)->quiesce_error = -ENOSPC;
	assert_int_equal(device_quiesce_all(list), -ENOSPC);
	assert_string_equal(calls, "cba");
	device_destroy_all(list);
}

static void destroyed_backwards(void **state)
{
	struct device_list *list = *state;

	add(list, "a", &all_ops);
	add(list, "b", &few_ops);
	add(list, "c", &all_ops);
	device_destroy_all(list);
	assert_string_equal(calls, "cba");
	assert_true(STAILQ_EMPTY(list));
	device_destroy_all(list);
	assert_string_equal(calls, "cba");
	add(list, "d", &all_ops);
	device_destroy_all(list);
	assert_string_equal(calls, "cbad");
}

static void empty_registry(void **state)
{
	struct device_list *list = *state;

	assert_int_equal(device_quiesce_all(list), 0);
	device_reset_all(list);
	device_destroy_all(list);
	assert_string_equal(calls, "");
}

static void one_object_per_device_with_statistics(void **state)
{
	struct device_list *list = *state;
	struct json_writer json = { 0 };
	char *text = NULL;
	size_t size;

	add(list, "uart0", &all_ops);
	add(list, "silent", &few_ops);
	add(list, "rtc", &all_ops);
	json.out = open_memstream(&text, &size);
	assert_non_null(json.out);
	json_begin_object(&json, NULL);
	device_stats_all(list, &json);
	json_end_object(&json);
	json.compact = true;
	json_begin_object(&json, NULL);
	device_details_all(list, &json);
	json_end_object(&json);
	fclose(json.out);
	assert_string_equal(text, "{\n"
				  "  \"uart0\": {\n"
				  "    \"length\": 5\n"
				  "  },\n"
				  "  \"rtc\": {\n"
				  "    \"length\": 3\n"
				  "  }\n"
				  "}\n"
				  "{\"uart0\":{\"name\":\"uart0\"},"
				  "\"rtc\":{\"name\":\"rtc\"}}\n");
	free(text);
	device_destroy_all(list);
}

#define LIST_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIST_TEST(in_the_order_of_addition),
		LIST_TEST(quiesced_backwards_and_order_kept),
		LIST_TEST(first_error_counts_and_all_are_called),
		LIST_TEST(destroyed_backwards),
		LIST_TEST(empty_registry),
		LIST_TEST(one_object_per_device_with_statistics),
	};

	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
