/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/runner.c virtio/device.c virtio/queue.c virtio/lone.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/runner_rig.c */
/* WRAP: pthread_create pthread_join eventfd clock_gettime nanosleep */
/*
 * vCPUs that do what is alone in a queue which has a thread. Time passes by
 * what do_one() and attempts let pass.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "runner_rig.h"
#include "thread_state.h"

#define STREAK	  64U
#define PERIOD	  256U
#define TRIES	  4U
#define BY_THREAD 1000 /* ns */
#define BY_VCPU	  100

static atomic_uint attempts, refused;
static atomic_long ns; /* of the clock */
/* Of the next attempts. */
static atomic_int error;
static atomic_uint takes_ns;
static atomic_bool blocks;
/* The thread that holds a request back, and what the guest does meanwhile. */
static atomic_uint holds;
static atomic_long held_ns;
static atomic_bool adds_meanwhile, vcpu_slept;

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
	atomic_fetch_add(&holds, 1);
	if (gettid() == getpid())
		atomic_store(&vcpu_slept, true);
	atomic_store(&held_ns, time->tv_nsec);
	if (atomic_exchange(&adds_meanwhile, false))
		rig_add_some(&rig, 0, 1);
	return 0;
}

/* As serve() of the rig, for a vCPU. */
static int attempt(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_queue *queue = &vdev->queues[n];
	struct iovec iov;
	struct virtq_chain chain = { .iov = &iov, .max_iov = 1 };
	int ret = virtq_pop(&queue->q, &chain);

	REQUIRE(!atomic_load(&rig.forbidden));
	if (ret <= 0)
		return ret;
	atomic_fetch_add(&attempts, 1);
	REQUIRE(queue->q.pending == 1);
	pthread_mutex_unlock(&queue->lock);
	if (atomic_load(&blocks))
		rig_block(&rig, n);
	atomic_fetch_add(&ns, atomic_load(&takes_ns));
	pthread_mutex_lock(&queue->lock);
	ret = atomic_load(&error);
	if (ret == -EAGAIN)
		virtq_unpop(&queue->q, &chain);
	if (ret) {
		atomic_fetch_add(&refused, 1);
		return ret;
	}
	memset(iov.iov_base, STAMP, iov.iov_len);
	virtq_push(&queue->q, &chain, (u32)chain.in_len);
	atomic_store(&rig.queues[n].tid, gettid());
	atomic_fetch_add(&rig.queues[n].served, 1);
	sem_post(&rig.queues[n].done);
	return 1;
}

/* The guest waits for each, and the thread sleeps again. */
static void do_one(struct runner_rig *r)
{
	struct queue_rig *q = &r->queues[0];
	u32 before = q->served;

	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 1);
	rig_kick(r, 0);
	rig_await(r, 0, before + 1);
	assert_int_equal(rig_take(r, 0), 1);
	if (q->tid != gettid())
		await_sleep(q->tid);
	atomic_fetch_add(&ns, q->tid == gettid() ? BY_VCPU : BY_THREAD);
}

static void do_some(struct runner_rig *r, u32 n)
{
	while (n--)
		do_one(r);
}

static struct runner_rig *create(void **state, enum notify_mode mode)
{
	struct runner_rig *r = rig_create(state, mode);

	r->queues[0].runner.attempt = attempt;
	atomic_store(&attempts, 0);
	atomic_store(&refused, 0);
	atomic_store(&error, 0);
	atomic_store(&takes_ns, 0);
	atomic_store(&blocks, false);
	atomic_store(&holds, 0);
	atomic_store(&vcpu_slept, false);
	atomic_store(&adds_meanwhile, false);
	return r;
}

/* Up to where the next request is a vCPU's. */
static void begin(struct runner_rig *r)
{
	rig_start(r);
	do_some(r, STREAK);
	assert_int_equal(attempts, 0);
}

static void vcpus_take_over(void **state)
{
	struct runner_rig *r = create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];
	u32 interrupts;

	rig_start(r);
	do_some(r, STREAK);
	assert_int_equal(q->forgotten, 1);
	assert_int_equal(q->fd, -1);
	assert_int_not_equal(q->tid, gettid());
	assert_int_equal(attempts, 0);
	interrupts = q->interrupts;
	do_some(r, PERIOD);
	assert_int_equal(attempts, PERIOD);
	assert_int_equal(q->tid, gettid());
	assert_int_equal(q->interrupts - interrupts, PERIOD);
	/* Then the thread holds one back again. */
	while (q->fd < 0)
		sched_yield();
	do_one(r);
	assert_int_not_equal(q->tid, gettid());
	assert_int_equal(q->notified, 2);
	do_one(r);
	assert_int_equal(q->tid, gettid());
	assert_int_equal(q->forgotten, 2);
	/* After a reset all begins anew. */
	rig_start(r);
	do_some(r, STREAK);
	assert_int_equal(q->notified, 3);
	assert_int_equal(attempts, PERIOD + 1);
	assert_int_equal(holds, 3);
}

/* A guest that has several under way, but the thread was quicker: it stays. */
static void the_guest_does_not_wait(void **state)
{
	struct runner_rig *r = create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];

	rig_start(r);
	do_some(r, STREAK - 1);
	assert_int_equal(holds, 0);
	atomic_store(&adds_meanwhile, true);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 1);
	rig_kick(r, 0);
	rig_await(r, 0, STREAK + 1);
	await_sleep(q->tid);
	assert_int_equal(holds, 1);
	assert_int_equal(held_ns, 8 * BY_THREAD);
	assert_int_equal(rig_take(r, 0), 2);
	/* It is twice as long until the next try. */
	do_some(r, 2 * STREAK - 1);
	assert_int_equal(holds, 1);
	do_one(r);
	assert_int_equal(holds, 2);
	assert_int_equal(attempts, 0);
	do_one(r);
	assert_int_equal(attempts, 1);
}

/* Firmware in lock-step, which its vCPU serves: that never sleeps. */
static void a_vcpu_holds_nothing_back(void **state)
{
	struct runner_rig *r = create(state, NOTIFY);

	rig_start(r);
	for (u32 i = 0; i < 2 * STREAK; i++) {
		rig_add_some(r, 0, 1);
		rig_kick(r, 0);
		rig_await(r, 0, i + 1);
		assert_int_equal(rig_take(r, 0), 1);
	}
	assert_false(vcpu_slept);
}

/* There are exits anyway. */
static void without_notifications_by_kvm(void **state)
{
	struct runner_rig *r = create(state, NOTIFY_NULL);

	begin(r);
	do_some(r, 10);
	assert_int_equal(attempts, 10);
}

static void slow_ones_go_back_to_the_thread(void **state)
{
	struct runner_rig *r = create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];

	begin(r);
	atomic_store(&takes_ns, BY_THREAD / 2 + 1);
	while (q->fd < 0) {
		do_one(r);
		sched_yield();
	}
	assert_in_range(attempts, 5, 20);
	assert_int_equal(q->notified, 2);
	do_one(r);
	assert_int_not_equal(q->tid, gettid());
}

/* The thread gets the chain that was taken, and none is lost. */
static void what_would_wait_is_left_to_the_thread(void **state)
{
	struct runner_rig *r = create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];

	begin(r);
	atomic_store(&error, -EAGAIN);
	do_one(r);
	assert_int_equal(refused, 1);
	assert_int_not_equal(q->tid, gettid());
	atomic_store(&error, 0);
	do_some(r, 10);
	assert_int_equal(attempts, 11);
	atomic_store(&error, -EAGAIN);
	while (q->fd < 0) {
		do_one(r);
		sched_yield();
	}
	assert_in_range(refused, 5, 20);
}

/* A vCPU does a few at most. */
static void many_are_left_to_the_thread(void **state)
{
	struct runner_rig *r = create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];
	u32 all, taken = 0;

	begin(r);
	all = q->served + 20;
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 20);
	rig_kick(r, 0);
	rig_await(r, 0, all);
	assert_int_equal(attempts, TRIES);
	assert_int_not_equal(q->tid, gettid());
	while (taken < 20)
		taken += rig_take(r, 0);
}

/* A vCPU keeps no other one waiting, and does what comes meanwhile. */
static void another_one_notifies(void **state)
{
	struct runner_rig *r = create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];
	pthread_t vcpu;
	u32 all;

	begin(r);
	all = q->served + 2;
	atomic_store(&blocks, true);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 1);
	vcpu_start(&vcpu, rig_kick_first, r);
	await(&r->begun);
	rig_add_some(r, 0, 1);
	virtio_kick(&r->vdev, 0);
	atomic_store(&blocks, false);
	sem_post(&r->may_end);
	rig_await(r, 0, all);
	vcpu_join(vcpu);
	assert_int_equal(attempts, 2);
	assert_int_equal(rig_take(r, 0), 2);
}

static void *end_when_it_sleeps(void *arg)
{
	pid_t tid = *(pid_t *)arg;

	await(&rig.begun);
	await_sleep(tid);
	atomic_store(&blocks, false);
	sem_post(&rig.may_end);
	return NULL;
}

static void a_reset_waits_for_the_vcpu(void **state)
{
	struct runner_rig *r = create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];
	pthread_t vcpu, other;
	pid_t tid = gettid();
	u32 before;

	begin(r);
	before = q->served;
	atomic_store(&blocks, true);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 3);
	vcpu_start(&other, end_when_it_sleeps, &tid);
	vcpu_start(&vcpu, rig_kick_first, r);
	while (!atomic_load(&attempts))
		sched_yield();
	rig_reset(r);
	rig_fill(r, 0x11);
	vcpu_join(vcpu);
	vcpu_join(other);
	assert_true(rig_is_filled(r, 0x11));
	assert_int_equal(q->served, before + 1);
	assert_int_equal(q->forgotten, 1);
	assert_int_equal(threads_created, threads_joined);
}

static void a_failure_breaks_the_queue(void **state)
{
	struct runner_rig *r = create(state, NOTIFY);

	begin(r);
	atomic_store(&error, -EINVAL);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 3);
	virtio_kick(&r->vdev, 0);
	virtio_kick(&r->vdev, 0);
	assert_true(rig_needs_reset(r));
	assert_int_equal(attempts, 1);
	assert_int_equal(rig_take(r, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST_ALL(vcpus_take_over),
		RIG_TEST_ALL(the_guest_does_not_wait),
		RIG_TEST_ALL(a_vcpu_holds_nothing_back),
		RIG_TEST_ALL(without_notifications_by_kvm),
		RIG_TEST_ALL(slow_ones_go_back_to_the_thread),
		RIG_TEST_ALL(what_would_wait_is_left_to_the_thread),
		RIG_TEST_ALL(many_are_left_to_the_thread),
		RIG_TEST_ALL(another_one_notifies),
		RIG_TEST_ALL(a_reset_waits_for_the_vcpu),
		RIG_TEST_ALL(a_failure_breaks_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
