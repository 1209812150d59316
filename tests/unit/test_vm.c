/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/worker.c vmm/thread.c */
/* SOURCES: vmm/run.c vmm/vm.c vmm/evloop.c vmm/device.c vmm/mmio.c */
/* SOURCES: vmm/mmio_ring.c */
/* SOURCES: vmm/memslot.c vmm/gmem.c util/json.c */
/* WRAP: ioctl */
/* What vm_run() makes of how a guest ends, and what vm_destroy() frees. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"
#include "vmm/vcpu.h"

#define MS 1000000ULL

/* How the guest's Nth start ends; the last entry is for all others. */
#define MAX_STARTS 4

struct fixture {
	struct vm vm;
	struct device dev;
	struct evloop_timer timer;
	enum vm_exit ends[MAX_STARTS];
	unsigned int nr_ends;
	unsigned int starts, stops, resets, device_resets;
	unsigned int destroyed, closed;
	int start_error, reset_error, quiesce_error;
	enum vm_exit late; /* what the device says when it is reset */
};

static struct fixture *fixture;
static unsigned int nr_infos;
static char info[128]; /* the last one */

static char fatal[256];

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(fatal, sizeof(fatal), fmt, args);
	va_end(args);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	if (level != LOG_LEVEL_INFO)
		return;
	nr_infos++;
	va_start(args, fmt);
	vsnprintf(info, sizeof(info), fmt, args);
	va_end(args);
}

void pr_guest(struct ratelimit *rl, const char *fmt, ...)
{
	(void)rl;
	(void)fmt;
}

bool ratelimit_allow(struct ratelimit *rl, u32 *dropped)
{
	(void)rl;
	*dropped = 0;
	return true;
}

int vcpus_start(struct vm *vm)
{
	struct fixture *f = container_of(vm, struct fixture, vm);
	unsigned int n = MIN(f->starts, f->nr_ends - 1);

	assert_false(atomic_load(&vm->stopping));
	f->starts++;
	if (f->start_error)
		return f->start_error;
	if (f->ends[n])
		vm_request_exit(vm, f->ends[n]);
	return 0;
}

void vcpus_stop(struct vm *vm)
{
	struct fixture *f = container_of(vm, struct fixture, vm);

	atomic_store(&vm->stopping, true);
	f->stops++;
}

void vcpus_close(struct vm *vm)
{
	container_of(vm, struct fixture, vm)->closed++;
}

/* What a device may use until it is destroyed. */
void vcpus_destroy(struct vm *vm)
{
	struct fixture *f = container_of(vm, struct fixture, vm);

	assert_int_equal(f->destroyed++, 1);
	mmio_ring_destroy(&vm->ring);
}

void vm_pause(struct vm *vm)
{
	(void)vm;
}

void vm_resume(struct vm *vm)
{
	(void)vm;
}

void vm_kick_any(struct vm *vm)
{
	(void)vm;
}

static int arch_reset(struct vm *vm)
{
	struct fixture *f = container_of(vm, struct fixture, vm);

	f->resets++;
	return f->reset_error;
}

static void dev_reset(struct device *dev)
{
	struct fixture *f = container_of(dev, struct fixture, dev);

	f->device_resets++;
	if (f->late)
		vm_request_exit(&f->vm, f->late);
}

static int dev_quiesce(struct device *dev)
{
	return container_of(dev, struct fixture, dev)->quiesce_error;
}

static void dev_destroy(struct device *dev)
{
	struct fixture *f = container_of(dev, struct fixture, dev);

	assert_int_equal(f->destroyed++, 0);
}

static void describe(struct vcpu *vcpu, char *buf, size_t size)
{
	snprintf(buf, size, "at %u", vcpu->id + 10);
}

static const struct vm_arch_ops ops = { .reset = arch_reset };
static const struct vm_arch_ops describing_ops = { .describe = describe };
static const struct vm_arch_ops no_ops;
static const struct device_ops dev_ops = { .reset = dev_reset,
					   .quiesce = dev_quiesce,
					   .destroy = dev_destroy };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || evloop_init(&f->vm.loop))
		return -1;
	alarm(60);
	f->vm.arch_ops = &ops;
	mmio_bus_init(&f->vm.bus);
	mmio_ring_init(&f->vm.ring, &f->vm);
	device_list_init(&f->vm.devices);
	f->dev.ops = &dev_ops;
	device_add(&f->vm.devices, &f->dev);
	nr_infos = 0;
	*state = fixture = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	evloop_destroy(&f->vm.loop);
	mmio_ring_destroy(&f->vm.ring);
	mmio_bus_destroy(&f->vm.bus);
	free(f);
	alarm(0);
	return 0;
}

static enum vm_exit run(struct fixture *f, enum vm_exit first,
			enum vm_exit second)
{
	f->ends[0] = first;
	f->ends[1] = second;
	f->nr_ends = 2;
	return vm_run(&f->vm);
}

static void assert_counts(const struct fixture *f, unsigned int resets)
{
	assert_int_equal(f->starts, resets + 1);
	assert_int_equal(f->stops, resets + 1);
	assert_int_equal(f->resets, resets);
	assert_int_equal(f->device_resets, resets);
	assert_int_equal(f->vm.resets, resets);
	assert_int_equal(nr_infos, resets);
}

static void no_reset(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, VM_EXIT_POWEROFF, VM_EXIT_CRASH),
			 VM_EXIT_POWEROFF);
	assert_counts(f, 0);
}

static void reset_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, VM_EXIT_RESET, VM_EXIT_POWEROFF),
			 VM_EXIT_POWEROFF);
	assert_counts(f, 1);
}

static void not_wanted(void **state)
{
	struct fixture *f = *state;

	f->vm.no_reboot = true;
	assert_int_equal(run(f, VM_EXIT_RESET, VM_EXIT_CRASH), VM_EXIT_RESET);
	assert_counts(f, 0);
}

static void not_possible(void **state)
{
	struct fixture *f = *state;

	f->vm.arch_ops = &no_ops;
	assert_int_equal(run(f, VM_EXIT_RESET, VM_EXIT_CRASH), VM_EXIT_RESET);
	assert_counts(f, 0);
}

static void no_architecture(void **state)
{
	struct fixture *f = *state;

	f->vm.arch_ops = NULL;
	assert_int_equal(run(f, VM_EXIT_RESET, VM_EXIT_CRASH), VM_EXIT_RESET);
	assert_counts(f, 0);
}

static void fails(void **state)
{
	struct fixture *f = *state;

	f->reset_error = -EIO;
	assert_int_equal(run(f, VM_EXIT_RESET, VM_EXIT_POWEROFF),
			 VM_EXIT_FAILURE);
	assert_int_equal(f->starts, 1);
	assert_int_equal(f->vm.resets, 0);
}

/* What was promised to the guest is not on its disk. */
static void cannot_be_quiesced(void **state)
{
	struct fixture *f = *state;

	f->quiesce_error = -EIO;
	assert_int_equal(run(f, VM_EXIT_RESET, VM_EXIT_POWEROFF),
			 VM_EXIT_FAILURE);
	assert_counts(f, 0);
}

/* As a flash whose power is cut by what was still in the ring. */
static void other_reason_comes_late(void **state)
{
	struct fixture *f = *state;

	f->late = VM_EXIT_POWER_CUT;
	assert_int_equal(run(f, VM_EXIT_RESET, VM_EXIT_POWEROFF),
			 VM_EXIT_POWER_CUT);
	assert_int_equal(f->starts, 1);
	assert_int_equal(f->vm.resets, 0);
}

/* Of all other reasons the first counts; so it does where a reset is an end. */
static void first_reason_counts(void **state)
{
	struct fixture *f = *state;

	vm_request_exit(&f->vm, VM_EXIT_RESET);
	vm_request_exit(&f->vm, VM_EXIT_CRASH);
	vm_request_exit(&f->vm, VM_EXIT_RESET);
	vm_request_exit(&f->vm, VM_EXIT_KILLED);
	assert_int_equal(f->vm.exit_reason, VM_EXIT_CRASH);

	f->vm.exit_reason = VM_EXIT_NONE;
	f->vm.no_reboot = true;
	vm_request_exit(&f->vm, VM_EXIT_RESET);
	vm_request_exit(&f->vm, VM_EXIT_CRASH);
	assert_int_equal(f->vm.exit_reason, VM_EXIT_RESET);
}

static void expired(struct evloop_timer *timer)
{
	vm_request_exit(&container_of(timer, struct fixture, timer)->vm,
			VM_EXIT_TIMEOUT);
}

/* The loop is stopped again each time before it has looked at anything. */
static void endless_resets_can_be_ended(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(evloop_timer_init(&f->vm.loop, &f->timer, expired), 0);
	assert_int_equal(evloop_timer_set(&f->timer, 50 * MS), 0);
	assert_int_equal(run(f, VM_EXIT_RESET, VM_EXIT_RESET), VM_EXIT_TIMEOUT);
	assert_true(f->starts > 1);
	evloop_timer_destroy(&f->vm.loop, &f->timer);
}

/* The only end that comes from the loop, and only while it runs. */
static void ends_by_timer(struct fixture *f)
{
	assert_int_equal(evloop_timer_init(&f->vm.loop, &f->timer, expired), 0);
	assert_int_equal(evloop_timer_set(&f->timer, MS), 0);
}

static void the_loop_runs(void **state)
{
	struct fixture *f = *state;

	ends_by_timer(f);
	assert_int_equal(run(f, VM_EXIT_NONE, VM_EXIT_CRASH), VM_EXIT_TIMEOUT);
	assert_int_equal(f->starts, 1);
	assert_true(f->vm.bus.frozen);
	evloop_timer_destroy(&f->vm.loop, &f->timer);
}

static void set_timer(struct device *dev)
{
	struct fixture *f = container_of(dev, struct fixture, dev);

	evloop_timer_set(&f->timer, MS);
}

/* Again after a reset: the timer is set by it. */
static void the_loop_runs_after_a_reset(void **state)
{
	static const struct device_ops sets_timer = { .reset = set_timer };
	struct fixture *f = *state;

	f->dev.ops = &sets_timer;
	assert_int_equal(evloop_timer_init(&f->vm.loop, &f->timer, expired), 0);
	assert_int_equal(run(f, VM_EXIT_RESET, VM_EXIT_NONE), VM_EXIT_TIMEOUT);
	assert_int_equal(f->starts, 2);
	assert_true(f->vm.stopping);
	evloop_timer_destroy(&f->vm.loop, &f->timer);
}

static void vcpus_do_not_start(void **state)
{
	struct fixture *f = *state;

	ends_by_timer(f);
	f->start_error = -EAGAIN;
	assert_int_equal(run(f, VM_EXIT_NONE, VM_EXIT_NONE), VM_EXIT_FAILURE);
	assert_int_equal(f->stops, 1);
	evloop_timer_destroy(&f->vm.loop, &f->timer);
}

static void the_loop_fails(void **state)
{
	struct fixture *f = *state;
	int fd = f->vm.loop.epoll_fd;

	f->vm.loop.epoll_fd = -1;
	assert_int_equal(run(f, VM_EXIT_NONE, VM_EXIT_NONE), VM_EXIT_FAILURE);
	assert_int_equal(f->stops, 1);
	f->vm.exit_reason = VM_EXIT_NONE;
	f->vm.stopping = false;
	f->starts = 0;
	assert_int_equal(run(f, VM_EXIT_RESET, VM_EXIT_POWEROFF),
			 VM_EXIT_FAILURE);
	f->vm.loop.epoll_fd = fd;
}

/* Where the vCPUs stand is shown at a timeout, and only then. */
static void vcpus_are_described(void **state)
{
	struct fixture *f = *state;
	struct vcpu vcpus[2] = { { .id = 0 }, { .id = 1 } };
	struct vcpu *list[2] = { &vcpus[0], &vcpus[1] };

	f->vm.vcpus = list;
	f->vm.nr_vcpus = 2;
	f->vm.arch_ops = &describing_ops;
	run(f, VM_EXIT_KILLED, VM_EXIT_NONE);
	assert_int_equal(nr_infos, 0);
	f->vm.exit_reason = VM_EXIT_NONE;
	f->vm.stopping = false;
	run(f, VM_EXIT_TIMEOUT, VM_EXIT_TIMEOUT);
	assert_int_equal(nr_infos, 2);
	assert_string_equal(info, "vCPU 1: at 11");

	f->vm.arch_ops = &no_ops;
	f->vm.exit_reason = VM_EXIT_NONE;
	f->vm.stopping = false;
	run(f, VM_EXIT_TIMEOUT, VM_EXIT_TIMEOUT);
	assert_int_equal(nr_infos, 4);
	assert_string_equal(info, "vCPU 1: ");
	f->vm.vcpus = NULL;
	f->vm.nr_vcpus = 0;
}

/* A KVM that has all, or of which one thing is wrong. */
static struct {
	int version, map_size, cap, create_error, error;
	int asked;	/* the descriptor of the last call */
	long max_vcpus; /* beside `cap`, which is for all others */
	struct kvm_enable_cap enabled;
	struct kvm_userspace_memory_region region;
} kvm;

int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	kvm.asked = fd;
	errno = kvm.error;
	if (kvm.error)
		return -1;
	switch (request) {
	case KVM_ENABLE_CAP:
		kvm.enabled = *(struct kvm_enable_cap *)arg;
		return 0;
	case KVM_SET_USER_MEMORY_REGION:
		kvm.region = *(struct kvm_userspace_memory_region *)arg;
		return 0;
	case KVM_GET_API_VERSION:
		return kvm.version;
	case KVM_GET_VCPU_MMAP_SIZE:
		return kvm.map_size;
	case KVM_CHECK_EXTENSION:
		return arg == (void *)KVM_CAP_MAX_VCPUS ? (int)kvm.max_vcpus
							: kvm.cap;
	case KVM_CREATE_VM:
		if (!kvm.create_error)
			return dup(STDERR_FILENO);
		errno = kvm.create_error;
		kvm.create_error = kvm.create_error == EINTR ? 0 : EIO;
		return -1;
	default:
		errno = ENOTTY;
		return -1;
	}
}

static void have_kvm(void)
{
	memset(&kvm, 0, sizeof(kvm));
	kvm.version = KVM_API_VERSION;
	kvm.map_size = sizeof(struct kvm_run);
	kvm.cap = 1;
}

static int lowest_free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static void nothing(struct worker_job *job)
{
	(void)job;
}

/* Descriptors and threads are gone; a VM that was closed before is not again.
 */
static void is_destroyed(void **state)
{
	struct worker_job job = { .run = nothing };
	struct fixture *f = calloc(1, sizeof(*f));
	int base = lowest_free_fd();

	(void)state;
	assert_non_null(f);
	have_kvm();
	f->dev.ops = &dev_ops;
	for (int closes = 0; closes < 2; closes++) {
		f->destroyed = 0;
		kvm.create_error = EINTR;
		assert_int_equal(vm_open(&f->vm, "/dev/null"), 0);
		assert_int_equal(vm_create(&f->vm, 0), 0);
		mmio_ring_init(&f->vm.ring, &f->vm);
		device_add(&f->vm.devices, &f->dev);
		assert_int_equal(worker_submit(&f->vm.worker, &job), 0);
		worker_drain(&f->vm.worker, &job);
		if (closes)
			vm_close(&f->vm);
		assert_int_equal(f->closed, closes);
		assert_int_equal(f->vm.fd < 0, closes);
		vm_destroy(&f->vm);
		assert_int_equal(f->destroyed, 2);
		assert_int_equal(lowest_free_fd(), base);
	}
	free(f);
}

static void assert_not_opened(struct vm *vm, int err)
{
	int base = lowest_free_fd();

	assert_int_equal(vm_open(vm, "/dev/null"), err);
	assert_int_equal(lowest_free_fd(), base);
	have_kvm();
}

static void is_not_opened(void **state)
{
	struct vm vm;

	(void)state;
	assert_int_equal(vm_open(&vm, "/dev/null/none"), -ENOTDIR);
	have_kvm();
	kvm.version++;
	assert_not_opened(&vm, -ENODEV);
	kvm.map_size--;
	assert_not_opened(&vm, -ENODEV);
	kvm.cap = 0;
	assert_not_opened(&vm, -ENOTSUP);
	assert_int_equal(vm_open(&vm, "/dev/null"), 0);
	kvm.create_error = ENOMEM;
	assert_int_equal(vm_create(&vm, 0), -ENOMEM);
	assert_true(vm.fd < 0);
	worker_destroy(&vm.worker);
	evloop_destroy(&vm.loop);
	close(vm.kvm_fd);
}

/* An error is "no"; the VM is asked once there is one. */
static void capabilities(void **state)
{
	struct vm vm = { .fd = -1, .kvm_fd = 10 };

	(void)state;
	have_kvm();
	kvm.cap = 7;
	assert_int_equal(vm_check_cap(&vm, KVM_CAP_IRQFD), 7);
	assert_int_equal(kvm.asked, 10);
	assert_int_equal(vm_recommended_vcpus(&vm), 7);
	assert_int_equal(vm_max_vcpus(&vm), 7);
	vm.fd = 0;
	kvm.max_vcpus = 500;
	assert_int_equal(vm_max_vcpus(&vm), 500);
	assert_int_equal(kvm.asked, 0);
	kvm.cap = 0;
	assert_int_equal(vm_recommended_vcpus(&vm), 4);
	assert_int_equal(vm_enable_cap(&vm, 5, 6), 0);
	assert_int_equal(kvm.enabled.cap, 5);
	assert_int_equal(kvm.enabled.args[0], 6);
	kvm.error = EPERM;
	assert_int_equal(vm_check_cap(&vm, KVM_CAP_IRQFD), 0);
	assert_int_equal(vm_enable_cap(&vm, 5, 6), -EPERM);
	assert_int_equal(vm_max_vcpus(&vm), 4);
}

/* RAM is in a slot and in the table, or the call has failed. */
static void ram(void **state)
{
	struct fixture *f = *state;
	void *hva = (void *)0x7f0000000000;

	have_kvm();
	memslots_init(&f->vm.slots);
	f->vm.slots.vm_fd = 5;
	assert_int_equal(vm_add_ram(&f->vm, SZ_1G, SZ_1M, hva), 0);
	assert_int_equal(kvm.region.guest_phys_addr, SZ_1G);
	assert_int_equal(kvm.region.memory_size, SZ_1M);
	assert_int_equal(kvm.region.flags, 0);
	assert_ptr_equal(gmem_ptr(&f->vm.mem, SZ_1G + 1, 1), (char *)hva + 1);
	assert_int_equal(vm_add_ram(&f->vm, SZ_1G, SZ_1M, hva), -EEXIST);
	assert_int_equal(vm_add_ram(&f->vm, 1, SZ_1M, hva), -EINVAL);
	kvm.error = ENOMEM;
	assert_int_equal(vm_add_ram(&f->vm, 2 * SZ_1G, SZ_1M, hva), -ENOMEM);
	assert_null(gmem_ptr(&f->vm.mem, 2 * SZ_1G, 1));
	memslots_destroy(&f->vm.slots);
}

/* Which file it was, and what may help. */
static void why_not_opened(void **state)
{
	struct vm vm;

	(void)state;
	vm_open(&vm, "/none/kvm");
	assert_non_null(strstr(fatal, "/none/kvm"));
	assert_non_null(strstr(fatal, "no KVM"));
	vm_open(&vm, "/dev/null/kvm");
	assert_string_equal(fatal,
			    "Unable to open /dev/null/kvm: Not a directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_reset),
		TEST(reset_once),
		TEST(not_wanted),
		TEST(not_possible),
		TEST(no_architecture),
		TEST(fails),
		TEST(cannot_be_quiesced),
		TEST(other_reason_comes_late),
		TEST(first_reason_counts),
		TEST(endless_resets_can_be_ended),
		TEST(the_loop_runs),
		TEST(the_loop_runs_after_a_reset),
		TEST(vcpus_do_not_start),
		TEST(the_loop_fails),
		TEST(vcpus_are_described),
		cmocka_unit_test(is_destroyed),
		cmocka_unit_test(is_not_opened),
		cmocka_unit_test(why_not_opened),
		cmocka_unit_test(capabilities),
		TEST(ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
