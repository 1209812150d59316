/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exit status of lkvm, part of its interface. Which ends of a run have
 * which is the table of config/outcome.c; lkvm.1 lists the same.
 */
#ifndef LKVM_EXIT_STATUS_H
#define LKVM_EXIT_STATUS_H

enum exit_status {
	EXIT_STATUS_GUEST = -1,	  /* none of these: the guest has set it */
	EXIT_STATUS_POWEROFF = 0, /* the guest powered itself off */
	EXIT_STATUS_SETUP = 1,	  /* a file, KVM or memory is not available */
	EXIT_STATUS_USAGE = 2,	  /* the command line is wrong */
	EXIT_STATUS_RESET = 3,	  /* the guest asked for a reset */
	EXIT_STATUS_CRASH = 4,	  /* the guest crashed, or KVM or lkvm failed */
	EXIT_STATUS_POWER_CUT = 5, /* --flash ...,cut=N: the Nth was reached */
	/*
	 * Of what the console shows, if the options have it watched, or of a
	 * device that they have added:
	 */
	EXIT_STATUS_PANIC = 6,	  /* a kernel's panic */
	EXIT_STATUS_FIRMWARE = 7, /* an exception or assertion of firmware */
	EXIT_STATUS_RESET_LOOP = 8,
	EXIT_STATUS_HANG = 9,
	EXIT_STATUS_BOOT_TIMEOUT = 10, /* --timeout-boot ran out */
	EXIT_STATUS_UNEXPECTED = 11, /* the end came before --expect's lines */
	EXIT_STATUS_FAIL_ON = 12,    /* a line of --fail-on */
	EXIT_STATUS_TIMEOUT = 124,   /* --timeout ran out; as timeout(1) */
	EXIT_STATUS_KILLED = 130, /* the user ended it: Ctrl-a x or a signal */
};

#endif
