/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PL011 UART, revision r1p5. Registers, bits and interrupts: Arm DDI 0183,
 * chapter 3 and section 2.8. Drivers derive the depth of the FIFOs from the
 * revision: 32 bytes as of r1p5, 16 before.
 *
 * The transmitter is infinitely fast and the line has eight clean data bits
 * whatever LCR_H and the divisors say: the transmit FIFO is always empty, and
 * of the receiver's errors only the overrun, which is looped, and the break
 * exist.
 *
 * What is written to DR is sent whether the UART is enabled or not. The part
 * would hold it back, but consoles that come before a driver (earlycon, the
 * debug UARTs of firmware) enable nothing, as they expect the loader to have
 * done that: it is their messages one would miss. For the same reason UARTEN
 * does not stop the receiver; RXE, which is set after a reset, does.
 *
 * Registers are accessed on vCPU threads, input arrives on the event loop's;
 * the lock guards all state. It is not held while the backend is called to
 * send, because that may block. Characters that KVM took without an exit come
 * by uart_coalesced() into a queue, and uart_finish() sends them: see output.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/hw/serial/pl011.h"
#include "lkvm/util/json.h"
#include "lkvm/vmm/fdt.h"

#define PERIPH_ID 0x00341011 /* designer Arm, revision 3: r1p5 */

#define UART_DR	   0x000
#define UART_RSR   0x004 /* ECR when written */
#define UART_FR	   0x018
#define UART_ILPR  0x020
#define UART_IBRD  0x024
#define UART_FBRD  0x028
#define UART_LCR_H 0x02c
#define UART_CR	   0x030
#define UART_IFLS  0x034
#define UART_IMSC  0x038
#define UART_RIS   0x03c
#define UART_MIS   0x040
#define UART_ICR   0x044
#define UART_DMACR 0x048

#define DR_BE	     0x0400
#define DR_OE	     0x0800
#define DR_RSR_SHIFT 8
#define RSR_OE	     0x08

#define FR_CTS	0x001
#define FR_DSR	0x002
#define FR_DCD	0x004
#define FR_RXFE 0x010
#define FR_RXFF 0x040
#define FR_TXFE 0x080
#define FR_RI	0x100
#define FR_PEER (FR_CTS | FR_DSR | FR_DCD)

#define LCR_H_BRK 0x01
#define LCR_H_FEN 0x10

#define CR_LBE	    0x0080
#define CR_TXE	    0x0100
#define CR_RXE	    0x0200
#define CR_DTR	    0x0400
#define CR_RTS	    0x0800
#define CR_OUT1	    0x1000
#define CR_OUT2	    0x2000
#define CR_MASK	    0xff87
#define CR_POWER_ON (CR_TXE | CR_RXE)

#define IFLS_RX_SHIFT 3
#define IFLS_RX_MASK  7
#define IFLS_POWER_ON 0x12 /* both FIFOs half full */

#define INT_RI	     0x001
#define INT_CTS	     0x002
#define INT_DCD	     0x004
#define INT_DSR	     0x008
#define INT_RX	     0x010
#define INT_TX	     0x020
#define INT_RT	     0x040
#define INT_BE	     0x200
#define INT_OE	     0x400
#define INT_MASK     0x7ff
#define INT_RECEIVER (INT_RX | INT_RT)

/* Reads of FR, RIS or MIS with no write between, after which a guest polls. */
#define POLLING 4U

/*
 * KVM may take writes to the registers below this one, of which Linux's console
 * writes DR and CR. No guest waits for what they do but by the transmit
 * interrupt.
 */
#define COALESCED UART_IFLS

/* Bytes handed to the backend at once, of those that wait. */
#define CHUNK 256

static bool fifo_enabled(const struct pl011 *uart)
{
	return uart->lcr_h & LCR_H_FEN;
}

static bool loopback(const struct pl011 *uart)
{
	return uart->cr & CR_LBE;
}

/* With FEN clear the FIFOs are one byte deep (3.3.7). */
static unsigned int rx_capacity(const struct pl011 *uart)
{
	return fifo_enabled(uart) ? PL011_FIFO_SIZE : 1;
}

/* The reserved values act as the last one that is not. */
static unsigned int rx_trigger(const struct pl011 *uart)
{
	static const u8 level[] = { 4, 8, 16, 24, 28 };
	size_t n = uart->ifls >> IFLS_RX_SHIFT & IFLS_RX_MASK;

	return fifo_enabled(uart) ? level[MIN(n, ARRAY_SIZE(level) - 1)] : 1;
}

/*
 * Whether input may be taken from the backend: only with the receiver on, and a
 * guest that uses one of its interrupts, or polls.
 */
static bool guest_listens(const struct pl011 *uart)
{
	if (loopback(uart) || !(uart->cr & CR_RXE))
		return false;
	return uart->imsc & INT_RECEIVER || uart->polls >= POLLING;
}

/*
 * The FIFO has got more. No time passes for the timeout: any data raises it at
 * once, so that what is below the trigger level never gets stuck. The trigger
 * is told again with each arrival at or above it, for who has cleared it
 * without reading.
 */
static void rx_raised(struct pl011 *uart)
{
	uart->ris |= INT_RT;
	if (uart->in.nr_fifo >= rx_trigger(uart))
		uart->ris |= INT_RX;
}

/* The FIFO holds less, or the trigger level has changed. */
static void rx_lowered(struct pl011 *uart)
{
	if (uart->in.nr_fifo < rx_trigger(uart))
		uart->ris &= ~INT_RX;
	if (uart->in.nr_fifo)
		return;
	uart->ris &= ~INT_RT;
	uart->timer_restart = false;
}

/* Before a test of the part: input stays in front of what comes later. */
static void rx_give_back(struct pl011 *uart)
{
	serial_input_give_back(&uart->in);
	rx_lowered(uart);
}

/* FEN changes: the FIFO is emptied, input goes back to the line. */
static void rx_flush(struct pl011 *uart)
{
	serial_input_flush(&uart->in);
	uart->overrun = false;
	rx_lowered(uart);
}

/* From the own transmitter. What finds no room is lost. */
static void rx_loop(struct pl011 *uart, u16 data)
{
	if (!(uart->cr & CR_RXE))
		return;
	if (uart->in.nr_fifo >= rx_capacity(uart)) {
		uart->overrun = true;
		uart->rsr |= RSR_OE;
		uart->ris |= INT_OE;
		return;
	}
	serial_input_loop(&uart->in, data);
	rx_raised(uart);
}

/*
 * Each read restarts the timeout, which then expires at once: data that a
 * driver leaves in the FIFO interrupts again.
 */
static u16 read_dr(struct pl011 *uart)
{
	struct serial_rx first;

	if (!serial_input_read(&uart->in, &first))
		return 0;
	uart->rsr = (uart->rsr & RSR_OE) | first.data >> DR_RSR_SHIFT;
	if (uart->overrun)
		first.data |= DR_OE;
	uart->overrun = false;
	if (uart->in.nr_fifo) {
		uart->ris |= INT_RT;
		uart->timer_restart = true;
	}
	rx_lowered(uart);
	if (!first.looped)
		uart->bytes_in++;
	return first.data;
}

/* UARTINTR, the OR of all masked sources (2.8); the lock is held. */
static void update_irq(struct pl011 *uart)
{
	bool high = uart->ris & uart->imsc;

	if (high == uart->irq_high)
		return;
	uart->irq_high = high;
	uart->interrupts += high;
	irq_line_set(&uart->irq, high);
}

/* Comes at the end of whatever changed the state. */
static void uart_update(struct pl011 *uart)
{
	unsigned int capacity = guest_listens(uart) ? rx_capacity(uart) : 0;

	if (serial_input_update(&uart->in, uart->chr, capacity))
		rx_raised(uart);
	update_irq(uart);
}

/* chardev.receive, on the event loop. What finds no room goes back. */
static void uart_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	struct pl011 *uart = chr->front;
	size_t n;

	pthread_mutex_lock(&uart->lock);
	n = serial_input_receive(&uart->in, buf, len);
	uart_update(uart);
	pthread_mutex_unlock(&uart->lock);

	if (n < len)
		chr->ops->unread(chr, buf + n, len - n);
}

/*
 * chardev.line_break, as above: the FIFO gets one NUL, with DR's BE (3.3.1).
 * The interrupt for breaks is told at once, not when that is read.
 */
static void uart_line_break(struct chardev *chr)
{
	struct pl011 *uart = chr->front;

	pthread_mutex_lock(&uart->lock);
	if (serial_input_break(&uart->in, DR_BE)) {
		uart->ris |= INT_BE;
		uart_update(uart);
	}
	pthread_mutex_unlock(&uart->lock);
}

/* 3.3.3: nothing is ever being sent, so BUSY and TXFF stay clear. */
static u16 read_fr(const struct pl011 *uart)
{
	u16 fr = FR_TXFE | uart->modem;

	if (!uart->in.nr_fifo)
		fr |= FR_RXFE;
	if (uart->in.nr_fifo >= rx_capacity(uart))
		fr |= FR_RXFF;
	return fr;
}

/* Only reading DR changes something. Registers that cannot be read are 0. */
static u32 read_reg(struct pl011 *uart, u64 reg)
{
	switch (reg) {
	case UART_DR:
		return read_dr(uart);
	case UART_RSR:
		return uart->rsr;
	case UART_FR:
		return read_fr(uart);
	case UART_ILPR:
		return uart->ilpr;
	case UART_IBRD:
		return uart->ibrd;
	case UART_FBRD:
		return uart->fbrd;
	case UART_LCR_H:
		return uart->lcr_h;
	case UART_CR:
		return uart->cr;
	case UART_IFLS:
		return uart->ifls;
	case UART_IMSC:
		return uart->imsc;
	case UART_RIS:
		return uart->ris;
	case UART_MIS:
		return uart->ris & uart->imsc;
	case UART_DMACR:
		return uart->dmacr;
	default:
		return 0;
	}
}

/* The FIFOs lose their contents; a looped break begins when BRK is set. */
static void write_lcr_h(struct pl011 *uart, u8 value)
{
	u8 changed = uart->lcr_h ^ value;

	if (changed & LCR_H_FEN)
		rx_flush(uart);
	uart->lcr_h = value;
	if (!loopback(uart) || !(changed & value & LCR_H_BRK))
		return;
	rx_loop(uart, DR_BE);
	uart->ris |= INT_BE;
}

/* The modem inputs: the peer's, or the own outputs in loopback mode. */
static u16 modem_inputs(const struct pl011 *uart)
{
	u16 lines = 0;

	if (!loopback(uart))
		return FR_PEER;
	if (uart->cr & CR_RTS)
		lines |= FR_CTS;
	if (uart->cr & CR_DTR)
		lines |= FR_DSR;
	if (uart->cr & CR_OUT1)
		lines |= FR_DCD;
	if (uart->cr & CR_OUT2)
		lines |= FR_RI;
	return lines;
}

/* Each change of an input raises its interrupt (2.8.1). */
static void update_modem(struct pl011 *uart)
{
	u16 changed = uart->modem ^ modem_inputs(uart);

	uart->modem ^= changed;
	if (changed & FR_CTS)
		uart->ris |= INT_CTS;
	if (changed & FR_DSR)
		uart->ris |= INT_DSR;
	if (changed & FR_DCD)
		uart->ris |= INT_DCD;
	if (changed & FR_RI)
		uart->ris |= INT_RI;
}

/*
 * Loopback mode is the guest's test of the part: no input is to be lost by it.
 */
static void write_cr(struct pl011 *uart, u16 value)
{
	if (value & ~uart->cr & CR_LBE)
		rx_give_back(uart);
	uart->cr = value & CR_MASK;
	update_modem(uart);
}

/* A level that the FIFO has reached already raises the interrupt now. */
static void write_ifls(struct pl011 *uart, u8 value)
{
	bool below = uart->in.nr_fifo < rx_trigger(uart);

	uart->ifls = value;
	rx_lowered(uart);
	if (below && uart->in.nr_fifo >= rx_trigger(uart))
		uart->ris |= INT_RX;
}

/*
 * A timeout that was restarted by a read expires after this, so that a driver
 * may take one byte, clear the interrupt and wait for the next interrupt.
 */
static void write_icr(struct pl011 *uart, u16 value)
{
	if ((value & INT_RECEIVER) == INT_RECEIVER &&
	    !(uart->imsc & INT_RECEIVER))
		rx_give_back(uart);
	uart->ris &= ~value;
	if (value & INT_RT && uart->timer_restart) {
		uart->timer_restart = false;
		uart->ris |= INT_RT;
	}
}

/*
 * Bits that are reserved stay 0; writes to FR, RIS and MIS have no effect. The
 * caller updates the interrupt afterwards.
 */
static void write_reg(struct pl011 *uart, u64 reg, u32 value)
{
	switch (reg) {
	case UART_DR: /* in loopback mode */
		rx_loop(uart, value & 0xff);
		uart->ris |= INT_TX;
		break;
	case UART_RSR:
		uart->rsr = 0;
		break;
	case UART_ILPR:
		uart->ilpr = value;
		break;
	case UART_IBRD:
		uart->ibrd = value;
		break;
	case UART_FBRD:
		uart->fbrd = value & 0x3f;
		break;
	case UART_LCR_H:
		write_lcr_h(uart, value);
		break;
	case UART_CR:
		write_cr(uart, value);
		break;
	case UART_IFLS:
		write_ifls(uart, value & 0x3f);
		break;
	case UART_IMSC:
		uart->imsc = value & INT_MASK;
		break;
	case UART_ICR:
		write_icr(uart, value & INT_MASK);
		break;
	case UART_DMACR:
		uart->dmacr = value & 7;
		break;
	}
}

/*
 * Reading data is no end of polling: a guest without interrupts that is fast
 * gets more as soon as there is room.
 */
static bool is_poll(u64 offset)
{
	return offset == UART_FR || offset == UART_RIS || offset == UART_MIS;
}

static u64 uart_mmio_read(struct mmio_region *region, u64 offset,
			  unsigned int len __maybe_unused)
{
	struct pl011 *uart = container_of(region, struct pl011, region);
	u32 value;

	if (!IS_ALIGNED(offset, 4))
		return 0;
	if (offset >= PRIMECELL_IDS)
		return primecell_id(PERIPH_ID, offset);
	pthread_mutex_lock(&uart->lock);
	if (is_poll(offset))
		uart->polls = MIN(uart->polls + 1, POLLING);
	value = read_reg(uart, offset);
	uart_update(uart);
	pthread_mutex_unlock(&uart->lock);
	return value;
}

/*
 * The backend may block, hence without the lock, which is held when it returns.
 * The transmit interrupt comes from passing the trigger level downwards, so
 * that it is not there before the first byte. One byte in a FIFO would pass
 * none; but no driver relies on the interrupt's absence, and some wait for it.
 */
static void transmit(struct pl011 *uart, const u8 *buf, unsigned int n)
{
	if (uart->chr)
		uart->chr->ops->write(uart->chr, buf, n);
	pthread_mutex_lock(&uart->lock);
	if (uart->chr)
		uart->bytes_out += n;
	uart->ris |= INT_TX;
	uart_update(uart);
}

/* All that a write does but sending: true if that is left to do. */
static bool write_locked(struct pl011 *uart, u64 offset, u32 value)
{
	bool sends = offset == UART_DR && !loopback(uart);

	uart->polls = 0;
	if (!sends)
		write_reg(uart, offset, value);
	uart_update(uart);
	return sends;
}

/* A write that exited: the character is sent before it returns. */
static void uart_mmio_write(struct mmio_region *region, u64 offset, u64 value,
			    unsigned int len __maybe_unused)
{
	struct pl011 *uart = container_of(region, struct pl011, region);
	const u8 byte = (u8)value;
	bool sends, opens = false;

	pthread_mutex_lock(&uart->lock);
	sends = write_locked(uart, offset, (u32)value);
	if (sends) {
		pthread_mutex_unlock(&uart->lock);
		transmit(uart, &byte, 1);
		opens = serial_output_sent(&uart->output);
	}
	pthread_mutex_unlock(&uart->lock);
	if (opens)
		serial_output_open(&uart->output);
}

/* The ring is drained, with its lock held: nothing here may block. */
static void uart_coalesced(struct mmio_region *region, u64 offset, u64 value,
			   unsigned int len __maybe_unused)
{
	struct pl011 *uart = container_of(region, struct pl011, region);

	pthread_mutex_lock(&uart->lock);
	if (write_locked(uart, offset, (u32)value))
		serial_output_add(&uart->output, (u8)value);
	serial_output_absorbed(&uart->output, offset, uart->imsc & INT_TX);
	pthread_mutex_unlock(&uart->lock);
}

/* On a vCPU's thread, without the ring's lock: the backend may block. */
static void uart_finish(struct mmio_zone *zone)
{
	struct pl011 *uart = container_of(zone, struct pl011, output.zone);
	u8 buf[CHUNK];
	unsigned int n;

	pthread_mutex_lock(&uart->lock);
	while ((n = serial_output_take(&uart->output, buf, sizeof(buf)))) {
		pthread_mutex_unlock(&uart->lock);
		transmit(uart, buf, n);
	}
	pthread_mutex_unlock(&uart->lock);
}

static const struct mmio_ops uart_mmio_ops = {
	.read = uart_mmio_read,
	.write = uart_mmio_write,
	.coalesced = uart_coalesced,
};

/* Linux: Documentation/devicetree/bindings/serial/pl011.yaml. */
static void uart_fdt_node(struct device *dev, struct fdt_writer *fdt)
{
	struct pl011 *uart = container_of(dev, struct pl011, dev);
	const u32 clocks[] = { uart->clock, uart->clock };

	fdt_node_begin_unit(fdt, "serial", uart->region.base);
	fdt_prop_strings(fdt, "compatible", "arm,pl011\0arm,primecell\0");
	fdt_prop_reg1(fdt, uart->region.base, uart->region.size);
	fdt_prop_interrupt(fdt, &uart->irq);
	fdt_prop_cells(fdt, "clocks", clocks, ARRAY_SIZE(clocks));
	fdt_prop_strings(fdt, "clock-names", "uartclk\0apb_pclk\0");
	fdt_node_end(fdt);
}

/* Table 3-1; input that waits at the backend is kept. */
static void power_on(struct pl011 *uart)
{
	uart->lcr_h = uart->fbrd = uart->ilpr = uart->dmacr = 0;
	uart->ibrd = uart->imsc = 0;
	uart->cr = CR_POWER_ON;
	uart->ifls = IFLS_POWER_ON;
	uart->modem = FR_PEER;
	uart->rsr = 0;
	uart->polls = 0;
	serial_output_reset(&uart->output);
	rx_flush(uart);
	uart->ris = 0;
}

static void uart_reset(struct device *dev)
{
	struct pl011 *uart = container_of(dev, struct pl011, dev);

	pthread_mutex_lock(&uart->lock);
	power_on(uart);
	uart_update(uart);
	pthread_mutex_unlock(&uart->lock);
}

static void uart_stats(struct device *dev, struct json_writer *json)
{
	struct pl011 *uart = container_of(dev, struct pl011, dev);

	pthread_mutex_lock(&uart->lock);
	json_u64(json, "bytes_out", uart->bytes_out);
	json_u64(json, "bytes_in", uart->bytes_in);
	json_u64(json, "interrupts", uart->interrupts);
	json_u64(json, "writes_absorbed", uart->output.absorbed);
	pthread_mutex_unlock(&uart->lock);
}

static void uart_destroy(struct device *dev)
{
	struct pl011 *uart = container_of(dev, struct pl011, dev);

	serial_output_destroy(&uart->output);
	pthread_mutex_destroy(&uart->lock);
	free(uart);
}

static const struct device_ops uart_device_ops = {
	.fdt_node = uart_fdt_node,
	.reset = uart_reset,
	.stats = uart_stats,
	.destroy = uart_destroy,
};

int pl011_create(const struct pl011_params *params, struct mmio_bus *bus,
		 struct pl011 **out)
{
	struct pl011 *uart = calloc(1, sizeof(*uart));
	int ret;

	if (!uart)
		return -ENOMEM;
	uart->dev = (struct device) { .name = params->name,
				      .ops = &uart_device_ops };
	uart->region = (struct mmio_region) { .name = params->name,
					      .base = params->base,
					      .size = PRIMECELL_SIZE,
					      .ops = &uart_mmio_ops };
	uart->irq = params->irq;
	uart->clock = params->clock;
	uart->chr = params->chr;
	uart->in.size = PL011_FIFO_SIZE;
	serial_output_init(&uart->output, params->ring, &uart->region,
			   COALESCED, 0, uart_finish);
	pthread_mutex_init(&uart->lock, NULL);
	power_on(uart);
	ret = mmio_bus_add(bus, &uart->region);
	if (ret) {
		uart_destroy(&uart->dev);
		return ret;
	}
	if (uart->chr) {
		uart->chr->front = uart;
		uart->chr->receive = uart_receive;
		uart->chr->line_break = uart_line_break;
	}
	*out = uart;
	return 0;
}
