/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/serial/uart16550.c hw/serial/input.c vmm/mmio.c vmm/fdt.c */
/* SOURCES: hw/serial/output.c */
/* SOURCES: util/json.c util/log.c util/output.c */
/*
 * 16550A under random accesses, input and resets. The backend numbers its
 * bytes, so that one lost, doubled or out of order is seen.
 */
#include <linux/serial_reg.h>
#include <string.h>

#include "lkvm/hw/serial/uart16550.h"

#define UART	       uart16550
#define UART_FIFO_SIZE UART16550_FIFO_SIZE
#include "serial_port.h"

/* What one byte of fuzz input does; the low five bits are its argument. */
enum action {
	READ = 0x00,	     /* register 0-7, width 1-8 */
	WRITE = 0x20,	     /* likewise; the value is the next byte */
	DELIVER = 0x40,	     /* what is accepted */
	DELIVER_LATE = 0x60, /* up to 16 bytes that were accepted before */
	FLOOD = 0x80,	     /* more than was ever accepted */
	RESET = 0xa0,
	READ_INPUT = 0xc0,
	POLL = 0xe0,
};

/* The next byte the guest reads is either looped or the next number. */
static void read_rbr(void)
{
	const struct uart16550 *uart = port.uart;
	bool counts = uart->in.nr_fifo && !uart->in.fifo[0].looped &&
		      !(uart->lcr & UART_LCR_DLAB);
	u8 next = uart->bytes_in;
	u64 value = mmio_bus_read(&port.bus, UART_RX, 1);

	require(!counts || value == next);
}

/* The line's level is what IIR says, where reading it does not end THRI. */
static void check_irq(void)
{
	u64 iir;

	if (port.uart->thri)
		return;
	iir = mmio_bus_read(&port.bus, UART_IIR, 1);
	require(port.irq_high == !(iir & UART_IIR_NO_INT));
}

static size_t act(u8 op, const u8 *data, size_t size)
{
	unsigned int arg = op & 0x1f;
	unsigned int len = 1 << (arg >> 3);

	switch (op & 0xe0) {
	case READ:
		mmio_bus_read(&port.bus, arg & 7, len);
		break;
	case WRITE:
		if (!size)
			break;
		mmio_bus_write(&port.bus, arg & 7, *data, len);
		return 1;
	case DELIVER:
		deliver(MIN((size_t)arg, port.accepted));
		break;
	case DELIVER_LATE:
		deliver(arg & 0xf);
		break;
	case FLOOD:
		deliver(arg + 17);
		break;
	case RESET:
		port.uart->dev.ops->reset(&port.uart->dev);
		break;
	case READ_INPUT:
		read_rbr();
		break;
	case POLL:
		mmio_bus_read(&port.bus, UART_LSR, 1);
		break;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct uart16550_params params = {
		.name = "uart",
		.size = UART16550_NR_REGS,
		.irq = { .gsi = 1 },
		.chr = &port.chr,
	};

	memset(&port, 0, sizeof(port));
	port.chr.ops = &backend_ops;
	log_set_level(LOG_LEVEL_ERROR);
	mmio_bus_init(&port.bus);
	require(uart16550_create(&params, &port.bus, &port.uart) == 0);
	while (size) {
		u8 op = data[0];
		size_t used = 1 + act(op, data + 1, size - 1);

		data += used;
		size -= used;
		check_input(&port.uart->in, port.uart->bytes_in);
		if (op < DELIVER) /* else it would end a guest's polling */
			check_irq();
	}
	port.uart->dev.ops->destroy(&port.uart->dev);
	mmio_bus_destroy(&port.bus);
	return 0;
}
