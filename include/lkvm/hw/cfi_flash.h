/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flash bank: two x16 chips side by side on a 32-bit bus. While both are
 * ready and in read-array mode, and only then, the array is a read-only memory
 * slot, and reads and execution never leave the guest.
 */
#ifndef LKVM_HW_CFI_FLASH_H
#define LKVM_HW_CFI_FLASH_H

#include <pthread.h>

#include "lkvm/hw/cfi_chip.h"
#include "lkvm/hw/flash/store.h"
#include "lkvm/util/log.h"
#include "lkvm/vmm/device.h"
#include "lkvm/vmm/evloop.h"
#include "lkvm/vmm/memslot.h"
#include "lkvm/vmm/mmio.h"
#include "lkvm/vmm/mmio_ring.h"
#include "lkvm/vmm/worker.h"

/* Bytes of both chips' write buffers. */
#define CFI_FLASH_BUFFER 2048

struct cfi_flash_params {
	const char *name;  /* of the device; not copied */
	const char *label; /* the node's `label`; copied */
	u64 base;
	u32 block;		  /* erase block of the bank, bytes */
	struct flash_store store; /* opened; the bank owns it from now on */
	bool code; /* the guest may execute from it; see region.code */
	/* The guest writes to the array as to RAM, undone by a reset. */
	bool plain_memory;
	/*
	 * If not NULL, KVM takes writes without an exit while no bank with
	 * this ring is mapped, and the bank is mapped when its array is read.
	 * NULL: every write exits and the bank is mapped as soon as it is in
	 * array mode, which is required if the guest executes from it.
	 */
	struct mmio_ring *ring;
	/* Has the timer of the idle sync; NULL: synced at the end only. */
	struct evloop *loop;
	/* Runs the idle sync; NULL: it blocks the loop. */
	struct worker *worker;
	/*
	 * Ends the run, with `opaque`: its power was cut or, if it `failed`,
	 * the bank cannot go on. A message was printed. On any thread, with
	 * the bank's lock held.
	 */
	void (*end_run)(void *opaque, bool failed);
	void *opaque;
};

/* Counters of a bank: written with `lock` held, read by any thread without. */
struct cfi_flash_stats {
	_Atomic(u64) reads; /* accesses that exited or came in a batch */
	_Atomic(u64) writes;
	_Atomic(u64) absorbed; /* writes that KVM took into the ring */
	_Atomic(u64) programs; /* commands carried out, once for both chips */
	_Atomic(u64) erases;
	_Atomic(u64) *block_erases; /* of each block; together: `erases` */
	u32 nr_blocks;		    /* does not change */
	_Atomic(u64) lock_errors;   /* commands refused because of a lock */
	_Atomic(u64) failures;	    /* commands that the medium refused */
};

struct cfi_flash {
	struct device dev;
	struct mmio_region region;
	/* Guards chips, store and slot; the ring's if there is one. */
	pthread_mutex_t *lock;
	pthread_mutex_t own_lock;
	struct mmio_ring *ring;
	struct evloop *loop;
	struct evloop_timer idle;
	struct worker *worker;
	struct worker_job idle_job;
	bool idle_armed; /* the timer runs, or its job has not looked yet */
	u64 idle_since;	 /* accesses when it was armed */
	struct mmio_zone zone;
	struct cfi_chip chips[2];
	struct flash_store store;
	struct memslot slot;
	char label[FLASH_MAX_LABEL + 1];
	bool off; /* power was lost: nothing is carried out any more */
	void (*end_run)(void *opaque, bool failed);
	void *opaque;
	struct cfi_flash_stats stats;
	/* Of messages about narrow writes, the file, and memory slots. */
	struct ratelimit narrow, medium, mapping;
};

/*
 * Creates a bank at `params->base` on `bus` and maps its array in `slots`. On
 * success *out is to be added to the registry. Returns 0, or -errno after a
 * message; the store is closed then.
 */
int cfi_flash_create(struct memslots *slots, struct mmio_bus *bus,
		     const struct cfi_flash_params *params,
		     struct cfi_flash **out);

/* device_ops.stats of a bank. Any thread, without a lock. */
void cfi_flash_write_stats(struct device *dev, struct json_writer *json);

/*
 * device_ops.details of a bank: what each of its blocks is, a letter for each.
 * Any thread; holds the bank's lock for one block at a time, and waits for
 * nobody who has it.
 */
void cfi_flash_write_details(struct device *dev, struct json_writer *json);

#endif
