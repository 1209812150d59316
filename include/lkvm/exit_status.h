/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exit status of lkvm. Part of its interface: README.md and lkvm.1 list it.
 */
#ifndef LKVM_EXIT_STATUS_H
#define LKVM_EXIT_STATUS_H

enum exit_status {
	EXIT_STATUS_POWEROFF = 0, /* the guest powered itself off */
	EXIT_STATUS_SETUP = 1,	  /* a file, KVM or memory is not available */
	EXIT_STATUS_USAGE = 2,	  /* the command line is wrong */
	EXIT_STATUS_RESET = 3,	  /* the guest asked for a reset */
	EXIT_STATUS_CRASH = 4,	  /* the guest crashed, or KVM or lkvm failed */
	EXIT_STATUS_POWER_CUT = 5, /* --flash ...,cut=N: the Nth was reached */
	EXIT_STATUS_TIMEOUT = 124, /* --timeout ran out; as timeout(1) */
	EXIT_STATUS_KILLED = 130,  /* the user ended it: Ctrl-a x or a signal */
};

#endif
