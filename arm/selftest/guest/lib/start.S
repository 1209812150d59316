/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry of a test program: relocation, vectors, and the parts that must not
 * touch the stack.
 */

#define R_AARCH64_RELATIVE 1027

#define FRAME_SIZE 272
#define FRAME_ELR  248

#define CPACR_FPEN (3 << 20)

/* Attribute 0 Device-nGnRnE, 1 Normal NC, 2 Normal WB: enum memory_type. */
#define MAIR 0xff4400
/*
 * 39 bits of virtual address in 4 KiB pages by TTBR0, inner shareable
 * write-back walks, no TTBR1. The output size is added from ID_AA64MMFR0_EL1.
 */
#define TCR (25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23)
/* RES1 bits of SCTLR_EL1, caches and MMU on. */
#define SCTLR (0x30d00800 | 1 << 12 | 1 << 2 | 1)

#include "image.inc"

	.text
entry:
	mov	x20, x0
	adr	x1, _start
	adrp	x2, _rela_start
	add	x2, x2, :lo12:_rela_start
	adrp	x3, _rela_end
	add	x3, x3, :lo12:_rela_end
relocate:
	cmp	x2, x3
	b.hs	clear
	ldr	x4, [x2]		// offset
	ldr	w5, [x2, #8]		// type
	ldr	x6, [x2, #16]		// addend
	add	x2, x2, #24
	cmp	w5, #R_AARCH64_RELATIVE
	b.ne	relocate
	add	x6, x6, x1
	str	x6, [x1, x4]
	b	relocate

clear:
	adrp	x2, _bss_start
	add	x2, x2, :lo12:_bss_start
	adrp	x3, _bss_end
	add	x3, x3, :lo12:_bss_end
1:	cmp	x2, x3
	b.hs	2f
	str	xzr, [x2], #8
	b	1b

2:	bl	prepare
	adrp	x0, boot_stack_top
	add	x0, x0, :lo12:boot_stack_top
	mov	sp, x0
	mov	x0, x20
	b	boot_start

/* PSCI CPU_ON gets a processor here, x0 = its struct cpu. */
	.global secondary_entry
secondary_entry:
	mov	x20, x0
	bl	prepare
	bl	mmu_enable
	ldr	x1, [x20]
	mov	sp, x1
	mov	x0, x20
	b	secondary_start

/* Vectors and floating point. */
prepare:
	adrp	x0, vectors
	add	x0, x0, :lo12:vectors
	msr	vbar_el1, x0
	mov	x0, #CPACR_FPEN
	msr	cpacr_el1, x0
	isb
	ret

	.global mmu_enable
mmu_enable:
	ldr	x0, =MAIR
	msr	mair_el1, x0
	ldr	x0, =TCR
	mrs	x1, id_aa64mmfr0_el1
	and	x1, x1, #7		// PARange; IPS has the same encoding
	cmp	x1, #5
	mov	x2, #5
	csel	x1, x1, x2, lo
	orr	x0, x0, x1, lsl #32
	msr	tcr_el1, x0
	adrp	x0, mmu_root
	add	x0, x0, :lo12:mmu_root
	msr	ttbr0_el1, x0
	dsb	ish
	tlbi	vmalle1
	ic	iallu
	dsb	ish
	isb
	ldr	x0, =SCTLR
	msr	sctlr_el1, x0
	isb
	ret

	.global call_mmu_off
call_mmu_off:
	stp	x19, x30, [sp, #-16]!
	mrs	x19, sctlr_el1
	bic	x1, x19, #1
	msr	sctlr_el1, x1
	isb
	blr	x0
	msr	sctlr_el1, x19
	isb
	ldp	x19, x30, [sp], #16
	ret

	.macro	vector kind
	.balign	128
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	mov	x0, #\kind
	b	exception
	.endm

	.balign	2048
vectors:
	.irp	kind, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vector	\kind
	.endr

/* The frame is struct frame of fault.c. */
exception:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	str	x30, [sp, #240]
	mrs	x1, elr_el1
	mrs	x2, spsr_el1
	stp	x1, x2, [sp, #FRAME_ELR]
	mov	x1, sp
	bl	exception_handle
	ldp	x1, x2, [sp, #FRAME_ELR]
	msr	elr_el1, x1
	msr	spsr_el1, x2
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	ldr	x30, [sp, #240]
	ldp	x0, x1, [sp], #FRAME_SIZE
	eret

	.bss
	.balign	16
	.space	16384
boot_stack_top:
