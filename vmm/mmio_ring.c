/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lkvm/mmio_ring.h"
#include "lkvm/vm.h"

/*
 * Where the indices stand when the ring is closed or just opened. Linux 6.1,
 * for one, computes the free room in a way that is right only while `first` is
 * above `last`: with `first` at the top that holds for all of the ring.
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

static void store_first(struct mmio_ring *ring, u32 first)
{
	/* The kernel may use the entry from here on. */
	__atomic_store_n(&ring->ring->first, first, __ATOMIC_RELEASE);
}

/*
 * Full for the kernel, and empty for us, who know that it is closed. No vCPU is
 * in the guest, so `last` is ours for the moment.
 */
static void set_closed(struct mmio_ring *ring)
{
	ring->ring->last = top(ring);
	store_first(ring, top(ring) + 1);
	ring->open = false;
}

void mmio_ring_init(struct mmio_ring *ring, struct vm *vm)
{
	memset(ring, 0, sizeof(*ring));
	pthread_mutex_init(&ring->lock, NULL);
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

int mmio_ring_add_zone(struct mmio_ring *ring, u64 base, u32 size)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = base, .size = size };

	if (!ring->ring)
		return -ENOTSUP;
	return ioctl(ring->vm->fd, KVM_REGISTER_COALESCED_MMIO, &zone) < 0
		       ? -errno
		       : 0;
}

void mmio_ring_open(struct mmio_ring *ring)
{
	if (ring->open || !ring->ring)
		return;
	ring->open = true;
	/* Only `first`: another vCPU may be looking at both this moment. */
	store_first(ring, top(ring));
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
	u32 first, last;

	if (!ring->open)
		return;
	first = ring->ring->first;
	last = load_last(ring);
	while (first != last && first < ring->entries) {
		struct kvm_coalesced_mmio entry =
			ring->ring->coalesced_mmio[first];

		first = (first + 1) % ring->entries;
		store_first(ring, first);
		carry_out(ring, &entry);
	}
}

void mmio_ring_close(struct mmio_ring *ring)
{
	if (!ring->open)
		return;
	vm_pause(ring->vm);
	mmio_ring_drain(ring);
	set_closed(ring);
	vm_resume(ring->vm);
}

void mmio_ring_flush(struct mmio_ring *ring)
{
	if (!ring->ring || !__atomic_load_n(&ring->open, __ATOMIC_RELAXED) ||
	    load_last(ring) ==
		    __atomic_load_n(&ring->ring->first, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&ring->lock);
	mmio_ring_drain(ring);
	pthread_mutex_unlock(&ring->lock);
}
