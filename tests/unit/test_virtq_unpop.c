/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/queue.c virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c vmm/gmem.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/virtq_rig.c */
/* Chains that go back are taken again, wherever the ring is. */
#include <string.h>

#include "virtq_rig.h"

#define TURNS 2000U

static struct iovec iovs[MAX_SIZE][MAX_BUFS];
static struct virtq_chain chains[MAX_SIZE];

static void add(struct rig *r, u32 cookie)
{
	struct virtq_buf bufs[3];
	u32 nr = 1 + below(r, 3);

	for (u32 i = 0; i < nr; i++)
		bufs[i] = (struct virtq_buf) { DATA_GPA + cookie * 100 + i,
					       1 + cookie, true };
	assert_int_equal(virtq_driver_add(&r->driver, bufs, nr, nr, cookie), 0);
}

static u32 pop_all(struct rig *r)
{
	u32 n = 0;

	for (;; n++) {
		chains[n].iov = iovs[n];
		chains[n].max_iov = MAX_BUFS;
		if (virtq_pop(&r->q, &chains[n]) != 1)
			return n;
	}
}

static void unpop(struct rig *r, u32 first, u32 n)
{
	while (n-- > first)
		virtq_unpop(&r->q, &chains[n]);
}

/* Of those that were popped some, or all, go back; the order stays. */
static void turn(struct rig *r, u32 count)
{
	u32 first = below(r, count + 1), i;
	struct virtq_used used;
	u16 ids[MAX_SIZE];

	for (i = 0; i < count; i++)
		add(r, i);
	assert_int_equal(pop_all(r), count);
	for (i = 0; i < count; i++)
		ids[i] = chains[i].id;
	unpop(r, first, count);
	for (i = first; i < count; i++) {
		chains[i].iov = iovs[i];
		chains[i].max_iov = MAX_BUFS;
		assert_int_equal(virtq_pop(&r->q, &chains[i]), 1);
		assert_int_equal(chains[i].id, ids[i]);
		assert_int_equal(chains[i].iov->iov_len, 1 + i);
	}
	assert_int_equal(virtq_pop(&r->q, &chains[count]), 0);
	for (i = 0; i < count; i++)
		virtq_push(&r->q, &chains[i], i);
	for (i = 0; i < count; i++) {
		assert_int_equal(virtq_driver_take(&r->driver, &used), 1);
		assert_int_equal(used.cookie, i);
	}
	assert_int_equal(r->q.pending, 0);
	r->chains += count;
	assert_int_equal(atomic_load(&r->q.stats.chains), r->chains);
}

static void run(void **state)
{
	static const u32 sizes[] = { 4, 16, 5, 13 };
	const struct variant *variant = *state;
	u32 nr = variant->features & PACKED ? 4 : 2;

	for (u32 i = 0; i < nr; i++) {
		static struct rig r;

		create(&r, variant->features, sizes[i]);
		r.rng = 12345 + i;
		enable_queue(&r);
		for (u32 n = 0; n < TURNS; n++)
			turn(&r, 1 + below(&r, sizes[i] / 3));
		virtq_driver_destroy(&r.driver);
		destroy(&r);
	}
}

/* Not while there is no queue. */
static void after_a_reset(void **state)
{
	const struct variant *variant = *state;
	static struct rig r;

	create(&r, variant->features, 4);
	enable_queue(&r);
	add(&r, 0);
	assert_int_equal(pop_all(&r), 1);
	virtq_reset(&r.q);
	virtq_unpop(&r.q, &chains[0]);
	assert_int_equal(r.q.pending, 0);
	assert_int_equal(r.q.avail, 0);
	virtq_driver_destroy(&r.driver);
	destroy(&r);
}

/*
 * Another process has returned some of what it took, and is no more: all others
 * come again, in their order.
 */
static void resumed(void **state)
{
	static struct rig r;
	struct virtq_used used;

	(void)state;
	create(&r, 0, 8);
	enable_queue(&r);
	for (u32 n = 0; n < 20; n++) {
		for (u32 i = 0; i < 5; i++) {
			struct virtq_buf buf = { DATA_GPA, 1 + i, true };

			assert_int_equal(
				virtq_driver_add(&r.driver, &buf, 1, 1, i), 0);
		}
		assert_int_equal(pop_all(&r), 5);
		for (u32 i = 0; i < 2; i++)
			virtq_push(&r.q, &chains[i], 0);
		r.q.avail = r.q.used = 12345;
		virtq_resume(&r.q);
		assert_int_equal(r.q.pending, 0);
		assert_int_equal(pop_all(&r), 3);
		for (u32 i = 0; i < 3; i++) {
			assert_int_equal(chains[i].iov->iov_len, 3 + i);
			virtq_push(&r.q, &chains[i], 0);
		}
		for (u32 i = 0; i < 5; i++) {
			assert_int_equal(virtq_driver_take(&r.driver, &used),
					 1);
			assert_int_equal(used.cookie, i);
		}
	}
	virtq_driver_destroy(&r.driver);
	destroy(&r);
}

/*
 * A driver is asked to notify for what comes behind what was popped, although
 * that goes back: the next kick is for one more.
 */
static void kicks(void **state)
{
	const struct variant *variant = *state;
	static struct rig r;

	create(&r, variant->features, 16);
	r.rng = 1;
	enable_queue(&r);
	for (u32 i = 0; i < 3; i++)
		add(&r, i);
	virtq_driver_needs_kick(&r.driver);
	assert_int_equal(pop_all(&r), 3);
	assert_false(virtq_enable_kicks(&r.q));
	unpop(&r, 0, 3);
	add(&r, 3);
	assert_true(virtq_driver_needs_kick(&r.driver));
	assert_int_equal(pop_all(&r), 4);
	virtq_driver_destroy(&r.driver);
	destroy(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(run, "split", 0),
		TEST(run, "packed", PACKED),
		TEST(after_a_reset, "split", 0),
		TEST(after_a_reset, "packed", PACKED),
		TEST(resumed, "split", 0),
		TEST(kicks, "split", 0),
		TEST(kicks, "split, event index", EVENT),
		TEST(kicks, "packed", PACKED),
		TEST(kicks, "packed, event index", PACKED | EVENT),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
