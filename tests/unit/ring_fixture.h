/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of vmm/mmio_ring.c: its surroundings, and KVM's side of the ring.
 */
#ifndef TESTS_RING_FIXTURE_H
#define TESTS_RING_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"
#include "timer_stub.h"

#define BASE   0x2000000
#define SIZE   0x10000
#define VM_FD  1234
#define ROUNDS 1000

static const size_t page_sizes[] = { SZ_4K, 16 * SZ_1K, 64 * SZ_1K };

static struct {
	struct vm vm;
	struct mmio_region region;
	struct memslot slots[3];
	struct mmio_zone zones[3];
	struct kvm_coalesced_mmio_ring *page;
	bool old_kernel;
	u32 sent;	   /* numbers written by the guest */
	u32 seen;	   /* and those that came to the device, in order */
	bool closes;	   /* the device does, while the ring is drained */
	bool busy;	   /* the guest writes while the ring is drained */
	unsigned int late; /* writes that other vCPUs have under way */
	unsigned int pauses;
	u32 seen_at_pause;
	bool paused;
	struct kvm_coalesced_mmio_zone zone;
	unsigned int removals; /* of zones from KVM */
	struct mmio_zone registers;
	bool defers;	       /* the device does, with each write */
	unsigned int finished; /* calls, which saw all writes up to then */
	unsigned int kicks;
	int error;	       /* of ioctl() */
	int stuck;	       /* errno of memslot_unmap() */
	unsigned int failures; /* after which the run ends */
} t;

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;

	assert_int_equal(fd, VM_FD);
	if (request == KVM_UNREGISTER_COALESCED_MMIO)
		t.removals++;
	else
		assert_int_equal(request, KVM_REGISTER_COALESCED_MMIO);
	va_start(args, request);
	t.zone = *va_arg(args, struct kvm_coalesced_mmio_zone *);
	va_end(args);
	errno = t.error;
	return t.error ? -1 : 0;
}

void vm_request_exit(struct vm *vm, enum vm_exit reason)
{
	assert_ptr_equal(vm, &t.vm);
	t.failures += reason == VM_EXIT_FAILURE;
}

int memslot_unmap(struct memslot *slot)
{
	assert_int_equal(pthread_mutex_trylock(&t.vm.ring.lock), EBUSY);
	assert_false(t.vm.ring.open);
	if (!slot->mapped || t.stuck)
		return -t.stuck;
	slot->mapped = false;
	slot->updates++;
	return 0;
}

/* ---- The kernel: virt/kvm/coalesced_mmio.c, by what it does -------------- */

static bool has_room(void)
{
	u64 entries = t.vm.ring.entries;
	u32 first = t.page->first, last = t.page->last;

	if (t.old_kernel)
		return (u64)(u32)(first - last - 1) % entries != 0;
	return (last + 1) % entries != first;
}

/* A guest's write. True if the kernel has taken it, else it would exit. */
static bool kernel_takes(u64 addr, const void *data, u32 len)
{
	u32 last = t.page->last;

	assert_false(t.paused);
	if (!has_room())
		return false;
	assert_in_range(last, 0, t.vm.ring.entries - 1);
	t.page->coalesced_mmio[last] =
		(struct kvm_coalesced_mmio) { .phys_addr = addr, .len = len };
	memcpy(t.page->coalesced_mmio[last].data, data, MIN(len, 8U));
	t.page->last = (last + 1) % t.vm.ring.entries;
	return true;
}

static bool guest_writes(void)
{
	u32 number = t.sent;

	if (!kernel_takes(BASE + 4 * (number % 100), &number, sizeof(number)))
		return false;
	t.sent++;
	return true;
}

/* What is on its way when a vCPU is told to leave the guest still arrives. */
void vm_pause(struct vm *vm)
{
	assert_ptr_equal(vm, &t.vm);
	while (t.late) {
		t.late--;
		guest_writes();
	}
	t.seen_at_pause = t.seen;
	t.paused = true;
	t.pauses++;
}

void vm_resume(struct vm *vm)
{
	assert_ptr_equal(vm, &t.vm);
	t.paused = false;
}

/* ---- The device ---------------------------------------------------------- */

static inline void coalesced(struct mmio_region *region, u64 offset, u64 value,
			     unsigned int len)
{
	assert_ptr_equal(region, &t.region);
	assert_int_equal(pthread_mutex_trylock(&t.vm.ring.lock), EBUSY);
	assert_int_equal(len, 4);
	assert_int_equal(value, t.seen);
	assert_int_equal(offset, 4 * (t.seen % 100));
	t.seen++;
	/* Who looks without the lock does not take it for done. */
	assert_int_not_equal(t.vm.ring.head, t.page->last);
	if (t.defers)
		mmio_ring_defer(&t.vm.ring, &t.registers);
	if (t.closes)
		mmio_ring_close(&t.vm.ring);
	/* Meanwhile other vCPUs go on. */
	while (t.busy && !t.paused && random() % 3)
		guest_writes();
}

static const struct mmio_ops ops = { .coalesced = coalesced };

/* It may wait for a backend: nobody who wants the ring waits for that. */
static inline void finish(struct mmio_zone *zone)
{
	assert_ptr_equal(zone, &t.registers);
	assert_int_equal(pthread_mutex_trylock(&t.vm.ring.flush_lock), EBUSY);
	assert_int_equal(pthread_mutex_trylock(&t.vm.ring.lock), 0);
	pthread_mutex_unlock(&t.vm.ring.lock);
	/* Others wait until it is done. */
	assert_true(atomic_load(&t.vm.ring.nr_deferred) > 0);
	t.finished++;
}

void vm_kick_any(struct vm *vm)
{
	assert_ptr_equal(vm, &t.vm);
	assert_int_equal(pthread_mutex_trylock(&t.vm.ring.lock), 0);
	pthread_mutex_unlock(&t.vm.ring.lock);
	t.kicks++;
}

static inline void start(size_t page_size, bool old_kernel)
{
	memset(&t, 0, sizeof(t));
	memset(&stub, 0, sizeof(stub));
	t.old_kernel = old_kernel;
	t.vm.fd = VM_FD;
	t.page = calloc(1, page_size);
	assert_non_null(t.page);
	t.region = (struct mmio_region) {
		.name = "device", .base = BASE, .size = SIZE, .ops = &ops
	};
	mmio_bus_init(&t.vm.bus);
	assert_int_equal(mmio_bus_add(&t.vm.bus, &t.region), 0);
	mmio_ring_init(&t.vm.ring, &t.vm);
	mmio_ring_set_page(&t.vm.ring, t.page, page_size);
	for (size_t i = 0; i < ARRAY_SIZE(t.zones); i++) {
		t.slots[i].gpa = BASE + i * SIZE;
		t.slots[i].size = SIZE;
		t.zones[i].base = t.slots[i].gpa;
		t.zones[i].size = SIZE;
		t.zones[i].slot = &t.slots[i];
	}
	t.registers = (struct mmio_zone) { .base = BASE,
					   .size = 2,
					   .finish = finish };
}

static inline void end(void)
{
	mmio_ring_destroy(&t.vm.ring);
	mmio_bus_destroy(&t.vm.bus);
	free(t.page);
}

#define for_each_kernel()                                                    \
	for (size_t i_ = 0; i_ < 2 * ARRAY_SIZE(page_sizes); i_++)           \
		for (bool once_ = (start(page_sizes[i_ / 2], i_ % 2), true); \
		     once_; once_ = (end(), false))

static inline struct mmio_ring *ring(void)
{
	return &t.vm.ring;
}

static inline void with_lock(void (*function)(struct mmio_ring *ring))
{
	pthread_mutex_lock(&ring()->lock);
	function(ring());
	pthread_mutex_unlock(&ring()->lock);
}

#define PERIODS 25 /* without a write, after which the ring is closed */

static inline void open_registers(struct mmio_ring *ring)
{
	mmio_ring_open_registers(ring, &t.registers);
}

/* The timer finds it empty. */
static inline void periods(unsigned int n)
{
	for (; n; n--) {
		assert_true(stub.ns > 0 && stub.ns <= 10000000);
		expire();
	}
}

static inline void add_zones(void)
{
	start(SZ_4K, false);
	for (size_t i = 0; i < ARRAY_SIZE(t.zones); i++)
		assert_int_equal(mmio_ring_add_zone(ring(), &t.zones[i]), 0);
}

#endif
