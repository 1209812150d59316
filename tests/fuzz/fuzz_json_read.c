/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/json_read.c util/json.c */
/*
 * Any bytes as JSON. What is read and has no numbers is written again, and
 * that is read to the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/json.h"
#include "lkvm/util/json_read.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool what)
{
	if (!what)
		abort();
}

static bool has_numbers(const struct json_value *v)
{
	if (v->type == JSON_NUMBER || v->type == JSON_NULL)
		return true;
	for (v = v->first; v; v = v->next)
		if (has_numbers(v))
			return true;
	return false;
}

static void write_value(struct json_writer *json, const struct json_value *v)
{
	switch (v->type) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		if (v->type == JSON_OBJECT)
			json_begin_object(json, v->name);
		else
			json_begin_array(json, v->name);
		for (const struct json_value *i = v->first; i; i = i->next)
			write_value(json, i);
		if (v->type == JSON_OBJECT)
			json_end_object(json);
		else
			json_end_array(json);
		break;
	case JSON_STRING:
		json_string(json, v->name, v->string);
		break;
	default:
		json_bool(json, v->name, v->type == JSON_TRUE);
	}
}

static void require_same(const struct json_value *a, const struct json_value *b)
{
	require(a->type == b->type);
	require(!a->name == !b->name);
	require(!a->string == !b->string);
	require(!a->string == (a->type != JSON_STRING));
	require(!a->name || !strcmp(a->name, b->name));
	require(!a->string || !strcmp(a->string, b->string));
	for (a = a->first, b = b->first; a && b; a = a->next, b = b->next)
		require_same(a, b);
	require(!a && !b);
}

static void round_trip(const struct json_value *root)
{
	struct json_value *again;
	struct json_error error;
	char *text;
	size_t len;
	struct json_writer json = { .out = open_memstream(&text, &len) };

	require(json.out != NULL);
	write_value(&json, root);
	fclose(json.out);
	require(!json_read(text, len, &again, &error));
	require_same(root, again);
	free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct json_error error = { 0 };
	struct json_value *root;
	int ret = json_read((const char *)data, size, &root, &error);

	if (ret) {
		require(ret == -EBADMSG && error.what && error.line);
		return 0;
	}
	if (!has_numbers(root))
		round_trip(root);
	free(root);
	return 0;
}
