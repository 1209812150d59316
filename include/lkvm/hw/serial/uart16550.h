/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A 16550A UART with its registers at a stride of one byte. */
#ifndef LKVM_HW_SERIAL_UART16550_H
#define LKVM_HW_SERIAL_UART16550_H

#include <pthread.h>

#include "lkvm/hw/serial/input.h"
#include "lkvm/hw/serial/output.h"
#include "lkvm/vmm/device.h"
#include "lkvm/vmm/irq.h"
#include "lkvm/vmm/mmio.h"

#define UART16550_FIFO_SIZE 16
#define UART16550_NR_REGS   8	    /* the smallest region */
#define UART16550_CLOCK	    1843200 /* Hz, 16 times 115200 baud */

struct uart16550_params {
	const char *name; /* for messages and statistics; not copied */
	u64 base;
	u64 size;	     /* of the region; at least UART16550_NR_REGS */
	struct irq_line irq; /* level high */
	u32 clock;	     /* Hz, for the device tree; see UART16550_CLOCK */
	struct chardev *chr; /* NULL: output is dropped, no input; not owned */
	struct mmio_ring *ring; /* KVM's, for output; NULL: every write exits */
};

/*
 * For device_add() the owner uses `dev`; all else is private.
 *
 * Input. The line delivers when the guest listens, so that what is piped in
 * waits for the guest's driver. A guest listens, unless in loopback mode, if
 *  - the FIFOs are enabled (FCR bit 0), or
 *  - receive interrupts are enabled (IER bit 0), or
 *  - it polls: it read LSR twice with no other access to this UART between.
 * Bytes of the backend that the guest loses by resetting the receive FIFO or
 * by entering loopback mode go back to the line, in their order, and return
 * when the guest listens. So do bytes that were under way when it ceased to.
 */
struct uart16550 {
	struct device dev;
	struct mmio_region region;
	struct irq_line irq;
	u32 clock;
	struct chardev *chr;

	pthread_mutex_t lock; /* of all below; taken before the backend's */
	u8 ier, fcr, lcr, mcr, scr;
	u8 dll, dlm;
	u8 lsr_errors;
	bool break_told; /* by LSR: that of the first byte in the FIFO */
	u8 msr;
	bool thri;		/* "transmitter empty" is to be told */
	unsigned int lsr_reads; /* in succession, at most 2 */
	struct serial_input in;
	struct serial_output output;
	bool irq_high;
	u64 bytes_out;	/* handed to the backend */
	u64 bytes_in;	/* of the backend's, read by the guest */
	u64 interrupts; /* rising edges */
};

/*
 * Creates a UART in its power-on state, adds its region to `bus` and takes
 * the backend as its front. The caller adds it to a registry, whose `destroy`
 * frees it once bus and event loop do not call it any more. Accesses wider
 * than a byte act on the register at their address only: the rest of the data
 * reads as zero and is ignored. Modem inputs are those of a connected peer
 * (CTS, DSR and DCD on); MCR's OUT2 does not gate the interrupt, as on SoCs.
 *
 * Returns 0 with *uart, -EINVAL for a small region, what mmio_bus_add()
 * returns, or -ENOMEM.
 */
int uart16550_create(const struct uart16550_params *params,
		     struct mmio_bus *bus, struct uart16550 **uart);

#endif
