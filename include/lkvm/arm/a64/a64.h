/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Executes A64 instructions of a guest in user space: the few between one MMIO
 * access and the next, which cost less here than an entry into the guest and
 * the next exit.
 *
 * For a guest at EL1 or EL0 in AArch64 state with little-endian data. It has
 * the integer instructions of ordinary loops, and of each only what the
 * architecture defines. At any other it stops: before the instruction, with
 * nothing changed, so that the real CPU continues from there.
 *
 * Source: Arm Architecture Reference Manual for A-profile (DDI 0487), C4.1 for
 * the encodings and C6.2 for what they do.
 */
#ifndef LKVM_ARM_A64_A64_H
#define LKVM_ARM_A64_A64_H

#include "lkvm/util/util.h"

#define A64_CACHE 1024 /* decoded instructions kept; a power of two */
#define A64_PAGE  SZ_4K

/* Indices into a64_cpu.x: 31 is the stack pointer or zero by the encoding. */
#define A64_LR	 30
#define A64_SP	 31
#define A64_ZR	 32 /* reads as zero */
#define A64_SINK 33 /* takes what is written to the zero register */
#define A64_REGS 34

#define A64_X_ALL 0xffffffffULL /* bits of X0 to X30 and SP in a64_cpu.have */

/* PSTATE, as in SPSR_EL1 (DDI 0487, C5.2): the flags, bits 31:28. */
#define A64_N	 BIT(31)
#define A64_Z	 BIT(30)
#define A64_C	 BIT(29)
#define A64_V	 BIT(28)
#define A64_NZCV (A64_N | A64_Z | A64_C | A64_V)

struct a64_cpu;

/* What its user provides. Called by a64_run() on its thread. */
struct a64_ops {
	/*
	 * The 4 KiB page that instructions at `va` are fetched from: where its
	 * start is, hence that of `va & ~4095`, aligned to 4 bytes. NULL: none
	 * may be run there. Valid until a64_run() returns; called again
	 * whenever `pc` comes to another page.
	 */
	const void *(*code)(struct a64_cpu *cpu, u64 va);
	/*
	 * Where [va, va + len) is, if that is ordinary cacheable RAM that the
	 * guest may read (or write) now; else NULL. `len` is 1 to 16; the
	 * range does not cross a 4 KiB page and is aligned to `len`, or to
	 * half of it for a pair of registers, and what is returned has to be
	 * as well. It is used before the next op is called. `va` is what the
	 * instruction computed, all 64 bits of it.
	 */
	void *(*ram)(struct a64_cpu *cpu, u64 va, unsigned int len, bool write);
	/*
	 * One access of `len` 1, 2, 4 or 8 bytes, aligned to that, by a single
	 * register, where ram() had nothing. Bits of `*value` above `len`
	 * bytes are zero in a write, and ignored after a read. Returns 0; or
	 * -errno if it was not done, and then the instruction is not, either.
	 */
	int (*device)(struct a64_cpu *cpu, u64 va, unsigned int len, bool write,
		      u64 *value);
	/*
	 * An instruction needs those registers that are in `missing`, bit n for
	 * x[n]: sets them in `x` and in `have`. False if it cannot; then the
	 * instruction is not carried out. May be NULL if `have` is never less
	 * than all.
	 */
	bool (*load)(struct a64_cpu *cpu, u64 missing);
};

struct a64_insn;

/*
 * Carries out an instruction and returns what is to be added to `pc`; or
 * changes nothing and returns 0. So a branch to itself is left to the real CPU,
 * as only an interrupt ends it.
 */
typedef u64 a64_handler(struct a64_cpu *cpu, const struct a64_insn *insn);

/* An instruction, decoded. Private. */
struct a64_insn {
	a64_handler *run;
	u64 imm;    /* immediate operand, offset or mask */
	u64 mask;   /* bits of the result, or of a register, that count */
	u64 reads;  /* registers it needs, bit n for x[n]... */
	u64 writes; /* ...and those it sets as a whole when carried out */
	u32 word;
	u8 rd, rn, rm, ra; /* indices into a64_cpu.x */
	u8 left, right;	   /* shifts */
	u8 option;	   /* kind of shift or extension */
	u8 len;		   /* of a memory access, or of each half of a pair */
	u16 cond;	   /* bit n: holds when the flags are n */
};

/* Belongs to one thread. Of any size: not for the stack. */
struct a64_cpu {
	/*
	 * X0 to X30, and in [31] the stack pointer that is in use. What is
	 * above that is private.
	 */
	u64 x[A64_REGS];
	/*
	 * The registers in `x` that are valid, bit n for x[n]. A user that has
	 * not read all of them clears the others' bits before a64_run(). What
	 * is not needed is never loaded; what an instruction has set is
	 * valid from then on.
	 */
	u64 have;
	u64 pc;
	/*
	 * Only A64_NZCV changes. Nothing is carried out in AArch32 state, in a
	 * single step, in an illegal state, or with BTYPE other than 0.
	 */
	u64 pstate;
	/*
	 * How many instructions may still be carried out. In an op, the one
	 * under way is still part of it; an op may change it, 0 stops after
	 * this instruction.
	 */
	u64 left;
	/*
	 * The guest has not enabled pointer authentication, and so does not
	 * use BTI either, which has no such switch: their hints are NOPs. If
	 * not set, these stop, and so do BR and BLR, which set BTYPE.
	 */
	bool hints_are_nops;
	const struct a64_ops *ops;
	void *opaque; /* of the user */
	/* private */
	const u8 *page; /* where code is fetched from */
	u64 page_va;	/* its address for the guest; not aligned: none */
	struct a64_insn cache[A64_CACHE]; /* by pc */
};

/*
 * All registers zero and valid, nothing left, no hint a NOP; all ops but load()
 * must be there.
 */
void a64_init(struct a64_cpu *cpu, const struct a64_ops *ops, void *opaque);

/*
 * Carries out instructions from `pc` on until none is `left` or one cannot be
 * carried out; returns how many were. `pc` is then the address of the next.
 * The caller may change any register between two calls. Memory accesses that
 * are naturally aligned are single-copy atomic, and happen in program order as
 * far as the guest's barriers and dependencies require.
 */
u64 a64_run(struct a64_cpu *cpu);

#endif
