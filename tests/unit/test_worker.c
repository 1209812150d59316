/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/worker.c vmm/thread.c vmm/evloop.c */
/* WRAP: pthread_create eventfd */
/* Jobs of worker threads: their order, their end, and who waits for them. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "lkvm/vmm/worker.h"
#include "thread_state.h"

static struct {
	int pthread_create, eventfd; /* errno to fail with, or 0 */
} fake;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg);
int __real_eventfd(unsigned int value, int flags);
int __wrap_eventfd(unsigned int value, int flags);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg)
{
	return fake.pthread_create
		       ? fake.pthread_create
		       : __real_pthread_create(thread, attr, start, arg);
}

int __wrap_eventfd(unsigned int value, int flags)
{
	errno = fake.eventfd;
	return fake.eventfd ? -1 : __real_eventfd(value, flags);
}

struct step {
	struct worker_job job;
	sem_t begun, may_end;
	bool waits, ran, done, again;
	pid_t sleeper; /* it runs until that thread sleeps, or 0 */
};

static struct evloop loop;
static struct worker worker;
static struct step steps[8];
static char order[64];
static pthread_mutex_t order_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t main_thread;
static unsigned int nr_done, stop_at;
static int free_fd; /* before a test */

static int lowest_free_fd(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

/* "0" to "7" when a step runs, "a" to "h" when it is done. */
static void note(char first, const struct step *step)
{
	size_t len;

	pthread_mutex_lock(&order_lock);
	len = strlen(order);
	if (len + 1 < sizeof(order))
		order[len] = (char)(first + (step - steps));
	pthread_mutex_unlock(&order_lock);
}

static void run(struct worker_job *job)
{
	struct step *step = container_of(job, struct step, job);

	note('0', step);
	sem_post(&step->begun);
	while (step->waits && sem_wait(&step->may_end))
		;
	if (step->sleeper)
		await_sleep(step->sleeper);
	step->ran = true;
}

static void done(struct worker_job *job)
{
	struct step *step = container_of(job, struct step, job);

	assert_true(pthread_equal(pthread_self(), main_thread));
	note('a', step);
	step->done = true;
	if (step->again) {
		step->again = false;
		assert_int_equal(worker_submit(&worker, job), 0);
	}
	if (++nr_done == stop_at)
		evloop_stop(&loop);
}

static int setup(void **state)
{
	(void)state;
	/* A test that waits for what does not come ends by that. */
	alarm(60);
	memset(&fake, 0, sizeof(fake));
	memset(steps, 0, sizeof(steps));
	memset(order, 0, sizeof(order));
	nr_done = 0;
	stop_at = 1;
	main_thread = pthread_self();
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		steps[i].job.run = run;
		steps[i].job.done = done;
		sem_init(&steps[i].begun, 0, 0);
		sem_init(&steps[i].may_end, 0, 0);
	}
	free_fd = lowest_free_fd();
	assert_int_equal(evloop_init(&loop), 0);
	worker_init(&worker, &loop, "test-worker", 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	worker_destroy(&worker);
	evloop_destroy(&loop);
	assert_int_equal(lowest_free_fd(), free_fd);
	alarm(0);
	return 0;
}

static void submit(unsigned int i)
{
	assert_int_equal(worker_submit(&worker, &steps[i].job), 0);
}

/* One that runs until let_go(). */
static void submit_blocked(unsigned int i)
{
	steps[i].waits = true;
	submit(i);
	assert_int_equal(sem_wait(&steps[i].begun), 0);
}

static void let_go(unsigned int i)
{
	sem_post(&steps[i].may_end);
}

static void done_on_the_loop(void **state)
{
	(void)state;
	submit(0);
	assert_int_equal(evloop_run(&loop), 0);
	assert_string_equal(order, "0a");
	assert_true(steps[0].ran);
	/* The same job again. */
	nr_done = 0;
	loop.stop = false;
	submit(0);
	assert_int_equal(evloop_run(&loop), 0);
	assert_string_equal(order, "0a0a");
}

static void in_order(void **state)
{
	(void)state;
	submit_blocked(0);
	for (unsigned int i = 1; i < 8; i++)
		submit(i);
	let_go(0);
	stop_at = 8;
	assert_int_equal(evloop_run(&loop), 0);
	for (unsigned int i = 0; i < 8; i++)
		assert_true(steps[i].ran && steps[i].done);
	assert_int_equal(strlen(order), 16);
	/* One thread: each runs after the one before, and is done after it. */
	for (int i = 1; i < 8; i++) {
		assert_true(strchr(order, '0' + i) >
			    strchr(order, '0' + i - 1));
		assert_true(strchr(order, 'a' + i) >
			    strchr(order, 'a' + i - 1));
	}
}

static void submitted_by_done(void **state)
{
	(void)state;
	steps[0].again = true;
	stop_at = 2;
	submit(0);
	assert_int_equal(evloop_run(&loop), 0);
	assert_string_equal(order, "0a0a");
}

static void nothing_before_the_first(void **state)
{
	int fd = dup(0), next;

	(void)state;
	close(fd);
	assert_int_equal(worker.nr_threads, 0);
	assert_false(worker.watched);
	/* One that is not waited for needs no descriptor. */
	steps[0].job.done = NULL;
	submit(0);
	worker_drain(&worker, &steps[0].job);
	assert_true(steps[0].ran);
	next = dup(0);
	close(next);
	assert_int_equal(next, fd);
	assert_int_equal(worker.nr_threads, 1);
}

static void busy(void **state)
{
	(void)state;
	submit_blocked(0);
	assert_int_equal(worker_submit(&worker, &steps[0].job), -EBUSY);
	submit(1);
	assert_int_equal(worker_submit(&worker, &steps[1].job), -EBUSY);
	let_go(0);
	worker_drain(&worker, &steps[0].job);
	worker_drain(&worker, &steps[1].job);
	assert_int_equal(strlen(order), 4);
}

/* ---- Threads ------------------------------------------------------------- */

static void several_threads(void **state)
{
	(void)state;
	worker.max_threads = 3;
	for (unsigned int i = 0; i < 3; i++)
		submit_blocked(i);
	submit(3);
	assert_int_equal(worker.nr_threads, 3);
	assert_false(steps[3].ran);
	for (unsigned int i = 0; i < 3; i++)
		let_go(i);
	for (unsigned int i = 0; i < 4; i++)
		worker_drain(&worker, &steps[i].job);
	assert_true(steps[3].ran);
	assert_int_equal(worker.nr_threads, 3);
}

static void wait_for_idle_thread(void)
{
	bool idle = false;

	while (!idle) {
		pthread_mutex_lock(&worker.lock);
		idle = worker.nr_idle;
		pthread_mutex_unlock(&worker.lock);
	}
}

/* As long as one is idle there is no need for more. */
static void threads_are_used_again(void **state)
{
	(void)state;
	worker.max_threads = 3;
	for (unsigned int i = 0; i < 4; i++) {
		submit(i);
		worker_drain(&worker, &steps[i].job);
		wait_for_idle_thread();
	}
	assert_int_equal(worker.nr_threads, 1);
	/* That one has work again, so the next needs another. */
	submit_blocked(4);
	submit_blocked(5);
	assert_int_equal(worker.nr_threads, 2);
	let_go(4);
	let_go(5);
	worker_drain(&worker, &steps[4].job);
	worker_drain(&worker, &steps[5].job);
}

/* What was cancelled needs no thread any more. */
static void cancelled_jobs_do_not_count(void **state)
{
	(void)state;
	submit_blocked(0);
	submit(1);
	worker_cancel(&worker, &steps[1].job);
	let_go(0);
	worker_drain(&worker, &steps[0].job);
	wait_for_idle_thread();
	worker.max_threads = 2;
	submit(2);
	worker_drain(&worker, &steps[2].job);
	assert_int_equal(worker.nr_threads, 1);
}

/* Programs that lkvm starts do not get it, and a late look does not block. */
static void flags_of_the_eventfd(void **state)
{
	(void)state;
	submit(0);
	worker_drain(&worker, &steps[0].job);
	assert_true(worker.watched);
	assert_int_equal(fcntl(worker.source.fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(worker.source.fd, F_GETFL) & O_NONBLOCK);
}

static char thread_name[16];
static sigset_t thread_mask;

static void look(struct worker_job *job)
{
	(void)job;
	pthread_getname_np(pthread_self(), thread_name, sizeof(thread_name));
	pthread_sigmask(SIG_SETMASK, NULL, &thread_mask);
}

static void name_and_signals(void **state)
{
	sigset_t mask;

	(void)state;
	steps[0].job.run = look;
	submit(0);
	worker_drain(&worker, &steps[0].job);
	assert_string_equal(thread_name, "test-worker");
	assert_true(sigismember(&thread_mask, SIGTERM));
	assert_true(sigismember(&thread_mask, SIGUSR1));
	assert_true(sigismember(&thread_mask, SIGRTMIN));
	assert_false(sigismember(&thread_mask, SIGSEGV));
	assert_false(sigismember(&thread_mask, SIGABRT));
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGTERM));
}

static void no_thread(void **state)
{
	(void)state;
	fake.pthread_create = EAGAIN;
	assert_int_equal(worker_submit(&worker, &steps[0].job), -EAGAIN);
	fake.pthread_create = 0;
	submit_blocked(0);
	/* One will do. */
	worker.max_threads = 2;
	fake.pthread_create = EAGAIN;
	submit(1);
	let_go(0);
	worker_drain(&worker, &steps[0].job);
	worker_drain(&worker, &steps[1].job);
	assert_true(steps[1].ran);
}

static void no_descriptor(void **state)
{
	(void)state;
	fake.eventfd = EMFILE;
	assert_int_equal(worker_submit(&worker, &steps[0].job), -EMFILE);
	assert_int_equal(worker.nr_threads, 0);
	steps[0].job.done = NULL;
	submit(0);
	worker_drain(&worker, &steps[0].job);
	assert_true(steps[0].ran);
}

/* ---- Waiting ------------------------------------------------------------- */

static void drain_waits(void **state)
{
	(void)state;
	steps[0].sleeper = steps[1].sleeper = gettid();
	submit(0);
	submit(1);
	worker_drain(&worker, &steps[1].job);
	assert_true(steps[1].ran && steps[1].done);
	/* Of the other its own `done` is still to come. */
	assert_true(steps[0].ran);
	assert_false(steps[0].done);
	loop.stop = false;
	stop_at = 2;
	assert_int_equal(evloop_run(&loop), 0);
	assert_true(steps[0].done);
	assert_int_equal(nr_done, 2);
}

static void drain_of_nothing(void **state)
{
	(void)state;
	worker_drain(&worker, &steps[0].job);
	worker_cancel(&worker, &steps[0].job);
	submit(0);
	worker_drain(&worker, &steps[0].job);
	worker_drain(&worker, &steps[0].job);
	assert_string_equal(order, "0a");
	/* The loop finds nothing more to do. */
	assert_int_equal(evloop_poll(&loop), 0);
	assert_string_equal(order, "0a");
}

static void cancel_before_it_runs(void **state)
{
	(void)state;
	submit_blocked(0);
	submit(1);
	submit(2);
	worker_cancel(&worker, &steps[1].job);
	let_go(0);
	worker_drain(&worker, &steps[2].job);
	worker_drain(&worker, &steps[0].job);
	assert_false(steps[1].ran || steps[1].done);
	assert_true(steps[2].ran && steps[2].done);
	submit(1);
	worker_drain(&worker, &steps[1].job);
	assert_true(steps[1].ran);
}

static void cancel_while_it_runs(void **state)
{
	(void)state;
	steps[0].sleeper = gettid();
	submit_blocked(0);
	let_go(0);
	worker_cancel(&worker, &steps[0].job);
	assert_true(steps[0].ran);
	assert_int_equal(evloop_poll(&loop), 0);
	assert_false(steps[0].done);
}

/* As devices do that are destroyed: the job is gone at once. */
static void no_done_no_look(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		struct step *step = test_calloc(1, sizeof(*step));

		step->job.run = look;
		assert_int_equal(worker_submit(&worker, &step->job), 0);
		worker_cancel(&worker, &step->job);
		test_free(step);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(done_on_the_loop),
		TEST(in_order),
		TEST(submitted_by_done),
		TEST(nothing_before_the_first),
		TEST(busy),
		TEST(several_threads),
		TEST(threads_are_used_again),
		TEST(cancelled_jobs_do_not_count),
		TEST(flags_of_the_eventfd),
		TEST(name_and_signals),
		TEST(no_thread),
		TEST(no_descriptor),
		TEST(drain_waits),
		TEST(drain_of_nothing),
		TEST(cancel_before_it_runs),
		TEST(cancel_while_it_runs),
		TEST(no_done_no_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
