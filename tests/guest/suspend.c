/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PSCI SYSTEM_SUSPEND (ARM DEN 0022): the timer wakes the processor, at another
 * place. sleep=MS (100); 0: nothing ever wakes it. denied=1: processor 1 is on.
 * other=1: processor 1 calls it, after processor 0 has turned itself off.
 * Prints "NONE" if this KVM does not have it.
 */
#include "gic.h"

#define LIMIT_MS     20000
#define GICR_STRIDE  0x20000 /* IHI 0069, 12.10: two frames of 64 KiB */
#define AFFINITY_OFF 1
#define CTL_ENABLE   1UL
#define CTL_STATUS   4UL

static struct gic gic;
static u64 woken_at;

static void sleep_on(void *arg)
{
	(void)arg;
}

static void set_timer(u64 at)
{
	gic_enable(&gic);
	gic_enable_irq(&gic, INTID_VIRT_TIMER);
	asm volatile(
		"msr cntv_cval_el0, %0\n\tmsr cntv_ctl_el0, %1\n\tisb" ::"r"(
			at),
		"r"(CTL_ENABLE));
}

static void woken(void *arg)
{
	const u32 *word = arg;
	u64 control;

	asm volatile("mrs %0, cntv_ctl_el0" : "=r"(control));
	check(time_now() >= woken_at, "not before its time");
	check_eq(*word, 0xabcdef01, "RAM is kept");
	check_eq(control, CTL_ENABLE | CTL_STATUS, "the timer is kept");
	check_eq(gic_acknowledge(&gic, LIMIT_MS), INTID_VIRT_TIMER,
		 "its interrupt is pending");
	done();
}

/* With another processor on, it is denied. */
static void check_denied(u32 *word)
{
	u64 mpidr;

	if (!fdt_cpu(1, &mpidr))
		return;
	cpu_start(1, mpidr, sleep_on, NULL);
	check(cpu_join(1, LIMIT_MS), "processor 1 runs");
	check_eq((u64)system_suspend(2, woken, word), (u64)PSCI_DENIED,
		 "denied while processor 1 is on");
}

static void sleep_for(u64 ms)
{
	static u32 word;

	word = 0xabcdef01;
	woken_at = time_after(ms);
	if (ms)
		set_timer(woken_at);
	print("SUSPEND\n");
	check_eq((u64)system_suspend(2, woken, &word), 0, "does not return");
}

/* On processor 1, once `arg`, the MPIDR of processor 0, is off. */
static void sleep_alone(void *arg)
{
	u64 end = time_after(LIMIT_MS);

	while (psci(PSCI_AFFINITY_INFO, *(u64 *)arg, 0, 0) != AFFINITY_OFF)
		if (time_now() > end)
			break;
	if (gic.v3)
		gic.own += GICR_STRIDE;
	sleep_for(100);
}

static void sleep_on_other(void)
{
	static u64 own;
	u64 mpidr;

	if (!check(fdt_cpu(1, &mpidr), "there is a processor 1"))
		return;
	own = cpu_mpidr();
	cpu_start(1, mpidr, sleep_alone, &own);
	cpu_off();
}

void main(void)
{
	u64 ms = param("sleep", 100);
	static u32 word;

	if (psci(PSCI_FEATURES, PSCI_SYSTEM_SUSPEND, 0, 0) ==
	    PSCI_NOT_SUPPORTED) {
		print("NONE\n");
		return;
	}
	if (!gic_find(&gic))
		return;
	if (param("denied", 0)) {
		check_denied(&word);
		return;
	}
	if (param("other", 0))
		sleep_on_other();
	else
		sleep_for(ms);
}
