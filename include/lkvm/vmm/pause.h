/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeping vCPUs out of the guest. */
#ifndef LKVM_VMM_PAUSE_H
#define LKVM_VMM_PAUSE_H

#include <stdbool.h>

struct vcpu;
struct vm;

/*
 * When vm_pause() returns, no vCPU is in the guest, nor will one enter it until
 * vm_resume(); vCPUs that handle an exit go on with that. Any thread; a vCPU's
 * own does not count, of course. One pauses at a time, others wait their turn.
 */
void vm_pause(struct vm *vm);
void vm_resume(struct vm *vm);

/*
 * For what runs the guest in another way than by KVM_RUN, on the vCPU's thread:
 * from here to vcpu_leave() it counts as being in the guest. False, and it does
 * not, if there is a pause or the vCPU is to be held; then, and when it is
 * kicked, it has to come to an end soon. It may not wait for anything meanwhile
 * that one who pauses holds.
 */
bool vcpu_try_enter(struct vcpu *vcpu);
void vcpu_leave(struct vcpu *vcpu);

/* Makes vCPU return from KVM_RUN, even if it is only about to enter. */
void vcpu_kick(struct vcpu *vcpu);

/*
 * Makes some vCPU that is in the guest leave it for a moment, on which it
 * carries out what KVM's ring holds. On the event loop's thread, on which vCPUs
 * are started and stopped.
 */
void vm_kick_any(struct vm *vm);

#endif
