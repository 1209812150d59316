/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's barriers, for those of the guest. Each is the same kind as the
 * guest's, for the full system: that is at least as strong as what it named.
 *
 * What the guest's instructions order, this thread's accesses have to keep: a
 * load, a branch that depends on it and an ISB keep later loads behind the
 * first one, which the branch alone does not (DDI 0487, B2.3, "Dependency-
 * ordered-before"). Here the branch is the loop's own, through the handler's
 * address.
 *
 * On other architectures, where only tests run, a DMB is a fence, and the rest
 * is at least that the compiler moves nothing.
 */
#include "decode.h"

void a64_host_dmb(void)
{
#ifdef __aarch64__
	asm volatile("dmb sy" ::: "memory");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

void a64_host_dsb(void)
{
#ifdef __aarch64__
	asm volatile("dsb sy" ::: "memory");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

void a64_host_isb(void)
{
#ifdef __aarch64__
	asm volatile("isb" ::: "memory");
#else
	asm volatile("" ::: "memory");
#endif
}
