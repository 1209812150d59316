/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads JSON (RFC 8259) of any origin, which is not trusted. Stricter than the
 * RFC where that is safer: names of an object differ,
 * no string holds U+0000, and there is a limit to nesting.
 */
#ifndef LKVM_UTIL_JSON_READ_H
#define LKVM_UTIL_JSON_READ_H

#include "lkvm/util/util.h"

#define JSON_MAX_DEPTH 32

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER, /* checked, and kept as text */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_value {
	enum json_type type;
	u32 number_len;			/* of the text of a number */
	const char *name;		/* of an object's member, or NULL */
	const char *string;		/* UTF-8; NULL if it is no string */
	const char *number;		/* its text, with no zero behind it */
	const struct json_value *first; /* element or member, or NULL */
	const struct json_value *next;	/* after it in what it is in */
};

/* Why a text was refused. */
struct json_error {
	unsigned int line; /* from 1 on */
	const char *what;
};

/*
 * Reads `text`, all of which is one value. On success *root is that value; the
 * caller frees it with free(), and all else with it. Returns 0, -EBADMSG with
 * the reason in *error, or -ENOMEM. Prints nothing.
 *
 * At worst it needs memory of some 50 times `len`, and time by the square of
 * the members of an object: bound `len`.
 */
int json_read(const char *text, size_t len, struct json_value **root,
	      struct json_error *error);

/* The member of that name; NULL if there is none or `object` is none. */
const struct json_value *json_member(const struct json_value *object,
				     const char *name);

/* The string itself; NULL if `value` is NULL or no string. */
const char *json_string_of(const struct json_value *value);

/*
 * A number that is an integer of 64 bits without sign, fraction or exponent.
 * Returns 0, or -EINVAL, also if `value` is NULL or no number.
 */
int json_u64_of(const struct json_value *value, u64 *out);

/* True if `value` is not NULL and of this type. */
bool json_is(const struct json_value *value, enum json_type type);

/* Writes `value` as it was read, as a member `name` or, NULL, without. */
struct json_writer;
void json_copy(struct json_writer *json, const char *name,
	       const struct json_value *value);

/* True if `array` is one and has this string as an element. */
bool json_has_string(const struct json_value *array, const char *string);

#endif
