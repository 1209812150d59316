/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM memory slots (KVM_SET_USER_MEMORY_REGION, api.rst 4.35). A slot keeps its
 * id from memslot_init() to memslot_release() and is mapped and unmapped in
 * between: flash banks do so with each change of mode.
 *
 * The lock guards the ids only. Changes of one slot are serialised by its
 * owner, and `mapped` is atomic because the ring and batches read it without
 * the owner's lock. Each ioctl waits for a grace period of the kernel, so one
 * that changes nothing is avoided.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lkvm/vmm/memslot.h"

void memslots_init(struct memslots *slots)
{
	memset(slots, 0, sizeof(*slots));
	pthread_mutex_init(&slots->lock, NULL);
	slots->vm_fd = -1;
}

void memslots_destroy(struct memslots *slots)
{
	pthread_mutex_destroy(&slots->lock);
}

/* The lowest free bit; ids are unique in a VM as long as `used` has them. */
static int take_id(struct memslots *slots, u32 *id)
{
	int ret = -ENOSPC;

	pthread_mutex_lock(&slots->lock);
	if (~slots->used) {
		*id = (u32)__builtin_ctzll(~slots->used);
		slots->used |= BIT(*id);
		ret = 0;
	}
	pthread_mutex_unlock(&slots->lock);
	return ret;
}

/* KVM maps pages of the host: all three values have to be aligned to them. */
int memslot_init(struct memslot *slot, struct memslots *slots, u64 gpa,
		 u64 size, void *hva, bool readonly)
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
	ret = take_id(slots, &slot->id);
	/* Without an id memslot_release() has nothing to do. */
	if (!ret)
		slot->slots = slots;
	return ret;
}

/* A size of 0 deletes the slot. */
static int set_region(struct memslot *slot, u64 size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot->id,
		.flags = slot->readonly ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = slot->gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)slot->hva,
	};

	if (ioctl(slot->slots->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return -errno;
	slot->updates++;
	atomic_fetch_add(&slot->slots->updates, 1);
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

/*
 * After a failure the slot still counts as mapped, since the guest can still
 * use it.
 */
int memslot_unmap(struct memslot *slot)
{
	int ret;

	if (!slot->mapped)
		return 0;
	ret = set_region(slot, 0);
	slot->mapped = ret != 0;
	return ret;
}

/*
 * The id of a slot that KVM did not delete is never used again: a new slot of
 * that id would be taken for a change of the old one.
 */
void memslot_release(struct memslot *slot)
{
	struct memslots *slots = slot->slots;

	if (!slots || memslot_unmap(slot))
		return;
	pthread_mutex_lock(&slots->lock);
	slots->used &= ~BIT(slot->id);
	pthread_mutex_unlock(&slots->lock);
	slot->slots = NULL;
}
