/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of clients and what they are answered, each a line of JSON:
 *
 *	{"execute":"stat","id":1,"arguments":{...}}
 *	{"id":1,"return":{...}}
 *	{"id":1,"error":{"class":"unknown-command","message":"..."}}
 */
#ifndef LKVM_CONTROL_REQUEST_H
#define LKVM_CONTROL_REQUEST_H

#include <stdio.h>

#include "lkvm/util/json.h"
#include "lkvm/util/json_read.h"
#include "lkvm/util/util.h"

/* Bytes of a request, with the newline at its end. */
#define CONTROL_REQUEST_MAX 4096

struct control_request {
	const char *execute;		    /* the command's name */
	const struct json_value *id;	    /* number or string, or NULL */
	const struct json_value *arguments; /* an object, or NULL */
	struct json_value *root;	    /* what all of these are in */
};

/* Why a request was not carried out. */
struct control_error {
	const char *class; /* for programs, see docs/control.md */
	char message[160]; /* for people */
};

/*
 * Parses a line, without its newline. Returns 0; -EBADMSG, or -ENOMEM, with the
 * reason in *error. `id` is set if there is a usable one, also if the rest is
 * wrong. control_request_free() in each case.
 */
int control_request_parse(struct control_request *request, const char *line,
			  size_t len, struct control_error *error);
void control_request_free(struct control_request *request);

/* Sets *error, and returns `ret`. */
int control_fail(struct control_error *error, int ret, const char *class,
		 const char *fmt, ...) __printf(4, 5);

/*
 * Begins an answer to *request on json->out: its id, if it has one. The caller
 * adds "return", and calls json_end_object().
 */
void control_answer_begin(struct json_writer *json,
			  const struct control_request *request);

/* Writes an answer that says what is wrong. */
void control_answer_error(FILE *out, const struct control_request *request,
			  const struct control_error *error);

#endif
