/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flash bank: two x16 chips side by side on a 32-bit bus, as on kvmtool's and
 * QEMU's machines. Even half-words of the bus are chip 0, odd ones chip 1.
 *
 * A write cycle goes to both chips (hw/cfi_chip.c); what they return as effects
 * is carried out on the store (hw/flash/) before the access completes. After
 * each cycle the mapping follows the chips: while both are ready and in
 * read-array mode the array is a read-only memory slot, else every access
 * exits. Where the guest does not execute from the bank, KVM may take writes
 * without an exit (vmm/mmio_ring.h); they are carried out by flash_coalesced()
 * in their order.
 *
 * Threads: accesses come on vCPUs' threads, the idle sync on the event loop's
 * and a worker's. One lock guards chips, store, slot and statistics: the ring's
 * if the bank uses the ring, because draining it changes the bank, else the
 * bank's own.
 *
 * The times of program and erase are not modelled.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/hw/cfi_flash.h"
#include "lkvm/hw/flash/operation.h"
#include "lkvm/vmm/fdt.h"

/* How long no access may come before the file is synced. */
#define IDLE_NS 1000000000ULL

static struct cfi_flash *from_region(struct mmio_region *region)
{
	return container_of(region, struct cfi_flash, region);
}

static struct cfi_flash *from_device(struct device *dev)
{
	return container_of(dev, struct cfi_flash, dev);
}

static bool in_array_mode(const struct cfi_flash *flash)
{
	return cfi_chip_in_array_mode(&flash->chips[0]) &&
	       cfi_chip_in_array_mode(&flash->chips[1]);
}

/* What both chips drive onto the bus at the aligned offset. */
static u32 bus_word(const struct cfi_flash *flash, u64 offset)
{
	const u8 *at = flash->store.array + offset;
	u32 addr = (u32)(offset / FLASH_BUS_WIDTH);
	u32 word = 0;

	for (unsigned int n = 0; n < 2; n++) {
		u16 array_word = (u16)(at[2 * n] | at[2 * n + 1] << 8);

		word |= (u32)cfi_chip_read(&flash->chips[n], addr, array_word)
			<< (16 * n);
	}
	return word;
}

/* A read has no side effect on the chips, so bytes are taken one by one. */
static u64 read_bus(const struct cfi_flash *flash, u64 offset, unsigned int len)
{
	u64 value = 0;

	for (unsigned int i = 0; i < len; i++) {
		u64 at = offset + i;
		u32 word = bus_word(flash, ALIGN_DOWN(at, FLASH_BUS_WIDTH));

		value |= (u64)(u8)(word >> (8 * (at % FLASH_BUS_WIDTH)))
			 << (8 * i);
	}
	return value;
}

/* Writes that KVM has taken for the bank precede what the caller does. */
static void lock(struct cfi_flash *flash)
{
	pthread_mutex_lock(flash->lock);
	if (flash->ring)
		mmio_ring_drain(flash->ring);
}

static void unlock(struct cfi_flash *flash)
{
	pthread_mutex_unlock(flash->lock);
}

static u64 accesses(const struct cfi_flash *flash)
{
	return flash->stats.reads + flash->stats.writes + flash->stats.absorbed;
}

/* Without a timer the bank is synced when the run ends. */
static void arm_idle(struct cfi_flash *flash)
{
	if (!flash->loop || flash->idle_armed)
		return;
	flash->idle_armed = !evloop_timer_set(&flash->idle, IDLE_NS);
	flash->idle_since = accesses(flash);
}

/*
 * A driver may leave the bank in status mode at its end, and its last writes
 * may still be in the ring, so that neither array mode nor an exit would cause
 * the sync. It runs without the lock: the guest may go on, up to a command that
 * has to wait for a sync.
 */
static void sync_if_idle(struct worker_job *job)
{
	struct cfi_flash *flash = container_of(job, struct cfi_flash, idle_job);
	bool begun = false;

	lock(flash);
	flash->idle_armed = false;
	if (accesses(flash) == flash->idle_since)
		begun = flash_store_sync_begin(&flash->store);
	else
		arm_idle(flash);
	unlock(flash);
	if (begun)
		flash_store_sync_run(&flash->store);
}

/*
 * Whether the loop can do without the worker: most of the time the bank is not
 * idle, or all is durable. It does not wait for the bank's lock, as its holder
 * may be waiting for the medium, and draining the ring may as well.
 */
static bool no_sync_is_due(struct cfi_flash *flash)
{
	bool idle, due;

	if (pthread_mutex_trylock(flash->lock))
		return false;
	due = flash->ring && !mmio_ring_is_empty(flash->ring);
	idle = accesses(flash) == flash->idle_since;
	due |= idle && flash_store_needs_sync(&flash->store);
	if (!due)
		flash->idle_armed = false;
	if (!due && !idle)
		arm_idle(flash);
	unlock(flash);
	return !due;
}

/* On the loop's thread. The timer counts as armed until the job has looked. */
static void idle_expired(struct evloop_timer *timer)
{
	struct cfi_flash *flash = container_of(timer, struct cfi_flash, idle);
	int ret = -ENOTSUP;

	if (no_sync_is_due(flash))
		return;
	if (flash->worker)
		ret = worker_submit(flash->worker, &flash->idle_job);
	/* The sync before this one still runs. */
	if (ret == -EBUSY)
		evloop_timer_set(&flash->idle, IDLE_NS);
	else if (ret)
		sync_if_idle(&flash->idle_job);
}

static void mapping_failed(struct cfi_flash *flash, const char *what, int err)
{
	pr_guest(&flash->mapping, "%s: unable to %s the array: %s",
		 flash->dev.name, what, strerror(-err));
}

/*
 * The zone is registered with the first command only: registering one makes the
 * next changes of slots wait, and most guests never write to their flash.
 */
static void open_ring(struct cfi_flash *flash)
{
	struct mmio_ring *ring = flash->ring;
	int ret;

	/* A write that KVM takes costs more than one in a batch. */
	if (mmio_region_in_batches(&flash->region))
		return;
	if (!flash->zone.added && !flash->zone.refused) {
		ret = mmio_ring_add_zone(ring, &flash->zone);
		if (ret)
			pr_debug("%s: KVM takes no writes for it: %s",
				 flash->dev.name, strerror(-ret));
	}
	if (flash->zone.added)
		mmio_ring_open(ring);
}

/*
 * If KVM refuses the slot every access goes on exiting, which is slow but
 * correct. KVM must not take writes while the array is mapped, or the guest
 * would read old data; and the last of those it took may have ended array mode,
 * so that is looked at after the ring is closed.
 */
static void map(struct cfi_flash *flash)
{
	int ret;

	if (flash->zone.added)
		mmio_ring_close(flash->ring);
	if (in_array_mode(flash)) {
		ret = memslot_map(&flash->slot);
		if (ret)
			mapping_failed(flash, "map", ret);
	}
	if (flash->ring && !flash->slot.mapped)
		open_ring(flash);
}

/* With the slot still there the guest would read data in place of status. */
static void unmap(struct cfi_flash *flash)
{
	int ret = memslot_unmap(&flash->slot);

	if (ret) {
		mapping_failed(flash, "unmap", ret);
		flash->end_run(flash->opaque, true);
	} else if (flash->ring) {
		open_ring(flash);
	}
}

/*
 * Mapped only while both chips are in array mode. A bank that uses the ring is
 * mapped when the guest reads its array; one that the guest may execute from at
 * once, since KVM answers an instruction fetch outside of slots with an abort
 * and not with an exit.
 */
static void update_mapping(struct cfi_flash *flash)
{
	if (!in_array_mode(flash))
		unmap(flash);
	else if (!flash->ring)
		map(flash);
}

/* In array mode an exit means that the bank is not mapped yet. */
static u64 flash_read(struct mmio_region *region, u64 offset, unsigned int len)
{
	struct cfi_flash *flash = from_region(region);
	u64 value;

	lock(flash);
	flash->stats.reads++;
	if (in_array_mode(flash) && !flash->slot.mapped)
		map(flash);
	value = read_bus(flash, offset, len);
	unlock(flash);
	return value;
}

/*
 * The end of the run: chips without power stay busy, so the guest cannot see
 * the outcome, and nothing is synced any more. The file keeps what a real part
 * would hold.
 */
static void cut_power(struct cfi_flash *flash, const struct flash_operation *op)
{
	const struct flash_fault *fault = &flash->store.fault;
	int ret = flash_operation_tear(&flash->store, op);

	flash->off = true;
	flash->store.sync = FLASH_SYNC_NONE;
	cfi_chip_power_off(&flash->chips[0]);
	cfi_chip_power_off(&flash->chips[1]);
	if (ret)
		pr_err("flash %s: unable to leave half an operation: %s",
		       flash->store.path, strerror(-ret));
	else
		pr_info("flash %s: power is cut in operation %" PRIu64
			", %s at 0x%" PRIx64,
			flash->store.path, fault->cut,
			op->erase ? "an erase" : "a program",
			(u64)op->addr * FLASH_BUS_WIDTH);
	flash->end_run(flash->opaque, ret);
}

/* `err` is the errno of the file, 0 for a failure requested by `fail=`. */
static void fail(struct cfi_flash *flash, const struct flash_operation *op,
		 int err)
{
	u64 end = ((u64)op->addr + op->count) * FLASH_BUS_WIDTH;
	bool beyond = err == -ENOSPC && end > flash->store.persistent;

	flash->stats.failures++;
	for (unsigned int n = 0; n < 2; n++)
		if (op->effects[n])
			cfi_chip_fail(&flash->chips[n], op->effects[n]);
	pr_guest(&flash->medium,
		 "flash %s: unable to %s at 0x%" PRIx64 ": %s%s",
		 flash->store.path, op->erase ? "erase" : "program",
		 (u64)op->addr * FLASH_BUS_WIDTH,
		 err ? strerror(-err) : "requested by \"fail=\"",
		 beyond ? " (the file ends before; \"create\" makes it as "
			  "large as the bank)"
			: "");
}

/* A command that both chips execute counts once. */
static void count(struct cfi_flash *flash, const struct flash_operation *op)
{
	struct cfi_flash_stats *stats = &flash->stats;

	if (op->erase) {
		stats->erases++;
		stats->block_erases[op->addr /
				    flash->chips[0].geo.block_words]++;
	} else {
		stats->programs++;
	}
}

/*
 * Carries out the effects of one or both chips as one operation, so that their
 * halves reach the file in one write. Faults on demand (`fail=`, `cut=`) come
 * in between; those are counted per operation.
 */
static void carry_out(struct cfi_flash *flash, const struct cfi_effect *first,
		      const struct cfi_effect *second)
{
	const struct cfi_effect *any = first ? first : second;
	u32 addr = first && second ? MIN(first->addr, second->addr) : any->addr;
	u32 end = any->addr + any->count;
	struct flash_operation op = { .effects = { first, second } };
	int ret;

	if (flash->off)
		return;
	if (first && second)
		end = MAX(end, second->addr + second->count);
	op.erase = any->op == CFI_EFFECT_ERASE;
	op.addr = addr;
	op.count = end - addr;
	count(flash, &op);
	switch (flash_fault_next(&flash->store.fault, op.erase)) {
	case FLASH_FAULT_CUT:
		cut_power(flash, &op);
		return;
	case FLASH_FAULT_FAIL:
		fail(flash, &op, 0);
		return;
	case FLASH_FAULT_NONE:
		break;
	}
	ret = flash_operation_perform(&flash->store, &op);
	if (ret)
		fail(flash, &op, ret);
}

/* True if the chips do the same to the same words, as for every driver. */
static bool together(const struct cfi_effect effects[2])
{
	return effects[0].op != CFI_EFFECT_NONE &&
	       effects[0].op == effects[1].op &&
	       range_overlaps(effects[0].addr, effects[0].count,
			      effects[1].addr, effects[1].count);
}

/* Answered from the array at once: nothing is left to carry out. */
static void blank_check(struct cfi_flash *flash, unsigned int n,
			struct cfi_effect *effect)
{
	const u8 *at = flash->store.array + (u64)effect->addr * FLASH_BUS_WIDTH;

	for (u32 i = 0; i < effect->count; i++, at += FLASH_BUS_WIDTH) {
		if ((at[2 * n] & at[2 * n + 1]) == 0xff)
			continue;
		cfi_chip_fail(&flash->chips[n], effect);
		break;
	}
	effect->op = CFI_EFFECT_NONE;
}

/* Chips that a guest addresses one by one may have different effects. */
static void bus_write(struct cfi_flash *flash, u64 offset, u32 value)
{
	u32 addr = (u32)(offset / FLASH_BUS_WIDTH);
	struct cfi_effect effects[2];

	for (unsigned int n = 0; n < 2; n++) {
		cfi_chip_write(&flash->chips[n], addr, (u16)(value >> (16 * n)),
			       &effects[n]);
		if (effects[n].op == CFI_EFFECT_BLANK_CHECK)
			blank_check(flash, n, &effects[n]);
	}
	flash->stats.lock_errors += effects[0].locked || effects[1].locked;
	if (together(effects)) {
		carry_out(flash, &effects[0], &effects[1]);
		return;
	}
	if (effects[0].op != CFI_EFFECT_NONE)
		carry_out(flash, &effects[0], NULL);
	if (effects[1].op != CFI_EFFECT_NONE)
		carry_out(flash, NULL, &effects[1]);
}

/*
 * The mapping follows each cycle: the second of a 64-bit write may change the
 * array, which must not happen while the guest can see it. Return to array mode
 * is where drivers report a write as flushed, hence the sync.
 */
static void bus_cycle(struct cfi_flash *flash, u64 offset, u32 value)
{
	bus_write(flash, offset, value);
	update_mapping(flash);
	if (in_array_mode(flash))
		flash_store_sync(&flash->store);
	else
		arm_idle(flash);
}

/*
 * A write that is narrower than the bus strobes neither chip. U-Boot depends on
 * that: it probes with narrow cycles first and would take the bank for one of
 * narrower chips.
 */
static void write_locked(struct cfi_flash *flash, u64 offset, u64 value,
			 unsigned int len)
{
	if (len < FLASH_BUS_WIDTH || !IS_ALIGNED(offset, FLASH_BUS_WIDTH)) {
		pr_guest(&flash->narrow,
			 "%s: ignored a write of %u bytes at offset 0x%" PRIx64
			 ": the bus takes aligned words of 4",
			 flash->dev.name, len, offset);
	} else {
		bus_cycle(flash, offset, (u32)value);
		if (len == 2 * FLASH_BUS_WIDTH)
			bus_cycle(flash, offset + FLASH_BUS_WIDTH,
				  (u32)(value >> 32));
	}
}

/* Once batches help here, the ring costs more than it saves. */
static void flash_write(struct mmio_region *region, u64 offset, u64 value,
			unsigned int len)
{
	struct cfi_flash *flash = from_region(region);

	lock(flash);
	flash->stats.writes++;
	if (flash->zone.added && mmio_region_in_batches(region))
		mmio_ring_close(flash->ring);
	write_locked(flash, offset, value, len);
	unlock(flash);
}

/* While the ring is drained, with its lock held, which is the bank's. */
static void flash_coalesced(struct mmio_region *region, u64 offset, u64 value,
			    unsigned int len)
{
	struct cfi_flash *flash = from_region(region);

	flash->stats.absorbed++;
	write_locked(flash, offset, value, len);
}

/*
 * An access that KVM cannot describe. A read is repeated if the array is mapped
 * by now: the bank is in array mode, or another vCPU has just mapped it. A
 * write has no such way.
 */
static bool flash_no_syndrome(struct mmio_region *region, u64 offset,
			      bool is_write)
{
	struct cfi_flash *flash = from_region(region);
	bool retry;

	(void)offset;
	lock(flash);
	if (in_array_mode(flash) && !is_write)
		map(flash);
	retry = !is_write && flash->slot.mapped;
	flash->stats.reads += retry;
	unlock(flash);
	return retry;
}

/* It has had its exit, as those that reach the bank. */
static void flash_refused(struct mmio_region *region, u64 offset, bool is_write)
{
	struct cfi_flash *flash = from_region(region);

	(void)offset;
	lock(flash);
	flash->stats.reads += !is_write;
	flash->stats.writes += is_write;
	unlock(flash);
}

static const struct mmio_ops flash_mmio_ops = {
	.read = flash_read,
	.write = flash_write,
	.no_syndrome = flash_no_syndrome,
	.refused = flash_refused,
	.coalesced = flash_coalesced,
};

/* Linux: Documentation/devicetree/bindings/mtd/mtd-physmap.yaml. */
static void flash_fdt_node(struct device *dev, struct fdt_writer *fdt)
{
	struct cfi_flash *flash = from_device(dev);

	fdt_node_begin_unit(fdt, "flash", flash->region.base);
	fdt_prop_string(fdt, "compatible", "cfi-flash");
	fdt_prop_string(fdt, "label", flash->label);
	fdt_prop_reg1(fdt, flash->region.base, flash->region.size);
	fdt_prop_u32(fdt, "bank-width", FLASH_BUS_WIDTH);
	/* Device memory faults on unaligned copies, as JFFS2 would do them. */
	fdt_prop_empty(fdt, "no-unaligned-direct-access");
	fdt_node_end(fdt);
}

/* Also undoes writes to plain memory. After a cut the chips stay off. */
static void flash_reset(struct device *dev)
{
	struct cfi_flash *flash = from_device(dev);

	lock(flash);
	if (flash_store_restore(&flash->store))
		flash->end_run(flash->opaque, true);
	for (unsigned int n = 0; n < 2 && !flash->off; n++)
		cfi_chip_reset(&flash->chips[n]);
	map(flash);
	unlock(flash);
}

/* The idle sync takes the lock, so it is waited for without. */
static int flash_quiesce(struct device *dev)
{
	struct cfi_flash *flash = from_device(dev);
	int ret;

	if (flash->worker)
		worker_drain(flash->worker, &flash->idle_job);
	lock(flash);
	ret = flash_store_finish(&flash->store);
	unlock(flash);
	return ret;
}

static void flash_destroy(struct device *dev)
{
	struct cfi_flash *flash = from_device(dev);

	if (flash->loop)
		evloop_timer_destroy(flash->loop, &flash->idle);
	if (flash->worker)
		worker_cancel(flash->worker, &flash->idle_job);
	if (flash->ring)
		mmio_ring_remove_zone(flash->ring, &flash->zone);
	memslot_release(&flash->slot);
	cfi_chip_destroy(&flash->chips[0]);
	cfi_chip_destroy(&flash->chips[1]);
	flash_store_close(&flash->store);
	pthread_mutex_destroy(&flash->own_lock);
	free(flash->stats.block_erases);
	free(flash);
}

static const struct device_ops flash_device_ops = {
	.fdt_node = flash_fdt_node,
	.reset = flash_reset,
	.quiesce = flash_quiesce,
	.stats = cfi_flash_write_stats,
	.details = cfi_flash_write_details,
	.destroy = flash_destroy,
};

/* Each chip has half of the bank: a word of the bus is one word of each. */
static int init_chips(struct cfi_flash *flash, u32 block)
{
	struct cfi_geometry geo = {
		.words = (u32)(flash->store.size / FLASH_BUS_WIDTH),
		.block_words = block / FLASH_BUS_WIDTH,
		.buffer_words = CFI_FLASH_BUFFER / FLASH_BUS_WIDTH,
		.write_protected = flash->store.readonly,
	};
	int ret = cfi_chip_init(&flash->chips[0], &geo);

	if (!ret)
		ret = cfi_chip_init(&flash->chips[1], &geo);
	if (ret)
		return ret;
	flash->stats.nr_blocks = geo.words / geo.block_words;
	flash->stats.block_erases = calloc(flash->stats.nr_blocks,
					   sizeof(*flash->stats.block_erases));
	return flash->stats.block_erases ? 0 : -ENOMEM;
}

/*
 * With a ring of coalesced writes its lock is the flash's as well: a write that
 * is drained must find the flash as the one before has left it.
 */
static void init(struct cfi_flash *flash, const struct cfi_flash_params *params)
{
	pthread_mutex_init(&flash->own_lock, NULL);
	flash->ring = params->ring;
	flash->zone.base = params->base;
	flash->zone.size = params->store.size;
	flash->zone.slot = &flash->slot;
	flash->lock = flash->ring ? &flash->ring->lock : &flash->own_lock;
	flash->dev.name = params->name;
	flash->dev.ops = &flash_device_ops;
	flash->store = params->store;
	flash->worker = params->worker;
	flash->idle_job.run = sync_if_idle;
	flash->end_run = params->end_run;
	flash->opaque = params->opaque;
	flash->region = (struct mmio_region) {
		.name = params->name,
		.base = params->base,
		.size = params->store.size,
		.ops = &flash_mmio_ops,
		.slot = &flash->slot,
		.code = params->code,
	};
	snprintf(flash->label, sizeof(flash->label), "%s", params->label);
}

/* `loop` is set once the timer exists: arm_idle() goes by it. */
static int watch_idleness(struct cfi_flash *flash, struct evloop *loop)
{
	int ret = loop ? evloop_timer_init(loop, &flash->idle, idle_expired)
		       : 0;

	if (!ret)
		flash->loop = loop;
	return ret;
}

int cfi_flash_create(struct memslots *slots, struct mmio_bus *bus,
		     const struct cfi_flash_params *params,
		     struct cfi_flash **out)
{
	struct flash_store store = params->store;
	struct cfi_flash *flash = calloc(1, sizeof(*flash));
	int ret;

	if (!flash) {
		pr_fatal("flash %s: out of memory", store.path);
		flash_store_close(&store);
		return -ENOMEM;
	}
	init(flash, params);
	ret = init_chips(flash, params->block);
	if (!ret && params->plain_memory)
		ret = flash_store_keep(&flash->store);
	if (!ret)
		ret = watch_idleness(flash, params->loop);
	if (!ret)
		ret = memslot_init(&flash->slot, slots, params->base,
				   flash->store.size, flash->store.array,
				   !params->plain_memory);
	if (!ret)
		ret = mmio_bus_add(bus, &flash->region);
	if (ret) {
		pr_fatal("Unable to set up flash %s: %s", flash->store.path,
			 strerror(-ret));
		flash_destroy(&flash->dev);
		return ret;
	}
	map(flash);
	*out = flash;
	return 0;
}
