/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: control/console.c chardev/hub.c vmm/evloop.c */
/* WRAP: clock_gettime */
/* A client at a port of the guest: it comes, goes, is slow, or says too much.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/chardev/hub.h"
#include "lkvm/control/console.h"
#include "lkvm/util/clock.h"

/* Whoever hangs dies by SIGALRM. */
#define PATIENCE 60

static struct {
	struct evloop loop;
	struct control_console *console;
	struct chardev *port;
	char received[64]; /* by the guest */
	size_t nr_received;
	int fd; /* the client's end, which waits for nothing */
	u64 later;
} t;

int __real_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);

/* Timers of the kernel do not know: they only have to be set. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	int ret = __real_clock_gettime(clock, ts);

	ts->tv_sec += (time_t)t.later;
	return ret;
}

static void receive(struct chardev *chr, const u8 *buf, size_t len)
{
	assert_ptr_equal(chr, t.port);
	len = MIN(len, sizeof(t.received) - 1 - t.nr_received);
	memcpy(t.received + t.nr_received, buf, len);
	t.nr_received += len;
}

static void line_break(struct chardev *chr)
{
	receive(chr, (const u8 *)"!", 1);
}

static int setup(void **state)
{
	struct chardev *none = NULL;

	(void)state;
	alarm(PATIENCE);
	memset(&t, 0, sizeof(t));
	t.fd = -1;
	assert_int_equal(evloop_init(&t.loop), 0);
	assert_int_equal(control_console_create(&none, &t.loop, &t.console), 0);
	t.port = none;
	t.port->receive = receive;
	t.port->line_break = line_break;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	control_console_destroy(t.console);
	evloop_destroy(&t.loop);
	if (t.fd >= 0)
		close(t.fd);
	alarm(0);
	return 0;
}

static void turns(void)
{
	assert_int_equal(evloop_poll(&t.loop), 0);
}

static void guest_writes(const char *s)
{
	t.port->ops->write(t.port, (const u8 *)s, strlen(s));
}

static void guest_takes(size_t n)
{
	t.port->ops->accept(t.port, n);
	turns();
}

/* A client comes, who has said `said` behind its request. */
static void enter(const char *said, unsigned int linger_ms)
{
	struct control_stream *stream =
		control_console_stream(t.console, linger_ms);
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	t.fd = fds[0];
	assert_false(control_console_is_busy(t.console));
	stream->begin(stream, fds[1], "{}\n", 3, said, strlen(said));
}

/* That is what the client is sent now. */
static void expect(const char *s)
{
	char buf[256] = "";

	turns();
	assert_int_equal(recv(t.fd, buf, sizeof(buf) - 1, 0),
			 *s ? (ssize_t)strlen(s) : -1);
	assert_string_equal(buf, s);
}

static void says(const char *s)
{
	assert_int_equal(send(t.fd, s, strlen(s), 0), strlen(s));
	turns();
}

/* It was disconnected. */
static void expect_end(void)
{
	char c;

	turns();
	assert_int_equal(recv(t.fd, &c, 1, 0), 0);
	assert_false(control_console_is_busy(t.console));
}

static void to_and_fro(void **state)
{
	(void)state;
	guest_writes("before\n");
	enter("a", 1000);
	assert_true(control_console_is_busy(t.console));
	/* The answer, then the port. */
	expect("{}\nbefore\n");
	guest_writes("after\n");
	expect("after\n");
	says("bc");
	assert_string_equal(t.received, "");
	guest_takes(16);
	turns();
	assert_string_equal(t.received, "abc");
	close(t.fd);
	t.fd = -1;
	turns();
	assert_false(control_console_is_busy(t.console));
	/* The guest does not notice, and the next one may come. */
	guest_writes("alone\n");
	enter("", 1000);
	expect("{}\nbefore\nafter\nalone\n");
}

/* What it has sent before it has gone is the guest's. */
static void goes_at_once(void **state)
{
	(void)state;
	enter("", 1000);
	assert_int_equal(send(t.fd, "poweroff\n", 9, 0), 9);
	close(t.fd);
	t.fd = -1;
	turns();
	assert_false(control_console_is_busy(t.console));
	guest_takes(64);
	assert_string_equal(t.received, "poweroff\n");
}

/* Also if its request is looked at only then. */
static void gone_before(void **state)
{
	struct control_stream *stream = control_console_stream(t.console, 1000);
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(send(fds[0], "off\n", 4, 0), 4);
	close(fds[0]);
	stream->begin(stream, fds[1], "{}\n", 3, "power", 5);
	turns();
	assert_false(control_console_is_busy(t.console));
	guest_takes(64);
	assert_string_equal(t.received, "poweroff\n");
}

/* It has ended its side: it stays until the guest is silent. */
static void lingers(void **state)
{
	(void)state;
	enter("ls\n", 30000);
	expect("{}\n");
	shutdown(t.fd, SHUT_WR);
	turns();
	t.later = 40;
	expect("");
	assert_true(control_console_is_busy(t.console));
	guest_takes(64);
	assert_string_equal(t.received, "ls\n");
	/* Something has moved: the silence begins. */
	guest_writes("bin\n");
	expect("bin\n");
	assert_true(control_console_is_busy(t.console));
	/* Who writes on without end has a limit. */
	t.later = 61;
	guest_writes("usr\n");
	turns();
	assert_int_equal(recv(t.fd, t.received, sizeof(t.received), 0), 4);
	expect_end();
}

static void lingers_for_nothing(void **state)
{
	(void)state;
	guest_takes(64);
	enter("ls\n", 0);
	shutdown(t.fd, SHUT_WR);
	turns();
	turns();
	assert_string_equal(t.received, "ls\n");
	assert_int_equal(recv(t.fd, t.received, sizeof(t.received), 0), 3);
	expect_end();
}

/* The timer, with the real clock. */
static void silence(void **state)
{
	char c;

	(void)state;
	enter("", 1);
	expect("{}\n");
	shutdown(t.fd, SHUT_WR);
	while (control_console_is_busy(t.console))
		turns();
	assert_int_equal(recv(t.fd, &c, 1, 0), 0);
}

/* Without a guest that takes it. */
static void input_is_left(void **state)
{
	(void)state;
	enter("ls\n", 0);
	expect("{}\n");
	shutdown(t.fd, SHUT_WR);
	turns();
	assert_true(control_console_is_busy(t.console));
	t.later = 61;
	guest_writes("x");
	expect("x\r\n[lkvm: the guest has not taken all of the input so "
	       "far]\r\n");
	expect_end();
	guest_takes(64);
	assert_string_equal(t.received, "ls\n");
}

/* Who does not read holds up nobody, and is told what it has missed. */
static void reads_nothing(void **state)
{
	static char text[1000], all[HUB_OUTPUT * 16];
	size_t len = 0;
	ssize_t n;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	enter("", 1000);
	for (unsigned int i = 0; i < 900; i++) {
		guest_writes(text);
		turns();
	}
	assert_true(control_console_is_busy(t.console));
	guest_writes("the last");
	do {
		turns();
		n = recv(t.fd, all + len, sizeof(all) - 1 - len, 0);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0);
	all[len] = '\0';
	assert_true(len < 899100);
	assert_non_null(strstr(all, " bytes of output are missing here]\r\n"));
	assert_string_equal(all + len - 8, "the last");
}

/* It waits in the socket, and nothing of it is lost. */
static void says_too_much(void **state)
{
	static char text[100];
	size_t sent = 0;
	ssize_t n;

	(void)state;
	memset(text, 'y', sizeof(text));
	enter("", 1000);
	do {
		n = send(t.fd, text, sizeof(text), 0);
		if (n > 0)
			sent += (size_t)n;
		turns();
	} while (n > 0);
	assert_true(control_console_is_busy(t.console));
	for (size_t i = 0; i <= sent / 64; i++)
		guest_takes(64);
	expect("{}\n");
	t.nr_received = 0;
	says("end");
	guest_takes(64);
	guest_takes(64);
	assert_memory_equal(t.received + t.nr_received - 3, "end", 3);
}

static void end_of_the_run(void **state)
{
	char buf[64] = "";

	(void)state;
	enter("", 1000);
	expect("{}\n");
	guest_writes("reboot: Power down\n");
	control_console_end(t.console, clock_now() + 60 * NS_PER_SECOND);
	assert_int_equal(recv(t.fd, buf, sizeof(buf), 0), 19);
	control_console_end(NULL, 0);
}

static void *read_all(void *arg)
{
	size_t *sum = arg;
	char buf[4096];
	struct pollfd pfd = { .fd = t.fd, .events = POLLIN };
	ssize_t n;

	while (poll(&pfd, 1, -1) > 0 &&
	       (n = recv(t.fd, buf, sizeof(buf), 0)) > 0) {
		*sum += (size_t)n;
		if (buf[n - 1] == 'z')
			break;
	}
	return NULL;
}

/* Nothing is missing for a client that lags when the run ends. */
static void end_of_one_that_lags(void **state)
{
	char line[1001];
	int size = 4096;
	size_t sum = 0;
	pthread_t thread;

	(void)state;
	memset(line, 'y', 1000);
	line[1000] = '\0';
	enter("", 1000);
	assert_int_equal(setsockopt(t.fd, SOL_SOCKET, SO_RCVBUF, &size,
				    sizeof(size)),
			 0);
	for (unsigned int i = 0; i < 60; i++)
		guest_writes(line);
	guest_writes("z");
	/* Not at all, if the time is over. */
	control_console_end(t.console, 0);
	assert_int_equal(pthread_create(&thread, NULL, read_all, &sum), 0);
	control_console_end(t.console, clock_now() + PATIENCE * NS_PER_SECOND);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(sum, 3 + 60001);
}

static void sysrq(void **state)
{
	(void)state;
	guest_takes(64);
	assert_int_equal(control_console_sysrq(t.console, 'h'), 0);
	turns();
	assert_string_equal(t.received, "!h");
	/* A virtio console. */
	t.port->line_break = NULL;
	assert_int_equal(control_console_sysrq(t.console, 's'), 0);
	turns();
	assert_string_equal(t.received, "!h\x0fs");
	t.port->ops->accept(t.port, 0);
	for (unsigned int i = 0; i < HUB_INPUT / 2; i++)
		assert_int_equal(control_console_sysrq(t.console, 's'), 0);
	assert_int_equal(control_console_sysrq(t.console, 's'), -EAGAIN);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(to_and_fro),     TEST(goes_at_once),
		TEST(lingers),	      TEST(lingers_for_nothing),
		TEST(silence),	      TEST(input_is_left),
		TEST(reads_nothing),  TEST(says_too_much),
		TEST(end_of_the_run), TEST(sysrq),
		TEST(gone_before),    TEST(end_of_one_that_lags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
