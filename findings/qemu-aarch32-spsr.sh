#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Arm ARM, the descriptions of SPSR_EL1 and SPSR_abt: these are the registers that 32-bit
# code at EL1 has as SPSR_svc and SPSR_abt, so AArch64 EL2 can read and write them, and a
# hypervisor can switch its guests. In QEMU 7.2 (qemu-system-aarch64, TCG) they are not
# the ones that 32-bit code at EL1 uses: what EL2 sets is not what the guest reads, what
# the guest writes EL2 does not see, and in another mode, or another guest, that code
# reads what was written last on that processor.
#
# So KVM in an emulated arm64 machine cannot run 32-bit guests reliably: it saves and
# restores another copy. One vCPU alone works; two on one processor, of one guest or of
# two, come back from exceptions with each other's state. A 32-bit Linux then stands still
# in an exception's entry, or panics, now and then. For those who test there: give each
# 32-bit vCPU a processor of its own, and nothing else that is 32-bit beside it.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

needs qemu-system-arm:qemu-system-aarch64 \
	binutils-aarch64-linux-gnu:aarch64-linux-gnu-as
pinned q bookworm amd64 qemu-system-arm=1:7.2+dfsg-7+deb12u18+b3
qemu=q/usr/bin/qemu-system-aarch64
$qemu --version | head -n 1

# EL2 in AArch64, which has a few A32 instructions run in SVC mode, then in abort mode. What
# they read and it reads goes to the PL011, in hexadecimal, a line each.
cat >el2.s <<'EOF_S'
	.equ	uart, 0x09000000
	.globl	_start
_start:	adr	x0, vectors
	msr	vbar_el2, x0
	msr	hcr_el2, xzr
	msr	cptr_el2, xzr
	movz	x0, #0x00c5, lsl #16
	movk	x0, #0x0078
	msr	sctlr_el1, x0
	movz	x19, #0x6000, lsl #16
	movk	x19, #0x0010
	msr	spsr_el1, x19
	movz	x0, #0x2000, lsl #16
	movk	x0, #0x0010
	msr	spsr_abt, x0
	mov	x20, #0x1d3
	bl	enter
	mov	x20, #0x1d7
	bl	enter
	movz	x0, #0x8400, lsl #16
	movk	x0, #0x0008
	smc	#0
idle:	wfi
	b	idle

enter:	mov	x28, x30
	adr	x0, code
	msr	elr_el2, x0
	msr	spsr_el2, x20
	isb
	eret
back:	bl	hex
	mrs	x0, spsr_el1
	bl	hex
	ret	x28

hex:	mov	x11, #32
	movz	x14, #uart >> 16, lsl #16
digit:	sub	x11, x11, #4
	lsr	x12, x0, x11
	and	x12, x12, #15
	cmp	x12, #10
	add	x13, x12, #'0'
	add	x12, x12, #'a' - 10
	csel	x12, x13, x12, lo
	strb	w12, [x14]
	cbnz	x11, digit
	mov	x12, #10
	strb	w12, [x14]
	ret

	// mrs r0, spsr; mov r1, #0x90000000; orr r1, r1, #0x1f; msr spsr_fsxc, r1; hvc #0
	.balign	4
code:	.inst	0xe14f0000, 0xe3a01209, 0xe381101f, 0xe16ff001, 0xe1400070

	.balign	2048
vectors: .rept	12
	b	idle
	.balign	128
	.endr
	b	back
	.balign	128
	.rept	3
	b	idle
	.balign	128
	.endr
EOF_S
aarch64-linux-gnu-as -o el2.o el2.s &&
	aarch64-linux-gnu-ld -Ttext=0x40080000 -o el2 el2.o 2>ld.log ||
	cannot "the program cannot be assembled: $(cat ld.log)"

for cpu in cortex-a53 cortex-a72; do
	emulated log 60 -M virt,virtualization=on -cpu $cpu -m 64 -kernel el2
	# shellcheck disable=SC2046
	set -- $(cat log)
	say "$cpu, SPSR_svc is set to 60000010, SPSR_abt to 20000010; EL1 writes 9000001f in each mode"
	seen "$cpu, SVC mode: EL1 reads something else" 1 "$([ "$1" = 60000010 ] || echo 1)"
	seen "$cpu, EL2 reads what it has set itself" 60000010 "$2"
	seen "$cpu, abort mode: EL1 reads what was written in SVC mode" 9000001f "$3"
	seen "$cpu, EL2 still reads" 60000010 "$4"
done

verdict
