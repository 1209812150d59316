/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device registers that the reset tests change and check afterwards. Tables by
 * machine, in the order in which they are written: enabling an interrupt comes
 * first (devices_raise()), what makes the console unusable last.
 *
 * GIC and flash have files of their own. Counters and FIFOs are left out, as
 * their values after a reset are not fixed.
 */
#include "devices.h"
#include "io.h"

#define PL011(reg)  (0x09000000UL + (reg))
#define PL031(reg)  (0x09010000UL + (reg))
#define FW_CFG(reg) (0x09020000UL + (reg))
#define PL061(reg)  (0x09030000UL + (reg))

/*
 * `read` and `write` are access widths in bytes; 0: not to be read, or not to
 * be written. `dirty` is a value other than that after a reset.
 */
struct reg {
	const char *name;
	u64 at;
	u8 read, write;
	u32 dirty;
};

/*
 * 16550: enabling the transmitter's interrupt (IER bit 1) raises the line of an
 * idle UART.
 */
static const struct reg kvmtool_regs[] = {
	{ "IER of UART 1", UART_BASE(1) + 1, 1, 1, 0x02 },
	{ "MCR of UART 0", UART_BASE(0) + 4, 1, 1, 0x13 },
	{ "MCR of UART 1", UART_BASE(1) + 4, 1, 1, 0x13 },
	{ "SCR of UART 0", UART_BASE(0) + 7, 1, 1, 0xa5 },
	{ "SCR of UART 1", UART_BASE(1) + 7, 1, 1, 0xa5 },
	{ "LCR of UART 0", UART_BASE(0) + 3, 1, 1, 0x80 },
	{ "LCR of UART 1", UART_BASE(1) + 3, 1, 1, 0x80 },
};

/*
 * Names are those of the manuals: PL011 (DDI 0183), PL031 (DDI 0224), PL061
 * (DDI 0190). fw_cfg is in the table as its selector is state, too.
 */
static const struct reg virt_regs[] = {
	{ "UARTIMSC", PL011(0x038), 4, 4, 0x7ff },
	{ "UARTRIS", PL011(0x03c), 4, 0, 0 },
	{ "UARTMIS", PL011(0x040), 4, 0, 0 },
	{ "UARTILPR", PL011(0x020), 4, 4, 0x55 },
	{ "UARTIBRD", PL011(0x024), 4, 4, 0x1234 },
	{ "UARTFBRD", PL011(0x028), 4, 4, 0x15 },
	{ "UARTLCR_H", PL011(0x02c), 4, 4, 0x7a },
	{ "UARTIFLS", PL011(0x034), 4, 4, 0x24 },
	{ "UARTDMACR", PL011(0x048), 4, 4, 0x7 },
	{ "UARTCR", PL011(0x030), 4, 4, 0x1c80 },
	{ "RTCMR", PL031(0x04), 4, 4, 1 },
	{ "RTCCR", PL031(0x0c), 4, 0, 0 },
	{ "RTCIMSC", PL031(0x10), 4, 4, 1 },
	{ "RTCRIS", PL031(0x14), 4, 0, 0 },
	{ "first byte of fw_cfg", FW_CFG(0), 1, 0, 0 },
	{ "selector of fw_cfg", FW_CFG(8), 0, 2, 0x1900 },
	{ "GPIODIR", PL061(0x400), 4, 4, 0xff },
	{ "GPIODATA", PL061(0x3fc), 4, 4, 0xa5 },
	{ "GPIOIS", PL061(0x404), 4, 4, 0x5a },
	{ "GPIOIBE", PL061(0x408), 4, 4, 0x33 },
	{ "GPIOIEV", PL061(0x40c), 4, 4, 0xcc },
	{ "GPIOIE", PL061(0x410), 4, 4, 0xff },
	{ "GPIORIS", PL061(0x414), 4, 0, 0 },
	{ "GPIOAFSEL", PL061(0x420), 4, 4, 0x0f },
};

_Static_assert(ARRAY_SIZE(virt_regs) <= DEVICES_MAX, "DEVICES_MAX");

static const struct reg *regs(void)
{
	return on_virt() ? virt_regs : kvmtool_regs;
}

static u32 nr_regs(void)
{
	return on_virt() ? ARRAY_SIZE(virt_regs) : ARRAY_SIZE(kvmtool_regs);
}

/* In one go: printing a result would change the UART. */
u32 devices_read(u32 values[DEVICES_MAX])
{
	for (u32 i = 0; i < nr_regs(); i++)
		values[i] = regs()[i].read ? (u32)read_width(regs()[i].at,
							     regs()[i].read)
					   : 0;
	return nr_regs();
}

const char *devices_name(u32 nr)
{
	return regs()[nr].name;
}

static void dirty(const struct reg *reg)
{
	if (reg->write)
		write_width(reg->at, reg->dirty, reg->write);
}

void devices_raise(void)
{
	dirty(&regs()[0]);
}

void devices_dirty(void)
{
	for (u32 i = 1; i < nr_regs(); i++)
		dirty(&regs()[i]);
}
