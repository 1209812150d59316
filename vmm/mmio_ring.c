/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lkvm/util/log.h"
#include "lkvm/vmm/mmio_ring.h"
#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"

/*
 * As many writes exit before mappings are given up for their sake, which is
 * about what it costs to unmap an array and map it again.
 */
#define MAX_MISSED 32

/*
 * Where the indices stand when the ring is closed or just opened. Linux 6.1,
 * for one, computes the free room as (first - last - 1) % entries in 32 bits,
 * which is right only while `first` is above `last`: with `first` at the top
 * that holds for all of the ring.
 */
static u32 top(const struct mmio_ring *ring)
{
	return ring->entries - 2;
}

static u32 load_last(const struct mmio_ring *ring)
{
	/* Pairs with the kernel's barrier between an entry and its index. */
	return __atomic_load_n(&ring->ring->last, __ATOMIC_ACQUIRE);
}

/*
 * The kernel may use all up to `first`. It never gets to see a 0 there: with
 * `last` at the end, such a kernel would take the full ring for one with room,
 * go on to 0 as well, and so make it an empty one.
 */
static void set_head(struct mmio_ring *ring, u32 head)
{
	__atomic_store_n(&ring->head, head, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->ring->first, head ?: ring->entries - 1,
			 __ATOMIC_RELEASE);
}

/*
 * Full for the kernel, and empty for us, who know that it is closed. No vCPU is
 * in the guest, so `last` is ours for the moment.
 */
static void set_closed(struct mmio_ring *ring)
{
	ring->ring->last = top(ring);
	set_head(ring, top(ring) + 1);
	__atomic_store_n(&ring->open, false, __ATOMIC_RELEASE);
	ring->missed = 0;
}

void mmio_ring_init(struct mmio_ring *ring, struct vm *vm)
{
	memset(ring, 0, sizeof(*ring));
	pthread_mutex_init(&ring->lock, NULL);
	STAILQ_INIT(&ring->zones);
	ring->vm = vm;
}

void mmio_ring_set_page(struct mmio_ring *ring, void *page, size_t size)
{
	ring->ring = page;
	ring->entries = (u32)((size - sizeof(*ring->ring)) /
			      sizeof(struct kvm_coalesced_mmio));
	set_closed(ring);
}

void mmio_ring_destroy(struct mmio_ring *ring)
{
	pthread_mutex_destroy(&ring->lock);
}

int mmio_ring_add_zone(struct mmio_ring *ring, struct mmio_zone *zone)
{
	struct kvm_coalesced_mmio_zone kvm_zone = {
		.addr = zone->slot->gpa,
		.size = (u32)zone->slot->size,
	};

	if (!ring->ring)
		return -ENOTSUP;
	if (ioctl(ring->vm->fd, KVM_REGISTER_COALESCED_MMIO, &kvm_zone) < 0)
		return -errno;
	STAILQ_INSERT_TAIL(&ring->zones, zone, next);
	return 0;
}

void mmio_ring_remove_zone(struct mmio_ring *ring, struct mmio_zone *zone)
{
	STAILQ_REMOVE(&ring->zones, zone, mmio_zone, next);
}

static bool is_blocked(const struct mmio_ring *ring)
{
	const struct mmio_zone *zone;

	STAILQ_FOREACH (zone, &ring->zones, next)
		if (zone->slot->mapped)
			return true;
	return false;
}

static void unmap_zones(struct mmio_ring *ring)
{
	struct mmio_zone *zone;

	STAILQ_FOREACH (zone, &ring->zones, next) {
		int ret = memslot_unmap(zone->slot);

		if (!ret)
			continue;
		pr_err("Unable to take memory slot %u away from the guest: %s",
		       zone->slot->id, strerror(-ret));
		vm_request_exit(ring->vm, VM_EXIT_FAILURE);
	}
}

void mmio_ring_open(struct mmio_ring *ring)
{
	if (ring->open || !ring->ring)
		return;
	if (is_blocked(ring) && ++ring->missed >= MAX_MISSED)
		unmap_zones(ring);
	if (is_blocked(ring))
		return;
	/* Not `last`: another vCPU may be looking at it this moment. */
	__atomic_store_n(&ring->open, true, __ATOMIC_RELEASE);
	set_head(ring, top(ring));
}

static void carry_out(struct mmio_ring *ring,
		      const struct kvm_coalesced_mmio *entry)
{
	unsigned int len = MIN(entry->len, 8U);
	u64 value = 0;

	memcpy(&value, entry->data, len);
	mmio_bus_coalesced(&ring->vm->bus, entry->phys_addr, value, len);
	ring->drained++;
}

void mmio_ring_drain(struct mmio_ring *ring)
{
	u32 last;

	if (!ring->open || ring->draining)
		return;
	ring->draining = true;
	/* Not what comes meanwhile: that might go on for ever. */
	last = load_last(ring) % ring->entries;
	while (ring->head != last) {
		struct kvm_coalesced_mmio entry =
			ring->ring->coalesced_mmio[ring->head];

		set_head(ring, (ring->head + 1) % ring->entries);
		carry_out(ring, &entry);
	}
	ring->draining = false;
}

void mmio_ring_close(struct mmio_ring *ring)
{
	if (!ring->open || ring->draining)
		return;
	vm_pause(ring->vm);
	mmio_ring_drain(ring);
	set_closed(ring);
	vm_resume(ring->vm);
}

/* A vCPU that has written before is sure to see its write here. */
bool mmio_ring_is_empty(const struct mmio_ring *ring)
{
	return !ring->ring || !__atomic_load_n(&ring->open, __ATOMIC_ACQUIRE) ||
	       load_last(ring) ==
		       __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
}

void mmio_ring_flush(struct mmio_ring *ring)
{
	if (mmio_ring_is_empty(ring))
		return;
	pthread_mutex_lock(&ring->lock);
	mmio_ring_drain(ring);
	pthread_mutex_unlock(&ring->lock);
}
