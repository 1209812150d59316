/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/runner.c virtio/device.c virtio/queue.c virtio/lone.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: virtio/gather.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/runner_rig.c */
/* WRAP: pthread_create pthread_join eventfd clock_gettime nanosleep */
/*
 * A thread that is quicker than its guest tells the driver of several requests
 * at once. Time passes only where the test says so.
 */
#include <string.h>
#include <unistd.h>

#include "runner_rig.h"
#include "thread_state.h"

#define FIRST	 16U /* requests before it is tried */
#define INTERVAL 200000U
#define MOST	 16U

static atomic_long ns;
/* What the guest adds each time the thread sleeps, so many times. */
static atomic_uint adds, sleeps;
static atomic_long slept_ns;

int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	*ts = (struct timespec) { .tv_sec = 100, .tv_nsec = atomic_load(&ns) };
	return 0;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *rest);

int __wrap_nanosleep(const struct timespec *time, struct timespec *rest)
{
	(void)rest;
	atomic_fetch_add(&sleeps, 1);
	atomic_store(&slept_ns, time->tv_nsec);
	if (!atomic_load(&adds))
		return 0;
	atomic_fetch_sub(&adds, 1);
	atomic_fetch_add(&ns, INTERVAL);
	rig_add_some(&rig, 0, 1);
	return 0;
}

/* Never called: no vCPU is to take over here. */
static int attempt(struct virtio_device *vdev, unsigned int n)
{
	(void)vdev;
	(void)n;
	REQUIRE(false);
	return 0;
}

/* One request, and those that come while its thread sleeps. */
static void do_one(struct runner_rig *r, u32 others)
{
	struct queue_rig *q = &r->queues[0];
	u32 before = q->served;

	atomic_fetch_add(&ns, INTERVAL);
	atomic_store(&adds, others);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 1);
	rig_kick(r, 0);
	rig_await(r, 0, before + 1 + others);
	await_sleep(q->tid);
	assert_int_equal(rig_take(r, 0), 1 + others);
}

/* Up to the request that has the thread wait. */
static struct runner_rig *create(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	r->queues[0].runner.attempt = attempt;
	atomic_store(&sleeps, 0);
	rig_start(r);
	for (u32 i = 1; i < FIRST; i++)
		do_one(r, 0);
	assert_int_equal(sleeps, 0);
	assert_int_equal(r->queues[0].interrupts, FIRST - 1);
	return r;
}

static void several_have_one_interrupt(void **state)
{
	struct runner_rig *r = create(state);
	struct queue_rig *q = &r->queues[0];
	u32 before = q->interrupts;

	/* The last one is in vain. */
	do_one(r, 6);
	assert_int_equal(q->interrupts, before + 1);
	assert_int_equal(sleeps, 7);
	assert_int_equal(slept_ns, INTERVAL + INTERVAL / 2);
	/*
	 * So it is worth it, and done again at once, but the guest need not
	 * wait for the end: half as many are enough.
	 */
	do_one(r, 3);
	assert_int_equal(q->interrupts, before + 2);
	assert_int_equal(sleeps, 10);
	do_one(r, 4);
	assert_int_equal(q->interrupts, before + 3);
	assert_int_equal(sleeps, 14);
}

static void there_is_an_end(void **state)
{
	struct runner_rig *r = create(state);
	struct queue_rig *q = &r->queues[0];
	u32 before = q->interrupts, served = q->served;

	atomic_fetch_add(&ns, INTERVAL);
	atomic_store(&adds, ENTRIES / 2);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 1);
	rig_kick(r, 0);
	rig_await(r, 0, served + MOST);
	await_sleep(q->tid);
	assert_int_equal(q->interrupts, before + 1);
	assert_in_range(rig_take(r, 0), MOST, MOST + 2);
}

/* From the second time on waits are for three quarters of what may come. */
static void most_of_what_is_left(void **state)
{
	struct virtio_gather gather;
	const u64 one = INTERVAL + INTERVAL / 2;

	(void)state;
	gather_init(&gather);
	assert_int_equal(gather_wait_ns(&gather, MOST, INTERVAL), one);
	assert_int_equal(gather_wait_ns(&gather, 13, INTERVAL), one);
	assert_int_equal(gather_wait_ns(&gather, 0, INTERVAL), 0);
	/* Half of 13 are enough now. */
	assert_int_equal(gather_wait_ns(&gather, 1, INTERVAL), 5 * INTERVAL);
	assert_int_equal(gather_wait_ns(&gather, 2, INTERVAL), 3 * INTERVAL);
	assert_int_equal(gather_wait_ns(&gather, 3, INTERVAL), one);
	assert_int_equal(gather_wait_ns(&gather, 1, INTERVAL), 0);
	assert_false(gather.on);
}

/* A guest with two under way waits for both: hardly ever for nothing. */
static void in_vain(void **state)
{
	struct runner_rig *r = create(state);
	struct queue_rig *q = &r->queues[0];
	u32 before = q->interrupts;

	do_one(r, 1);
	assert_int_equal(q->interrupts, before + 1);
	assert_int_equal(sleeps, 2);
	for (u32 i = 1; i < 2 * FIRST; i++)
		do_one(r, 0);
	assert_int_equal(q->interrupts, before + 2 * FIRST);
	assert_int_equal(sleeps, 2);
	do_one(r, 0);
	assert_int_equal(sleeps, 3);
}

/* A driver that polls would have its next request lie there meanwhile. */
static void a_driver_that_polls(void **state)
{
	struct runner_rig *r = create(state);
	struct queue_rig *q = &r->queues[0];
	u32 before = q->interrupts;

	for (u32 i = 0; i < 2 * FIRST; i++) {
		u32 served = q->served;

		atomic_fetch_add(&ns, INTERVAL);
		virtq_driver_disable_irq(&q->driver);
		rig_add_some(r, 0, 1);
		rig_kick(r, 0);
		rig_await(r, 0, served + 1);
		await_sleep(q->tid);
		assert_int_equal(rig_take(r, 0), 1);
	}
	assert_int_equal(q->interrupts, before);
	assert_int_equal(sleeps, 0);
}

/* Chains that a medium takes its time for: they stay under way. */
static int begin(struct virtio_device *vdev, unsigned int n)
{
	struct iovec iov;
	struct virtq_chain chain = { .iov = &iov, .max_iov = 1 };
	struct queue_rig *q = &rig.queues[n];
	int ret = virtq_pop(&vdev->queues[n].q, &chain);

	if (ret <= 0)
		return ret;
	if (q->next % 4) {
		memset(iov.iov_base, STAMP, iov.iov_len);
		virtq_push(&vdev->queues[n].q, &chain, (u32)chain.in_len);
	}
	atomic_store(&q->tid, gettid());
	atomic_fetch_add(&q->served, 1);
	sem_post(&q->done);
	return 1;
}

static void what_is_under_way_is_not_waited_for(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];

	q->runner.attempt = attempt;
	q->runner.serve = begin;
	atomic_store(&sleeps, 0);
	rig_start(r);
	for (u32 i = 0; i < 2 * FIRST; i++) {
		atomic_fetch_add(&ns, INTERVAL);
		rig_want_interrupts(r, 0);
		rig_add_some(r, 0, 1);
		rig_kick(r, 0);
		rig_await(r, 0, i + 1);
		await_sleep(q->tid);
	}
	assert_int_not_equal(q->interrupts, 0);
	assert_int_equal(sleeps, 0);
}

/* The kernel's timers would have it wait for longer than a request takes. */
static void a_quick_guest(void **state)
{
	struct virtio_gather gather;

	(void)state;
	gather_init(&gather);
	assert_int_equal(gather_wait_ns(&gather, FIRST, 50000), 0);
	assert_int_equal(gather_wait_ns(&gather, 1, 2000000), 0);
	assert_int_equal(gather_wait_ns(&gather, 1, 100000), 150000);
	assert_true(gather.on);
	assert_int_equal(gather_wait_ns(&gather, 1, 10000), 0);
	assert_false(gather.on);
}

/* Each time in vain the next one comes after twice as many requests. */
static void less_and_less(void **state)
{
	struct virtio_gather gather;
	u32 tries = 0;

	(void)state;
	gather_init(&gather);
	for (u32 i = 0; i < 1000; i++) {
		if (!gather_wait_ns(&gather, 1, INTERVAL))
			continue;
		tries++;
		assert_int_equal(gather_wait_ns(&gather, 0, INTERVAL), 0);
	}
	assert_int_equal(tries, 6); /* 16 + 32 + 64 + 128 + 256 + 256 */
	/* Once it was not in vain the next request is one to wait after. */
	while (!gather_wait_ns(&gather, 1, INTERVAL))
		;
	for (u32 i = 0; i < 3; i++)
		assert_int_not_equal(gather_wait_ns(&gather, 1, INTERVAL), 0);
	assert_int_equal(gather_wait_ns(&gather, 0, INTERVAL), 0);
	assert_int_not_equal(gather_wait_ns(&gather, 1, INTERVAL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST_ALL(several_have_one_interrupt),
		RIG_TEST_ALL(there_is_an_end),
		RIG_TEST_ALL(in_vain),
		RIG_TEST_ALL(a_driver_that_polls),
		RIG_TEST_ALL(what_is_under_way_is_not_waited_for),
		cmocka_unit_test(most_of_what_is_left),
		cmocka_unit_test(a_quick_guest),
		cmocka_unit_test(less_and_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
