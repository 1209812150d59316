/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an exit from the guest means: an access to a device, a system event, or
 * that KVM cannot go on. Called on the vCPU's thread after KVM_RUN has
 * returned, with no lock held; devices take their own. Exit reasons that are
 * not common to all architectures go to vm_arch_ops.
 *
 * Documentation/virt/kvm/api.rst, section 5, "The kvm_run structure". KVM
 * completes an MMIO read from run->mmio.data at the next KVM_RUN.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/util/log.h"
#include "lkvm/vmm/vm.h"
#include "vcpu.h"

/*
 * Whether this vCPU executes from the region it writes to. A flash unmaps its
 * array with most commands; a vCPU that executes from it would get an abort at
 * its next instruction.
 */
static bool executes_from(struct vcpu *vcpu, const struct mmio_region *region)
{
	const struct vm_arch_ops *ops = vcpu->vm->arch_ops;

	return region && region->code && ops && ops->executes &&
	       ops->executes(vcpu, region->base, region->size);
}

/*
 * The access goes to the region that decodes its first byte; one that nothing
 * decodes reads as zero (vmm/mmio.c). A write of code to its own flash is
 * dropped.
 */
static void exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct mmio_bus *bus = &vcpu->vm->bus;
	u64 addr = run->mmio.phys_addr;
	struct mmio_region *region = mmio_bus_find(bus, addr);
	unsigned int len = MIN(run->mmio.len, 8U);
	u64 value = 0;

	if (run->mmio.is_write) {
		atomic_fetch_add_explicit(&vcpu->stats.mmio_writes, 1,
					  memory_order_relaxed);
		memcpy(&value, run->mmio.data, len);
		if (!executes_from(vcpu, region))
			mmio_region_write(bus, region, addr, value, len);
		return;
	}
	atomic_fetch_add_explicit(&vcpu->stats.mmio_reads, 1,
				  memory_order_relaxed);
	value = mmio_region_read(bus, region, addr, len);
	memcpy(run->mmio.data, &value, len);
}

/* The architecture may go on with the guest in user space, in a batch. */
static void mmio_done(struct vcpu *vcpu)
{
	const struct vm_arch_ops *ops = vcpu->vm->arch_ops;

	if (ops && ops->mmio_done && ops->mmio_done(vcpu))
		vm_request_exit(vcpu->vm, VM_EXIT_FAILURE);
}

/*
 * -ENOTSUP: a type that is newer than this code; the guest waits for its
 * effect, so the run ends.
 */
static void arch_system_event(struct vcpu *vcpu)
{
	const struct vm_arch_ops *ops = vcpu->vm->arch_ops;
	int ret = ops && ops->system_event ? ops->system_event(vcpu) : -ENOTSUP;

	if (ret == -ENOTSUP)
		pr_err("vCPU %u: unknown system event %u", vcpu->id,
		       vcpu->run->system_event.type);
	if (ret)
		vm_request_exit(vcpu->vm, VM_EXIT_FAILURE);
}

/*
 * The flag comes first: the main thread, which the request wakes, then has no
 * need to kick this vCPU.
 */
static void end_run(struct vcpu *vcpu, enum vm_exit reason)
{
	atomic_store(&vcpu->ended, true);
	vm_request_exit(vcpu->vm, reason);
}

/*
 * System events whose meaning is common to all architectures; on arm64 they are
 * PSCI calls. Others, such as suspension, are the architecture's.
 */
static void exit_system_event(struct vcpu *vcpu)
{
	u32 type = vcpu->run->system_event.type;

	switch (type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		end_run(vcpu, VM_EXIT_POWEROFF);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		end_run(vcpu, VM_EXIT_RESET);
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		end_run(vcpu, VM_EXIT_CRASH);
		break;
	default:
		arch_system_event(vcpu);
	}
}

/*
 * Ends the run because of an error of KVM; the message has its code and the
 * vCPU's registers.
 */
static void fail(struct vcpu *vcpu, const char *what, u64 detail)
{
	char where[VCPU_DESCRIPTION] = "";

	if (vcpu->vm->arch_ops && vcpu->vm->arch_ops->describe)
		vcpu->vm->arch_ops->describe(vcpu, where, sizeof(where));
	pr_err("vCPU %u: %s 0x%" PRIx64 "%s%s", vcpu->id, what, detail,
	       where[0] ? " at " : "", where);
	vm_request_exit(vcpu->vm, VM_EXIT_FAILURE);
}

/*
 * An exit reason that is not known ends the run: nothing can be assumed about
 * the state of the vCPU.
 */
static void exit_arch(struct vcpu *vcpu)
{
	int ret = -ENOTSUP;

	if (vcpu->vm->arch_ops && vcpu->vm->arch_ops->handle_exit)
		ret = vcpu->vm->arch_ops->handle_exit(vcpu);
	if (ret == -ENOTSUP)
		fail(vcpu, "unknown exit reason", vcpu->run->exit_reason);
	else if (ret)
		vm_request_exit(vcpu->vm, VM_EXIT_FAILURE);
}

/*
 * On the vCPU's thread. Reasons of one architecture only are its arch_ops' to
 * handle.
 */
void vcpu_handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	/* Writes that KVM has coalesced precede this exit. */
	mmio_ring_flush(&vcpu->vm->ring);
	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		exit_mmio(vcpu);
		mmio_done(vcpu);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		exit_system_event(vcpu);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		fail(vcpu, "KVM could not enter the guest, reason",
		     run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		fail(vcpu, "KVM internal error, suberror",
		     run->internal.suberror);
		break;
	case KVM_EXIT_SHUTDOWN:
		fail(vcpu, "guest shut down by KVM, exit reason",
		     run->exit_reason);
		break;
	default:
		exit_arch(vcpu);
	}
}

/* -EINTR and -EAGAIN, which are kicks, are not errors and do not come here. */
void vcpu_run_failed(struct vcpu *vcpu, int err)
{
	char text[128];

	snprintf(text, sizeof(text), "KVM_RUN failed: %s (errno)",
		 strerror(err));
	fail(vcpu, text, (u64)err);
	if (vcpu->vm->arch_ops && vcpu->vm->arch_ops->run_failed)
		vcpu->vm->arch_ops->run_failed(vcpu, err);
}
