/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: control/server.c control/place.c config/control.c */
/* SOURCES: util/unix_socket.c vmm/evloop.c */
/* WRAP: getsockopt */
/*
 * Clients of a control socket, of all manners: what they say comes in lines,
 * and what they do not take keeps nobody else.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/control/place.h"
#include "lkvm/control/request.h"
#include "lkvm/control/server.h"
#include "lkvm/util/log.h"

/* Whoever hangs dies by SIGALRM. */
#define PATIENCE 60

/* An answer that sockets' buffers do not hold often. */
#define LARGE (300 * SZ_1K)

static struct {
	struct evloop loop;
	struct control_service service;
	struct control_server *server;
	char folder[32], path[CONTROL_PATH];
	struct control_place place;
	struct unix_socket sock;
	struct control_client *last; /* who has said a line */
	unsigned int lines;
	struct control_stream stream;
	int stream_fd;
	char stream_out[32], stream_in[32];
	char line[CONTROL_REQUEST_MAX];
	char *large;
	uid_t peer; /* what SO_PEERCRED says */
} t;

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct ucred cred = { .uid = t.peer };

	(void)fd;
	assert_int_equal(level, SOL_SOCKET);
	assert_int_equal(name, SO_PEERCRED);
	assert_int_equal(*len, sizeof(cred));
	memcpy(value, &cred, sizeof(cred));
	return 0;
}

/* Takes over a connection: what it is given is kept. */
static void begin(struct control_stream *stream, int fd, const char *out,
		  size_t out_len, const char *in, size_t in_len)
{
	assert_ptr_equal(stream, &t.stream);
	t.stream_fd = fd;
	assert_true(out_len < sizeof(t.stream_out));
	memcpy(t.stream_out, out, out_len);
	assert_true(in_len < sizeof(t.stream_in));
	memcpy(t.stream_in, in, in_len);
}

/*
 * "large", "subscribe", "stream", "event TEXT"; all else comes back as it is.
 */
static void serve_line(struct control_service *service,
		       struct control_client *client, const char *line,
		       size_t len)
{
	assert_ptr_equal(service, &t.service);
	assert_true(len < sizeof(t.line));
	memcpy(t.line, line, len);
	t.line[len] = '\0';
	t.lines++;
	t.last = client;
	if (!strcmp(t.line, "large")) {
		control_client_send(client, t.large, LARGE);
		return;
	}
	if (!strcmp(t.line, "subscribe"))
		control_client_subscribe(client);
	if (!strcmp(t.line, "stream"))
		control_client_hand_over(client, &t.stream);
	if (!strncmp(t.line, "event ", 6))
		control_server_event(t.server, line, len);
	control_client_send(client, "<", 1);
	control_client_send(client, line, len);
	control_client_send(client, ">\n", 2);
}

static int setup(void **state)
{
	(void)state;
	alarm(PATIENCE);
	memset(&t, 0, sizeof(t));
	t.peer = geteuid();
	t.service.line = serve_line;
	t.stream.begin = begin;
	t.large = malloc(LARGE);
	assert_non_null(t.large);
	memset(t.large, 'x', LARGE);
	t.large[LARGE - 1] = '\n';
	strcpy(t.folder, "/tmp/lkvm-ctl-XXXXXX");
	assert_non_null(mkdtemp(t.folder));
	assert_int_equal(setenv("XDG_RUNTIME_DIR", t.folder, 1), 0);
	assert_int_equal(control_place_open(&t.place, true), 0);
	assert_int_equal(control_place_claim(&t.place, "g", &t.sock, t.path),
			 0);
	assert_int_equal(evloop_init(&t.loop), 0);
	assert_int_equal(control_server_create(&t.service, &t.loop, t.sock.fd,
					       &t.server),
			 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	control_server_destroy(t.server);
	unix_socket_close(&t.sock);
	evloop_destroy(&t.loop);
	assert_int_equal(rmdir(t.place.dir), 0);
	control_place_close(&t.place);
	assert_int_equal(rmdir(t.folder), 0);
	free(t.large);
	alarm(0);
	return 0;
}

/* ---- Clients ------------------------------------------------------------- */

/* Nothing is left to be done, and the loop would sleep. */
static void settle(void)
{
	struct epoll_event event;

	do
		assert_int_equal(evloop_poll(&t.loop), 0);
	while (epoll_wait(t.loop.epoll_fd, &event, 1, 0) > 0);
}

/* Who has connected, but was not accepted yet. */
static int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(addr.sun_path, t.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	return fd;
}

static int join(void)
{
	int fd = dial();

	settle();
	return fd;
}

static void put(int fd, const char *text, size_t len)
{
	assert_int_equal(send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL), len);
}

static void say(int fd, const char *text)
{
	put(fd, text, strlen(text));
	settle();
}

static void expect_heard(int fd, const char *text)
{
	char buf[256] = "";

	assert_int_equal(recv(fd, buf, strlen(text), MSG_DONTWAIT),
			 strlen(text));
	assert_string_equal(buf, text);
}

static void expect_silence(int fd)
{
	char c;

	assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void expect_end(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);

	assert_true(!n || (n < 0 && errno == ECONNRESET));
	close(fd);
}

static void leave(int fd)
{
	close(fd);
	settle();
}

/* Takes `want` bytes, which may come in pieces. */
static void take(int fd, size_t want)
{
	static char buf[SZ_64K];
	ssize_t n;

	while (want) {
		n = recv(fd, buf, MIN(want, sizeof(buf)), MSG_DONTWAIT);
		assert_true(n > 0);
		want -= (size_t)n;
		settle();
	}
}

/* ---- Tests --------------------------------------------------------------- */

static void lines(void **state)
{
	int fd = join();

	(void)state;
	say(fd, "one\n");
	expect_heard(fd, "<one>\n");
	/* In pieces, several at once, and such as are none. */
	say(fd, "t");
	say(fd, "w");
	expect_silence(fd);
	say(fd, "o\n\n  \r\n\tthree\nfour\nfi");
	expect_heard(fd, "<two>\n<\tthree>\n<four>\n");
	expect_silence(fd);
	say(fd, "ve\n");
	expect_heard(fd, "<five>\n");
	assert_int_equal(t.lines, 5);
	leave(fd);
}

/* One in each turn of the loop: the others' turns are in between. */
static void turns(void **state)
{
	int a = join(), b = join();

	(void)state;
	put(a, "1\n2\n3\n4\n", 8);
	put(b, "b\n", 2);
	/* Even if the first client is seen before the second. */
	assert_int_equal(evloop_poll(&t.loop), 0);
	expect_heard(b, "<b>\n");
	settle();
	expect_heard(a, "<1>\n<2>\n<3>\n<4>\n");
	leave(a);
	leave(b);
}

static void the_longest_line(void **state)
{
	char text[CONTROL_REQUEST_MAX + 1];
	int fd = join();

	(void)state;
	memset(text, 'y', sizeof(text));
	text[CONTROL_REQUEST_MAX - 1] = '\n';
	put(fd, text, CONTROL_REQUEST_MAX);
	settle();
	assert_int_equal(strlen(t.line), CONTROL_REQUEST_MAX - 1);
	take(fd, CONTROL_REQUEST_MAX + 2);
	/* A byte more is too much, and all that comes then. */
	text[CONTROL_REQUEST_MAX - 1] = 'y';
	text[CONTROL_REQUEST_MAX] = '\n';
	put(fd, text, sizeof(text));
	settle();
	expect_heard(fd, "{\"error\":{\"class\":\"malformed\",");
	assert_int_equal(t.lines, 1);
	while (recv(fd, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
	expect_end(fd);
}

/* With the answer, and with what has come behind the request. */
static void hands_over(void **state)
{
	int fd = join(), other = join();

	(void)state;
	say(fd, "subscribe\n");
	expect_heard(fd, "<subscribe>\n");
	say(fd, "stream\ntyped\n");
	assert_string_equal(t.stream_out, "<stream>\n");
	assert_string_equal(t.stream_in, "typed\n");
	/* It is no client any more, but open. */
	assert_int_equal(send(t.stream_fd, "raw", 3, 0), 3);
	expect_heard(fd, "raw");
	say(other, "event x\n");
	expect_silence(fd);
	say(fd, "more\n");
	assert_string_equal(t.line, "event x");
	close(t.stream_fd);
	close(fd);
	leave(other);
}

/* Without a newline, for ever, and with zeros in it. */
static void garbage(void **state)
{
	static const char zeros[64];
	char text[SZ_4K];
	int fd = join();

	(void)state;
	put(fd, zeros, sizeof(zeros));
	say(fd, "\n");
	assert_int_equal(t.lines, 1);
	take(fd, sizeof(zeros) + 3);
	memset(text, 0xff, sizeof(text));
	while (send(fd, text, sizeof(text), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		settle();
	while (recv(fd, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
	expect_end(fd);
	assert_int_equal(t.lines, 1);
}

/* Its requests wait until it takes the answers; the others' do not. */
static void a_slow_reader(void **state)
{
	int slow = join(), other = join();

	(void)state;
	for (int i = 0; i < 8; i++)
		say(slow, "large\n");
	/* Only the first is carried out, or a few, by the socket's buffer. */
	assert_in_range(t.lines, 1, 3);
	/* The next one when the last answer has left, and not by and by. */
	for (size_t n = 0; n < 2 * LARGE; n += SZ_4K)
		take(slow, SZ_4K);
	assert_in_range(t.lines, 2, 6);
	say(other, "quick\n");
	expect_heard(other, "<quick>\n");
	take(slow, 6 * LARGE);
	assert_int_equal(t.lines, 9);
	expect_silence(slow);
	leave(slow);
	leave(other);
}

/* In the middle of an answer. */
static void a_client_that_goes(void **state)
{
	int fd = join(), other = join();

	(void)state;
	for (int i = 0; i < 8; i++)
		say(fd, "large\n");
	leave(fd);
	/* The first of what it said before it went is carried out. */
	fd = dial();
	put(fd, "a\nb\nc\n", 6);
	close(fd);
	settle();
	say(other, "still there\n");
	expect_heard(other, "<still there>\n");
	assert_string_equal(t.line, "still there");
	leave(other);
}

/* `printf ... | nc`: what was asked is answered, and then it is over. */
static void a_client_that_listens_only(void **state)
{
	int fd = join();

	(void)state;
	put(fd, "a\nlarge\nb\n", 10);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	settle();
	expect_heard(fd, "<a>\n");
	take(fd, LARGE);
	expect_heard(fd, "<b>\n");
	expect_end(fd);
	/* Half a line is none. */
	fd = join();
	put(fd, "subscribe\nhalf", 14);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	settle();
	expect_heard(fd, "<subscribe>\n");
	control_server_event(t.server, "e\n", 2);
	expect_heard(fd, "e\n");
	assert_string_equal(t.line, "subscribe");
	leave(fd);
}

static void events(void **state)
{
	int a = join(), b = join(), c = join();

	(void)state;
	say(a, "subscribe\n");
	say(b, "subscribe\n");
	expect_heard(a, "<subscribe>\n");
	expect_heard(b, "<subscribe>\n");
	control_server_event(t.server, "e1\n", 3);
	expect_heard(a, "e1\n");
	expect_heard(b, "e1\n");
	expect_silence(c);
	/* While a line is carried out; the answer comes after it. */
	say(a, "event x\n");
	expect_heard(a, "event x<event x>\n");
	expect_heard(b, "event x");
	leave(a);
	control_server_event(t.server, "e2\n", 3);
	expect_heard(b, "e2\n");
	leave(b);
	leave(c);
	control_server_event(t.server, "e3\n", 3);
}

/* So many events that one who does not take them has to go. */
static void a_subscriber_that_sleeps(void **state)
{
	int sleeper = join(), other = join();
	char buf[SZ_4K];
	size_t heard = 0;
	ssize_t n;

	(void)state;
	say(sleeper, "subscribe\n");
	say(other, "subscribe\n");
	expect_heard(other, "<subscribe>\n");
	for (int i = 0; i < 12; i++) {
		control_server_event(t.server, t.large, LARGE);
		settle();
		take(other, LARGE);
	}
	while ((n = recv(sleeper, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		heard += (size_t)n;
	assert_true(heard < 12 * LARGE);
	expect_end(sleeper);
	say(other, "fine\n");
	expect_heard(other, "<fine>\n");
	leave(other);
}

/* The one that is silent for longest makes room, subscribers last. */
static void many(void **state)
{
	int fds[CONTROL_CLIENTS], more;

	(void)state;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		fds[i] = join();
	say(fds[0], "subscribe\n");
	expect_heard(fds[0], "<subscribe>\n");
	for (size_t i = 2; i < CONTROL_CLIENTS; i++)
		say(fds[i], "x\n");
	say(fds[1], "y\n");
	more = join();
	expect_heard(fds[2], "<x>\n");
	expect_end(fds[2]);
	say(more, "new\n");
	expect_heard(more, "<new>\n");
	expect_heard(fds[1], "<y>\n");
	leave(more);
	/* A crowd at once, more than there are places. */
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (i != 2)
			leave(fds[i]);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		fds[i] = dial();
	settle();
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		say(fds[i], "z\n");
		expect_heard(fds[i], "<z>\n");
	}
	/* All of them subscribe: they keep nobody out, either. */
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		say(fds[i], "subscribe\n");
	more = join();
	say(more, "new\n");
	expect_heard(more, "<new>\n");
	expect_heard(fds[0], "<subscribe>\n");
	expect_end(fds[0]);
	for (size_t i = 1; i < CONTROL_CLIENTS; i++)
		close(fds[i]);
	leave(more);
}

static void another_user(void **state)
{
	int fd;

	(void)state;
	t.peer = geteuid() + 1;
	fd = dial();
	put(fd, "x\n", 2);
	settle();
	expect_end(fd);
	assert_int_equal(t.lines, 0);
	/* Root gets at a process by other ways as well. */
	t.peer = 0;
	fd = join();
	say(fd, "x\n");
	expect_heard(fd, "<x>\n");
	leave(fd);
}

/* At the end of a run, when the loop does not run any more. */
static void the_end(void **state)
{
	int fd = join();

	(void)state;
	say(fd, "subscribe\n");
	expect_heard(fd, "<subscribe>\n");
	control_server_event(t.server, "end\n", 4);
	control_server_refuse(t.server);
	unix_socket_close(&t.sock);
	expect_heard(fd, "end\n");
	expect_silence(fd);
	assert_true(access(t.path, F_OK) < 0);
	control_server_destroy(t.server);
	t.server = NULL;
	expect_end(fd);
}

#define SERVER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(lines),
		SERVER_TEST(turns),
		SERVER_TEST(the_longest_line),
		SERVER_TEST(hands_over),
		SERVER_TEST(garbage),
		SERVER_TEST(a_slow_reader),
		SERVER_TEST(a_client_that_goes),
		SERVER_TEST(a_client_that_listens_only),
		SERVER_TEST(events),
		SERVER_TEST(a_subscriber_that_sleeps),
		SERVER_TEST(many),
		SERVER_TEST(another_user),
		SERVER_TEST(the_end),
	};

	return cmocka_run_group_tests_name("control_server", tests, NULL, NULL);
}
