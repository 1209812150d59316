/* SPDX-License-Identifier: GPL-2.0-or-later */
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

#include "lkvm/util/log.h"
#include "lkvm/vmm/vm.h"
#include "vcpu.h"

#define KICK_SIGNAL    (SIGRTMIN)
#define KICK_REPEAT_NS 20000000

/* Ample, and less than a huge page, of which a larger one would get some. */
#define STACK_SIZE SZ_1M

/*
 * The vCPU of this thread, for the handler of the kick signal. A signal that
 * comes before KVM_RUN is entered is not lost: immediate_exit makes KVM_RUN
 * return at once.
 */
static __thread struct kvm_run *volatile this_run;

/* The vCPU of this thread, NULL on others. */
static __thread struct vcpu *this_vcpu;

static void handle_kick(int sig)
{
	(void)sig;
	if (this_run)
		this_run->immediate_exit = 1;
}

static void install_kick_handler(void)
{
	struct sigaction action = { .sa_handler = handle_kick };

	sigemptyset(&action.sa_mask);
	/* No SA_RESTART: a kick also ends a write to a terminal that blocks. */
	sigaction(KICK_SIGNAL, &action, NULL);
}

/*
 * The device may take the code away under this vCPU: a flash does so with most
 * commands.
 */
static bool executes_from(struct vcpu *vcpu, const struct mmio_region *region)
{
	const struct vm_arch_ops *ops = vcpu->vm->arch_ops;

	return region && region->code && ops && ops->executes &&
	       ops->executes(vcpu, region->base, region->size);
}

static void exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct mmio_bus *bus = &vcpu->vm->bus;
	u64 addr = run->mmio.phys_addr;
	struct mmio_region *region = mmio_bus_find(bus, addr);
	unsigned int len = MIN(run->mmio.len, 8U);
	u64 value = 0;

	if (run->mmio.is_write) {
		atomic_fetch_add_explicit(&vcpu->stats.mmio_writes, 1,
					  memory_order_relaxed);
		memcpy(&value, run->mmio.data, len);
		if (!executes_from(vcpu, region))
			mmio_region_write(bus, region, addr, value, len);
		return;
	}
	atomic_fetch_add_explicit(&vcpu->stats.mmio_reads, 1,
				  memory_order_relaxed);
	value = mmio_region_read(bus, region, addr, len);
	memcpy(run->mmio.data, &value, len);
}

/* Goes on with the guest in user space, unless the access ended the run. */
static void mmio_done(struct vcpu *vcpu)
{
	const struct vm_arch_ops *ops = vcpu->vm->arch_ops;

	if (ops && ops->mmio_done && ops->mmio_done(vcpu))
		vm_request_exit(vcpu->vm, VM_EXIT_FAILURE);
}

static void arch_system_event(struct vcpu *vcpu)
{
	const struct vm_arch_ops *ops = vcpu->vm->arch_ops;
	int ret = ops && ops->system_event ? ops->system_event(vcpu) : -ENOTSUP;

	if (ret == -ENOTSUP)
		pr_err("vCPU %u: unknown system event %u", vcpu->id,
		       vcpu->run->system_event.type);
	if (ret)
		vm_request_exit(vcpu->vm, VM_EXIT_FAILURE);
}

static void exit_system_event(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	u32 type = vcpu->run->system_event.type;

	switch (type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_request_exit(vm, VM_EXIT_POWEROFF);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		vm_request_exit(vm, VM_EXIT_RESET);
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		vm_request_exit(vm, VM_EXIT_CRASH);
		break;
	default:
		arch_system_event(vcpu);
	}
}

/* Ends the run because of what KVM said; names it and where the vCPU stands. */
static void fail(struct vcpu *vcpu, const char *what, u64 detail)
{
	char where[128] = "";

	if (vcpu->vm->arch_ops && vcpu->vm->arch_ops->describe)
		vcpu->vm->arch_ops->describe(vcpu, where, sizeof(where));
	pr_err("vCPU %u: %s 0x%" PRIx64 "%s%s", vcpu->id, what, detail,
	       where[0] ? " at " : "", where);
	vm_request_exit(vcpu->vm, VM_EXIT_FAILURE);
}

static void exit_arch(struct vcpu *vcpu)
{
	int ret = -ENOTSUP;

	if (vcpu->vm->arch_ops && vcpu->vm->arch_ops->handle_exit)
		ret = vcpu->vm->arch_ops->handle_exit(vcpu);
	if (ret == -ENOTSUP)
		fail(vcpu, "unknown exit reason", vcpu->run->exit_reason);
	else if (ret)
		vm_request_exit(vcpu->vm, VM_EXIT_FAILURE);
}

static void handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	/* What the guest wrote before comes before. */
	mmio_ring_flush(&vcpu->vm->ring);
	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		exit_mmio(vcpu);
		mmio_done(vcpu);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		exit_system_event(vcpu);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		fail(vcpu, "KVM could not enter the guest, reason",
		     run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		fail(vcpu, "KVM internal error, suberror",
		     run->internal.suberror);
		break;
	case KVM_EXIT_SHUTDOWN:
		fail(vcpu, "guest shut down by KVM, exit reason",
		     run->exit_reason);
		break;
	default:
		exit_arch(vcpu);
	}
}

static void run_failed(struct vcpu *vcpu, int err)
{
	char text[128];

	snprintf(text, sizeof(text), "KVM_RUN failed: %s (errno)",
		 strerror(err));
	fail(vcpu, text, (u64)err);
}

static void wait_for_resume(struct vm *vm)
{
	pthread_mutex_lock(&vm->pause_lock);
	while (atomic_load(&vm->paused))
		pthread_cond_wait(&vm->pause_changed, &vm->pause_lock);
	pthread_mutex_unlock(&vm->pause_lock);
}

/*
 * Whoever pauses sets `paused` and then looks at `in_guest`; here it is the
 * other way round, so that one of both sees the other.
 */
bool vcpu_try_enter(struct vcpu *vcpu)
{
	atomic_store(&vcpu->in_guest, true);
	if (!atomic_load(&vcpu->vm->paused))
		return true;
	vcpu_leave(vcpu);
	return false;
}

void vcpu_leave(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	atomic_store(&vcpu->in_guest, false);
	if (!atomic_load(&vm->paused))
		return;
	pthread_mutex_lock(&vm->pause_lock);
	pthread_cond_broadcast(&vm->pause_changed);
	pthread_mutex_unlock(&vm->pause_lock);
}

static int run_guest(struct vcpu *vcpu)
{
	int ret;

	while (!vcpu_try_enter(vcpu))
		wait_for_resume(vcpu->vm);
	ret = ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? -errno : 0;
	vcpu_leave(vcpu);
	return ret;
}

void vm_pause(struct vm *vm)
{
	pthread_mutex_lock(&vm->pauser_lock);
	pthread_mutex_lock(&vm->pause_lock);
	atomic_store(&vm->paused, true);
	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *vcpu = vm->vcpus[i];

		if (vcpu == this_vcpu || !atomic_load(&vcpu->in_guest))
			continue;
		vcpu_kick(vcpu);
		while (atomic_load(&vcpu->in_guest))
			pthread_cond_wait(&vm->pause_changed, &vm->pause_lock);
	}
	pthread_mutex_unlock(&vm->pause_lock);
}

void vm_resume(struct vm *vm)
{
	pthread_mutex_lock(&vm->pause_lock);
	atomic_store(&vm->paused, false);
	pthread_cond_broadcast(&vm->pause_changed);
	pthread_mutex_unlock(&vm->pause_lock);
	pthread_mutex_unlock(&vm->pauser_lock);
}

static void run_once(struct vcpu *vcpu)
{
	int ret = run_guest(vcpu);

	if (ret == -EINTR || ret == -EAGAIN) {
		/* Cleared before `stopping` is looked at: see this_run. */
		vcpu->run->immediate_exit = 0;
		atomic_fetch_add_explicit(&vcpu->stats.kicks, 1,
					  memory_order_relaxed);
		return;
	}
	if (ret) {
		run_failed(vcpu, -ret);
		return;
	}
	atomic_fetch_add_explicit(&vcpu->stats.exits, 1, memory_order_relaxed);
	handle_exit(vcpu);
}

static bool should_stop(struct vcpu *vcpu)
{
	return atomic_load(&vcpu->vm->stopping) ||
	       atomic_load(&vcpu->vm->exit_reason) != VM_EXIT_NONE;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	char name[16];

	snprintf(name, sizeof(name), "kvm-vcpu-%u", vcpu->id);
	pthread_setname_np(pthread_self(), name);
	this_run = vcpu->run;
	this_vcpu = vcpu;
	/* Waits until vcpus_start() has created every thread. */
	pthread_mutex_lock(&vcpu->vm->start_lock);
	pthread_mutex_unlock(&vcpu->vm->start_lock);
	while (!should_stop(vcpu))
		run_once(vcpu);
	/* Completes what is pending, such as an MMIO read. */
	vcpu->run->immediate_exit = 1;
	ioctl(vcpu->fd, KVM_RUN, 0);
	this_run = NULL;
	return NULL;
}

void vcpu_kick(struct vcpu *vcpu)
{
	pthread_kill(vcpu->thread, KICK_SIGNAL);
}

/*
 * vCPU threads take the kick signal and no other: signals that ask lkvm to
 * end belong to the event loop. Faults are not blocked, or the kernel would
 * end the process without the handler that puts the terminal back.
 */
static void vcpu_sigmask(sigset_t *set)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE,
				      SIGTRAP, SIGSYS, SIGABRT };

	sigfillset(set);
	sigdelset(set, KICK_SIGNAL);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		sigdelset(set, faults[i]);
}

static int start_thread(struct vcpu *vcpu)
{
	const cpu_set_t *affinity = vcpu->vm->affinity;
	pthread_attr_t attr;
	sigset_t mask, old;
	int ret;

	/* Left there by the last thread of this vCPU, if there was one. */
	vcpu->run->immediate_exit = 0;
	vcpu_sigmask(&mask);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (affinity)
		pthread_attr_setaffinity_np(&attr, sizeof(*affinity), affinity);
	pthread_sigmask(SIG_SETMASK, &mask, &old);
	ret = pthread_create(&vcpu->thread, &attr, vcpu_thread, vcpu);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	vcpu->started = !ret;
	return -ret;
}

int vcpus_start(struct vm *vm)
{
	int ret = 0;

	install_kick_handler();
	pthread_mutex_lock(&vm->start_lock);
	for (unsigned int i = 0; i < vm->nr_vcpus && !ret; i++)
		ret = start_thread(vm->vcpus[i]);
	if (ret) {
		pr_fatal("Unable to start a vCPU thread%s: %s",
			 vm->affinity ? " on the CPUs of --vcpu-affinity" : "",
			 strerror(-ret));
		atomic_store(&vm->stopping, true);
	}
	pthread_mutex_unlock(&vm->start_lock);
	return ret;
}

/*
 * A kick cannot be missed by KVM_RUN, but it can by a system call that a
 * device model is just about to enter, such as a write to a full pipe: hence
 * it is repeated.
 */
static void join(struct vcpu *vcpu)
{
	struct timespec until;
	int ret;

	do {
		vcpu_kick(vcpu);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += KICK_REPEAT_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		ret = pthread_clockjoin_np(vcpu->thread, NULL, CLOCK_MONOTONIC,
					   &until);
	} while (ret == ETIMEDOUT);
	vcpu->started = false;
}

void vcpus_stop(struct vm *vm)
{
	atomic_store(&vm->stopping, true);
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i]->started)
			vcpu_kick(vm->vcpus[i]);
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i]->started)
			join(vm->vcpus[i]);
}

static void vcpu_destroy(struct vcpu *vcpu)
{
	const struct vm_arch_ops *ops = vcpu->vm->arch_ops;

	if (ops && ops->release_vcpu)
		ops->release_vcpu(vcpu);
	if (vcpu->run)
		munmap(vcpu->run, vcpu->vm->vcpu_map_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	free(vcpu);
}

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

static int vcpu_create(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));
	int ret;

	if (!vcpu)
		return -ENOMEM;
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

/* Each vCPU's mapping has the VM's one ring, some pages behind its start. */
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
	for (unsigned int i = 0; i < n && !ret; i++)
		ret = vcpu_create(vm, i);
	if (!ret)
		map_ring(vm);
	return ret;
}

void vcpus_destroy(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		vcpu_destroy(vm->vcpus[i]);
	free(vm->vcpus);
	vm->vcpus = NULL;
	vm->nr_vcpus = 0;
}

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
		totals->instructions += atomic_load(&stats->instructions);
	}
}
