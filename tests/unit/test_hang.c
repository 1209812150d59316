/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: builtin-hang.c */
/* WRAP: clock_gettime */
/* Guests that hang, told apart from those that compute, wait or are idle. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "builtin-hang.h"
#include "lkvm/util/clock.h"
#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"

#define VCPUS	2
#define SECONDS 4ULL

static struct {
	struct vm vm;
	struct vcpu vcpus[VCPUS], *list[VCPUS];
	struct hang *hang;
	struct evloop_timer *timer;
	u64 now, cpu, next;
	u64 exits, registers[VCPUS];
	bool paused;
	unsigned int pauses;
	unsigned int ends, infos;
} t;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	(void)clock;
	ts->tv_sec = (time_t)(t.now / NS_PER_SECOND);
	ts->tv_nsec = (long)(t.now % NS_PER_SECOND);
	return 0;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
	t.infos++;
}

void vm_pause(struct vm *vm)
{
	assert_ptr_equal(vm, &t.vm);
	assert_false(t.paused);
	t.paused = true;
	t.pauses++;
}

void vm_resume(struct vm *vm)
{
	assert_ptr_equal(vm, &t.vm);
	assert_true(t.paused);
	t.paused = false;
}

u64 vm_cpu_time(const struct vm *vm)
{
	(void)vm;
	return t.cpu;
}

void vm_vcpu_totals(const struct vm *vm, struct vcpu_totals *totals)
{
	(void)vm;
	memset(totals, 0, sizeof(*totals));
	totals->exits = t.exits;
}

void vm_request_exit(struct vm *vm, enum vm_exit reason)
{
	assert_ptr_equal(vm, &t.vm);
	assert_int_equal(reason, VM_EXIT_CONDITION);
	t.ends++;
}

int evloop_timer_init(struct evloop *loop, struct evloop_timer *timer,
		      void (*expired)(struct evloop_timer *timer))
{
	assert_ptr_equal(loop, &t.vm.loop);
	timer->expired = expired;
	t.timer = timer;
	return 0;
}

int evloop_timer_set(struct evloop_timer *timer, u64 ns)
{
	assert_ptr_equal(timer, t.timer);
	t.next = ns;
	return 0;
}

void evloop_timer_destroy(struct evloop *loop, struct evloop_timer *timer)
{
	(void)loop;
	assert_ptr_equal(timer, t.timer);
}

static u64 fingerprint(struct vcpu *vcpu)
{
	assert_true(t.paused);
	return t.registers[vcpu->id];
}

static void describe(struct vcpu *vcpu, char *buf, size_t size)
{
	assert_true(t.paused);
	snprintf(buf, size, "PC %u", vcpu->id);
}

static const struct vm_arch_ops arch_ops = {
	.fingerprint = fingerprint,
	.describe = describe,
};

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.now = 1000 * NS_PER_SECOND;
	for (unsigned int i = 0; i < VCPUS; i++) {
		t.vcpus[i].id = i;
		t.list[i] = &t.vcpus[i];
	}
	t.vm.vcpus = t.list;
	t.vm.nr_vcpus = VCPUS;
	t.vm.arch_ops = &arch_ops;
	assert_int_equal(hang_watch(&t.vm, SECONDS, &t.hang), 0);
	assert_null(hang_found(t.hang));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hang_destroy(t.hang);
	hang_destroy(NULL);
	return 0;
}

/* One look; `busy` vCPUs have run since the last one. */
static void look(unsigned int busy)
{
	assert_true(t.next > 0);
	t.now += t.next;
	t.cpu += t.next * busy;
	t.next = 0;
	t.timer->expired(t.timer);
}

static void assert_hang(void)
{
	assert_int_equal(t.ends, 1);
	assert_int_equal(t.next, 0);
	assert_string_equal(hang_found(t.hang), "vCPU 0: PC 0");
	assert_int_equal(t.infos, VCPUS);
}

static void assert_none(void)
{
	assert_int_equal(t.ends, 0);
	assert_null(hang_found(t.hang));
	assert_true(t.next > 0);
}

/* After the time, and not before. */
static void dead_loop(void **state)
{
	u64 begin = t.now;

	(void)state;
	while (!t.ends) {
		assert_true(t.now < begin + 2 * SECONDS * NS_PER_SECOND);
		look(1);
	}
	assert_true(t.now >= begin + SECONDS * NS_PER_SECOND);
	assert_hang();
}

/* A few instructions, on one vCPU, and the other one waits. */
static void small_loop(void **state)
{
	(void)state;
	for (int i = 0; i < 80 && !t.ends; i++) {
		t.registers[0] = (u64)i % 8;
		look(1);
	}
	assert_hang();
}

/* More states than a loop in place has, of either vCPU. */
static void computes(void **state)
{
	(void)state;
	for (int n = 0; n < VCPUS; n++) {
		for (int i = 0; i < 300; i++) {
			t.registers[n] = (u64)i % 9;
			look(2);
		}
		t.registers[n] = 0;
	}
	assert_none();
}

static void uses_devices(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		t.exits += i % 20 == 0;
		look(2);
	}
	assert_none();
}

static void resets(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		atomic_fetch_add(&t.vm.resets, i % 20 == 0);
		look(2);
	}
	assert_none();
}

static void idle(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++)
		look(0);
	assert_none();
	assert_int_equal(t.pauses, 0);
	/* It is looked at anew from when it runs. */
	for (int i = 0; i < 140 && !t.ends; i++)
		look(1);
	assert_hang();
}

/* Without an exit until then, and then it waits, or a debugger holds it. */
static void computes_and_waits(void **state)
{
	(void)state;
	for (int n = 30; n < 50; n++) {
		for (int i = 0; i < n; i++) {
			t.registers[0]++;
			look(1);
		}
		for (int i = 0; i < 100; i++)
			look(0);
	}
	assert_none();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dead_loop),	  TEST(small_loop), TEST(computes),
		TEST(uses_devices),	  TEST(resets),	    TEST(idle),
		TEST(computes_and_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
