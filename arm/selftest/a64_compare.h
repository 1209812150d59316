/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The A64 interpreter against the CPU of this machine, instruction by
 * instruction. One comparison at a time in a process; it takes SIGTRAP, SIGILL,
 * SIGSEGV and SIGBUS from start to end.
 */
#ifndef ARM_SELFTEST_A64_COMPARE_H
#define ARM_SELFTEST_A64_COMPARE_H

#include <stdio.h>

#include "lkvm/util/util.h"

/*
 * Prepares for instructions that follow from `seed`; what differs is written to
 * `out`. 0 or -errno: without memory that is both writable and executable there
 * is nothing to compare, and nothing to end.
 */
int a64_compare_start(u64 seed, FILE *out);

/* Runs some hundreds more; how many both have carried out since the start. */
unsigned long a64_compare_some(void);

/* How many comparisons since the start have found a difference. */
unsigned long a64_compare_mismatches(void);

/* A class of which none has been carried out yet, by name, or NULL. */
const char *a64_compare_missing(void);

/* Writes how many of each class have been. */
void a64_compare_list(void);

/*
 * True if the interpreter stops at each of `count` words outside of all classes
 * of instructions that it has. The CPU does not execute them.
 */
bool a64_compare_refuses(unsigned long count);

/* Frees memory and restores the signals. */
void a64_compare_end(void);

#endif
