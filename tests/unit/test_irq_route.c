/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/irq_route.c util/log.c util/output.c */
/* WRAP: ioctl calloc pthread_mutex_unlock */
/* KVM's table of GSIs as it is told, and the eventfds that it gets. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/ioctl.h>

#include "lkvm/vmm/vm.h"

#define VM_FD 42
#define FIRST 988U
#define ROOM  16U /* GSIs of this KVM, behind those of SPIs */

/* What KVM has. */
static struct {
	int gsis, irqfds; /* capabilities */
	struct kvm_irq_routing_entry table[ROOM];
	u32 nr;
	unsigned int sets;
	struct kvm_irqfd last;
	unsigned int calls; /* of KVM_IRQFD */
	const struct irq_route *route;
	unsigned long failing;
	int error;
	bool no_memory;
} kvm;

int __wrap_ioctl(int fd, unsigned long request, ...);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return kvm.no_memory ? NULL : __real_calloc(n, size);
}

int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);

/* Who gives a lock up has it. */
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	assert_int_equal(pthread_mutex_trylock(mutex), EBUSY);
	return __real_pthread_mutex_unlock(mutex);
}

int vm_check_cap(const struct vm *vm, int cap)
{
	assert_int_equal(vm->fd, VM_FD);
	return cap == KVM_CAP_IRQ_ROUTING ? kvm.gsis
	       : cap == KVM_CAP_IRQFD	  ? kvm.irqfds
					  : 0;
}

static void set_table(const struct kvm_irq_routing *table)
{
	assert_int_equal(table->flags, 0);
	assert_in_range(table->nr, 0, ROOM);
	memcpy(kvm.table, table->entries, table->nr * sizeof(kvm.table[0]));
	kvm.nr = table->nr;
	kvm.sets++;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	assert_int_equal(fd, VM_FD);
	/* Of a call that has succeeded it says nothing. */
	errno = kvm.error ? kvm.error : EPERM;
	if (kvm.error && request == kvm.failing)
		return -1;
	if (request == KVM_SET_GSI_ROUTING) {
		set_table(arg);
	} else {
		assert_int_equal(request, KVM_IRQFD);
		/* Who looks at it meanwhile must not rely on KVM. */
		assert_false(kvm.route->bound);
		kvm.last = *(struct kvm_irqfd *)arg;
		kvm.calls++;
	}
	return 0;
}

/* The entry of a GSI, of which there is one. */
static const struct kvm_irq_routing_entry *entry_of(u32 gsi)
{
	const struct kvm_irq_routing_entry *found = NULL;

	for (u32 i = 0; i < kvm.nr; i++) {
		if (kvm.table[i].gsi != gsi)
			continue;
		assert_null(found);
		found = &kvm.table[i];
	}
	assert_non_null(found);
	return found;
}

static void expect_msi(u32 gsi, u32 id, u64 address, u32 data)
{
	const struct kvm_irq_routing_entry *entry = entry_of(gsi);

	assert_int_equal(entry->type, KVM_IRQ_ROUTING_MSI);
	assert_int_equal(entry->flags, KVM_MSI_VALID_DEVID);
	assert_int_equal(entry->u.msi.address_lo, (u32)address);
	assert_int_equal(entry->u.msi.address_hi, (u32)(address >> 32));
	assert_int_equal(entry->u.msi.data, data);
	assert_int_equal(entry->u.msi.devid, id);
}

static int setup(void **state)
{
	static struct vm vm;

	log_set_level(LOG_LEVEL_ERROR);
	memset(&vm, 0, sizeof(vm));
	memset(&kvm, 0, sizeof(kvm));
	vm.fd = VM_FD;
	kvm.gsis = FIRST + ROOM;
	kvm.irqfds = 1;
	assert_true(irq_routes_init(&vm));
	*state = &vm;
	return 0;
}

static void capabilities(void **state)
{
	struct vm vm = { .fd = VM_FD };

	(void)state;
	kvm.irqfds = 0;
	assert_false(irq_routes_init(&vm));
	kvm.irqfds = 1;
	/* As many as there are SPIs. */
	kvm.gsis = FIRST;
	assert_false(irq_routes_init(&vm));
	kvm.gsis = 0;
	assert_false(irq_routes_init(&vm));
	kvm.gsis = FIRST + 1;
	assert_true(irq_routes_init(&vm));
	assert_int_equal(kvm.sets, 0);
}

/* Each has a GSI; KVM is told of changes only. */
static void messages(void **state)
{
	struct irq_route a = { 0 }, b = { 0 };
	struct vm *vm = *state;

	assert_int_equal(irq_route_msi(vm, &a, 8, 0x1080000040, 3), 0);
	assert_int_equal(irq_route_msi(vm, &b, 16, 0x8090040, 4), 0);
	assert_int_equal(kvm.nr, 2);
	expect_msi(FIRST, 8, 0x1080000040, 3);
	expect_msi(FIRST + 1, 16, 0x8090040, 4);
	assert_int_equal(irq_route_msi(vm, &a, 8, 0x1080000040, 3), 0);
	assert_int_equal(kvm.sets, 2);
	assert_int_equal(irq_route_msi(vm, &a, 8, 0x1080000040, 5), 0);
	expect_msi(FIRST, 8, 0x1080000040, 5);
	assert_int_equal(irq_route_msi(vm, &a, 8, 0x2080000040, 5), 0);
	expect_msi(FIRST, 8, 0x2080000040, 5);
	assert_int_equal(irq_route_msi(vm, &a, 24, 0x2080000040, 5), 0);
	expect_msi(FIRST, 24, 0x2080000040, 5);
	expect_msi(FIRST + 1, 16, 0x8090040, 4);
	assert_int_equal(kvm.nr, 2);
	assert_int_equal(kvm.sets, 5);
	assert_int_equal(atomic_load(&vm->irq_routes.updates), 5);
}

static void spis(void **state)
{
	const struct kvm_irq_routing_entry *entry;
	struct irq_route route = { 0 };
	struct vm *vm = *state;

	assert_int_equal(irq_route_spi(vm, &route, 0), 0);
	assert_int_equal(irq_route_spi(vm, &route, 70), 0);
	assert_int_equal(irq_route_spi(vm, &route, 70), 0);
	assert_int_equal(kvm.sets, 2);
	entry = entry_of(FIRST);
	assert_int_equal(entry->type, KVM_IRQ_ROUTING_IRQCHIP);
	assert_int_equal(entry->flags, 0);
	assert_int_equal(entry->u.irqchip.irqchip, 0);
	assert_int_equal(entry->u.irqchip.pin, 70);
	/* The same numbers, of another kind. */
	assert_int_equal(irq_route_msi(vm, &route, 0, 0, 70), 0);
	expect_msi(FIRST, 0, 0, 70);
}

/* What is given back is taken again, and gone from KVM's with a change. */
static void released(void **state)
{
	struct irq_route routes[3] = { 0 }, another = { 0 };
	struct vm *vm = *state;

	for (u32 i = 0; i < 3; i++)
		assert_int_equal(irq_route_msi(vm, &routes[i], 0, 0, i), 0);
	irq_route_release(vm, &routes[1]);
	irq_route_release(vm, &routes[1]);
	assert_int_equal(kvm.sets, 3);
	assert_int_equal(irq_route_msi(vm, &routes[2], 0, 0, 7), 0);
	assert_int_equal(kvm.nr, 2);
	expect_msi(FIRST, 0, 0, 0);
	expect_msi(FIRST + 2, 0, 0, 7);
	assert_int_equal(irq_route_msi(vm, &routes[1], 0, 0, 9), 0);
	assert_int_equal(kvm.nr, 3);
	expect_msi(FIRST + 1, 0, 0, 9);
	irq_route_release(vm, &routes[0]);
	assert_int_equal(irq_route_spi(vm, &routes[0], 1), 0);
	assert_int_equal(entry_of(FIRST)->type, KVM_IRQ_ROUTING_IRQCHIP);
	/* One that has never been there, in front of others. */
	irq_route_release(vm, &routes[1]);
	assert_int_equal(irq_route_msi(vm, &another, 0, 0, 8), 0);
	assert_int_equal(kvm.nr, 3);
	expect_msi(FIRST + 1, 0, 0, 8);
	expect_msi(FIRST + 2, 0, 0, 7);
}

static void too_many(void **state)
{
	struct irq_route routes[ROOM] = { 0 }, more = { 0 };
	struct vm *vm = *state;

	for (u32 i = 0; i < ROOM; i++)
		assert_int_equal(irq_route_msi(vm, &routes[i], 0, 0, i), 0);
	assert_int_equal(irq_route_msi(vm, &more, 0, 0, 1), -ENOSPC);
	assert_int_equal(kvm.sets, ROOM);
	irq_route_release(vm, &routes[ROOM - 1]);
	assert_int_equal(irq_route_msi(vm, &more, 0, 0, 1), 0);
	expect_msi(FIRST + ROOM - 1, 0, 0, 1);
}

/* It leads where it did; a new one nowhere. */
static void refused(void **state)
{
	struct irq_route a = { 0 }, b = { 0 }, c = { 0 };
	struct vm *vm = *state;

	assert_int_equal(irq_route_msi(vm, &a, 0, 0, 1), 0);
	kvm.failing = KVM_SET_GSI_ROUTING;
	kvm.error = EINVAL;
	assert_int_equal(irq_route_msi(vm, &a, 0, 0, 2), -EINVAL);
	assert_int_equal(irq_route_msi(vm, &b, 0, 0, 3), -EINVAL);
	kvm.error = 0;
	kvm.no_memory = true;
	assert_int_equal(irq_route_msi(vm, &b, 0, 0, 3), -ENOMEM);
	kvm.no_memory = false;
	assert_int_equal(irq_route_msi(vm, &a, 0, 0, 1), 0);
	assert_int_equal(kvm.sets, 1);
	/* It has no place in the table, either. */
	assert_int_equal(b.gsi, 0);
	assert_int_equal(irq_route_msi(vm, &c, 0, 0, 4), 0);
	assert_int_equal(kvm.nr, 2);
	expect_msi(FIRST + 1, 0, 0, 4);
	irq_route_release(vm, &c);
	assert_int_equal(irq_route_msi(vm, &b, 0, 0, 3), 0);
	assert_int_equal(kvm.nr, 2);
	expect_msi(FIRST, 0, 0, 1);
	expect_msi(FIRST + 1, 0, 0, 3);
}

static void expect_irqfd(unsigned int calls, u32 gsi, u32 fd, u32 flags)
{
	assert_int_equal(kvm.calls, calls);
	assert_int_equal(kvm.last.gsi, gsi);
	assert_int_equal(kvm.last.fd, fd);
	assert_int_equal(kvm.last.flags, flags);
}

static void eventfds(void **state)
{
	struct irq_route a = { 0 }, b = { 0 };
	struct vm *vm = *state;

	assert_int_equal(irq_route_spi(vm, &a, 1), 0);
	assert_int_equal(irq_route_spi(vm, &b, 2), 0);
	irq_route_unbind(vm, &b);
	assert_int_equal(kvm.calls, 0);
	kvm.route = &b;
	assert_int_equal(irq_route_bind(vm, &b, 7, -1), 0);
	expect_irqfd(1, FIRST + 1, 7, 0);
	assert_true(b.bound);
	irq_route_unbind(vm, &b);
	expect_irqfd(2, FIRST + 1, 7, KVM_IRQFD_FLAG_DEASSIGN);
	assert_false(b.bound);
	irq_route_unbind(vm, &b);
	assert_int_equal(kvm.calls, 2);
	kvm.route = &a;
	assert_int_equal(irq_route_bind(vm, &a, 8, 9), 0);
	expect_irqfd(3, FIRST, 8, KVM_IRQFD_FLAG_RESAMPLE);
	assert_int_equal(kvm.last.resamplefd, 9);
	/* Where it leads may change meanwhile. */
	assert_int_equal(irq_route_spi(vm, &a, 3), 0);
	assert_int_equal(kvm.calls, 3);
	irq_route_release(vm, &a);
	expect_irqfd(4, FIRST, 8, KVM_IRQFD_FLAG_DEASSIGN);
	/* 0 is a descriptor as others are. */
	kvm.route = &b;
	assert_int_equal(irq_route_bind(vm, &b, 7, 0), 0);
	expect_irqfd(5, FIRST + 1, 7, KVM_IRQFD_FLAG_RESAMPLE);
	assert_int_equal(kvm.last.resamplefd, 0);
	irq_route_unbind(vm, &b);
	kvm.failing = KVM_IRQFD;
	kvm.error = EBUSY;
	assert_int_equal(irq_route_bind(vm, &b, 7, -1), -EBUSY);
	assert_false(b.bound);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(capabilities), TEST(messages), TEST(spis),
		TEST(released),	    TEST(too_many), TEST(refused),
		TEST(eventfds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
