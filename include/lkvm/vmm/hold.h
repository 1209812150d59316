/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Holding vCPUs, each by itself and for any time, as debuggers do. One that is
 * held has no exit under way, so that any thread may read and set its registers
 * until it is released.
 */
#ifndef LKVM_VMM_HOLD_H
#define LKVM_VMM_HOLD_H

#include <stdbool.h>

struct vcpu;

/*
 * The vCPU is to be held, soon: vm_arch_ops.held tells when it is. On the event
 * loop's thread, also before vm_run(), or on the vCPU's own, on which it takes
 * effect when the exit has been handled. Stays in effect over a reset.
 */
void vcpu_hold(struct vcpu *vcpu);

/* It goes on. On the event loop's thread. */
void vcpu_release(struct vcpu *vcpu);

/* Whether it is. Any thread. */
bool vcpu_is_held(struct vcpu *vcpu);

#endif
