/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: gdb/?*.c util/blob.c util/unix_socket.c vmm/evloop.c */
/* SOURCES: tests/unit/gdb_rig.c */
/* Debuggers that connect to a target that is a fake. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
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

#include "gdb_rig.h"
#include "lkvm/gdb/server.h"
#include "lkvm/util/log.h"

/* Whoever hangs dies by SIGALRM. */
#define PATIENCE 30

static struct {
	struct gdb_rig rig;
	struct evloop loop;
	struct gdb_config config;
	struct gdb_server *server;
	char folder[32], path[64];
	char messages[512];
} t;

static void note(const char *fmt, va_list args)
{
	size_t len = strlen(t.messages);

	vsnprintf(t.messages + len, sizeof(t.messages) - len, fmt, args);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	note(fmt, args);
	va_end(args);
}

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	note(fmt, args);
	va_end(args);
}

static int setup(void **state)
{
	(void)state;
	alarm(PATIENCE);
	memset(&t, 0, sizeof(t));
	gdb_rig_init(&t.rig);
	strcpy(t.folder, "/tmp/lkvm-gdb-XXXXXX");
	assert_non_null(mkdtemp(t.folder));
	snprintf(t.path, sizeof(t.path), "%s/s", t.folder);
	t.config.path = t.path;
	assert_int_equal(evloop_init(&t.loop), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gdb_server_destroy(t.server);
	evloop_destroy(&t.loop);
	/* The socket is gone. */
	assert_int_equal(rmdir(t.folder), 0);
	alarm(0);
	return 0;
}

static void start(void)
{
	assert_int_equal(gdb_server_listen(&t.config, &t.server), 0);
	assert_int_equal(gdb_server_start(t.server, &t.rig.target, &t.loop), 0);
}

/* Nothing is left to be done, and the loop would sleep. */
static void settle(void)
{
	struct epoll_event event;

	assert_int_equal(evloop_poll(&t.loop), 0);
	assert_int_equal(epoll_wait(t.loop.epoll_fd, &event, 1, 0), 0);
}

/* ---- Clients ------------------------------------------------------------- */

static int join_unix(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(addr.sun_path, t.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	settle();
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	settle();
}

static void expect_heard(int fd, const char *text)
{
	char buf[128] = "";

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

static void leave(int fd)
{
	close(fd);
	settle();
}

/* ---- Tests --------------------------------------------------------------- */

static void one_after_the_other(void **state)
{
	struct stat st;
	int first, second;

	(void)state;
	start();
	assert_non_null(strstr(t.messages, t.path));
	assert_int_equal(stat(t.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	first = join_unix();
	say(first, "+$qC#b4");
	expect_heard(first, "+$QC1#c5");
	second = join_unix();
	say(second, "$qC#b4");
	expect_silence(second);
	assert_int_equal(t.rig.losses, 0);
	leave(first);
	assert_int_equal(t.rig.losses, 1);
	expect_heard(second, "+$QC1#c5");
	/* At its first packet, its end, and the other one's packet. */
	assert_int_equal(t.rig.stops, 3);
	say(second, "$D#44");
	expect_heard(second, "+$OK#9a");
	leave(second);
	assert_int_equal(t.rig.losses, 1);
	assert_int_equal(t.rig.detaches, 1);
}

/* Who only looks, and who only has something to say. */
static void no_debugger(void **state)
{
	int fd;

	(void)state;
	start();
	leave(join_unix());
	fd = join_unix();
	say(fd, "POST / HTTP/1.0\r\n\r\n$k#6b");
	expect_silence(fd);
	leave(fd);
	assert_int_equal(t.rig.stops, 0);
	assert_int_equal(t.rig.losses, 0);
	/* What was said counts, though nobody is there any more. */
	t.rig.stops_at_once = true;
	fd = join_unix();
	assert_int_equal(write(fd, "$k#6b", 5), 5);
	leave(fd);
	assert_int_equal(t.rig.kills, 1);
}

static void *wake(void *arg)
{
	(void)arg;
	gdb_server_wake(t.server);
	return NULL;
}

/* Another thread tells that the target has stopped. */
static void stops(void **state)
{
	pthread_t thread;
	int fd;

	(void)state;
	start();
	t.rig.stops_at_once = false;
	gdb_server_wake(t.server);
	settle();
	fd = join_unix();
	say(fd, "$qC#b4$c#63");
	expect_silence(fd);
	assert_int_equal(t.rig.stops, 1);
	for (unsigned int i = 0; i < 2; i++) {
		t.rig.stopped = true;
		assert_int_equal(pthread_create(&thread, NULL, wake, NULL), 0);
		pthread_join(thread, NULL);
		settle();
		if (i) {
			expect_heard(fd, "$T02thread:1;#d4");
			break;
		}
		expect_heard(fd, "+$QC1#c5+");
		say(fd, "\3");
		expect_silence(fd);
	}
	say(fd, "$c#63");
	expect_heard(fd, "+");
	gdb_server_exited(t.server, 0);
	expect_heard(fd, "$W00#b7");
	close(fd);
}

/* Its replies wait for it, and its packets with them; nothing else does. */
static void a_slow_reader(void **state)
{
	const char *packet = "$m10000,1000#4b";
	size_t sent = 0, heard = 0, back = 0;
	char buf[4096];
	ssize_t n;
	int fd;

	(void)state;
	start();
	fd = join_unix();
	for (;;) {
		n = send(fd, packet, strlen(packet), MSG_DONTWAIT);
		if (n < 0)
			break;
		assert_int_equal(n, strlen(packet));
		sent++;
		settle();
	}
	assert_true(sent > 10);
	/* None is lost. */
	do {
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		for (ssize_t i = 0; i < n; i++)
			heard += buf[i] == '$';
		back += n > 0 ? (size_t)n : 0;
		settle();
	} while (n > 0);
	assert_int_equal(heard, sent);
	assert_int_equal(back, sent * (1 + 4 + 2 * SZ_4K));
	leave(fd);
}

/* In the middle of its replies. */
static void a_client_that_goes(void **state)
{
	const char *packet = "$m10000,1000#4b";
	int fd;

	(void)state;
	start();
	fd = join_unix();
	while (send(fd, packet, strlen(packet), MSG_DONTWAIT) > 0)
		settle();
	leave(fd);
	assert_int_equal(t.rig.losses, 1);
	/* While it is waited for a stop. */
	t.rig.stops_at_once = false;
	fd = join_unix();
	say(fd, "$qC#b4");
	leave(fd);
	assert_int_equal(t.rig.losses, 1);
	/* The next one has to wait until the target is free. */
	fd = join_unix();
	t.rig.stops_at_once = true;
	say(fd, "$qC#b4");
	expect_silence(fd);
	t.rig.stopped = true;
	gdb_server_wake(t.server);
	settle();
	assert_int_equal(t.rig.losses, 2);
	expect_heard(fd, "+$QC1#c5");
	leave(fd);
}

static int join_tcp(u16 port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	return fd;
}

/* The loop may not have it yet: loopback is not as prompt as a UNIX socket. */
static void await_tcp(int fd, const char *text)
{
	size_t len = 0;
	char buf[64] = "";

	while (len < strlen(text)) {
		ssize_t n;

		assert_int_equal(evloop_poll(&t.loop), 0);
		n = recv(fd, buf + len, sizeof(buf) - len - 1, MSG_DONTWAIT);
		len += n > 0 ? (size_t)n : 0;
	}
	assert_string_equal(buf, text);
}

static void tcp(void **state)
{
	unsigned int port;
	char *where;
	int fd;

	(void)state;
	t.config = (struct gdb_config) { .host = "127.0.0.1" };
	start();
	where = strstr(t.messages, "listening at 127.0.0.1:");
	assert_non_null(where);
	assert_int_equal(sscanf(where, "listening at 127.0.0.1:%u", &port), 1);
	assert_null(strstr(t.messages, "controls the guest"));
	fd = join_tcp((u16)port);
	assert_int_equal(write(fd, "$qC#b4", 6), 6);
	await_tcp(fd, "+$QC1#c5");
	close(fd);
}

static void everybody(void **state)
{
	(void)state;
	t.config = (struct gdb_config) { .host = "0.0.0.0" };
	start();
	assert_non_null(strstr(t.messages, "controls the guest"));
}

static void refusals(void **state)
{
	struct gdb_server *other = NULL;
	FILE *file;

	(void)state;
	start();
	assert_int_equal(gdb_server_listen(&t.config, &other), -EADDRINUSE);
	assert_null(other);
	assert_non_null(strstr(t.messages, "another process listens there"));
	t.config.path = "/none/s";
	assert_int_equal(gdb_server_listen(&t.config, &other), -ENOENT);
	assert_non_null(strstr(t.messages, "/none/s: No such file"));
	gdb_server_destroy(t.server);
	t.server = NULL;
	t.config.path = t.path;
	file = fopen(t.path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(gdb_server_listen(&t.config, &other), -ENOTSOCK);
	assert_int_equal(unlink(t.path), 0);
}

#define SERVER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(one_after_the_other),
		SERVER_TEST(no_debugger),
		SERVER_TEST(stops),
		SERVER_TEST(a_slow_reader),
		SERVER_TEST(a_client_that_goes),
		SERVER_TEST(tcp),
		SERVER_TEST(everybody),
		SERVER_TEST(refusals),
	};

	return cmocka_run_group_tests_name("gdb_server", tests, NULL, NULL);
}
