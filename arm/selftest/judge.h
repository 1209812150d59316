/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Judges what the self-test's guest prints: see guest/lib/console.c. */
#ifndef ARM_SELFTEST_JUDGE_H
#define ARM_SELFTEST_JUDGE_H

#include "report.h"

/*
 * Adds to the result what the guest's lines say: failed checks, notes, outcomes
 * of litmus tests. It fails if the last of them is not that of a program that
 * came to its end, with all checks good. `console` is changed.
 */
void judge_console(struct test_result *result, char *console);

/*
 * The outcomes of a litmus test, in the order of guest/litmus.c. A forbidden
 * one is a failure, and so is a test without a rule or without outcomes.
 */
void judge_litmus(struct test_result *result, const char *name,
		  const u64 counts[4]);

/*
 * Fails unless each of the litmus tests of that kind has left a note in each of
 * `runs` runs of the guest so far.
 */
void judge_litmus_complete(struct test_result *result, bool flash,
			   unsigned int runs);

#endif
