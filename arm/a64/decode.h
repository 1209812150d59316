/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of the A64 interpreter: decoders and their tools. */
#ifndef ARM_A64_DECODE_H
#define ARM_A64_DECODE_H

#include "lkvm/arm/a64/a64.h"

/* What handlers return, other than a branch's offset. */
#define A64_STOP 0
#define A64_NEXT 4

/* A class of encodings: those words that have `value` in the bits of `mask`. */
struct a64_class {
	u32 mask;
	u32 value;
	/*
	 * Fills in `insn`, which is zero but for its word and for registers,
	 * which are the zero register. False: the word is reserved,
	 * unpredictable, or not to be carried out.
	 */
	bool (*decode)(struct a64_insn *insn, u32 word);
	/*
	 * All encodings of the class write the whole of Rd without reading it.
	 * If not set, Rd counts as a register that is read.
	 */
	bool sets_rd;
};

/* The classes of the main groups (DDI 0487, C4.1); one without decode ends. */
extern const struct a64_class a64_alu_imm[];
extern const struct a64_class a64_bits_imm[];
extern const struct a64_class a64_alu_reg[];
extern const struct a64_class a64_bits_reg[];
extern const struct a64_class a64_branches[];
extern const struct a64_class a64_loads_stores[];

/* Handler of instructions without effect here; returns A64_NEXT. */
u64 a64_nop(struct a64_cpu *cpu, const struct a64_insn *insn);

/* The host's own barriers of these names: see barrier.c. */
void a64_host_dmb(void);
void a64_host_dsb(void);
void a64_host_isb(void);

/* The value for a64_insn.cond of a condition code, 0 to 15. */
u16 a64_condition(unsigned int cond);

/* Bits high:low of the word, as the Arm ARM numbers them. */
static inline u32 a64_bits(u32 word, unsigned int high, unsigned int low)
{
	return (word >> low) & (u32)((2ULL << (high - low)) - 1);
}

static inline bool a64_bit(u32 word, unsigned int n)
{
	return word >> n & 1;
}

/* `width` is 1 to 64; bits above it are ignored. */
static inline u64 a64_sign_extend(u64 value, unsigned int width)
{
	return (u64)((s64)(value << (64 - width)) >> (64 - width));
}

static inline u64 a64_signed_bits(u32 word, unsigned int high, unsigned int low)
{
	return a64_sign_extend(a64_bits(word, high, low), high - low + 1);
}

/* Where a register field is an operand, and 31 the zero register... */
static inline u8 a64_source(u32 word, unsigned int low)
{
	u32 n = a64_bits(word, low + 4, low);

	return n == 31 ? A64_ZR : n;
}

/* ... where it is the result... */
static inline u8 a64_result(u32 word, unsigned int low)
{
	u32 n = a64_bits(word, low + 4, low);

	return n == 31 ? A64_SINK : n;
}

/* ... and where 31 is the stack pointer. */
static inline u8 a64_or_sp(u32 word, unsigned int low)
{
	return a64_bits(word, low + 4, low);
}

/* All bits of an X register, or of a W register. */
static inline u64 a64_width_mask(bool is64)
{
	return is64 ? ~0ULL : 0xffffffffULL;
}

/* Bit 31 of most words, sf: an instruction on X registers. */
static inline bool a64_is64(u32 word)
{
	return a64_bit(word, 31);
}

/* Rd, Rn and Rm at their usual places, and the width by sf. */
static inline void a64_registers(struct a64_insn *insn, u32 word)
{
	insn->rd = a64_result(word, 0);
	insn->rn = a64_source(word, 5);
	insn->rm = a64_source(word, 16);
	insn->mask = a64_width_mask(a64_is64(word));
}

/* The result, as most instructions end. */
static inline u64 a64_put(struct a64_cpu *cpu, const struct a64_insn *insn,
			  u64 value)
{
	cpu->x[insn->rd] = value & insn->mask;
	return A64_NEXT;
}

/* ConditionHolds(): one lookup in the mask of a64_condition(). */
static inline bool a64_holds(const struct a64_cpu *cpu,
			     const struct a64_insn *insn)
{
	return insn->cond >> (cpu->pstate >> 28 & 15) & 1;
}

/* `nzcv` has the flags at bits 31:28 and no other bit set. */
static inline void a64_set_flags(struct a64_cpu *cpu, u64 nzcv)
{
	cpu->pstate = (cpu->pstate & ~A64_NZCV) | nzcv;
}

/*
 * ExtendReg() of DDI 0487, without the shift: `option` is the field of that
 * name. Bits above a W register's are the sign's, or not, for either width.
 */
static inline u64 a64_extend(u64 value, unsigned int option)
{
	switch (option) {
	case 0:
		return (u8)value;
	case 1:
		return (u16)value;
	case 2:
		return (u32)value;
	case 4:
		return a64_sign_extend(value, 8);
	case 5:
		return a64_sign_extend(value, 16);
	case 6:
		return a64_sign_extend(value, 32);
	default:
		return value;
	}
}

#endif
