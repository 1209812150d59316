/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/queue.c virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c vmm/gmem.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/virtq_rig.c */
/*
 * Driver and device as two threads on one virtqueue: no chain is lost, none
 * comes back twice, and no wake-up is missed.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtq_rig.h"

#define STRESS_CHAINS 180000U
#define STRESS_BYTES  32U /* of data: half to the device, half from it */
#define STRESS_BATCH  16U
#define STRESS_SPINS  100U

struct stress {
	struct rig rig;
	sem_t kick, irq;
	atomic_bool stop;
	u64 goal;
	u64 sent, returned, interrupts, kicks;
	u64 seqs[MAX_SIZE]; /* of a cookie that is in flight, or 0 */
	/* The device's. */
	u64 device_rng;
	struct virtq_chain chains[STRESS_BATCH];
	struct iovec iovs[STRESS_BATCH][MAX_BUFS];
	u32 nr_held;
};

/* In any thread, which cmocka's assertions are not for. */
#define REQUIRE(condition)                                                 \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#condition);                               \
			abort();                                           \
		}                                                          \
	} while (0)

/* The other one often is about to come: then both are at the queue at once. */
static void await(sem_t *bell)
{
	for (u32 i = 0; i < STRESS_SPINS; i++)
		if (!sem_trywait(bell))
			return;
	while (sem_wait(bell))
		REQUIRE(errno == EINTR);
}

/* What the device answers. */
static u64 answer(u64 seq)
{
	return ~seq * 0x9e3779b97f4a7c15ULL;
}

/* Writes what was read into the second half, each in one or two pieces. */
static u32 stress_work(struct virtq_chain *chain)
{
	u8 *in = chain->iov[chain->nr_out].iov_base;
	u64 seq, size = 0;
	u8 buf[sizeof(seq)];

	REQUIRE(chain->out_len == sizeof(seq) && chain->nr_in == 1);
	for (u32 i = 0; i < chain->nr_out; i++) {
		memcpy(buf + size, chain->iov[i].iov_base,
		       chain->iov[i].iov_len);
		size += chain->iov[i].iov_len;
	}
	memcpy(&seq, buf, sizeof(seq));
	seq = answer(seq);
	memcpy(in, &seq, sizeof(seq));
	return sizeof(seq);
}

/* In an order that is not that of their coming. */
static void stress_push(struct stress *s)
{
	struct virtq *q = &s->rig.q;

	if (!s->nr_held)
		return;
	for (u32 n = s->nr_held, i = next_random(&s->device_rng) % n; n; n--) {
		struct virtq_chain *chain = &s->chains[i];

		virtq_push(q, chain, stress_work(chain));
		i = (i + 1) % s->nr_held;
	}
	s->nr_held = 0;
	if (virtq_wants_interrupt(q)) {
		s->interrupts++;
		sem_post(&s->irq);
	}
}

/* Up to a random number; false if there was none. */
static bool stress_pop(struct stress *s)
{
	u32 n = 1 + next_random(&s->device_rng) % STRESS_BATCH;

	while (s->nr_held < n) {
		struct virtq_chain *chain = &s->chains[s->nr_held];
		int ret;

		chain->iov = s->iovs[s->nr_held];
		chain->max_iov = MAX_BUFS;
		ret = virtq_pop(&s->rig.q, chain);
		REQUIRE(ret >= 0);
		if (!ret)
			break;
		s->nr_held++;
	}
	return s->nr_held;
}

static void *stress_device(void *arg)
{
	struct stress *s = arg;

	for (;;) {
		virtq_disable_kicks(&s->rig.q);
		while (stress_pop(s))
			stress_push(s);
		if (virtq_enable_kicks(&s->rig.q))
			continue;
		if (atomic_load(&s->stop))
			return NULL;
		await(&s->kick);
	}
}

/* Its data is at a place of the cookie's own. */
static bool stress_add_one(struct stress *s, u32 cookie)
{
	struct rig *r = &s->rig;
	u64 gpa = DATA_GPA + cookie * STRESS_BYTES, seq = s->sent + 1;
	u32 cut = one_in(r, 2) ? 1 + below(r, 7) : 8;
	u32 nr_out = 1 + (cut < 8), nr = nr_out + 1;
	bool table = (r->features & INDIRECT) && one_in(r, 2);
	struct virtq_buf bufs[3] = { { gpa, cut, false } };

	if (cut < 8)
		bufs[1] = (struct virtq_buf) { gpa + cut, 8 - cut, false };
	bufs[nr_out] = (struct virtq_buf) { gpa + 16, 16, true };
	memcpy(r->data[0] + cookie * STRESS_BYTES, &seq, sizeof(seq));
	if (virtq_driver_add(&r->driver, bufs, nr, table ? 0 : nr, cookie))
		return false;
	s->seqs[cookie] = seq;
	s->sent++;
	return true;
}

static bool stress_add(struct stress *s)
{
	struct rig *r = &s->rig;
	u32 n = 1 + below(r, r->size), added = 0;

	while (added < n && s->sent < s->goal) {
		u32 cookie = below(r, r->size), tries = r->size;

		while (tries && s->seqs[cookie]) {
			cookie = (cookie + 1) % r->size;
			tries--;
		}
		if (!tries || !stress_add_one(s, cookie))
			break;
		added++;
	}
	if (virtq_driver_needs_kick(&r->driver)) {
		s->kicks++;
		sem_post(&s->kick);
	}
	return added;
}

static bool stress_take(struct stress *s)
{
	struct rig *r = &s->rig;
	struct virtq_used used;
	u64 before = s->returned, got;

	while (virtq_driver_take(&r->driver, &used) == 1) {
		REQUIRE(used.cookie < r->size && s->seqs[used.cookie]);
		REQUIRE(used.len == sizeof(got));
		memcpy(&got, r->data[0] + used.cookie * STRESS_BYTES + 16,
		       sizeof(got));
		REQUIRE(got == answer(s->seqs[used.cookie]));
		s->seqs[used.cookie] = 0;
		s->returned++;
	}
	REQUIRE(!r->driver.error);
	return s->returned != before;
}

static void stress_driver(struct stress *s)
{
	struct virtq_driver *d = &s->rig.driver;

	virtq_driver_disable_irq(d);
	while (s->returned < s->goal) {
		bool added = stress_add(s);

		if (stress_take(s) || added)
			continue;
		if (virtq_driver_enable_irq_after(d,
						  below(&s->rig, d->in_flight)))
			continue;
		await(&s->irq);
		virtq_driver_disable_irq(d);
	}
	atomic_store(&s->stop, true);
	sem_post(&s->kick);
}

static void stress(u64 features, u32 size, u32 chains)
{
	static struct stress s;
	pthread_t device;

	memset(&s, 0, sizeof(s));
	create(&s.rig, features, size);
	enable_queue(&s.rig);
	s.goal = chains;
	s.rig.rng = 5;
	s.device_rng = 6;
	assert_int_equal(sem_init(&s.kick, 0, 0), 0);
	assert_int_equal(sem_init(&s.irq, 0, 0), 0);
	assert_int_equal(pthread_create(&device, NULL, stress_device, &s), 0);
	stress_driver(&s);
	assert_int_equal(pthread_join(device, NULL), 0);

	assert_int_equal(s.sent, chains);
	assert_int_equal(s.returned, chains);
	assert_int_equal(s.rig.driver.in_flight, 0);
	assert_true(s.kicks < chains && s.interrupts < chains);
	assert_false(virtq_is_broken(&s.rig.q));
	virtq_driver_destroy(&s.rig.driver);
	destroy(&s.rig);
	sem_destroy(&s.kick);
	sem_destroy(&s.irq);
}

/* A queue that is hardly ever full, and one that almost always is. */
static void two_threads(void **state)
{
	const struct variant *v = *state;
	bool packed = v->features & PACKED;

	stress(v->features, packed ? 61 : 64, STRESS_CHAINS);
	stress(v->features, packed ? 3 : 4, STRESS_CHAINS / 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_threads, "split", INDIRECT),
		TEST(two_threads, "split, event index", INDIRECT | EVENT),
		TEST(two_threads, "packed", PACKED | INDIRECT),
		TEST(two_threads, "packed, event index",
		     PACKED | INDIRECT | EVENT),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
