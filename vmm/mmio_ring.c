/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's ring of coalesced MMIO: when it is open and for whom, and how what is
 * in it gets to the devices. See mmio_ring.h and docs/hacking.md.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lkvm/util/log.h"
#include "lkvm/vmm/mmio_ring.h"
#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"

/*
 * So many writes exit before arrays are unmapped to have them coalesced, which
 * is about what it costs to unmap an array and map it again.
 */
#define MAX_MISSED 32

/*
 * For a zone of registers it is cheaper to take the zones of mapped slots away
 * from KVM, and to add them again when their banks are programmed: four exits
 * on Linux 6.1, many more on kernels that wait for a long grace period. That is
 * not known here; so each time it happens, twice as many writes have to exit
 * before the next.
 */
#define MAX_TOLERANCE 4096

/*
 * The timer's period, after how many such without any write the ring is closed,
 * and how soon it looks again at what it has found in the ring. That is usually
 * gone by then, because the guest has exited. So a write stays there for 10 ms
 * at most.
 */
#define PERIOD_NS      8000000ULL
#define MAX_IDLE       25
#define SECOND_LOOK_NS 2000000ULL

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
static void set_first(struct mmio_ring *ring, u32 head)
{
	__atomic_store_n(&ring->ring->first, head ?: ring->entries - 1,
			 __ATOMIC_RELEASE);
}

/* Whoever sees it finds the writes before it carried out. */
static void set_done(struct mmio_ring *ring, u32 head)
{
	__atomic_store_n(&ring->head, head, __ATOMIC_RELEASE);
}

/*
 * Full for the kernel; `open` says here that it is empty. No vCPU is in the
 * guest, so KVM does not write `last`.
 */
static void set_closed(struct mmio_ring *ring)
{
	ring->ring->last = top(ring);
	set_done(ring, top(ring) + 1);
	set_first(ring, top(ring) + 1);
	__atomic_store_n(&ring->open, false, __ATOMIC_RELEASE);
	ring->missed = ring->missed_registers = 0;
}

void mmio_ring_init(struct mmio_ring *ring, struct vm *vm)
{
	memset(ring, 0, sizeof(*ring));
	pthread_mutex_init(&ring->flush_lock, NULL);
	pthread_mutex_init(&ring->lock, NULL);
	STAILQ_INIT(&ring->zones);
	STAILQ_INIT(&ring->deferred);
	ring->vm = vm;
	ring->tolerance = MAX_MISSED;
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
	if (ring->has_timer)
		evloop_timer_destroy(&ring->vm->loop, &ring->timer);
	pthread_mutex_destroy(&ring->lock);
	pthread_mutex_destroy(&ring->flush_lock);
}

/* KVM_REGISTER_COALESCED_MMIO, or the opposite. */
static int tell_kvm(const struct mmio_ring *ring, const struct mmio_zone *zone,
		    unsigned long request)
{
	struct kvm_coalesced_mmio_zone kvm_zone = {
		.addr = zone->base,
		.size = (u32)zone->size,
	};

	return ioctl(ring->vm->fd, request, &kvm_zone) < 0 ? -errno : 0;
}

int mmio_ring_add_zone(struct mmio_ring *ring, struct mmio_zone *zone)
{
	int ret;

	if (zone->added)
		return 0;
	if (!ring->ring || zone->refused)
		return -ENOTSUP;
	ret = tell_kvm(ring, zone, KVM_REGISTER_COALESCED_MMIO);
	zone->added = !ret;
	zone->refused = ret;
	if (zone->added)
		STAILQ_INSERT_TAIL(&ring->zones, zone, next);
	return ret;
}

void mmio_ring_remove_zone(struct mmio_ring *ring, struct mmio_zone *zone)
{
	if (zone->deferred)
		STAILQ_REMOVE(&ring->deferred, zone, mmio_zone, next_deferred);
	if (zone->added)
		STAILQ_REMOVE(&ring->zones, zone, mmio_zone, next);
	zone->added = zone->deferred = false;
}

int mmio_ring_drop_zone(struct mmio_ring *ring, struct mmio_zone *zone)
{
	int ret = 0;

	if (zone->added)
		ret = tell_kvm(ring, zone, KVM_UNREGISTER_COALESCED_MMIO);
	if (zone->added && !ret)
		STAILQ_REMOVE(&ring->zones, zone, mmio_zone, next);
	zone->added = zone->added && ret;
	return ret;
}

static bool is_blocked(const struct mmio_ring *ring)
{
	const struct mmio_zone *zone;

	STAILQ_FOREACH (zone, &ring->zones, next)
		if (zone->slot && zone->slot->mapped)
			return true;
	return false;
}

static void unmap_zones(struct mmio_ring *ring)
{
	struct mmio_zone *zone;

	STAILQ_FOREACH (zone, &ring->zones, next) {
		int ret = zone->slot ? memslot_unmap(zone->slot) : 0;

		if (!ret)
			continue;
		pr_err("Unable to take memory slot %u away from the guest: %s",
		       zone->slot->id, strerror(-ret));
		vm_request_exit(ring->vm, VM_EXIT_FAILURE);
	}
}

/*
 * Takes the zones of mapped slots away from KVM. The ring is closed. A zone
 * that cannot be taken away stays in the way.
 */
static void take_mapped_zones(struct mmio_ring *ring)
{
	struct mmio_zone *zone, *after;

	for (zone = STAILQ_FIRST(&ring->zones); zone; zone = after) {
		after = STAILQ_NEXT(zone, next);
		if (zone->slot && zone->slot->mapped)
			mmio_ring_drop_zone(ring, zone);
	}
	ring->tolerance = MIN(2 * ring->tolerance, (unsigned int)MAX_TOLERANCE);
	ring->missed_registers = 0;
}

static bool has_registers(const struct mmio_ring *ring)
{
	const struct mmio_zone *zone;

	STAILQ_FOREACH (zone, &ring->zones, next)
		if (!zone->slot)
			return true;
	return false;
}

/* Has the timer look at the ring, if it is of use to registers. */
static void watch(struct mmio_ring *ring)
{
	if (ring->armed || !has_registers(ring))
		return;
	ring->idle = 0;
	ring->seen = ring->drained;
	ring->second_look = false;
	ring->armed = !evloop_timer_set(&ring->timer, PERIOD_NS);
}

/* Nothing is in the way. */
static void set_open(struct mmio_ring *ring)
{
	/* Not `last`: another vCPU may be looking at it this moment. */
	set_done(ring, top(ring));
	__atomic_store_n(&ring->open, true, __ATOMIC_RELEASE);
	set_first(ring, top(ring));
	watch(ring);
}

void mmio_ring_open(struct mmio_ring *ring)
{
	if (ring->open || !ring->ring)
		return;
	if (is_blocked(ring) && ++ring->missed >= MAX_MISSED)
		unmap_zones(ring);
	if (!is_blocked(ring))
		set_open(ring);
}

/* A vCPU that has written before is sure to see its write here. */
bool mmio_ring_is_empty(const struct mmio_ring *ring)
{
	if (ring->ring && __atomic_load_n(&ring->open, __ATOMIC_ACQUIRE) &&
	    load_last(ring) != __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE))
		return false;
	return !atomic_load(&ring->nr_deferred);
}

static bool is_idle(struct mmio_ring *ring)
{
	ring->idle = ring->seen == ring->drained ? ring->idle + 1 : 0;
	ring->seen = ring->drained;
	return ring->idle >= MAX_IDLE;
}

/* Draining might wait for a disk: what has come meanwhile is left there. */
static void close_if_empty(struct mmio_ring *ring)
{
	if (!mmio_ring_is_empty(ring))
		return;
	vm_pause(ring->vm);
	if (ring->open && mmio_ring_is_empty(ring)) {
		set_closed(ring);
		ring->closing = false;
	}
	vm_resume(ring->vm);
}

/*
 * True if what is in the ring has been there since the first of two looks: it
 * is to be drained. It is late if the guest waits, too, and does not just write
 * more, as it may for some time where all is slow.
 */
static bool look(struct mmio_ring *ring)
{
	bool stays = ring->second_look && ring->suspect == ring->drained &&
		     !mmio_ring_is_empty(ring);
	u32 last = ring->open ? load_last(ring) : 0;

	if (!ring->second_look && (is_idle(ring) || ring->closing))
		close_if_empty(ring);
	ring->late = stays && ring->suspect_last == last;
	ring->second_look = !stays && !mmio_ring_is_empty(ring);
	ring->suspect = ring->drained;
	ring->suspect_last = last;
	return stays;
}

/*
 * On the event loop's thread, which must not wait for a backend: so what is in
 * the ring is left to a vCPU. One that is not in the guest carries out its own
 * writes anyway, before all else. The lock may be held during a flash's sync.
 */
static void expired(struct evloop_timer *timer)
{
	struct mmio_ring *ring = container_of(timer, struct mmio_ring, timer);
	bool stays;

	if (pthread_mutex_trylock(&ring->lock)) {
		evloop_timer_set(timer, PERIOD_NS);
		return;
	}
	stays = look(ring);
	ring->armed = (ring->open || !mmio_ring_is_empty(ring)) &&
		      !evloop_timer_set(timer, ring->second_look
						       ? SECOND_LOOK_NS
						       : PERIOD_NS);
	pthread_mutex_unlock(&ring->lock);
	if (stays)
		vm_kick_any(ring->vm);
}

/* Without the timer KVM must not have the zone. */
static int add_registers(struct mmio_ring *ring, struct mmio_zone *zone)
{
	int ret = 0;

	if (!ring->ring || zone->refused)
		return -ENOTSUP;
	if (!ring->has_timer)
		ret = evloop_timer_init(&ring->vm->loop, &ring->timer, expired);
	ring->has_timer = !ret;
	zone->refused = ret;
	return ret ?: mmio_ring_add_zone(ring, zone);
}

void mmio_ring_open_registers(struct mmio_ring *ring, struct mmio_zone *zone)
{
	if (add_registers(ring, zone))
		return;
	if (ring->open) {
		watch(ring);
		return;
	}
	if (is_blocked(ring) && ++ring->missed_registers >= ring->tolerance)
		take_mapped_zones(ring);
	if (!is_blocked(ring))
		set_open(ring);
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

		set_first(ring, (ring->head + 1) % ring->entries);
		carry_out(ring, &entry);
		set_done(ring, (ring->head + 1) % ring->entries);
	}
	ring->late = false;
	ring->draining = false;
}

void mmio_ring_close(struct mmio_ring *ring)
{
	if (!ring->open || ring->draining)
		return;
	/* Most of it before, so that the pause is short. */
	mmio_ring_drain(ring);
	vm_pause(ring->vm);
	mmio_ring_drain(ring);
	set_closed(ring);
	vm_resume(ring->vm);
}

void mmio_ring_defer(struct mmio_ring *ring, struct mmio_zone *zone)
{
	if (zone->deferred)
		return;
	zone->deferred = true;
	STAILQ_INSERT_TAIL(&ring->deferred, zone, next_deferred);
	atomic_fetch_add(&ring->nr_deferred, 1);
}

bool mmio_ring_is_late(const struct mmio_ring *ring)
{
	return ring->late;
}

void mmio_ring_close_soon(struct mmio_ring *ring)
{
	ring->closing = true;
}

/* On a vCPU's thread, which may wait for a disk. */
static void close_if_asked(struct mmio_ring *ring)
{
	if (!ring->closing)
		return;
	mmio_ring_close(ring);
	ring->closing = false;
}

/* Drains the ring; then the next zone that is to be finished, or NULL. */
static struct mmio_zone *next_deferred(struct mmio_ring *ring, bool drain)
{
	struct mmio_zone *zone;

	pthread_mutex_lock(&ring->lock);
	if (drain) {
		mmio_ring_drain(ring);
		close_if_asked(ring);
	}
	zone = STAILQ_FIRST(&ring->deferred);
	if (zone) {
		STAILQ_REMOVE_HEAD(&ring->deferred, next_deferred);
		zone->deferred = false;
	}
	pthread_mutex_unlock(&ring->lock);
	return zone;
}

/* One that is being finished counts until it is: others have to wait for it. */
void mmio_ring_flush(struct mmio_ring *ring)
{
	struct mmio_zone *zone;

	if (mmio_ring_is_empty(ring))
		return;
	pthread_mutex_lock(&ring->flush_lock);
	zone = next_deferred(ring, true);
	while (zone) {
		zone->finish(zone);
		atomic_fetch_sub(&ring->nr_deferred, 1);
		zone = next_deferred(ring, false);
	}
	pthread_mutex_unlock(&ring->flush_lock);
}
