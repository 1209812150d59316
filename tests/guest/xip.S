/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Executed in place from the first bank of --machine virt. Commands that it
 * sends to that bank must not take the code away under it; from RAM they act.
 */
#include "image.inc"

#define UART	  0x09000000
#define RAM	  0x41000000
#define QUERY	  0x00980098
#define ARRAY	  0x00ff00ff
#define Q	  0x00510051	// JESD68.01: what the query has at word 0x10
#define QUERY_AT  0x154
#define Q_AT	  0x40

entry:
	adr	x19, _start
	ldr	w20, =QUERY
	ldr	w21, =ARRAY
	ldr	w22, [x19, #Q_AT]
	str	w20, [x19, #QUERY_AT]
	ldr	w0, [x19, #Q_AT]
	cmp	w0, w22
	b.ne	bad
	bl	copy
	ldr	x0, =RAM
	blr	x0
	ldr	w0, =Q
	cmp	w1, w0
	b.ne	bad
	cmp	w2, w22
	b.ne	bad
	adr	x1, good_text
	b	say
bad:
	adr	x1, bad_text
say:
	ldr	x2, =UART
1:	ldrb	w0, [x1], #1
	cbz	w0, 2f
	strb	w0, [x2]
	b	1b
2:	ldr	x0, =0x84000008		// PSCI SYSTEM_OFF
	hvc	#0
	b	.

copy:
	adr	x0, in_ram
	adr	x1, in_ram_end
	ldr	x2, =RAM
1:	ldr	w3, [x0], #4
	str	w3, [x2], #4
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ic	iallu
	dsb	sy
	isb
	ret

in_ram:
	str	w20, [x19, #QUERY_AT]
	ldr	w1, [x19, #Q_AT]
	str	w21, [x19]
	ldr	w2, [x19, #Q_AT]
	ret
in_ram_end:

good_text:
	.asciz	"xip: good\n"
bad_text:
	.asciz	"xip: bad\n"
