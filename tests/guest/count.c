/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts in memory at 0x80f00000, as fast as it can, and leaves the guest now
 * and then by a read without side effects. Never ends.
 */
#include "guest.h"
#include "io.h"

#define COUNTER	 0x80f00000UL
#define UART_SCR (UART_BASE(0) + 7)

void main(void)
{
	volatile u64 *counter = (volatile u64 *)COUNTER;

	for (;;) {
		if (++*counter % 64 == 0)
			read8(UART_SCR);
	}
}
