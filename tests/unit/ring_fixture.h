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
	t.paused = true;
	t.pauses++;
}

void vm_resume(struct vm *vm)
{
	assert_ptr_equal(vm, &t.vm);
	t.paused = false;
}

#endif
