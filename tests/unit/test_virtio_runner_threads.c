/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/runner.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/runner_rig.c */
/* WRAP: pthread_create pthread_join eventfd */
/*
 * Several vCPUs notify the queues of a device all the time, while another uses
 * and resets it: a queue is served by one at a time, no chain is forgotten, and
 * nothing of the guest's is touched after a reset.
 */
#include <sched.h>
#include <string.h>

#include "runner_rig.h"

#define VCPUS  3U
#define ROUNDS 100U
#define NOISE  0x77

static atomic_bool over;

static u32 random_below(u32 n)
{
	static u64 rng = 12345;

	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (u32)(rng >> 33) % n;
}

/* As a guest may: for any queue, in whatever state it is. */
static void *vcpu(void *arg)
{
	struct runner_rig *r = arg;

	for (unsigned int i = 0; !atomic_load(&over); i++) {
		unsigned int queue = i % (QUEUES + 1);

		if (queue == QUEUES || i % 4 || !rig_write_fd(r, queue))
			virtio_kick(&r->vdev, queue);
		sched_yield();
	}
	return NULL;
}

/* All that was made available comes back. */
static void finish(struct runner_rig *r, unsigned int queue, u32 left)
{
	while (left) {
		u32 n = rig_take(r, queue);

		REQUIRE(n <= left);
		left -= n;
		if (!n)
			sched_yield();
	}
}

/* One that has asked for interrupts, polls, or changes its mind. */
static void change_mind(struct runner_rig *r, unsigned int queue)
{
	if (random_below(2))
		rig_want_interrupts(r, queue);
	else
		virtq_driver_disable_irq(&r->queues[queue].driver);
}

static void use(struct runner_rig *r, u32 steps)
{
	u32 in_flight[QUEUES] = { 0 };

	for (u32 i = 0; i < steps; i++) {
		unsigned int queue = random_below(QUEUES);

		if (!random_below(4))
			change_mind(r, queue);
		for (u32 n = random_below(5); n && rig_add(r, queue); n--)
			in_flight[queue]++;
		rig_kick(r, queue);
		in_flight[queue] -= rig_take(r, queue);
		if (i == steps / 2)
			rig_go(r);
	}
	for (unsigned int queue = 0; queue < QUEUES && steps % 3; queue++)
		finish(r, queue, in_flight[queue]);
}

/* It is another driver's by now. */
static void check_quiet(struct runner_rig *r)
{
	for (unsigned int i = 0; i < QUEUES; i++)
		REQUIRE(!atomic_load(&r->queues[i].inside));
	rig_fill(r, NOISE);
	for (u32 i = random_below(20); i; i--)
		sched_yield();
	REQUIRE(rig_is_filled(r, NOISE));
	REQUIRE(threads_created == threads_joined);
}

static void with_vcpus(struct runner_rig *r, bool try)
{
	pthread_t vcpus[VCPUS];

	atomic_store(&over, false);
	for (u32 i = 0; i < VCPUS; i++)
		vcpu_start(&vcpus[i], vcpu, r);
	for (u32 i = 0; i < ROUNDS; i++) {
		rig_prepare(r);
		if (try)
			rig_try(r);
		use(r, 1 + random_below(30));
		rig_reset(r);
		check_quiet(r);
	}
	atomic_store(&over, true);
	for (u32 i = 0; i < VCPUS; i++)
		vcpu_join(vcpus[i]);
	/* Both ways of serving were there. */
	assert_true(threads_created > 0);
	assert_true(r->queues[0].served > ROUNDS);
}

static void vcpus_and_resets(void **state)
{
	with_vcpus(rig_create(state, NOTIFY), false);
}

/* Those that try what is alone, when the queue has a thread. */
static void vcpus_that_try(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	with_vcpus(r, true);
	assert_true(r->queues[0].tried > 0);
}

/* Notified when the device has asked for it, and by nobody else. */
static void no_wake_up_is_lost(void **state)
{
	struct runner_rig *r = rig_create(state, NOTIFY);

	for (u32 i = 0; i < 2 * ROUNDS; i++) {
		rig_prepare(r);
		if (i % 2)
			rig_try(r);
		use(r, 1 + random_below(30));
		rig_reset(r);
		check_quiet(r);
	}
	assert_true(threads_created > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST_ALL(vcpus_and_resets),
		RIG_TEST_ALL(vcpus_that_try),
		RIG_TEST_ALL(no_wake_up_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
