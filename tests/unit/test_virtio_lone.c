/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/lone.c */
/* When vCPUs do requests that are alone, and when they leave them again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lkvm/virtio/lone.h"

#define WINDOW	  64U
#define STREAK	  (4 * WINDOW + 1)
#define TRIAL	  (4 * WINDOW + 1)
#define STAY	  (16 * WINDOW)
#define BY_THREAD 8000U /* ns for a request with the guest's part */
#define BY_VCPU	  4000U
#define QUICK	  1000U /* of these the vCPU's */

static u64 now;

static void taken(struct virtio_lone *lone, u32 n, u64 ns)
{
	for (u32 i = 0; i < n; i++, now += ns)
		lone_taken(lone, now, true);
}

static void done(struct virtio_lone *lone, u32 n, u64 ns)
{
	for (u32 i = 0; i < n; i++, now += ns)
		lone_done(lone, now, QUICK);
}

/* vCPUs do them. */
static struct virtio_lone begun(void)
{
	struct virtio_lone lone;

	lone_init(&lone);
	taken(&lone, STREAK, BY_THREAD);
	assert_true(lone.here);
	return lone;
}

static void a_streak_makes_them_try(void **state)
{
	struct virtio_lone lone;

	(void)state;
	lone_init(&lone);
	taken(&lone, STREAK - 1, BY_THREAD);
	assert_false(lone.here);
	lone_taken(&lone, now, false);
	taken(&lone, STREAK - 1, BY_THREAD);
	assert_false(lone.here);
	taken(&lone, 1, BY_THREAD);
	assert_true(lone.here);
}

static void they_stay_if_the_guest_is_quicker(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	done(&lone, TRIAL + STAY - 1, BY_VCPU);
	assert_true(lone.here);
	/* It is looked again, with a shorter streak. */
	done(&lone, 1, BY_VCPU);
	assert_false(lone.here);
	taken(&lone, WINDOW, BY_THREAD);
	assert_false(lone.here);
	taken(&lone, 1, BY_THREAD);
	assert_true(lone.here);
}

/* Several would be under way, but for the vCPU that ends each at once. */
static void they_leave_if_it_is_not(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	done(&lone, TRIAL - 1, BY_THREAD / 8 * 7);
	assert_true(lone.here);
	done(&lone, 1, BY_THREAD / 8 * 7);
	assert_false(lone.here);
	taken(&lone, 2 * (STREAK - 1), BY_THREAD);
	assert_false(lone.here);
	taken(&lone, 1, BY_THREAD);
	assert_true(lone.here);
	done(&lone, TRIAL, BY_THREAD / 8 * 7 - 1);
	assert_true(lone.here);
}

static void they_leave_as_soon_as_it_is_not(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	done(&lone, TRIAL + STAY, BY_VCPU);
	taken(&lone, WINDOW + 1, BY_THREAD / 8);
	assert_true(lone.here);
	done(&lone, TRIAL, BY_VCPU);
	assert_false(lone.here);
}

/* The quickest window counts: the guest has also other things to do. */
static void pauses_do_not_count(void **state)
{
	struct virtio_lone lone;

	(void)state;
	lone_init(&lone);
	for (u32 i = 0; i < 4; i++) {
		taken(&lone, WINDOW, BY_THREAD);
		now += i < 3 ? 1000000000 : 0;
	}
	taken(&lone, 1, BY_THREAD);
	for (u32 i = 0; i < 4; i++) {
		done(&lone, WINDOW, BY_VCPU);
		now += i != 1 ? 1000000000 : 0;
	}
	done(&lone, 1, BY_VCPU);
	assert_true(lone.here);
}

/* Half of the time there is for one. */
static void slow_ones_are_the_threads(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	for (u32 i = 0; i < 100; i++, now += BY_VCPU)
		lone_done(&lone, now, i % 5 ? BY_THREAD / 2 : BY_THREAD * 10);
	assert_true(lone.here);
	for (u32 i = 0; i < 20; i++, now += BY_VCPU)
		lone_done(&lone, now, BY_THREAD / 2 + 1);
	assert_false(lone.here);
}

/* Others came meanwhile, or there was a wait for the disk. */
static void one_in_five_may_fail(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	for (u32 i = 0; i < 200; i++)
		if (i % 5)
			done(&lone, 1, BY_VCPU);
		else
			lone_failed(&lone);
	assert_true(lone.here);
	for (u32 i = 0; i < 50; i++)
		if (i % 3)
			done(&lone, 1, BY_VCPU);
		else
			lone_failed(&lone);
	assert_false(lone.here);
}

static u32 streak_needed(struct virtio_lone *lone)
{
	u32 n = 0;

	for (; !lone->here; n++)
		taken(lone, 1, BY_THREAD);
	return n - 1;
}

static void give_up(struct virtio_lone *lone)
{
	while (lone->here)
		lone_failed(lone);
}

/* A host whose disk is slow does not have vCPUs try again and again. */
static void attempts_in_vain_get_rare(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	for (u32 n = 8 * WINDOW; n < 65536; n *= 2) {
		give_up(&lone);
		assert_int_equal(streak_needed(&lone), n);
	}
	give_up(&lone);
	assert_int_equal(streak_needed(&lone), 65536);
	give_up(&lone);
	assert_int_equal(streak_needed(&lone), 65536);
	done(&lone, TRIAL + STAY, BY_VCPU);
	assert_int_equal(streak_needed(&lone), WINDOW);
	give_up(&lone);
	assert_int_equal(streak_needed(&lone), 8 * WINDOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_streak_makes_them_try),
		cmocka_unit_test(they_stay_if_the_guest_is_quicker),
		cmocka_unit_test(they_leave_if_it_is_not),
		cmocka_unit_test(they_leave_as_soon_as_it_is_not),
		cmocka_unit_test(pauses_do_not_count),
		cmocka_unit_test(slow_ones_are_the_threads),
		cmocka_unit_test(one_in_five_may_fail),
		cmocka_unit_test(attempts_in_vain_get_rare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
