/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM memory slots: host memory that the guest reaches without an exit. */
#ifndef LKVM_VMM_MEMSLOT_H
#define LKVM_VMM_MEMSLOT_H

#include <pthread.h>
#include <stdatomic.h>

#include "lkvm/util/util.h"

struct vm;

#define MEMSLOT_MAX 64

/* The ids in use in a VM. */
struct memslot_ids {
	pthread_mutex_t lock;
	u64 used; /* one bit per id */
};

/*
 * One slot. Prepared by memslot_init(); the owner serialises map and unmap.
 */
struct memslot {
	struct vm *vm;
	u32 id;
	bool readonly;
	atomic_bool mapped; /* others than the owner may have a look */
	u64 gpa;
	u64 size;
	void *hva;
	u64 updates; /* ioctls that changed the slot */
};

/* Prepares the allocator of ids. */
void memslot_ids_init(struct memslot_ids *ids);

/*
 * Takes an id for a slot of `size` bytes at `gpa`, backed by `hva`; all three
 * multiples of the host's page size. Nothing is mapped yet. Returns 0,
 * -EINVAL, or -ENOSPC if no id is free.
 */
int memslot_init(struct memslot *slot, struct vm *vm, u64 gpa, u64 size,
		 void *hva, bool readonly);

/*
 * Makes the memory visible to the guest, or takes it away; no ioctl if it
 * already is so. A read-only slot: reads and execution run in the guest,
 * writes exit as MMIO. Returns 0 or -errno, the slot being as before; a
 * slot that cannot be taken away ends the run.
 */
int memslot_map(struct memslot *slot);
int memslot_unmap(struct memslot *slot);

/* Unmaps the slot and gives its id back. */
void memslot_release(struct memslot *slot);

#endif
