/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A UART with a backend that numbers its bytes, so that one lost, doubled or
 * out of order is seen. Who includes this says which one: UART, UART_FIFO_SIZE.
 */
#ifndef TESTS_SERIAL_PORT_H
#define TESTS_SERIAL_PORT_H

#include <stdlib.h>

#include "lkvm/hw/serial/input.h"
#include "lkvm/vmm/mmio.h"
#include "tests/unit/no_ring.h"

static struct {
	struct chardev chr;
	struct mmio_bus bus;
	struct UART *uart;
	bool irq_high;
	size_t accepted;
	u64 sent; /* bytes delivered and not given back: the next number */
} port;

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool what)
{
	if (!what)
		abort();
}

void irq_line_set(const struct irq_line *line, bool high)
{
	require(line->gsi == 1);
	require(high != port.irq_high);
	port.irq_high = high;
}

static void backend_write(struct chardev *chr, const u8 *buf, size_t len)
{
	require(chr == &port.chr && buf && len == 1);
}

static void backend_accept(struct chardev *chr __maybe_unused, size_t n)
{
	require(n != port.accepted && n <= UART_FIFO_SIZE);
	port.accepted = n;
}

static void backend_unread(struct chardev *chr __maybe_unused, const u8 *buf,
			   size_t len)
{
	require(len && len <= port.sent);
	for (size_t i = 0; i < len; i++)
		require(buf[i] == (u8)(port.sent - len + i));
	port.sent -= len;
}

static const struct chardev_ops backend_ops = {
	.write = backend_write,
	.accept = backend_accept,
	.unread = backend_unread,
};

static void deliver(size_t n)
{
	u8 buf[96];

	for (size_t i = 0; i < n; i++)
		buf[i] = port.sent++;
	if (n)
		port.chr.receive(&port.chr, buf, n);
}

/* FIFO and line hold the numbers from `next` on, the first not read. */
static void check_input(const struct serial_input *in, u64 next)
{
	require(in->nr_fifo <= UART_FIFO_SIZE);
	require(in->nr_line <= UART_FIFO_SIZE);
	for (unsigned int i = 0; i < in->nr_fifo; i++)
		require(in->fifo[i].looped || in->fifo[i].data == (u8)next++);
	for (unsigned int i = 0; i < in->nr_line; i++)
		require(in->line[i] == (u8)next++);
	require(next == port.sent);
}

#endif
