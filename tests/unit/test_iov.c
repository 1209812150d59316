/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/iov.c */
/*
 * Lists of buffers, compared with the same bytes in one piece. Each buffer has
 * an allocation of its own, so that the sanitizer sees what is beside it; one
 * without bytes has no address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/util/iov.h"

#define MAX_BUFS 12
#define MAX_LEN	 40 /* of one buffer */
#define TOTAL	 ((size_t)MAX_BUFS * MAX_LEN)
#define BEYOND	 3 /* how far behind the end offsets and lengths go */

#define SEED   20250731U
#define ROUNDS 20000

struct shape {
	u8 lens[MAX_BUFS];
	u32 count;
};

struct list {
	struct iovec iov[MAX_BUFS];
	u32 count;
	u8 flat[TOTAL]; /* what it holds */
	size_t len;
};

/* Zero lengths in each place, and a buffer as long as what comes before it. */
static const struct shape shapes[] = {
	{ { 0 }, 0 },
	{ { 0 }, 1 },
	{ { 0, 0, 0 }, 3 },
	{ { 1 }, 1 },
	{ { 5 }, 1 },
	{ { 1, 1, 1 }, 3 },
	{ { 3, 2, 4 }, 3 },
	{ { 0, 4, 3 }, 3 },
	{ { 4, 3, 0 }, 3 },
	{ { 4, 0, 0, 3 }, 4 },
	{ { 0, 0, 2, 0, 1, 0, 5, 0, 0 }, 9 },
	{ { 1, 2, 3, 6 }, 4 },
};

/* The n-th byte of all that this test copies; neighbours differ. */
static u8 byte_at(u64 n)
{
	return (u8)(n * 37 + 1);
}

static void make_list(struct list *l, const struct shape *shape)
{
	l->count = shape->count;
	l->len = 0;
	for (u32 i = 0; i < l->count; i++) {
		size_t len = shape->lens[i];
		u8 *base = len ? malloc(len) : NULL;

		assert_true(base || !len);
		for (size_t k = 0; k < len; k++)
			base[k] = l->flat[l->len + k] = byte_at(l->len + k);
		l->iov[i] = (struct iovec) { base, len };
		l->len += len;
	}
}

static void free_list(struct list *l)
{
	for (u32 i = 0; i < l->count; i++)
		free(l->iov[i].iov_base);
}

/* Without the code that is tested. Returns how many bytes there are. */
static size_t flatten(const struct iovec *iov, u32 count, u8 *flat)
{
	size_t len = 0;

	for (u32 i = 0; i < count; i++)
		for (size_t k = 0; k < iov[i].iov_len; k++)
			flat[len++] = ((const u8 *)iov[i].iov_base)[k];
	return len;
}

static void assert_same(const struct list *l)
{
	u8 flat[TOTAL];

	assert_int_equal(flatten(l->iov, l->count, flat), l->len);
	assert_memory_equal(flat, l->flat, l->len);
}

/* How much of [offset, offset + len) there is. */
static size_t part_of(const struct list *l, u64 offset, u64 len)
{
	return offset < l->len ? (size_t)MIN((u64)l->len - offset, len) : 0;
}

static void check_read(const struct list *l, u64 offset, size_t len)
{
	size_t want = part_of(l, offset, len);
	u8 buf[TOTAL + BEYOND];

	memset(buf, 0xa5, sizeof(buf));
	assert_int_equal(iov_read(l->iov, l->count, offset, buf, len), want);
	if (want)
		assert_memory_equal(buf, l->flat + offset, want);
	assert_true(is_filled(buf + want, sizeof(buf) - want, 0xa5));
	assert_same(l);
}

static void check_write(struct list *l, u64 offset, size_t len, u64 first)
{
	size_t want = part_of(l, offset, len);
	u8 buf[TOTAL + BEYOND] = { 0 };

	for (size_t i = 0; i < len; i++)
		buf[i] = byte_at(first + i);
	assert_int_equal(iov_write(l->iov, l->count, offset, buf, len), want);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(buf[i], byte_at(first + i));
	if (want)
		memcpy(l->flat + offset, buf, want);
	assert_same(l);
}

static void check_zero(struct list *l, u64 offset, u64 len)
{
	size_t want = part_of(l, offset, len);

	assert_int_equal(iov_length(l->iov, l->count), l->len);
	iov_zero(l->iov, l->count, offset, len);
	if (want)
		memset(l->flat + offset, 0, want);
	assert_same(l);
	for (u64 i = offset; i < offset + want; i++)
		l->flat[i] = byte_at(i);
	iov_write(l->iov, l->count, 0, l->flat, l->len);
}

/*
 * What is left is the range, in the buffers that it was in. readv(2) need not
 * go through empty ones at the start, nor behind what was asked for.
 */
static void check_cut(const struct list *l, u64 offset, u64 len)
{
	size_t want = part_of(l, offset, len);
	struct iovec iov[MAX_BUFS + 1], *left;
	u32 count = l->count;
	u8 flat[TOTAL];

	memcpy(iov, l->iov, sizeof(l->iov));
	left = iov_cut(iov, &count, offset, len);
	assert_true(left >= iov && left + count <= iov + l->count);
	assert_int_equal(flatten(left, count, flat), want);
	if (want)
		assert_memory_equal(flat, l->flat + offset, want);
	if (!want) {
		assert_int_equal(count, 0);
		return;
	}
	assert_true(left[0].iov_len);
	assert_true(left[count - 1].iov_len || want < len);
	for (u32 i = 0; i < count; i++) {
		const struct iovec *was = &l->iov[left - iov + i];

		if (i)
			assert_ptr_equal(left[i].iov_base, was->iov_base);
		assert_true(left[i].iov_len <= was->iov_len);
	}
	assert_same(l);
}

/* ---- Each range of a few lists ------------------------------------------ */

static void for_each_range(void (*check)(struct list *l, u64 offset, u64 len))
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct list l;

		make_list(&l, &shapes[i]);
		for (u64 offset = 0; offset <= l.len + BEYOND; offset++)
			for (u64 len = 0; len <= l.len + BEYOND; len++)
				check(&l, offset, len);
		free_list(&l);
	}
}

static void read_range(struct list *l, u64 offset, u64 len)
{
	check_read(l, offset, (size_t)len);
}

static void write_range(struct list *l, u64 offset, u64 len)
{
	check_write(l, offset, (size_t)len, 100 + offset * 7 + len);
}

static void cut_range(struct list *l, u64 offset, u64 len)
{
	check_cut(l, offset, len);
}

static void zero_all_ranges(void **state)
{
	(void)state;
	for_each_range(check_zero);
}

static void read_all_ranges(void **state)
{
	(void)state;
	for_each_range(read_range);
}

static void write_all_ranges(void **state)
{
	(void)state;
	for_each_range(write_range);
}

static void cut_all_ranges(void **state)
{
	(void)state;
	for_each_range(cut_range);
}

/* Offsets and lengths that a guest sends, with which sums would wrap. */
static void far_behind_the_end(void **state)
{
	static const u64 far[] = { 1ULL << 32, 1ULL << 63, UINT64_MAX - 2,
				   UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct list l;

		make_list(&l, &shapes[i]);
		for (size_t k = 0; k < ARRAY_SIZE(far); k++) {
			check_read(&l, far[k], 5);
			check_write(&l, far[k], 5, 0);
			check_cut(&l, far[k], 5);
			check_cut(&l, far[k], UINT64_MAX);
			for (u64 offset = 0; offset <= l.len; offset++)
				check_cut(&l, offset, far[k]);
		}
		free_list(&l);
	}
}

/* ---- In other shapes ----------------------------------------------------- */

/* A header is cut off the list, then the rest into parts. */
static void cut_again(void **state)
{
	static const struct shape shape = { { 3, 0, 10, 7, 0, 20 }, 6 };
	struct iovec iov[MAX_BUFS], *left;
	struct list l;
	u8 flat[TOTAL];
	u32 count;

	(void)state;
	make_list(&l, &shape);
	memcpy(iov, l.iov, sizeof(iov));
	count = l.count;
	left = iov_cut(iov, &count, 2, 30);
	for (size_t at = 2; at < 32; at += 4) {
		size_t n = flatten(left, count, flat);

		assert_int_equal(n, 32 - at);
		assert_memory_equal(flat, l.flat + at, n);
		left = iov_cut(left, &count, 4, UINT64_MAX);
	}
	assert_int_equal(count, 0);
	free_list(&l);
}

static u32 below(unsigned int *seed, u32 n)
{
	return (u32)rand_r(seed) % n;
}

static void random_shape(struct shape *shape, unsigned int *seed)
{
	shape->count = below(seed, MAX_BUFS + 1);
	for (u32 i = 0; i < shape->count; i++)
		shape->lens[i] = below(seed, 4) ? (u8)below(seed, MAX_LEN + 1)
						: 0;
}

static void at_random(void **state)
{
	unsigned int seed = SEED;

	(void)state;
	print_message("# seed %u\n", seed);
	for (u32 i = 0; i < ROUNDS; i++) {
		struct shape shape;
		struct list l;
		u32 offset, len;

		random_shape(&shape, &seed);
		make_list(&l, &shape);
		offset = below(&seed, (u32)l.len + BEYOND);
		len = below(&seed, (u32)l.len + BEYOND);
		check_write(&l, offset, len, i);
		check_read(&l, below(&seed, offset + 1), len);
		check_cut(&l, offset, len);
		free_list(&l);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_all_ranges),
		cmocka_unit_test(write_all_ranges),
		cmocka_unit_test(cut_all_ranges),
		cmocka_unit_test(zero_all_ranges),
		cmocka_unit_test(far_behind_the_end),
		cmocka_unit_test(cut_again),
		cmocka_unit_test(at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
