/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of vCPU handling that only vmm/ calls. */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <stdbool.h>

#include "lkvm/vmm/thread.h"

struct vcpu;
struct vm;

/* What a kick sends to a vCPU's thread. */
#define VCPU_KICK_SIGNAL THREAD_INTERRUPT

/* vm.c: whether a reset that the guest requests starts it again. */
bool vm_can_reset(const struct vm *vm);

/* pause.c: once, before the first thread starts. */
void vcpu_kick_install(void);

/* pause.c: this thread is that vCPU's from now on; NULL: no vCPU's. */
void vcpu_set_this(struct vcpu *vcpu);

/*
 * pause.c: vcpu_try_enter(), after the end of a pause. False: the vCPU is to be
 * held.
 */
bool vcpu_enter(struct vcpu *vcpu);

/*
 * hold.c: on the vCPU's thread, outside of the guest and with its exit
 * complete; returns when it is not to be held any more, or the run ends.
 */
void vcpu_wait_held(struct vcpu *vcpu);

/* hold.c: `stopping` has been set: nobody waits any more. */
void vm_wake_held(struct vm *vm);

/* exit.c: on the vCPU's thread, whose KVM_RUN returned with an exit... */
void vcpu_handle_exit(struct vcpu *vcpu);

/* ... or failed with errno `err`. */
void vcpu_run_failed(struct vcpu *vcpu, int err);

/* vcpu.c: starts a thread per vCPU. 0, or -errno after a message. */
int vcpus_start(struct vm *vm);

/* vcpu.c: makes all vCPU threads end and waits for them. */
void vcpus_stop(struct vm *vm);

/* vcpu.c: closes the descriptors and mappings of all vCPUs, for vm_close(). */
void vcpus_close(struct vm *vm);

/* vcpu.c: frees all vCPUs, of which none runs, and the ring that they have. */
void vcpus_destroy(struct vm *vm);

#endif
