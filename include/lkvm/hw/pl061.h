/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PL061 GPIO controller of eight lines, one of which is the power key. */
#ifndef LKVM_HW_PL061_H
#define LKVM_HW_PL061_H

#include <pthread.h>

#include "lkvm/hw/primecell.h"
#include "lkvm/vmm/device.h"
#include "lkvm/vmm/evloop.h"
#include "lkvm/vmm/irq.h"
#include "lkvm/vmm/mmio.h"

#define PL061_NR_LINES	 8
#define PL061_POWER_LINE 3

struct pl061_params {
	const char *name;    /* for messages and statistics; not copied */
	u64 base;	     /* of PRIMECELL_SIZE bytes */
	struct irq_line irq; /* level high: GPIOINTR, of all lines */
	u32 clock;	     /* phandle of the bus's clock */
	u32 phandle;	     /* of the own node */
	struct evloop *loop; /* for the power key's release */
};

/* For device_add() the owner uses `dev`; all else is private. */
struct pl061 {
	struct device dev;
	struct mmio_region region;
	struct irq_line irq;
	u32 clock, phandle;
	struct evloop *loop;
	struct evloop_timer release; /* of the power key */

	pthread_mutex_t lock; /* of all below */
	u8 in;		      /* levels from outside */
	u8 out;		      /* levels of the lines that are outputs */
	u8 dir, is, ibe, iev, ie, afsel; /* the registers GPIODIR, ... */
	u8 edges;      /* latched, not yet cleared by GPIOIC */
	bool irq_high; /* the level passed to KVM last */
	u64 presses;   /* of the power key, for statistics */
};

/*
 * Creates a controller in its power-on state, its inputs low, and adds its
 * region to `bus`. The caller adds it to a registry, whose `destroy` frees it
 * once bus and event loop do not call it any more. Its nodes are "gpio@BASE"
 * and "gpio-keys", both at the root. An access of any width acts on the
 * register at its address only; addresses that are no multiple of 4 read as
 * zero and ignore writes, as do the test registers.
 *
 * Returns 0 with *gpio, what mmio_bus_add() and evloop_timer_init() return, or
 * -ENOMEM.
 */
int pl061_create(const struct pl061_params *params, struct mmio_bus *bus,
		 struct pl061 **gpio);

/* Drives input `line`, below PL061_NR_LINES, from outside. Any thread. */
void pl061_set_input(struct pl061 *gpio, unsigned int line, bool level);

/*
 * Presses the power key: its line is high for 100 ms. Nothing more happens if
 * it is pressed already. Any thread.
 */
void pl061_press_power(struct pl061 *gpio);

#endif
