/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's side of tests/kvm/test_kvm.c: a write to a doorbell raises an
 * SPI without leaving the kernel. GICv3 by system registers (ARM IHI 0069).
 * Powers off if all interrupts came as they should, else resets.
 */
#include "guest.h"
#include "io.h"

#define GICD_BASE	0x3fff0000UL
#define GICD_CTLR	(GICD_BASE + 0x0000)
#define GICD_IGROUPR	(GICD_BASE + 0x0080)
#define GICD_ISENABLER	(GICD_BASE + 0x0100)
#define GICD_IPRIORITYR (GICD_BASE + 0x0400)
#define GICD_ICFGR	(GICD_BASE + 0x0c00)
#define GICD_IROUTER	(GICD_BASE + 0x6000)
#define CTLR_GRP1_ARE	0x12

#define EDGE_DOORBELL  0x03000000UL
#define LEVEL_DOORBELL 0x03000010UL
#define EDGE_SPI       52 /* INTID of SPI 20 */
#define LEVEL_SPI      53
#define INTID_SPURIOUS 1023
#define PATIENCE_MS    5000
#define ROUNDS	       10

#define ICC_PMR	    "s3_0_c4_c6_0"
#define ICC_IAR1    "s3_0_c12_c12_0"
#define ICC_EOIR1   "s3_0_c12_c12_1"
#define ICC_IGRPEN1 "s3_0_c12_c12_7"
#define ICC_SRE	    "s3_0_c12_c12_5"

#define WRITE_ICC(reg, value) \
	asm volatile("msr " reg ", %0\n\tisb" ::"r"((u64)(value)) : "memory")

static u32 acknowledge(void)
{
	u64 id;

	asm volatile("mrs %0, " ICC_IAR1 "\n\tdsb sy" : "=r"(id)::"memory");
	return (u32)id & 0xffffff;
}

static void enable_spi(u32 id, bool edge)
{
	u64 config = GICD_ICFGR + id / 16 * 4;
	u64 group = GICD_IGROUPR + id / 32 * 4;
	u32 bits = read32(config) & ~(3U << id % 16 * 2);

	write32(config, bits | (edge ? 2U : 0U) << id % 16 * 2);
	write32(group, read32(group) | 1U << id % 32);
	write8(GICD_IPRIORITYR + id, 0x80);
	write64(GICD_IROUTER + 8UL * id, 0);
	write32(GICD_ISENABLER + id / 32 * 4, 1U << id % 32);
}

static bool take(u32 wanted)
{
	u64 end = time_after(PATIENCE_MS);
	u32 id;

	do {
		id = acknowledge();
	} while (id == INTID_SPURIOUS && time_now() < end);
	if (!check_eq(id, wanted, "interrupt %u", wanted))
		return false;
	WRITE_ICC(ICC_EOIR1, id);
	return true;
}

void main(void)
{
	bool good = true;

	WRITE_ICC(ICC_SRE, 7);
	WRITE_ICC(ICC_PMR, 0xff);
	WRITE_ICC(ICC_IGRPEN1, 1);
	write32(GICD_CTLR, CTLR_GRP1_ARE);
	enable_spi(EDGE_SPI, true);
	enable_spi(LEVEL_SPI, false);
	for (int i = 0; i < ROUNDS && good; i++) {
		write32(EDGE_DOORBELL, (u32)i);
		good = take(EDGE_SPI);
		/* Only 0x1234 rings this one; its line falls at the EOI. */
		write32(LEVEL_DOORBELL, 0x4321);
		write32(LEVEL_DOORBELL, 0x1234);
		good = good && take(LEVEL_SPI);
	}
	good &= check_eq(acknowledge(), INTID_SPURIOUS, "nothing is left over");
	if (!good)
		psci(PSCI_SYSTEM_RESET, 0, 0, 0);
}
