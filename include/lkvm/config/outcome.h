/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All ways in which `lkvm run` ends: a name, an exit status and a sentence for
 * each. Names and numbers are lkvm's interface; lkvm.1 lists the same ones.
 */
#ifndef LKVM_CONFIG_OUTCOME_H
#define LKVM_CONFIG_OUTCOME_H

#include <stdio.h>

#include "lkvm/util/util.h"

/* In the order of `lkvm help exit-status`, by status. */
enum outcome {
	OUTCOME_POWEROFF,	/* the guest powered itself off */
	OUTCOME_EXPECTED,	/* what was expected was seen */
	OUTCOME_SETUP,		/* the host has not what the run needs */
	OUTCOME_USAGE,		/* the command line is wrong */
	OUTCOME_RESET,		/* a reset, which ends the run */
	OUTCOME_CRASH,		/* the guest reported that it crashed */
	OUTCOME_FAILURE,	/* KVM, or a part of lkvm, failed */
	OUTCOME_POWER_CUT,	/* --flash ...,cut=N */
	OUTCOME_PANIC,		/* a kernel's, by the console or pvpanic */
	OUTCOME_FIRMWARE_CRASH, /* the same of firmware */
	OUTCOME_RESET_LOOP,	/* it resets itself again and again */
	OUTCOME_HANG,		/* its vCPUs loop in place */
	OUTCOME_BOOT_TIMEOUT,	/* --timeout-boot */
	OUTCOME_UNEXPECTED,	/* it ended before what was expected */
	OUTCOME_FAIL_ON,	/* --fail-on */
	OUTCOME_TIMEOUT,	/* --timeout */
	OUTCOME_KILLED,		/* the user ended it */
	OUTCOME_GUEST,		/* the guest has set a status */
	NR_OUTCOMES
};

/* A row of the table. */
struct outcome_row {
	const char *name; /* a word in lower case */
	int status;	  /* an enum exit_status; EXIT_STATUS_GUEST, too */
	bool is_success;  /* of a test: the status is 0, of all runs */
	bool is_guest;	  /* it says something of the guest, not of the host */
	const char *what; /* a sentence */
};

/* The row of an outcome; never NULL. Any thread. */
const struct outcome_row *outcome_row(enum outcome outcome);

/*
 * The exit status of a run with that outcome, and whether it is a success of a
 * test. `guest` is the status that the guest has set, if it is that one.
 */
int outcome_status(enum outcome outcome, u8 guest);
bool outcome_is_success(enum outcome outcome, u8 guest);

/* Prints the table for users, lines of at most 80 columns. */
void outcome_print_table(FILE *out);

#endif
