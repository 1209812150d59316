/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: control/commands.c control/request.c tests/unit/control_rig.c */
/* SOURCES: util/json.c util/json_copy.c util/json_read.c */
/* Requests, what is done for them, their answers, and events. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "control_rig.h"
#include "lkvm/control/commands.h"

/* There are no clients: what they would be sent is kept here. */
static struct {
	struct control_rig rig;
	struct control_commands commands;
	struct control_consoles consoles;
	/* What was done at which of these. */
	struct control_console *used;
	struct control_stream stream, *handed;
	unsigned int linger;
	bool busy, full;
	u8 key;
	char answer[4096], event[4096];
	bool subscribed;
} t;

static void keep(char *to, size_t size, const char *line, size_t len)
{
	/* A line, and only one. */
	assert_true(len && len < size);
	assert_ptr_equal(memchr(line, '\n', len), line + len - 1);
	memcpy(to, line, len - 1);
	to[len - 1] = '\0';
}

void control_client_send(struct control_client *client, const char *line,
			 size_t len)
{
	(void)client;
	keep(t.answer, sizeof(t.answer), line, len);
}

void control_client_subscribe(struct control_client *client)
{
	(void)client;
	t.subscribed = true;
}

void control_server_event(struct control_server *server, const char *line,
			  size_t len)
{
	(void)server;
	keep(t.event, sizeof(t.event), line, len);
}

/* ---- In place of control/console.c ----------------------------------------
 */

struct control_console {
	int unused;
};

static struct control_console ports[3];

bool control_console_is_busy(const struct control_console *console)
{
	assert_non_null(console);
	return t.busy;
}

struct control_stream *control_console_stream(struct control_console *console,
					      unsigned int linger_ms)
{
	t.used = console;
	t.linger = linger_ms;
	return &t.stream;
}

int control_console_sysrq(struct control_console *console, u8 key)
{
	t.used = console;
	t.key = key;
	return t.full ? -EAGAIN : 0;
}

void control_client_hand_over(struct control_client *client,
			      struct control_stream *stream)
{
	(void)client;
	t.handed = stream;
}

/* ---- The tests ------------------------------------------------------------
 */

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	control_rig_init(&t.rig);
	t.consoles.serial[0] = &ports[0];
	t.consoles.serial[1] = &ports[1];
	control_commands_init(&t.commands, &t.rig.guest, &t.consoles);
	return 0;
}

static void ask(const char *line)
{
	t.answer[0] = t.event[0] = '\0';
	t.commands.service.line(&t.commands.service, NULL, line, strlen(line));
}

static void expect(const char *line, const char *answer)
{
	ask(line);
	assert_string_equal(t.answer, answer);
}

static void expect_error(const char *line, const char *begin, const char *part)
{
	ask(line);
	assert_memory_equal(t.answer, begin, strlen(begin));
	assert_non_null(strstr(t.answer, part));
}

/* Its time is not known. */
static void expect_event(const char *name)
{
	char begin[64];

	snprintf(begin, sizeof(begin),
		 "{\"event\":\"%s\",\"uptime_ms\":", name);
	assert_memory_equal(t.event, begin, strlen(begin));
}

static void commands(void **state)
{
	(void)state;
	expect("{\"execute\":\"status\"}",
	       "{\"return\":{\"name\":\"rig\",\"status\":\"running\"}}");
	expect("{\"execute\":\"stat\"}",
	       "{\"return\":{\"name\":\"rig\",\"status\":\"running\","
	       "\"stats\":{\"exits\":42}}}");
	expect("{\"execute\":\"commands\"}",
	       "{\"return\":{\"commands\":[\"balloon\",\"commands\","
	       "\"console\","
	       "\"pause\","
	       "\"powerdown\",\"quit\",\"registers\",\"reset\",\"resume\","
	       "\"stat\","
	       "\"status\","
	       "\"subscribe\",\"sysrq\"]}}");
	expect("{\"execute\":\"reset\"}",
	       "{\"return\":{\"status\":\"running\"}}");
	expect("{\"execute\":\"quit\"}",
	       "{\"return\":{\"status\":\"running\"}}");
	expect("{\"execute\":\"powerdown\"}",
	       "{\"return\":{\"status\":\"running\"}}");
	expect("{\"execute\":\"registers\"}",
	       "{\"return\":{\"registers\":[]}}");
	assert_int_equal(t.rig.resets, 1);
	assert_int_equal(t.rig.quits, 1);
	assert_int_equal(t.rig.presses, 1);
	assert_false(t.subscribed);
	expect("{\"execute\":\"subscribe\"}",
	       "{\"return\":{\"status\":\"running\"}}");
	assert_true(t.subscribed);
}

static void pauses(void **state)
{
	(void)state;
	expect("{\"execute\":\"pause\"}",
	       "{\"return\":{\"status\":\"paused\"}}");
	expect_event("paused");
	/* Nothing new. */
	expect("{\"execute\":\"pause\"}",
	       "{\"return\":{\"status\":\"paused\"}}");
	assert_string_equal(t.event, "");
	expect("{\"execute\":\"resume\"}",
	       "{\"return\":{\"status\":\"running\"}}");
	expect_event("resumed");
	expect("{\"execute\":\"resume\"}",
	       "{\"return\":{\"status\":\"running\"}}");
	assert_string_equal(t.event, "");
	/* The power key is for a guest that runs. */
	ask("{\"execute\":\"pause\"}");
	ask("{\"execute\":\"powerdown\"}");
	expect_event("resumed");
}

static void refused(void **state)
{
	(void)state;
	t.rig.has_key = false;
	t.rig.guest.debugged = true;
	expect("{\"execute\":\"powerdown\",\"id\":1}",
	       "{\"id\":1,\"error\":{\"class\":\"unsupported\","
	       "\"message\":\"no key\"}}");
	expect("{\"execute\":\"pause\"}",
	       "{\"error\":{\"class\":\"unsupported\",\"message\":\"no\"}}");
	expect("{\"execute\":\"resume\"}",
	       "{\"error\":{\"class\":\"unsupported\",\"message\":\"no\"}}");
	assert_string_equal(t.event, "");
}

/* Whatever the id is, it comes back as it was. */
static void ids(void **state)
{
	(void)state;
	expect("{\"id\":-1.50e+2,\"execute\":\"reset\"}",
	       "{\"id\":-1.50e+2,\"return\":{\"status\":\"running\"}}");
	expect("{\"execute\":\"reset\",\"id\":\"a\\\"\\n\\u00e4\"}",
	       "{\"id\":\"a\\\"\\u000a\xc3\xa4\",\"return\":{\"status\":"
	       "\"running\"}}");
	expect("{\"execute\":\"reset\",\"id\":\"\",\"arguments\":{}}",
	       "{\"id\":\"\",\"return\":{\"status\":\"running\"}}");
	expect_error("{\"execute\":\"nope\",\"id\":7}",
		     "{\"id\":7,\"error\":{\"class\":\"unknown-command\"",
		     "\\\"commands\\\" lists them");
	expect_error("{\"execute\":\"reset\",\"id\":[7]}",
		     "{\"error\":{\"class\":\"malformed\"", "\\\"id\\\"");
	expect_error("{\"execute\":\"reset\",\"id\":null}",
		     "{\"error\":{\"class\":\"malformed\"", "\\\"id\\\"");
	assert_int_equal(t.rig.resets, 3);
}

static void malformed(void **state)
{
	static const struct {
		const char *line, *part;
	} cases[] = {
		{ "reset", "a value is expected" },
		{ "", "ends too early" },
		{ "{\"execute\":\"reset\"", "ends too early" },
		{ "{\"execute\":\"reset\"}{}", "something follows" },
		{ "{\"execute\":\"reset\",\"execute\":\"quit\"}",
		  "two members of one name" },
		{ "[]", "a request is an object" },
		{ "\"reset\"", "a request is an object" },
		{ "{}", "names a command" },
		{ "{\"id\":1}", "names a command" },
		{ "{\"execute\":1}", "names a command" },
		{ "{\"execute\":[\"reset\"]}", "names a command" },
		{ "{\"execute\":\"reset\",\"argument\":{}}", "the members" },
		{ "{\"execute\":\"reset\",\"arguments\":[]}",
		  "\\\"arguments\\\" is an object" },
		{ "{\"execute\":\"reset\",\"arguments\":null}",
		  "\\\"arguments\\\" is an object" },
		{ "{\"execute\":\"\xff\"}", "no UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask(cases[i].line);
		assert_non_null(strstr(t.answer, "\"class\":\"malformed\""));
		assert_non_null(strstr(t.answer, cases[i].part));
	}
	/* A zero byte is no end. */
	t.commands.service.line(&t.commands.service, NULL,
				"{\"execute\":\"reset\"}\0", 20);
	assert_non_null(strstr(t.answer, "something follows"));
	expect_error("{\"execute\":\"reset\",\"arguments\":{\"hard\":true}}",
		     "{\"error\":{\"class\":\"bad-arguments\"",
		     "\\\"reset\\\" takes no arguments");
	assert_int_equal(t.rig.resets, 0);
	assert_int_equal(t.rig.quits, 0);
}

static void arguments(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"bytes\":1}",
		"{\"size\":1,\"more\":1}",
		"{\"size\":\"1\"}",
		"{\"size\":-1}",
		"{\"size\":1.5}",
		"{\"size\":9999999999}",
	};
	char line[128];

	(void)state;
	expect("{\"execute\":\"balloon\",\"arguments\":{\"size\":4096}}",
	       "{\"return\":{\"status\":\"running\"}}");
	assert_int_equal(t.rig.balloon, 4096);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(line, sizeof(line),
			 "{\"execute\":\"balloon\",\"arguments\":%s}", bad[i]);
		expect_error(line, "{\"error\":{\"class\":\"bad-arguments\"",
			     "");
	}
	expect_error("{\"execute\":\"balloon\"}",
		     "{\"error\":{\"class\":\"bad-arguments\"",
		     "takes the argument \\\"size\\\"");
	assert_int_equal(t.rig.balloon, 4096);
}

static void console(void **state)
{
	(void)state;
	expect("{\"execute\":\"console\"}",
	       "{\"return\":{\"status\":\"running\"}}");
	assert_ptr_equal(t.handed, &t.stream);
	assert_ptr_equal(t.used, &ports[0]);
	assert_int_equal(t.linger, CONTROL_LINGER_MS);
	expect("{\"execute\":\"console\",\"arguments\":"
	       "{\"linger_ms\":60000,\"port\":1}}",
	       "{\"return\":{\"status\":\"running\"}}");
	assert_ptr_equal(t.used, &ports[1]);
	assert_int_equal(t.linger, 60000);
	/* The console of the user is another one. */
	t.consoles.virtio = &ports[2];
	ask("{\"execute\":\"console\"}");
	assert_ptr_equal(t.used, &ports[2]);
	ask("{\"execute\":\"console\",\"arguments\":{\"port\":0}}");
	assert_ptr_equal(t.used, &ports[0]);
}

static void no_console(void **state)
{
	static const char *const bad[] = {
		"{\"port\":4}",
		"{\"port\":-1}",
		"{\"port\":\"0\"}",
		"{\"linger_ms\":60001}",
		"{\"linger_ms\":null}",
		"{\"key\":\"h\"}",
		"{\"port\":0,\"more\":1}",
	};
	char line[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(line, sizeof(line),
			 "{\"execute\":\"console\",\"arguments\":%s}", bad[i]);
		expect_error(line, "{\"error\":{\"class\":\"bad-arguments\"",
			     "");
	}
	expect_error("{\"execute\":\"console\",\"arguments\":{\"port\":2}}",
		     "{\"error\":{\"class\":\"unsupported\"",
		     "no serial port 2");
	t.busy = true;
	expect_error("{\"execute\":\"console\"}",
		     "{\"error\":{\"class\":\"failed\"", "another client");
	assert_null(t.handed);
}

static void sysrq(void **state)
{
	static const char *const bad[] = {
		"{\"port\":0}",	   "{\"key\":\"\"}",	    "{\"key\":\"hh\"}",
		"{\"key\":\" \"}", "{\"key\":\"\\u00e4\"}", "{\"key\":1}",
	};
	char line[128];

	(void)state;
	expect("{\"execute\":\"sysrq\",\"arguments\":{\"key\":\"h\"}}",
	       "{\"return\":{\"status\":\"running\"}}");
	assert_ptr_equal(t.used, &ports[0]);
	assert_int_equal(t.key, 'h');
	ask("{\"execute\":\"sysrq\",\"arguments\":"
	    "{\"port\":1,\"key\":\"\\\"\"}}");
	assert_ptr_equal(t.used, &ports[1]);
	assert_int_equal(t.key, '"');
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(line, sizeof(line),
			 "{\"execute\":\"sysrq\",\"arguments\":%s}", bad[i]);
		expect_error(line, "{\"error\":{\"class\":\"bad-arguments\"",
			     "");
	}
	t.full = true;
	expect_error("{\"execute\":\"sysrq\",\"arguments\":{\"key\":\"h\"}}",
		     "{\"error\":{\"class\":\"failed\"", "its input");
}

static void the_end(void **state)
{
	(void)state;
	control_commands_event(&t.commands, "end", "power-off");
	expect_event("end");
	assert_non_null(strstr(t.event, ",\"outcome\":\"power-off\"}"));
}

#define COMMAND_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		COMMAND_TEST(commands),	 COMMAND_TEST(pauses),
		COMMAND_TEST(refused),	 COMMAND_TEST(ids),
		COMMAND_TEST(malformed), COMMAND_TEST(arguments),
		COMMAND_TEST(console),	 COMMAND_TEST(no_console),
		COMMAND_TEST(sysrq),	 COMMAND_TEST(the_end),
	};

	return cmocka_run_group_tests_name("control_commands", tests, NULL,
					   NULL);
}
