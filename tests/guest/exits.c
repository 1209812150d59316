/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes exactly n=N (1000) accesses that leave the guest: reads of a
 * register without side effects. Prints nothing, for that would exit too.
 */
#include "guest.h"
#include "io.h"

#define UART_SCR (UART_BASE(0) + 7)

void main(void)
{
	for (u64 n = param("n", 1000); n; n--)
		read8(UART_SCR);
	psci(PSCI_SYSTEM_OFF, 0, 0, 0);
}
