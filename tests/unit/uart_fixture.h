/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A 16550A between a guest's accesses and a backend with input to deliver. */
#ifndef TESTS_UART_FIXTURE_H
#define TESTS_UART_FIXTURE_H

#include <linux/serial_reg.h>

#include "lkvm/hw/serial/uart16550.h"

#define BASE 0x1000000
#define GSI  5

#define UART	   uart16550
#define UART_WIDTH 1
#define UART_QUIET true
#include "serial_fixture.h"

/* The guest polls and reads `s`. */
static inline void expect_input(struct port *p, const char *s)
{
	for (; *s; s++) {
		assert_true(rd(p, UART_LSR) & UART_LSR_DR);
		assert_int_equal(rd(p, UART_RX), *s);
	}
}

/* The port's parameters with another backend, or none. */
static inline struct uart16550_params port_params(struct chardev *chr)
{
	return (struct uart16550_params) {
		.name = "uart0",
		.base = BASE,
		.size = UART16550_NR_REGS,
		.irq = { .gsi = GSI, .trigger = IRQ_LEVEL_HIGH },
		.clock = UART16550_CLOCK,
		.chr = chr,
	};
}

static int make_uart(struct port *p)
{
	struct uart16550_params par = port_params(&p->chr);

	return uart16550_create(&par, &p->bus, &p->uart);
}

#endif
