/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Never ends: something has to end it. */
#include "image.inc"

entry:
	wfi
	b	entry
