/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output of a UART that KVM takes without an exit: characters written to the
 * transmit register wait in KVM's ring (vmm/mmio_ring.h), and then here, until
 * a thread that may wait for the backend sends them.
 *
 * That pays for a driver that polls, such as a kernel's console: it looks at
 * the status register before each character, and that read exits, so that the
 * write need not. Most drivers that use the transmit interrupt look at some
 * register at the end of its handler. One that looks at nothing, and waits,
 * gets the interrupt late: it is found by that, and its writes exit for a time.
 *
 * A console also writes the register that enables interrupts, before and after
 * each message. KVM takes these writes as well, until one that enables the
 * transmit interrupt, for which a driver waits next, is late.
 */
#ifndef LKVM_HW_SERIAL_OUTPUT_H
#define LKVM_HW_SERIAL_OUTPUT_H

#include "lkvm/chardev/chardev.h"
#include "lkvm/vmm/mmio.h"
#include "lkvm/vmm/mmio_ring.h"

/* What KVM's ring holds with pages of 64 KiB, and more. */
#define SERIAL_OUTPUT_MAX 4096U

/* Part of a UART. `queue` and the counts are guarded by the UART's lock. */
struct serial_output {
	struct mmio_ring *ring; /* NULL: all writes exit */
	struct mmio_region *region;
	struct mmio_zone zone;	  /* from the transmit register on */
	struct mmio_zone control; /* behind it, if its size is not 0 */
	atomic_bool no_control;	  /* since a write to that was late */
	unsigned int exited;	  /* characters, since one was late */
	unsigned int enough;	  /* of them for KVM to take the next */
	u8 *queue;
	unsigned int nr_queue;
	u64 absorbed; /* writes that KVM took */
};

/*
 * Prepares the output of the UART at `region`. KVM may take writes to its first
 * `size` bytes, and to the next `control` bytes until one is late. `finish`
 * calls serial_output_take() until there is nothing. `ring` may be NULL.
 */
void serial_output_init(struct serial_output *out, struct mmio_ring *ring,
			struct mmio_region *region, u64 size, u64 control,
			void (*finish)(struct mmio_zone *zone));

/* The UART goes, and no vCPU runs any more. */
void serial_output_destroy(struct serial_output *out);

/* As after power-on: nothing waits. The caller holds the UART's lock. */
void serial_output_reset(struct serial_output *out);

/*
 * A character was sent by a write that exited. True if serial_output_open() is
 * to be called, without the lock that the caller holds: the UART's.
 */
bool serial_output_sent(struct serial_output *out);

/* Lets KVM take such writes, unless batches make exits rare anyway. */
void serial_output_open(struct serial_output *out);

/*
 * A write that KVM took at `offset` is carried out, except for
 * serial_output_add(). The transmit interrupt is enabled by now, or not. The
 * caller holds the UART's lock and the ring's.
 */
void serial_output_absorbed(struct serial_output *out, u64 offset,
			    bool interrupts);

/*
 * The write was a character: it waits in the queue. What finds no room is lost,
 * as with a driver that does not look whether there is any. The caller holds
 * the UART's lock and the ring's.
 */
void serial_output_add(struct serial_output *out, u8 byte);

/*
 * Takes up to `size` characters out of the queue, in their order; returns how
 * many. The caller holds the UART's lock.
 */
unsigned int serial_output_take(struct serial_output *out, u8 *buf,
				unsigned int size);

#endif
