/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's ring of coalesced MMIO: guest writes to a zone that KVM notes down and
 * that lkvm carries out later, all of them in one go.
 *
 * A write that is in the ring has not happened yet. So whoever looks at a
 * device's state drains the ring first, and a zone must not take writes while
 * its device's memory is mapped: the guest would read around them. Instead of
 * registering and unregistering zones, which waits for a grace period each
 * time (and for a long one from Linux 6.18 on), the ring is closed and opened:
 * one that is full makes KVM exit to user space as if there were no zone, and
 * only we decide how full it looks. A VM has one ring for all zones: it is open
 * while none of their devices' memory is mapped. The format: linux/kvm.h,
 * struct kvm_coalesced_mmio_ring; who owns which index: Linux's
 * Documentation/virt/kvm/api.rst, 4.116 (KVM_(UN)REGISTER_COALESCED_MMIO), and
 * virt/kvm/coalesced_mmio.c.
 */
#ifndef LKVM_VMM_MMIO_RING_H
#define LKVM_VMM_MMIO_RING_H

#include <linux/kvm.h>
#include <pthread.h>
#include <sys/queue.h>

#include "lkvm/util/util.h"
#include "lkvm/vmm/memslot.h"
#include "lkvm/vmm/mmio.h"

struct vm;

/* Where KVM takes writes. Part of its device; guarded by the ring's lock. */
struct mmio_zone {
	/* Memory that is there at times: then KVM must not take any. */
	struct memslot *slot;
	STAILQ_ENTRY(mmio_zone) next; /* private to the ring */
};

struct mmio_ring {
	struct vm *vm;
	/*
	 * Of the ring's consumer, and of the state of each device that has a
	 * zone: a drained write must find the device as it was left. Comes
	 * before all other locks.
	 */
	pthread_mutex_t lock;
	struct kvm_coalesced_mmio_ring *ring; /* NULL: this KVM has none */
	u32 entries;
	u32 head; /* the first entry that is not carried out */
	bool open;
	STAILQ_HEAD(mmio_zones, mmio_zone) zones;
	bool draining;
	unsigned int missed; /* calls to open it that were in vain */
	u64 drained;	     /* writes taken out so far */
};

/* Prepares a ring of `vm` that is closed for good: KVM's memory is missing. */
void mmio_ring_init(struct mmio_ring *ring, struct vm *vm);

/*
 * Gives it KVM's memory, `size` bytes at `page`, which have to outlive it. It
 * is still closed. No vCPU runs yet.
 */
void mmio_ring_set_page(struct mmio_ring *ring, void *page, size_t size);

/* The memory is the vCPU's that had mapped it. */
void mmio_ring_destroy(struct mmio_ring *ring);

/*
 * Lets KVM take the writes to where `zone->slot` would be whenever the ring is
 * open. It is not mapped now; the region there has a `coalesced` handler. The
 * caller holds the lock. Returns 0, -ENOTSUP without a ring, or the -errno of
 * KVM.
 */
int mmio_ring_add_zone(struct mmio_ring *ring, struct mmio_zone *zone);

/* For a zone whose device goes: no vCPU runs any more. */
void mmio_ring_remove_zone(struct mmio_ring *ring, struct mmio_zone *zone);

/*
 * From here on KVM takes writes, unless the slot of a zone is mapped. Slots
 * that have often been in the way, by the count of these calls, are unmapped:
 * their devices have to map them again when they are read. To be called after
 * each write that KVM might have taken. The caller holds the lock.
 */
void mmio_ring_open(struct mmio_ring *ring);

/*
 * From here on writes exit; those that are in the ring already have been
 * carried out, and no vCPU is on its way to add one. To be called before the
 * slot of a zone is mapped. The caller holds the lock. Waits until all other
 * vCPUs have left the guest for a moment.
 *
 * A device whose writes are being carried out finds it left open: more of them
 * wait, and the device is not done with the one it has.
 */
void mmio_ring_close(struct mmio_ring *ring);

/* Carries out what is in the ring by now. The caller holds the lock. */
void mmio_ring_drain(struct mmio_ring *ring);

/* The same for callers that do not hold it; cheap if the ring is empty. */
void mmio_ring_flush(struct mmio_ring *ring);

/* True if there is nothing to carry out. With or without the lock. */
bool mmio_ring_is_empty(const struct mmio_ring *ring);

#endif
