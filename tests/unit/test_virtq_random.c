/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/queue.c virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c vmm/gmem.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/virtq_rig.c */
/*
 * A driver and a device on one virtqueue, at random: all chains arrive as they
 * were sent and come back once, neither side sleeps while there is work, and
 * neither is woken more often than it asked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "virtq_rig.h"

/* More chains than a 16-bit index counts. */
#define WRAP_CHAINS 70000U
#define FEW_CHAINS  2500U

static void put(struct fifo *f, u32 cookie)
{
	assert_true(f->nr < MAX_SIZE);
	f->cookies[(f->first + f->nr++) % MAX_SIZE] = cookie;
}

static u32 get(struct fifo *f)
{
	u32 cookie = f->cookies[f->first];

	assert_true(f->nr);
	f->first = (f->first + 1) % MAX_SIZE;
	f->nr--;
	return cookie;
}

static bool is_packed(const struct rig *r)
{
	return r->features & PACKED;
}

static bool has_event_idx(const struct rig *r)
{
	return r->features & EVENT;
}

/* ---- The driver's turns ------------------------------------------------- */

static void random_buf(struct rig *r, struct virtq_buf *buf, bool write)
{
	u32 len = one_in(r, 20) ? 1 + below(r, DATA_SIZE) : 1 + below(r, 512);
	u64 last = DATA_SIZE - len;

	buf->len = len;
	buf->gpa = DATA_GPA + (one_in(r, 2) ? DATA_SIZE : 0);
	buf->gpa += one_in(r, 10) ? last : below(r, last + 1);
	buf->write = write;
}

/* Returns how many buffers have direct descriptors. */
static u32 random_chain(struct rig *r, struct record *rec)
{
	rec->nr = 1 + below(r, MIN(r->size, MAX_BUFS));
	rec->nr_out = below(r, rec->nr + 1);
	rec->out_len = rec->in_len = 0;
	for (u32 i = 0; i < rec->nr; i++) {
		bool write = i >= rec->nr_out;

		random_buf(r, &rec->bufs[i], write);
		*(write ? &rec->in_len : &rec->out_len) += rec->bufs[i].len;
	}
	if (!(r->features & INDIRECT) || one_in(r, 3))
		return rec->nr;
	return is_packed(r) || one_in(r, 2) ? 0 : below(r, rec->nr);
}

static u32 free_cookie(struct rig *r)
{
	u32 i = below(r, r->size);

	for (u32 n = 0; n < r->size; n++, i = (i + 1) % r->size)
		if (r->records[i].state == FREE)
			return i;
	return MAX_SIZE;
}

static bool add_chain(struct rig *r)
{
	u32 cookie = free_cookie(r), nr_direct, slots;
	struct record *rec = &r->records[cookie];
	int ret;

	if (cookie == MAX_SIZE)
		return false;
	nr_direct = random_chain(r, rec);
	slots = nr_direct + (nr_direct < rec->nr);
	ret = virtq_driver_add(&r->driver, rec->bufs, rec->nr, nr_direct,
			       cookie);
	if (ret == -ENOSPC)
		return false;
	assert_int_equal(ret, 0);
	rec->state = AVAILABLE;
	rec->counts = is_packed(r) ? slots : 1;
	put(&r->available, cookie);
	r->chains++;
	return true;
}

static void disable_kicks(struct rig *r)
{
	virtq_disable_kicks(&r->q);
	r->kicks_off = true;
}

/* A device that sleeps wants to know of the first, a busy one of none. */
static void kick(struct rig *r, u32 added)
{
	bool needed = virtq_driver_needs_kick(&r->driver);

	if (!added)
		assert_false(needed);
	else if (!r->device_awake)
		assert_true(needed);
	else if (r->kicks_off)
		assert_false(needed);
	assert_false(virtq_driver_needs_kick(&r->driver));
	r->kicks += needed;
	if (!needed || r->device_awake)
		return;
	r->device_awake = true;
	if (!one_in(r, 16))
		disable_kicks(r);
}

static void add_turn(struct rig *r)
{
	u32 n = 1 + below(r, one_in(r, 3) ? r->size : 4), added = 0;

	while (added < n && add_chain(r))
		added++;
	kick(r, added);
}

static bool take_one(struct rig *r)
{
	struct virtq_used used;
	int ret = virtq_driver_take(&r->driver, &used);
	struct record *rec;

	assert_null(r->driver.error);
	assert_int_equal(ret, r->used.nr != 0);
	if (!ret)
		return false;
	assert_int_equal(used.cookie, get(&r->used));
	rec = &r->records[used.cookie];
	assert_int_equal(rec->state, USED);
	assert_int_equal(used.len, rec->used_len);
	rec->state = FREE;
	r->taken += rec->counts;
	return true;
}

static void disable_irq(struct rig *r)
{
	bool split_event = !is_packed(r) && has_event_idx(r);

	virtq_driver_disable_irq(&r->driver);
	r->wish = (struct wish) {
		.off = !split_event,
		.by_pos = split_event,
		.event = r->taken + UINT16_MAX, /* the one before, again */
	};
}

/* The driver sleeps unless it sees used entries. */
static void enable_irq(struct rig *r)
{
	u32 in_flight = r->driver.in_flight, n = 0;
	bool more;

	if (has_event_idx(r) && in_flight && one_in(r, 2))
		n = below(r, in_flight);
	more = virtq_driver_enable_irq_after(&r->driver, n);
	if (!n || is_packed(r))
		assert_int_equal(more, r->used.nr != 0);
	else
		assert_int_equal(more, r->used.nr > n);
	r->wish = (struct wish) {
		.by_pos = has_event_idx(r),
		.event = r->taken + n,
		.distance = n,
	};
	r->driver_awake = more;
}

static void take_turn(struct rig *r)
{
	u32 n = one_in(r, 2) ? MAX_SIZE : below(r, r->size + 1);

	while (n && take_one(r))
		n--;
	if (n || one_in(r, 8))
		enable_irq(r);
}

/* ---- The device's turns ------------------------------------------------- */

/* What it must not write to while it is at work. */
static void assert_untouched(struct rig *r, u64 gpa, u64 end)
{
	assert_memory_equal(r->ring + (gpa - RING_GPA),
			    r->shadow + (gpa - RING_GPA), end - gpa);
}

static void assert_only_own_area(struct rig *r)
{
	const struct virtq_setup *setup = &r->driver.setup;
	u64 end = RING_GPA + VIRTQ_DRIVER_RAM(r->size), next = RING_GPA;
	u64 device_size = is_packed(r) ? 4 : 6 + 8 * r->size;

	if (is_packed(r)) {
		assert_untouched(r, next, setup->desc);
		next = setup->desc + 16 * r->size;
	}
	assert_untouched(r, next, setup->device);
	assert_untouched(r, setup->device + device_size, end);
}

/* Sometimes, as it takes time. */
static bool remember_ram(struct rig *r)
{
	if (!one_in(r, 16))
		return false;
	memcpy(r->shadow, r->ring, VIRTQ_DRIVER_RAM(r->size));
	return true;
}

static const void *host_of(struct rig *r, u64 gpa)
{
	u64 offset = gpa - DATA_GPA;

	return r->data[offset / DATA_SIZE] + offset % DATA_SIZE;
}

static void assert_as_sent(struct rig *r, const struct record *rec)
{
	const struct virtq_chain *chain = &rec->chain;

	assert_int_equal(chain->nr_out, rec->nr_out);
	assert_int_equal(chain->nr_in, rec->nr - rec->nr_out);
	assert_int_equal(chain->out_len, rec->out_len);
	assert_int_equal(chain->in_len, rec->in_len);
	if (is_packed(r))
		assert_int_equal(chain->slots, rec->counts);
	for (u32 i = 0; i < rec->nr; i++) {
		assert_ptr_equal(chain->iov[i].iov_base,
				 host_of(r, rec->bufs[i].gpa));
		assert_int_equal(chain->iov[i].iov_len, rec->bufs[i].len);
	}
}

/* The room is what the chain needs, or more. */
static bool pop_one(struct rig *r)
{
	struct virtq_chain none = { .max_iov = 0 };
	struct record *rec;
	u32 cookie;

	if (!r->available.nr) {
		assert_int_equal(virtq_pop(&r->q, &none), 0);
		return false;
	}
	cookie = get(&r->available);
	rec = &r->records[cookie];
	memset(rec->iov, 0, sizeof(rec->iov));
	rec->chain = (struct virtq_chain) {
		.iov = rec->iov,
		.max_iov = one_in(r, 2) ? rec->nr : MAX_BUFS,
	};
	assert_int_equal(virtq_pop(&r->q, &rec->chain), 1);
	assert_as_sent(r, rec);
	rec->state = HELD;
	r->held[r->nr_held++] = cookie;
	return true;
}

static u32 random_len(struct rig *r, u64 in_len)
{
	if (one_in(r, 4))
		return 0;
	return one_in(r, 2) ? (u32)in_len : below(r, in_len + 1);
}

static void push_one(struct rig *r)
{
	u32 i = below(r, r->nr_held), cookie = r->held[i];
	struct record *rec = &r->records[cookie];

	r->held[i] = r->held[--r->nr_held];
	rec->used_len = random_len(r, rec->in_len);
	rec->state = USED;
	virtq_push(&r->q, &rec->chain, rec->used_len);
	put(&r->used, cookie);
	r->pushed += rec->counts;
}

/*
 * The specification's rule for what was used since the last decision. A split
 * ring's event is 16 bits, a packed one's a position in two rounds.
 */
static bool wanted(const struct rig *r)
{
	u64 period = is_packed(r) ? 2 * r->size : 0x10000, event;

	if (!r->wish.by_pos)
		return !r->wish.off;
	for (event = r->wish.event; event < r->decided_at; event += period)
		;
	return event < r->pushed;
}

/*
 * The first decision may be to interrupt in any case: there is no earlier one
 * to count from.
 */
static bool interrupt(struct rig *r)
{
	bool expected = wanted(r), got = virtq_wants_interrupt(&r->q);

	if (r->decided || expected)
		assert_int_equal(got, expected);
	r->decided = true;
	r->decided_at = r->pushed;
	assert_false(virtq_wants_interrupt(&r->q));
	r->interrupts += got;
	assert_int_equal(atomic_load(&r->q.stats.interrupts) -
				 r->interrupts_before,
			 r->interrupts);
	if (!got && !r->driver_awake)
		assert_true(r->pushed - r->taken <= r->wish.distance);
	return got;
}

/* Chains come back when they are done, whatever else the device does. */
static void push_turn(struct rig *r)
{
	u32 n = one_in(r, 3) ? r->nr_held : 1 + below(r, r->nr_held);
	bool check = remember_ram(r), got;

	while (n--)
		push_one(r);
	got = interrupt(r);
	if (check)
		assert_only_own_area(r);
	if (!got || r->driver_awake)
		return;
	r->driver_awake = true;
	if (!one_in(r, 16))
		disable_irq(r);
}

static void device_to_sleep(struct rig *r)
{
	bool more = virtq_enable_kicks(&r->q);

	assert_int_equal(more, r->available.nr != 0);
	r->kicks_off = false;
	r->device_awake = more;
}

static void pop_turn(struct rig *r)
{
	u32 n = one_in(r, 2) ? MAX_SIZE : below(r, r->size + 1);
	bool check = remember_ram(r);

	if (one_in(r, 8))
		disable_kicks(r);
	while (n && pop_one(r))
		n--;
	if (n || one_in(r, 8))
		device_to_sleep(r);
	if (check)
		assert_only_own_area(r);
}

/* ---- A run -------------------------------------------------------------- */

/* One turn of a side that is awake; false if both wait for each other. */
static bool turn(struct rig *r)
{
	u32 which = below(r, 3);

	for (u32 n = 0; n < 3; n++, which = (which + 1) % 3) {
		if (which == 0 && r->driver_awake)
			return take_turn(r), true;
		if (which == 1 && r->device_awake)
			return pop_turn(r), true;
		if (which == 2 && r->nr_held)
			return push_turn(r), true;
	}
	return false;
}

/* Nothing is added any more: all that is under way comes to its end. */
static void settle(struct rig *r)
{
	while (turn(r))
		;
	assert_int_equal(r->available.nr, 0);
	assert_int_equal(r->used.nr, 0);
	assert_int_equal(r->driver.in_flight, 0);
	assert_int_equal(r->pushed, r->taken);
}

static void begin(struct rig *r, u64 seed)
{
	enable_queue(r);
	r->rng = seed * 0x9e3779b97f4a7c15ULL;
	memset(r->records, 0, sizeof(r->records));
	r->device_awake = r->decided = r->kicks_off = false;
	r->driver_awake = true;
	r->pushed = r->decided_at = r->taken = 0;
	r->chains = r->kicks = r->interrupts = 0;
	r->chains_before = atomic_load(&r->q.stats.chains);
	r->interrupts_before = atomic_load(&r->q.stats.interrupts);
	disable_irq(r);
}

static void run_seed(struct rig *r, u64 seed, u32 chains)
{
	begin(r, seed);
	while (r->chains < chains) {
		if (one_in(r, 4))
			add_turn(r);
		turn(r);
		if (one_in(r, 64))
			settle(r);
	}
	settle(r);
	assert_int_equal(atomic_load(&r->q.stats.chains) - r->chains_before,
			 r->chains);
	assert_false(virtq_is_broken(&r->q));
	if (r->size > 2) {
		assert_true(r->kicks < r->chains);
		assert_true(r->interrupts < r->chains);
	}
	virtq_driver_destroy(&r->driver);
	virtq_reset(&r->q);
}

/* The same queue is reset and enabled again for each seed. */
static void at_random(void **state)
{
	static const u32 sizes[] = { 1, 2, 7, 8, 256 };
	static const u64 seeds[] = { 1, 20, 333, 4444 };
	const struct variant *v = *state;
	static struct rig r;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		bool wraps = sizes[i] == 2;

		if (sizes[i] == 7 && !(v->features & PACKED))
			continue;
		create(&r, v->features, sizes[i]);
		for (size_t s = 0; s < ARRAY_SIZE(seeds); s++)
			run_seed(&r, seeds[s],
				 wraps && !s ? WRAP_CHAINS : FEW_CHAINS);
		destroy(&r);
	}
}

/* ---- Batches ------------------------------------------------------------ */

/* `n` chains of a buffer each; the device is notified once. */
static void send_batch(struct rig *r, u32 n)
{
	struct virtq_buf buf = { DATA_GPA, 16, true };
	u32 kicks = 0;

	for (u32 i = 0; i < n; i++) {
		assert_int_equal(virtq_driver_add(&r->driver, &buf, 1, 1, i),
				 0);
		/* It wakes up some time later. */
		kicks += virtq_driver_needs_kick(&r->driver);
	}
	assert_int_equal(kicks, has_event_idx(r) ? 1 : n);
}

/* Takes them; each is returned on its own. Returns the interrupts. */
static u32 serve_batch(struct rig *r, u32 n)
{
	u32 interrupts = 0;

	virtq_disable_kicks(&r->q);
	for (u32 i = 0; i < n; i++) {
		struct virtq_chain *chain = &r->records[i].chain;

		chain->iov = r->records[i].iov;
		chain->max_iov = 1;
		assert_int_equal(virtq_pop(&r->q, chain), 1);
	}
	assert_false(virtq_enable_kicks(&r->q));
	for (u32 i = n; i--;) {
		virtq_push(&r->q, &r->records[i].chain, 16);
		interrupts += virtq_wants_interrupt(&r->q);
	}
	return interrupts;
}

static void receive_batch(struct rig *r, u32 n)
{
	struct virtq_used used;

	for (u32 i = n; i--;) {
		assert_int_equal(virtq_driver_take(&r->driver, &used), 1);
		assert_int_equal(used.cookie, i);
		assert_int_equal(used.len, 16);
	}
	assert_int_equal(virtq_driver_take(&r->driver, &used), 0);
	assert_null(r->driver.error);
}

/*
 * The first round's interrupts are not counted: the device has no decision
 * before that to count from.
 */
static void batches(struct rig *r, u32 n, u32 distance)
{
	enable_queue(r);
	assert_false(virtq_enable_kicks(&r->q));
	for (u32 round = 0; round < 300; round++) {
		u32 expected = has_event_idx(r) ? 1 : n, interrupts;

		send_batch(r, n);
		assert_false(
			virtq_driver_enable_irq_after(&r->driver, distance));
		interrupts = serve_batch(r, n);
		if (round)
			assert_int_equal(interrupts, expected);
		receive_batch(r, n);
	}
	virtq_driver_destroy(&r->driver);
	virtq_reset(&r->q);
}

/* With event index one notification is enough for a batch, else it is not. */
static void in_batches(void **state)
{
	const struct variant *v = *state;
	u32 size = v->features & PACKED ? 7 : 8;
	static struct rig r;

	create(&r, v->features, size);
	for (u32 n = 1; n <= size; n++)
		for (u32 distance = 0; distance < n; distance++)
			batches(&r, n, distance);
	destroy(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(at_random, "split", 0),
		TEST(at_random, "split, event index", EVENT),
		TEST(at_random, "split, indirect", INDIRECT),
		TEST(at_random, "split, both", EVENT | INDIRECT),
		TEST(at_random, "packed", PACKED),
		TEST(at_random, "packed, event index", PACKED | EVENT),
		TEST(at_random, "packed, indirect", PACKED | INDIRECT),
		TEST(at_random, "packed, both", PACKED | EVENT | INDIRECT),
		TEST(in_batches, "split", 0),
		TEST(in_batches, "split, event index", EVENT),
		TEST(in_batches, "packed", PACKED),
		TEST(in_batches, "packed, event index", PACKED | EVENT),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
