/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which functions a vCPU is in, by the chain of frame records. */
#ifndef LKVM_ARM_STACK_H
#define LKVM_ARM_STACK_H

#include "lkvm/arm/a64/stage1.h"

#define STACK_MAX 64

/*
 * Where calls return to, from the innermost on, into at[STACK_MAX]; `fp` is the
 * frame pointer, X29, and `ram` all that is looked at. Returns how many: the
 * chain ends where a record cannot be read, or none is named.
 */
unsigned int stack_walk(const struct stage1 *mmu, const struct gmem *ram,
			u64 fp, u64 at[STACK_MAX]);

#endif
