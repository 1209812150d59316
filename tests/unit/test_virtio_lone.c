/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/lone.c */
/* When vCPUs do requests that are alone, and when they leave them again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lkvm/virtio/lone.h"

#define STREAK	64U
#define PERIOD	64U
#define WAKE_UP 10000U /* ns */

static void alone(struct virtio_lone *lone, u32 n)
{
	while (n--)
		lone_by_thread(lone, true);
}

static void measure(struct virtio_lone *lone, u64 ns)
{
	for (u32 i = 0; i < LONE_SAMPLES; i++) {
		assert_true(lone_is_due(lone));
		lone_woken(lone, ns);
	}
	assert_false(lone_is_due(lone));
}

/* vCPUs do them, and waking the thread takes WAKE_UP. */
static struct virtio_lone begun(void)
{
	struct virtio_lone lone;

	lone_init(&lone);
	alone(&lone, STREAK);
	measure(&lone, WAKE_UP);
	return lone;
}

static void a_streak_makes_them_try(void **state)
{
	struct virtio_lone lone;

	(void)state;
	lone_init(&lone);
	assert_false(lone_is_due(&lone));
	alone(&lone, STREAK - 1);
	assert_false(lone.here);
	lone_by_thread(&lone, false);
	alone(&lone, STREAK - 1);
	assert_false(lone.here);
	alone(&lone, 1);
	assert_true(lone.here);
	measure(&lone, WAKE_UP);
	assert_true(lone.here);
}

/* Four wake-ups are the limit. */
static void quick_ones_stay(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	for (u32 i = 0; i < 10000; i++)
		lone_done(&lone, i % 5 ? 4 * WAKE_UP : 100 * WAKE_UP);
	assert_true(lone.here);
	for (u32 i = 0; i < 20; i++)
		lone_done(&lone, 4 * WAKE_UP + 1);
	assert_false(lone.here);
}

static void one_slow_wake_up_does_not_count(void **state)
{
	struct virtio_lone lone;

	(void)state;
	lone_init(&lone);
	alone(&lone, STREAK);
	for (u32 i = 0; i < LONE_SAMPLES; i++)
		lone_woken(&lone, i == 1 ? 1000000000 : WAKE_UP);
	for (u32 i = 0; i < 20; i++)
		lone_done(&lone, 4 * WAKE_UP + 1);
	assert_false(lone.here);
}

/* Others came meanwhile, or there was a wait for the disk. */
static void one_in_five_may_fail(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	for (u32 i = 0; i < 1000; i++)
		if (i % 5)
			lone_done(&lone, WAKE_UP);
		else
			lone_failed(&lone);
	assert_true(lone.here);
	for (u32 i = 0; i < 100; i++)
		if (i % 3)
			lone_done(&lone, WAKE_UP);
		else
			lone_failed(&lone);
	assert_false(lone.here);
}

/* What a vCPU does at once is always alone: the thread gets some, too. */
static void several_under_way_are_found_out(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	for (u32 i = 0; i < 4; i++) {
		for (u32 j = 0; j < PERIOD; j++) {
			assert_false(lone_is_due(&lone));
			lone_done(&lone, WAKE_UP);
		}
		assert_true(lone_is_due(&lone));
		lone_woken(&lone, WAKE_UP);
		lone_by_thread(&lone, true);
	}
	assert_true(lone.here);
	/* One may be by chance; the next is looked at as well. */
	lone_by_thread(&lone, false);
	assert_true(lone_is_due(&lone));
	lone_woken(&lone, WAKE_UP);
	lone_by_thread(&lone, false);
	assert_true(lone.here);
	lone_by_thread(&lone, false);
	assert_false(lone.here);
}

/* The processor's idle states may change. */
static void wake_ups_are_measured_again(void **state)
{
	struct virtio_lone lone = begun();

	(void)state;
	for (u32 i = 0; i < LONE_SAMPLES * PERIOD; i++) {
		if (lone_is_due(&lone))
			lone_woken(&lone, 3 * WAKE_UP);
		lone_done(&lone, WAKE_UP);
	}
	for (u32 i = 0; i < 20; i++)
		lone_done(&lone, 9 * WAKE_UP);
	assert_true(lone.here);
}

static u32 streak_needed(struct virtio_lone *lone)
{
	u32 n = 0;

	for (; !lone->here; n++)
		lone_by_thread(lone, true);
	return n;
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
	for (u32 n = STREAK * 2; n < 65536; n *= 2) {
		give_up(&lone);
		assert_int_equal(streak_needed(&lone), n);
	}
	give_up(&lone);
	assert_int_equal(streak_needed(&lone), 65536);
	give_up(&lone);
	assert_int_equal(streak_needed(&lone), 65536);
	measure(&lone, WAKE_UP);
	for (u32 i = 0; i < 1024; i++)
		lone_done(&lone, WAKE_UP);
	give_up(&lone);
	assert_int_equal(streak_needed(&lone), STREAK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_streak_makes_them_try),
		cmocka_unit_test(quick_ones_stay),
		cmocka_unit_test(one_slow_wake_up_does_not_count),
		cmocka_unit_test(one_in_five_may_fail),
		cmocka_unit_test(several_under_way_are_found_out),
		cmocka_unit_test(wake_ups_are_measured_again),
		cmocka_unit_test(attempts_in_vain_get_rare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
