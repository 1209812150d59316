/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs and their threads: created once, started and stopped with each run of
 * the guest. What an exit means is in vmm/exit.c.
 *
 * A thread enters the guest by KVM_RUN until `stopping` or an exit reason is
 * set. To end it, vcpus_stop() sets `stopping` and kicks it (vmm/pause.c).
 * Before each exit is handled, and at the end, the ring of coalesced writes is
 * flushed, so writes take effect in the order of the guest.
 *
 * `stats` of a vCPU are written by its own thread and read by others, hence
 * atomic and relaxed. vm->vcpus does not change while a thread runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/util/fault_signals.h"
#include "lkvm/util/log.h"
#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"
#include "vcpu.h"

/* See join(). */
#define KICK_REPEAT_NS 20000000

/*
 * Ample, and less than a huge page: the kernel would back a larger stack with
 * one.
 */
#define STACK_SIZE SZ_1M

/*
 * vcpu_enter() waits while the VM is paused. A vCPU that is to be held has been
 * kicked in vain.
 */
static int run_guest(struct vcpu *vcpu)
{
	int ret;

	if (!vcpu_enter(vcpu))
		return -EINTR;
	ret = ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? -errno : 0;
	vcpu_leave(vcpu);
	return ret;
}

/*
 * One entry of the guest and the exit that follows. A kick has no exit reason:
 * its sender has set something that should_stop() or vcpu_enter() looks at, or
 * needs the ring flushed.
 */
static void run_once(struct vcpu *vcpu)
{
	int ret = run_guest(vcpu);

	if (ret == -EINTR || ret == -EAGAIN) {
		/* Cleared before `stopping` is looked at: see vmm/pause.c. */
		vcpu->run->immediate_exit = 0;
		atomic_fetch_add_explicit(&vcpu->stats.kicks, 1,
					  memory_order_relaxed);
		/* This may be the reason: see vm_kick_any(). */
		mmio_ring_flush(&vcpu->vm->ring);
		return;
	}
	if (ret) {
		vcpu_run_failed(vcpu, -ret);
		return;
	}
	atomic_fetch_add_explicit(&vcpu->stats.exits, 1, memory_order_relaxed);
	vcpu_handle_exit(vcpu);
}

static bool should_stop(struct vcpu *vcpu)
{
	return atomic_load(&vcpu->vm->stopping) ||
	       atomic_load(&vcpu->vm->exit_reason) != VM_EXIT_NONE;
}

/*
 * After the last exit KVM_RUN is called once more with immediate_exit: it
 * completes a pending MMIO read in the registers, so that they can be shown and
 * the next run starts from a consistent state. A system event is complete.
 */
static void complete_exit(struct vcpu *vcpu)
{
	if (vcpu->run->exit_reason == KVM_EXIT_SYSTEM_EVENT)
		return;
	vcpu->run->immediate_exit = 1;
	ioctl(vcpu->fd, KVM_RUN, 0);
}

/*
 * For who looks at the registers while the vCPU is held, the exit before is
 * complete. As with a kick the flag is cleared before its reason is looked at.
 */
static void hold(struct vcpu *vcpu)
{
	complete_exit(vcpu);
	vcpu->run->immediate_exit = 0;
	mmio_ring_flush(&vcpu->vm->ring);
	vcpu_wait_held(vcpu);
}

/*
 * A vCPU's thread until the run ends. Its clock is for vm_cpu_time(), on
 * whatever thread that is called.
 */
static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	clockid_t clock;
	char name[16];

	if (!pthread_getcpuclockid(pthread_self(), &clock))
		atomic_store(&vcpu->clock, clock);
	snprintf(name, sizeof(name), "kvm-vcpu-%u", vcpu->id);
	pthread_setname_np(pthread_self(), name);
	vcpu_set_this(vcpu);
	while (!should_stop(vcpu)) {
		if (atomic_load_explicit(&vcpu->hold, memory_order_relaxed))
			hold(vcpu);
		else
			run_once(vcpu);
	}
	complete_exit(vcpu);
	/*
	 * The last writes of this vCPU. On its own thread, because a kick ends
	 * a write to a backend that blocks here.
	 */
	mmio_ring_flush(&vcpu->vm->ring);
	atomic_store(&vcpu->ended, true);
	vcpu_set_this(NULL);
	return NULL;
}

/*
 * `affinity` and signal mask are attributes, so they hold from the first
 * instruction of the thread. vCPU threads take the kick signal only, beside
 * those of faults: signals that end lkvm are handled by the event loop.
 */
static int start_thread(struct vcpu *vcpu)
{
	const cpu_set_t *affinity = vcpu->vm->affinity;
	pthread_attr_t attr;
	sigset_t mask;
	int ret;

	/* Left there by the last thread of this vCPU, if there was one. */
	vcpu->run->immediate_exit = 0;
	atomic_store(&vcpu->ended, false);
	sigfill_but_faults(&mask);
	sigdelset(&mask, VCPU_KICK_SIGNAL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_attr_setsigmask_np(&attr, &mask);
	if (affinity)
		pthread_attr_setaffinity_np(&attr, sizeof(*affinity), affinity);
	ret = pthread_create(&vcpu->thread, &attr, vcpu_thread, vcpu);
	pthread_attr_destroy(&attr);
	vcpu->started = !ret;
	return -ret;
}

/*
 * vCPU 0 comes last: only it runs at once, the others wait in KVM until the
 * guest switches them on (PSCI CPU_ON). So either all threads are there, or
 * none executes guest code.
 */
int vcpus_start(struct vm *vm)
{
	int ret = 0;

	vcpu_kick_install();
	for (unsigned int i = vm->nr_vcpus; i-- > 0 && !ret;)
		ret = start_thread(vm->vcpus[i]);
	if (ret) {
		pr_fatal("Unable to start a vCPU thread%s: %s",
			 vm->affinity ? " on the CPUs of --vcpu-affinity" : "",
			 strerror(-ret));
		atomic_store(&vm->stopping, true);
	}
	return ret;
}

/*
 * KVM_RUN cannot miss a kick, but a system call that a device model is about to
 * enter can, such as a write to a full pipe: so it is repeated. The first kick
 * was that of vcpus_stop().
 */
static void join(struct vcpu *vcpu)
{
	struct timespec until;

	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += KICK_REPEAT_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (pthread_clockjoin_np(vcpu->thread, NULL, CLOCK_MONOTONIC,
					 &until) != ETIMEDOUT)
			break;
		vcpu_kick(vcpu);
	}
	vcpu->started = false;
}

/*
 * All are kicked before the first is joined, so they end in parallel. A vCPU
 * that is out of the guest for good needs a kick only if it blocks: join().
 */
void vcpus_stop(struct vm *vm)
{
	atomic_store(&vm->stopping, true);
	vm_wake_held(vm);
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i]->started && !atomic_load(&vm->vcpus[i]->ended))
			vcpu_kick(vm->vcpus[i]);
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i]->started)
			join(vm->vcpus[i]);
}

static void vcpu_close(struct vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->vm->vcpu_map_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
}

void vcpus_close(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		vcpu_close(vm->vcpus[i]);
}

static void vcpu_destroy(struct vcpu *vcpu)
{
	const struct vm_arch_ops *ops = vcpu->vm->arch_ops;

	if (ops && ops->release_vcpu)
		ops->release_vcpu(vcpu);
	vcpu_close(vcpu);
	free(vcpu);
}

/*
 * The mapping holds struct kvm_run and, some pages on, the ring of coalesced
 * writes.
 */
static int vcpu_open(struct vcpu *vcpu)
{
	void *map;

	vcpu->fd =
		ioctl(vcpu->vm->fd, KVM_CREATE_VCPU, (unsigned long)vcpu->id);
	if (vcpu->fd < 0)
		return -errno;
	map = mmap(NULL, vcpu->vm->vcpu_map_size, PROT_READ | PROT_WRITE,
		   MAP_SHARED, vcpu->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	vcpu->run = map;
	return 0;
}

/*
 * Only a vCPU that is complete is in vm->vcpus: no other code has to deal with
 * a half-open one.
 */
static int vcpu_create(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));
	int ret;

	if (!vcpu) {
		pr_fatal("Unable to create vCPU %u: out of memory", id);
		return -ENOMEM;
	}
	vcpu->vm = vm;
	vcpu->id = id;
	ret = vcpu_open(vcpu);
	if (ret) {
		pr_fatal("Unable to create vCPU %u: %s", id, strerror(-ret));
		vcpu_destroy(vcpu);
		return ret;
	}
	vm->vcpus[vm->nr_vcpus++] = vcpu;
	return 0;
}

/*
 * KVM_CAP_COALESCED_MMIO says in which page of a vCPU's mapping the ring is.
 * The VM has one, which all of these mappings show.
 */
static void map_ring(struct vm *vm)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t offset = (size_t)vm_check_cap(vm, KVM_CAP_COALESCED_MMIO) * page;

	if (offset && offset + page <= vm->vcpu_map_size)
		mmio_ring_set_page(&vm->ring, (u8 *)vm->vcpus[0]->run + offset,
				   page);
}

int vm_create_vcpus(struct vm *vm, unsigned int n)
{
	int ret = 0;

	vm->vcpus = calloc(n, sizeof(struct vcpu *));
	if (!vm->vcpus) {
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	mmio_ring_init(&vm->ring, vm);
	for (unsigned int i = 0; i < n && !ret; i++)
		ret = vcpu_create(vm, i);
	if (!ret)
		map_ring(vm);
	return ret;
}

void vcpus_destroy(struct vm *vm)
{
	if (!vm->vcpus)
		return;
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		vcpu_destroy(vm->vcpus[i]);
	mmio_ring_destroy(&vm->ring);
	free(vm->vcpus);
	vm->vcpus = NULL;
	vm->nr_vcpus = 0;
}

/* The vCPUs may run: each counter is exact, their relation is not. */
void vm_vcpu_totals(const struct vm *vm, struct vcpu_totals *totals)
{
	memset(totals, 0, sizeof(*totals));
	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		const struct vcpu_stats *stats = &vm->vcpus[i]->stats;

		totals->exits += atomic_load(&stats->exits);
		totals->mmio_reads += atomic_load(&stats->mmio_reads);
		totals->mmio_writes += atomic_load(&stats->mmio_writes);
		totals->no_syndrome += atomic_load(&stats->no_syndrome);
		totals->kicks += atomic_load(&stats->kicks);
		totals->batched += atomic_load(&stats->batched);
		totals->batches += atomic_load(&stats->batches);
		totals->attempts += atomic_load(&stats->attempts);
		totals->instructions += atomic_load(&stats->instructions);
		totals->registers += atomic_load(&stats->registers);
	}
}

/* The clock of a thread that is gone is an error. */
u64 vm_cpu_time(const struct vm *vm)
{
	struct timespec ts;
	u64 sum = 0;

	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		clockid_t clock = atomic_load(&vm->vcpus[i]->clock);

		if (clock && !clock_gettime(clock, &ts))
			sum += (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
	}
	return sum;
}
