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
 *
 * There are two kinds of zones. One lies where a device's memory is at times
 * (`slot`): a flash, which nobody waits for. The other is made of registers (no
 * `slot`): a UART, whose output has to appear although the guest may not exit
 * for a long time, and KVM does not tell when it takes a write. So while the
 * ring is open and there is such a zone, a timer looks at it; when it finds
 * nothing for some time, it closes the ring, and the next write exits.
 */
#ifndef LKVM_VMM_MMIO_RING_H
#define LKVM_VMM_MMIO_RING_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "lkvm/util/util.h"
#include "lkvm/vmm/evloop.h"
#include "lkvm/vmm/memslot.h"
#include "lkvm/vmm/mmio.h"

struct vm;

/*
 * Where KVM takes writes. Part of its device, which sets the first four; all
 * else is zero at first. Guarded by the ring's lock.
 */
struct mmio_zone {
	u64 base, size;
	/* Memory that is there at times: then KVM must not take any. */
	struct memslot *slot;
	/* See mmio_ring_defer(); NULL: the device never calls that. */
	void (*finish)(struct mmio_zone *zone);
	/* Private to the ring from here on, but may be read by the device. */
	bool added;   /* KVM has it */
	bool refused; /* KVM does not take it: it is not tried again */
	bool deferred;
	STAILQ_ENTRY(mmio_zone) next;
	STAILQ_ENTRY(mmio_zone) next_deferred;
};

struct mmio_ring {
	struct vm *vm;
	/*
	 * Of mmio_ring_flush(), which may wait for a device's backend: only
	 * vCPUs' threads take it, with no other lock held.
	 */
	pthread_mutex_t flush_lock;
	/*
	 * Of the ring's consumer, and of the state of each device that has a
	 * zone with a slot: a drained write must find the device as it was
	 * left. Comes before all other locks but `flush_lock`. A flash syncs
	 * its file with it, a UART does not wait for its backend: the event
	 * loop never waits for it.
	 */
	pthread_mutex_t lock;
	struct kvm_coalesced_mmio_ring *ring; /* NULL: this KVM has none */
	u32 entries;
	u32 head; /* the first entry that is not carried out */
	bool open;
	STAILQ_HEAD(mmio_zones, mmio_zone) zones;
	STAILQ_HEAD(deferred_zones, mmio_zone) deferred; /* to be finished */
	_Atomic(u32) nr_deferred; /* and those that just are */
	bool draining;
	/* Calls that found a slot mapped, by either kind of zones. */
	unsigned int missed, missed_registers;
	unsigned int tolerance; /* of the second kind: misses */
	u64 drained;		/* writes taken out so far */
	struct evloop_timer timer;
	bool has_timer, armed;
	unsigned int idle; /* times in a row that the timer found nothing */
	u64 seen;	   /* `drained` at the last of these times */
	u64 suspect;	   /* and at the first of two looks, */
	u32 suspect_last;  /* with KVM's index */
	bool second_look;  /* the next is */
	bool late;    /* nobody but the timer has what is in the ring drained */
	bool closing; /* see mmio_ring_close_soon() */
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
 * Lets KVM take the writes to `zone` whenever the ring is open; not again if it
 * is there already. Its slot is not mapped now; if it is of registers, there is
 * one already that mmio_ring_open_registers() was called for. The region there
 * has a `coalesced` handler. The caller holds the lock. Returns 0, -ENOTSUP
 * without a ring or if it was refused before, or the -errno of KVM.
 */
int mmio_ring_add_zone(struct mmio_ring *ring, struct mmio_zone *zone);

/*
 * KVM takes no more writes to a zone. Those that are in the ring already will
 * be carried out. The caller holds the lock. Returns 0, also if KVM has it not,
 * or the -errno of KVM, and then it still has it.
 */
int mmio_ring_drop_zone(struct mmio_ring *ring, struct mmio_zone *zone);

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
 * The same for a zone of registers, which is added if need be. To be called
 * after a write to it that exited. Slots that are in the way stay mapped: once
 * there were enough of these calls, their zones are taken away from KVM
 * instead, until their devices add them again. Does nothing where KVM refuses.
 * The caller holds the lock.
 */
void mmio_ring_open_registers(struct mmio_ring *ring, struct mmio_zone *zone);

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

/*
 * Carries out what is in the ring by now, except what devices defer. The caller
 * holds the lock.
 */
void mmio_ring_drain(struct mmio_ring *ring);

/*
 * For a `coalesced` handler: part of the write may wait for a backend, and is
 * done when `zone->finish` is called, soon, with no lock of the ring but
 * `flush_lock` held, and for all that was deferred up to then.
 */
void mmio_ring_defer(struct mmio_ring *ring, struct mmio_zone *zone);

/*
 * For a `coalesced` handler of registers. True if the guest had not exited by
 * itself for so long that the timer had the ring drained: what the guest waits
 * for by then is late. mmio_ring_close_soon() has the ring closed: by a vCPU
 * that drains it, or by the timer once it is empty.
 */
bool mmio_ring_is_late(const struct mmio_ring *ring);
void mmio_ring_close_soon(struct mmio_ring *ring);

/*
 * When it returns, all that this vCPU has written before is carried out, with
 * what was deferred: it may wait for a backend. Cheap if there is nothing. On
 * vCPUs' threads, or when none runs; the caller holds none of the locks.
 */
void mmio_ring_flush(struct mmio_ring *ring);

/* True if there is nothing to carry out. With or without the lock. */
bool mmio_ring_is_empty(const struct mmio_ring *ring);

#endif
