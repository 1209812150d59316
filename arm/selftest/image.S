/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program that the self-test's guests run; IMAGE is the file's name. */
	.section .rodata
	.global selftest_image, selftest_image_size
	.balign	8
selftest_image:
	.incbin	IMAGE
.Lend:
	.balign	8
selftest_image_size:
	.quad	.Lend - selftest_image

	.section .note.GNU-stack, "", %progbits
