/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: chardev/pty.c vmm/evloop.c */
/* A pseudo-terminal as a backend: both directions, with and without a user. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lkvm/chardev/pty.h"

/* Whoever hangs dies by SIGALRM and does not hold up the rest. */
#define PATIENCE 30

static struct {
	struct evloop loop;
	atomic_bool stopping;
	struct chardev *chr;
	char name[PTY_NAME];
	int fd;
	char got[256];
	size_t nr_got;
} t;

static void receive(struct chardev *chr, const u8 *buf, size_t len)
{
	assert_ptr_equal(chr, t.chr);
	assert_true(t.nr_got + len < sizeof(t.got));
	memcpy(t.got + t.nr_got, buf, len);
	t.nr_got += len;
}

static void nothing(int sig)
{
	(void)sig;
}

static int setup(void **state)
{
	struct sigaction action = { .sa_handler = nothing };

	(void)state;
	alarm(PATIENCE);
	sigaction(SIGUSR1, &action, NULL);
	memset(&t, 0, sizeof(t));
	assert_int_equal(evloop_init(&t.loop), 0);
	t.fd = pty_open(t.name);
	assert_true(t.fd >= 0);
	assert_int_equal(pty_serve(t.fd, &t.loop, &t.stopping, &t.chr), 0);
	t.chr->receive = receive;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	t.chr->ops->destroy(t.chr);
	assert_true(fcntl(t.fd, F_GETFD) < 0);
	evloop_destroy(&t.loop);
	alarm(0);
	return 0;
}

static int open_other(void)
{
	int fd = open(t.name, O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void write_text(const char *text)
{
	t.chr->ops->write(t.chr, (const u8 *)text, strlen(text));
}

static void assert_read(int fd, const char *want)
{
	char buf[64] = "";
	size_t len = 0;

	while (len < strlen(want)) {
		ssize_t n = read(fd, buf + len, sizeof(buf) - 1 - len);

		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_string_equal(buf, want);
}

static void settle(void)
{
	for (int i = 0; i < 10; i++)
		assert_int_equal(evloop_poll(&t.loop), 0);
}

/* The other end's bytes come through a worker of the kernel. */
static void await(size_t len)
{
	while (t.nr_got < len) {
		settle();
		usleep(1000);
	}
}

/* Bytes are not changed, nor sent back. */
static void both_directions(void **state)
{
	int fd = open_other();

	(void)state;
	write_text("a\nb\r\003c");
	assert_read(fd, "a\nb\r\003c");
	t.chr->ops->accept(t.chr, 4);
	assert_int_equal(write(fd, "12\r\n56", 6), 6);
	await(4);
	settle();
	assert_int_equal(t.nr_got, 4);
	t.chr->ops->accept(t.chr, 100);
	await(6);
	assert_string_equal(t.got, "12\r\n56");
	close(fd);
}

static void returned(void **state)
{
	int fd = open_other();

	(void)state;
	t.chr->ops->accept(t.chr, 100);
	assert_int_equal(write(fd, "abc", 3), 3);
	await(3);
	t.chr->ops->unread(t.chr, (const u8 *)"bc", 2);
	settle();
	assert_int_equal(t.nr_got, 3);
	t.chr->ops->accept(t.chr, 1);
	await(4);
	t.chr->ops->accept(t.chr, 1);
	await(5);
	assert_string_equal(t.got, "abcbc");
	close(fd);
}

/* Before, between and after users nobody waits, and nothing is kept. */
static void nobody(void **state)
{
	int fd;

	(void)state;
	for (int i = 0; i < 20000; i++)
		write_text("lost before\n");
	t.chr->ops->accept(t.chr, 100);
	settle();
	for (int i = 0; i < 3; i++) {
		fd = open_other();
		write_text("seen");
		assert_read(fd, "seen");
		assert_int_equal(write(fd, "x", 1), 1);
		await((size_t)i + 1);
		close(fd);
		settle();
		for (int j = 0; j < 20000; j++)
			write_text("lost after\n");
	}
}

static void *write_much(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++)
		write_text("more than it takes\n");
	return NULL;
}

/* The end of the run ends the wait for one that does not read. */
static void stopped(void **state)
{
	int fd = open_other();
	pthread_t writer;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_much, NULL), 0);
	usleep(20000);
	atomic_store(&t.stopping, true);
	while (pthread_tryjoin_np(writer, NULL) == EBUSY) {
		pthread_kill(writer, SIGUSR1);
		usleep(1000);
	}
	close(fd);
}

/* So does its own end. */
static void left(void **state)
{
	int fd = open_other();
	pthread_t writer;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_much, NULL), 0);
	usleep(20000);
	close(fd);
	pthread_join(writer, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_directions), TEST(returned), TEST(nobody),
		TEST(stopped),	       TEST(left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
