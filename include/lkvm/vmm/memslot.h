/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM memory slots: host memory that the guest reaches without an exit. */
#ifndef LKVM_VMM_MEMSLOT_H
#define LKVM_VMM_MEMSLOT_H

#include <pthread.h>
#include <stdatomic.h>

#include "lkvm/util/util.h"

#define MEMSLOT_MAX 64

/* The slots of a VM. */
struct memslots {
	int vm_fd; /* the VM's; not owned */
	pthread_mutex_t lock;
	u64 used;	      /* one bit per id; guarded by `lock` */
	_Atomic(u64) updates; /* ioctls that changed any of them */
};

/*
 * One slot. Prepared by memslot_init(); the owner serialises map and unmap.
 */
struct memslot {
	struct memslots *slots; /* NULL: it has no id */
	u32 id;
	bool readonly;
	atomic_bool mapped; /* may be read without the owner's lock */
	u64 gpa;
	u64 size;
	void *hva;
	_Atomic(u64) updates; /* ioctls that changed the slot */
};

/* Prepares the slots of a VM, none of which is in use; `vm_fd` is -1. */
void memslots_init(struct memslots *slots);

/* Ends it: no slot is used any more. */
void memslots_destroy(struct memslots *slots);

/*
 * Takes an id for a slot of `size` bytes at `gpa`, backed by `hva`; all three
 * multiples of the host's page size. Nothing is mapped yet. Returns 0,
 * -EINVAL, or -ENOSPC if no id is free.
 */
int memslot_init(struct memslot *slot, struct memslots *slots, u64 gpa,
		 u64 size, void *hva, bool readonly);

/*
 * Makes the memory visible to the guest, or takes it away; no ioctl if it
 * already is so. A read-only slot: reads and execution run in the guest,
 * writes exit as MMIO. Returns 0 or -errno, the slot being as before. After a
 * failure of memslot_unmap() the guest would go on with what it must not see
 * any more: the caller ends the run.
 */
int memslot_map(struct memslot *slot);
int memslot_unmap(struct memslot *slot);

/*
 * Unmaps the slot and releases its id. A slot that cannot be deleted keeps its
 * id, which must not be used again.
 */
void memslot_release(struct memslot *slot);

#endif
