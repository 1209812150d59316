/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device of two queues whose model does nothing but run them: it writes a
 * stamp into each chain's buffer. Its driver, and a transport that does what
 * KVM would if it is told to notify.
 */
#ifndef TESTS_RUNNER_RIG_H
#define TESTS_RUNNER_RIG_H

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lkvm/virtio/runner.h"
#include "lkvm/vmm/gmem.h"
#include "virtq_driver.h"

#define QUEUES	2U
#define ENTRIES 64U
#define BUFFER	8U /* bytes of a chain */
#define STAMP	0x5a

/* In any thread, which cmocka's assertions are not for. */
#define REQUIRE(condition)                                                 \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#condition);                               \
			abort();                                           \
		}                                                          \
	} while (0)

enum notify_mode {
	NOTIFY,
	NOTIFY_FAILS,
	NOTIFY_NULL,
};

struct queue_rig {
	struct virtio_runner runner;
	struct virtq_driver driver;
	u32 next; /* cookie */
	/* Of the model. */
	atomic_uint calls, served; /* of serve(), chains */
	atomic_uint tried;	   /* chains, by the model of rig_try() */
	atomic_bool inside;
	atomic_int tid; /* of who served last */
	sem_t done;	/* a chain was pushed */
	char thread[16];
	/* Of the transport. */
	atomic_uint interrupts, notified, forgotten;
	atomic_int fd; /* that KVM would write to, or -1 */
};

struct runner_rig {
	u64 features;
	struct gmem mem;
	u8 *rings, *data;
	struct virtio_device vdev;
	struct queue_rig queues[QUEUES];
	atomic_uint config_interrupts;
	atomic_bool forbidden; /* to serve */
	/*
	 * Called by serve() for each chain, without the lock, and before it
	 * returns 0, with it. If its result is not 0 the chain is not returned,
	 * and serve() has an error, or nothing to do now if it is positive.
	 */
	int (*work)(struct runner_rig *r, unsigned int queue);
	void (*at_end)(struct runner_rig *r, unsigned int queue);
	/* For these. */
	u32 more, taken;
	sem_t begun, may_end;
};

extern struct runner_rig rig;

/* Threads that were created and joined, and errors to fail with, or 0. */
extern atomic_uint threads_created, threads_joined;
extern atomic_int create_error, eventfd_error;

struct runner_rig *rig_create(void **state, enum notify_mode mode);

/* Sets both queues up, polled; rig_go() is DRIVER_OK. */
void rig_prepare(struct runner_rig *r);
void rig_go(struct runner_rig *r);
void rig_start(struct runner_rig *r);
void rig_reset(struct runner_rig *r);

/* Chains of one buffer each, without a notification. False: no room. */
bool rig_add(struct runner_rig *r, unsigned int queue);
void rig_add_some(struct runner_rig *r, unsigned int queue, u32 n);

/* A notification, if the device wants one: where KVM has it to be. */
void rig_kick(struct runner_rig *r, unsigned int queue);
/* What KVM does. False: it was not told to. */
bool rig_write_fd(struct runner_rig *r, unsigned int queue);

/* What has come back; each with the stamp. */
u32 rig_take(struct runner_rig *r, unsigned int queue);
/* Waits for n chains in all, of those served since the rig was created. */
void rig_await(struct runner_rig *r, unsigned int queue, u32 n);
void rig_want_interrupts(struct runner_rig *r, unsigned int queue);
bool rig_needs_reset(struct runner_rig *r);

/* Before rig_go(): vCPUs try to do chains, until too many were not alone. */
void rig_try(struct runner_rig *r);

/* All RAM, while the device is reset. */
void rig_fill(struct runner_rig *r, u8 byte);
bool rig_is_filled(struct runner_rig *r, u8 byte);

/* `work` that posts `begun` and waits for `may_end`. */
int rig_block(struct runner_rig *r, unsigned int queue);

/* A thread's, with the rig: virtio_kick() of queue 0. */
void *rig_kick_first(void *arg);

void await(sem_t *bell);

/* Threads of the test, which are not counted. */
void vcpu_start(pthread_t *thread, void *(*run)(void *), void *arg);
void vcpu_join(pthread_t thread);

int rig_setup(void **state);
int rig_teardown(void **state);

struct runner_variant {
	u64 features;
};

#define RIG_TEST(f, title, bits)                                        \
	{                                                               \
		.name = #f ": " title, .test_func = (f),                \
		.setup_func = rig_setup, .teardown_func = rig_teardown, \
		.initial_state = &(struct runner_variant) { (bits) },   \
	}

/* Rings whose driver can ask for no interrupts. */
#define RIG_TEST_POLLED(f)                                                   \
	RIG_TEST(f, "split", 0), RIG_TEST(f, "packed", VIRTQ_F_RING_PACKED), \
		RIG_TEST(f, "packed, event index",                           \
			 VIRTQ_F_RING_PACKED | VIRTQ_F_EVENT_IDX)

#define RIG_TEST_ALL(f) \
	RIG_TEST_POLLED(f), RIG_TEST(f, "split, event index", VIRTQ_F_EVENT_IDX)

#endif
