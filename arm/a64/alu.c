/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A64: arithmetic, logic and conditions, on operands of every kind. Encodings:
 * DDI 0487, C4.1, "Data Processing -- Immediate" and "-- Register".
 *
 * An operation (add, eor, csel) and a kind of second operand (immediate,
 * register, shifted, extended) are inline functions; HANDLER() makes one
 * handler of each pair. So what is constant for an encoding is chosen while
 * decoding, not at each execution. W and X forms share a handler where
 * a64_insn.mask makes the only difference; those that set flags do not, because
 * the sign bit and the carry depend on the width.
 */
#include "decode.h"

/* ---- The second operand -------------------------------------------------- */

static inline u64 imm(const struct a64_cpu *cpu, const struct a64_insn *insn)
{
	(void)cpu;
	return insn->imm;
}

static inline u64 reg(const struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return cpu->x[insn->rm];
}

/* Values of a64_insn.option: ShiftReg()'s types, for X and for W registers. */
enum shift {
	LSL,
	LSR,
	ASR,
	ROR,
	LSL32,
	LSR32,
	ASR32,
	ROR32
};

/* ShiftReg() of DDI 0487; set_shift() limits `left` to the register's width. */
static inline u64 shifted(const struct a64_cpu *cpu,
			  const struct a64_insn *insn)
{
	u64 value = cpu->x[insn->rm];
	unsigned int n = insn->left;

	switch (insn->option) {
	case LSR:
		return value >> n;
	case ASR:
		return (u64)((s64)value >> n);
	case ROR:
		return value >> n | value << (-n & 63);
	case LSR32:
		return (u32)value >> n;
	case ASR32:
		return (u64)((s32)value >> n);
	case ROR32:
		return (u32)value >> n | (u32)value << (-n & 31);
	default:
		return value << n;
	}
}

/* Extended register, then LSL by 0 to 4. */
static inline u64 extended(const struct a64_cpu *cpu,
			   const struct a64_insn *insn)
{
	return a64_extend(cpu->x[insn->rm], insn->option) << insn->left;
}

/* ---- Operations ---------------------------------------------------------- */

/* The operands of W registers may have any bits above them. */

static inline u64 add(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
		      u64 b)
{
	return a64_put(cpu, insn, a + b);
}

static inline u64 sub(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
		      u64 b)
{
	return a64_put(cpu, insn, a - b);
}

/*
 * AddWithCarry() of DDI 0487, with its flags: V is set where both operands have
 * the same sign and the sum has the other. Subtraction is a + ~b + 1.
 */
static inline u64 sum64(struct a64_cpu *cpu, u64 a, u64 b, bool carry)
{
	u64 partial, sum;
	bool c = __builtin_add_overflow(a, b, &partial);
	u64 v;

	c |= __builtin_add_overflow(partial, carry, &sum);
	v = (a ^ sum) & (b ^ sum);
	a64_set_flags(cpu, (sum >> 63) << 31 | (u64)(sum == 0) << 30 |
				   (u64)c << 29 | v >> 63 << 28);
	return sum;
}

/* The same for W registers; carry is bit 32 of a 64-bit sum. */
static inline u64 sum32(struct a64_cpu *cpu, u32 a, u32 b, bool carry)
{
	u64 wide = (u64)a + b + carry;
	u32 sum = wide;
	u32 v = (a ^ sum) & (b ^ sum);

	a64_set_flags(cpu, (u64)(sum >> 31) << 31 | (u64)(sum == 0) << 30 |
				   wide >> 32 << 29 | (u64)(v >> 31) << 28);
	return sum;
}

static inline u64 adds64(struct a64_cpu *cpu, const struct a64_insn *insn,
			 u64 a, u64 b)
{
	return a64_put(cpu, insn, sum64(cpu, a, b, false));
}

static inline u64 adds32(struct a64_cpu *cpu, const struct a64_insn *insn,
			 u64 a, u64 b)
{
	return a64_put(cpu, insn, sum32(cpu, a, b, false));
}

static inline u64 subs64(struct a64_cpu *cpu, const struct a64_insn *insn,
			 u64 a, u64 b)
{
	return a64_put(cpu, insn, sum64(cpu, a, ~b, true));
}

static inline u64 subs32(struct a64_cpu *cpu, const struct a64_insn *insn,
			 u64 a, u64 b)
{
	return a64_put(cpu, insn, sum32(cpu, a, ~b, true));
}

/* PSTATE.C, the carry in of ADC and SBC. */
static inline bool carry(const struct a64_cpu *cpu)
{
	return cpu->pstate & A64_C;
}

static inline u64 adc(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
		      u64 b)
{
	return a64_put(cpu, insn, a + b + carry(cpu));
}

static inline u64 sbc(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
		      u64 b)
{
	return a64_put(cpu, insn, a + ~b + carry(cpu));
}

static inline u64 adcs64(struct a64_cpu *cpu, const struct a64_insn *insn,
			 u64 a, u64 b)
{
	return a64_put(cpu, insn, sum64(cpu, a, b, carry(cpu)));
}

static inline u64 adcs32(struct a64_cpu *cpu, const struct a64_insn *insn,
			 u64 a, u64 b)
{
	return a64_put(cpu, insn, sum32(cpu, a, b, carry(cpu)));
}

static inline u64 sbcs64(struct a64_cpu *cpu, const struct a64_insn *insn,
			 u64 a, u64 b)
{
	return a64_put(cpu, insn, sum64(cpu, a, ~b, carry(cpu)));
}

static inline u64 sbcs32(struct a64_cpu *cpu, const struct a64_insn *insn,
			 u64 a, u64 b)
{
	return a64_put(cpu, insn, sum32(cpu, a, ~b, carry(cpu)));
}

static inline u64 bit_and(struct a64_cpu *cpu, const struct a64_insn *insn,
			  u64 a, u64 b)
{
	return a64_put(cpu, insn, a & b);
}

static inline u64 orr(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
		      u64 b)
{
	return a64_put(cpu, insn, a | b);
}

static inline u64 eor(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
		      u64 b)
{
	return a64_put(cpu, insn, a ^ b);
}

/*
 * ANDS clears C and V. The sign is the highest bit of the mask, so that one
 * function does for both widths.
 */
static inline u64 ands(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
		       u64 b)
{
	u64 value = a & b & insn->mask;
	u64 sign = insn->mask & ~(insn->mask >> 1);

	a64_set_flags(cpu, (u64)((value & sign) != 0) << 31 | (u64)(value == 0)
								      << 30);
	return a64_put(cpu, insn, value);
}

static inline u64 bic(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
		      u64 b)
{
	return bit_and(cpu, insn, a, ~b);
}

static inline u64 orn(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
		      u64 b)
{
	return orr(cpu, insn, a, ~b);
}

static inline u64 eon(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
		      u64 b)
{
	return eor(cpu, insn, a, ~b);
}

static inline u64 bics(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
		       u64 b)
{
	return ands(cpu, insn, a, ~b);
}

/*
 * Conditional compares: if the condition fails, the flags are set from the
 * immediate, which is in `mask` at the place of NZCV.
 */
static inline u64 ccmp64(struct a64_cpu *cpu, const struct a64_insn *insn,
			 u64 a, u64 b)
{
	if (a64_holds(cpu, insn))
		sum64(cpu, a, ~b, true);
	else
		a64_set_flags(cpu, insn->mask);
	return A64_NEXT;
}

static inline u64 ccmp32(struct a64_cpu *cpu, const struct a64_insn *insn,
			 u64 a, u64 b)
{
	if (a64_holds(cpu, insn))
		sum32(cpu, a, ~b, true);
	else
		a64_set_flags(cpu, insn->mask);
	return A64_NEXT;
}

static inline u64 ccmn64(struct a64_cpu *cpu, const struct a64_insn *insn,
			 u64 a, u64 b)
{
	if (a64_holds(cpu, insn))
		sum64(cpu, a, b, false);
	else
		a64_set_flags(cpu, insn->mask);
	return A64_NEXT;
}

static inline u64 ccmn32(struct a64_cpu *cpu, const struct a64_insn *insn,
			 u64 a, u64 b)
{
	if (a64_holds(cpu, insn))
		sum32(cpu, a, b, false);
	else
		a64_set_flags(cpu, insn->mask);
	return A64_NEXT;
}

/* CSINC, CSINV and CSNEG are CSEL with the second operand changed. */
static inline u64 csel(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
		       u64 b)
{
	return a64_put(cpu, insn, a64_holds(cpu, insn) ? a : b);
}

static inline u64 csinc(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
			u64 b)
{
	return csel(cpu, insn, a, b + 1);
}

static inline u64 csinv(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
			u64 b)
{
	return csel(cpu, insn, a, ~b);
}

static inline u64 csneg(struct a64_cpu *cpu, const struct a64_insn *insn, u64 a,
			u64 b)
{
	return csel(cpu, insn, a, -b);
}

/* ---- Handlers: one for an operation and a kind of operand ---------------- */

#define HANDLER(operation, operand)                                   \
	static u64 operation##_##operand(struct a64_cpu *cpu,         \
					 const struct a64_insn *insn) \
	{                                                             \
		return operation(cpu, insn, cpu->x[insn->rn],         \
				 operand(cpu, insn));                 \
	}                                                             \
	struct a64_cpu /* for the semicolon */

HANDLER(add, imm);
HANDLER(add, reg);
HANDLER(add, shifted);
HANDLER(add, extended);
HANDLER(sub, imm);
HANDLER(sub, reg);
HANDLER(sub, shifted);
HANDLER(sub, extended);
HANDLER(adds64, imm);
HANDLER(adds64, reg);
HANDLER(adds64, shifted);
HANDLER(adds64, extended);
HANDLER(adds32, imm);
HANDLER(adds32, reg);
HANDLER(adds32, shifted);
HANDLER(adds32, extended);
HANDLER(subs64, imm);
HANDLER(subs64, reg);
HANDLER(subs64, shifted);
HANDLER(subs64, extended);
HANDLER(subs32, imm);
HANDLER(subs32, reg);
HANDLER(subs32, shifted);
HANDLER(subs32, extended);
HANDLER(adc, reg);
HANDLER(sbc, reg);
HANDLER(adcs64, reg);
HANDLER(adcs32, reg);
HANDLER(sbcs64, reg);
HANDLER(sbcs32, reg);
HANDLER(bit_and, imm);
HANDLER(bit_and, reg);
HANDLER(bit_and, shifted);
HANDLER(orr, imm);
HANDLER(orr, reg);
HANDLER(orr, shifted);
HANDLER(eor, imm);
HANDLER(eor, reg);
HANDLER(eor, shifted);
HANDLER(ands, imm);
HANDLER(ands, reg);
HANDLER(ands, shifted);
HANDLER(bic, reg);
HANDLER(bic, shifted);
HANDLER(orn, reg);
HANDLER(orn, shifted);
HANDLER(eon, reg);
HANDLER(eon, shifted);
HANDLER(bics, reg);
HANDLER(bics, shifted);
HANDLER(ccmp64, imm);
HANDLER(ccmp64, reg);
HANDLER(ccmp32, imm);
HANDLER(ccmp32, reg);
HANDLER(ccmn64, imm);
HANDLER(ccmn64, reg);
HANDLER(ccmn32, imm);
HANDLER(ccmn32, reg);
HANDLER(csel, reg);
HANDLER(csinc, reg);
HANDLER(csinv, reg);
HANDLER(csneg, reg);

/* ---- Addition and subtraction -------------------------------------------- */

/*
 * Handlers of one operation, by the kind of its second operand; NULL: the
 * encoding does not exist.
 */
struct handlers {
	a64_handler *imm, *reg, *shifted, *extended;
};

/* By sf, op and S, bits 31:29. */
static const struct handlers additions[] = {
	{ add_imm, add_reg, add_shifted, add_extended },
	{ adds32_imm, adds32_reg, adds32_shifted, adds32_extended },
	{ sub_imm, sub_reg, sub_shifted, sub_extended },
	{ subs32_imm, subs32_reg, subs32_shifted, subs32_extended },
	{ add_imm, add_reg, add_shifted, add_extended },
	{ adds64_imm, adds64_reg, adds64_shifted, adds64_extended },
	{ sub_imm, sub_reg, sub_shifted, sub_extended },
	{ subs64_imm, subs64_reg, subs64_shifted, subs64_extended },
};

/*
 * In the immediate and extended forms register 31 is SP for Rn, and for Rd
 * unless the flags are set (ADDS, SUBS, CMP).
 */
static void registers_or_sp(struct a64_insn *insn, u32 word)
{
	a64_registers(insn, word);
	insn->rn = a64_or_sp(word, 5);
	if (!a64_bit(word, 29))
		insn->rd = a64_or_sp(word, 0);
}

/* "Add/subtract (immediate)" */
static bool decode_add_imm(struct a64_insn *insn, u32 word)
{
	registers_or_sp(insn, word);
	insn->rm = A64_ZR;
	insn->imm = a64_bits(word, 21, 10) << (a64_bit(word, 22) ? 12 : 0);
	insn->run = additions[a64_bits(word, 31, 29)].imm;
	return true;
}

/* Rm with its shift. False if that is as long as the register. */
static bool set_shift(struct a64_insn *insn, u32 word)
{
	bool is64 = a64_is64(word);

	insn->left = a64_bits(word, 15, 10);
	insn->option = a64_bits(word, 23, 22) | (is64 ? 0 : LSL32);
	return is64 || insn->left < 32;
}

/* "Add/subtract (shifted register)": no ROR */
static bool decode_add_shifted(struct a64_insn *insn, u32 word)
{
	const struct handlers *h = &additions[a64_bits(word, 31, 29)];

	a64_registers(insn, word);
	insn->run = a64_bits(word, 15, 10) ? h->shifted : h->reg;
	return set_shift(insn, word) && a64_bits(word, 23, 22) != ROR;
}

/* "Add/subtract (extended register)": shifted by 0 to 4 */
static bool decode_add_extended(struct a64_insn *insn, u32 word)
{
	registers_or_sp(insn, word);
	insn->option = a64_bits(word, 15, 13);
	insn->left = a64_bits(word, 12, 10);
	insn->run = additions[a64_bits(word, 31, 29)].extended;
	return insn->left <= 4;
}

/* "Add/subtract (with carry)" */
static bool decode_add_carry(struct a64_insn *insn, u32 word)
{
	static a64_handler *const run[] = {
		adc_reg, adcs32_reg, sbc_reg, sbcs32_reg,
		adc_reg, adcs64_reg, sbc_reg, sbcs64_reg,
	};

	a64_registers(insn, word);
	insn->run = run[a64_bits(word, 31, 29)];
	return true;
}

/* ---- Logic --------------------------------------------------------------- */

/* By opc and N, bits 30:29 and 21. */
static const struct handlers logic[] = {
	{ bit_and_imm, bit_and_reg, bit_and_shifted, NULL },
	{ NULL, bic_reg, bic_shifted, NULL },
	{ orr_imm, orr_reg, orr_shifted, NULL },
	{ NULL, orn_reg, orn_shifted, NULL },
	{ eor_imm, eor_reg, eor_shifted, NULL },
	{ NULL, eon_reg, eon_shifted, NULL },
	{ ands_imm, ands_reg, ands_shifted, NULL },
	{ NULL, bics_reg, bics_shifted, NULL },
};

/*
 * DecodeBitMasks() of DDI 0487: an element of 2 to 64 bits, of which S + 1 are
 * set and rotated right by R, all over the register. 0, which none can be, if
 * the fields are reserved.
 */
static u64 bit_mask(u32 word)
{
	u32 imms = a64_bits(word, 15, 10), immr = a64_bits(word, 21, 16);
	u32 length = a64_bit(word, 22) << 6 | (~imms & 0x3f);
	u32 size, s, r;
	u64 mask;

	if (length < 2 || (!a64_is64(word) && a64_bit(word, 22)))
		return 0;
	size = rounddown_pow_of_2(length);
	s = imms & (size - 1);
	r = immr & (size - 1);
	if (s == size - 1)
		return 0;
	mask = (1ULL << (s + 1)) - 1;
	for (; size < 64; size *= 2)
		mask |= mask << size;
	return mask >> r | mask << (-r & 63);
}

/* "Logical (immediate)": Rd is SP but for ANDS */
static bool decode_logic_imm(struct a64_insn *insn, u32 word)
{
	unsigned int opc = a64_bits(word, 30, 29);

	a64_registers(insn, word);
	insn->rm = A64_ZR;
	if (opc != 3)
		insn->rd = a64_or_sp(word, 0);
	insn->imm = bit_mask(word);
	insn->run = logic[2 * opc].imm;
	return insn->imm;
}

/* "Logical (shifted register)" */
static bool decode_logic_shifted(struct a64_insn *insn, u32 word)
{
	const struct handlers *h =
		&logic[2 * a64_bits(word, 30, 29) + a64_bit(word, 21)];

	a64_registers(insn, word);
	insn->run = a64_bits(word, 15, 10) ? h->shifted : h->reg;
	return set_shift(insn, word);
}

/* ---- Conditions ---------------------------------------------------------- */

/* "Conditional compare (register)" and "(immediate)" */
static bool decode_ccmp(struct a64_insn *insn, u32 word)
{
	static const struct handlers compares[] = {
		{ ccmn32_imm, ccmn32_reg, NULL, NULL },
		{ ccmp32_imm, ccmp32_reg, NULL, NULL },
		{ ccmn64_imm, ccmn64_reg, NULL, NULL },
		{ ccmp64_imm, ccmp64_reg, NULL, NULL },
	};
	const struct handlers *h = &compares[a64_bits(word, 31, 30)];

	a64_registers(insn, word);
	insn->rd = A64_SINK;
	if (a64_bit(word, 11))
		insn->rm = A64_ZR;
	insn->imm = a64_bits(word, 20, 16);
	insn->cond = a64_condition(a64_bits(word, 15, 12));
	insn->mask = (u64)a64_bits(word, 3, 0) << 28;
	insn->run = a64_bit(word, 11) ? h->imm : h->reg;
	return true;
}

/* "Conditional select" */
static bool decode_csel(struct a64_insn *insn, u32 word)
{
	static a64_handler *const run[] = {
		csel_reg,
		csinc_reg,
		csinv_reg,
		csneg_reg,
	};

	a64_registers(insn, word);
	insn->cond = a64_condition(a64_bits(word, 15, 12));
	insn->run = run[a64_bit(word, 30) << 1 | a64_bit(word, 10)];
	return true;
}

/* "Data Processing -- Register"; what bits.c has is in a64_bits_reg. */
const struct a64_class a64_alu_reg[] = {
	{ 0x1f200000, 0x0b000000, decode_add_shifted, true },
	{ 0x1fe00000, 0x0b200000, decode_add_extended, true },
	{ 0x1f000000, 0x0a000000, decode_logic_shifted, true },
	{ 0x1fe0fc00, 0x1a000000, decode_add_carry, true },
	{ 0x3fe00410, 0x3a400000, decode_ccmp, false },
	{ 0x3fe00800, 0x1a800000, decode_csel, true },
	{ 0, 0, NULL, false },
};

/* "Data Processing -- Immediate"; what bits.c has is in a64_bits_imm. */
const struct a64_class a64_alu_imm[] = {
	{ 0x1f800000, 0x11000000, decode_add_imm, true },
	{ 0x1f800000, 0x12000000, decode_logic_imm, true },
	{ 0, 0, NULL, false },
};
