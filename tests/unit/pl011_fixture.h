/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PL011 between a guest's accesses and a backend with input to deliver. */
#ifndef TESTS_PL011_FIXTURE_H
#define TESTS_PL011_FIXTURE_H

#include "lkvm/hw/serial/pl011.h"

#define BASE  0x9000000
#define GSI   1
#define CLOCK 7

#define UART	   pl011
#define UART_WIDTH 4
#define UART_QUIET false
#include "serial_fixture.h"

/* DDI 0183, table 3-1 and the tables of bits after it. */
enum {
	DR = 0x00,
	RSR = 0x04,
	FR = 0x18,
	ILPR = 0x20,
	IBRD = 0x24,
	FBRD = 0x28,
	LCR_H = 0x2c,
	CR = 0x30,
	IFLS = 0x34,
	IMSC = 0x38,
	RIS = 0x3c,
	MIS = 0x40,
	ICR = 0x44,
	DMACR = 0x48,
};

#define CTS  0x001
#define DSR  0x002
#define DCD  0x004
#define RXFE 0x010
#define TXFF 0x020
#define RXFF 0x040
#define TXFE 0x080
#define RI   0x100
#define PEER (CTS | DSR | DCD)

#define BRK 0x01
#define FEN 0x10

#define UARTEN 0x001
#define LBE    0x080
#define TXE    0x100
#define RXE    0x200
#define DTR    0x400
#define RTS    0x800
#define OUT1   0x1000
#define OUT2   0x2000
#define LOOP   (UARTEN | LBE | TXE | RXE)

#define INT_RX 0x010
#define INT_TX 0x020
#define INT_RT 0x040
#define INT_BE 0x200
#define INT_OE 0x400
#define INT_IN (INT_RX | INT_RT)

/* The guest reads `s`, looking at FR before each byte. */
static inline void expect_input(struct port *p, const char *s)
{
	for (; *s; s++) {
		assert_false(rd(p, FR) & RXFE);
		assert_int_equal(rd(p, DR), *s);
	}
}

/* The port's parameters with another backend, or none. */
static inline struct pl011_params port_params(struct chardev *chr)
{
	return (struct pl011_params) {
		.name = "uart0",
		.base = BASE,
		.irq = { .gsi = GSI, .trigger = IRQ_LEVEL_HIGH },
		.clock = CLOCK,
		.chr = chr,
	};
}

static int make_uart(struct port *p)
{
	struct pl011_params par = port_params(&p->chr);

	return pl011_create(&par, &p->bus, &p->uart);
}

#endif
