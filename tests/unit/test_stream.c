/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: chardev/terminal.c vmm/evloop.c */
/* Streams: descriptors that are backends and belong to no terminal. */
#include <fcntl.h>
#include <sys/socket.h>

#include "terminal_fixture.h"

static struct {
	struct evloop loop;
	atomic_bool stopping;
	struct chardev *chr;
	int fd, far;
	char got[256];
	size_t nr_got;
} s;

static int stream_setup(void **state)
{
	(void)state;
	alarm(PATIENCE);
	memset(&s, 0, sizeof(s));
	messages = 0;
	assert_int_equal(evloop_init(&s.loop), 0);
	return 0;
}

static int stream_teardown(void **state)
{
	(void)state;
	if (s.chr)
		s.chr->ops->destroy(s.chr);
	/* It was the stream's. */
	assert_true(fcntl(s.fd, F_GETFD) < 0);
	if (s.far)
		close(s.far);
	evloop_destroy(&s.loop);
	alarm(0);
	return 0;
}

static void receive(struct chardev *chr, const u8 *buf, size_t len)
{
	assert_ptr_equal(chr, s.chr);
	assert_true(s.nr_got + len < sizeof(s.got));
	memcpy(s.got + s.nr_got, buf, len);
	s.nr_got += len;
}

static void create(bool has_input)
{
	assert_int_equal(stream_create("a port", s.fd, has_input, &s.loop,
				       &s.stopping, &s.chr),
			 0);
	s.chr->receive = receive;
}

static void create_socket(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	s.fd = fds[0];
	s.far = fds[1];
	create(true);
}

static void send_text(const char *text)
{
	assert_int_equal(write(s.far, text, strlen(text)), strlen(text));
}

static void both_directions(void **state)
{
	char buf[16] = "";

	(void)state;
	create_socket();
	s.chr->ops->write(s.chr, (const u8 *)"out", 3);
	assert_int_equal(read(s.far, buf, sizeof(buf)), 3);
	assert_string_equal(buf, "out");
	send_text("abcdef");
	assert_int_equal(evloop_poll(&s.loop), 0);
	assert_int_equal(s.nr_got, 0);
	s.chr->ops->accept(s.chr, 4);
	evloop_poll(&s.loop);
	assert_string_equal(s.got, "abcd");
	s.chr->ops->accept(s.chr, 4);
	evloop_poll(&s.loop);
	assert_string_equal(s.got, "abcdef");
}

/* These end lkvm on a terminal. */
static void no_byte_is_special(void **state)
{
	(void)state;
	create_socket();
	s.chr->ops->accept(s.chr, 100);
	send_text("\001x\001p\001\001\003");
	evloop_poll(&s.loop);
	assert_string_equal(s.got, "\001x\001p\001\001\003");
}

/* The other end goes: no more input, output is dropped without a word. */
static void closed(void **state)
{
	(void)state;
	create_socket();
	signal(SIGPIPE, SIG_IGN);
	send_text("last");
	close(s.far);
	s.far = 0;
	s.chr->ops->accept(s.chr, 100);
	evloop_poll(&s.loop);
	evloop_poll(&s.loop);
	assert_string_equal(s.got, "last");
	s.chr->ops->write(s.chr, (const u8 *)"out", 3);
	/* The loop sleeps. */
	assert_int_equal(evloop_poll(&s.loop), 0);
	assert_int_equal(messages, 0);
}

static struct {
	unsigned int calls;
	bool taken;
} end;

static bool ended(struct chardev *chr)
{
	assert_ptr_equal(chr, s.chr);
	end.calls++;
	return end.taken;
}

/* The front is told when all has been delivered, and until it takes it. */
static void told_of_the_end(void **state)
{
	(void)state;
	memset(&end, 0, sizeof(end));
	create_socket();
	s.chr->ended = ended;
	send_text("last");
	close(s.far);
	s.far = 0;
	s.chr->ops->accept(s.chr, 4);
	evloop_poll(&s.loop);
	assert_string_equal(s.got, "last");
	assert_int_equal(end.calls, 0);
	s.chr->ops->accept(s.chr, 4);
	evloop_poll(&s.loop);
	evloop_poll(&s.loop);
	assert_int_equal(end.calls, 1);
	assert_int_equal(evloop_poll(&s.loop), 0);
	end.taken = true;
	s.chr->ops->accept(s.chr, 5);
	evloop_poll(&s.loop);
	assert_int_equal(end.calls, 2);
	s.chr->ops->accept(s.chr, 6);
	assert_int_equal(evloop_poll(&s.loop), 0);
	assert_int_equal(end.calls, 2);
}

static void only_output(void **state)
{
	int fds[2];
	char buf[8];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	s.far = fds[0];
	s.fd = fds[1];
	create(false);
	s.chr->ops->accept(s.chr, 100);
	evloop_poll(&s.loop);
	s.chr->ops->write(s.chr, (const u8 *)"out", 3);
	assert_int_equal(read(s.far, buf, sizeof(buf)), 3);
	assert_int_equal(s.nr_got, 0);
}

/* What is lost is told once. */
static void no_space(void **state)
{
	(void)state;
	s.fd = open("/dev/full", O_WRONLY | O_NONBLOCK);
	assert_true(s.fd >= 0);
	create(false);
	s.chr->ops->write(s.chr, (const u8 *)"out", 3);
	s.chr->ops->write(s.chr, (const u8 *)"out", 3);
	assert_int_equal(messages, 1);
}

static void end_of_the_run(void **state)
{
	static const u8 much[SZ_1M];

	(void)state;
	create_socket();
	atomic_store(&s.stopping, true);
	s.chr->ops->write(s.chr, (const u8 *)"out", 3);
	fcntl(s.fd, F_SETFL, O_NONBLOCK);
	/* More than fits is dropped then. */
	s.chr->ops->write(s.chr, much, sizeof(much));
	s.chr->ops->write(s.chr, much, sizeof(much));
	assert_int_equal(messages, 0);
}

static void no_descriptor_for_it(void **state)
{
	struct rlimit old, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	s.fd = dup(STDOUT_FILENO);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(stream_create("a port", s.fd, false, &s.loop,
				       &s.stopping, &s.chr),
			 -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_null(s.chr);
}

#define STREAM(f) \
	cmocka_unit_test_setup_teardown(f, stream_setup, stream_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STREAM(both_directions), STREAM(no_byte_is_special),
		STREAM(closed),		 STREAM(told_of_the_end),
		STREAM(only_output),	 STREAM(no_space),
		STREAM(end_of_the_run),	 STREAM(no_descriptor_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
