/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes what json_read() has read, with the numbers as they were. */
#include "lkvm/util/json.h"
#include "lkvm/util/json_read.h"

static void put_scalar(struct json_writer *json, const char *name,
		       const struct json_value *value)
{
	if (value->type == JSON_NULL)
		json_null(json, name);
	else if (value->type == JSON_NUMBER)
		json_number(json, name, value->number, value->number_len);
	else if (value->type == JSON_STRING)
		json_string(json, name, value->string);
	else
		json_bool(json, name, value->type == JSON_TRUE);
}

/* Recursive; json_read() limits the depth. */
void json_copy(struct json_writer *json, const char *name,
	       const struct json_value *value)
{
	bool is_object = value->type == JSON_OBJECT;

	if (!is_object && value->type != JSON_ARRAY) {
		put_scalar(json, name, value);
		return;
	}
	if (is_object)
		json_begin_object(json, name);
	else
		json_begin_array(json, name);
	for (const struct json_value *v = value->first; v; v = v->next)
		json_copy(json, v->name, v);
	if (is_object)
		json_end_object(json);
	else
		json_end_array(json);
}
