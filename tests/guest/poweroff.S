/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shortest guest: PSCI SYSTEM_OFF. */
#include "image.inc"

entry:
	ldr	x0, =0x84000008
	hvc	#0
	b	.
