/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/iothread.c vmm/thread.c */
/* WRAP: pthread_create eventfd read write pthread_attr_setstacksize */
/* Threads that serve after kicks: how often, until when, and none at all. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "lkvm/util/fault_signals.h"
#include "lkvm/vmm/iothread.h"
#include "lkvm/vmm/thread.h"
#include "thread_state.h"

static struct {
	int pthread_create, eventfd; /* errno to fail with, or 0 */
	int writes;		     /* that fail with EINTR */
	atomic_int interrupted;	     /* reads that fail with EINTR */
	unsigned int created, eventfds;
	size_t stack;
} fake;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg);
int __real_eventfd(unsigned int value, int flags);
int __wrap_eventfd(unsigned int value, int flags);
ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
int __real_pthread_attr_setstacksize(pthread_attr_t *attr, size_t size);
int __wrap_pthread_attr_setstacksize(pthread_attr_t *attr, size_t size);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg)
{
	if (fake.pthread_create)
		return fake.pthread_create;
	fake.created++;
	return __real_pthread_create(thread, attr, start, arg);
}

int __wrap_eventfd(unsigned int value, int flags)
{
	errno = fake.eventfd;
	if (fake.eventfd)
		return -1;
	fake.eventfds++;
	return __real_eventfd(value, flags);
}

/* As if a signal came whose handler does not restart the call. */
ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	int left = atomic_load(&fake.interrupted);

	if (left > 0) {
		atomic_store(&fake.interrupted, left - 1);
		errno = EINTR;
		return -1;
	}
	return __real_read(fd, buf, len);
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	if (!fake.writes)
		return __real_write(fd, buf, len);
	fake.writes--;
	errno = EINTR;
	return -1;
}

/* ASan's own threads are none of ours. */
int __wrap_pthread_attr_setstacksize(pthread_attr_t *attr, size_t size)
{
	fake.stack = size;
	return __real_pthread_attr_setstacksize(attr, size);
}

static struct iothread thread;
static int free_fd; /* before a test */

/* Of the thread that serves. */
static struct {
	sem_t begun, ended, may_end;
	bool waits;
	atomic_uint calls;
	atomic_bool inside;
	pid_t sleeper; /* it goes on once that thread sleeps, or 0 */
	int pipe;      /* it reads from there, if that is not 0 */
	pid_t tid;
	int error; /* of read() */
	void *opaque;
	char name[16];
	sigset_t mask;
} served;

static int lowest_free_fd(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

/* Nobody writes there. */
static int read_pipe(void)
{
	char c;

	iothread_let_interrupt();
	pthread_sigmask(SIG_SETMASK, NULL, &served.mask);
	return __real_read(served.pipe, &c, 1) < 0 ? errno : 0;
}

static void serve(void *opaque)
{
	atomic_store(&served.inside, true);
	served.tid = gettid();
	served.opaque = opaque;
	pthread_getname_np(pthread_self(), served.name, sizeof(served.name));
	pthread_sigmask(SIG_SETMASK, NULL, &served.mask);
	atomic_fetch_add(&served.calls, 1);
	sem_post(&served.begun);
	while (served.waits && sem_wait(&served.may_end))
		;
	if (served.sleeper)
		await_sleep(served.sleeper);
	if (served.pipe)
		served.error = read_pipe();
	atomic_store(&served.inside, false);
	sem_post(&served.ended);
}

static int setup(void **state)
{
	(void)state;
	/* A test that waits for what does not come ends by that. */
	alarm(60);
	memset(&fake, 0, sizeof(fake));
	memset(&served, 0, sizeof(served));
	memset(&thread, 0, sizeof(thread));
	sem_init(&served.begun, 0, 0);
	sem_init(&served.ended, 0, 0);
	sem_init(&served.may_end, 0, 0);
	free_fd = lowest_free_fd();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	iothread_stop(&thread);
	assert_int_equal(lowest_free_fd(), free_fd);
	alarm(0);
	return 0;
}

static void start(void)
{
	assert_int_equal(iothread_start(&thread, "test-io", serve, &served), 0);
	assert_true(thread.started);
}

static void await(sem_t *bell)
{
	while (sem_wait(bell))
		assert_int_equal(errno, EINTR);
}

static unsigned int calls(void)
{
	return atomic_load(&served.calls);
}

/* ---- Kicks --------------------------------------------------------------- */

static void serves_after_each_kick(void **state)
{
	(void)state;
	start();
	for (unsigned int i = 1; i <= 5; i++) {
		iothread_kick(&thread);
		await(&served.ended);
		assert_int_equal(calls(), i);
	}
	assert_ptr_equal(served.opaque, &served);
	iothread_stop(&thread);
	assert_int_equal(calls(), 5);
}

/* What KVM does, or a test in its place. */
static void served_by_the_descriptor(void **state)
{
	const u64 one = 1;

	(void)state;
	start();
	assert_int_equal(write(thread.fd, &one, sizeof(one)), sizeof(one));
	await(&served.ended);
	assert_int_equal(calls(), 1);
}

/* Any number while it works is once more, and that is not forgotten. */
static void kicks_while_it_works(void **state)
{
	(void)state;
	served.waits = true;
	start();
	iothread_kick(&thread);
	await(&served.begun);
	for (unsigned int i = 0; i < 100; i++)
		iothread_kick(&thread);
	sem_post(&served.may_end);
	await(&served.begun);
	sem_post(&served.may_end);
	await(&served.ended);
	await(&served.ended);
	/* None is left over: the next is the third. */
	iothread_kick(&thread);
	await(&served.begun);
	sem_post(&served.may_end);
	await(&served.ended);
	assert_int_equal(calls(), 3);
}

/* A read that is interrupted is no kick, nor the end. */
static void interrupted_reads(void **state)
{
	(void)state;
	atomic_store(&fake.interrupted, 3);
	start();
	while (atomic_load(&fake.interrupted))
		sched_yield();
	assert_int_equal(calls(), 0);
	iothread_kick(&thread);
	await(&served.ended);
	assert_int_equal(calls(), 1);
}

static void interrupted_writes(void **state)
{
	(void)state;
	start();
	fake.writes = 2;
	iothread_kick(&thread);
	assert_int_equal(fake.writes, 0);
	await(&served.ended);
	assert_int_equal(calls(), 1);
}

/* ---- Its end ------------------------------------------------------------- */

/* It goes on once this thread sleeps, which it does while it waits for it. */
static void stop_waits(void **state)
{
	(void)state;
	served.sleeper = gettid();
	served.waits = true;
	start();
	iothread_kick(&thread);
	await(&served.begun);
	sem_post(&served.may_end);
	iothread_stop(&thread);
	assert_false(atomic_load(&served.inside));
	assert_int_equal(calls(), 1);
	assert_false(thread.started);
}

/* Kicks that it has not read by then are not served. */
static void nothing_after_stop(void **state)
{
	(void)state;
	served.sleeper = gettid();
	served.waits = true;
	start();
	iothread_kick(&thread);
	await(&served.begun);
	iothread_kick(&thread);
	iothread_kick(&thread);
	sem_post(&served.may_end);
	sem_post(&served.may_end);
	iothread_stop(&thread);
	assert_int_equal(calls(), 1);
}

/* The kick by which it is told to end calls nothing. */
static void stop_while_idle(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 50; i++) {
		start();
		iothread_stop(&thread);
		assert_false(thread.started);
	}
	assert_int_equal(calls(), 0);
	assert_int_equal(fake.created, 50);
}

static void stop_without_start(void **state)
{
	(void)state;
	iothread_stop(&thread);
	iothread_stop(&thread);
	assert_false(thread.started);
	start();
	iothread_stop(&thread);
	iothread_stop(&thread);
	assert_int_equal(lowest_free_fd(), free_fd);
}

static void start_again(void **state)
{
	(void)state;
	for (unsigned int i = 1; i <= 20; i++) {
		start();
		iothread_kick(&thread);
		await(&served.ended);
		iothread_stop(&thread);
		assert_int_equal(calls(), i);
	}
	assert_int_equal(fake.created, 20);
}

/* ---- Its kind ------------------------------------------------------------ */

static void name_and_signals(void **state)
{
	sigset_t mask;

	(void)state;
	start();
	iothread_kick(&thread);
	await(&served.ended);
	assert_string_equal(served.name, "test-io");
	assert_true(sigismember(&served.mask, SIGTERM));
	assert_true(sigismember(&served.mask, SIGINT));
	assert_true(sigismember(&served.mask, SIGUSR1));
	assert_true(sigismember(&served.mask, SIGRTMIN));
	for (size_t i = 0; i < ARRAY_SIZE(fault_signals); i++)
		assert_false(sigismember(&served.mask, fault_signals[i]));
	/* This one's are as they were. */
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGTERM));
	assert_int_equal(fake.stack, SZ_1M);
}

static void handle(int sig)
{
	(void)sig;
}

/* It need not be in read() yet when it is interrupted. */
static void interrupts(void **state)
{
	const struct sigaction action = { .sa_handler = handle };
	int fds[2];

	(void)state;
	sigaction(THREAD_INTERRUPT, &action, NULL);
	assert_int_equal(pipe(fds), 0);
	iothread_interrupt(&thread);
	start();
	served.pipe = fds[0];
	iothread_kick(&thread);
	await(&served.begun);
	do {
		iothread_interrupt(&thread);
	} while (sem_trywait(&served.ended));
	assert_int_equal(served.error, EINTR);
	assert_false(sigismember(&served.mask, THREAD_INTERRUPT));
	assert_true(sigismember(&served.mask, SIGTERM));
	assert_true(sigismember(&served.mask, SIGRTMAX));
	/* What waits for kicks goes on to do so. */
	served.pipe = 0;
	await_sleep(served.tid);
	iothread_interrupt(&thread);
	await_sleep(served.tid);
	iothread_kick(&thread);
	await(&served.ended);
	close(fds[0]);
	close(fds[1]);
}

/* Programs that lkvm starts do not get it; the thread waits in read(). */
static void flags_of_the_eventfd(void **state)
{
	(void)state;
	start();
	assert_int_equal(fcntl(thread.fd, F_GETFD), FD_CLOEXEC);
	assert_false(fcntl(thread.fd, F_GETFL) & O_NONBLOCK);
}

/* ---- Errors -------------------------------------------------------------- */

static void no_descriptor(void **state)
{
	(void)state;
	fake.eventfd = EMFILE;
	assert_int_equal(iothread_start(&thread, "test-io", serve, NULL),
			 -EMFILE);
	assert_false(thread.started);
	assert_int_equal(fake.created, 0);
	iothread_stop(&thread);
	fake.eventfd = 0;
	start();
	iothread_kick(&thread);
	await(&served.ended);
}

static void no_thread(void **state)
{
	(void)state;
	fake.pthread_create = EAGAIN;
	assert_int_equal(iothread_start(&thread, "test-io", serve, NULL),
			 -EAGAIN);
	assert_false(thread.started);
	assert_int_equal(fake.eventfds, 1);
	assert_int_equal(lowest_free_fd(), free_fd);
	iothread_stop(&thread);
	fake.pthread_create = 0;
	start();
	iothread_kick(&thread);
	await(&served.ended);
}

/* ---- Another descriptor -------------------------------------------------- */

static int pipes[2];

/* Takes one byte, and goes on watching as long as there is not an 'e'. */
static void serve_pipe(void *opaque)
{
	char byte = 0;

	(void)opaque;
	if (read(pipes[0], &byte, 1) < 0)
		byte = 0;
	iothread_watch(&thread, byte == 'e' ? -1 : pipes[0]);
	atomic_fetch_add(&served.calls, 1);
	sem_post(&served.ended);
}

static void start_with_pipe(void)
{
	assert_int_equal(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(iothread_start(&thread, "test-io", serve_pipe, NULL),
			 0);
}

static void close_pipe(void)
{
	iothread_stop(&thread);
	close(pipes[0]);
	close(pipes[1]);
}

/* It is not looked at before `serve` says so. */
static void watched(void **state)
{
	(void)state;
	start_with_pipe();
	assert_int_equal(write(pipes[1], "ab", 2), 2);
	iothread_kick(&thread);
	await(&served.ended);
	await(&served.ended);
	assert_int_equal(calls(), 2);
	assert_int_equal(write(pipes[1], "c", 1), 1);
	await(&served.ended);
	iothread_kick(&thread);
	await(&served.ended);
	assert_int_equal(calls(), 4);
	/* Both at once are one call or two. */
	assert_int_equal(write(pipes[1], "d", 1), 1);
	iothread_kick(&thread);
	await(&served.ended);
	close_pipe();
}

static void not_watched_any_more(void **state)
{
	(void)state;
	start_with_pipe();
	iothread_kick(&thread);
	await(&served.ended);
	assert_int_equal(write(pipes[1], "ex", 2), 2);
	await(&served.ended);
	assert_int_equal(calls(), 2);
	iothread_kick(&thread);
	await(&served.ended);
	assert_int_equal(calls(), 3);
	close_pipe();
}

static void serve_interruptible(void *opaque)
{
	served.tid = gettid();
	iothread_let_interrupt();
	serve_pipe(opaque);
}

/* An interrupted wait is no event. */
static void watched_and_interrupted(void **state)
{
	const struct sigaction action = { .sa_handler = handle };

	(void)state;
	sigaction(THREAD_INTERRUPT, &action, NULL);
	assert_int_equal(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(iothread_start(&thread, "test-io", serve_interruptible,
					NULL),
			 0);
	iothread_kick(&thread);
	await(&served.ended);
	for (unsigned int i = 0; i < 3; i++) {
		await_sleep(served.tid);
		iothread_interrupt(&thread);
	}
	await_sleep(served.tid);
	iothread_kick(&thread);
	await(&served.ended);
	assert_int_equal(calls(), 2);
	close_pipe();
}

/* Its end is an event as well. */
static void watched_until_the_end(void **state)
{
	(void)state;
	start_with_pipe();
	iothread_kick(&thread);
	await(&served.ended);
	close(pipes[1]);
	await(&served.ended);
	pipes[1] = dup(pipes[0]);
	close_pipe();
}

static void *nothing(void *arg)
{
	return arg;
}

static void thread_create_alone(void **state)
{
	pthread_t other;
	void *result = NULL;

	(void)state;
	fake.pthread_create = EPERM;
	assert_int_equal(thread_create(&other, nothing, &fake), -EPERM);
	fake.pthread_create = 0;
	assert_int_equal(thread_create(&other, nothing, &fake), 0);
	assert_int_equal(pthread_join(other, &result), 0);
	assert_ptr_equal(result, &fake);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(serves_after_each_kick),
		TEST(served_by_the_descriptor),
		TEST(kicks_while_it_works),
		TEST(interrupted_reads),
		TEST(interrupted_writes),
		TEST(stop_waits),
		TEST(nothing_after_stop),
		TEST(stop_while_idle),
		TEST(stop_without_start),
		TEST(start_again),
		TEST(name_and_signals),
		TEST(interrupts),
		TEST(flags_of_the_eventfd),
		TEST(no_descriptor),
		TEST(no_thread),
		TEST(thread_create_alone),
		TEST(watched),
		TEST(not_watched_any_more),
		TEST(watched_until_the_end),
		TEST(watched_and_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
