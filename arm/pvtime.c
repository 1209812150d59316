/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stolen time (Arm DEN0057A): one 64-byte record per vCPU in a page that KVM
 * writes and the guest finds by an SMCCC call.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lkvm/util/log.h"
#include "machine.h"

#define PVTIME_RECORD 64

/* The memory is there before the vCPUs, of which each gets its record. */
int pvtime_create(struct machine *machine)
{
	const struct addr_range *range = &machine->type->pvtime;
	struct memslot slot;
	void *map;
	int ret;

	if (!machine->features.pvtime)
		return 0;
	map = mmap(NULL, range->size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED) {
		ret = -errno;
		goto err;
	}
	machine->pvtime_hva = map;
	/*
	 * Deliberately not part of the guest memory API: no device has any
	 * business in it.
	 */
	ret = memslot_init(&slot, &machine->vm.slots, range->base, range->size,
			   map, false);
	if (!ret)
		ret = memslot_map(&slot);
	if (!ret)
		return 0;
err:
	pr_fatal("Unable to set up stolen time: %s; --no-pvtime does without",
		 strerror(-ret));
	return ret;
}

/* Where KVM does not offer it the feature is off, which is no error. */
int pvtime_init_vcpu(struct machine *machine, struct vcpu *vcpu)
{
	u64 ipa = machine->type->pvtime.base + (u64)vcpu->id * PVTIME_RECORD;
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VCPU_PVTIME_CTRL,
		.attr = KVM_ARM_VCPU_PVTIME_IPA,
		.addr = (uintptr_t)&ipa,
	};
	int ret;

	if (!machine->features.pvtime)
		return 0;
	if (ioctl(vcpu->fd, KVM_HAS_DEVICE_ATTR, &attr) < 0) {
		machine->features.pvtime = false;
		return 0;
	}
	/*
	 * KVM reads a record before it writes it, with which the kernel maps
	 * its page of zeros first and has to take it back; written to, the
	 * page is there.
	 */
	memset((u8 *)machine->pvtime_hva + (u64)vcpu->id * PVTIME_RECORD, 0,
	       PVTIME_RECORD);
	if (ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &attr) == 0)
		return 0;
	ret = -errno;
	pr_fatal("vCPU %u: unable to set up stolen time: %s; --no-pvtime does "
		 "without",
		 vcpu->id, strerror(-ret));
	return ret;
}

/* KVM goes on adding to what it finds there. */
void pvtime_reset(struct machine *machine)
{
	if (machine->pvtime_hva)
		memset(machine->pvtime_hva, 0, machine->type->pvtime.size);
}

void pvtime_destroy(struct machine *machine)
{
	if (machine->pvtime_hva)
		munmap(machine->pvtime_hva, machine->type->pvtime.size);
	machine->pvtime_hva = NULL;
}
