/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/lone.c */
/* When vCPUs do requests that are alone, and when they leave them again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lkvm/virtio/lone.h"

#define NEEDED	  64U
#define STAY	  256U
#define BY_THREAD 8000U /* ns for a request with the guest's part */
#define QUICK	  1000U /* of these the vCPU's */

static u64 now = 1;

static void taken(struct virtio_lone *lone, u32 n)
{
	for (u32 i = 0; i < n; i++, now += BY_THREAD)
		lone_taken(lone, now, true);
}

static void done(struct virtio_lone *lone, u32 n, u64 ns)
{
	while (n--)
		lone_done(lone, ns);
}

/* Up to the request that is held back. */
static struct virtio_lone held(void)
{
	struct virtio_lone lone;

	lone_init(&lone);
	taken(&lone, NEEDED);
	assert_true(lone.probe);
	return lone;
}

/* vCPUs do them. */
static struct virtio_lone begun(void)
{
	struct virtio_lone lone = held();

	lone_held(&lone, false);
	assert_true(lone.here);
	assert_false(lone.probe);
	return lone;
}

static void a_streak_holds_one_back(void **state)
{
	struct virtio_lone lone;

	(void)state;
	lone_init(&lone);
	taken(&lone, NEEDED - 1);
	assert_false(lone.probe);
	lone_taken(&lone, now, false);
	now += BY_THREAD;
	taken(&lone, NEEDED - 1);
	assert_false(lone.probe);
	taken(&lone, 1);
	assert_true(lone.probe);
	assert_false(lone.here);
	assert_int_equal(lone_hold_ns(&lone), 8 * BY_THREAD);
}

static void not_for_longer_than_a_guest_would_notice(void **state)
{
	struct virtio_lone lone;

	(void)state;
	lone_init(&lone);
	assert_int_equal(lone_hold_ns(&lone), 0);
	lone_taken(&lone, 1, true);
	assert_int_equal(lone_hold_ns(&lone), 0);
	lone_taken(&lone, UINT64_MAX, true);
	assert_int_equal(lone_hold_ns(&lone), 4000000);
}

static void another_request_speaks_for_the_thread(void **state)
{
	struct virtio_lone lone = held();

	(void)state;
	for (u32 needed = 2 * NEEDED; needed <= 65536; needed *= 2) {
		lone_held(&lone, true);
		assert_false(lone.here);
		assert_false(lone.probe);
		taken(&lone, needed - 1);
		assert_false(lone.probe);
		taken(&lone, 1);
		assert_true(lone.probe);
	}
	lone_held(&lone, true);
	taken(&lone, 65536);
	assert_true(lone.probe);
}

static void vcpus_stay_for_a_while(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	done(&lone, STAY - 1, QUICK);
	assert_true(lone.here);
	done(&lone, 1, QUICK);
	assert_false(lone.here);
	/* The next one is held back at once. */
	taken(&lone, 1);
	assert_true(lone.probe);
}

/* If that speaks for the thread, it is as at first. */
static void what_was_good_is_forgiven(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	done(&lone, STAY, QUICK);
	taken(&lone, 1);
	lone_held(&lone, true);
	taken(&lone, 2 * NEEDED - 1);
	assert_false(lone.probe);
	taken(&lone, 1);
	assert_true(lone.probe);
}

static void they_leave_what_is_slow(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	done(&lone, 8, BY_THREAD / 2 + 1);
	assert_true(lone.here);
	done(&lone, 1, BY_THREAD / 2 + 1);
	assert_false(lone.here);
	taken(&lone, 2 * NEEDED - 1);
	assert_false(lone.probe);
	taken(&lone, 1);
	assert_true(lone.probe);
}

/* Half of the time is not slow. */
static void they_stay_at_the_limit(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	done(&lone, 100, BY_THREAD / 2);
	assert_true(lone.here);
}

static void one_mistake_in_five_is_not_too_many(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	for (u32 i = 0; i < STAY / 4 - 4; i++) {
		lone_failed(&lone);
		done(&lone, 4, QUICK);
	}
	assert_true(lone.here);
	lone = begun();
	for (u32 i = 0; i < STAY / 3 - 3 && lone.here; i++) {
		lone_failed(&lone);
		done(&lone, 3, QUICK);
	}
	assert_false(lone.here);
}

/* What the thread measured before vCPUs were there is of no account. */
static void an_idle_guest_is_not_slow(void **state)
{
	struct virtio_lone lone = begun();
	u64 hold = lone_hold_ns(&lone);

	(void)state;
	done(&lone, STAY, QUICK);
	now += 1000000000;
	taken(&lone, 1);
	assert_int_equal(lone_hold_ns(&lone), hold);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_streak_holds_one_back),
		cmocka_unit_test(not_for_longer_than_a_guest_would_notice),
		cmocka_unit_test(another_request_speaks_for_the_thread),
		cmocka_unit_test(vcpus_stay_for_a_while),
		cmocka_unit_test(what_was_good_is_forgiven),
		cmocka_unit_test(they_leave_what_is_slow),
		cmocka_unit_test(they_stay_at_the_limit),
		cmocka_unit_test(one_mistake_in_five_is_not_too_many),
		cmocka_unit_test(an_idle_guest_is_not_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
