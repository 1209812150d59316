/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A UART. Registers and their bits: National Semiconductor PC16550D data
 * sheet, section 8; their names come from Linux's uapi header.
 *
 * The transmitter is infinitely fast and the line has eight clean data bits
 * whatever LCR says: THR is always empty, and of the receiver's errors only
 * the overrun and the break exist. FCR's bits for the transmit FIFO and for DMA
 * have no effect.
 *
 * Registers are accessed on vCPU threads, input arrives on the event loop's;
 * the lock guards all state. It is not held while the backend is called to
 * send, because that may block. Characters that KVM took without an exit come
 * by uart_coalesced() into a queue, and uart_finish() sends them: see output.h.
 */
#include <errno.h>
#include <linux/serial_reg.h>
#include <stdlib.h>

#include "lkvm/hw/serial/uart16550.h"
#include "lkvm/util/json.h"
#include "lkvm/util/log.h"
#include "lkvm/vmm/fdt.h"

/* Bits that exist: the others read as 0 (section 8, table II). */
#define IER_MASK     0x0f
#define MCR_MASK     0x1f
#define FCR_MASK     (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK)
#define IIR_FIFO_ON  0xc0
#define MSR_LINES    0xf0
#define MSR_PEER     (UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD)
#define POWER_ON_DLL 1	   /* undefined on the part; here 115200 baud */
#define POLLING	     2U	   /* LSR reads in succession */
#define CHUNK	     256   /* bytes sent at once, of those that wait */
#define RX_BREAK     0x100 /* in the FIFO: a NUL that a break has left there */

static bool fifo_enabled(const struct uart16550 *uart)
{
	return uart->fcr & UART_FCR_ENABLE_FIFO;
}

static bool loopback(const struct uart16550 *uart)
{
	return uart->mcr & UART_MCR_LOOP;
}

static bool dlab(const struct uart16550 *uart)
{
	return uart->lcr & UART_LCR_DLAB;
}

/* Without FIFO mode there is the receiver buffer register only. */
static unsigned int rx_capacity(const struct uart16550 *uart)
{
	return fifo_enabled(uart) ? UART16550_FIFO_SIZE : 1;
}

/* Section 8.4: the level at which "received data available" is raised. */
static unsigned int rx_trigger(const struct uart16550 *uart)
{
	static const u8 level[] = { 1, 4, 8, 14 };

	return fifo_enabled(uart) ? level[uart->fcr >> 6] : 1;
}

/*
 * Whether input may be taken from the backend: a guest that neither uses the
 * FIFO, nor the receive interrupt, nor polls LSR would lose it, as firmware
 * does that only prints.
 */
static bool guest_listens(const struct uart16550 *uart)
{
	if (loopback(uart))
		return false;
	return fifo_enabled(uart) || uart->ier & UART_IER_RDI ||
	       uart->lsr_reads >= POLLING;
}

/*
 * A byte from the own transmitter. When there is no room the FIFO loses the
 * new byte, the single holding register the old one.
 */
static void rx_loop(struct uart16550 *uart, u8 byte)
{
	if (uart->in.nr_fifo >= rx_capacity(uart)) {
		uart->lsr_errors |= UART_LSR_OE;
		if (fifo_enabled(uart))
			return;
		uart->in.nr_fifo = 0;
	}
	serial_input_loop(&uart->in, byte);
}

/* Reading an empty FIFO returns 0, which the data sheet leaves undefined. */
static u8 rx_read(struct uart16550 *uart)
{
	struct serial_rx first;

	if (serial_input_read(&uart->in, &first) && !first.looped)
		uart->bytes_in++;
	uart->break_told = false;
	return (u8)first.data;
}

/*
 * Section 8.5: a break is told when its NUL is the next byte to be read,
 * and by an interrupt; what LSR has told it does not tell again.
 */
static void tell_break(struct uart16550 *uart)
{
	const struct serial_input *in = &uart->in;

	if (!in->nr_fifo || !(in->fifo[0].data & RX_BREAK) || uart->break_told)
		return;
	uart->break_told = true;
	uart->lsr_errors |= UART_LSR_BI;
}

/* The FIFO is emptied, and a break that returns to the line is told again. */
static void rx_flush(struct uart16550 *uart)
{
	serial_input_flush(&uart->in);
	uart->break_told = false;
}

/*
 * The pending interrupt of the highest priority, as IIR's low four bits. No
 * time passes for the character timeout: data below the trigger level raises
 * it at once, so that it never gets stuck.
 */
static u8 pending_interrupt(const struct uart16550 *uart)
{
	if (uart->ier & UART_IER_RLSI && uart->lsr_errors)
		return UART_IIR_RLSI;
	if (uart->ier & UART_IER_RDI && uart->in.nr_fifo >= rx_trigger(uart))
		return UART_IIR_RDI;
	if (uart->ier & UART_IER_RDI && uart->in.nr_fifo)
		return UART_IIR_RX_TIMEOUT;
	if (uart->ier & UART_IER_THRI && uart->thri)
		return UART_IIR_THRI;
	if (uart->ier & UART_IER_MSI && uart->msr & UART_MSR_ANY_DELTA)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

/* The line is the level of INTR; it changes with the lock held. */
static void update_irq(struct uart16550 *uart)
{
	bool high = pending_interrupt(uart) != UART_IIR_NO_INT;

	if (high == uart->irq_high)
		return;
	uart->irq_high = high;
	uart->interrupts += high;
	irq_line_set(&uart->irq, high);
}

/* Comes at the end of whatever changed the state. */
static void uart_update(struct uart16550 *uart)
{
	unsigned int capacity = guest_listens(uart) ? rx_capacity(uart) : 0;

	serial_input_update(&uart->in, uart->chr, capacity);
	tell_break(uart);
	update_irq(uart);
}

/* chardev.receive, on the event loop. What finds no room goes back. */
static void uart_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	struct uart16550 *uart = chr->front;
	size_t n;

	pthread_mutex_lock(&uart->lock);
	n = serial_input_receive(&uart->in, buf, len);
	uart_update(uart);
	pthread_mutex_unlock(&uart->lock);

	if (n < len)
		chr->ops->unread(chr, buf + n, len - n);
}

/* chardev.line_break, as above. */
static void uart_line_break(struct chardev *chr)
{
	struct uart16550 *uart = chr->front;

	pthread_mutex_lock(&uart->lock);
	if (serial_input_break(&uart->in, RX_BREAK))
		uart_update(uart);
	pthread_mutex_unlock(&uart->lock);
}

/* Reading IIR ends the transmitter's interrupt if that is what it reports. */
static u8 read_iir(struct uart16550 *uart)
{
	u8 iir = pending_interrupt(uart);

	if (iir == UART_IIR_THRI)
		uart->thri = false;
	return iir | (fifo_enabled(uart) ? IIR_FIFO_ON : 0);
}

/* Whether a break is in the FIFO that LSR has not told. */
static bool has_break(const struct uart16550 *uart)
{
	const struct serial_input *in = &uart->in;

	if (uart->lsr_errors & UART_LSR_BI)
		return true;
	for (unsigned int i = uart->break_told; i < in->nr_fifo; i++)
		if (in->fifo[i].data & RX_BREAK)
			return true;
	return false;
}

/* Section 8.5: reading clears the error bits. */
static u8 read_lsr(struct uart16550 *uart)
{
	u8 lsr = UART_LSR_THRE | UART_LSR_TEMT | uart->lsr_errors;

	if (uart->in.nr_fifo)
		lsr |= UART_LSR_DR;
	if (fifo_enabled(uart) && has_break(uart))
		lsr |= UART_LSR_FIFOE;
	uart->lsr_errors = 0;
	return lsr;
}

/* Section 8.8: reading clears the delta bits. */
static u8 read_msr(struct uart16550 *uart)
{
	u8 msr = uart->msr;

	uart->msr &= MSR_LINES;
	return msr;
}

/* Reading RX, IIR, LSR and MSR changes what the next read gives. */
static u8 read_reg(struct uart16550 *uart, u64 reg)
{
	switch (reg) {
	case UART_RX:
		return dlab(uart) ? uart->dll : rx_read(uart);
	case UART_IER:
		return dlab(uart) ? uart->dlm : uart->ier;
	case UART_IIR:
		return read_iir(uart);
	case UART_LCR:
		return uart->lcr;
	case UART_MCR:
		return uart->mcr;
	case UART_LSR:
		return read_lsr(uart);
	case UART_MSR:
		return read_msr(uart);
	case UART_SCR:
		return uart->scr;
	default:
		return 0;
	}
}

/* Enabling the transmitter's interrupt while THR is empty raises it anew. */
static void write_ier(struct uart16550 *uart, u8 value)
{
	if ((uart->ier ^ value) & UART_IER_THRI)
		uart->thri = value & UART_IER_THRI;
	uart->ier = value & IER_MASK;
}

/* Without bit 0 no other bit has an effect; a change of it resets the FIFO. */
static void write_fcr(struct uart16550 *uart, u8 value)
{
	bool enable = value & UART_FCR_ENABLE_FIFO;

	if (enable != fifo_enabled(uart) ||
	    (enable && value & UART_FCR_CLEAR_RCVR))
		rx_flush(uart);
	if (enable)
		uart->fcr = value & FCR_MASK;
	else
		uart->fcr &= ~UART_FCR_ENABLE_FIFO;
}

/* The modem inputs: the peer's, or the own outputs in loopback mode. */
static u8 modem_inputs(const struct uart16550 *uart)
{
	u8 lines = 0;

	if (!loopback(uart))
		return MSR_PEER;
	if (uart->mcr & UART_MCR_RTS)
		lines |= UART_MSR_CTS;
	if (uart->mcr & UART_MCR_DTR)
		lines |= UART_MSR_DSR;
	if (uart->mcr & UART_MCR_OUT1)
		lines |= UART_MSR_RI;
	if (uart->mcr & UART_MCR_OUT2)
		lines |= UART_MSR_DCD;
	return lines;
}

/*
 * Sets the inputs, and the delta bit, four below, of each that changed; that
 * of RI tells its falling edge only.
 */
static void update_msr(struct uart16550 *uart)
{
	u8 lines = modem_inputs(uart);
	u8 delta = (uart->msr ^ lines) & MSR_LINES;

	if (lines & UART_MSR_RI)
		delta &= ~UART_MSR_RI;
	uart->msr = lines | (uart->msr & UART_MSR_ANY_DELTA) | delta >> 4;
}

/*
 * Loopback mode is the guest's test of the part: no input is to be lost by it.
 * Linux measures the FIFO by filling and emptying it.
 */
static void write_mcr(struct uart16550 *uart, u8 value)
{
	if (value & ~uart->mcr & UART_MCR_LOOP) {
		serial_input_give_back(&uart->in);
		uart->break_told = false;
	}
	uart->mcr = value & MCR_MASK;
	update_msr(uart);
}

/* In loopback mode: the byte arrives, and THR is empty again. */
static void write_thr_looped(struct uart16550 *uart, u8 value)
{
	rx_loop(uart, value);
	uart->thri = true;
}

/*
 * DLAB puts the divisor in place of the first two; LSR and MSR ignore writes.
 */
static void write_reg(struct uart16550 *uart, u64 reg, u8 value)
{
	switch (reg) {
	case UART_TX:
		if (dlab(uart))
			uart->dll = value;
		else
			write_thr_looped(uart, value);
		break;
	case UART_IER:
		if (dlab(uart))
			uart->dlm = value;
		else
			write_ier(uart, value);
		break;
	case UART_FCR:
		write_fcr(uart, value);
		break;
	case UART_LCR:
		uart->lcr = value;
		break;
	case UART_MCR:
		write_mcr(uart, value);
		break;
	case UART_SCR:
		uart->scr = value;
		break;
	}
}

/*
 * Reads of LSR in succession are counted: a driver that polls for input, with
 * nothing enabled, is recognised by them.
 */
static u64 uart_mmio_read(struct mmio_region *region, u64 offset,
			  unsigned int len __maybe_unused)
{
	struct uart16550 *uart = container_of(region, struct uart16550, region);
	u8 value;

	pthread_mutex_lock(&uart->lock);
	if (offset == UART_LSR)
		uart->lsr_reads = MIN(uart->lsr_reads + 1, POLLING);
	else
		uart->lsr_reads = 0;
	value = read_reg(uart, offset);
	uart_update(uart);
	pthread_mutex_unlock(&uart->lock);
	return value;
}

/*
 * The backend may block, hence without the lock, which is held when it returns.
 * The interrupt comes after the bytes have gone, so that whoever it calls sends
 * after them.
 */
static void transmit(struct uart16550 *uart, const u8 *buf, unsigned int n)
{
	if (uart->chr)
		uart->chr->ops->write(uart->chr, buf, n);
	pthread_mutex_lock(&uart->lock);
	if (uart->chr)
		uart->bytes_out += n;
	uart->thri = true;
	uart_update(uart);
}

/* All that a write does but sending: true if that is left to do. */
static bool write_locked(struct uart16550 *uart, u64 offset, u8 value)
{
	uart->lsr_reads = 0;
	if (offset == UART_TX && !dlab(uart) && !loopback(uart))
		return true;
	write_reg(uart, offset, value);
	uart_update(uart);
	return false;
}

/* A write that exited: the character is sent before it returns. */
static void uart_mmio_write(struct mmio_region *region, u64 offset, u64 value,
			    unsigned int len __maybe_unused)
{
	struct uart16550 *uart = container_of(region, struct uart16550, region);
	const u8 byte = (u8)value;
	bool sends, opens = false;

	pthread_mutex_lock(&uart->lock);
	sends = write_locked(uart, offset, byte);
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
	struct uart16550 *uart = container_of(region, struct uart16550, region);

	pthread_mutex_lock(&uart->lock);
	if (write_locked(uart, offset, (u8)value))
		serial_output_add(&uart->output, (u8)value);
	serial_output_absorbed(&uart->output, offset,
			       uart->ier & UART_IER_THRI);
	pthread_mutex_unlock(&uart->lock);
}

/* On a vCPU's thread, without the ring's lock: the backend may block. */
static void uart_finish(struct mmio_zone *zone)
{
	struct uart16550 *uart =
		container_of(zone, struct uart16550, output.zone);
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

/* Linux: Documentation/devicetree/bindings/serial/8250.yaml. */
static void uart_fdt_node(struct device *dev, struct fdt_writer *fdt)
{
	struct uart16550 *uart = container_of(dev, struct uart16550, dev);

	fdt_node_begin_unit(fdt, "serial", uart->region.base);
	fdt_prop_string(fdt, "compatible", "ns16550a");
	fdt_prop_reg1(fdt, uart->region.base, uart->region.size);
	fdt_prop_u32(fdt, "clock-frequency", uart->clock);
	fdt_prop_interrupt(fdt, &uart->irq);
	fdt_node_end(fdt);
}

/* Section 8, table III; input that waits at the backend is kept. */
static void power_on(struct uart16550 *uart)
{
	uart->ier = uart->fcr = uart->lcr = uart->mcr = uart->scr = 0;
	uart->dll = POWER_ON_DLL;
	uart->dlm = 0;
	uart->lsr_errors = 0;
	uart->msr = MSR_PEER;
	uart->thri = false;
	uart->lsr_reads = 0;
	rx_flush(uart);
	serial_output_reset(&uart->output);
}

static void uart_reset(struct device *dev)
{
	struct uart16550 *uart = container_of(dev, struct uart16550, dev);

	pthread_mutex_lock(&uart->lock);
	power_on(uart);
	uart_update(uart);
	pthread_mutex_unlock(&uart->lock);
}

static void uart_stats(struct device *dev, struct json_writer *json)
{
	struct uart16550 *uart = container_of(dev, struct uart16550, dev);

	pthread_mutex_lock(&uart->lock);
	json_u64(json, "bytes_out", uart->bytes_out);
	json_u64(json, "bytes_in", uart->bytes_in);
	json_u64(json, "interrupts", uart->interrupts);
	json_u64(json, "writes_absorbed", uart->output.absorbed);
	pthread_mutex_unlock(&uart->lock);
}

static void uart_destroy(struct device *dev)
{
	struct uart16550 *uart = container_of(dev, struct uart16550, dev);

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

int uart16550_create(const struct uart16550_params *params,
		     struct mmio_bus *bus, struct uart16550 **out)
{
	struct uart16550 *uart;
	int ret;

	if (params->size < UART16550_NR_REGS) {
		pr_err("%s: a 16550 UART needs %d bytes of address space",
		       params->name, UART16550_NR_REGS);
		return -EINVAL;
	}
	uart = calloc(1, sizeof(*uart));
	if (!uart)
		return -ENOMEM;
	uart->dev = (struct device) { .name = params->name,
				      .ops = &uart_device_ops };
	uart->region = (struct mmio_region) { .name = params->name,
					      .base = params->base,
					      .size = params->size,
					      .ops = &uart_mmio_ops };
	uart->irq = params->irq;
	uart->clock = params->clock;
	uart->chr = params->chr;
	uart->in.size = UART16550_FIFO_SIZE;
	serial_output_init(&uart->output, params->ring, &uart->region,
			   UART_IER - UART_TX, UART_FCR - UART_IER,
			   uart_finish);
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
