/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs that are held: their threads wait outside of the guest, each until it
 * is released or the run ends. What a pause is, a moment in which no vCPU may
 * be in the guest, is in vmm/pause.c; both may be there at once.
 *
 * A vCPU that blocks in a device, because its terminal is not read, is held
 * when it gets on; nobody waits for that here. `pause_lock` and `pause_changed`
 * are used as for pauses.
 */
#include <pthread.h>

#include "lkvm/vmm/hold.h"
#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"
#include "vcpu.h"

/*
 * On the event loop's thread a vCPU's thread cannot end meanwhile: that is who
 * joins it.
 */
void vcpu_hold(struct vcpu *vcpu)
{
	atomic_store(&vcpu->hold, true);
	if (atomic_load(&vcpu->in_guest))
		vcpu_kick(vcpu);
}

void vcpu_release(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->pause_lock);
	atomic_store(&vcpu->hold, false);
	/* It has been let go, though its thread may be slow to wake. */
	atomic_store(&vcpu->held, false);
	pthread_cond_broadcast(&vm->pause_changed);
	pthread_mutex_unlock(&vm->pause_lock);
}

bool vcpu_is_held(struct vcpu *vcpu)
{
	return atomic_load(&vcpu->held);
}

/*
 * Each turn tells: it may be held again before this thread has noticed that it
 * was released, and who asked for that waits to be told.
 */
void vcpu_wait_held(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->pause_lock);
	while (atomic_load(&vcpu->hold) && !atomic_load(&vm->stopping)) {
		if (!atomic_exchange(&vcpu->held, true) && vm->arch_ops &&
		    vm->arch_ops->held)
			vm->arch_ops->held(vcpu);
		pthread_cond_wait(&vm->pause_changed, &vm->pause_lock);
	}
	atomic_store(&vcpu->held, false);
	pthread_mutex_unlock(&vm->pause_lock);
}

void vm_wake_held(struct vm *vm)
{
	pthread_mutex_lock(&vm->pause_lock);
	pthread_cond_broadcast(&vm->pause_changed);
	pthread_mutex_unlock(&vm->pause_lock);
}
