/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A64: bit fields, shifts, multiplication, division, and the instructions that
 * form constants and addresses. Encodings: DDI 0487, C4.1, "Data Processing --
 * Immediate" and "-- Register".
 *
 * Nothing here reads or writes the flags. Where C leaves a result undefined (a
 * shift by the whole width, a division by zero or with overflow) the functions
 * below return what the architecture defines.
 */
#include "decode.h"

/* ---- Constants and addresses --------------------------------------------- */

/* The offset is signed; the sum wraps. */
static u64 adr(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, cpu->pc + insn->imm);
}

static u64 adrp(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, ALIGN_DOWN(cpu->pc, 4096) + insn->imm);
}

/* "PC-rel. addressing" */
static bool decode_adr(struct a64_insn *insn, u32 word)
{
	bool page = a64_bit(word, 31);

	insn->rd = a64_result(word, 0);
	insn->mask = ~0ULL;
	insn->imm = a64_signed_bits(word, 23, 5) << 2 | a64_bits(word, 30, 29);
	if (page)
		insn->imm <<= 12;
	insn->run = page ? adrp : adr;
	return true;
}

/* MOVN as well: the decoder has inverted the immediate. */
static u64 movz(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, insn->imm);
}

/* Replaces 16 bits; the decoder sets Rn to Rd. */
static u64 movk(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	u64 kept = cpu->x[insn->rn] & ~(0xffffULL << insn->left);

	return a64_put(cpu, insn, kept | insn->imm);
}

/* "Move wide (immediate)": MOVN, MOVZ, MOVK */
static bool decode_mov(struct a64_insn *insn, u32 word)
{
	unsigned int opc = a64_bits(word, 30, 29);

	insn->rd = a64_result(word, 0);
	insn->mask = a64_width_mask(a64_is64(word));
	if (opc == 3)
		insn->rn = a64_source(word, 0);
	insn->left = 16 * a64_bits(word, 22, 21);
	insn->imm = (u64)a64_bits(word, 20, 5) << insn->left;
	if (opc == 0)
		insn->imm = ~insn->imm;
	insn->run = opc == 3 ? movk : movz;
	return opc != 1 && (a64_is64(word) || insn->left < 32);
}

/* ---- Bit fields ---------------------------------------------------------- */

/* LSL, LSR, UBFX, UXTB and the like are aliases of it. */
static u64 ubfm(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn,
		       cpu->x[insn->rn] << insn->left >> insn->right);
}

static u64 sbfm(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	s64 field = cpu->x[insn->rn] << insn->left;

	return a64_put(cpu, insn, (u64)(field >> insn->right));
}

/* `rm` is the old Rd, of which the bits outside of the field stay. */
static u64 bfm(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	u64 field = cpu->x[insn->rn] << insn->left >> insn->right;
	u64 kept = cpu->x[insn->rm] & ~insn->imm;

	return a64_put(cpu, insn, kept | field);
}

/*
 * The field's top bit, `imms`, goes up to bit 63 and then down to where it
 * belongs: `immr` below if that is not above it, else where a rotation right by
 * `immr` has it.
 */
static void set_field(struct a64_insn *insn, unsigned int size,
		      unsigned int immr, unsigned int imms)
{
	unsigned int top = imms - immr + (imms < immr ? size : 0);

	insn->left = 63 - imms;
	insn->right = 63 - top;
	insn->imm = ~0ULL << insn->left >> insn->right;
}

/* "Bitfield": N is as sf; W registers have 32 bits */
static bool decode_bitfield(struct a64_insn *insn, u32 word)
{
	static a64_handler *const run[] = { sbfm, bfm, ubfm };
	unsigned int opc = a64_bits(word, 30, 29);
	unsigned int immr = a64_bits(word, 21, 16);
	unsigned int imms = a64_bits(word, 15, 10);
	unsigned int size = a64_is64(word) ? 64 : 32;

	if (opc == 3 || a64_bit(word, 22) != a64_is64(word) || immr >= size ||
	    imms >= size)
		return false;
	a64_registers(insn, word);
	insn->rm = opc == 1 ? a64_source(word, 0) : A64_ZR;
	set_field(insn, size, immr, imms);
	insn->run = run[opc];
	return true;
}

/* Two shifts, as a single one by 64 (right = 0) is undefined in C. */
static u64 extr64(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	u64 high = cpu->x[insn->rn] << 1 << (63 - insn->right);

	return a64_put(cpu, insn, high | cpu->x[insn->rm] >> insn->right);
}

static u64 extr32(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	u64 both = cpu->x[insn->rn] << 32 | (u32)cpu->x[insn->rm];

	return a64_put(cpu, insn, both >> insn->right);
}

/* "Extract": N is as sf */
static bool decode_extract(struct a64_insn *insn, u32 word)
{
	bool is64 = a64_is64(word);

	a64_registers(insn, word);
	insn->right = a64_bits(word, 15, 10);
	insn->run = is64 ? extr64 : extr32;
	return a64_bit(word, 22) == is64 && (is64 || insn->right < 32);
}

/* ---- Two sources --------------------------------------------------------- */

/* Division by zero yields zero and no exception (C6.2). */
static u64 udiv(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	u64 a = cpu->x[insn->rn] & insn->mask;
	u64 b = cpu->x[insn->rm] & insn->mask;

	return a64_put(cpu, insn, b ? a / b : 0);
}

/*
 * INT_MIN / -1 overflows in C; the architecture returns INT_MIN, as the
 * negation modulo 2^64 does.
 */
static u64 quotient(s64 a, s64 b)
{
	if (b == -1)
		return -(u64)a;
	return b ? (u64)(a / b) : 0;
}

static u64 sdiv64(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, quotient(cpu->x[insn->rn], cpu->x[insn->rm]));
}

static u64 sdiv32(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	s32 a = cpu->x[insn->rn], b = cpu->x[insn->rm];

	return a64_put(cpu, insn, quotient(a, b));
}

/* Variable shifts use the amount modulo the width; `left` is 63 or 31. */
static unsigned int amount(const struct a64_cpu *cpu,
			   const struct a64_insn *insn)
{
	return cpu->x[insn->rm] & insn->left;
}

static u64 lslv(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, cpu->x[insn->rn] << amount(cpu, insn));
}

static u64 lsrv(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	u64 value = cpu->x[insn->rn] & insn->mask;

	return a64_put(cpu, insn, value >> amount(cpu, insn));
}

static u64 asrv64(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	s64 value = cpu->x[insn->rn];

	return a64_put(cpu, insn, (u64)(value >> amount(cpu, insn)));
}

static u64 asrv32(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	s32 value = cpu->x[insn->rn];

	return a64_put(cpu, insn, (u64)(value >> amount(cpu, insn)));
}

static u64 rorv64(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	u64 value = cpu->x[insn->rn];
	unsigned int n = amount(cpu, insn);

	return a64_put(cpu, insn, value >> n | value << (-n & 63));
}

static u64 rorv32(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	u32 value = cpu->x[insn->rn];
	unsigned int n = amount(cpu, insn);

	return a64_put(cpu, insn, value >> n | value << (-n & 31));
}

/* "Data-processing (2 source)": UDIV, SDIV, LSLV, LSRV, ASRV, RORV */
static bool decode_two(struct a64_insn *insn, u32 word)
{
	static a64_handler *const run[][2] = {
		[2] = { udiv, udiv },	   [3] = { sdiv32, sdiv64 },
		[8] = { lslv, lslv },	   [9] = { lsrv, lsrv },
		[10] = { asrv32, asrv64 }, [11] = { rorv32, rorv64 },
	};
	unsigned int opcode = a64_bits(word, 15, 10);

	if (opcode >= ARRAY_SIZE(run))
		return false;
	a64_registers(insn, word);
	insn->left = a64_is64(word) ? 63 : 31;
	insn->run = run[opcode][a64_is64(word)];
	return insn->run;
}

/* ---- One source ---------------------------------------------------------- */

/*
 * Exchanges neighbouring groups of `distance` bits; `mask` has the lower ones.
 */
static u64 swap_bits(u64 x, u64 mask, unsigned int distance)
{
	return (x >> distance & mask) | (x & mask) << distance;
}

static u64 swap_bytes16(u64 x)
{
	return swap_bits(x, 0x00ff00ff00ff00ff, 8);
}

static u64 swap_bytes32(u64 x)
{
	return swap_bits(swap_bytes16(x), 0x0000ffff0000ffff, 16);
}

static u64 reverse(u64 x)
{
	x = swap_bits(x, 0x5555555555555555, 1);
	x = swap_bits(x, 0x3333333333333333, 2);
	x = swap_bits(x, 0x0f0f0f0f0f0f0f0f, 4);
	return __builtin_bswap64(x);
}

/* __builtin_clzll(0) is undefined. */
static unsigned int leading_zeros(u64 x)
{
	return x ? __builtin_clzll(x) : 64;
}

/*
 * RBIT of a W register is done in the upper half, whose reversal is the lower.
 */
static u64 rbit64(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, reverse(cpu->x[insn->rn]));
}

static u64 rbit32(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, reverse(cpu->x[insn->rn] << 32));
}

static u64 rev16(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, swap_bytes16(cpu->x[insn->rn]));
}

static u64 rev32(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, swap_bytes32(cpu->x[insn->rn]));
}

static u64 rev64(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, __builtin_bswap64(cpu->x[insn->rn]));
}

static u64 clz64(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, leading_zeros(cpu->x[insn->rn]));
}

static u64 clz32(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, leading_zeros((u32)cpu->x[insn->rn]) - 32);
}

/* CLS counts the bits below the sign bit that equal it. */
static u64 cls64(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, __builtin_clrsbll((s64)cpu->x[insn->rn]));
}

static u64 cls32(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, __builtin_clrsb((s32)cpu->x[insn->rn]));
}

/* "Data-processing (1 source)": RBIT, REV16, REV32, REV, CLZ, CLS */
static bool decode_one(struct a64_insn *insn, u32 word)
{
	static a64_handler *const run[][2] = {
		{ rbit32, rbit64 }, { rev16, rev16 }, { rev32, rev32 },
		{ NULL, rev64 },    { clz32, clz64 }, { cls32, cls64 },
	};
	unsigned int opcode = a64_bits(word, 15, 10);

	if (opcode >= ARRAY_SIZE(run))
		return false;
	a64_registers(insn, word);
	insn->rm = A64_ZR;
	insn->run = run[opcode][a64_is64(word)];
	return insn->run;
}

/* ---- Three sources ------------------------------------------------------- */

static u64 madd(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn,
		       cpu->x[insn->ra] + cpu->x[insn->rn] * cpu->x[insn->rm]);
}

static u64 msub(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn,
		       cpu->x[insn->ra] - cpu->x[insn->rn] * cpu->x[insn->rm]);
}

/* 32 x 32 -> 64 bits, for SMADDL, SMSUBL and their aliases SMULL, SMNEGL. */
static u64 product_signed(const struct a64_cpu *cpu,
			  const struct a64_insn *insn)
{
	s64 a = (s32)cpu->x[insn->rn];

	return (u64)(a * (s32)cpu->x[insn->rm]);
}

static u64 product_unsigned(const struct a64_cpu *cpu,
			    const struct a64_insn *insn)
{
	u64 a = (u32)cpu->x[insn->rn];

	return a * (u32)cpu->x[insn->rm];
}

static u64 smaddl(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, cpu->x[insn->ra] + product_signed(cpu, insn));
}

static u64 smsubl(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn, cpu->x[insn->ra] - product_signed(cpu, insn));
}

static u64 umaddl(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn,
		       cpu->x[insn->ra] + product_unsigned(cpu, insn));
}

static u64 umsubl(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return a64_put(cpu, insn,
		       cpu->x[insn->ra] - product_unsigned(cpu, insn));
}

static u64 smulh(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	__int128 a = (s64)cpu->x[insn->rn];

	return a64_put(cpu, insn, (u64)(a * (s64)cpu->x[insn->rm] >> 64));
}

static u64 umulh(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	unsigned __int128 a = cpu->x[insn->rn];

	return a64_put(cpu, insn, (u64)(a * cpu->x[insn->rm] >> 64));
}

/*
 * "Data-processing (3 source)", by op31 and o0, bits 23:21 and 15. Only MADD
 * and MSUB are there for W registers; SMULH and UMULH have ones for Ra.
 */
static bool decode_three(struct a64_insn *insn, u32 word)
{
	static a64_handler *const run[16] = {
		[0] = madd,  [1] = msub,    [2] = smaddl,  [3] = smsubl,
		[4] = smulh, [10] = umaddl, [11] = umsubl, [12] = umulh,
	};
	unsigned int op = a64_bits(word, 23, 21) << 1 | a64_bit(word, 15);

	a64_registers(insn, word);
	insn->ra = a64_source(word, 10);
	insn->run = run[op];
	if ((op == 4 || op == 12) && insn->ra != A64_ZR)
		return false;
	return insn->run && (a64_is64(word) || op < 2);
}

const struct a64_class a64_bits_imm[] = {
	{ 0x1f000000, 0x10000000, decode_adr, true },
	{ 0x1f800000, 0x12800000, decode_mov, true },
	{ 0x1f800000, 0x13000000, decode_bitfield, true },
	{ 0x7fa00000, 0x13800000, decode_extract, true },
	{ 0, 0, NULL, false },
};

const struct a64_class a64_bits_reg[] = {
	{ 0x7fe00000, 0x1ac00000, decode_two, true },
	{ 0x7fff0000, 0x5ac00000, decode_one, true },
	{ 0x7f000000, 0x1b000000, decode_three, true },
	{ 0, 0, NULL, false },
};
