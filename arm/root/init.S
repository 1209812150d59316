/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first process of a guest of --root; PROGRAM is the file's name. */
	.section .rodata
	.global root_init, root_init_size
	.balign	8
root_init:
	.incbin	PROGRAM
.Lend:
	.balign	8
root_init_size:
	.quad	.Lend - root_init

	.section .note.GNU-stack, "", %progbits
