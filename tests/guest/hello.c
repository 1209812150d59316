/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ends as kvm-unit-tests do, with the line their runner looks for. */
#include "guest.h"

void main(void)
{
	print("hello\n");
	print("\nEXIT: STATUS=1\n");
}
