/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/worker.c vmm/thread.c */
/* WRAP: pthread_create */
/* Jobs of worker threads: their order, their end, and who waits for them. */
#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lkvm/vmm/worker.h"
#include "thread_state.h"

static int no_more_threads; /* errno to fail with, or 0 */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg)
{
	return no_more_threads
		       ? no_more_threads
		       : __real_pthread_create(thread, attr, start, arg);
}

struct step {
	struct worker_job job;
	sem_t begun, may_end;
	bool waits, ran;
	pid_t sleeper; /* it runs until that thread sleeps, or 0 */
};

static struct worker worker;
static struct step steps[8];
static char order[64];
static pthread_mutex_t order_lock = PTHREAD_MUTEX_INITIALIZER;
/* "0" to "7" when a step runs. */
static void note(const struct step *step)
{
	size_t len;

	pthread_mutex_lock(&order_lock);
	len = strlen(order);
	if (len + 1 < sizeof(order))
		order[len] = (char)('0' + (step - steps));
	pthread_mutex_unlock(&order_lock);
}

static void run(struct worker_job *job)
{
	struct step *step = container_of(job, struct step, job);

	note(step);
	sem_post(&step->begun);
	while (step->waits && sem_wait(&step->may_end))
		;
	if (step->sleeper)
		await_sleep(step->sleeper);
	step->ran = true;
}

static int setup(void **state)
{
	(void)state;
	/* A test that waits for what does not come ends by that. */
	alarm(60);
	no_more_threads = 0;
	memset(steps, 0, sizeof(steps));
	memset(order, 0, sizeof(order));
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		steps[i].job.run = run;
		sem_init(&steps[i].begun, 0, 0);
		sem_init(&steps[i].may_end, 0, 0);
	}
	worker_init(&worker, "test-worker", 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	worker_destroy(&worker);
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

static void drain(unsigned int i)
{
	worker_drain(&worker, &steps[i].job);
}

static void again(void **state)
{
	(void)state;
	submit(0);
	drain(0);
	assert_string_equal(order, "0");
	submit(0);
	drain(0);
	assert_string_equal(order, "00");
}

static void in_order(void **state)
{
	(void)state;
	submit_blocked(0);
	for (unsigned int i = 1; i < 8; i++)
		submit(i);
	let_go(0);
	for (unsigned int i = 0; i < 8; i++)
		drain(i);
	/* One thread: each runs after the one before. */
	assert_string_equal(order, "01234567");
}

static void nothing_before_the_first(void **state)
{
	(void)state;
	assert_int_equal(worker.nr_threads, 0);
	submit(0);
	drain(0);
	assert_true(steps[0].ran);
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
	drain(0);
	drain(1);
	assert_string_equal(order, "01");
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
		drain(i);
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
		drain(i);
		wait_for_idle_thread();
	}
	assert_int_equal(worker.nr_threads, 1);
	/* That one has work again, so the next needs another. */
	submit_blocked(4);
	submit_blocked(5);
	assert_int_equal(worker.nr_threads, 2);
	let_go(4);
	let_go(5);
	drain(4);
	drain(5);
}

/* What was cancelled needs no thread any more. */
static void cancelled_jobs_do_not_count(void **state)
{
	(void)state;
	submit_blocked(0);
	submit(1);
	worker_cancel(&worker, &steps[1].job);
	let_go(0);
	drain(0);
	wait_for_idle_thread();
	worker.max_threads = 2;
	submit(2);
	drain(2);
	assert_int_equal(worker.nr_threads, 1);
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
	drain(0);
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
	no_more_threads = EAGAIN;
	assert_int_equal(worker_submit(&worker, &steps[0].job), -EAGAIN);
	no_more_threads = 0;
	submit_blocked(0);
	/* One will do. */
	worker.max_threads = 2;
	no_more_threads = EAGAIN;
	submit(1);
	let_go(0);
	drain(0);
	drain(1);
	assert_true(steps[1].ran);
}

/* ---- Waiting ------------------------------------------------------------- */

static void drain_waits(void **state)
{
	(void)state;
	steps[0].sleeper = steps[1].sleeper = gettid();
	submit(0);
	submit(1);
	drain(1);
	assert_true(steps[0].ran && steps[1].ran);
}

static void drain_of_nothing(void **state)
{
	(void)state;
	drain(0);
	worker_cancel(&worker, &steps[0].job);
	submit(0);
	drain(0);
	drain(0);
	assert_string_equal(order, "0");
}

static void cancel_before_it_runs(void **state)
{
	(void)state;
	submit_blocked(0);
	submit(1);
	submit(2);
	worker_cancel(&worker, &steps[1].job);
	let_go(0);
	drain(2);
	drain(0);
	assert_false(steps[1].ran);
	assert_true(steps[2].ran);
	submit(1);
	drain(1);
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
}

/* As devices do that are destroyed: the job is gone at once. */
static void gone_at_once(void **state)
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
		TEST(again),
		TEST(in_order),
		TEST(nothing_before_the_first),
		TEST(busy),
		TEST(several_threads),
		TEST(threads_are_used_again),
		TEST(cancelled_jobs_do_not_count),
		TEST(name_and_signals),
		TEST(no_thread),
		TEST(drain_waits),
		TEST(drain_of_nothing),
		TEST(cancel_before_it_runs),
		TEST(cancel_while_it_runs),
		TEST(gone_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
