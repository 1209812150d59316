/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/costs.c arm/a64/?*.c vmm/gmem.c */
/* WRAP: ioctl clock_gettime */
/* Costs, by a clock that only what is measured moves. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "arm/cpu.h"
#include "lkvm/arm/a64/a64.h"
#include "lkvm/arm/costs.h"
#include "lkvm/vmm/vm.h"

#define RETURN_NS 900
#define REG_NS	  400

static struct {
	struct vcpu vcpu;
	struct kvm_run run;
	u64 now;
	unsigned int calls; /* of the clock */
	unsigned int runs;
	u64 disturbance; /* ns that one call in two takes longer */
	int reg_error;
} t;

int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	t.calls++;
	ts->tv_sec = (time_t)(t.now / 1000000000);
	ts->tv_nsec = (long)(t.now % 1000000000);
	return 0;
}

static void pass(u64 ns)
{
	t.now += ns + (++t.runs % 2 ? 0 : t.disturbance);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	(void)fd;
	assert_int_equal(request, KVM_RUN);
	assert_true(t.run.immediate_exit);
	pass(RETURN_NS);
	errno = EINTR;
	return -1;
}

int cpu_read(struct vcpu *vcpu, unsigned int reg, u64 *value)
{
	assert_ptr_equal(vcpu, &t.vcpu);
	assert_in_range(reg, 0, CPU_REGS - 1);
	*value = 0;
	t.now += REG_NS;
	return t.reg_error;
}

static int set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	t.now = 1;
	t.vcpu.run = &t.run;
	*state = malloc(sizeof(struct a64_cpu));
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static void measures(void **state)
{
	struct costs costs = { 0 };

	t.disturbance = 5000;
	assert_int_equal(costs_measure(&t.vcpu, *state, &costs), 0);
	assert_int_equal(costs.reg_ns, REG_NS);
	assert_int_equal(costs.return_ns, RETURN_NS);
	assert_int_equal(costs.exit_ns, RETURN_NS);
	/* No time passes there, and nothing is free. */
	assert_int_equal(costs.insn_ns, 1);
	assert_int_equal(t.run.immediate_exit, 0);
	t.reg_error = -ENOENT;
	assert_int_equal(costs_measure(&t.vcpu, *state, &costs), -ENOENT);
}

/* The loop that is timed is carried out, all of it. */
static void interprets(void **state)
{
	struct a64_cpu *cpu = *state;
	struct costs costs;

	assert_int_equal(costs_measure(&t.vcpu, cpu, &costs), 0);
	assert_int_equal(cpu->left, 0);
	assert_int_equal(cpu->pc, 12);
	assert_int_equal(cpu->x[2], 0);
}

static void one_exit(struct costs_clock *clock, struct costs *costs, u64 ns)
{
	costs_exit_done(clock);
	t.now += ns;
	costs_exit_came(clock, costs);
}

static void shortest_exit(void **state)
{
	struct costs_clock clock = { 0 };
	struct costs costs = { .exit_ns = 900, .return_ns = 900 };

	(void)state;
	one_exit(&clock, &costs, 5000);
	assert_int_equal(costs.exit_ns, 5000);
	assert_false(costs_exit_known(&clock));
	one_exit(&clock, &costs, 2500);
	one_exit(&clock, &costs, 4000);
	assert_int_equal(costs.exit_ns, 2500);
	for (unsigned int i = 0; i < 20; i++)
		one_exit(&clock, &costs, 3000);
	assert_true(costs_exit_known(&clock));
	assert_int_equal(costs.exit_ns, 2500);
	/* From now on one in 64. */
	t.calls = 0;
	for (unsigned int i = 0; i < 640; i++)
		one_exit(&clock, &costs, 2400);
	assert_int_equal(t.calls, 20);
	assert_int_equal(costs.exit_ns, 2400);
	/* It cannot be less than a return. */
	for (unsigned int i = 0; i < 64; i++)
		one_exit(&clock, &costs, 100);
	assert_int_equal(costs.exit_ns, 900);
}

/* A guest that is busy between its exits. */
static void busy_guest(void **state)
{
	struct costs_clock clock = { 0 };
	struct costs costs = { .exit_ns = 900, .return_ns = 900 };

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		one_exit(&clock, &costs, 1000000);
	assert_in_range(costs.exit_ns, 900, 20 * 900);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(measures),
		TEST(interprets),
		TEST(shortest_exit),
		TEST(busy_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
