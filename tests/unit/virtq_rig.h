/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver and a device on one virtqueue, with RAM for its rings and for data.
 * All is of one thread but where a test says otherwise.
 */
#ifndef TESTS_VIRTQ_RIG_H
#define TESTS_VIRTQ_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lkvm/virtio/queue.h"
#include "lkvm/vmm/gmem.h"
#include "virtq_driver.h"

#define MAX_SIZE 256U
#define MAX_BUFS VIRTQ_DRIVER_MAX_TABLE

#define RING_GPA  0x40000000ULL
#define DATA_GPA  0x80000000ULL
#define DATA_SIZE SZ_64K /* of each of two banks that touch */

struct variant {
	const char *name;
	u64 features;
};

#define PACKED	 VIRTQ_F_RING_PACKED
#define EVENT	 VIRTQ_F_EVENT_IDX
#define INDIRECT VIRTQ_F_INDIRECT_DESC

/* In the order of the chains that it holds. */
struct fifo {
	u32 cookies[MAX_SIZE];
	u32 first, nr;
};

enum state {
	FREE,
	AVAILABLE,
	HELD,
	USED
};

struct record {
	enum state state;
	struct virtq_buf bufs[MAX_BUFS];
	u32 nr, nr_out;
	u64 out_len, in_len;
	u32 counts; /* positions of the used ring, or slots of the packed one */
	u32 used_len;
	struct virtq_chain chain;
	struct iovec iov[MAX_BUFS];
};

/*
 * What the driver wants to be told, as the test has it: positions are counted
 * from the start and never wrap.
 */
struct wish {
	bool off;     /* by a flag */
	bool by_pos;  /* once `event` is passed, as far as the ring tells */
	u64 event;    /* its position, and again with each period */
	u64 distance; /* from what was taken then: so much may wait */
};

struct rig {
	u64 features;
	u32 size;
	u64 rng;
	u8 *ring, *shadow, *data[2];
	struct gmem mem;
	struct virtq_driver driver;
	struct virtq q;

	struct record records[MAX_SIZE];
	struct fifo available, used;
	u32 held[MAX_SIZE], nr_held;

	bool device_awake, driver_awake;
	bool kicks_off; /* the device has asked for none */
	bool decided;	/* it was asked once whether it interrupts */
	struct wish wish;
	u64 pushed, decided_at, taken; /* positions of used entries */
	u64 chains, kicks, interrupts;
	u64 chains_before, interrupts_before; /* a reset: counters go on */
};

u64 next_random(u64 *rng);

/* 0 to n - 1 */
u32 below(struct rig *r, u64 n);
bool one_in(struct rig *r, u32 n);

/* The queue is not enabled yet. */
void create(struct rig *r, u64 features, u32 size);
void enable_queue(struct rig *r);
void destroy(struct rig *r);

/* A lost wake-up of a thread, or one that hangs, fails by SIGALRM. */
int start_watch(void **state);
int end_watch(void **state);

#define TEST(f, title, bits)                                           \
	{                                                              \
		.name = #f ": " title, .test_func = (f),               \
		.setup_func = start_watch, .teardown_func = end_watch, \
		.initial_state = &(struct variant) { title, bits },    \
	}

#endif
