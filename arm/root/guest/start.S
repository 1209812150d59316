/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where Linux starts the program: argc, argv and envp are on the stack. */
	.global _start
_start:
	mov	x29, #0
	mov	x30, #0
	mov	x0, sp
	bl	start
	brk	#0

	.section .note.GNU-stack, "", %progbits
