/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals that lkvm's own faults cause. They are not blocked on any thread, or
 * the kernel would kill the process without the handler that restores the
 * terminal.
 */
#ifndef LKVM_UTIL_FAULT_SIGNALS_H
#define LKVM_UTIL_FAULT_SIGNALS_H

#include <signal.h>

#include "lkvm/util/util.h"

static const int fault_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE,
				     SIGTRAP, SIGSYS, SIGABRT };

/* All signals but these, for a thread's mask. */
static inline void sigfill_but_faults(sigset_t *set)
{
	sigfillset(set);
	for (size_t i = 0; i < ARRAY_SIZE(fault_signals); i++)
		sigdelset(set, fault_signals[i]);
}

#endif
