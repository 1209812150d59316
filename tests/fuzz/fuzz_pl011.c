/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/serial/pl011.c hw/serial/input.c vmm/mmio.c vmm/fdt.c */
/* SOURCES: hw/serial/output.c */
/* SOURCES: util/json.c */
/* SOURCES: util/log.c util/output.c */
/*
 * PL011 under random accesses, input and resets. The backend numbers its
 * bytes, so that one lost, doubled or out of order is seen.
 */
#include <string.h>

#include "lkvm/hw/serial/pl011.h"

#define UART	       pl011
#define UART_FIFO_SIZE PL011_FIFO_SIZE
#include "serial_port.h"

#define UART_DR	  0x00
#define UART_FR	  0x18
#define LCR_H_FEN 0x10
#define CR_LBE	  0x080
#define CR_RXE	  0x200
#define INT_RX	  0x10
#define INT_RT	  0x40

/* What one byte of fuzz input does; the low five bits are its argument. */
enum action {
	READ = 0x00,	     /* the register at 4 times that */
	WRITE = 0x20,	     /* likewise; the value is in the next two bytes */
	DELIVER = 0x40,	     /* what is accepted */
	DELIVER_LATE = 0x60, /* bytes that were accepted before */
	FLOOD = 0x80,	     /* more than was ever accepted */
	RESET = 0xa0,	     /* the device, or an access anywhere in it */
	READ_INPUT = 0xc0,
	POLL = 0xe0,
};

/* The next byte the guest reads is either looped or the next number. */
static void read_input(void)
{
	const struct pl011 *uart = port.uart;
	bool counts = uart->in.nr_fifo && !uart->in.fifo[0].looped;
	u8 next = uart->bytes_in;
	u64 value = mmio_bus_read(&port.bus, UART_DR, 1);

	require(!counts || value == next);
}

static bool has_fifo(void)
{
	return port.uart->lcr_h & LCR_H_FEN;
}

/* Who listens is offered the room there is, and nothing waits beside it. */
static void check_flow(void)
{
	const struct pl011 *uart = port.uart;
	size_t room = (has_fifo() ? PL011_FIFO_SIZE : 1) - uart->in.nr_fifo;
	bool deaf = uart->cr & CR_LBE || !(uart->cr & CR_RXE);

	require(room <= PL011_FIFO_SIZE);
	if (deaf || !(uart->imsc & (INT_RX | INT_RT) || uart->polls >= 4)) {
		require(port.accepted == 0);
		return;
	}
	require(port.accepted == room);
	require(!room || !uart->in.nr_line);
}

/* Interrupts of the receiver need data; the line is what is unmasked. */
static void check_irq(void)
{
	const struct pl011 *uart = port.uart;
	unsigned int least = has_fifo() ? 4 : 1;

	require(port.irq_high == !!(uart->ris & uart->imsc));
	require(!(uart->ris & INT_RX) || uart->in.nr_fifo >= least);
	require(!(uart->ris & INT_RT) || uart->in.nr_fifo);
	require(!(uart->ris & ~0x7ff));
}

/* An odd argument is an access of 1 to 8 bytes at a place of its choice. */
static size_t reset_or_stray(unsigned int arg, const u8 *data, size_t size)
{
	unsigned int len = 1 << (arg >> 1 & 3);
	u64 offset;

	if (!(arg & 1)) {
		port.uart->dev.ops->reset(&port.uart->dev);
		return 0;
	}
	if (size < 2)
		return 0;
	offset = (data[0] << 8 | data[1]) & 0xfff;
	if (offset != UART_DR)
		mmio_bus_read(&port.bus, offset, len);
	mmio_bus_write(&port.bus, offset, offset * 0x9e3779b97f4a7c15, len);
	return 2;
}

static size_t act(u8 op, const u8 *data, size_t size)
{
	unsigned int arg = op & 0x1f;

	switch (op & 0xe0) {
	case READ:
		if (arg * 4 != UART_DR)
			mmio_bus_read(&port.bus, (u64)arg * 4, 4);
		break;
	case WRITE:
		if (size < 2)
			break;
		mmio_bus_write(&port.bus, (u64)arg * 4, data[0] << 8 | data[1],
			       4);
		return 2;
	case DELIVER:
		deliver(MIN((size_t)arg, port.accepted));
		break;
	case DELIVER_LATE:
		deliver(arg);
		break;
	case FLOOD:
		deliver(arg + 33);
		break;
	case RESET:
		return reset_or_stray(arg, data, size);
	case READ_INPUT:
		read_input();
		break;
	case POLL:
		mmio_bus_read(&port.bus, UART_FR, 4);
		break;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct pl011_params params = {
		.name = "uart",
		.irq = { .gsi = 1 },
		.chr = &port.chr,
	};

	memset(&port, 0, sizeof(port));
	port.chr.ops = &backend_ops;
	log_set_level(LOG_LEVEL_ERROR);
	mmio_bus_init(&port.bus);
	require(pl011_create(&params, &port.bus, &port.uart) == 0);
	while (size) {
		size_t used = 1 + act(data[0], data + 1, size - 1);

		data += used;
		size -= used;
		check_input(&port.uart->in, port.uart->bytes_in);
		check_flow();
		check_irq();
	}
	port.uart->dev.ops->destroy(&port.uart->dev);
	mmio_bus_destroy(&port.bus);
	return 0;
}
