/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/output.c */
/* WRAP: poll clock_gettime */
/* Output to readers that are slow, stopped or gone, none of which blocks. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/util/clock.h"
#include "lkvm/util/output.h"

#define SHORT_MS 10
#define PAGE	 4096

static char data[1 << 20];

/* A clock that only waits move, if `step` is not 0; else all is real. */
static struct {
	u64 now;    /* ms */
	int step;   /* ms after which a wait ends, by what happens then */
	int reader; /* takes a page; -1: a signal comes instead */
	unsigned int waits;
} fake;

int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	if (!fake.step)
		return __real_clock_gettime(id, ts);
	ts->tv_sec = (time_t)(fake.now / 1000);
	ts->tv_nsec = (long)(fake.now % 1000 * NS_PER_MS);
	return 0;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	char page[PAGE];
	int ready;

	if (!fake.step)
		return __real_poll(fds, n, timeout);
	ready = __real_poll(fds, n, 0);
	if (ready || !timeout)
		return ready;
	assert_in_range(timeout, 1, INT32_MAX);
	assert_in_range(++fake.waits, 1, 2 * sizeof(data) / PAGE);
	fake.now += (u64)MIN(timeout, fake.step);
	if (timeout < fake.step)
		return 0;
	if (fake.reader < 0) {
		errno = EINTR;
		return -1;
	}
	assert_int_equal(read(fake.reader, page, PAGE), PAGE);
	return __real_poll(fds, n, 0);
}

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)('a' + i % 23);
	signal(SIGPIPE, SIG_IGN);
	/* What blocks for ever is a failure, not a hang. */
	alarm(60);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	alarm(0);
	return 0;
}

/* As the shell made it: others block on it. */
static void assert_blocking(int fd)
{
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void check_full(int fds[2])
{
	size_t written = 0;

	assert_int_equal(output_write(fds[1], data, sizeof(data), SHORT_MS,
				      &written),
			 -EAGAIN);
	assert_in_range(written, 1, sizeof(data) - 1);
	assert_int_equal(output_write(fds[1], "x", 1, 0, &written), -EAGAIN);
	assert_int_equal(written, 0);
	assert_blocking(fds[1]);
	close(fds[0]);
	close(fds[1]);
}

static void full_pipe(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	check_full(fds);
}

static void full_socket(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	check_full(fds);
}

/* A terminal whose other side nobody reads, as after Ctrl-S. */
static void full_terminal(void **state)
{
	int fds[2];

	(void)state;
	fds[0] = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(fds[0] >= 0);
	assert_int_equal(grantpt(fds[0]) | unlockpt(fds[0]), 0);
	fds[1] = open(ptsname(fds[0]), O_RDWR | O_NOCTTY);
	assert_true(fds[1] >= 0);
	check_full(fds);
}

static void reader_gone(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(output_write(fds[1], "x", 1, SHORT_MS, NULL), -EPIPE);
	close(fds[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	close(fds[0]);
	assert_int_equal(output_write(fds[1], "x", 1, SHORT_MS, NULL), -EPIPE);
	close(fds[1]);
	assert_int_equal(output_write(fds[1], "x", 1, SHORT_MS, NULL), -EBADF);
}

struct reader {
	int fd;
	char *got;
	size_t len;
};

static void *read_all(void *arg)
{
	struct reader *reader = arg;
	ssize_t n;

	while ((n = read(reader->fd, reader->got + reader->len, 1000)) > 0)
		reader->len += (size_t)n;
	return NULL;
}

/* More than the pipe holds, to a reader that takes it bit by bit. */
static void slow_reader(void **state)
{
	struct reader reader = { .got = calloc(1, sizeof(data) + 1000) };
	pthread_t thread;
	size_t written = 0;
	int fds[2];

	(void)state;
	assert_non_null(reader.got);
	assert_int_equal(pipe(fds), 0);
	reader.fd = fds[0];
	assert_int_equal(pthread_create(&thread, NULL, read_all, &reader), 0);
	assert_int_equal(
		output_write(fds[1], data, sizeof(data), 60000, &written), 0);
	close(fds[1]);
	pthread_join(thread, NULL);
	assert_int_equal(written, sizeof(data));
	assert_int_equal(reader.len, sizeof(data));
	assert_memory_equal(reader.got, data, sizeof(data));
	close(fds[0]);
	free(reader.got);
}

/* The limit is for the call: a page now and then does not make it longer. */
static void trickle(void **state)
{
	size_t written = 0;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	fake.reader = fds[0];
	fake.step = 30;
	fake.now = 5000;
	assert_int_equal(output_write(fds[1], data, sizeof(data), 100,
				      &written),
			 -EAGAIN);
	assert_int_equal(fake.now, 5100);
	assert_int_equal(fake.waits, 4);
	/* What fits into the pipe, and what the reader has taken of it. */
	assert_int_equal(written, fcntl(fds[1], F_GETPIPE_SZ) + 3 * PAGE);
	close(fds[0]);
	close(fds[1]);
}

/* Nor do signals, each of which has poll(2) begin once more. */
static void signals(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(output_write(fds[1], data, sizeof(data), 0, NULL),
			 -EAGAIN);
	fake.reader = -1;
	fake.step = 30;
	assert_int_equal(output_write(fds[1], "x", 1, 100, NULL), -EAGAIN);
	assert_int_equal(fake.now, 100);
	assert_int_equal(fake.waits, 4);
	close(fds[0]);
	close(fds[1]);
}

/* A reader that is slow, but quick enough for the limit, gets all of it. */
static void in_time(void **state)
{
	size_t written = 0;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	fake.reader = fds[0];
	fake.step = 30;
	assert_int_equal(
		output_write(fds[1], data, sizeof(data), 60000, &written), 0);
	assert_int_equal(written, sizeof(data));
	close(fds[0]);
	close(fds[1]);
}

/* At the place where the file stands, not at its start. */
static void file(void **state)
{
	char name[] = "/tmp/output-XXXXXX";
	char got[8] = "";
	int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(output_write(fd, "abc", 3, 0, NULL), 0);
	assert_int_equal(output_write(fd, "def", 3, 0, NULL), 0);
	assert_int_equal(pread(fd, got, sizeof(got), 0), 6);
	assert_string_equal(got, "abcdef");
	close(fd);
}

static void nothing(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(output_write(fds[1], "", 0, 0, NULL), 0);
	close(fds[0]);
	close(fds[1]);
}

#define OUTPUT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OUTPUT_TEST(full_pipe),	    OUTPUT_TEST(full_socket),
		OUTPUT_TEST(full_terminal), OUTPUT_TEST(reader_gone),
		OUTPUT_TEST(slow_reader),   OUTPUT_TEST(trickle),
		OUTPUT_TEST(signals),	    OUTPUT_TEST(in_time),
		OUTPUT_TEST(file),	    OUTPUT_TEST(nothing),
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
