/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measures what an exit, a coalesced write, a register and a memory slot cost
 * on this machine's KVM, for the table of `lkvm selftest`.
 *
 * A VM of its own with one vCPU, run on the main thread without the machine
 * layer and the vCPU loop, so that only KVM is measured: a guest that writes to
 * an address without a device, first without, then with a zone of coalesced
 * MMIO (api.rst, KVM_REGISTER_COALESCED_MMIO). Of several rounds the least
 * counts: other load on the host can only make one longer.
 *
 * The cost rule of batches does not use these figures; it measures its own
 * during a run (arm/costs.c).
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "../cpu.h"
#include "selftest.h"

/* 64 KiB: the largest page size of a host, so that slots are aligned on all. */
#define RAM_SIZE   SZ_64K
#define RAM	   0x80000000ULL
#define DEVICE	   0x02000000ULL
#define DEVICE_LEN SZ_2M
#define DOORBELL   0x03000000ULL
#define ROUNDS	   10
#define WRITES	   200
#define UPDATES	   20

/* Limit for a guest that does not finish its writes. */
#define LIMIT_NS 30000000000ULL

/* x1 times a word to [x0], then one to [x2]. */
static const u32 code[] = {
	0xb9000003, /* str w3, [x0] */
	0xf1000421, /* subs x1, x1, #1 */
	0x54ffffc1, /* b.ne -8 */
	0xb9000041, /* str w1, [x2] */
	0x14000000, /* b . */
};

/* The VM while it is measured; one thread. */
struct bench {
	struct vm vm;
	struct memslot ram_slot, device_slot;
	u8 *memory; /* of both slots */
	struct kvm_coalesced_mmio_ring *ring;
	u64 deadline;
};

/* Interruptions only add. */
static void keep_least(u64 *least, u64 value)
{
	if (!*least || value < *least)
		*least = value;
}

/* KVM_RUN, which a signal ends every second. 0 or -errno. */
static int run_until_exit(struct bench *bench)
{
	struct vcpu *vcpu = bench->vm.vcpus[0];

	while (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
		if (errno != EINTR)
			return -errno;
		if (selftest_now() > bench->deadline)
			return -ETIMEDOUT;
	}
	return vcpu->run->exit_reason == KVM_EXIT_MMIO ? 0 : -EIO;
}

/* One round of the guest's writes; the ring, where it is used, is emptied. */
static int time_writes(struct bench *bench, u64 *least)
{
	struct vcpu *vcpu = bench->vm.vcpus[0];
	u64 start;
	int ret = cpu_set_reg(vcpu, CORE_REG(regs.regs[0]), DEVICE);

	if (!ret)
		ret = cpu_set_reg(vcpu, CORE_REG(regs.regs[1]), WRITES);
	if (!ret)
		ret = cpu_set_reg(vcpu, CORE_REG(regs.regs[2]), DOORBELL);
	if (!ret)
		ret = cpu_set_reg(vcpu, CORE_REG(regs.pc), RAM);
	start = selftest_now();
	while (!ret) {
		ret = run_until_exit(bench);
		if (bench->ring)
			bench->ring->first = bench->ring->last;
		if (!ret && vcpu->run->mmio.phys_addr == DOORBELL)
			break;
	}
	keep_least(least, (selftest_now() - start) / WRITES);
	return ret;
}

/*
 * KVM applies an MMIO exit at the next KVM_RUN (api.rst, KVM_EXIT_MMIO). That
 * has to be done before the PC is set for the next round, or it would be
 * incremented.
 */
static int complete(struct vcpu *vcpu)
{
	int ret;

	vcpu->run->immediate_exit = 1;
	ret = ioctl(vcpu->fd, KVM_RUN, 0) < 0 && errno != EINTR ? -errno : 0;
	vcpu->run->immediate_exit = 0;
	return ret;
}

/* Exits, or with a ring what KVM takes and an exit each time it is full. */
static int measure_writes(struct bench *bench, u64 *least)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < ROUNDS; i++) {
		ret = time_writes(bench, least);
		if (!ret)
			ret = complete(bench->vm.vcpus[0]);
	}
	return ret;
}

/*
 * 0 is left where KVM has no ring. The ring is in the vCPU's mapping, behind
 * its kvm_run, at the page that the capability returns.
 */
static int measure_coalesced(struct bench *bench, u64 *least)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = DEVICE,
						.size = DEVICE_LEN };
	int page = vm_check_cap(&bench->vm, KVM_CAP_COALESCED_MMIO), ret;

	if (page <= 0)
		return 0;
	if (ioctl(bench->vm.fd, KVM_REGISTER_COALESCED_MMIO, &zone) < 0)
		return -errno;
	bench->ring = (void *)((char *)bench->vm.vcpus[0]->run +
			       page * sysconf(_SC_PAGESIZE));
	bench->ring->first = bench->ring->last;
	ret = measure_writes(bench, least);
	ioctl(bench->vm.fd, KVM_UNREGISTER_COALESCED_MMIO, &zone);
	bench->ring = NULL;
	return ret;
}

/*
 * KVM_GET_ONE_REG of core registers: KVM has all registers in memory meanwhile.
 */
static int measure_register(struct bench *bench, u64 *least)
{
	u64 start, value;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < ROUNDS; i++) {
		start = selftest_now();
		for (unsigned int n = 0; !ret && n < WRITES; n++)
			ret = cpu_get_reg(bench->vm.vcpus[0],
					  CORE_REG(regs.regs[n % 31]), &value);
		keep_least(least, (selftest_now() - start) / WRITES);
	}
	return ret;
}

/*
 * Adding and deleting a slot differ: deletion waits for the vCPUs to have left
 * the old set (SRCU in KVM).
 */
static int measure_slots(struct bench *bench, struct selftest_costs *costs)
{
	u64 start;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < UPDATES; i++) {
		start = selftest_now();
		ret = memslot_map(&bench->device_slot);
		keep_least(&costs->map_ns, selftest_now() - start);
		start = selftest_now();
		if (!ret)
			ret = memslot_unmap(&bench->device_slot);
		keep_least(&costs->unmap_ns, selftest_now() - start);
	}
	return ret;
}

/* The host's instruction cache is cleaned for the guest's code. */
static int add_slots(struct bench *bench)
{
	struct memslots *slots = &bench->vm.slots;
	int ret;

	memcpy(bench->memory, code, sizeof(code));
	__builtin___clear_cache((char *)bench->memory,
				(char *)bench->memory + sizeof(code));
	ret = memslot_init(&bench->ram_slot, slots, RAM, RAM_SIZE,
			   bench->memory, false);
	if (!ret)
		ret = memslot_map(&bench->ram_slot);
	if (!ret)
		ret = memslot_init(&bench->device_slot, slots, DEVICE,
				   DEVICE_LEN, bench->memory + RAM_SIZE, true);
	return ret;
}

static int create(struct bench *bench)
{
	struct kvm_vcpu_init init = { 0 };
	int ret = vm_create(&bench->vm, 0);

	if (!ret)
		ret = add_slots(bench);
	if (!ret)
		ret = vm_create_vcpus(&bench->vm, 1);
	if (ret)
		return ret;
	if (ioctl(bench->vm.fd, KVM_ARM_PREFERRED_TARGET, &init) < 0 ||
	    ioctl(bench->vm.vcpus[0]->fd, KVM_ARM_VCPU_INIT, &init) < 0)
		return -errno;
	return 0;
}

static int measure(struct bench *bench, struct selftest_costs *costs)
{
	int ret = create(bench);

	if (!ret)
		ret = measure_writes(bench, &costs->exit_ns);
	if (!ret)
		ret = measure_coalesced(bench, &costs->coalesced_ns);
	if (!ret)
		ret = measure_register(bench, &costs->register_ns);
	return ret ? ret : measure_slots(bench, costs);
}

/* Empty: the signal only makes KVM_RUN return with EINTR. */
static void on_alarm(int signal)
{
	(void)signal;
}

/* A SIGALRM every `seconds` for run_until_exit(); 0 stops it. */
static void set_alarm(time_t seconds)
{
	struct itimerval timer = { .it_interval.tv_sec = seconds,
				   .it_value.tv_sec = seconds };

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* The alarm is ours alone: lkvm has no other use for SIGALRM. */
static int measure_in_time(struct bench *bench, struct selftest_costs *costs)
{
	struct sigaction action = { .sa_handler = on_alarm }, old;
	int ret;

	bench->deadline = selftest_now() + LIMIT_NS;
	sigaction(SIGALRM, &action, &old);
	set_alarm(1);
	ret = measure(bench, costs);
	set_alarm(0);
	sigaction(SIGALRM, &old, NULL);
	return ret;
}

int selftest_measure(const char *kvm_dev, struct selftest_costs *costs)
{
	struct bench bench = { 0 };
	int ret;

	memset(costs, 0, sizeof(*costs));
	bench.memory = mmap(NULL, RAM_SIZE + DEVICE_LEN, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bench.memory == MAP_FAILED)
		return -errno;
	ret = vm_open(&bench.vm, kvm_dev);
	if (!ret) {
		ret = measure_in_time(&bench, costs);
		vm_destroy(&bench.vm);
	}
	munmap(bench.memory, RAM_SIZE + DEVICE_LEN);
	return ret;
}
