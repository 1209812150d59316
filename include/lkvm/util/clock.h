/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time that passes. */
#ifndef LKVM_UTIL_CLOCK_H
#define LKVM_UTIL_CLOCK_H

#include <time.h>

#include "lkvm/util/util.h"

#define NS_PER_MS     1000000ULL
#define NS_PER_SECOND 1000000000ULL

/* CLOCK_MONOTONIC in ns; never 0. */
static inline u64 clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NS_PER_SECOND + (u64)ts.tv_nsec;
}

#endif
