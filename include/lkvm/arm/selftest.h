/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `lkvm selftest`: whether lkvm works on this machine's CPU and kernel. */
#ifndef LKVM_ARM_SELFTEST_H
#define LKVM_ARM_SELFTEST_H

#include <stdio.h>

#include "lkvm/util/util.h"

struct selftest_config {
	const char *kvm_dev;
	u64 seed;
	bool quick; /* seconds rather than a minute */
	/* Names of the tests to be run, all if there are none; not owned. */
	const char *const *only;
	size_t nr_only;
	/*
	 * Readable once the user requests a stop: a descriptor of
	 * signalfd(2), which is only polled, or -1.
	 */
	int stop_fd;
	FILE *table; /* for people, line by line as it goes on; or NULL */
	FILE *json;  /* all of it, at the end; or NULL */
};

enum selftest_verdict {
	SELFTEST_PASSED,
	SELFTEST_FAILED,
	SELFTEST_IMPOSSIBLE, /* there is no KVM, say; there was a message */
	SELFTEST_STOPPED,    /* by the user */
};

/*
 * Runs the tests, one after the other. It makes no file that has a name. The
 * streams stay the caller's; for their errors see ferror().
 */
enum selftest_verdict selftest_run(const struct selftest_config *config);

/* True if there is a test of that name. */
bool selftest_exists(const char *name);

/* One line for each test: its name and what it checks. */
void selftest_list(FILE *out);

#endif
