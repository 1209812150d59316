/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measures what batches cost and save on this host: a register, a KVM_RUN that
 * does not enter the guest, an interpreted instruction, an exit. The rule in
 * arm/batch_account.c weighs them, instead of constants that hold for one host.
 *
 * Each is the least time of several attempts, as other load can only make one
 * longer. It takes some twenty system calls, once for each vCPU, on its thread.
 *
 * An exit cannot be measured without a guest that does nothing else. So its
 * cost is at first that of a KVM_RUN that does not enter the guest, and then
 * the shortest time between the end of one exit and the next. That is too long
 * if the guest is always busy in between, hence MOST_RETURNS.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <time.h>

#include "cpu.h"
#include "lkvm/arm/a64/a64.h"
#include "lkvm/arm/costs.h"
#include "lkvm/vmm/vm.h"

#define ROUNDS	  4
#define REGISTERS 4 /* read in a round */

/*
 * Exits that are timed at first, and the interval later: clock_gettime() for
 * each would be a cost of its own.
 */
#define FIRST_EXITS 16
#define ONE_IN	    64

/* No exit is taken to cost more than this many times `return_ns`. */
#define MOST_RETURNS 16

/* ldr w3, [x1]; sub x2, x2, #1; cbnz x2, .-8 */
#define LOOP_INSNS 3
#define LOOPS	   64

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/* At least 1 ns: a coarse clock must not make an item free. */
static u64 per_item(u64 ns, unsigned int n)
{
	return MAX(ns / n, (u64)1);
}

/* General-purpose registers stand for all: KVM has all in memory. */
static int measure_registers(struct vcpu *vcpu, u64 *reg_ns)
{
	u64 value, least = UINT64_MAX;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		u64 start = now_ns();

		for (unsigned int n = 0; n < REGISTERS; n++) {
			int ret = cpu_read(vcpu, n, &value);

			if (ret)
				return ret;
		}
		least = MIN(least, now_ns() - start);
	}
	*reg_ns = per_item(least, REGISTERS);
	return 0;
}

/*
 * immediate_exit makes KVM_RUN return before the guest is entered (api.rst, 5).
 * A kick that comes meanwhile is not lost: the run's loop checks its reason.
 */
static int measure_return(struct vcpu *vcpu, u64 *return_ns)
{
	u64 least = UINT64_MAX;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		u64 start = now_ns();
		int ret;

		vcpu->run->immediate_exit = 1;
		ret = ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? -errno : 0;
		vcpu->run->immediate_exit = 0;
		if (ret != -EINTR)
			return ret ? ret : -EIO;
		least = MIN(least, now_ns() - start);
	}
	*return_ns = per_item(least, 1);
	return 0;
}

/* A page, as the interpreter fetches from pages. */
static const u32 loop[A64_PAGE / sizeof(u32)] __attribute__((aligned(8))) = {
	0xb9400023,
	0xd1000442,
	0xb5ffffc2,
};

static const void *loop_code(struct a64_cpu *cpu, u64 va)
{
	(void)cpu;
	return va < A64_PAGE ? loop : NULL;
}

static void *loop_ram(struct a64_cpu *cpu, u64 va, unsigned int len, bool write)
{
	(void)va;
	(void)len;
	return write ? NULL : cpu->opaque;
}

static int loop_device(struct a64_cpu *cpu, u64 va, unsigned int len,
		       bool write, u64 *value)
{
	(void)cpu;
	(void)va;
	(void)len;
	(void)write;
	(void)value;
	return -EFAULT;
}

/* Lower limit: the code is decoded already and its data is at hand. */
static u64 measure_instructions(struct a64_cpu *cpu)
{
	static const struct a64_ops ops = {
		.code = loop_code,
		.ram = loop_ram,
		.device = loop_device,
	};
	u64 data = 0, least = UINT64_MAX;

	a64_init(cpu, &ops, &data);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		u64 start = now_ns();

		cpu->pc = 0;
		cpu->x[2] = LOOPS;
		cpu->left = LOOPS * LOOP_INSNS;
		a64_run(cpu);
		least = MIN(least, now_ns() - start);
	}
	return per_item(least, LOOPS * LOOP_INSNS);
}

int costs_measure(struct vcpu *vcpu, struct a64_cpu *scratch,
		  struct costs *costs)
{
	int ret = measure_registers(vcpu, &costs->reg_ns);

	if (!ret)
		ret = measure_return(vcpu, &costs->return_ns);
	costs->insn_ns = measure_instructions(scratch);
	costs->exit_ns = costs->return_ns;
	return ret;
}

void costs_exit_done(struct costs_clock *clock)
{
	clock->exit_done_ns = 0;
	if (clock->exits++ < FIRST_EXITS || clock->exits % ONE_IN == 0)
		clock->exit_done_ns = now_ns();
}

/* The first measured value replaces the assumed one, also if it is larger. */
void costs_exit_came(struct costs_clock *clock, struct costs *costs)
{
	u64 ns;

	if (!clock->exit_done_ns)
		return;
	ns = MAX(now_ns() - clock->exit_done_ns, costs->return_ns);
	ns = MIN(ns, MOST_RETURNS * costs->return_ns);
	if (!clock->measured || ns < costs->exit_ns)
		costs->exit_ns = ns;
	clock->measured = true;
	clock->exit_done_ns = 0;
}

bool costs_exit_known(const struct costs_clock *clock)
{
	return clock->exits >= FIRST_EXITS / 2;
}
