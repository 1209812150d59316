/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A64: loads and stores of general-purpose registers. Encodings: DDI 0487,
 * C4.1, "Loads and Stores".
 *
 * An address is looked up with a64_ops.ram() first; where there is no RAM, a
 * single register's access goes to a64_ops.device(). Pairs, exclusives, atomics
 * (LSE), acquire and release, unprivileged and SIMD accesses never go to a
 * device; of these only pairs are implemented for RAM. An access that is not
 * aligned stops, because it faults or not depending on SCTLR_EL1.A and the
 * memory type.
 */
#include "decode.h"

/* ---- Accesses ------------------------------------------------------------ */

/* Single-copy atomic, as is every aligned access of the guest (B2.2.1). */
static u64 read_ram(const void *at, unsigned int len)
{
	switch (len) {
	case 1:
		return __atomic_load_n((const u8 *)at, __ATOMIC_RELAXED);
	case 2:
		return __atomic_load_n((const u16 *)at, __ATOMIC_RELAXED);
	case 4:
		return __atomic_load_n((const u32 *)at, __ATOMIC_RELAXED);
	default:
		return __atomic_load_n((const u64 *)at, __ATOMIC_RELAXED);
	}
}

static void write_ram(void *at, unsigned int len, u64 value)
{
	switch (len) {
	case 1:
		__atomic_store_n((u8 *)at, value, __ATOMIC_RELAXED);
		break;
	case 2:
		__atomic_store_n((u16 *)at, value, __ATOMIC_RELAXED);
		break;
	case 4:
		__atomic_store_n((u32 *)at, value, __ATOMIC_RELAXED);
		break;
	default:
		__atomic_store_n((u64 *)at, value, __ATOMIC_RELAXED);
		break;
	}
}

/* A stack pointer that is not aligned may be a fault (CheckSPAlignment()). */
static inline bool base_fits(const struct a64_cpu *cpu,
			     const struct a64_insn *insn)
{
	return insn->rn != A64_SP || cpu->x[A64_SP] % 16 == 0;
}

/* The bits above `len` that an op returns are undefined; they are cleared. */
static bool read_device(struct a64_cpu *cpu, u64 va, unsigned int len,
			u64 *value)
{
	*value = 0;
	if (cpu->ops->device(cpu, va, len, false, value))
		return false;
	*value &= ~0ULL >> (64 - 8 * len);
	return true;
}

/*
 * What is loaded goes to Rd, sign-extended by shifting it up to bit 63 and
 * back. Of loads that do not extend the sign, both shifts are by 0.
 */
static bool load(struct a64_cpu *cpu, const struct a64_insn *insn, u64 va)
{
	unsigned int len = insn->len;
	const void *at;
	u64 value;

	if (va & (len - 1) || !base_fits(cpu, insn))
		return false;
	at = cpu->ops->ram(cpu, va, len, false);
	if (at)
		value = read_ram(at, len);
	else if (!read_device(cpu, va, len, &value))
		return false;
	a64_put(cpu, insn, (u64)((s64)(value << insn->right) >> insn->right));
	return true;
}

/*
 * Write-back is done by the caller after this has succeeded, so that an
 * instruction that stops has changed nothing.
 */
static bool store(struct a64_cpu *cpu, const struct a64_insn *insn, u64 va)
{
	unsigned int len = insn->len;
	u64 value = cpu->x[insn->rd] & insn->mask;
	void *at;

	if (va & (len - 1) || !base_fits(cpu, insn))
		return false;
	at = cpu->ops->ram(cpu, va, len, true);
	if (!at)
		return cpu->ops->device(cpu, va, len, true, &value) == 0;
	write_ram(at, len, value);
	return true;
}

struct words {
	u32 half[2];
};

struct doublewords {
	u64 half[2];
};

/*
 * Pairs: with FEAT_LSE2 they may be single-copy atomic as a whole (B2.2.1), and
 * the real instruction is just what the guest's would have been.
 */
static void read_pair(const void *at, unsigned int len, u64 value[2])
{
#ifdef __aarch64__
	if (len == 8)
		asm volatile("ldp %0, %1, %2"
			     : "=r"(value[0]), "=r"(value[1])
			     : "Q"(*(const struct doublewords *)at));
	else
		asm volatile("ldp %w0, %w1, %2"
			     : "=r"(value[0]), "=r"(value[1])
			     : "Q"(*(const struct words *)at));
#else
	value[0] = read_ram(at, len);
	value[1] = read_ram((const u8 *)at + len, len);
#endif
}

static void write_pair(void *at, unsigned int len, u64 first, u64 second)
{
#ifdef __aarch64__
	if (len == 8)
		asm volatile("stp %1, %2, %0"
			     : "=Q"(*(struct doublewords *)at)
			     : "r"(first), "r"(second));
	else
		asm volatile("stp %w1, %w2, %0"
			     : "=Q"(*(struct words *)at)
			     : "r"(first), "r"(second));
#else
	write_ram(at, len, first);
	write_ram((u8 *)at + len, len, second);
#endif
}

/*
 * NULL as well for a pair that crosses a page: its halves may translate to
 * different memory.
 */
static void *pair_ram(struct a64_cpu *cpu, const struct a64_insn *insn, u64 va,
		      bool write)
{
	unsigned int len = insn->len;

	if (va & (len - 1) || va % A64_PAGE + 2 * len > A64_PAGE ||
	    !base_fits(cpu, insn))
		return NULL;
	return cpu->ops->ram(cpu, va, 2 * len, write);
}

/* Both values are read before a register changes: Rt may be the base. */
static bool load_pair(struct a64_cpu *cpu, const struct a64_insn *insn, u64 va)
{
	const void *at = pair_ram(cpu, insn, va, false);
	unsigned int shift = insn->right;
	u64 value[2];

	if (!at)
		return false;
	read_pair(at, insn->len, value);
	cpu->x[insn->rd] = (u64)((s64)(value[0] << shift) >> shift);
	cpu->x[insn->ra] = (u64)((s64)(value[1] << shift) >> shift);
	return true;
}

static bool store_pair(struct a64_cpu *cpu, const struct a64_insn *insn, u64 va)
{
	void *at = pair_ram(cpu, insn, va, true);

	if (!at)
		return false;
	write_pair(at, insn->len, cpu->x[insn->rd], cpu->x[insn->ra]);
	return true;
}

/* ---- Handlers: one for an access and a way to find its address ----------- */

/* PC-relative; used for constants next to the code. */
static u64 load_literal(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	return load(cpu, insn, cpu->pc + insn->imm) ? A64_NEXT : A64_STOP;
}

#define HANDLER_OFFSET(access)                                      \
	static u64 access##_offset(struct a64_cpu *cpu,             \
				   const struct a64_insn *insn)     \
	{                                                           \
		u64 va = cpu->x[insn->rn] + insn->imm;              \
		return access(cpu, insn, va) ? A64_NEXT : A64_STOP; \
	}                                                           \
	struct a64_cpu /* for the semicolon */

#define HANDLER_PRE(access)                                  \
	static u64 access##_pre(struct a64_cpu *cpu,         \
				const struct a64_insn *insn) \
	{                                                    \
		u64 va = cpu->x[insn->rn] + insn->imm;       \
		if (!access(cpu, insn, va))                  \
			return A64_STOP;                     \
		cpu->x[insn->rn] = va;                       \
		return A64_NEXT;                             \
	}                                                    \
	struct a64_cpu /* for the semicolon */

#define HANDLER_POST(access)                                  \
	static u64 access##_post(struct a64_cpu *cpu,         \
				 const struct a64_insn *insn) \
	{                                                     \
		u64 va = cpu->x[insn->rn];                    \
		if (!access(cpu, insn, va))                   \
			return A64_STOP;                      \
		cpu->x[insn->rn] = va + insn->imm;            \
		return A64_NEXT;                              \
	}                                                     \
	struct a64_cpu /* for the semicolon */

#define HANDLER_REG(access)                                             \
	static u64 access##_reg(struct a64_cpu *cpu,                    \
				const struct a64_insn *insn)            \
	{                                                               \
		u64 index = a64_extend(cpu->x[insn->rm], insn->option); \
		u64 va = cpu->x[insn->rn] + (index << insn->left);      \
		return access(cpu, insn, va) ? A64_NEXT : A64_STOP;     \
	}                                                               \
	struct a64_cpu /* for the semicolon */

HANDLER_OFFSET(load);
HANDLER_OFFSET(store);
HANDLER_OFFSET(load_pair);
HANDLER_OFFSET(store_pair);
HANDLER_PRE(load);
HANDLER_PRE(store);
HANDLER_PRE(load_pair);
HANDLER_PRE(store_pair);
HANDLER_POST(load);
HANDLER_POST(store);
HANDLER_POST(load_pair);
HANDLER_POST(store_pair);
HANDLER_REG(load);
HANDLER_REG(store);

/* ---- Decoding ------------------------------------------------------------ */

/* Values of opc, bits 23:22; with the largest size the third is PRFM. */
enum opc {
	STORE,
	LOAD,
	LOAD_SIGNED64,
	LOAD_SIGNED32
};

/* PRFM, a NOP. What would be Rd says what to fetch. */
static void prefetch(struct a64_insn *insn)
{
	insn->run = a64_nop;
	insn->rd = A64_SINK;
	insn->writes = 0;
}

/*
 * The access by size and opc, and which of the two handlers carries it out.
 * PRFM is a NOP, in the forms that have it.
 */
static bool set_access(struct a64_insn *insn, u32 word, a64_handler *load_run,
		       a64_handler *store_run)
{
	unsigned int size = a64_bits(word, 31, 30);
	unsigned int opc = a64_bits(word, 23, 22);

	insn->len = 1U << size;
	insn->rd = opc == STORE ? a64_source(word, 0) : a64_result(word, 0);
	insn->rn = a64_or_sp(word, 5);
	insn->mask = a64_width_mask(opc != LOAD_SIGNED32);
	insn->run = opc == STORE ? store_run : load_run;
	if (opc != STORE)
		insn->writes = 1ULL << insn->rd;
	switch (opc) {
	case STORE:
		insn->mask = ~0ULL >> (64 - 8 * insn->len);
		return true;
	case LOAD:
		return true;
	case LOAD_SIGNED64:
		if (size == 3)
			prefetch(insn);
		else
			insn->right = 64 - 8 * insn->len;
		return true;
	default:
		insn->right = 64 - 8 * insn->len;
		return size < 2;
	}
}

/* "Load/store register (unsigned immediate)": in units of the size */
static bool decode_unsigned(struct a64_insn *insn, u32 word)
{
	insn->imm = (u64)a64_bits(word, 21, 10) << a64_bits(word, 31, 30);
	return set_access(insn, word, load_offset, store_offset);
}

/* "Load/store register (unscaled immediate)" */
static bool decode_unscaled(struct a64_insn *insn, u32 word)
{
	insn->imm = a64_signed_bits(word, 20, 12);
	return set_access(insn, word, load_offset, store_offset);
}

/* Write-back to a register that is loaded or stored is unpredictable. */
static bool bases_differ(u32 word, unsigned int data)
{
	u32 base = a64_bits(word, 9, 5);

	return base == 31 || base != a64_bits(word, data + 4, data);
}

/*
 * "Load/store register (immediate post-indexed)" and "(immediate pre-indexed)":
 * no PRFM
 */
static bool decode_indexed(struct a64_insn *insn, u32 word)
{
	bool pre = a64_bit(word, 11);

	insn->imm = a64_signed_bits(word, 20, 12);
	return set_access(insn, word, pre ? load_pre : load_post,
			  pre ? store_pre : store_post) &&
	       insn->run != a64_nop && bases_differ(word, 0);
}

/* "Load/store register (register offset)": extended from 32 or 64 bits */
static bool decode_offset(struct a64_insn *insn, u32 word)
{
	insn->rm = a64_source(word, 16);
	insn->option = a64_bits(word, 15, 13);
	insn->left = a64_bit(word, 12) ? a64_bits(word, 31, 30) : 0;
	return insn->option & 2 && set_access(insn, word, load_reg, store_reg);
}

/* "Load register (literal)": W, X, signed word, PRFM */
static bool decode_literal(struct a64_insn *insn, u32 word)
{
	unsigned int opc = a64_bits(word, 31, 30);

	insn->imm = a64_signed_bits(word, 23, 5) * 4;
	insn->rd = a64_result(word, 0);
	insn->mask = ~0ULL;
	insn->len = opc == 1 ? 8 : 4;
	insn->right = opc == 2 ? 32 : 0;
	insn->writes = 1ULL << insn->rd;
	insn->run = load_literal;
	if (opc == 3)
		prefetch(insn);
	return true;
}

/* By bits 24:23; 0, LDNP and STNP (no allocate), has no handler. */
static a64_handler *pair_handler(u32 word)
{
	static a64_handler *const run[4][2] = {
		[1] = { store_pair_post, load_pair_post },
		[2] = { store_pair_offset, load_pair_offset },
		[3] = { store_pair_pre, load_pair_pre },
	};

	return run[a64_bits(word, 24, 23)][a64_bit(word, 22)];
}

/* Both registers of a pair loaded are the same, or one is its own base. */
static bool pair_unpredictable(u32 word)
{
	bool is_load = a64_bit(word, 22);
	bool write_back = a64_bit(word, 23);

	if (is_load && a64_bits(word, 4, 0) == a64_bits(word, 14, 10))
		return true;
	return write_back && !(bases_differ(word, 0) && bases_differ(word, 10));
}

/*
 * "Load/store register pair (post-indexed)", "(offset)" and "(pre-indexed)":
 * W, signed words (no store), X
 */
static bool decode_pair(struct a64_insn *insn, u32 word)
{
	unsigned int opc = a64_bits(word, 31, 30);
	bool is_load = a64_bit(word, 22);

	insn->len = opc == 2 ? 8 : 4;
	insn->imm = a64_signed_bits(word, 21, 15) * insn->len;
	insn->right = opc == 1 ? 32 : 0;
	insn->rd = is_load ? a64_result(word, 0) : a64_source(word, 0);
	insn->ra = is_load ? a64_result(word, 10) : a64_source(word, 10);
	insn->rn = a64_or_sp(word, 5);
	insn->run = pair_handler(word);
	if (is_load)
		insn->writes = 1ULL << insn->rd | 1ULL << insn->ra;
	if (opc == 3 || (opc == 1 && !is_load))
		return false;
	return insn->run && !pair_unpredictable(word);
}

/* V, bit 26, is 0 in all of them: no SIMD and floating-point registers. */
const struct a64_class a64_loads_stores[] = {
	{ 0x3f000000, 0x39000000, decode_unsigned, false },
	{ 0x3f200c00, 0x38000000, decode_unscaled, false },
	{ 0x3f200c00, 0x38000400, decode_indexed, false },
	{ 0x3f200c00, 0x38000c00, decode_indexed, false },
	{ 0x3f200c00, 0x38200800, decode_offset, false },
	{ 0x3f000000, 0x18000000, decode_literal, false },
	{ 0x3e000000, 0x28000000, decode_pair, false },
	{ 0, 0, NULL, false },
};
