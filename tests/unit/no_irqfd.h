/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of pci/msix.c in which nobody has an eventfd for a vector. */
#ifndef TESTS_NO_IRQFD_H
#define TESTS_NO_IRQFD_H

#include <errno.h>
#include <stdlib.h>

#include "lkvm/vmm/irq_route.h"

int irq_route_bind(struct vm *vm, struct irq_route *route, int fd, int resample)
{
	(void)vm;
	(void)route;
	(void)fd;
	(void)resample;
	abort();
}

void irq_route_unbind(struct vm *vm, struct irq_route *route)
{
	(void)vm;
	(void)route;
	abort();
}

void irq_route_release(struct vm *vm, struct irq_route *route)
{
	(void)vm;
	(void)route;
	abort();
}

#endif
