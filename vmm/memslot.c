/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lkvm/util/log.h"
#include "lkvm/vmm/memslot.h"
#include "lkvm/vmm/vm.h"

void memslot_ids_init(struct memslot_ids *ids)
{
	pthread_mutex_init(&ids->lock, NULL);
	ids->used = 0;
}

static int take_id(struct memslot_ids *ids, u32 *id)
{
	int ret = -ENOSPC;

	pthread_mutex_lock(&ids->lock);
	if (~ids->used) {
		*id = (u32)__builtin_ctzll(~ids->used);
		ids->used |= BIT(*id);
		ret = 0;
	}
	pthread_mutex_unlock(&ids->lock);
	return ret;
}

int memslot_init(struct memslot *slot, struct vm *vm, u64 gpa, u64 size,
		 void *hva, bool readonly)
{
	u64 page = (u64)sysconf(_SC_PAGESIZE);
	int ret;

	memset(slot, 0, sizeof(*slot));
	if (!size || !IS_ALIGNED(gpa | size | (uintptr_t)hva, page))
		return -EINVAL;
	slot->gpa = gpa;
	slot->size = size;
	slot->hva = hva;
	slot->readonly = readonly;
	ret = take_id(&vm->slot_ids, &slot->id);
	/* Without an id there is nothing for memslot_release() to give back. */
	if (!ret)
		slot->vm = vm;
	return ret;
}

static int set_region(struct memslot *slot, u64 size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot->id,
		.flags = slot->readonly ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = slot->gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)slot->hva,
	};

	if (ioctl(slot->vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return -errno;
	slot->updates++;
	atomic_fetch_add(&slot->vm->memslot_updates, 1);
	return 0;
}

int memslot_map(struct memslot *slot)
{
	int ret;

	if (slot->mapped)
		return 0;
	ret = set_region(slot, slot->size);
	slot->mapped = !ret;
	return ret;
}

int memslot_unmap(struct memslot *slot)
{
	int ret;

	if (!slot->mapped)
		return 0;
	ret = set_region(slot, 0);
	slot->mapped = ret != 0;
	if (ret) {
		/* The guest would go on with what it must not see any more. */
		pr_err("Unable to take memory slot %u away from the guest: %s",
		       slot->id, strerror(-ret));
		vm_request_exit(slot->vm, VM_EXIT_FAILURE);
	}
	return ret;
}

void memslot_release(struct memslot *slot)
{
	struct memslot_ids *ids;

	if (!slot->vm)
		return;
	ids = &slot->vm->slot_ids;
	/* A slot that cannot be deleted keeps its id: nobody may reuse it. */
	if (memslot_unmap(slot))
		return;
	pthread_mutex_lock(&ids->lock);
	ids->used &= ~BIT(slot->id);
	pthread_mutex_unlock(&ids->lock);
	slot->vm = NULL;
}
