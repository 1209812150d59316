/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of commands, and how a request becomes an answer. docs/control.md
 * describes each of them; a command that is added here is listed by `commands`.
 *
 * Called by control/server.c with one line of a client at a time, on the event
 * loop's thread; each answer is complete when the call returns. Clients are
 * this user's processes or root's, but what they send is checked like any other
 * input: control/request.c checks the form of a request, this file the command
 * and its arguments, control/guest.c whether the guest can do it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/control/commands.h"
#include "lkvm/util/clock.h"

/* A request that is being carried out. */
struct call {
	struct control_commands *commands;
	struct control_client *client;
	const struct control_request *request;
	struct control_error *error;
};

#define ARGUMENTS_MAX 2

struct command {
	const char *name;
	const char *argument; /* is needed; NULL: none is */
	/* Others, which may be left out. */
	const char *options[ARGUMENTS_MAX];
	/* Does it. 0, or -errno with the reason in call->error. */
	int (*run)(struct call *call);
	/* Adds members to "return"; NULL: only the status. */
	void (*put)(const struct call *call, struct json_writer *json);
};

/* For commands that only look: all of their work is done by put(). */
static int nothing(struct call *call)
{
	(void)call;
	return 0;
}

static int subscribe(struct call *call)
{
	control_client_subscribe(call->client);
	return 0;
}

/* Tells the others if the guest is paused now and was not, or the opposite. */
static int changed(struct call *call, bool was, int ret)
{
	const struct control_guest *guest = call->commands->guest;

	if (was != guest->paused)
		control_commands_event(call->commands,
				       was ? "resumed" : "paused", NULL);
	return ret;
}

/*
 * Not an error if the guest is paused already, so a client may repeat a command
 * whose answer it has missed.
 */
static int pause_guest(struct call *call)
{
	struct control_guest *guest = call->commands->guest;
	bool was = guest->paused;

	return changed(call, was, control_guest_pause(guest, call->error));
}

static int resume_guest(struct call *call)
{
	struct control_guest *guest = call->commands->guest;
	bool was = guest->paused;

	return changed(call, was, control_guest_resume(guest, call->error));
}

/*
 * Counts as a resume for subscribers if the guest was paused: it has to run to
 * see the key.
 */
static int press_power(struct call *call)
{
	struct control_guest *guest = call->commands->guest;
	bool was = guest->paused;

	return changed(call, was, control_guest_power(guest, call->error));
}

/*
 * The event "reset" is sent by the device of control/control.c when the reset
 * is carried out, not here: the guest can reset itself as well.
 */
static int reset(struct call *call)
{
	return control_guest_reset(call->commands->guest, call->error);
}

/*
 * check_arguments() has seen that "size" is there, but not that it is a number.
 */
static int balloon(struct call *call)
{
	u64 bytes;

	if (json_u64_of(json_member(call->request->arguments, "size"), &bytes))
		return control_fail(call->error, -EINVAL, "bad-arguments",
				    "\"size\" is a number of bytes");
	return control_guest_balloon(call->commands->guest, bytes, call->error);
}

/*
 * An argument that is a number, or `value` as it is, if it is left out. 0, or
 * -errno with the reason.
 */
static int number(struct call *call, const char *name, u64 max, u64 *value)
{
	const struct json_value *given =
		json_member(call->request->arguments, name);

	if (!given)
		return 0;
	if (json_u64_of(given, value) || *value > max)
		return control_fail(call->error, -EINVAL, "bad-arguments",
				    "\"%s\" is a number up to %" PRIu64, name,
				    max);
	return 0;
}

/*
 * The port that "port" names, or else the console that the guest's user has.
 * NULL: there is a reason why not.
 */
static struct control_console *find_port(struct call *call)
{
	const struct control_consoles *consoles = call->commands->consoles;
	u64 port = 0;

	if (!json_member(call->request->arguments, "port") && consoles->virtio)
		return consoles->virtio;
	if (number(call, "port", SERIAL_MAX - 1, &port))
		return NULL;
	if (!consoles->serial[port])
		control_fail(call->error, -ENODEV, "unsupported",
			     "the guest's machine has no serial port %" PRIu64,
			     port);
	return consoles->serial[port];
}

/*
 * One client at a time: two who type at one console would only disturb each
 * other.
 */
static int enter_console(struct call *call)
{
	struct control_console *console = find_port(call);
	u64 linger = CONTROL_LINGER_MS;
	int ret = console ? 0 : -EINVAL;

	if (!ret)
		ret = number(call, "linger_ms", CONTROL_LINGER_MAX_MS, &linger);
	if (!ret && control_console_is_busy(console))
		ret = control_fail(call->error, -EBUSY, "failed",
				   "another client is at that console");
	if (!ret)
		control_client_hand_over(
			call->client,
			control_console_stream(console, (unsigned int)linger));
	return ret;
}

/* What a kernel's sysrq help lists: a printable character. */
static int press_sysrq(struct call *call)
{
	struct control_console *console = find_port(call);
	const char *key =
		json_string_of(json_member(call->request->arguments, "key"));

	if (!console)
		return -EINVAL;
	if (!key || key[0] <= ' ' || key[0] > '~' || key[1])
		return control_fail(call->error, -EINVAL, "bad-arguments",
				    "\"key\" is one character");
	if (control_console_sysrq(console, (u8)key[0]))
		return control_fail(call->error, -EAGAIN, "failed",
				    "the guest does not take its input");
	return 0;
}

/*
 * The answer may be lost: the event loop is told to stop. Clients take the end
 * of the connection for success.
 */
static int quit(struct call *call)
{
	return control_guest_quit(call->commands->guest, call->error);
}

/*
 * The whole state, as `lkvm list` shows it, instead of the single member
 * "status" that other commands return.
 */
static void put_status(const struct call *call, struct json_writer *json)
{
	control_guest_put(call->commands->guest, json);
}

static void put_stats(const struct call *call, struct json_writer *json)
{
	control_guest_put_stats(call->commands->guest, json);
}

static void put_registers(const struct call *call, struct json_writer *json)
{
	control_guest_put_registers(call->commands->guest, json);
}

static void put_commands(const struct call *call, struct json_writer *json);

static const struct command commands_table[] = {
	{ "balloon", "size", { NULL }, balloon, NULL },
	{ "commands", NULL, { NULL }, nothing, put_commands },
	{ "console", NULL, { "port", "linger_ms" }, enter_console, NULL },
	{ "pause", NULL, { NULL }, pause_guest, NULL },
	{ "powerdown", NULL, { NULL }, press_power, NULL },
	{ "quit", NULL, { NULL }, quit, NULL },
	{ "registers", NULL, { NULL }, nothing, put_registers },
	{ "reset", NULL, { NULL }, reset, NULL },
	{ "resume", NULL, { NULL }, resume_guest, NULL },
	{ "stat", NULL, { NULL }, nothing, put_stats },
	{ "status", NULL, { NULL }, nothing, put_status },
	{ "subscribe", NULL, { NULL }, subscribe, NULL },
	{ "sysrq", "key", { "port" }, press_sysrq, NULL },
};

static void put_commands(const struct call *call, struct json_writer *json)
{
	(void)call;
	json_begin_array(json, "commands");
	for (size_t i = 0; i < ARRAY_SIZE(commands_table); i++)
		json_string(json, NULL, commands_table[i].name);
	json_end_array(json);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands_table); i++)
		if (!strcmp(commands_table[i].name, name))
			return &commands_table[i];
	return NULL;
}

/*
 * The answer of a command that has succeeded. Without put() it is the status
 * after the command, so a client that has paused the guest sees it in the
 * answer.
 */
static void put_return(const struct call *call, const struct command *command,
		       FILE *out)
{
	const struct control_guest *guest = call->commands->guest;
	struct json_writer json = { .out = out, .compact = true };

	control_answer_begin(&json, call->request);
	json_begin_object(&json, "return");
	if (command->put)
		command->put(call, &json);
	else
		json_string(&json, "status",
			    guest->paused ? "paused" : "running");
	json_end_object(&json);
	json_end_object(&json);
}

/* Whether the command has an argument of that name. */
static bool takes(const struct command *command, const char *name)
{
	if (command->argument && !strcmp(name, command->argument))
		return true;
	for (size_t i = 0; i < ARGUMENTS_MAX && command->options[i]; i++)
		if (!strcmp(name, command->options[i]))
			return true;
	return false;
}

/* An argument that is not known is refused, not passed over. */
static int check_arguments(struct call *call, const struct command *command)
{
	const struct json_value *arguments = call->request->arguments;
	const struct json_value *v = arguments ? arguments->first : NULL;

	if (v && !command->argument && !command->options[0])
		return control_fail(call->error, -EINVAL, "bad-arguments",
				    "\"%s\" takes no arguments", command->name);
	for (; v; v = v->next)
		if (!takes(command, v->name))
			return control_fail(call->error, -EINVAL,
					    "bad-arguments",
					    "\"%s\" takes no argument of that "
					    "name",
					    command->name);
	if (command->argument && !json_member(arguments, command->argument))
		return control_fail(call->error, -EINVAL, "bad-arguments",
				    "\"%s\" takes the argument \"%s\"",
				    command->name, command->argument);
	return 0;
}

static int carry_out(struct call *call, const struct command *command)
{
	int ret;

	if (!command)
		return control_fail(call->error, -ENOENT, "unknown-command",
				    "there is no such command; \"commands\" "
				    "lists them");
	ret = check_arguments(call, command);
	return ret ? ret : command->run(call);
}

/* The answer to a line, on `out`. */
static void answer(struct control_commands *commands,
		   struct control_client *client, const char *line, size_t len,
		   FILE *out)
{
	struct control_request request;
	struct control_error error;
	struct call call = {
		.commands = commands,
		.client = client,
		.request = &request,
		.error = &error,
	};
	const struct command *command = NULL;
	int ret = control_request_parse(&request, line, len, &error);

	if (!ret) {
		command = find(request.execute);
		ret = carry_out(&call, command);
	}
	if (ret)
		control_answer_error(out, &request, &error);
	else
		put_return(&call, command, out);
	control_request_free(&request);
}

/*
 * Formatted in memory, as its length has to be known. Without memory for it
 * there is no answer, which a client notices by its time limit.
 */
static void serve_line(struct control_service *service,
		       struct control_client *client, const char *line,
		       size_t len)
{
	struct control_commands *commands =
		container_of(service, struct control_commands, service);
	size_t size = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	answer(commands, client, line, len, out);
	if (!fclose(out))
		control_client_send(client, text, size);
	free(text);
}

void control_commands_init(struct control_commands *commands,
			   struct control_guest *guest,
			   const struct control_consoles *consoles)
{
	commands->service.line = serve_line;
	commands->guest = guest;
	commands->consoles = consoles;
	commands->server = NULL;
}

/*
 * Without memory the event is dropped: it is only news, and a run does not fail
 * for its observers.
 */
void control_commands_event(struct control_commands *commands, const char *name,
			    const char *outcome)
{
	u64 now = clock_now() - commands->guest->began;
	size_t size = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);
	struct json_writer json = { .out = out, .compact = true };

	if (!out)
		return;
	json_begin_object(&json, NULL);
	json_string(&json, "event", name);
	json_u64(&json, "uptime_ms", now / NS_PER_MS);
	if (outcome)
		json_string(&json, "outcome", outcome);
	json_end_object(&json);
	if (!fclose(out))
		control_server_event(commands->server, text, size);
	free(text);
}
