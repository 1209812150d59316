/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resets the machine at once: PSCI SYSTEM_RESET. */
#include "image.inc"

entry:
	ldr	x0, =0x84000009
	hvc	#0
	b	.
