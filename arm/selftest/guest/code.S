/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of the self-test's guest that have to be exact instructions. */

	.text

/*
 * u64 sum_mmu_off(u64 addr, u64 words): the words, each added to 31 times what
 * was before, read with the MMU off.
 */
	.global sum_mmu_off
sum_mmu_off:
	mrs	x9, sctlr_el1
	bic	x10, x9, #1
	dsb	sy
	msr	sctlr_el1, x10
	isb
	mov	x2, #0
	mov	x4, #31
1:	ldr	w3, [x0]
	add	x0, x0, #4
	madd	x2, x2, x4, x3
	subs	x1, x1, #1
	b.ne	1b
	msr	sctlr_el1, x9
	isb
	mov	x0, x2
	ret

/* Code that is overwritten; it has a cache line of its own. */
	.balign	256
	.global stub
stub:
	mov	w0, #1
	ret
	.balign	256

/*
 * void run_slot(u64 *state, const void *code): state[0..26] are x0 to x26,
 * state[27] NZCV, state[28] and [29] become x27 and x28. The code leaves x27 to
 * x30 and SP alone and ends with RET.
 */
	.global run_slot
run_slot:
	stp	x29, x30, [sp, #-112]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	str	x0, [sp, #96]
	mov	x30, x0
	mov	x29, x1
	ldr	x0, [x30, #27 * 8]
	msr	nzcv, x0
	ldp	x27, x28, [x30, #28 * 8]
	ldp	x0, x1, [x30]
	ldp	x2, x3, [x30, #2 * 8]
	ldp	x4, x5, [x30, #4 * 8]
	ldp	x6, x7, [x30, #6 * 8]
	ldp	x8, x9, [x30, #8 * 8]
	ldp	x10, x11, [x30, #10 * 8]
	ldp	x12, x13, [x30, #12 * 8]
	ldp	x14, x15, [x30, #14 * 8]
	ldp	x16, x17, [x30, #16 * 8]
	ldp	x18, x19, [x30, #18 * 8]
	ldp	x20, x21, [x30, #20 * 8]
	ldp	x22, x23, [x30, #22 * 8]
	ldp	x24, x25, [x30, #24 * 8]
	ldr	x26, [x30, #26 * 8]
	blr	x29
	ldr	x30, [sp, #96]
	stp	x0, x1, [x30]
	stp	x2, x3, [x30, #2 * 8]
	stp	x4, x5, [x30, #4 * 8]
	stp	x6, x7, [x30, #6 * 8]
	stp	x8, x9, [x30, #8 * 8]
	stp	x10, x11, [x30, #10 * 8]
	stp	x12, x13, [x30, #12 * 8]
	stp	x14, x15, [x30, #14 * 8]
	stp	x16, x17, [x30, #16 * 8]
	stp	x18, x19, [x30, #18 * 8]
	stp	x20, x21, [x30, #20 * 8]
	stp	x22, x23, [x30, #22 * 8]
	stp	x24, x25, [x30, #24 * 8]
	str	x26, [x30, #26 * 8]
	mrs	x0, nzcv
	str	x0, [x30, #27 * 8]
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #112
	ret
