/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest of `lkvm selftest` does, by the number `test=` on its command
 * line. Shared with lkvm, which judges what it prints.
 */
#ifndef GUEST_TESTS_H
#define GUEST_TESTS_H

enum guest_test {
	GUEST_START,
	GUEST_FLASH,
	GUEST_BATCH,
	GUEST_LITMUS,
	GUEST_ICACHE,
	GUEST_RESETS,
	GUEST_TIMERS,
};

/* Each may return early after a check that failed. */
void test_start(void);
void test_flash(void);
void test_batch(void);
void test_litmus(void);
void test_icache(void);
void test_resets(void);
void test_timers(void);

#endif
