/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all tests of the self-test ask: the time, and whether to go on. */
#include <poll.h>
#include <time.h>

#include "selftest.h"

u64 selftest_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* A failure that was found before the user's end stays one. */
bool selftest_stopped(const struct selftest *st, struct test_result *result)
{
	struct pollfd pollfd = { .fd = st->config->stop_fd, .events = POLLIN };

	if (st->config->stop_fd < 0 || poll(&pollfd, 1, 0) <= 0)
		return false;
	if (result->verdict == TEST_PASSED)
		result->verdict = TEST_STOPPED;
	return true;
}
