/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>

#include "lkvm/json.h"

static void put_string(FILE *out, const char *s)
{
	putc('"', out);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			putc(c, out);
	}
	putc('"', out);
}

static void begin_value(struct json_writer *json, const char *name)
{
	if (json->depth)
		fprintf(json->out, "%s\n%*s", json->first_done ? "," : "",
			(int)json->depth * 2, "");
	json->first_done = true;
	if (!name)
		return;
	put_string(json->out, name);
	fputs(": ", json->out);
}

static void open_level(struct json_writer *json, const char *name, char c)
{
	begin_value(json, name);
	putc(c, json->out);
	json->depth++;
	json->first_done = false;
}

static void close_level(struct json_writer *json, char c)
{
	bool empty = !json->first_done;

	json->depth--;
	json->first_done = true;
	if (!empty)
		fprintf(json->out, "\n%*s", (int)json->depth * 2, "");
	putc(c, json->out);
	if (!json->depth)
		putc('\n', json->out);
}

void json_begin_object(struct json_writer *json, const char *name)
{
	open_level(json, name, '{');
}

void json_end_object(struct json_writer *json)
{
	close_level(json, '}');
}

void json_begin_array(struct json_writer *json, const char *name)
{
	open_level(json, name, '[');
}

void json_end_array(struct json_writer *json)
{
	close_level(json, ']');
}

void json_u64(struct json_writer *json, const char *name, u64 value)
{
	begin_value(json, name);
	fprintf(json->out, "%" PRIu64, value);
}

void json_bool(struct json_writer *json, const char *name, bool value)
{
	begin_value(json, name);
	fputs(value ? "true" : "false", json->out);
}

void json_string(struct json_writer *json, const char *name, const char *value)
{
	begin_value(json, name);
	put_string(json->out, value);
}
