/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run of the guest, from the start of the vCPUs to the reason of its end,
 * with resets in between, and the destruction of the VM. On the thread that
 * owns the VM, which runs the event loop meanwhile.
 *
 * The order at the end of a run is fixed: vCPU threads are joined, then devices
 * are quiesced, so that no access can change what was just made durable. After
 * a reset devices come first, then the architecture, then the vCPUs start.
 */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "lkvm/util/log.h"
#include "lkvm/vmm/vm.h"
#include "vcpu.h"

/*
 * KVM waits for a grace period when a VM is closed; if its memory is unmapped
 * first, as by exit(2), for two. Hence before the process ends.
 */
void vm_close(struct vm *vm)
{
	vcpus_close(vm);
	close(vm->fd);
	vm->fd = -1;
}

/*
 * Devices first: they use vCPUs, bus, worker and loop. The ring is destroyed
 * with the vCPUs, whose mapping it is in.
 */
void vm_destroy(struct vm *vm)
{
	device_destroy_all(&vm->devices);
	vcpus_destroy(vm);
	mmio_bus_destroy(&vm->bus);
	worker_destroy(&vm->worker);
	evloop_destroy(&vm->loop);
	pthread_mutex_destroy(&vm->pauser_lock);
	pthread_mutex_destroy(&vm->pause_lock);
	pthread_cond_destroy(&vm->pause_changed);
	memslots_destroy(&vm->slots);
	if (vm->fd >= 0)
		close(vm->fd);
	close(vm->kvm_fd);
}

/* For --timeout: where each vCPU stands is the best hint why a guest hangs. */
static void describe_vcpus(struct vm *vm)
{
	char where[VCPU_DESCRIPTION];

	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		where[0] = '\0';
		if (vm->arch_ops && vm->arch_ops->describe)
			vm->arch_ops->describe(vm->vcpus[i], where,
					       sizeof(where));
		pr_info("vCPU %u: %s", i, where);
	}
}

/*
 * From the start of the guest to its end, or to a reset. A device that cannot
 * be quiesced turns any outcome into a failure: the guest was told that
 * something is done which is not.
 */
static void run_once(struct vm *vm)
{
	int ret = vcpus_start(vm);

	if (!ret)
		ret = evloop_run(&vm->loop);
	if (ret)
		vm_request_exit(vm, VM_EXIT_FAILURE);
	vcpus_stop(vm);
	if (device_quiesce_all(&vm->devices))
		atomic_store(&vm->exit_reason, VM_EXIT_FAILURE);
}

/*
 * True if the machine is as after power-on and is to start again. The exit
 * reason may change at any time, by a signal or a timer; it is only cleared if
 * it still is VM_EXIT_RESET.
 */
static bool reset(struct vm *vm)
{
	int reason = VM_EXIT_RESET;

	if (!vm_can_reset(vm) || atomic_load(&vm->exit_reason) != reason)
		return false;
	/*
	 * A guest that does nothing but reset itself stops the loop before it
	 * has handled a signal or a timer: those are handled here.
	 */
	if (evloop_poll(&vm->loop))
		vm_request_exit(vm, VM_EXIT_FAILURE);
	if (atomic_load(&vm->exit_reason) != reason)
		return false;
	device_reset_all(&vm->devices);
	if (vm->arch_ops->reset(vm))
		vm_request_exit(vm, VM_EXIT_FAILURE);
	atomic_store(&vm->loop.stop, false);
	atomic_store(&vm->stopping, false);
	/* Unless a device has failed meanwhile. */
	return atomic_compare_exchange_strong(&vm->exit_reason, &reason,
					      VM_EXIT_NONE);
}

/* Rate limited: some guests reset themselves in a loop. */
static void count_reset(struct vm *vm)
{
	u64 n = atomic_fetch_add(&vm->resets, 1) + 1;
	u32 dropped;

	if (ratelimit_allow(&vm->reset_messages, &dropped))
		pr_info("reset %" PRIu64 ": the guest starts again", n);
}

/* The bus is frozen: from here on vCPUs read it without a lock. */
enum vm_exit vm_run(struct vm *vm)
{
	mmio_bus_freeze(&vm->bus);
	run_once(vm);
	while (reset(vm)) {
		count_reset(vm);
		run_once(vm);
	}
	if (atomic_load(&vm->exit_reason) == VM_EXIT_TIMEOUT)
		describe_vcpus(vm);
	return (enum vm_exit)atomic_load(&vm->exit_reason);
}
