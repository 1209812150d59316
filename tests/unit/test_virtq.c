/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/queue.c virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c vmm/gmem.c */
/*
 * Virtqueues of drivers that break the rules: each breaks its queue, and only
 * that. What sound drivers do is in test_virtq_random.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/virtio/queue.h"
#include "lkvm/vmm/gmem.h"

#define RAM	 0x80000000ULL
#define RAM_SIZE SZ_64K
#define SIZE	 8U
#define MAX_SIZE 64U
#define MAX_IOV	 6U

/* Where things are; the last page is the buffers'. */
#define DESC	(RAM + 0x1000)
#define DRIVER	(RAM + 0x2000)
#define DEVICE	(RAM + 0x3000)
#define TABLE	(RAM + 0x4000)
#define BUFFERS (RAM + RAM_SIZE - SZ_4K)

#define NEXT	 1
#define WRITE	 2
#define INDIRECT 4
#define AVAIL	 (1 << 7)

struct desc {
	u64 addr;
	u32 len;
	u16 half[2]; /* flags and next; in packed rings id and flags */
};

static struct {
	struct gmem mem;
	struct virtq q;
	u8 *ram;
	bool packed;
	struct iovec iov[MAX_IOV];
	struct virtq_chain chain;
} t;

static u8 *at(u64 gpa)
{
	return t.ram + (gpa - RAM);
}

static struct desc *desc(unsigned int n)
{
	return (struct desc *)(void *)at(DESC) + n;
}

static struct desc *entry(unsigned int n)
{
	return (struct desc *)(void *)at(TABLE) + n;
}

static u16 *flags(struct desc *d)
{
	return &d->half[t.packed];
}

static u16 *next(struct desc *d)
{
	return &d->half[!t.packed];
}

static struct desc made(u64 addr, u32 len, unsigned int flags,
			unsigned int next)
{
	return (struct desc) { addr,
			       len,
			       { (u16)(t.packed ? next : flags),
				 (u16)(t.packed ? flags : next) } };
}

static u16 *avail(void)
{
	return (u16 *)(void *)at(DRIVER);
}

static struct virtq_setup sound(void)
{
	return (struct virtq_setup) { SIZE, DESC, DRIVER, DEVICE };
}

static int enable(u64 features)
{
	struct virtq_setup setup = sound();

	t.packed = features & VIRTQ_F_RING_PACKED;
	memset(t.ram, 0, RAM_SIZE);
	return virtq_enable(&t.q, &setup, features | VIRTQ_F_VERSION_1);
}

/* A chain of one buffer at entry 0, for a test to spoil. */
static void offer(void)
{
	*desc(0) = made(BUFFERS, 64, t.packed ? AVAIL : 0, 0);
	if (t.packed)
		return;
	avail()[2] = 0;
	avail()[1]++;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.ram = aligned_alloc(SZ_4K, RAM_SIZE);
	assert_int_equal(gmem_add(&t.mem, RAM, RAM_SIZE, t.ram), 0);
	virtq_init(&t.q, &t.mem, MAX_SIZE);
	t.chain.iov = t.iov;
	t.chain.max_iov = MAX_IOV;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(t.ram);
	return 0;
}

/* In both kinds of rings, with indirect descriptors. */
#define FOR_BOTH(features)                                             \
	for (u64 kind = 0, features = VIRTQ_F_INDIRECT_DESC; kind < 2; \
	     kind++, features |= VIRTQ_F_RING_PACKED)

static void expect_pop(u32 nr_out, u32 nr_in)
{
	assert_int_equal(virtq_pop(&t.q, &t.chain), 1);
	assert_int_equal(t.chain.nr_out, nr_out);
	assert_int_equal(t.chain.nr_in, nr_in);
}

/* Nothing of the guest's is touched from then on, until a reset. */
static void expect_broken(u64 features)
{
	static u8 before[RAM_SIZE];

	assert_false(virtq_is_broken(&t.q));
	assert_int_equal(virtq_pop(&t.q, &t.chain), -EINVAL);
	assert_true(virtq_is_broken(&t.q));
	memcpy(before, t.ram, RAM_SIZE);
	assert_int_equal(virtq_pop(&t.q, &t.chain), 0);
	virtq_push(&t.q, &t.chain, 1);
	assert_false(virtq_wants_interrupt(&t.q));
	virtq_disable_kicks(&t.q);
	assert_false(virtq_enable_kicks(&t.q));
	assert_memory_equal(before, t.ram, RAM_SIZE);
	virtq_reset(&t.q);
	assert_false(virtq_is_broken(&t.q));
	assert_int_equal(virtq_pop(&t.q, &t.chain), 0);
	assert_int_equal(enable(features), 0);
	offer();
	expect_pop(1, 0);
}

/* ---- Where its areas are ------------------------------------------------- */

static int enable_at(struct virtq_setup setup, u64 features)
{
	int ret = virtq_enable(&t.q, &setup, features);

	assert_int_equal(virtq_pop(&t.q, &t.chain), 0);
	return ret;
}

static void sizes(void **state)
{
	static const struct {
		u32 size;
		int split, packed;
	} cases[] = {
		{ 0, -EINVAL, -EINVAL },
		{ 1, 0, 0 },
		{ 3, -EINVAL, 0 },
		{ MAX_SIZE, 0, 0 },
		{ MAX_SIZE + 1, -EINVAL, -EINVAL },
		{ 2 * MAX_SIZE, -EINVAL, -EINVAL },
		{ UINT32_MAX, -EINVAL, -EINVAL },
	};

	(void)state;
	memset(t.ram, 0, RAM_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtq_setup setup = sound();

		setup.size = cases[i].size;
		assert_int_equal(enable_at(setup, 0), cases[i].split);
		assert_int_equal(enable_at(setup, VIRTQ_F_RING_PACKED),
				 cases[i].packed);
	}
}

/* The last address that is good for an area of so many bytes, and beyond. */
static void area(u64 *gpa, const struct virtq_setup *setup, u64 size, u64 align,
		 u64 features)
{
	const u64 end = RAM + RAM_SIZE;
	const u64 bad[] = {
		ALIGN_DOWN(end - size, align) + align,
		RAM + align / 2,
		RAM - align,
		end,
		0,
		UINT64_MAX - align + 1,
	};

	*gpa = ALIGN_DOWN(end - size, align);
	assert_int_equal(enable_at(*setup, features), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		*gpa = bad[i];
		assert_int_equal(enable_at(*setup, features), -EINVAL);
	}
}

static void areas(void **state)
{
	const u64 packed = VIRTQ_F_RING_PACKED;
	struct virtq_setup s;

	(void)state;
	memset(t.ram, 0, RAM_SIZE);
	area((s = sound(), &s.desc), &s, 16 * SIZE, 16, 0);
	area((s = sound(), &s.driver), &s, 6 + 2 * SIZE, 2, 0);
	area((s = sound(), &s.device), &s, 6 + 8 * SIZE, 4, 0);
	area((s = sound(), &s.desc), &s, 16 * SIZE, 16, packed);
	area((s = sound(), &s.driver), &s, 4, 4, packed);
	area((s = sound(), &s.device), &s, 4, 4, packed);
}

/* ---- Chains -------------------------------------------------------------- */

static void buffers(void **state)
{
	static const struct {
		u64 addr;
		u32 len;
	} bad[] = {
		{ BUFFERS, 0 },		 { BUFFERS, SZ_4K + 1 },
		{ RAM - 1, 2 },		 { RAM + RAM_SIZE, 1 },
		{ UINT64_MAX, 2 },	 { UINT64_MAX - 10, UINT32_MAX },
		{ BUFFERS, UINT32_MAX }, { 0, 1 },
	};

	(void)state;
	FOR_BOTH(features)
	{
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
			assert_int_equal(enable(features), 0);
			offer();
			desc(0)->addr = bad[i].addr;
			desc(0)->len = bad[i].len;
			expect_broken(features);
		}
		assert_int_equal(enable(features), 0);
		offer();
		desc(0)->len = SZ_4K;
		expect_pop(1, 0);
		assert_ptr_equal(t.iov[0].iov_base, at(BUFFERS));
		assert_int_equal(t.chain.out_len, SZ_4K);
	}
}

/* A chain from entry 0 on; each next one follows. */
static void chain(unsigned int n, u16 flags)
{
	for (unsigned int i = 0; i < n; i++)
		*desc(i) = made(BUFFERS + 8 * i, 8,
				flags | (i + 1 < n ? NEXT : 0) |
					(t.packed ? AVAIL : 0),
				t.packed ? 77 : i + 1);
	if (!t.packed)
		avail()[1]++;
}

static void order(void **state)
{
	(void)state;
	FOR_BOTH(features)
	{
		assert_int_equal(enable(features), 0);
		chain(3, 0);
		*flags(desc(1)) |= WRITE;
		*flags(desc(2)) |= WRITE;
		expect_pop(1, 2);
		assert_int_equal(t.chain.out_len, 8);
		assert_int_equal(t.chain.in_len, 16);
		assert_int_equal(t.chain.id, t.packed ? 77 : 0);
		assert_int_equal(t.chain.slots, t.packed ? 3 : 1);

		assert_int_equal(enable(features), 0);
		chain(3, WRITE);
		*flags(desc(2)) &= ~WRITE;
		expect_broken(features);
	}
}

static void too_long(void **state)
{
	(void)state;
	FOR_BOTH(features)
	{
		assert_int_equal(enable(features), 0);
		chain(MAX_IOV, 0);
		expect_pop(MAX_IOV, 0);
		assert_int_equal(enable(features), 0);
		chain(MAX_IOV + 1, 0);
		expect_broken(features);
	}
}

/* With room for all of it. */
static void circles(void **state)
{
	struct iovec many[MAX_SIZE];

	(void)state;
	FOR_BOTH(features)
	{
		t.chain.iov = many;
		t.chain.max_iov = MAX_SIZE;
		assert_int_equal(enable(features), 0);
		chain(SIZE, 0);
		expect_pop(SIZE, 0);
		assert_int_equal(enable(features), 0);
		chain(SIZE, 0);
		*flags(desc(SIZE - 1)) |= NEXT;
		*next(desc(SIZE - 1)) = 0;
		expect_broken(features);
	}
}

static void links(void **state)
{
	static const u16 bad[] = { SIZE, 0xffff };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(enable(0), 0);
		chain(2, 0);
		*next(desc(0)) = bad[i];
		expect_broken(0);
		assert_int_equal(enable(0), 0);
		offer();
		avail()[2] = bad[i];
		expect_broken(0);
	}
}

/* ---- Tables of indirect descriptors -------------------------------------- */

/* Of `n` entries, at the end of a chain of `direct` others. */
static void table(unsigned int direct, unsigned int n)
{
	struct desc *last = desc(direct);

	chain(direct + 1, 0);
	last->addr = TABLE;
	last->len = (u32)(n * sizeof(struct desc));
	*flags(last) |= INDIRECT;
	for (unsigned int i = 0; i < n; i++)
		*entry(i) = made(BUFFERS + 64 * i, 32,
				 i + 1 < n && !t.packed ? NEXT : 0,
				 (u16)(i + 1));
}

static void tables(void **state)
{
	(void)state;
	FOR_BOTH(features)
	{
		assert_int_equal(enable(features), 0);
		table(0, 3);
		*flags(desc(0)) |= WRITE; /* which means nothing here */
		*flags(entry(2)) |= WRITE;
		expect_pop(2, 1);
		assert_int_equal(t.chain.slots, 1);
		assert_ptr_equal(t.iov[2].iov_base, at(BUFFERS + 128));

		assert_int_equal(enable(features), 0);
		table(2, 2);
		expect_pop(4, 0);
		assert_int_equal(t.chain.slots, t.packed ? 3 : 1);
		assert_int_equal(enable(features), 0);
		table(0, MAX_IOV);
		expect_pop(MAX_IOV, 0);
		assert_int_equal(enable(features), 0);
		table(0, MAX_IOV + 1);
		expect_broken(features);
	}
}

static void table_not_negotiated(void)
{
	virtq_reset(&t.q);
	assert_int_equal(enable(t.packed ? VIRTQ_F_RING_PACKED : 0), 0);
	table(0, 1);
}

static void table_with_next(void)
{
	*flags(desc(0)) |= NEXT;
}

static void table_empty(void)
{
	desc(0)->len = 0;
}

static void table_uneven(void)
{
	desc(0)->len += 8;
}

static void table_too_short(void)
{
	desc(0)->len = 8;
}

static void table_not_in_ram(void)
{
	desc(0)->addr = RAM + RAM_SIZE - 16;
}

static void table_in_a_table(void)
{
	*flags(entry(1)) |= INDIRECT;
}

static void table_of_empty_buffers(void)
{
	entry(1)->len = 0;
}

static void table_larger_than_ram(void)
{
	desc(0)->len = 0xfffffff0;
}

static void broken_tables(void **state)
{
	static void (*const spoil[])(void) = {
		table_not_negotiated,  table_with_next,
		table_empty,	       table_uneven,
		table_too_short,       table_not_in_ram,
		table_in_a_table,      table_of_empty_buffers,
		table_larger_than_ram,
	};

	(void)state;
	FOR_BOTH(features)
	{
		for (size_t i = 0; i < ARRAY_SIZE(spoil); i++) {
			assert_int_equal(enable(features), 0);
			table(0, 3);
			spoil[i]();
			expect_broken(features);
		}
	}
}

/* Links of a split ring's table: out of it, and in a circle. */
static void links_in_tables(void **state)
{
	static const u16 bad[] = { 0, 1, 2, 4, 0xffff };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(enable(VIRTQ_F_INDIRECT_DESC), 0);
		table(0, 4);
		*next(entry(2)) = bad[i];
		expect_broken(VIRTQ_F_INDIRECT_DESC);
	}
	/* The last one's has to end it. */
	assert_int_equal(enable(VIRTQ_F_INDIRECT_DESC), 0);
	table(0, 4);
	*flags(entry(3)) |= NEXT;
	expect_broken(VIRTQ_F_INDIRECT_DESC);
	/* Any order is good, and so is a part. */
	assert_int_equal(enable(VIRTQ_F_INDIRECT_DESC), 0);
	table(0, 4);
	*next(entry(0)) = 2;
	*flags(entry(2)) = 0;
	expect_pop(2, 0);
	assert_ptr_equal(t.iov[1].iov_base, at(BUFFERS + 128));
}

/* No more than the queue has entries, however long the table is. */
static void long_tables(void **state)
{
	struct iovec many[MAX_SIZE];

	(void)state;
	FOR_BOTH(features)
	{
		t.chain.iov = many;
		t.chain.max_iov = MAX_SIZE;
		assert_int_equal(enable(features), 0);
		table(0, SIZE);
		expect_pop(SIZE, 0);
		assert_int_equal(enable(features), 0);
		table(0, SIZE + 1);
		expect_broken(features);
	}
}

/* ---- Indices ------------------------------------------------------------- */

static void index_jumps(void **state)
{
	static const u16 bad[] = { SIZE + 1, 0x8000, 0xffff };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(enable(0), 0);
		offer();
		avail()[1] = bad[i];
		expect_broken(0);
	}
	assert_int_equal(enable(0), 0);
	offer();
	avail()[1] = SIZE;
	for (unsigned int i = 0; i < SIZE; i++)
		expect_pop(1, 0);
	assert_int_equal(virtq_pop(&t.q, &t.chain), 0);
	/* All are in flight: there cannot be one more. */
	avail()[1]++;
	expect_broken(0);
}

/* A packed ring whose first turn is taken is offered once more. */
static void too_many_in_flight(void **state)
{
	const u64 features = VIRTQ_F_RING_PACKED;

	(void)state;
	assert_int_equal(enable(features), 0);
	chain(4, 0);
	expect_pop(4, 0);
	*desc(4) = made(BUFFERS, 8, AVAIL | NEXT, 1);
	for (unsigned int i = 5; i < SIZE; i++)
		*desc(i) = made(BUFFERS, 8, AVAIL, 1);
	expect_pop(2, 0);
	expect_pop(1, 0);
	expect_pop(1, 0);
	/* The other counter's turn, and nothing was used meanwhile. */
	assert_int_equal(virtq_pop(&t.q, &t.chain), 0);
	*flags(desc(0)) = 1 << 15;
	expect_broken(features);
}

static void counts(void **state)
{
	(void)state;
	FOR_BOTH(features)
	{
		struct virtq_stats *stats = &t.q.stats;

		virtq_init(&t.q, &t.mem, MAX_SIZE);
		assert_int_equal(enable(features), 0);
		assert_false(virtq_wants_interrupt(&t.q));
		offer();
		expect_pop(1, 0);
		virtq_push(&t.q, &t.chain, 0);
		assert_true(virtq_wants_interrupt(&t.q));
		assert_false(virtq_wants_interrupt(&t.q));
		assert_int_equal(atomic_load(&stats->chains), 1);
		assert_int_equal(atomic_load(&stats->interrupts), 1);
		assert_int_equal(atomic_load(&stats->suppressed), 0);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sizes),
		TEST(areas),
		TEST(buffers),
		TEST(order),
		TEST(too_long),
		TEST(circles),
		TEST(links),
		TEST(tables),
		TEST(broken_tables),
		TEST(links_in_tables),
		TEST(long_tables),
		TEST(index_jumps),
		TEST(too_many_in_flight),
		TEST(counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
