/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/worker.c */
/* SOURCES: vmm/run.c vmm/vm.c vmm/evloop.c vmm/device.c vmm/mmio.c */
/* SOURCES: vmm/mmio_ring.c */
/* SOURCES: vmm/memslot.c vmm/gmem.c util/json.c */
/* What vm_run() makes of a guest that asks for resets, without KVM. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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
	int reset_error, quiesce_error;
	enum vm_exit late; /* what the device says when it is reset */
};

static struct fixture *fixture;
static unsigned int nr_infos;

void pr_fatal(const char *fmt, ...)
{
	(void)fmt;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)fmt;
	nr_infos += level == LOG_LEVEL_INFO;
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
	(void)vm;
}

void vcpus_destroy(struct vm *vm)
{
	(void)vm;
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

static const struct vm_arch_ops ops = { .reset = arch_reset };
static const struct vm_arch_ops no_ops;
static const struct device_ops dev_ops = { .reset = dev_reset,
					   .quiesce = dev_quiesce };

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
