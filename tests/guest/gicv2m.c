/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Message-signalled interrupts of a GICv2m frame (ARM DEN 0029, appendix E)
 * arrive at a GICv2 (ARM IHI 0048).
 */
#include "guest.h"
#include "io.h"

#define GICD_BASE	0x3fff0000UL
#define GICD_CTLR	(GICD_BASE + 0x000)
#define GICD_ISENABLER	(GICD_BASE + 0x100)
#define GICD_IPRIORITYR (GICD_BASE + 0x400)
#define GICD_ITARGETSR	(GICD_BASE + 0x800)
#define GICD_ICFGR	(GICD_BASE + 0xc00)

#define GICC_BASE 0x3ffd0000UL
#define GICC_CTLR (GICC_BASE + 0x00)
#define GICC_PMR  (GICC_BASE + 0x04)
#define GICC_IAR  (GICC_BASE + 0x0c)
#define GICC_EOIR (GICC_BASE + 0x10)

#define V2M_BASE	   0x3ffcf000UL
#define V2M_MSI_TYPER	   (V2M_BASE + 0x008)
#define V2M_MSI_SETSPI	   (V2M_BASE + 0x040)
#define V2M_TYPER_FIRST(t) ((t) >> 16 & 0x3ff)
#define V2M_TYPER_COUNT(t) ((t)&0x3ff)

#define FIRST_SPI   32
#define END_SPI	    1020
#define INTID_NONE  1023
#define QUIET_MS    50
#define PATIENCE_MS 5000

static u32 taken, last_id;

static void handle_irq(void)
{
	u32 id = read32(GICC_IAR) & 0x3ff;

	if (id == INTID_NONE)
		return;
	last_id = id;
	__atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
	write32(GICC_EOIR, id);
}

static void enable_spi(u32 id)
{
	u64 config = GICD_ICFGR + id / 16 * 4;

	write32(config, read32(config) | 2U << id % 16 * 2); /* edge */
	write8(GICD_IPRIORITYR + id, 0x80);
	write8(GICD_ITARGETSR + id, 1);
	write32(GICD_ISENABLER + id / 32 * 4, 1U << id % 32);
}

static bool wait_for_taken(u32 count, u64 ms)
{
	u64 end = time_after(ms);

	while (__atomic_load_n(&taken, __ATOMIC_RELAXED) < count)
		if (time_now() > end)
			return false;
	return true;
}

static void test_spi(u32 id)
{
	u32 before = taken;

	enable_spi(id);
	write32(V2M_MSI_SETSPI, id);
	check(wait_for_taken(before + 1, PATIENCE_MS), "MSI %u arrives", id);
	check_eq(last_id, id, "MSI %u: number", id);
	write16(V2M_MSI_SETSPI, (u16)id);
	check(wait_for_taken(before + 2, PATIENCE_MS),
	      "MSI %u by a 16-bit write arrives", id);
	check_eq(taken, before + 2, "MSI %u comes once a message", id);
}

/* Not of this frame: no interrupt, no harm. */
static void test_others(u32 first, u32 count)
{
	const u32 others[] = { first - 1, first + count, 0, ~0U };
	u32 before = taken;

	for (u32 i = 0; i < ARRAY_SIZE(others); i++) {
		if (others[i] >= FIRST_SPI && others[i] < END_SPI)
			enable_spi(others[i]);
		write32(V2M_MSI_SETSPI, others[i]);
	}
	wait_for_taken(before + 1, QUIET_MS);
	check_eq(taken, before, "other numbers raise nothing");
}

void main(void)
{
	u32 typer = read32(V2M_MSI_TYPER);
	u32 first = V2M_TYPER_FIRST(typer), count = V2M_TYPER_COUNT(typer);

	if (!check(first >= FIRST_SPI && count && first + count <= END_SPI,
		   "frame has SPIs %u to %u", first, first + count - 1))
		return;
	irq_set_handler(handle_irq);
	write32(GICC_PMR, 0xff);
	write32(GICC_CTLR, 1);
	write32(GICD_CTLR, 1);
	asm volatile("msr daifclr, #2" ::: "memory");
	test_spi(first);
	test_spi(first + count - 1);
	test_others(first, count);
	test_spi(first);
}
