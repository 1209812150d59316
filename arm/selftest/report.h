/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the self-test finds, and how it is shown. */
#ifndef ARM_SELFTEST_REPORT_H
#define ARM_SELFTEST_REPORT_H

#include <stdio.h>

#include "lkvm/arm/selftest.h"
#include "lkvm/util/util.h"

enum test_verdict {
	TEST_PASSED,
	TEST_FAILED,
	TEST_SKIPPED, /* this machine has no such thing */
	TEST_STOPPED, /* by the user, in the middle of it */
};

/* A measured value or a remark, by name. */
struct test_note {
	char name[32];
	char text[256]; /* a line about a vCPU fits */
};

/* Zero-initialise all but the name, which is not owned. */
struct test_result {
	const char *name;
	enum test_verdict verdict;
	char detail[160]; /* why so */
	struct test_note *notes;
	size_t nr_notes;
	u64 ms; /* that it took */
};

/* Adds a note; without memory for it there is none. */
void result_note(struct test_result *result, const char *name, const char *fmt,
		 ...) __printf(3, 4);

/* The test has failed; the first reason is its detail, later ones are notes. */
void result_fail(struct test_result *result, const char *fmt, ...)
	__printf(2, 3);

/* The test cannot be made here, unless it has failed or was stopped already. */
void result_skip(struct test_result *result, const char *fmt, ...)
	__printf(2, 3);

/* Frees the notes. */
void result_free(struct test_result *result);

/* Of all results together. */
enum selftest_verdict report_verdict(const struct test_result *results,
				     size_t n);

/* The table: its head, one test with its notes, its last line. */
void report_table_head(FILE *out, const struct selftest_config *config);
void report_table_result(FILE *out, const struct test_result *result);
void report_table_end(FILE *out, const struct selftest_config *config,
		      const struct test_result *results, size_t n);

/* The same for programs, all at once. */
void report_json(FILE *out, const struct selftest_config *config,
		 enum selftest_verdict verdict,
		 const struct test_result *results, size_t n);

#endif
