/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processors of a test program: start-up in C after start.S, PSCI calls (ARM
 * DEN 0022) by HVC, and the counter.
 *
 * Each processor has a struct cpu, found by TPIDR_EL1, and a stack of its own.
 * They communicate by atomics only; there is no scheduler. The boot processor
 * has slot 0.
 */
#include "guest.h"
#include "mmu.h"

#define STACK_SIZE 8192

/* Aff3, Aff2, Aff1 and Aff0 of MPIDR_EL1. */
#define MPIDR_AFFINITY 0xff00ffffffUL

void boot_start(const void *dtb) __attribute__((noreturn));
void secondary_start(struct cpu *cpu) __attribute__((noreturn));
extern const char secondary_entry[];

static struct cpu cpus[MAX_CPUS];
static char stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(64)));

/* SMCCC 1.0 (DEN 0028): x4 to x17 may change. */
long psci(u32 function, u64 a1, u64 a2, u64 a3)
{
	register u64 x0 asm("x0") = function;
	register u64 x1 asm("x1") = a1;
	register u64 x2 asm("x2") = a2;
	register u64 x3 asm("x3") = a3;

	asm volatile("hvc #0"
		     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
		     :
		     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
		       "x13", "x14", "x15", "x16", "x17", "memory");
	/* 32-bit functions leave a 32-bit result. */
	return function & 1U << 30 ? (long)x0 : (long)(int)x0;
}

struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	asm volatile("mrs %0, tpidr_el1" : "=r"(cpu));
	return cpu;
}

u64 cpu_mpidr(void)
{
	u64 value;

	asm volatile("mrs %0, mpidr_el1" : "=r"(value));
	return value & MPIDR_AFFINITY;
}

static void cpu_init(struct cpu *cpu)
{
	asm volatile("msr tpidr_el1, %0" ::"r"(cpu));
	cpu->mpidr = cpu_mpidr();
}

/* Called by start.S with the MMU off and the tree's address from x0. */
void boot_start(const void *dtb)
{
	cpu_init(&cpus[0]);
	mmu_init();
	mmu_enable();
	fdt_init(dtb);
	main();
	done();
}

/* Called by start.S with the MMU on, with the context ID of CPU_ON. */
void secondary_start(struct cpu *cpu)
{
	cpu_init(cpu);
	cpu->run(cpu->arg);
	__atomic_store_n(&cpu->finished, true, __ATOMIC_RELEASE);
	for (;;)
		asm volatile("wfi");
}

/* Fills the slot of a processor that is not running. */
static struct cpu *prepare(unsigned int slot, void (*run)(void *arg), void *arg)
{
	struct cpu *cpu = &cpus[slot];

	*cpu = (struct cpu) {
		.stack = (u64)&stacks[slot][STACK_SIZE],
		.run = run,
		.arg = arg,
	};
	/* It is read once the MMU is on, but the line may be older than that.
	 */
	cache_clean(cpu, sizeof(*cpu));
	return cpu;
}

long cpu_start(unsigned int slot, u64 mpidr, void (*run)(void *arg), void *arg)
{
	return psci(PSCI_CPU_ON, mpidr, (u64)secondary_entry,
		    (u64)prepare(slot, run, arg));
}

long system_suspend(unsigned int slot, void (*run)(void *arg), void *arg)
{
	return psci(PSCI_SYSTEM_SUSPEND, (u64)secondary_entry,
		    (u64)prepare(slot, run, arg), 0);
}

/* Busy waiting with a limit, so that a hang becomes a failed check. */
bool cpu_join(unsigned int slot, u64 ms)
{
	u64 end = time_after(ms);

	while (!__atomic_load_n(&cpus[slot].finished, __ATOMIC_ACQUIRE))
		if (time_now() > end)
			return false;
	return true;
}

void cpu_off(void)
{
	psci(PSCI_CPU_OFF, 0, 0, 0);
}

/* The ISB keeps the counter from being read before earlier instructions. */
u64 time_now(void)
{
	u64 value;

	asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
	return value;
}

/* In ticks of CNTFRQ_EL0. */
u64 time_after(u64 ms)
{
	u64 frequency;

	asm volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
	return time_now() + frequency * ms / 1000;
}
