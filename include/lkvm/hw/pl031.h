/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PL031 real-time clock: seconds since 1970, with an alarm. */
#ifndef LKVM_HW_PL031_H
#define LKVM_HW_PL031_H

#include <pthread.h>
#include <time.h>

#include "lkvm/hw/primecell.h"
#include "lkvm/vmm/device.h"
#include "lkvm/vmm/evloop.h"
#include "lkvm/vmm/irq.h"
#include "lkvm/vmm/mmio.h"

struct pl031_params {
	const char *name;    /* for messages and statistics; not copied */
	u64 base;	     /* of PRIMECELL_SIZE bytes */
	struct irq_line irq; /* level high */
	u32 clock;	     /* phandle of the bus's clock */
	struct evloop *loop; /* for the alarm */
	/* As clock_gettime(2), which NULL stands for: the host's time. */
	int (*clock_gettime)(clockid_t id, struct timespec *ts);
};

/*
 * For device_add() the owner uses `dev`; all else is private.
 *
 * Time is the host's UTC, modulo 2^32 seconds, until the guest sets it, and
 * runs on from there. The alarm goes off when the counter comes to the match
 * register: in the second in which it is written if both are equal then, and
 * for a time in the past when the counter has wrapped. It does if the host's
 * clock is set forward over it, though, within a minute of that.
 */
struct pl031 {
	struct device dev;
	struct mmio_region region;
	struct irq_line irq;
	u32 clock;
	struct evloop *loop;
	int (*clock_gettime)(clockid_t id, struct timespec *ts);
	struct evloop_timer alarm;

	pthread_mutex_t lock; /* of all below */
	u32 offset;	      /* added to the host's seconds */
	u32 seen, seen_ns;    /* the counter when last looked at; ns of it */
	u32 lr, mr;	      /* load and match register */
	bool imsc, ris;	      /* alarm enabled, alarm raised */
	bool armed;	      /* the timer runs */
	bool irq_high;	      /* the level passed to KVM last */
};

/*
 * Creates a clock that shows the host's UTC and adds its region to `bus`. The
 * caller adds it to a registry, whose `destroy` frees it once bus and event
 * loop do not call it any more. The counter always runs. Its node is
 * "rtc@BASE". An access of any width acts on the register at its address only;
 * addresses that are no multiple of 4 read as zero and ignore writes.
 *
 * Returns 0 with *rtc, what mmio_bus_add() and evloop_timer_init() return, or
 * -ENOMEM.
 */
int pl031_create(const struct pl031_params *params, struct mmio_bus *bus,
		 struct pl031 **rtc);

#endif
