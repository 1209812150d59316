/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests whose vCPUs loop in place: --hang. The main thread's. */
#ifndef BUILTIN_HANG_H
#define BUILTIN_HANG_H

#include "lkvm/util/util.h"

struct hang;
struct vm;

/*
 * From now on looks whether the guest of `vm` hangs for `seconds`; if so, ends
 * the run with VM_EXIT_CONDITION. Returns 0 or -errno.
 */
int hang_watch(struct vm *vm, u64 seconds, struct hang **out);

/* What was found, where a vCPU stands; NULL: it does not hang. */
const char *hang_found(const struct hang *hang);

/* While there is the event loop. NULL is allowed. */
void hang_destroy(struct hang *hang);

#endif
