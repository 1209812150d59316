/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/runner.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/runner_rig.c */
/* WRAP: pthread_create pthread_join eventfd */
/*
 * Drivers that wait in lock-step whatever they say of interrupts, and whose
 * requests may wait for somebody outside of lkvm.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "lkvm/vmm/thread.h"
#include "runner_rig.h"

static int fds[2]; /* a pipe that nobody writes to */
static atomic_bool over;
static sem_t inside;

static struct runner_rig *create(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	for (unsigned int i = 0; i < QUEUES; i++)
		r->queues[i].runner.lock_step = true;
	return r;
}

static void served_by_the_vcpu(void **state)
{
	struct runner_rig *r = create(state);

	rig_start(r);
	rig_want_interrupts(r, 0);
	for (u32 i = 1; i <= 5; i++) {
		rig_add_some(r, 0, 1);
		virtio_kick(&r->vdev, 0);
		assert_int_equal(rig_take(r, 0), 1);
		assert_int_equal(r->queues[0].tid, gettid());
		rig_want_interrupts(r, 0);
	}
	assert_int_equal(r->queues[0].interrupts, 5);
	assert_int_equal(threads_created, 0);
	assert_int_equal(r->queues[0].notified, 0);
}

/* But no vCPU waits for who may be slow. */
static void served_by_its_own_thread(void **state)
{
	struct runner_rig *r = create(state);

	r->queues[0].runner.own_thread = true;
	rig_start(r);
	assert_int_equal(threads_created, 0);
	for (u32 i = 1; i <= 5; i++) {
		rig_add_some(r, 0, 1);
		rig_kick(r, 0);
		rig_await(r, 0, i);
		assert_int_equal(rig_take(r, 0), 1);
		assert_int_not_equal(r->queues[0].tid, gettid());
	}
	assert_int_equal(threads_created, 1);
	rig_reset(r);
	assert_int_equal(threads_joined, 1);
}

static void handle(int sig)
{
	(void)sig;
}

/* On the vCPU one more each time, on a thread one that waits for the pipe. */
static int wait_for_pipe(struct runner_rig *r, unsigned int queue)
{
	char c;

	if (r->more) {
		r->more--;
		r->taken += rig_take(r, queue);
		rig_add_some(r, queue, 1);
		return 0;
	}
	sem_post(&inside);
	while (!atomic_load(&over))
		REQUIRE(read(fds[0], &c, 1) < 0 && errno == EINTR);
	return 0;
}

/* The run has ended, and the thread does not know: the reset tells it. */
static void reset_interrupts(void **state)
{
	const struct sigaction action = { .sa_handler = handle };
	struct runner_rig *r = create(state);

	sigaction(THREAD_INTERRUPT, &action, NULL);
	assert_int_equal(pipe(fds), 0);
	sem_init(&inside, 0, 0);
	atomic_store(&over, false);
	r->work = wait_for_pipe;
	rig_start(r);
	r->more = ENTRIES;
	rig_add_some(r, 0, 1);
	virtio_kick(&r->vdev, 0);
	await(&inside);
	assert_int_equal(threads_created, 1);
	assert_int_not_equal(r->queues[0].tid, gettid());
	atomic_store(&over, true);
	rig_reset(r);
	assert_int_equal(threads_joined, 1);
	assert_false(atomic_load(&r->queues[0].inside));
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST_ALL(served_by_the_vcpu),
		RIG_TEST_ALL(served_by_its_own_thread),
		RIG_TEST_ALL(reset_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
