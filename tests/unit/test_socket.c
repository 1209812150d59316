/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: chardev/socket.c vmm/evloop.c util/unix_socket.c */
/* A UNIX socket whose clients come and go, as a backend. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lkvm/chardev/socket.h"
#include "lkvm/util/log.h"

/* Whoever hangs dies by SIGALRM. */
#define PATIENCE 30

static struct {
	struct evloop loop;
	atomic_bool stopping;
	struct chardev *chr;
	char folder[32], path[64];
	char got[4096];
	size_t nr_got;
	unsigned int begun, ended, refused;
	bool keep;   /* the front does not take an end */
	size_t most; /* it takes no more at once, and returns the rest; or 0 */
	unsigned int messages;
} s;

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
	s.messages++;
}

static int setup(void **state)
{
	(void)state;
	alarm(PATIENCE);
	memset(&s, 0, sizeof(s));
	strcpy(s.folder, "/tmp/lkvm-socket-XXXXXX");
	assert_non_null(mkdtemp(s.folder));
	snprintf(s.path, sizeof(s.path), "%s/s", s.folder);
	assert_int_equal(evloop_init(&s.loop), 0);
	return 0;
}

static bool exists(void)
{
	struct stat st;

	return !lstat(s.path, &st);
}

static int teardown(void **state)
{
	(void)state;
	if (s.chr) {
		s.chr->ops->destroy(s.chr);
		assert_false(exists());
	}
	evloop_destroy(&s.loop);
	unlink(s.path);
	assert_int_equal(rmdir(s.folder), 0);
	alarm(0);
	return 0;
}

/* ---- The front ----------------------------------------------------------- */

static void receive(struct chardev *chr, const u8 *buf, size_t len)
{
	size_t n = s.most ? MIN(len, s.most) : len;

	assert_ptr_equal(chr, s.chr);
	assert_true(s.nr_got + len < sizeof(s.got));
	memcpy(s.got + s.nr_got, buf, n);
	s.nr_got += n;
	if (n < len)
		chr->ops->unread(chr, buf + n, len - n);
}

static bool ended(struct chardev *chr)
{
	assert_ptr_equal(chr, s.chr);
	s.refused += s.keep;
	s.ended += !s.keep;
	return !s.keep;
}

static void begun(struct chardev *chr)
{
	assert_ptr_equal(chr, s.chr);
	s.begun++;
}

static void create(void)
{
	struct socket_port *port;

	assert_int_equal(socket_listen(s.path, &port), 0);
	assert_int_equal(
		socket_serve(port, "a port", &s.loop, &s.stopping, &s.chr), 0);
	s.chr->receive = receive;
	s.chr->ended = ended;
	s.chr->begun = begun;
}

/* Nothing is left to be done, and the loop would sleep. */
static void settle(void)
{
	struct epoll_event event;

	assert_int_equal(evloop_poll(&s.loop), 0);
	assert_int_equal(epoll_wait(s.loop.epoll_fd, &event, 1, 0), 0);
}

static void take(size_t n)
{
	s.chr->ops->accept(s.chr, n);
	settle();
}

static void expect_got(const char *text)
{
	assert_int_equal(s.nr_got, strlen(text));
	assert_memory_equal(s.got, text, s.nr_got);
	s.nr_got = 0;
}

/* ---- Clients ------------------------------------------------------------- */

static int connect_fd(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(addr.sun_path, s.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	return fd;
}

static int join(void)
{
	int fd = connect_fd();

	settle();
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	settle();
}

static void leave(int fd)
{
	close(fd);
	settle();
}

static void put(const char *text)
{
	s.chr->ops->write(s.chr, (const u8 *)text, strlen(text));
}

static void expect_heard(int fd, const char *text)
{
	char buf[64] = "";

	assert_int_equal(recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT),
			 strlen(text));
	assert_string_equal(buf, text);
}

/* ---- Tests --------------------------------------------------------------- */

static void both_directions_again_and_again(void **state)
{
	(void)state;
	create();
	take(100);
	put("to nobody");
	for (unsigned int i = 1; i <= 3; i++) {
		int fd = join();

		assert_int_equal(s.begun, i);
		put("out");
		expect_heard(fd, "out");
		say(fd, "abc");
		say(fd, "def");
		expect_got("abcdef");
		assert_int_equal(s.ended, i - 1);
		leave(fd);
		assert_int_equal(s.ended, i);
		put("to nobody");
		take(100);
	}
	assert_int_equal(s.messages, 0);
}

static void no_more_than_is_taken(void **state)
{
	int fd;

	(void)state;
	create();
	fd = join();
	say(fd, "abcdef");
	expect_got("");
	take(4);
	expect_got("abcd");
	take(1);
	expect_got("e");
	say(fd, "gh");
	take(100);
	expect_got("fgh");
	leave(fd);
}

/* What is returned comes first, and again. */
static void returned(void **state)
{
	int fd;

	(void)state;
	create();
	fd = join();
	say(fd, "abcdef");
	s.most = 2;
	s.chr->ops->accept(s.chr, 4);
	evloop_poll(&s.loop);
	expect_got("ab");
	s.chr->ops->accept(s.chr, 3);
	evloop_poll(&s.loop);
	expect_got("cde");
	s.most = 0;
	leave(fd);
	assert_int_equal(s.ended, 0);
	take(3);
	expect_got("f");
	assert_int_equal(s.ended, 1);
}

/* The second is served when the first has gone, and has lost nothing. */
static void one_at_a_time(void **state)
{
	int one, two, three;

	(void)state;
	create();
	take(100);
	one = join();
	two = connect_fd();
	three = connect_fd();
	say(two, "second");
	say(one, "first");
	expect_got("first");
	assert_int_equal(s.begun, 1);
	leave(one);
	expect_got("second");
	assert_int_equal(s.begun, 2);
	leave(three);
	assert_int_equal(s.begun, 2);
	leave(two);
	assert_int_equal(s.begun, 3);
	assert_int_equal(s.ended, 3);
}

/* A front that takes nothing is told all the same that the client has gone. */
static void gone_before_anything(void **state)
{
	(void)state;
	create();
	leave(join());
	assert_int_equal(s.begun, 1);
	assert_int_equal(s.ended, 1);
	leave(join());
	assert_int_equal(s.ended, 2);
}

/* What it had sent comes first. */
static void gone_with_input_left(void **state)
{
	int fd, next;

	(void)state;
	create();
	fd = join();
	say(fd, "abcdef");
	leave(fd);
	next = join();
	assert_int_equal(s.begun, 1);
	take(4);
	assert_int_equal(s.ended, 0);
	s.keep = true;
	take(2);
	expect_got("abcdef");
	assert_true(s.refused > 0);
	assert_int_equal(s.begun, 1);
	s.keep = false;
	take(3);
	assert_int_equal(s.ended, 1);
	assert_int_equal(s.begun, 2);
	leave(next);
}

/* As `socat -` does: no more input, but answers are read. */
static void half_closed(void **state)
{
	int fd;

	(void)state;
	create();
	take(100);
	fd = join();
	say(fd, "question");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	settle();
	expect_got("question");
	assert_int_equal(s.ended, 0);
	put("answer");
	expect_heard(fd, "answer");
	leave(fd);
	assert_int_equal(s.ended, 1);
}

static void *write_much(void *arg)
{
	static const u8 much[SZ_1M];

	(void)arg;
	s.chr->ops->write(s.chr, much, sizeof(much));
	return NULL;
}

/* Output waits for the client; one that goes ends the wait. */
static void slow_reader(void **state)
{
	static char buf[SZ_1M];
	pthread_t thread;
	size_t total = 0;
	int fd;

	(void)state;
	create();
	fd = join();
	pthread_create(&thread, NULL, write_much, NULL);
	while (total < SZ_1M) {
		ssize_t n = read(fd, buf, sizeof(buf));

		assert_true(n > 0);
		total += (size_t)n;
	}
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, write_much, NULL);
	assert_int_equal(read(fd, buf, 1), 1);
	leave(fd);
	assert_int_equal(s.ended, 1);
	pthread_join(thread, NULL);
}

static void end_of_the_run(void **state)
{
	int fd;

	(void)state;
	create();
	fd = join();
	atomic_store(&s.stopping, true);
	write_much(NULL);
	leave(fd);
}

/* What is left of one that was killed is replaced. */
static void left_over(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	strcpy(addr.sun_path, s.path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	assert_true(exists());
	create();
	leave(join());
	assert_int_equal(s.begun, 1);
}

static void in_use(void **state)
{
	struct socket_port *port;

	(void)state;
	create();
	assert_int_equal(socket_listen(s.path, &port), -EADDRINUSE);
	settle();
	assert_int_equal(s.begun, s.ended);
	assert_true(exists());
}

/* A process that is stopped still has its socket. */
static void in_use_and_full(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), one, two;
	struct socket_port *port;

	(void)state;
	strcpy(addr.sun_path, s.path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 0), 0);
	one = connect_fd();
	assert_int_equal(socket_listen(s.path, &port), -EADDRINUSE);
	two = fcntl(fd, F_GETFD);
	assert_true(two >= 0);
	close(one);
	close(fd);
}

static void other_files(void **state)
{
	struct socket_port *port;
	char longest[200];
	int fd = open(s.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(socket_listen(s.path, &port), -ENOTSOCK);
	assert_true(exists());
	unlink(s.path);
	assert_int_equal(symlink("none", s.path), 0);
	assert_int_equal(socket_listen(s.path, &port), -ENOTSOCK);
	assert_int_equal(socket_listen("/none/s", &port), -ENOENT);
	memset(longest, 'x', sizeof(longest));
	longest[108] = '\0';
	assert_int_equal(socket_listen(longest, &port), -ENAMETOOLONG);
}

/* Somebody else's file at this place stays. */
static void replaced_meanwhile(void **state)
{
	int fd;

	(void)state;
	create();
	assert_int_equal(unlink(s.path), 0);
	fd = open(s.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	s.chr->ops->destroy(s.chr);
	s.chr = NULL;
	assert_true(exists());
	close(fd);
}

static void never_served(void **state)
{
	struct socket_port *port;

	(void)state;
	assert_int_equal(socket_listen(s.path, &port), 0);
	assert_true(exists());
	socket_close(port);
	assert_false(exists());
}

/* The loop does not spin, and the next client is accepted. */
static void no_descriptors(void **state)
{
	struct rlimit old, none;
	int one, two;

	(void)state;
	create();
	one = connect_fd();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	settle();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(s.messages, 1);
	assert_int_equal(s.begun, 0);
	two = join();
	assert_int_equal(s.begun, 1);
	leave(one);
	leave(two);
	assert_int_equal(s.ended, 2);
}

#define SOCKET(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SOCKET(both_directions_again_and_again),
		SOCKET(no_more_than_is_taken),
		SOCKET(returned),
		SOCKET(one_at_a_time),
		SOCKET(gone_before_anything),
		SOCKET(gone_with_input_left),
		SOCKET(half_closed),
		SOCKET(slow_reader),
		SOCKET(end_of_the_run),
		SOCKET(left_over),
		SOCKET(in_use),
		SOCKET(in_use_and_full),
		SOCKET(other_files),
		SOCKET(replaced_meanwhile),
		SOCKET(never_served),
		SOCKET(no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
