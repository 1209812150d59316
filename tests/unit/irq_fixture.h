/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interrupt line of a device that sets it with its lock held, and only when
 * it changes. Who includes this says which device, IRQ_OWNER, whose members are
 * `irq` and `lock`; and GSI.
 */
#ifndef TESTS_IRQ_FIXTURE_H
#define TESTS_IRQ_FIXTURE_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lkvm/vmm/irq.h"

/* What irq_line_set() last said, and how often it spoke. */
static struct {
	bool high;
	unsigned int calls;
} irq;

void irq_line_set(const struct irq_line *line, bool high)
{
	void *p = (void *)(uintptr_t)line;
	struct IRQ_OWNER *owner = container_of(p, struct IRQ_OWNER, irq);

	assert_int_equal(line->gsi, GSI);
	assert_int_equal(pthread_mutex_trylock(&owner->lock), EBUSY);
	assert_int_not_equal(high, irq.high);
	irq.high = high;
	irq.calls++;
}

#endif
