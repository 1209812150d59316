/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program that the self-test's guests run; IMAGE is the file's name. */
	.section .rodata
	.global selftest_image, selftest_image_end
	.balign	8
selftest_image:
	.incbin	IMAGE
selftest_image_end:

	.section .note.GNU-stack, "", %progbits
