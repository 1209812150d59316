/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/runner.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/runner_rig.c */
/* WRAP: pthread_create pthread_join eventfd */
/* Who serves a queue, when, and how often the driver is told. */
#include <errno.h>
#include <unistd.h>

#include "runner_rig.h"

#define BATCH 16U

static bool by_this_thread(struct runner_rig *r, unsigned int queue)
{
	return atomic_load(&r->queues[queue].tid) == gettid();
}

/* ---- By the vCPU --------------------------------------------------------- */

static void polled(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	rig_start(r);
	for (u32 i = 1; i < 20; i++) {
		unsigned int queue = i % QUEUES;
		u32 calls = r->queues[queue].calls;

		rig_add_some(r, queue, i);
		assert_true(virtq_driver_needs_kick(&r->queues[queue].driver));
		virtio_kick(&r->vdev, queue);
		assert_int_equal(rig_take(r, queue), i);
		assert_true(by_this_thread(r, queue));
		/* Once more finds that it is empty. */
		assert_int_equal(r->queues[queue].calls, calls + i + 1);
	}
	for (unsigned int queue = 0; queue < QUEUES; queue++) {
		assert_int_equal(r->queues[queue].interrupts, 0);
		assert_int_equal(r->queues[queue].notified, 0);
	}
	assert_int_equal(threads_created, 0);
}

/* What was made available before DRIVER_OK. */
static void polled_at_start(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	rig_prepare(r);
	rig_add_some(r, 1, 3);
	virtio_kick(&r->vdev, 1);
	assert_int_equal(r->queues[1].calls, 0);
	rig_go(r);
	assert_int_equal(rig_take(r, 1), 3);
	assert_int_equal(threads_created, 0);
}

/* The driver may not have said yet how it waits. */
static void empty_at_start(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	rig_prepare(r);
	rig_want_interrupts(r, 0);
	rig_go(r);
	virtio_kick(&r->vdev, 0);
	assert_int_equal(threads_created, 0);
	assert_int_equal(r->queues[0].calls, 0);
	assert_int_equal(r->queues[0].notified, 0);
	virtq_driver_disable_irq(&r->queues[0].driver);
	rig_add_some(r, 0, 1);
	rig_kick(r, 0);
	if (r->features == VIRTQ_F_EVENT_IDX) {
		/* Without a flag it cannot say that it polls. */
		rig_await(r, 0, 1);
		assert_int_equal(threads_created, 1);
	} else {
		assert_int_equal(rig_take(r, 0), 1);
		assert_int_equal(threads_created, 0);
	}
}

/* On the thread that serves, while nobody else uses the driver. */
static int add_another(struct runner_rig *r, unsigned int queue)
{
	r->taken += rig_take(r, queue);
	if (r->more) {
		r->more--;
		rig_add_some(r, queue, 1);
	}
	return 0;
}

/*
 * A driver that adds one for each that is served, which another vCPU could do:
 * this one leaves, and a thread has the rest.
 */
static void vcpu_is_not_kept(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];

	r->work = add_another;
	r->more = ENTRIES - 1;
	rig_start(r);
	rig_add_some(r, 0, 1);
	pthread_mutex_lock(&r->vdev.queues[0].lock);
	/* The thread has to wait for the lock: what was done is this one's. */
	r->vdev.ops->kick(&r->vdev, 0);
	assert_int_equal(q->served, ENTRIES);
	assert_true(by_this_thread(r, 0));
	assert_int_equal(threads_created, 1);
	assert_int_equal(r->taken + rig_take(r, 0), ENTRIES);
	/* It is the thread's now, however many they are. */
	r->taken = 0;
	r->more = 5 * ENTRIES - 1;
	rig_add_some(r, 0, 1);
	pthread_mutex_unlock(&r->vdev.queues[0].lock);
	rig_await(r, 0, 6 * ENTRIES);
	assert_int_equal(r->taken + rig_take(r, 0), 5 * ENTRIES);
	assert_false(by_this_thread(r, 0));
	assert_int_equal(threads_created, 1);
	assert_int_equal(q->notified, 1);
}

/* ---- By a thread --------------------------------------------------------- */

static void thread_for_interrupts(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);
	struct queue_rig *q = &r->queues[1];
	u32 n = 0;

	rig_prepare(r);
	rig_want_interrupts(r, 1);
	rig_add_some(r, 1, 1);
	virtq_driver_needs_kick(&q->driver);
	rig_go(r);
	assert_int_equal(threads_created, 1);
	assert_int_equal(q->notified, 1);
	assert_int_equal(r->queues[0].notified, 0);
	assert_int_equal(q->fd, q->runner.thread.fd);
	for (u32 i = 1; i < 10; i++) {
		n += i;
		rig_await(r, 1, n);
		assert_false(by_this_thread(r, 1));
		rig_take(r, 1);
		rig_add_some(r, 1, i + 1);
		assert_true(rig_write_fd(r, 1));
	}
	rig_await(r, 1, n + 10);
	assert_int_equal(threads_created, 1);
	assert_int_equal(q->notified, 1);
	assert_string_equal(q->thread, "a-long-nam/1");
	assert_int_equal(r->queues[0].calls, 0);
}

static void kicks_reach_the_thread(struct runner_rig *r, u32 notified)
{
	struct queue_rig *q = &r->queues[0];

	rig_start(r);
	rig_want_interrupts(r, 0);
	for (u32 i = 1; i < 10; i++) {
		rig_add_some(r, 0, 1);
		virtio_kick(&r->vdev, 0);
		rig_await(r, 0, i);
		assert_false(by_this_thread(r, 0));
		assert_int_equal(rig_take(r, 0), 1);
	}
	assert_int_equal(threads_created, 1);
	assert_int_equal(q->notified, notified);
	rig_reset(r);
	assert_int_equal(threads_joined, 1);
	assert_int_equal(q->forgotten, 0);
}

static void transport_that_fails_to_notify(void **state)
{
	kicks_reach_the_thread(rig_create(state, NOTIFY_FAILS), 1);
}

static void transport_that_cannot_notify(void **state)
{
	kicks_reach_the_thread(rig_create(state, NOTIFY_NULL), 0);
}

/* By a write that KVM does not recognise. */
static void kick_beside_kvm(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	rig_start(r);
	rig_want_interrupts(r, 0);
	for (u32 i = 1; i < 5; i++) {
		rig_add_some(r, 0, 1);
		virtio_kick(&r->vdev, 0);
		rig_await(r, 0, i);
		assert_false(by_this_thread(r, 0));
	}
	assert_int_equal(threads_created, 1);
	assert_int_equal(r->queues[0].notified, 1);
}

/* Once there is a thread it remains, also if the driver polls again. */
static void thread_stays(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY_NULL);

	rig_start(r);
	rig_want_interrupts(r, 0);
	for (u32 i = 1; i < 4; i++) {
		rig_add_some(r, 0, 1);
		virtio_kick(&r->vdev, 0);
		rig_await(r, 0, i);
		assert_false(by_this_thread(r, 0));
		virtq_driver_disable_irq(&r->queues[0].driver);
	}
	assert_int_equal(threads_created, 1);
}

/* The vCPU does it all, whatever the driver wants. */
static void no_thread(struct runner_rig *r)
{
	struct queue_rig *q = &r->queues[0];

	rig_start(r);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 3);
	virtio_kick(&r->vdev, 0);
	assert_int_equal(rig_take(r, 0), 3);
	assert_true(by_this_thread(r, 0));
	assert_int_equal(q->interrupts, 1);
	assert_int_equal(q->notified, 0);
	/* More than a vCPU would do otherwise. */
	virtq_driver_disable_irq(&q->driver);
	r->work = add_another;
	r->more = 3 * ENTRIES - 1;
	rig_add_some(r, 0, 1);
	virtio_kick(&r->vdev, 0);
	assert_int_equal(r->taken + rig_take(r, 0), 3 * ENTRIES);
	/* It may succeed some time. */
	atomic_store(&create_error, 0);
	atomic_store(&eventfd_error, 0);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 1);
	virtio_kick(&r->vdev, 0);
	rig_await(r, 0, 3 + 3 * ENTRIES + 1);
	assert_false(by_this_thread(r, 0));
	assert_int_equal(threads_created, 1);
}

static void thread_cannot_be_created(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	atomic_store(&create_error, EAGAIN);
	no_thread(r);
}

static void descriptor_cannot_be_created(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	atomic_store(&eventfd_error, EMFILE);
	no_thread(r);
}

/* ---- Nothing is forgotten ------------------------------------------------ */

static int count_kicks(struct runner_rig *r, unsigned int queue)
{
	rig_add_some(r, queue, r->more > 0);
	r->more -= r->more > 0;
	REQUIRE(!virtq_driver_needs_kick(&r->queues[queue].driver));
	return 0;
}

/* While it is busy the driver need not notify it, and then it has to again. */
static void no_kicks_while_busy(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY_NULL);
	struct queue_rig *q = &r->queues[0];

	atomic_store(&create_error, EAGAIN);
	r->work = count_kicks;
	rig_start(r);
	for (u32 i = 1; i < 30; i++) {
		r->more = i;
		rig_add_some(r, 0, 1);
		assert_true(virtq_driver_needs_kick(&q->driver));
		virtio_kick(&r->vdev, 0);
		assert_int_equal(rig_take(r, 0), i + 1);
	}
}

static void add_at_end(struct runner_rig *r, unsigned int queue)
{
	if (!r->more)
		return;
	r->more--;
	rig_add_some(r, queue, 1);
	/* The driver was not asked to notify for it. */
	REQUIRE(!virtq_driver_needs_kick(&r->queues[queue].driver));
}

/* After the queue was found empty, before the driver is asked to notify. */
static void added_at_the_last_moment(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY_NULL);

	atomic_store(&create_error, EAGAIN);
	r->at_end = add_at_end;
	rig_start(r);
	r->more = 5;
	rig_add_some(r, 0, 1);
	rig_kick(r, 0);
	assert_int_equal(rig_take(r, 0), 6);
}

/* Another vCPU notifies a queue that one is serving: that one does it. */
static void kick_while_a_vcpu_serves(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);
	pthread_t vcpu;

	r->work = rig_block;
	rig_start(r);
	rig_add_some(r, 0, 1);
	vcpu_start(&vcpu, rig_kick_first, r);
	await(&r->begun);
	rig_add_some(r, 0, 1);
	virtio_kick(&r->vdev, 0);
	assert_int_equal(r->queues[0].served, 0);
	sem_post(&r->may_end);
	sem_post(&r->may_end);
	vcpu_join(vcpu);
	assert_int_equal(rig_take(r, 0), 2);
	assert_int_equal(threads_created, 0);
}

/* The same of a thread, which may take long: nobody waits for it. */
static void kick_while_the_thread_serves(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];
	pthread_t vcpu;

	rig_start(r);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 1);
	rig_kick(r, 0);
	rig_await(r, 0, 1);
	rig_take(r, 0);
	r->work = rig_block;
	rig_add_some(r, 0, 2);
	assert_true(rig_write_fd(r, 0));
	await(&r->begun);
	vcpu_start(&vcpu, rig_kick_first, r);
	vcpu_join(vcpu);
	assert_int_equal(q->served, 1);
	assert_true(rig_write_fd(r, 0));
	sem_post(&r->may_end);
	sem_post(&r->may_end);
	rig_await(r, 0, 3);
	assert_int_equal(rig_take(r, 0), 2);
}

/* ---- Interrupts ---------------------------------------------------------- */

static int check_interrupts(struct runner_rig *r, unsigned int queue)
{
	struct queue_rig *q = &r->queues[queue];

	REQUIRE(q->interrupts == q->served / BATCH);
	return 0;
}

/* One when all is done, and one for each 16 while it is not. */
static void one_interrupt_for_a_batch(void **state)
{
	static const u32 chains[] = { 1, 5, 15, 16, 17, 32, 40, 64 };
	static const u32 interrupts[] = { 1, 1, 1, 1, 2, 2, 3, 4 };

	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		struct runner_rig *r = rig_create(state, NOTIFY);

		r->work = check_interrupts;
		rig_prepare(r);
		rig_want_interrupts(r, 0);
		rig_add_some(r, 0, chains[i]);
		rig_go(r);
		rig_await(r, 0, chains[i]);
		rig_reset(r);
		assert_int_equal(r->queues[0].interrupts, interrupts[i]);
		assert_int_equal(r->queues[1].interrupts, 0);
		rig_teardown(state);
		rig_setup(state);
	}
	rig_create(state, NOTIFY);
}

/* None for a queue that was notified for nothing. */
static void no_interrupt_for_nothing(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);
	struct queue_rig *q = &r->queues[0];

	rig_start(r);
	rig_want_interrupts(r, 0);
	rig_add_some(r, 0, 1);
	rig_kick(r, 0);
	rig_await(r, 0, 1);
	for (u32 i = 0; i < 20; i++)
		assert_true(rig_write_fd(r, 0));
	rig_reset(r);
	assert_int_equal(q->interrupts, 1);
	assert_int_equal(q->served, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST_POLLED(polled),
		RIG_TEST_POLLED(polled_at_start),
		RIG_TEST_ALL(empty_at_start),
		RIG_TEST_POLLED(vcpu_is_not_kept),
		RIG_TEST_ALL(thread_for_interrupts),
		RIG_TEST_ALL(transport_that_fails_to_notify),
		RIG_TEST_ALL(transport_that_cannot_notify),
		RIG_TEST_ALL(kick_beside_kvm),
		RIG_TEST_ALL(thread_stays),
		RIG_TEST_ALL(thread_cannot_be_created),
		RIG_TEST_ALL(descriptor_cannot_be_created),
		RIG_TEST_ALL(no_kicks_while_busy),
		RIG_TEST_ALL(added_at_the_last_moment),
		RIG_TEST_POLLED(kick_while_a_vcpu_serves),
		RIG_TEST_ALL(kick_while_the_thread_serves),
		RIG_TEST(one_interrupt_for_a_batch, "split", 0),
		RIG_TEST(one_interrupt_for_a_batch, "packed",
			 VIRTQ_F_RING_PACKED),
		RIG_TEST_ALL(no_interrupt_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
