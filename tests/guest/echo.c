/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Echoes what comes in at the first UART until a Ctrl-D, then powers off. With
 * fifo=1 on the command line the UART's FIFOs are on.
 */
#include "guest.h"
#include "io.h"

#define UART_FCR (UART_BASE(0) + 2)
#define CTRL_D	 0x04

void main(void)
{
	u8 c;

	write8(UART_FCR, param("fifo", 0) ? 1 : 0);
	print("READY\n");
	while ((c = read_char()) != CTRL_D)
		print_char((char)c);
}
