/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests are from clients that may be anything: what is not understood is an
 * error, members that are not known included, so that a misspelt one does not
 * pass for none.
 *
 * The form of requests and answers, without any knowledge of commands. Used by
 * control/commands.c on the event loop's thread. A request points into its
 * parsed JSON and is valid until control_request_free(). Depth and size are
 * limited by util/json_read.c and by the server's buffer.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/control/request.h"

int control_fail(struct control_error *error, int ret, const char *class,
		 const char *fmt, ...)
{
	va_list args;

	error->class = class;
	va_start(args, fmt);
	vsnprintf(error->message, sizeof(error->message), fmt, args);
	va_end(args);
	return ret;
}

static int malformed(struct control_error *error, const char *what)
{
	return control_fail(error, -EBADMSG, "malformed", "%s", what);
}

/* The first that is wrong is told; the id is looked for before that. */
static int take_members(struct control_request *request,
			struct control_error *error)
{
	const struct json_value *value;

	if (!json_is(request->root, JSON_OBJECT))
		return malformed(error, "a request is an object");
	value = json_member(request->root, "id");
	if (json_is(value, JSON_NUMBER) || json_is(value, JSON_STRING))
		request->id = value;
	else if (value)
		return malformed(error, "\"id\" is a number or a string");
	for (value = request->root->first; value; value = value->next) {
		if (!strcmp(value->name, "execute"))
			request->execute = value->string;
		else if (!strcmp(value->name, "arguments"))
			request->arguments = value;
		else if (strcmp(value->name, "id") != 0)
			return malformed(error, "a request has the members "
						"execute, arguments and id");
	}
	if (!request->execute)
		return malformed(error, "\"execute\" names a command");
	if (request->arguments && request->arguments->type != JSON_OBJECT)
		return malformed(error, "\"arguments\" is an object");
	return 0;
}

/*
 * The request is zeroed before anything else: an answer to one that could not
 * be parsed has no id, and it is freed like any other.
 */
int control_request_parse(struct control_request *request, const char *line,
			  size_t len, struct control_error *error)
{
	struct json_error json;
	int ret;

	memset(request, 0, sizeof(*request));
	ret = json_read(line, len, &request->root, &json);
	if (ret == -EBADMSG)
		return malformed(error, json.what);
	if (ret)
		return control_fail(error, ret, "failed", "out of memory");
	return take_members(request, error);
}

void control_request_free(struct control_request *request)
{
	free(request->root);
	memset(request, 0, sizeof(*request));
}

/*
 * The id is copied as it came, whether number or string: clients find their
 * request by comparing it.
 */
void control_answer_begin(struct json_writer *json,
			  const struct control_request *request)
{
	json_begin_object(json, NULL);
	if (request->id)
		json_copy(json, "id", request->id);
}

void control_answer_error(FILE *out, const struct control_request *request,
			  const struct control_error *error)
{
	struct json_writer json = { .out = out, .compact = true };

	control_answer_begin(&json, request);
	json_begin_object(&json, "error");
	json_string(&json, "class", error->class);
	json_string(&json, "message", error->message);
	json_end_object(&json);
	json_end_object(&json);
}
