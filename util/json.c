/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writer of JSON (RFC 8259) for statistics, self-test results and `lkvm flash`.
 * It streams: no tree in memory, so the caller opens and closes levels in
 * order. Indented by two, with a newline at the end, for readers as well as
 * programs; or compact, for protocols that have a line for each value. All
 * strings come out as valid UTF-8, whatever a guest or a file name put into
 * them.
 */
#include <inttypes.h>
#include <stdatomic.h>

#include "lkvm/util/json.h"

#define NUMBERS_PER_LINE 16

/*
 * The length of the UTF-8 sequence of more than one byte at s, 0 if there is
 * none: RFC 3629, section 4. It does not read past the string's zero, as that
 * is no continuation byte.
 */
size_t json_utf8_length(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t len = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;

	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	/* Overlong forms, UTF-16's surrogates, and values above U+10FFFF. */
	if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
	    (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/*
 * Writes the character at s and returns its length in bytes. A byte that is not
 * part of valid UTF-8 is replaced by U+FFFD: JSON has no other way to hold it.
 */
static size_t put_char(FILE *out, const char *s)
{
	unsigned char c = (unsigned char)*s;
	size_t len = json_utf8_length(s);

	if (len) {
		fwrite(s, 1, len, out);
		return len;
	}
	if (c == '"' || c == '\\')
		fprintf(out, "\\%c", c);
	else if (c < 0x20 || c == 0x7f)
		fprintf(out, "\\u%04x", c);
	else if (c > 0x7f)
		fputs("\\ufffd", out);
	else
		putc(c, out);
	return 1;
}

static void put_string(FILE *out, const char *s)
{
	putc('"', out);
	while (*s)
		s += put_char(out, s);
	putc('"', out);
}

/*
 * What precedes every value: comma, newline, indentation and the name. A value
 * at depth 0 has none of these.
 */
static void begin_value(struct json_writer *json, const char *name)
{
	if (json->depth && json->compact)
		fputs(json->first_done ? "," : "", json->out);
	else if (json->depth)
		fprintf(json->out, "%s\n%*s", json->first_done ? "," : "",
			(int)json->depth * 2, "");
	json->first_done = true;
	if (!name)
		return;
	put_string(json->out, name);
	fputs(json->compact ? ":" : ": ", json->out);
}

static void open_level(struct json_writer *json, const char *name, char c)
{
	begin_value(json, name);
	putc(c, json->out);
	json->depth++;
	json->first_done = false;
}

/* An empty level is "{}" or "[]" in one line. */
static void close_level(struct json_writer *json, char c)
{
	bool empty = !json->first_done;

	json->depth--;
	json->first_done = true;
	if (!empty && !json->compact)
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

void json_null(struct json_writer *json, const char *name)
{
	begin_value(json, name);
	fputs("null", json->out);
}

void json_number(struct json_writer *json, const char *name, const char *text,
		 size_t len)
{
	begin_value(json, name);
	fwrite(text, 1, len, json->out);
}

/* All digits. Readers that keep numbers as doubles lose those above 2^53. */
void json_u64(struct json_writer *json, const char *name, u64 value)
{
	begin_value(json, name);
	fprintf(json->out, "%" PRIu64, value);
}

void json_u64_array(struct json_writer *json, const char *name,
		    const _Atomic(u64) *values, size_t n)
{
	json_begin_array(json, name);
	for (size_t i = 0; i < n; i++) {
		if (i % NUMBERS_PER_LINE && !json->compact)
			fprintf(json->out, ", %" PRIu64,
				atomic_load(&values[i]));
		else
			json_u64(json, NULL, atomic_load(&values[i]));
	}
	json_end_array(json);
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
