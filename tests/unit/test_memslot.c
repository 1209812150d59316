/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/memslot.c */
/* WRAP: ioctl */
/* Memory slots: what KVM is told, and what happens when it refuses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/util/log.h"
#include "lkvm/vmm/vm.h"

#define VM_FD 1234
#define GPA   0x02000000
#define SIZE  0x200000

/* Pages of ours: never touched, so any aligned address will do. */
#define HVA ((void *)0x7f0000000000)

/* What KVM was last asked for, how often, and the error it answers with. */
static struct {
	struct kvm_userspace_memory_region region;
	unsigned int calls;
	int error;
} kvm;

int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;

	assert_int_equal(fd, VM_FD);
	assert_int_equal(request, KVM_SET_USER_MEMORY_REGION);
	va_start(args, request);
	kvm.region = *va_arg(args, struct kvm_userspace_memory_region *);
	va_end(args);
	kvm.calls++;
	errno = kvm.error;
	return kvm.error ? -1 : 0;
}

static int setup(void **state)
{
	static struct vm vm;

	memset(&vm, 0, sizeof(vm));
	memset(&vm.slots, 0xff, sizeof(vm.slots));
	memslots_init(&vm.slots);
	assert_int_equal(vm.slots.vm_fd, -1);
	vm.slots.vm_fd = VM_FD;
	memset(&kvm, 0, sizeof(kvm));
	*state = &vm;
	return 0;
}

static void expect_region(const struct memslot *slot, u64 size, bool readonly)
{
	assert_int_equal(kvm.region.slot, slot->id);
	assert_int_equal(kvm.region.guest_phys_addr, GPA);
	assert_int_equal(kvm.region.memory_size, size);
	assert_int_equal(kvm.region.userspace_addr, (uintptr_t)HVA);
	assert_int_equal(kvm.region.flags, readonly ? KVM_MEM_READONLY : 0);
}

static void maps_and_unmaps(void **state)
{
	struct vm *vm = *state;
	struct memslot slot;

	for (int readonly = 0; readonly < 2; readonly++) {
		memset(&kvm, 0, sizeof(kvm));
		assert_int_equal(memslot_init(&slot, &vm->slots, GPA, SIZE, HVA,
					      readonly),
				 0);
		assert_int_equal(kvm.calls, 0);
		assert_int_equal(memslot_map(&slot), 0);
		expect_region(&slot, SIZE, readonly);
		assert_int_equal(memslot_unmap(&slot), 0);
		expect_region(&slot, 0, readonly);
		assert_int_equal(kvm.calls, 2);
		assert_int_equal(slot.updates, 2);
		memslot_release(&slot);
	}
	assert_int_equal(atomic_load(&vm->slots.updates), 4);
}

/* The flash asks after each cycle; KVM is told of changes only. */
static void no_ioctl_without_a_change(void **state)
{
	struct vm *vm = *state;
	struct memslot slot;

	assert_int_equal(memslot_init(&slot, &vm->slots, GPA, SIZE, HVA, true),
			 0);
	assert_int_equal(memslot_unmap(&slot), 0);
	assert_int_equal(kvm.calls, 0);
	assert_int_equal(memslot_map(&slot), 0);
	assert_int_equal(memslot_map(&slot), 0);
	assert_int_equal(kvm.calls, 1);
	assert_int_equal(memslot_unmap(&slot), 0);
	assert_int_equal(memslot_unmap(&slot), 0);
	assert_int_equal(kvm.calls, 2);
	memslot_release(&slot);
	assert_int_equal(kvm.calls, 2);
}

static void alignment(void **state)
{
	static const struct {
		u64 gpa, size, hva;
	} bad[] = {
		{ GPA, 0, 0 },		 { GPA + 1, SIZE, 0 },
		{ GPA, SIZE, 512 },	 { GPA, SIZE + 1, 0 },
		{ GPA + 2048, SIZE, 0 }, { GPA, 2048, 0 },
	};
	struct vm *vm = *state;
	struct memslot slot;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(memslot_init(&slot, &vm->slots, bad[i].gpa,
					      bad[i].size,
					      (char *)HVA + bad[i].hva, false),
				 -EINVAL);
		memslot_release(&slot);
	}
	assert_int_equal(vm->slots.used, 0);
	assert_int_equal(kvm.calls, 0);
}

/* No id twice, none beyond the limit, and each comes back. */
static void ids(void **state)
{
	struct vm *vm = *state;
	struct memslot slots[MEMSLOT_MAX], more;
	u64 seen = 0;

	for (unsigned int i = 0; i < MEMSLOT_MAX; i++) {
		assert_int_equal(memslot_init(&slots[i], &vm->slots, GPA, SIZE,
					      HVA, false),
				 0);
		assert_in_range(slots[i].id, 0, MEMSLOT_MAX - 1);
		assert_false(seen & BIT(slots[i].id));
		seen |= BIT(slots[i].id);
	}
	assert_int_equal(memslot_init(&more, &vm->slots, GPA, SIZE, HVA, false),
			 -ENOSPC);
	/* Must not give back an id it never got. */
	memslot_release(&more);
	assert_true(vm->slots.used == UINT64_MAX);
	memslot_release(&slots[17]);
	assert_int_equal(memslot_init(&more, &vm->slots, GPA, SIZE, HVA, false),
			 0);
	assert_int_equal(more.id, 17);
	/* Released a second time: the id is someone else's. */
	memslot_release(&slots[17]);
	assert_true(vm->slots.used == UINT64_MAX);
}

static void kvm_refuses_to_map(void **state)
{
	struct vm *vm = *state;
	struct memslot slot;

	assert_int_equal(memslot_init(&slot, &vm->slots, GPA, SIZE, HVA, true),
			 0);
	kvm.error = ENOMEM;
	assert_int_equal(memslot_map(&slot), -ENOMEM);
	assert_false(slot.mapped);
	assert_int_equal(slot.updates, 0);
	assert_int_equal(atomic_load(&vm->slots.updates), 0);
	/* The flash goes on without, so that is no reason to end. */
	assert_int_equal(memslot_unmap(&slot), 0);
	kvm.error = 0;
	assert_int_equal(memslot_map(&slot), 0);
	assert_true(slot.mapped);
	memslot_release(&slot);
	assert_int_equal(vm->slots.used, 0);
}

/* The id stays taken: the guest still sees the memory. */
static void kvm_refuses_to_unmap(void **state)
{
	struct vm *vm = *state;
	struct memslot slot;

	assert_int_equal(memslot_init(&slot, &vm->slots, GPA, SIZE, HVA, true),
			 0);
	assert_int_equal(memslot_map(&slot), 0);
	kvm.error = EIO;
	assert_int_equal(memslot_unmap(&slot), -EIO);
	assert_true(slot.mapped);
	memslot_release(&slot);
	assert_int_equal(vm->slots.used, 1);
	kvm.error = 0;
	memslot_release(&slot);
	assert_int_equal(vm->slots.used, 0);
}

#define SLOT_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SLOT_TEST(maps_and_unmaps),
		SLOT_TEST(no_ioctl_without_a_change),
		SLOT_TEST(alignment),
		SLOT_TEST(ids),
		SLOT_TEST(kvm_refuses_to_map),
		SLOT_TEST(kvm_refuses_to_unmap),
	};

	return cmocka_run_group_tests_name("memslot", tests, NULL, NULL);
}
