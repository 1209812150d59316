/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/runner.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/runner_rig.c */
/* WRAP: pthread_create pthread_join eventfd */
/* How it ends: queues that fail or are broken, and resets. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "runner_rig.h"
#include "thread_state.h"

/* ---- Errors -------------------------------------------------------------- */

static int give_up(struct runner_rig *r, unsigned int queue)
{
	(void)r;
	(void)queue;
	return -EIO;
}

/* The driver has to be told, but once. */
static void check_broken(struct runner_rig *r)
{
	assert_true(rig_needs_reset(r));
	assert_int_equal(r->config_interrupts, 1);
	assert_int_equal(r->queues[0].served, 0);
	assert_int_equal(r->queues[1].calls, 0);
}

static void failure_on_the_vcpu(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	r->work = give_up;
	rig_start(r);
	rig_add_some(r, 0, 3);
	rig_add_some(r, 1, 3);
	virtio_kick(&r->vdev, 0);
	virtio_kick(&r->vdev, 0);
	virtio_kick(&r->vdev, 1);
	check_broken(r);
	assert_int_equal(r->queues[0].calls, 1);
	assert_int_equal(threads_created, 0);
	/* A new driver need not know. */
	r->work = NULL;
	rig_start(r);
	assert_false(rig_needs_reset(r));
	rig_add_some(r, 0, 2);
	rig_kick(r, 0);
	assert_int_equal(rig_take(r, 0), 2);
}

/* Notifications that KVM hands to the thread do not make it go on. */
static void failure_on_the_thread(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	r->work = give_up;
	rig_prepare(r);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 3);
	rig_go(r);
	while (!rig_needs_reset(r))
		sched_yield();
	await_sleep(atomic_load(&r->queues[0].tid));
	rig_fill(r, 0x33);
	for (u32 i = 0; i < 20; i++)
		assert_true(rig_write_fd(r, 0));
	await_sleep(atomic_load(&r->queues[0].tid));
	assert_true(rig_is_filled(r, 0x33));
	check_broken(r);
	rig_reset(r);
	assert_int_equal(r->queues[0].calls, 1);
}

/* What a thread of another queue has under way is ended, and nothing else. */
static void failure_of_another_queue(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	r->work = rig_block;
	rig_start(r);
	rig_want_interrupts(r, 1);
	rig_add_some(r, 1, 3);
	rig_kick(r, 1);
	await(&r->begun);
	virtio_needs_reset(&r->vdev, "a test");
	sem_post(&r->may_end);
	rig_await(r, 1, 1);
	await_sleep(atomic_load(&r->queues[1].tid));
	assert_true(rig_write_fd(r, 1));
	rig_reset(r);
	assert_int_equal(r->queues[1].served, 1);
}

static void broken_queue(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);
	struct gmem empty = { .nr_regions = 0 };

	rig_start(r);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 3);
	r->vdev.queues[0].q.mem = &empty;
	rig_kick(r, 0);
	while (!rig_needs_reset(r))
		sched_yield();
	r->vdev.queues[0].q.mem = &r->mem;
	assert_true(rig_write_fd(r, 0));
	rig_reset(r);
	assert_int_equal(r->config_interrupts, 1);
	assert_int_equal(r->queues[0].served, 0);
	assert_true(r->queues[0].calls <= 2);
	rig_start(r);
	rig_add_some(r, 0, 1);
	rig_kick(r, 0);
	assert_int_equal(rig_take(r, 0), 1);
}

/* ---- Its end ------------------------------------------------------------- */

/* `work` goes on when this thread sleeps, which it does in the reset. */
static pid_t resetting;

static int block_until_reset(struct runner_rig *r, unsigned int queue)
{
	rig_block(r, queue);
	await_sleep(resetting);
	return 0;
}

static void check_stopped(struct runner_rig *r)
{
	struct queue_rig *q = &r->queues[0];

	assert_false(q->inside);
	assert_int_equal(q->served, 1);
	assert_int_equal(q->calls, 1);
	virtio_kick(&r->vdev, 0);
	assert_int_equal(q->calls, 1);
}

static void stop_waits_for_the_thread(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];
	int fd;

	resetting = gettid();
	r->work = block_until_reset;
	rig_start(r);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 4);
	rig_kick(r, 0);
	await(&r->begun);
	fd = q->fd;
	assert_true(rig_write_fd(r, 0));
	sem_post(&r->may_end);
	rig_reset(r);
	check_stopped(r);
	assert_int_equal(q->forgotten, 1);
	assert_int_equal(threads_joined, 1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	/* Once is enough. */
	rig_reset(r);
	assert_int_equal(q->forgotten, 1);
	assert_int_equal(threads_joined, 1);
}

static void stop_waits_for_a_vcpu(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);
	pthread_t vcpu;

	resetting = gettid();
	r->work = block_until_reset;
	rig_start(r);
	rig_add_some(r, 0, ENTRIES);
	vcpu_start(&vcpu, rig_kick_first, r);
	await(&r->begun);
	sem_post(&r->may_end);
	rig_reset(r);
	check_stopped(r);
	vcpu_join(vcpu);
	check_stopped(r);
	/* There was more, but nobody to start a thread for. */
	assert_int_equal(threads_created, 0);
}

static int nothing_until_reset(struct runner_rig *r, unsigned int queue)
{
	block_until_reset(r, queue);
	return 1;
}

/* A model that cannot go on just now, when there is more. */
static void stop_with_nothing_to_do(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	resetting = gettid();
	r->work = nothing_until_reset;
	rig_start(r);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 3);
	rig_kick(r, 0);
	await(&r->begun);
	sem_post(&r->may_end);
	rig_reset(r);
	assert_int_equal(r->queues[0].calls, 1);
	assert_int_equal(threads_joined, 1);
}

static void start_again(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];

	for (u32 i = 0; i < 10; i++) {
		u32 before = q->served;

		rig_start(r);
		rig_add_some(r, 0, 2);
		rig_kick(r, 0);
		assert_int_equal(rig_take(r, 0), 2);
		rig_want_interrupts(r, 0);
		rig_add_some(r, 0, 3);
		rig_kick(r, 0);
		rig_await(r, 0, before + 5);
		assert_int_equal(q->notified, i + 1);
		assert_int_equal(threads_created, i + 1);
		rig_reset(r);
		assert_int_equal(q->forgotten, i + 1);
		assert_int_equal(threads_joined, i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST_POLLED(failure_on_the_vcpu),
		RIG_TEST_ALL(failure_on_the_thread),
		RIG_TEST_ALL(failure_of_another_queue),
		RIG_TEST_POLLED(broken_queue),
		RIG_TEST_ALL(stop_waits_for_the_thread),
		RIG_TEST_POLLED(stop_waits_for_a_vcpu),
		RIG_TEST_ALL(stop_with_nothing_to_do),
		RIG_TEST_POLLED(start_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
