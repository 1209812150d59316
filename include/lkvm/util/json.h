/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes JSON to a stdio stream. */
#ifndef LKVM_UTIL_JSON_H
#define LKVM_UTIL_JSON_H

#include <stdio.h>

#include "lkvm/util/util.h"

/*
 * Nesting is the caller's to keep; commas and indentation are the writer's.
 * Errors are those of the stream: see ferror(). Zero-initialise all but `out`.
 */
struct json_writer {
	FILE *out;
	unsigned int depth; /* open objects and arrays */
	bool first_done;    /* the open object or array has a member already */
	bool compact;	    /* all in one line, without spaces */
};

/* `name` is the member's key, or NULL in an array and at the top. */
void json_begin_object(struct json_writer *json, const char *name);
void json_end_object(struct json_writer *json);
void json_begin_array(struct json_writer *json, const char *name);
void json_end_array(struct json_writer *json);
void json_null(struct json_writer *json, const char *name);
/* `text` is a number as JSON has it. */
void json_number(struct json_writer *json, const char *name, const char *text,
		 size_t len);
/* All digits of `value`, in decimal. */
void json_u64(struct json_writer *json, const char *name, u64 value);
/* An array of `n` counters, sixteen to a line; others may count meanwhile. */
void json_u64_array(struct json_writer *json, const char *name,
		    const _Atomic(u64) *values, size_t n);
void json_bool(struct json_writer *json, const char *name, bool value);
/* Control characters are escaped; what is no UTF-8 becomes U+FFFD. */
void json_string(struct json_writer *json, const char *name, const char *value);

/*
 * The length of the UTF-8 sequence of more than one byte that `s`, a string,
 * begins with; 0 if it begins with none.
 */
size_t json_utf8_length(const char *s);

#endif
