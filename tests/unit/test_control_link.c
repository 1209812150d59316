/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: control/link.c util/json_read.c util/json.c util/output.c */
/* What a client makes of a guest's answers, or of what else comes. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/control/link.h"

/* Whoever hangs dies by SIGALRM. */
#define PATIENCE 60

/* Longer than any test takes. */
#define LONG_MS 50000

static struct {
	struct control_link link;
	int guest; /* the other end */
} t;

static int setup(void **state)
{
	int fds[2];

	(void)state;
	alarm(PATIENCE);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	control_link_init(&t.link, fds[0]);
	t.guest = fds[1];
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	control_link_close(&t.link);
	if (t.guest >= 0)
		close(t.guest);
	alarm(0);
	return 0;
}

/* Requests are numbered, so that an answer may be there before them. */
static void answer(const char *text)
{
	assert_int_equal(write(t.guest, text, strlen(text)), strlen(text));
}

static void end_guest(void)
{
	close(t.guest);
	t.guest = -1;
}

static void expect_request(const char *text)
{
	char buf[128] = "";

	assert_int_equal(recv(t.guest, buf, sizeof(buf) - 1, MSG_DONTWAIT),
			 strlen(text));
	assert_string_equal(buf, text);
}

static void expect_status(const char *want)
{
	const struct json_value *result;
	struct json_value *root;

	assert_int_equal(control_link_ask(&t.link, "status", NULL, LONG_MS,
					  &root, &result),
			 0);
	assert_string_equal(json_string_of(json_member(result, "status")),
			    want);
	free(root);
}

static void answers(void **state)
{
	(void)state;
	answer("{\"id\":1,\"return\":{\"status\":\"a\"}}\n"
	       "{\"id\":2,\"return\":{\"status\":\"b\"}}\n");
	expect_status("a");
	expect_request("{\"execute\":\"status\",\"id\":1}\n");
	expect_status("b");
	expect_request("{\"execute\":\"status\",\"id\":2}\n");
	answer("{\"id\":3,\"return\":{}}\n{\"id\":4,\"return\":{}}\n");
	assert_int_equal(control_link_tell(&t.link, "reset", NULL, LONG_MS), 0);
	expect_request("{\"execute\":\"reset\",\"id\":3}\n");
	assert_int_equal(control_link_tell(&t.link, "do", "{\"a\":1}", LONG_MS),
			 0);
	expect_request(
		"{\"execute\":\"do\",\"id\":4,\"arguments\":{\"a\":1}}\n");
}

/* Events, and an answer that was not waited for. */
static void others_lines(void **state)
{
	(void)state;
	assert_int_equal(control_link_tell(&t.link, "late", NULL, 1),
			 -ETIMEDOUT);
	answer("{\"event\":\"reset\",\"uptime_ms\":1}\n"
	       "{\"id\":1,\"return\":{\"status\":\"late\"}}\n"
	       "{\"id\":\"2\",\"return\":{\"status\":\"text\"}}\n"
	       "{\"id\":2,\"return\":{\"status\":\"right\"}}\n");
	expect_status("right");
}

static void errors(void **state)
{
	(void)state;
	answer("{\"id\":1,\"error\":{\"class\":\"x\",\"message\":\"why\"}}\n"
	       "{\"id\":2,\"error\":{}}\n"
	       "{\"id\":3,\"return\":1}\n"
	       "{\"id\":4}\n"
	       "nonsense\n");
	assert_int_equal(control_link_tell(&t.link, "c", NULL, LONG_MS),
			 -EREMOTEIO);
	assert_string_equal(control_link_explain(&t.link, -EREMOTEIO), "why");
	assert_int_equal(control_link_tell(&t.link, "c", NULL, LONG_MS),
			 -EREMOTEIO);
	assert_string_not_equal(control_link_explain(&t.link, -EREMOTEIO),
				"why");
	assert_int_equal(control_link_tell(&t.link, "c", NULL, LONG_MS),
			 -EBADMSG);
	assert_int_equal(control_link_tell(&t.link, "c", NULL, LONG_MS),
			 -EBADMSG);
	assert_int_equal(control_link_tell(&t.link, "c", NULL, LONG_MS),
			 -EBADMSG);
}

static void no_answer(void **state)
{
	(void)state;
	assert_int_equal(control_link_tell(&t.link, "c", NULL, 1), -ETIMEDOUT);
	/* Nor is half a line. */
	answer("{\"id\":2,\"return\":{}}");
	assert_int_equal(control_link_tell(&t.link, "c", NULL, 1), -ETIMEDOUT);
	end_guest();
	assert_int_equal(control_link_tell(&t.link, "c", NULL, LONG_MS),
			 -EPIPE);
	for (int err = 1; err < 120; err++)
		assert_non_null(control_link_explain(&t.link, -err));
}

/* In the midst of its answer. */
static void a_guest_that_ends(void **state)
{
	(void)state;
	answer("{\"event\":\"end\"}\n{\"id\":1,");
	shutdown(t.guest, SHUT_WR);
	assert_int_equal(control_link_tell(&t.link, "c", NULL, LONG_MS),
			 -EPIPE);
}

/* Its reader is slower than it, so it needs a thread. */
static void *send_long(void *arg)
{
	static char text[CONTROL_ANSWER_MAX / 2];
	size_t *len = arg;

	memset(text, 'x', sizeof(text));
	answer("{\"id\":1,\"return\":{\"status\":\"");
	for (size_t n = *len; n; n -= MIN(n, sizeof(text)))
		if (send(t.guest, text, MIN(n, sizeof(text)), MSG_NOSIGNAL) < 0)
			return NULL;
	answer("\"}}\n");
	return NULL;
}

static void long_answers(void **state)
{
	size_t len = CONTROL_ANSWER_MAX / 2;
	const struct json_value *result;
	struct json_value *root;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, send_long, &len), 0);
	assert_int_equal(control_link_ask(&t.link, "stat", NULL, LONG_MS, &root,
					  &result),
			 0);
	assert_int_equal(strlen(json_string_of(json_member(result, "status"))),
			 len);
	free(root);
	pthread_join(thread, NULL);
	teardown(NULL);
	setup(NULL);
	len = 2 * CONTROL_ANSWER_MAX;
	assert_int_equal(pthread_create(&thread, NULL, send_long, &len), 0);
	assert_int_equal(control_link_tell(&t.link, "stat", NULL, LONG_MS),
			 -EBADMSG);
	shutdown(t.link.fd, SHUT_RDWR);
	pthread_join(thread, NULL);
}

static void the_end(void **state)
{
	(void)state;
	answer("{\"event\":\"reset\"}\n{\"id\":1}\n");
	assert_int_equal(control_link_wait_end(&t.link, 1), -ETIMEDOUT);
	answer("{\"event\":\"end\"}\n");
	end_guest();
	assert_int_equal(control_link_wait_end(&t.link, LONG_MS), 0);
}

#define LINK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LINK_TEST(answers),
		LINK_TEST(others_lines),
		LINK_TEST(errors),
		LINK_TEST(no_answer),
		LINK_TEST(a_guest_that_ends),
		LINK_TEST(long_answers),
		LINK_TEST(the_end),
	};

	return cmocka_run_group_tests_name("control_link", tests, NULL, NULL);
}
