/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ends as kvm-unit-tests do, with the line their runner looks for; status=N on
 * the command line is what it says.
 */
#include "guest.h"

void main(void)
{
	print("hello\n");
	print("\nEXIT: STATUS=%u\n", (unsigned int)param("status", 1));
}
