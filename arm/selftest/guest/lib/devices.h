/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of the devices, but for flash and GIC, that both have a value
 * at power-on and can be made to have another.
 */
#ifndef GUEST_DEVICES_H
#define GUEST_DEVICES_H

#include "guest.h"

/* Of a UART that has a line to raise: of the kvmtool machine the second one. */
#define DEVICES_INTID 33

#define DEVICES_MAX 32 /* registers */

/*
 * Reads them all, before anything is printed: that changes some. Returns how
 * many there are.
 */
u32 devices_read(u32 values[DEVICES_MAX]);

/* What the `nr`-th of them is. */
const char *devices_name(u32 nr);

/* The UART raises its line. */
void devices_raise(void);

/* All others get another value; nothing can be printed after that. */
void devices_dirty(void);

#endif
