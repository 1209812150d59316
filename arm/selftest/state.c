/* SPDX-License-Identifier: GPL-2.0-or-later */
<<<<<<< HEAD:arm/selftest/state.c
/* What all tests of the self-test ask: the time, and whether to go on. */
=======
/*
 * Time and the user's request to stop, for all parts of the self-test. Main
 * thread; safe to call at any moment between two steps of a test.
 */
>>>>>>> prose2:arm/selftest/clock.c
#include <poll.h>
#include <time.h>

#include "selftest.h"

/* Monotonic: a step of the host's time must not fail a test. */
u64 selftest_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

<<<<<<< HEAD:arm/selftest/state.c
/* A failure that was found before the user's end stays one. */
=======
/* Polls only: the signal stays pending for the caller of selftest_run(). */
>>>>>>> prose2:arm/selftest/clock.c
bool selftest_stopped(const struct selftest *st, struct test_result *result)
{
	struct pollfd pollfd = { .fd = st->config->stop_fd, .events = POLLIN };

	if (st->config->stop_fd < 0 || poll(&pollfd, 1, 0) <= 0)
		return false;
	if (result->verdict == TEST_PASSED)
		result->verdict = TEST_STOPPED;
	return true;
}
