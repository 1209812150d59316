/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts that come without lkvm: whoever writes an eventfd, such as vhost,
 * raises one (KVM_IRQFD), and a table that KVM has says which (its GSI routing:
 * Linux Documentation/virt/kvm/api.rst, 4.52, 4.75). Each route has a number of
 * its own there, a GSI.
 */
#ifndef LKVM_VMM_IRQ_ROUTE_H
#define LKVM_VMM_IRQ_ROUTE_H

#include <pthread.h>
#include <stdatomic.h>

#include "lkvm/util/util.h"

struct vm;

/* What a GSI leads to. */
struct irq_target {
	bool spi;      /* an SPI, counted from 0 as `data`; else a message */
	u32 device_id; /* as an ITS knows it */
	u64 address;   /* the doorbell */
	u32 data;
};

/*
 * Part of what uses it; zeroed at first. One thread at a time changes a route,
 * different routes of a VM may be changed by different threads.
 */
struct irq_route {
	struct irq_route *next; /* of the table's lock; in order of GSIs */
	u32 gsi;		/* 0: not in the table */
	struct irq_target target;
	int fd;		   /* what raises it, if `bound` */
	atomic_bool bound; /* false before KVM is told; any thread reads */
};

/* The table of a VM. */
struct irq_routes {
	/* Of the list; comes after all other locks. */
	pthread_mutex_t lock;
	struct irq_route *first;
	u32 limit;	      /* GSIs end below; constant */
	_Atomic(u64) updates; /* how often KVM was told of it */
};

/*
 * Once, when the VM was created and before all else here. Returns false if this
 * KVM cannot do it: then there must be no routes.
 */
bool irq_routes_init(struct vm *vm);

/*
 * The route leads to a message, or an SPI, from now on, at once also for what
 * is bound: KVM is told if that is a change. The GSI is taken at the first time
 * and kept. Returns 0; -ENOSPC, -ENOMEM or another -errno after a message, and
 * then it leads where it did before.
 */
int irq_route_msi(struct vm *vm, struct irq_route *route, u32 device_id,
		  u64 address, u32 data);
int irq_route_spi(struct vm *vm, struct irq_route *route, u32 spi);

/*
 * The route, which leads somewhere and is not bound, is raised whenever `fd`,
 * an eventfd, is written to, and now if it was and nobody has read it. Others
 * who wait for `fd` do not see that from then on; before Linux 5.11 they do.
 * `resample` is an eventfd that KVM writes when the guest ends a
 * level-triggered interrupt, or -1. Returns 0, or -errno after a message.
 */
int irq_route_bind(struct vm *vm, struct irq_route *route, int fd,
		   int resample);

/*
 * Takes that back, if it is bound: interrupts under way have arrived when it
 * returns, and `fd` reads as if it had not been written to.
 */
void irq_route_unbind(struct vm *vm, struct irq_route *route);

/* Gives the GSI back, and unbinds before. KVM is told with the next change. */
void irq_route_release(struct vm *vm, struct irq_route *route);

#endif
