/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets the machine resets=N (100) times, each time with as much state changed
 * as possible, and checks afterwards that all is as after power-on. What has to
 * be kept over a reset is in the flash, which is erased at the first start.
 * wait=N: wait for a byte on the console when the Nth start and the last one
 * are through with checking.
 */
#include "devices.h"
#include "flash.h"
#include "gic.h"
#include "io.h"
#include "tests.h"

#define PSCI_SYSTEM_RESET2 0xc4000012
#define AFFINITY_OFF	   1
#define LIMIT_MS	   20000
#define STARTS_LONG	   16

/*
 * DEN 0057A: the call that returns where stolen time is, and what follows the
 * count there. KVM goes on counting over a reset, but writes nothing else.
 */
#define PV_TIME_ST     0xc5000021
#define STOLEN_PADDING 16
#define STOLEN_MARK    0x5a5a5a5a5a5a5a5aUL

#define RAM_WORDS     3
#define EDGE_SPI      40
#define KVMTOOL_FLASH 0x02000000UL
#define GITS_VALID    (1UL << 63)

/*
 * Words of the flash: what GIC and devices were first, the counter at the end
 * of the first start, then one for each start.
 */
#define DIGEST_AT     0
#define DEVICES_AT    (4 * GIC_PARTS)
#define COUNTER_AT    (DEVICES_AT + 4 * DEVICES_MAX)
#define STOLEN_AT     (COUNTER_AT + 4)
#define STARTS_AT     (STOLEN_AT + 4)
#define COUNTER_SHIFT 8 /* of what is kept */

/* From the start of RAM; the first is 64 KiB aligned and otherwise unused. */
#define SPARE_RAM 0x01000000UL
static const u64 ram_words[RAM_WORDS] = { SPARE_RAM, 0x02345678UL,
					  0x03fffff8UL };

static struct flash flash;
static u32 flash_word; /* as found at first */
static u32 device_regs[DEVICES_MAX];
static u32 nr_device_regs;
static struct gic gic;
static volatile u32 data = 0x12345678; /* in the image */
static volatile bool other_runs;

/* Control registers of both timers: enabled or masked. */
static u64 read_timers(void)
{
	u64 virt, phys;

	asm volatile("mrs %0, cntv_ctl_el0" : "=r"(virt));
	asm volatile("mrs %0, cntp_ctl_el0" : "=r"(phys));
	return (virt | phys) & 3;
}

static u64 ram_word(u32 n)
{
	return ram_base() + ram_words[n];
}

/*
 * Trigger configuration (GICD_ICFGR) of the UART's interrupt and its
 * neighbours; returns the old value.
 */
static u32 uart_config(u32 value)
{
	u64 at = gic_reg(&gic, GICD_ICFGR, 2, DEVICES_INTID);
	u32 old = read32(at);

	write32(at, value);
	return old;
}

/* Pending state of the UART's interrupt while it is level-triggered. */
static u32 uart_line(void)
{
	return read32(gic_reg(&gic, GICD_ISPENDR, 1, DEVICES_INTID)) >>
		       DEVICES_INTID % 32 &
	       1;
}

/* ---- after power-on ---- */

/* Prints only what is not the same: a hundred starts would print a lot. */
static void same(u64 got, u64 want, const char *name, u64 which)
{
	if (got != want)
		check_eq(got, want, "%s 0x%lx", name, which);
}

static void check_memory(void)
{
	for (u32 i = 0; i < RAM_WORDS; i++)
		same(read64(ram_word(i)), 0, "RAM at", ram_word(i));
	same(data, 0x12345678, "data of the image", 0);
}

static void check_devices(u32 start)
{
	for (u32 i = 0; i < nr_device_regs; i++) {
		u32 at = DEVICES_AT + 4 * i;

		if (!start)
			flash_program(&flash, at, device_regs[i]);
		flash_restore(&flash);
		same(device_regs[i], flash_read(&flash, at), devices_name(i),
		     0);
	}
}

static void check_gic(u32 start)
{
	u32 digest[GIC_PARTS];

	gic_digest(&gic, digest);
	for (u32 i = 0; !start && i < GIC_PARTS; i++)
		flash_program(&flash, DIGEST_AT + 4 * i, digest[i]);
	flash_restore(&flash);
	for (u32 i = 0; i < GIC_PARTS; i++)
		same(digest[i], flash_read(&flash, DIGEST_AT + 4 * i),
		     gic_parts[i], 0);
}

static void check_line(void)
{
	u32 old = uart_config(0);

	same(uart_line(), 0, "line of the UART", 0);
	uart_config(old);
}

static void check_second_cpu(void)
{
	u64 mpidr;

	if (!fdt_cpu(1, &mpidr))
		return;
	same((u64)psci(PSCI_AFFINITY_INFO, mpidr, 0, 0), AFFINITY_OFF,
	     "processor", 1);
}

/*
 * The virtual counter started from 0 with this start: it is below its value at
 * the end of the first.
 */
static void check_counter(u32 start)
{
	if (start)
		same(time_now() >> COUNTER_SHIFT <
			     flash_read(&flash, COUNTER_AT),
		     true, "the counter", 0);
}

/*
 * The address of the record is kept from the first start, because asking for it
 * again (PV_TIME_ST) has KVM clear the record.
 */
static void check_stolen_time(u32 start)
{
	u32 at = flash_read(&flash, STOLEN_AT);

	if (start && at)
		same(read64(at), 0, "stolen time at", at);
}

static void check_all(u32 start)
{
	check_memory();
	check_devices(start);
	check_gic(start);
	check_line();
	if (start)
		same(flash_word, flash_read(&flash, DIGEST_AT + 4),
		     "flash in array mode", 0);
	check_second_cpu();
	for (u32 n = 1; n < 3; n++)
		same(flash_lock_bits(&flash, n * flash.block), 0,
		     "lock of block", n);
	same(read_timers(), 0, "timers", 0);
	check_counter(start);
	check_stolen_time(start);
	check(checks_good(), "start %u", start);
}

/* ---- as deep inside as it can be ---- */

static void dirty_memory(void)
{
	for (u32 i = 0; i < RAM_WORDS; i++)
		write64(ram_word(i), 0x5a5a5a5a5a5a5a5aUL);
	data = 0;
}

/* Leaves a line high whose interrupt is edge-triggered: no edge ends it. */
static void dirty_devices(void)
{
	u32 before = uart_config(0);

	devices_raise();
	same(uart_line(), 1, "line of the UART", 0);
	uart_config(before | 2U << DEVICES_INTID % 16 * 2);
	devices_dirty();
}

/* Enabled, pending, active and of another group at once. */
static void dirty_irq(u32 id)
{
	u32 bit = 1U << id % 32;

	gic_enable_irq(&gic, id);
	write32(gic_reg(&gic, GICD_IGROUPR, 1, id), ~0U / 3);
	write32(gic_reg(&gic, GICD_ISPENDR, 1, id), bit);
	write32(gic_reg(&gic, GICD_ISACTIVER, 1, id), bit);
}

static void dirty_lpis(void)
{
	u64 redist = gic.own - GICR_SGI_BASE;
	u64 spare = ram_word(0);

	write64(redist + GICR_PROPBASER, (spare + 0x10000) | 15);
	write64(redist + GICR_PENDBASER, spare + 0x20000);
	write32(redist + GICR_CTLR, 1);
	write64(gic.its + GITS_BASER, GITS_VALID | (spare + 0x30000));
	write64(gic.its + GITS_BASER + 8, GITS_VALID | (spare + 0x40000));
	write64(gic.its + GITS_CBASER, GITS_VALID | (spare + 0x50000));
	write32(gic.its + GITS_CTLR, 1);
}

/* Leaves the timer's line high, and one interrupt acknowledged and active. */
static void dirty_gic(void)
{
	asm volatile(
		"msr cntv_cval_el0, %0\n\tmsr cntv_ctl_el0, %1\n\tisb" ::"r"(
			0UL),
		"r"(1UL));
	gic_enable(&gic);
	gic_enable_irq(&gic, INTID_VIRT_TIMER);
	gic_enable_irq(&gic, DEVICES_INTID);
	gic_acknowledge(&gic, LIMIT_MS);
	dirty_irq(EDGE_SPI);
	dirty_irq(EDGE_SPI + 64);
	dirty_irq(3);
	if (gic.v3)
		write64(gic.dist + GICD_IROUTER + 8 * EDGE_SPI, 1);
	if (gic.its)
		dirty_lpis();
}

/*
 * Locks, and both chips in one of four modes, some in the middle of a command.
 */
static void dirty_flash(u32 start)
{
	static const u8 left[] = { FLASH_READ_STATUS, FLASH_READ_ID,
				   FLASH_BUFFER_PROGRAM, FLASH_ERASE };

	flash_lock(&flash, flash.block, FLASH_LOCK);
	flash_lock(&flash, 2 * flash.block, FLASH_LOCK_DOWN);
	flash_command(&flash, 3 * flash.block, left[start % 4]);
}

/*
 * Waits for so many times what a start takes that no later one takes as long
 * before it checks the counter, not even on a host that is busy just then.
 */
static void keep_counter(void)
{
	u64 until = STARTS_LONG * time_now();

	while (time_now() < until)
		;
	flash_program(&flash, COUNTER_AT, (u32)(until >> COUNTER_SHIFT));
	flash_restore(&flash);
}

static void dirty_stolen_time(u32 start)
{
	long record = psci(PV_TIME_ST, 0, 0, 0);
	u64 at = record > 0 ? (u64)record + STOLEN_PADDING : 0;

	if (!start)
		flash_program(&flash, STOLEN_AT, (u32)at);
	flash_restore(&flash);
	if (at)
		write64(at, STOLEN_MARK);
}

/* SYSTEM_RESET and SYSTEM_RESET2 (PSCI 1.1) in turn. */
static void reset(u32 start)
{
	psci(start & 1 ? PSCI_SYSTEM_RESET2 : PSCI_SYSTEM_RESET, 0, 0, 0);
}

/* Runs on the second processor, which calls every third reset. */
static void run_other(void *arg)
{
	u32 start = *(const u32 *)arg;

	other_runs = true;
	if (start % 3 == 2)
		reset(start);
	for (;;)
		write64(ram_word(1), time_now());
}

static void dirty_all(u32 start)
{
	u64 mpidr;

	dirty_memory();
	dirty_gic();
	dirty_flash(start);
	dirty_devices(); /* nothing can be printed after that */
	if (!fdt_cpu(1, &mpidr))
		return;
	cpu_start(1, mpidr, run_other, &start);
	while (!other_runs || start % 3 == 2)
		;
}

static void wait_for_byte(void)
{
	print("WAIT\n");
	read_char();
}

void test_resets(void)
{
	u32 resets = (u32)param("resets", 100);
	u32 wait = (u32)param("wait", 0);
	u32 start;

	nr_device_regs = devices_read(device_regs);
	flash_word = read32((on_virt() ? 0 : KVMTOOL_FLASH) + DIGEST_AT + 4);
	if (!flash_find(&flash, 0) || !gic_find(&gic))
		return;
	start = flash_count_words(&flash, STARTS_AT);
	check_all(start);
	if (wait && (start == wait || start == resets))
		wait_for_byte();
	if (start == resets || !checks_good())
		return;
	if (!start)
		keep_counter();
	dirty_stolen_time(start);
	flash_program(&flash, STARTS_AT + 4 * start, start);
	dirty_all(start);
	reset(start);
}
