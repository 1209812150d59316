/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When KVM takes a UART's writes, and what happens to characters in between:
 * see output.h. serial_output_sent() counts characters that exited; after some
 * of them serial_output_open() adds the UART's zone to KVM's ring. A guest
 * whose transmit interrupt came late makes its writes exit again for a time,
 * twice as long as the last time.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/hw/serial/output.h"

/*
 * After so many characters that exited KVM takes them. Where the interrupt has
 * been late it takes twice as many, up to a limit, at which being late by two
 * periods of the ring's timer still leaves ten times the speed of a real line.
 */
#define ENOUGH	   8
#define MAX_ENOUGH 4096U

void serial_output_init(struct serial_output *out, struct mmio_ring *ring,
			struct mmio_region *region, u64 size, u64 control,
			void (*finish)(struct mmio_zone *zone))
{
	out->ring = ring;
	out->region = region;
	out->zone.base = region->base;
	out->zone.size = size;
	out->zone.finish = finish;
	out->control.base = region->base + size;
	out->control.size = control;
}

/* No vCPU runs, so KVM adds nothing to the zones any more. */
void serial_output_destroy(struct serial_output *out)
{
	if (out->ring) {
		mmio_ring_remove_zone(out->ring, &out->zone);
		mmio_ring_remove_zone(out->ring, &out->control);
	}
	free(out->queue);
}

void serial_output_reset(struct serial_output *out)
{
	out->nr_queue = 0;
	out->exited = 0;
	out->enough = ENOUGH;
	atomic_store(&out->no_control, false);
}

bool serial_output_sent(struct serial_output *out)
{
	if (!out->ring || ++out->exited < out->enough)
		return false;
	out->exited = out->enough;
	/* Most ports never send as much: they need no memory for it. */
	if (!out->queue)
		out->queue = malloc(SERIAL_OUTPUT_MAX);
	return out->queue;
}

/*
 * Where batches carry out the next accesses together with the one that exits, a
 * write that KVM takes would only be one less of them.
 */
void serial_output_open(struct serial_output *out)
{
	if (mmio_region_in_batches(out->region))
		return;
	pthread_mutex_lock(&out->ring->lock);
	mmio_ring_open_registers(out->ring, &out->zone);
	if (out->zone.added && out->control.size &&
	    !atomic_load(&out->no_control))
		mmio_ring_add_zone(out->ring, &out->control);
	pthread_mutex_unlock(&out->ring->lock);
}

/* Waits for KVM, but only once: most drivers use interrupts at some time. */
static void drop_control(struct serial_output *out)
{
	atomic_store(&out->no_control, true);
	mmio_ring_drop_zone(out->ring, &out->control);
}

void serial_output_absorbed(struct serial_output *out, u64 offset,
			    bool interrupts)
{
	out->absorbed++;
	if (!interrupts || !mmio_ring_is_late(out->ring))
		return;
	if (offset >= out->zone.size) {
		drop_control(out);
		return;
	}
	mmio_ring_close_soon(out->ring);
	out->enough = MIN(2 * out->enough, MAX_ENOUGH);
	out->exited = 0;
}

/* What does not fit is lost: no guest sends 4096 bytes without an exit. */
void serial_output_add(struct serial_output *out, u8 byte)
{
	if (out->nr_queue < SERIAL_OUTPUT_MAX)
		out->queue[out->nr_queue++] = byte;
	mmio_ring_defer(out->ring, &out->zone);
}

/* In pieces: the lock is released while the backend sends one. */
unsigned int serial_output_take(struct serial_output *out, u8 *buf,
				unsigned int size)
{
	unsigned int n = MIN(size, out->nr_queue);

	if (!n)
		return 0;
	memcpy(buf, out->queue, n);
	out->nr_queue -= n;
	memmove(out->queue, out->queue + n, out->nr_queue);
	return n;
}
