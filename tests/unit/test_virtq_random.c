/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/queue.c virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: vmm/gmem.c tests/unit/virtq_driver.c */
/*
 * A driver and a device on one virtqueue, at random and as two threads: all
 * chains arrive as they were sent and come back once, neither side sleeps while
 * there is work, and neither is woken more often than it asked for.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/virtio/queue.h"
#include "lkvm/vmm/gmem.h"
#include "virtq_driver.h"

/* A lost wake-up of the threads fails by SIGALRM. */
#define PATIENCE 60

#define MAX_SIZE 256U
#define MAX_BUFS VIRTQ_DRIVER_MAX_BUFS

#define RING_GPA  0x40000000ULL
#define DATA_GPA  0x80000000ULL
#define DATA_SIZE SZ_64K /* of each of two banks that touch */

/* More chains than a 16-bit index counts. */
#define WRAP_CHAINS 70000U
#define FEW_CHAINS  2500U

#define STRESS_CHAINS 180000U
#define STRESS_BYTES  32U /* of data: half to the device, half from it */
#define STRESS_BATCH  16U
#define STRESS_SPINS  100U

struct variant {
	const char *name;
	u64 features;
};

#define PACKED	 VIRTIO_F_RING_PACKED
#define EVENT	 VIRTIO_F_EVENT_IDX
#define INDIRECT VIRTIO_F_INDIRECT_DESC

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

static u64 next_random(u64 *rng)
{
	*rng ^= *rng << 13;
	*rng ^= *rng >> 7;
	*rng ^= *rng << 17;
	return *rng >> 11;
}

/* 0 to n - 1 */
static u32 below(struct rig *r, u64 n)
{
	return (u32)(next_random(&r->rng) % n);
}

static bool one_in(struct rig *r, u32 n)
{
	return !below(r, n);
}

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

static void enable_queue(struct rig *r)
{
	assert_int_equal(virtq_driver_init(&r->driver, r->ring, RING_GPA,
					   r->size, r->features),
			 0);
	assert_int_equal(
		virtq_enable(&r->q, &r->driver.setup, r->driver.features), 0);
}

/* The RAM is as large as it has to be, for ASan to see what is beyond. */
static void create(struct rig *r, u64 features, u32 size)
{
	size_t ring_size = VIRTQ_DRIVER_RAM(size);

	memset(r, 0, sizeof(*r));
	r->features = features;
	r->size = size;
	r->ring = aligned_alloc(64, ALIGN_UP(ring_size, 64));
	r->shadow = malloc(ring_size);
	r->data[0] = malloc(DATA_SIZE);
	r->data[1] = malloc(DATA_SIZE);
	assert_true(r->ring && r->shadow && r->data[0] && r->data[1]);
	assert_int_equal(gmem_add(&r->mem, RING_GPA, ring_size, r->ring), 0);
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(gmem_add(&r->mem, DATA_GPA + i * DATA_SIZE,
					  DATA_SIZE, r->data[i]),
				 0);
	virtq_init(&r->q, &r->mem, MAX_SIZE);
}

static void destroy(struct rig *r)
{
	virtq_reset(&r->q);
	free(r->ring);
	free(r->shadow);
	free(r->data[0]);
	free(r->data[1]);
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

/* ---- Two threads -------------------------------------------------------- */

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

static int start_watch(void **state)
{
	(void)state;
	alarm(PATIENCE);
	return 0;
}

static int end_watch(void **state)
{
	(void)state;
	alarm(0);
	return 0;
}

#define TEST(f, title, bits)                                           \
	{                                                              \
		.name = #f ": " title, .test_func = (f),               \
		.setup_func = start_watch, .teardown_func = end_watch, \
		.initial_state = &(struct variant) { title, bits },    \
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
		TEST(two_threads, "split", INDIRECT),
		TEST(two_threads, "split, event index", INDIRECT | EVENT),
		TEST(two_threads, "packed", PACKED | INDIRECT),
		TEST(two_threads, "packed, event index",
		     PACKED | INDIRECT | EVENT),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
