/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/json_read.c util/json_copy.c util/json.c */
/*
 * Any bytes as JSON. What is read is written again, in one line or in more, and
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

static void require_same(const struct json_value *a, const struct json_value *b)
{
	require(a->type == b->type);
	require(!a->name == !b->name);
	require(!a->string == !b->string);
	require(!a->string == (a->type != JSON_STRING));
	require(a->number_len == b->number_len);
	require(!a->number_len || !memcmp(a->number, b->number, a->number_len));
	require(!a->name || !strcmp(a->name, b->name));
	require(!a->string || !strcmp(a->string, b->string));
	for (a = a->first, b = b->first; a && b; a = a->next, b = b->next)
		require_same(a, b);
	require(!a && !b);
}

static void round_trip(const struct json_value *root, bool compact)
{
	struct json_value *again;
	struct json_error error;
	char *text;
	size_t len;
	struct json_writer json = { .out = open_memstream(&text, &len),
				    .compact = compact };

	require(json.out != NULL);
	json_copy(&json, NULL, root);
	fclose(json.out);
	/* A newline only ends it. */
	require(!compact || !memchr(text, '\n', len - 1));
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
	round_trip(root, false);
	round_trip(root, true);
	free(root);
	return 0;
}
