/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of vmm/mmio_ring.c, for devices that have no ring. */
#ifndef TESTS_NO_RING_H
#define TESTS_NO_RING_H

#include <stdlib.h>

#include "lkvm/vmm/mmio_ring.h"

void mmio_ring_open_registers(struct mmio_ring *ring, struct mmio_zone *zone)
{
	(void)ring;
	(void)zone;
	abort();
}

void mmio_ring_remove_zone(struct mmio_ring *ring, struct mmio_zone *zone)
{
	(void)ring;
	(void)zone;
	abort();
}

void mmio_ring_defer(struct mmio_ring *ring, struct mmio_zone *zone)
{
	(void)ring;
	(void)zone;
	abort();
}

bool mmio_ring_is_late(const struct mmio_ring *ring)
{
	(void)ring;
	abort();
}

void mmio_ring_close_soon(struct mmio_ring *ring)
{
	(void)ring;
	abort();
}

int mmio_ring_add_zone(struct mmio_ring *ring, struct mmio_zone *zone)
{
	(void)ring;
	(void)zone;
	abort();
}

int mmio_ring_drop_zone(struct mmio_ring *ring, struct mmio_zone *zone)
{
	(void)ring;
	(void)zone;
	abort();
}

#endif
