/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers: WFI ends when a timer fires, and no timer fires early; the counter is
 * the same for both processors and starts from 0 with the machine. n=N timers
 * of each kind.
 *
 * How late they fire is a note, not a check, because it depends on the host's
 * load.
 */
#include "a64_words.h"
#include "gic.h"
#include "tests.h"

#define MAX_DELAY_US 4000

#define READ_REG(name)                                         \
	({                                                     \
		u64 value_;                                    \
		asm volatile("mrs %0, " #name : "=r"(value_)); \
		value_;                                        \
	})
#define WRITE_REG(name, value)                                      \
	asm volatile("msr " #name ", %0\n\tisb" ::"r"((u64)(value)) \
		     : "memor"                                      \
		       "y")

static struct gic gic;

/*
 * A time that one processor has published; the other's counter must not be
 * behind it.
 */
static struct {
	u64 time;
	u32 sent, taken;
	u64 backwards;
	u32 passes;
} clock_test;

static u64 frequency(void)
{
	return READ_REG(cntfrq_el0);
}

static u64 microseconds(u64 ticks)
{
	return ticks * 1000000 / frequency();
}

/* CNTPCT_EL0; the ISB keeps it from being read early. */
static u64 phys_now(void)
{
	asm volatile("isb" ::: "memory");
	return READ_REG(cntpct_el0);
}

static void set_virt(u64 at)
{
	WRITE_REG(cntv_cval_el0, at);
	WRITE_REG(cntv_ctl_el0, at ? 1 : 0);
}

static void set_phys(u64 at)
{
	WRITE_REG(cntp_cval_el0, at);
	WRITE_REG(cntp_ctl_el0, at ? 1 : 0);
}

static const struct timer {
	const char *name;
	u32 intid;
	u64 (*now)(void);
	void (*set)(u64 at); /* 0: off */
} timers[] = {
	{ "virtual", INTID_VIRT_TIMER, time_now, set_virt },
	{ "physical", INTID_PHYS_TIMER, phys_now, set_phys },
};

/*
 * WFI may return at any time, so it is repeated. Returns how late it was in
 * ticks, ~0 if it was early.
 */
static u64 wait_for(const struct timer *timer, u64 at)
{
	u64 now;

	timer->set(at);
	do {
		asm volatile("dsb sy\n\twfi" ::: "memory");
	} while (gic_acknowledge(&gic, 0) != timer->intid);
	now = timer->now();
	timer->set(0);
	gic_end(&gic, timer->intid);
	return now >= at ? now - at : ~0UL;
}

/* Each at a random distance; what comes too late is only noted. */
static void test_timer(const struct timer *timer, u32 n)
{
	u64 latest = 0;

	gic_enable_irq(&gic, timer->intid);
	for (u32 i = 0; i < n; i++) {
		u64 us = random_below(MAX_DELAY_US);
		u64 at = timer->now() + us * frequency() / 1000000;
		u64 late = wait_for(timer, at);

		if (late == ~0UL) {
			check(false, "%s timer: not before its time",
			      timer->name);
			return;
		}
		latest = late > latest ? late : latest;
		if (i % 16 == 0)
			alive();
	}
	check(true, "%s timer", timer->name);
	note("%s_timer_latest_us %lu", timer->name, microseconds(latest));
}

/* Second processor: compares each published time with its own counter. */
static void watch_clock(void *arg)
{
	(void)arg;
	for (u32 n = 1; n <= clock_test.passes; n++) {
		while (__atomic_load_n(&clock_test.sent, __ATOMIC_ACQUIRE) < n)
			;
		if (time_now() < clock_test.time)
			clock_test.backwards++;
		__atomic_store_n(&clock_test.taken, n, __ATOMIC_RELEASE);
	}
}

/* Each pass hands a time over; the other counter must not be behind it. */
static void test_clock(u32 passes)
{
	u64 mpidr;

	clock_test.passes = passes;
	if (!check(fdt_cpu(1, &mpidr), "there is a second vCPU") ||
	    !check_eq((u64)cpu_start(1, mpidr, watch_clock, NULL), PSCI_SUCCESS,
		      "the second vCPU starts"))
		return;
	for (u32 n = 1; n <= clock_test.passes; n++) {
		clock_test.time = time_now();
		__atomic_store_n(&clock_test.sent, n, __ATOMIC_RELEASE);
		while (__atomic_load_n(&clock_test.taken, __ATOMIC_ACQUIRE) < n)
			;
		if (n % 16 == 0)
			alive();
	}
	check_eq(clock_test.backwards, 0, "counter of another vCPU is behind");
}

void test_timers(void)
{
	u32 n = (u32)param("n", 50);

	random_seed(param("seed", 1));
	note("counter_at_start_us %lu", microseconds(time_now()));
	if (!gic_find(&gic))
		return;
	gic_enable(&gic);
	for (u32 i = 0; i < ARRAY_SIZE(timers); i++)
		test_timer(&timers[i], n);
	test_clock(10 * n);
}
