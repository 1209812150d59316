/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/gmem.c */
/* Guest memory: no pointer comes out unless the whole range is RAM. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/vmm/gmem.h"

#define LOW  0x80000000ULL
#define HIGH (LOW + SZ_4K)

/* Two banks that touch in the guest's view and not in ours, and the top. */
struct ram {
	struct gmem mem;
	u8 high[SZ_4K];
	u8 gap[64];
	u8 low[SZ_4K];
	u8 top[16];
};

static int setup(void **state)
{
	static struct ram r;

	memset(&r, 0, sizeof(r));
	*state = &r;
	return gmem_add(&r.mem, LOW, sizeof(r.low), r.low) ||
	       gmem_add(&r.mem, HIGH, sizeof(r.high), r.high) ||
	       gmem_add(&r.mem, UINT64_MAX - 15, sizeof(r.top), r.top);
}

static void whole_ranges(void **state)
{
	struct ram *r = *state;

	assert_ptr_equal(gmem_ptr(&r->mem, LOW, 1), r->low);
	assert_ptr_equal(gmem_ptr(&r->mem, LOW, SZ_4K), r->low);
	assert_ptr_equal(gmem_ptr(&r->mem, LOW + 4095, 1), r->low + 4095);
	assert_ptr_equal(gmem_ptr(&r->mem, HIGH, SZ_4K), r->high);
	assert_ptr_equal(gmem_ptr(&r->mem, HIGH + 8, 8), r->high + 8);
	assert_ptr_equal(gmem_ptr(&r->mem, UINT64_MAX, 1), r->top + 15);
	assert_ptr_equal(gmem_ptr(&r->mem, UINT64_MAX - 15, 16), r->top);
}

static void everything_else(void **state)
{
	static const struct {
		u64 gpa, len;
	} bad[] = {
		{ 0, 1 },
		{ LOW - 1, 1 },
		{ LOW - 1, 2 },
		{ LOW - 1, 3 * SZ_4K },
		{ LOW, SZ_4K + 1 },  /* into the next bank */
		{ LOW + 4095, 2 },   /* the same */
		{ HIGH, SZ_4K + 1 }, /* beyond RAM */
		{ HIGH + SZ_4K, 1 },
		{ LOW, UINT64_MAX }, /* the sum wraps */
		{ LOW + 1, UINT64_MAX },
		{ HIGH, 0ULL - HIGH }, /* the sum is 0 */
		{ HIGH, 0ULL - HIGH + 1 },
		{ UINT64_MAX, 2 },
		{ UINT64_MAX - 15, 17 },
		{ UINT64_MAX, UINT64_MAX },
		{ 0, UINT64_MAX },
	};
	struct ram *r = *state;
	u8 buf[8] = "unread";

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_null(gmem_ptr(&r->mem, bad[i].gpa, bad[i].len));
		assert_int_equal(gmem_read(&r->mem, bad[i].gpa, buf,
					   bad[i].len),
				 -EFAULT);
		assert_int_equal(gmem_write(&r->mem, bad[i].gpa, buf,
					    bad[i].len),
				 -EFAULT);
	}
	assert_string_equal(buf, "unread");
	for (size_t i = 0; i < SZ_4K; i++)
		assert_int_equal(r->low[i] | r->high[i], 0);
}

static void copies(void **state)
{
	struct ram *r = *state;
	char buf[6] = "";

	assert_int_equal(gmem_write(&r->mem, LOW + 4090, "hello", 6), 0);
	assert_memory_equal(r->low + 4090, "hello", 6);
	assert_int_equal(gmem_read(&r->mem, LOW + 4090, buf, 6), 0);
	assert_string_equal(buf, "hello");
	assert_int_equal(gmem_write(&r->mem, LOW + 4091, "hello", 6), -EFAULT);
	assert_memory_equal(r->low + 4090, "hello", 6);
}

static void what_is_refused(void **state)
{
	struct ram *r = *state;
	u8 more[2];

	assert_int_equal(gmem_add(&r->mem, 0x1000, 0, more), -EINVAL);
	assert_int_equal(gmem_add(&r->mem, UINT64_MAX, 2, more), -EINVAL);
	assert_int_equal(gmem_add(&r->mem, LOW + 5, 1, more), -EEXIST);
	assert_int_equal(gmem_add(&r->mem, HIGH + 4095, 2, more), -EEXIST);
	assert_int_equal(gmem_add(&r->mem, LOW - 1, 2, more), -EEXIST);
	assert_int_equal(gmem_add(&r->mem, 0, LOW + 1, more), -EEXIST);
	assert_int_equal(gmem_add(&r->mem, LOW - 2, 2, more), 0);
	assert_ptr_equal(gmem_ptr(&r->mem, LOW - 1, 1), more + 1);
	for (u64 n = r->mem.nr_regions; n < GMEM_MAX_REGIONS; n++)
		assert_int_equal(gmem_add(&r->mem, n * 16, 1, more), 0);
	assert_int_equal(gmem_add(&r->mem, 0x5000, 1, more), -ENOSPC);
	assert_null(gmem_ptr(&r->mem, 0x5000, 1));
}

static void shared(void **state)
{
	struct ram *r = *state;

	for (unsigned int i = 0; i < r->mem.nr_regions; i++)
		assert_false(r->mem.regions[i].shared);
	gmem_share(&r->mem, HIGH, 7);
	gmem_share(&r->mem, LOW + 1, 8);
	assert_false(r->mem.regions[0].shared);
	assert_true(r->mem.regions[1].shared);
	assert_int_equal(r->mem.regions[1].fd, 7);
	assert_false(r->mem.regions[2].shared);
}

#define GMEM_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GMEM_TEST(whole_ranges), GMEM_TEST(everything_else),
		GMEM_TEST(copies),	 GMEM_TEST(what_is_refused),
		GMEM_TEST(shared),
	};

	return cmocka_run_group_tests_name("gmem", tests, NULL, NULL);
}
