/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An MC146818 real-time clock: index register at +0, data at +1. */
#ifndef LKVM_HW_MC146818_H
#define LKVM_HW_MC146818_H

#include <pthread.h>
#include <time.h>

#include "lkvm/vmm/device.h"
#include "lkvm/vmm/mmio.h"

#define MC146818_MMIO_SIZE 2
#define MC146818_NR_REGS   128

struct mc146818_params {
	const char *name; /* for messages and statistics; not copied */
	u64 base;
	/*
	 * As clock_gettime(2), which NULL stands for. CLOCK_REALTIME is the
	 * host's time; CLOCK_MONOTONIC measures distances of reads.
	 */
	int (*clock_gettime)(clockid_t id, struct timespec *ts);
};

/*
 * For device_add() the owner uses `dev`; all else is private.
 *
 * Time is the host's UTC until the guest sets it, and runs on from there.
 * The registers hold it as it was when last brought up to date, which is when
 *  - register A is read (whose UIP is never set),
 *  - a time register is read again, or
 *  - no time register has been read for 500 ms,
 * so that fields read one after the other, each once, are those of one second
 * even if the guest ignores UIP. With SET in register B the time registers
 * only hold what is written; clearing SET makes it the time, unless nothing
 * was written: then the clock goes on as if SET had not been touched. Values
 * that are no date read back until the next second, when they carry into the
 * next field.
 */
struct mc146818 {
	struct device dev;
	struct mmio_region region;
	int (*clock_gettime)(clockid_t id, struct timespec *ts);

	pthread_mutex_t lock; /* of all below */
	u8 index;	      /* of the register that data accesses act on */
	u8 reg[MC146818_NR_REGS]; /* in the format of register B */
	s64 base;      /* the host's second at which `reg` held the time */
	bool written;  /* a time register, since SET was set */
	s64 last_read; /* of a time register, monotonic milliseconds */
	bool was_read[MC146818_NR_REGS]; /* since brought up to date */
};

/*
 * Creates a clock that shows the host's UTC and adds its region to `bus`. The
 * caller adds it to a registry, whose `destroy` frees it. No interrupts; CMOS
 * RAM lasts as long as the device. The index register reads as 0xff, for the
 * part's is write-only, and its bit 7 (a PC's NMI mask) is ignored. Accesses
 * wider than a byte act on the register at their address only.
 *
 * Returns 0 with *rtc, what mmio_bus_add() returns, or -ENOMEM.
 */
int mc146818_create(const struct mc146818_params *params, struct mmio_bus *bus,
		    struct mc146818 **rtc);

#endif
