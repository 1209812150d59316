/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PL011 UART. */
#ifndef LKVM_HW_SERIAL_PL011_H
#define LKVM_HW_SERIAL_PL011_H

#include <pthread.h>

#include "lkvm/hw/primecell.h"
#include "lkvm/hw/serial/input.h"
#include "lkvm/hw/serial/output.h"
#include "lkvm/vmm/device.h"
#include "lkvm/vmm/irq.h"
#include "lkvm/vmm/mmio.h"

#define PL011_FIFO_SIZE 32

struct pl011_params {
	const char *name;    /* for messages and statistics; not copied */
	u64 base;	     /* of PRIMECELL_SIZE bytes */
	struct irq_line irq; /* level high: UARTINTR, of all sources */
	u32 clock;	     /* phandle of the fixed clock it runs on */
	struct chardev *chr; /* NULL: output is dropped, no input; not owned */
	struct mmio_ring *ring; /* KVM's, for output; NULL: every write exits */
};

/*
 * For device_add() the owner uses `dev`; all else is private.
 *
 * Input. The line delivers when the guest listens, so that what is piped in
 * waits for the guest's driver. A guest listens, unless in loopback mode or
 * with the receiver disabled (CR.RXE), if
 *  - the receive or the timeout interrupt is unmasked, or
 *  - it polls: it looked at FR, RIS or MIS four times and wrote nothing
 *    between.
 * Bytes of the backend that the guest would lose go back to the line, in their
 * order, and return when it listens. It loses them by enabling or disabling
 * the FIFOs, which flushes them, and by entering loopback mode. It is about to
 * throw them away when it clears both interrupts of the receiver while both
 * are masked: so drivers begin, and then read whatever the FIFO holds.
 */
struct pl011 {
	struct device dev;
	struct mmio_region region;
	struct irq_line irq;
	u32 clock;
	struct chardev *chr;

	pthread_mutex_t lock; /* of all below; taken before the backend's */
	u16 cr, imsc, ibrd;
	u8 lcr_h, ifls, fbrd, ilpr, dmacr;
	u8 rsr;
	u16 ris;
	u16 modem;	    /* the inputs, as in FR */
	bool overrun;	    /* to be told with the next byte read */
	bool timer_restart; /* the receive timeout's, by a read */
	unsigned int polls; /* with no write between, at most POLLING */
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
 * frees it once bus and event loop do not call it any more. Its node is
 * "serial@BASE" at the root. An access of any width acts on the register at
 * its address only; addresses that are no multiple of 4 read as zero and
 * ignore writes, as do the test registers.
 *
 * Returns 0 with *uart, what mmio_bus_add() returns, or -ENOMEM.
 */
int pl011_create(const struct pl011_params *params, struct mmio_bus *bus,
		 struct pl011 **uart);

#endif
