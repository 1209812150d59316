/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: chardev/tap.c vmm/thread.c vmm/evloop.c */
/* What a guest writes is passed on, and looked at by another thread. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lkvm/chardev/tap.h"
#include "lkvm/util/clock.h"

/* Whoever hangs dies by SIGALRM and does not hold up the rest. */
#define PATIENCE 30
#define MS	 NS_PER_MS
#define MUCH	 (1000 * SZ_1K)

static struct {
	struct chardev backend;
	struct tap *tap;
	struct chardev *chr;
	atomic_bool stopping;
	/* What has come out: at the backend, and on the thread. */
	u8 *passed, *seen;
	size_t nr_passed;
	_Atomic(size_t) nr_seen;
	sem_t something; /* the thread has been called */
	sem_t go;	 /* it may go on, if `held` */
	atomic_bool held;
	_Atomic(u64) next; /* what it returns */
	_Atomic(unsigned int) calls, idle_calls, resets;
	size_t seen_at_reset;
	/* What the front or the backend has got. */
	char received[64];
	size_t accepted;
	unsigned int ended, begun;
} t;

static void backend_write(struct chardev *chr, const u8 *buf, size_t len)
{
	assert_ptr_equal(chr, &t.backend);
	memcpy(t.passed + t.nr_passed, buf, len);
	t.nr_passed += len;
}

static void backend_accept(struct chardev *chr, size_t n)
{
	assert_ptr_equal(chr, &t.backend);
	t.accepted = n;
}

static void backend_unread(struct chardev *chr, const u8 *buf, size_t len)
{
	assert_ptr_equal(chr, &t.backend);
	strncat(t.received, (const char *)buf, len);
}

static const struct chardev_ops backend_ops = {
	.write = backend_write,
	.accept = backend_accept,
	.unread = backend_unread,
};

static u64 output(void *opaque, const u8 *buf, size_t len, u64 now)
{
	/* Before the test goes on. */
	bool held = t.held;
	u64 next = t.next;

	assert_ptr_equal(opaque, &t);
	assert_true(now <= clock_now());
	memcpy(t.seen + t.nr_seen, buf, len);
	t.nr_seen += len;
	t.calls++;
	t.idle_calls += !len;
	sem_post(&t.something);
	if (held)
		sem_wait(&t.go);
	return next;
}

static void reset(void *opaque, u64 now)
{
	assert_ptr_equal(opaque, &t);
	(void)now;
	t.seen_at_reset = t.nr_seen;
	t.resets++;
}

static int setup(void **state)
{
	static const struct tap_ops ops = { output, reset };

	(void)state;
	alarm(PATIENCE);
	memset(&t, 0, sizeof(t));
	t.passed = malloc(MUCH);
	t.seen = malloc(MUCH);
	assert_true(t.passed && t.seen);
	sem_init(&t.something, 0, 0);
	sem_init(&t.go, 0, 0);
	t.next = UINT64_MAX;
	t.backend.ops = &backend_ops;
	t.tap = tap_create(&t.backend, &t.stopping, &ops, &t);
	assert_non_null(t.tap);
	t.chr = tap_chardev(t.tap);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_true(tap_finish(t.tap));
	tap_destroy(t.tap);
	sem_destroy(&t.something);
	sem_destroy(&t.go);
	free(t.passed);
	free(t.seen);
	alarm(0);
	return 0;
}

/* The thread has begun and sleeps. */
static void start(void)
{
	assert_int_equal(tap_start(t.tap), 0);
	sem_wait(&t.something);
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.idle_calls, 1);
}

static void write_text(const char *text)
{
	t.chr->ops->write(t.chr, (const u8 *)text, strlen(text));
}

static void *write_much(void *arg)
{
	const u8 *buf = arg;

	for (size_t i = 0, len; i < MUCH; i += len) {
		len = MIN(i % 3000 + 1, MUCH - i);
		t.chr->ops->write(t.chr, buf + i, len);
	}
	return NULL;
}

static u8 *make_much(void)
{
	u8 *buf = malloc(MUCH);

	assert_non_null(buf);
	for (size_t i = 0; i < MUCH; i++)
		buf[i] = (u8)(i ^ i >> 8 ^ i >> 13);
	return buf;
}

/* Every byte, in order, on both sides. */
static void whole(void **state)
{
	u8 *buf = make_much();

	(void)state;
	start();
	write_much(buf);
	assert_true(tap_finish(t.tap));
	assert_int_equal(t.nr_passed, MUCH);
	assert_int_equal(t.nr_seen, MUCH);
	assert_memory_equal(t.passed, buf, MUCH);
	assert_memory_equal(t.seen, buf, MUCH);
	free(buf);
}

/* A guest waits for a thread that is slow, and nothing is lost. */
static void slow(void **state)
{
	u8 *buf = make_much();
	pthread_t writer;

	(void)state;
	start();
	t.held = true;
	assert_int_equal(pthread_create(&writer, NULL, write_much, buf), 0);
	sem_wait(&t.something);
	/* Until the ring is full. */
	usleep(20000);
	t.held = false;
	sem_post(&t.go);
	pthread_join(writer, NULL);
	assert_true(tap_finish(t.tap));
	assert_int_equal(t.nr_seen, MUCH);
	assert_memory_equal(t.seen, buf, MUCH);
	free(buf);
}

/* At the end of the run a guest does not wait for one that hangs. */
static void stuck(void **state)
{
	u8 *buf = make_much();
	pthread_t writer;

	(void)state;
	start();
	t.held = true;
	assert_int_equal(pthread_create(&writer, NULL, write_much, buf), 0);
	sem_wait(&t.something);
	atomic_store(&t.stopping, true);
	pthread_join(writer, NULL);
	/* The backend has got them all. */
	assert_int_equal(t.nr_passed, MUCH);
	assert_true(t.nr_seen < MUCH);
	t.held = false;
	sem_post(&t.go);
	free(buf);
}

/* The thread is called when it has asked for it, and not before. */
static void on_time(void **state)
{
	u64 begin;

	(void)state;
	start();
	begin = clock_now();
	t.next = begin + 100 * MS;
	write_text("x");
	sem_wait(&t.something);
	t.next = UINT64_MAX;
	sem_wait(&t.something);
	assert_true(clock_now() >= begin + 100 * MS);
	assert_int_equal(t.calls, 3);
	assert_int_equal(t.idle_calls, 2);
}

/* Soon it is there anyway: only newlines wake it. */
static void not_for_each_byte(void **state)
{
	(void)state;
	start();
	t.next = clock_now() + 40 * MS;
	write_text("a");
	sem_wait(&t.something);
	for (int i = 0; i < 1000; i++)
		write_text("b");
	t.next = UINT64_MAX;
	write_text("\n");
	assert_true(tap_finish(t.tap));
	assert_int_equal(t.nr_seen, 1002);
	assert_true(t.calls < 500);
}

static void prompt_is_seen(void **state)
{
	(void)state;
	start();
	write_text("login: ");
	sem_wait(&t.something);
	write_text("x");
	sem_wait(&t.something);
	assert_int_equal(t.nr_seen, 8);
}

static void resets(void **state)
{
	unsigned int idle_calls;

	(void)state;
	start();
	write_text("before\n");
	tap_reset(t.tap);
	assert_int_equal(t.resets, 1);
	assert_int_equal(t.seen_at_reset, 7);
	tap_reset(t.tap);
	write_text("after\n");
	tap_reset(t.tap);
	assert_int_equal(t.resets, 3);
	assert_int_equal(t.seen_at_reset, 13);
	/* What happens at a reset may want to be looked at once more. */
	idle_calls = t.idle_calls;
	tap_reset(t.tap);
	while (t.idle_calls == idle_calls)
		sem_wait(&t.something);
}

static void receive(struct chardev *chr, const u8 *buf, size_t len)
{
	assert_ptr_equal(chr, t.chr);
	strncat(t.received, (const char *)buf, len);
}

static bool ended(struct chardev *chr)
{
	assert_ptr_equal(chr, t.chr);
	return t.ended++;
}

static void begun(struct chardev *chr)
{
	assert_ptr_equal(chr, t.chr);
	t.begun++;
}

/* Input does not concern it. */
static void input(void **state)
{
	(void)state;
	/* Before there is a front. */
	t.backend.receive(&t.backend, (const u8 *)"lost", 4);
	t.backend.begun(&t.backend);
	assert_true(t.backend.ended(&t.backend));
	t.chr->receive = receive;
	t.chr->ended = ended;
	t.chr->begun = begun;
	t.chr->ops->accept(t.chr, 5);
	assert_int_equal(t.accepted, 5);
	t.backend.receive(&t.backend, (const u8 *)"input", 5);
	assert_string_equal(t.received, "input");
	t.chr->ops->unread(t.chr, (const u8 *)"ut", 2);
	assert_string_equal(t.received, "inputut");
	assert_false(t.backend.ended(&t.backend));
	assert_true(t.backend.ended(&t.backend));
	t.backend.begun(&t.backend);
	assert_int_equal(t.begun, 1);
}

static void own_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	assert_ptr_equal(chr, t.chr);
	assert_true(len <= t.accepted);
	t.accepted -= len;
	strncat(t.received, (const char *)buf, len);
}

static void poll_loop(struct evloop *loop)
{
	for (int i = 0; i < 10; i++)
		assert_int_equal(evloop_poll(loop), 0);
}

static void front_accepts(size_t n)
{
	t.accepted = n;
	t.chr->ops->accept(t.chr, n);
}

/* As the front takes it, and nothing of the backend's. */
static void own_input(void **state)
{
	struct evloop loop;

	(void)state;
	assert_int_equal(evloop_init(&loop), 0);
	assert_int_equal(tap_take_input(t.tap, &loop), 0);
	t.chr->receive = own_receive;
	assert_int_equal(tap_send(t.tap, "one", 3), 0);
	poll_loop(&loop);
	assert_string_equal(t.received, "");
	front_accepts(2);
	poll_loop(&loop);
	assert_string_equal(t.received, "on");
	front_accepts(5);
	assert_int_equal(tap_send(t.tap, "two", 3), 0);
	poll_loop(&loop);
	assert_string_equal(t.received, "onetwo");
	/* What comes back is the first of the next. */
	assert_int_equal(tap_send(t.tap, "!", 1), 0);
	t.chr->ops->unread(t.chr, (const u8 *)"wo", 2);
	front_accepts(10);
	poll_loop(&loop);
	assert_string_equal(t.received, "onetwowo!");
	assert_true(tap_finish(t.tap));
	evloop_destroy(&loop);
}

static void own_input_is_long(void **state)
{
	struct evloop loop;
	char text[61];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(evloop_init(&loop), 0);
	assert_int_equal(tap_take_input(t.tap, &loop), 0);
	t.chr->receive = own_receive;
	for (int i = 0; i < 3; i++)
		assert_int_equal(tap_send(t.tap, text, 20), 0);
	front_accepts(60);
	poll_loop(&loop);
	assert_int_equal(strlen(t.received), 60);
	assert_true(tap_finish(t.tap));
	evloop_destroy(&loop);
}

/* Nowhere else. */
static void no_backend(void **state)
{
	static const struct tap_ops ops = { output, reset };

	(void)state;
	tap_destroy(t.tap);
	t.tap = tap_create(NULL, &t.stopping, &ops, &t);
	t.chr = tap_chardev(t.tap);
	start();
	t.chr->ops->accept(t.chr, 5);
	t.chr->ops->unread(t.chr, (const u8 *)"x", 1);
	write_text("seen\n");
	assert_true(tap_finish(t.tap));
	assert_int_equal(t.nr_seen, 5);
	assert_int_equal(t.nr_passed, 0);
}

/* Without a thread it only passes on. */
static void not_started(void **state)
{
	(void)state;
	write_text("text\n");
	tap_reset(t.tap);
	assert_int_equal(t.nr_passed, 5);
	assert_int_equal(t.nr_seen, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole),
		TEST(slow),
		TEST(stuck),
		TEST(on_time),
		TEST(not_for_each_byte),
		TEST(prompt_is_seen),
		TEST(resets),
		TEST(input),
		TEST(not_started),
		TEST(own_input),
		TEST(own_input_is_long),
		TEST(no_backend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
