/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MMIO bus: guest physical addresses to the devices that decode them. */
#ifndef LKVM_VMM_MMIO_H
#define LKVM_VMM_MMIO_H

#include <pthread.h>
#include <stdatomic.h>

#include "lkvm/util/log.h"
#include "lkvm/util/util.h"

struct memslot;
struct mmio_region;

/* Called on the vCPU's thread, several at once; the device has its own lock. */
struct mmio_ops {
	/*
	 * The value at `offset` from the region's start. `len` is 1, 2, 4 or
	 * 8; [offset, offset + len) lies in the region, of any alignment.
	 */
	u64 (*read)(struct mmio_region *region, u64 offset, unsigned int len);
	/* Bits of `value` above `len` bytes are zero. */
	void (*write)(struct mmio_region *region, u64 offset, u64 value,
		      unsigned int len);
	/*
	 * An access that KVM cannot describe (no valid instruction syndrome).
	 * True if the guest shall run the instruction again because the
	 * address is now backed by memory; with false, or NULL here, it is up
	 * to others whether the access is done.
	 */
	bool (*no_syndrome)(struct mmio_region *region, u64 offset,
			    bool is_write);
	/* Nobody could do that one, and the guest gets an external abort. */
	void (*refused)(struct mmio_region *region, u64 offset, bool is_write);
	/*
	 * A write that KVM took for a zone of the region's, at last: see
	 * mmio_ring.h. The ring's lock is held. NULL: it has no zone.
	 */
	void (*coalesced)(struct mmio_region *region, u64 offset, u64 value,
			  unsigned int len);
};

/* Owned by the device, at least as long as the bus lives. */
struct mmio_region {
	const char *name;
	u64 base;
	u64 size;
	const struct mmio_ops *ops;
	/* A read-only slot that is mapped at times; NULL: none. */
	const struct memslot *slot;
	/*
	 * The guest may execute from that memory: the device does not see what
	 * a vCPU writes that executes from the region just then.
	 */
	bool code;
	/*
	 * Accesses in batches, without an exit of their own; the time that
	 * batches save for each exit that remains, in ns on average; and
	 * whether it is more than that exit takes: see arm/batch.h. A device
	 * that has KVM take its writes does so only while `in_batches` is not
	 * set.
	 */
	_Atomic(u64) batched_reads, batched_writes;
	_Atomic(s64) batch_saving;
	atomic_bool in_batches;
};

/* True while batches save more than one exit for each exit that remains. */
static inline bool mmio_region_in_batches(struct mmio_region *region)
{
	return atomic_load(&region->in_batches);
}

#define MMIO_LOGGED_PAGES 64

/*
 * The table of regions is complete before the first vCPU runs and constant
 * from then on; hence lookups need no lock.
 */
struct mmio_bus {
	struct mmio_region **regions; /* sorted by base, none overlap */
	size_t nr_regions;
	bool frozen;
	_Atomic(u64) unclaimed; /* accesses that no region claimed */
	pthread_mutex_t log_lock;
	u64 logged[MMIO_LOGGED_PAGES]; /* pages already named in the log */
	size_t nr_logged;
};

/* An empty bus. */
void mmio_bus_init(struct mmio_bus *bus);

/* Frees what the bus allocated; the regions are their devices'. */
void mmio_bus_destroy(struct mmio_bus *bus);

/*
 * Adds `region`. Returns 0, -EINVAL for an empty or wrapping one, -EEXIST if
 * it overlaps another (both are named in the debug log), -EBUSY after
 * mmio_bus_freeze(), -ENOMEM.
 */
int mmio_bus_add(struct mmio_bus *bus, struct mmio_region *region);

/* No more regions are added: called before the first vCPU runs. */
void mmio_bus_freeze(struct mmio_bus *bus);

/* The region that holds `addr`, or NULL. Lock-free. */
struct mmio_region *mmio_bus_find(const struct mmio_bus *bus, u64 addr);

/*
 * One access of a guest: `len` 1 to 8 bytes at `addr`. What no region claims,
 * or what runs over a region's end, reads as zero and ignores writes; it is
 * counted, and logged once per page.
 */
u64 mmio_bus_read(struct mmio_bus *bus, u64 addr, unsigned int len);
void mmio_bus_write(struct mmio_bus *bus, u64 addr, u64 value,
		    unsigned int len);

/*
 * The same for who has looked for the region: what mmio_bus_find() has found
 * for `addr`, NULL too.
 */
u64 mmio_region_read(struct mmio_bus *bus, struct mmio_region *region, u64 addr,
		     unsigned int len);
void mmio_region_write(struct mmio_bus *bus, struct mmio_region *region,
		       u64 addr, u64 value, unsigned int len);

/* A write from KVM's ring of coalesced MMIO, whose lock is held. */
void mmio_bus_coalesced(struct mmio_bus *bus, u64 addr, u64 value,
			unsigned int len);

#endif
