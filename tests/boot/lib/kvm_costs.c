/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What things cost on this machine's KVM, in nanoseconds each: an exit to user
 * space, a write that KVM takes for a zone of coalesced MMIO, the two halves
 * of a change of a memory slot, and registering and unregistering a zone.
 * Prints lines NAME VALUE; the least of several rounds, which is what the
 * machine does undisturbed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RAM	   0x80000000UL
#define RAM_SIZE   0x100000UL
#define DEVICE	   0x02000000UL
#define DEVICE_LEN 0x200000UL
#define DOORBELL   0x03000000UL
#define ROUNDS	   10
#define WRITES	   1000
#define UPDATES	   20

/* kvm.h, "ARM64 core register": the n-th 64-bit one of struct user_pt_regs. */
#define CORE_REG(n) (0x6030000000100000UL | ((n)*2))
#define PC	    32

/* x1 times a word to [x0], then one to [x2]. */
static const uint32_t code[] = {
	0xb9000003, /* str w3, [x0] */
	0xf1000421, /* subs x1, x1, #1 */
	0x54ffffc1, /* b.ne -8 */
	0xb9000041, /* str w1, [x2] */
	0x14000000, /* b . */
};

static int vm, vcpu;
static struct kvm_run *run;
static struct kvm_coalesced_mmio_ring *ring;

static void fail(const char *what)
{
	fprintf(stderr, "kvm_costs: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long call(int fd, unsigned long request, void *arg, const char *what)
{
	long ret = ioctl(fd, request, arg);

	if (ret < 0)
		fail(what);
	return ret;
}

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void *memory(size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		fail("mmap");
	return map;
}

static void set_slot(uint32_t id, uint64_t gpa, uint64_t size, void *at)
{
	struct kvm_userspace_memory_region region = {
		.slot = id,
		.flags = id ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)at,
	};

	call(vm, KVM_SET_USER_MEMORY_REGION, &region, "memory slot");
}

static void set_reg(uint64_t n, uint64_t value)
{
	struct kvm_one_reg reg = { .id = CORE_REG(n),
				   .addr = (uintptr_t)&value };

	call(vcpu, KVM_SET_ONE_REG, &reg, "KVM_SET_ONE_REG");
}

static void set_up(void)
{
	struct kvm_vcpu_init init;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	long offset, size;
	void *ram = memory(RAM_SIZE);

	if (kvm < 0)
		fail("/dev/kvm");
	vm = (int)call(kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	memcpy(ram, code, sizeof(code));
	__builtin___clear_cache(ram, (char *)ram + sizeof(code));
	set_slot(0, RAM, RAM_SIZE, ram);
	vcpu = (int)call(vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	size = call(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "size of kvm_run");
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu,
		   0);
	if (run == MAP_FAILED)
		fail("mmap of kvm_run");
	offset = call(kvm, KVM_CHECK_EXTENSION, (void *)KVM_CAP_COALESCED_MMIO,
		      "KVM_CAP_COALESCED_MMIO");
	ring = (void *)((char *)run + offset * sysconf(_SC_PAGESIZE));
	call(vm, KVM_ARM_PREFERRED_TARGET, &init, "KVM_ARM_PREFERRED_TARGET");
	call(vcpu, KVM_ARM_VCPU_INIT, &init, "KVM_ARM_VCPU_INIT");
}

/* One guest's loop of writes; the ring, where it is used, is emptied. */
static long time_writes(void)
{
	long start;

	set_reg(0, DEVICE);
	set_reg(1, WRITES);
	set_reg(2, DOORBELL);
	set_reg(PC, RAM);
	start = now();
	do {
		call(vcpu, KVM_RUN, NULL, "KVM_RUN");
		if (run->exit_reason != KVM_EXIT_MMIO)
			fail("unexpected exit");
		ring->first = ring->last;
	} while (run->mmio.phys_addr != DOORBELL);
	return (now() - start) / WRITES;
}

static void keep_least(long *least, long value)
{
	if (!*least || value < *least)
		*least = value;
}

int main(void)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = DEVICE,
						.size = DEVICE_LEN };
	long exit_ns = 0, taken_ns = 0, map_ns = 0, unmap_ns = 0;
	long add_ns = 0, del_ns = 0, t;
	void *array = memory(DEVICE_LEN);

	set_up();
	for (int i = 0; i < ROUNDS; i++) {
		keep_least(&exit_ns, time_writes());
		t = now();
		call(vm, KVM_REGISTER_COALESCED_MMIO, &zone, "zone");
		keep_least(&add_ns, now() - t);
		keep_least(&taken_ns, time_writes());
		t = now();
		call(vm, KVM_UNREGISTER_COALESCED_MMIO, &zone, "zone");
		keep_least(&del_ns, now() - t);
	}
	for (int i = 0; i < UPDATES; i++) {
		t = now();
		set_slot(1, DEVICE, DEVICE_LEN, array);
		keep_least(&map_ns, now() - t);
		t = now();
		set_slot(1, DEVICE, 0, array);
		keep_least(&unmap_ns, now() - t);
	}
	printf("exit %ld\ntaken %ld\nmap %ld\nunmap %ld\n", exit_ns, taken_ns,
	       map_ns, unmap_ns);
	printf("zone_add %ld\nzone_del %ld\n", add_ns, del_ns);
	return 0;
}
