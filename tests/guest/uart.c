/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of a 16550A that nothing is connected to, uart=N (1), by polling
 * (register and bit names as in the PC16550D data sheet).
 */
#include "guest.h"
#include "io.h"

enum {
	RBR = 0,
	THR = 0,
	DLL = 0,
	IER = 1,
	DLM = 1,
	IIR = 2,
	FCR = 2,
	LCR = 3,
	MCR = 4,
	LSR = 5,
	MSR = 6,
	SCR = 7,
};

#define IER_ERBFI 0x01
#define IER_ETBEI 0x02
#define IER_ELSI  0x04

#define IIR_ID	    0x0f
#define IIR_NONE    0x01
#define IIR_THRE    0x02
#define IIR_DATA    0x04
#define IIR_LINE    0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFO    0xc0

#define FCR_ENABLE    0x01
#define FCR_RX_RESET  0x02
#define FCR_TX_RESET  0x04
#define FCR_TRIGGER_8 0x80

#define LCR_8BIT 0x03
#define LCR_DLAB 0x80

#define MCR_DTR	 0x01
#define MCR_RTS	 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10

#define LSR_DR	 0x01
#define LSR_OE	 0x02
#define LSR_THRE 0x20
#define LSR_TEMT 0x40

#define FIFO_SIZE   16
#define PATIENCE_MS 2000

static u64 base;

static u8 get(u32 reg)
{
	return read8(base + reg);
}

static void set(u32 reg, u8 value)
{
	write8(base + reg, value);
}

/* True once the bits of a register under `mask` are `want`. */
static bool wait_for(u32 reg, u8 mask, u8 want)
{
	u64 end = time_after(PATIENCE_MS);

	while ((get(reg) & mask) != want)
		if (time_now() > end)
			return false;
	return true;
}

/* Sends a byte in loopback mode: it comes back as received. */
static void send(u8 byte)
{
	wait_for(LSR, LSR_THRE, LSR_THRE);
	set(THR, byte);
	wait_for(LSR, LSR_TEMT, LSR_TEMT);
}

static void drain(void)
{
	for (u32 i = 0; i < 256 && get(LSR) & LSR_DR; i++)
		get(RBR);
}

static void test_registers(void)
{
	for (u32 value = 0; value < 256; value += 85) {
		set(SCR, (u8)value);
		check_eq(get(SCR), value, "scratch 0x%x", value);
	}
	set(LCR, LCR_8BIT | LCR_DLAB);
	set(DLL, 0x12);
	set(DLM, 0x34);
	check_eq(get(DLL), 0x12, "divisor low");
	check_eq(get(DLM), 0x34, "divisor high");
	set(DLL, 1);
	set(DLM, 0);
	set(LCR, LCR_8BIT);
	check_eq(get(LCR), LCR_8BIT, "line control");
	set(IER, 0xff);
	check_eq(get(IER), 0x0f, "interrupt enable has four bits");
	set(IER, 0);
	check_eq(get(IIR) & IIR_ID, IIR_NONE, "no interrupt");
	check_eq(get(LSR) & (LSR_THRE | LSR_TEMT), LSR_THRE | LSR_TEMT,
		 "transmitter is empty");
}

static void test_modem(void)
{
	set(MCR, MCR_LOOP | MCR_RTS | MCR_OUT2);
	check_eq(get(MSR) & 0xf0, 0x90, "loopback: RTS is CTS, OUT2 is DCD");
	set(MCR, MCR_LOOP | MCR_DTR | MCR_OUT1);
	check_eq(get(MSR) & 0xf0, 0x60, "loopback: DTR is DSR, OUT1 is RI");
}

static void test_receive(void)
{
	set(FCR, FCR_ENABLE | FCR_RX_RESET | FCR_TX_RESET);
	check_eq(get(IIR) & IIR_FIFO, IIR_FIFO, "FIFOs are enabled");
	drain();
	check(!(get(LSR) & LSR_DR), "nothing received");
	send('x');
	check(get(LSR) & LSR_DR, "loopback: received");
	check_eq(get(RBR), 'x', "loopback: byte");
	check(!(get(LSR) & LSR_DR), "loopback: taken");
	for (u32 i = 0; i < 8; i++)
		send((u8)(0xa0 + i));
	for (u32 i = 0; i < 8; i++)
		check_eq(get(RBR), 0xa0 + i, "FIFO: byte %u", i);
	for (u32 i = 0; i < 4; i++)
		send((u8)i);
	set(FCR, FCR_ENABLE | FCR_RX_RESET);
	check(!(get(LSR) & LSR_DR), "FIFO: reset");
}

static void test_interrupt_ids(void)
{
	set(IER, IER_ETBEI);
	check(wait_for(IIR, IIR_ID, IIR_THRE), "THRE interrupt");
	check_eq(get(IIR) & IIR_ID, IIR_NONE, "THRE: gone after IIR is read");
	set(IER, 0);
	set(IER, IER_ETBEI);
	check(wait_for(IIR, IIR_ID, IIR_THRE), "THRE again when enabled again");

	set(IER, IER_ERBFI);
	check_eq(get(IIR) & IIR_ID, IIR_NONE, "no data interrupt");
	send(1);
	check(wait_for(IIR, IIR_ID, IIR_DATA), "data interrupt, trigger at 1");
	set(IER, IER_ERBFI | IER_ETBEI);
	check_eq(get(IIR) & IIR_ID, IIR_DATA, "data goes before THRE");
	get(RBR);
	set(IER, IER_ERBFI);
	check_eq(get(IIR) & IIR_ID, IIR_NONE, "data interrupt: gone");
}

static void test_trigger(void)
{
	set(FCR, FCR_ENABLE | FCR_RX_RESET | FCR_TRIGGER_8);
	for (u32 i = 0; i < 7; i++)
		send((u8)i);
	check(wait_for(IIR, IIR_ID, IIR_TIMEOUT),
	      "character timeout below the trigger");
	send(7);
	check(wait_for(IIR, IIR_ID, IIR_DATA), "data interrupt at the trigger");
	get(RBR);
	check(wait_for(IIR, IIR_ID, IIR_TIMEOUT), "timeout below it again");
	drain();
	check_eq(get(IIR) & IIR_ID, IIR_NONE, "no interrupt when all is read");
	set(FCR, FCR_ENABLE | FCR_RX_RESET);
}

/*
 * More than the FIFO holds: what came last is lost, which LSR says once.
 * Nothing here may poll LSR in between, as send() does.
 */
static void test_overrun(void)
{
	u32 n = 0;

	set(IER, IER_ELSI);
	for (; n < 256 && (get(IIR) & IIR_ID) != IIR_LINE; n++)
		set(THR, (u8)n);
	check(n > FIFO_SIZE && n < 256, "overrun interrupt after %u bytes", n);
	check(get(LSR) & LSR_OE, "overrun is told");
	check(!(get(LSR) & LSR_OE), "overrun is told once");
	check_eq(get(IIR) & IIR_ID, IIR_NONE, "overrun interrupt: gone");
	check_eq(get(RBR), 0, "overrun: the first byte is still there");
	drain();
}

void main(void)
{
	base = UART_BASE(param("uart", 1));
	test_registers();
	test_modem();
	test_receive();
	test_interrupt_ids();
	test_trigger();
	test_overrun();
	set(MCR, 0);
	set(IER, 0);
}
