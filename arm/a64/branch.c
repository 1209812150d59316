/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A64: branches, hints, barriers and the flags as a register. Encodings: DDI
 * 0487, C4.1, "Branches, Exception Generating and System instructions".
 *
 * A handler returns the distance to the next instruction. SVC, HVC, WFI, ERET,
 * TLBI and system registers other than NZCV have no decoder and are left to the
 * CPU. Hints of pointer authentication and BTI are NOPs only as long as the
 * guest has neither enabled (a64_cpu.hints_are_nops).
 */
#include "decode.h"

static u64 branch(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	(void)cpu;
	return insn->imm;
}

/* A branch to itself stops, and must then leave X30 unchanged. */
static u64 branch_link(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	if (insn->imm)
		cpu->x[A64_LR] = cpu->pc + 4;
	return insn->imm;
}

static u64 branch_cond(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_holds(cpu, insn) ? insn->imm : A64_NEXT;
}

static u64 branch_zero(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return cpu->x[insn->rn] & insn->mask ? A64_NEXT : insn->imm;
}

static u64 branch_not_zero(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return cpu->x[insn->rn] & insn->mask ? insn->imm : A64_NEXT;
}

/*
 * The distance to the address in a register; A64_STOP if it cannot become the
 * pc as it is. A tagged address cannot (BranchAddr()): bits 63:56 must be
 * copies of bit 55.
 */
static u64 distance(const struct a64_cpu *cpu, const struct a64_insn *insn)
{
	u64 target = cpu->x[insn->rn];

	if (target % 4 || a64_sign_extend(target, 56) != target)
		return A64_STOP;
	return target - cpu->pc;
}

static u64 ret(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return distance(cpu, insn);
}

/*
 * BR and BLR set PSTATE.BTYPE (RET does not), which counts in a guarded page,
 * whatever page they are in. code() has none that is guarded.
 */
static u64 branch_reg(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	u64 step = distance(cpu, insn);
	u64 target = cpu->pc + step;

	if (!cpu->hints_are_nops || !step)
		return A64_STOP;
	if (ALIGN_DOWN(target, A64_PAGE) != cpu->page_va &&
	    !cpu->ops->code(cpu, target))
		return A64_STOP;
	return step;
}

static u64 branch_reg_link(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	u64 step = branch_reg(cpu, insn);

	if (step)
		cpu->x[A64_LR] = cpu->pc + 4;
	return step;
}

/* "Unconditional branch (immediate)": B, BL */
static bool decode_branch(struct a64_insn *insn, u32 word)
{
	insn->imm = a64_signed_bits(word, 25, 0) * 4;
	insn->run = a64_bit(word, 31) ? branch_link : branch;
	if (a64_bit(word, 31))
		insn->writes = 1ULL << A64_LR;
	return true;
}

/* "Conditional branch (immediate)": B.cond */
static bool decode_branch_cond(struct a64_insn *insn, u32 word)
{
	insn->imm = a64_signed_bits(word, 23, 5) * 4;
	insn->cond = a64_condition(a64_bits(word, 3, 0));
	insn->run = branch_cond;
	return true;
}

/* "Compare and branch (immediate)": CBZ, CBNZ */
static bool decode_compare(struct a64_insn *insn, u32 word)
{
	insn->imm = a64_signed_bits(word, 23, 5) * 4;
	insn->rn = a64_source(word, 0);
	insn->mask = a64_width_mask(a64_is64(word));
	insn->run = a64_bit(word, 24) ? branch_not_zero : branch_zero;
	return true;
}

/* "Test and branch (immediate)": TBZ, TBNZ */
static bool decode_test(struct a64_insn *insn, u32 word)
{
	insn->imm = a64_signed_bits(word, 18, 5) * 4;
	insn->rn = a64_source(word, 0);
	insn->mask = 1ULL << (a64_bit(word, 31) << 5 | a64_bits(word, 23, 19));
	insn->run = a64_bit(word, 24) ? branch_not_zero : branch_zero;
	return true;
}

/* "Unconditional branch (register)": BR, BLR, RET */
static bool decode_branch_reg(struct a64_insn *insn, u32 word)
{
	static a64_handler *const run[] = {
		branch_reg,
		branch_reg_link,
		ret,
	};

	insn->rn = a64_source(word, 5);
	insn->run = run[a64_bits(word, 22, 21)];
	if (insn->run == branch_reg_link)
		insn->writes = 1ULL << A64_LR;
	return true;
}

/* ---- Hints and barriers -------------------------------------------------- */

/* Hints of pointer authentication and BTI. */
static u64 hint(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	(void)insn;
	return cpu->hints_are_nops ? A64_NEXT : A64_STOP;
}

/*
 * "Hints", by CRm:op2. XPACLRI (7) is none of those: it changes X30 even if
 * pointer authentication is not enabled.
 */
static bool decode_hint(struct a64_insn *insn, u32 word)
{
	switch (a64_bits(word, 11, 5)) {
	case 0:	 /* NOP */
	case 20: /* CSDB: nothing here is carried out speculatively */
		insn->run = a64_nop;
		return true;
	case 8:		/* PACIA1716 */
	case 10:	/* PACIB1716 */
	case 12:	/* AUTIA1716 */
	case 14:	/* AUTIB1716 */
	case 24 ... 31: /* PACIAZ to AUTIBSP */
	case 32:	/* BTI, and with c, j, jc */
	case 34:
	case 36:
	case 38:
		insn->run = hint;
		return true;
	default:
		return false;
	}
}

/* Orders this thread's accesses to guest RAM as the guest's own would be. */
static u64 dmb(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	a64_host_dmb();
	return a64_nop(cpu, insn);
}

/* The real one also waits for a TLBI that the guest issued before. */
static u64 dsb(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	a64_host_dsb();
	return a64_nop(cpu, insn);
}

/* A real one: ISB after a dependent branch orders later loads (barrier.c). */
static u64 isb(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	a64_host_isb();
	return a64_nop(cpu, insn);
}

/* "Barriers": DSB but not SSBB and PSSBB, DMB, ISB */
static bool decode_barrier(struct a64_insn *insn, u32 word)
{
	switch (a64_bits(word, 7, 5)) {
	case 4:
		insn->run = dsb;
		return a64_bits(word, 11, 8) & 0xb;
	case 5:
		insn->run = dmb;
		return true;
	case 6:
		insn->run = isb;
		return true;
	default:
		return false;
	}
}

/* ---- NZCV ---------------------------------------------------------------- */

/* MRS Xt, NZCV */
static u64 read_flags(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	cpu->x[insn->rd] = cpu->pstate & A64_NZCV;
	return A64_NEXT;
}

static u64 write_flags(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	a64_set_flags(cpu, cpu->x[insn->rn] & A64_NZCV);
	return A64_NEXT;
}

/* "System register move" of NZCV: MRS, MSR */
static bool decode_flags(struct a64_insn *insn, u32 word)
{
	insn->rd = a64_result(word, 0);
	insn->rn = a64_source(word, 0);
	insn->run = a64_bit(word, 21) ? read_flags : write_flags;
	return true;
}

const struct a64_class a64_branches[] = {
	{ 0x7c000000, 0x14000000, decode_branch, false },
	{ 0xff000010, 0x54000000, decode_branch_cond, false },
	{ 0x7e000000, 0x34000000, decode_compare, false },
	{ 0x7e000000, 0x36000000, decode_test, false },
	{ 0xfffffc1f, 0xd61f0000, decode_branch_reg, false }, /* BR */
	{ 0xfffffc1f, 0xd63f0000, decode_branch_reg, false }, /* BLR */
	{ 0xfffffc1f, 0xd65f0000, decode_branch_reg, false }, /* RET */
	{ 0xfffff01f, 0xd503201f, decode_hint, false },
	{ 0xfffff01f, 0xd503301f, decode_barrier, false },
	{ 0xffdfffe0, 0xd51b4200, decode_flags, false },
	{ 0, 0, NULL, false },
};
