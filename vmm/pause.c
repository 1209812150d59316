/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which vCPUs are in the guest: they count as such from entering it to leaving
 * it, a kick makes one leave, and a pause keeps all of them out for a moment.
 *
 * A kick is a signal whose handler sets kvm_run.immediate_exit (api.rst, 5): it
 * ends KVM_RUN whether it comes before or inside of it. vm_pause() serialises
 * its callers by `pauser_lock`, held until vm_resume(); `pause_lock` guards the
 * condition `pause_changed` only, so that entering and leaving cost two atomic
 * accesses while there is no pause.
 */
#include <pthread.h>
#include <signal.h>

#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"
#include "vcpu.h"

/*
 * For the handler of the kick signal, which finds the vCPU of its thread here.
 * volatile: it may come at any instruction.
 */
static __thread struct kvm_run *volatile this_run;

/* The vCPU of this thread, NULL on others. */
static __thread struct vcpu *this_vcpu;

void vcpu_set_this(struct vcpu *vcpu)
{
	this_vcpu = vcpu;
	this_run = vcpu ? vcpu->run : NULL;
}

/*
 * Async-signal-safe: one store. vmm/vcpu.c clears the flag before it looks at
 * the reason for the kick.
 */
static void handle_kick(int sig)
{
	(void)sig;
	if (this_run)
		this_run->immediate_exit = 1;
}

void vcpu_kick_install(void)
{
	struct sigaction action = { .sa_handler = handle_kick };

	sigemptyset(&action.sa_mask);
	/* No SA_RESTART: a kick also ends a write to a terminal that blocks. */
	sigaction(VCPU_KICK_SIGNAL, &action, NULL);
}

void vcpu_kick(struct vcpu *vcpu)
{
	pthread_kill(vcpu->thread, VCPU_KICK_SIGNAL);
}

/* One vCPU is enough to drain the ring; it does so when it leaves the guest. */
void vm_kick_any(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		if (!atomic_load(&vm->vcpus[i]->in_guest))
			continue;
		vcpu_kick(vm->vcpus[i]);
		return;
	}
}

/* On a vCPU's thread, outside of the guest and with no lock held. */
static void wait_for_resume(struct vm *vm)
{
	pthread_mutex_lock(&vm->pause_lock);
	while (atomic_load(&vm->paused))
		pthread_cond_wait(&vm->pause_changed, &vm->pause_lock);
	pthread_mutex_unlock(&vm->pause_lock);
}

/*
 * vm_pause() sets `paused` and then looks at `in_guest`; here it is the other
 * way round. With sequentially consistent accesses one of both sees the other.
 * The same holds for `hold`, which vcpu_hold() sets.
 */
bool vcpu_try_enter(struct vcpu *vcpu)
{
	atomic_store(&vcpu->in_guest, true);
	if (!atomic_load(&vcpu->vm->paused) && !atomic_load(&vcpu->hold))
		return true;
	vcpu_leave(vcpu);
	return false;
}

/* Only a pause waits for vCPUs that leave. */
void vcpu_leave(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	atomic_store(&vcpu->in_guest, false);
	if (!atomic_load(&vm->paused))
		return;
	pthread_mutex_lock(&vm->pause_lock);
	pthread_cond_broadcast(&vm->pause_changed);
	pthread_mutex_unlock(&vm->pause_lock);
}

bool vcpu_enter(struct vcpu *vcpu)
{
	while (!vcpu_try_enter(vcpu)) {
		if (atomic_load(&vcpu->hold))
			return false;
		wait_for_resume(vcpu->vm);
	}
	return true;
}

/*
 * The caller's own vCPU is handling an exit and does not enter the guest until
 * it is done.
 */
static bool must_leave(const struct vcpu *vcpu)
{
	return vcpu != this_vcpu && atomic_load(&vcpu->in_guest);
}

/*
 * All are kicked before the first is waited for, so that they leave in
 * parallel: a pause costs one round trip, not one per vCPU.
 */
void vm_pause(struct vm *vm)
{
	pthread_mutex_lock(&vm->pauser_lock);
	pthread_mutex_lock(&vm->pause_lock);
	atomic_store(&vm->paused, true);
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		if (must_leave(vm->vcpus[i]))
			vcpu_kick(vm->vcpus[i]);
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		while (must_leave(vm->vcpus[i]))
			pthread_cond_wait(&vm->pause_changed, &vm->pause_lock);
	pthread_mutex_unlock(&vm->pause_lock);
}

/* On the thread that called vm_pause(), as it unlocks that one's mutex. */
void vm_resume(struct vm *vm)
{
	pthread_mutex_lock(&vm->pause_lock);
	atomic_store(&vm->paused, false);
	pthread_cond_broadcast(&vm->pause_changed);
	pthread_mutex_unlock(&vm->pause_lock);
	pthread_mutex_unlock(&vm->pauser_lock);
}
