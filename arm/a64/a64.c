/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The A64 interpreter's loop: fetch, decode once, execute.
 *
 * arm/batch.c calls a64_run() on a vCPU's thread, after an exit for an MMIO
 * access, while that vCPU is not in KVM_RUN; arm/selftest compares it with the
 * CPU. It does not model exceptions, system registers, SIMD or exclusive
 * accesses: at these it stops with the state before the instruction, and KVM
 * executes it.
 *
 * A decoded instruction depends on its word only, and the word is compared with
 * guest memory at each fetch. So the cache of decoded instructions needs no
 * invalidation when the guest changes its code.
 */
#include <string.h>

#include "decode.h"

/*
 * SPSR_EL1 (DDI 0487, C5.2): software step, illegal state, BTYPE, AArch32. In
 * these states executing an instruction has effects besides its own.
 */
#define PSTATE_UNFIT (BIT(21) | BIT(20) | BIT(11) | BIT(10) | BIT(4))

/* Never equal to a page's address, which is aligned. */
#define NO_PAGE 1

/*
 * Main encoding table, DDI 0487, C4.1: by op1, bits 28:25 of the word. Groups
 * that are absent (reserved, SVE, SIMD and floating point) stop.
 */
static const struct a64_class *const groups[16][3] = {
	[0x4] = { a64_loads_stores },
	[0x5] = { a64_alu_reg, a64_bits_reg },
	[0x6] = { a64_loads_stores },
	[0x8] = { a64_alu_imm, a64_bits_imm },
	[0x9] = { a64_alu_imm, a64_bits_imm },
	[0xa] = { a64_branches },
	[0xb] = { a64_branches },
	[0xc] = { a64_loads_stores },
	[0xd] = { a64_alu_reg, a64_bits_reg },
	[0xe] = { a64_loads_stores },
};

/* Handler of all words that are left to the CPU. */
static u64 stop(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	(void)cpu;
	(void)insn;
	return A64_STOP;
}

/* Linear search: it runs on a miss of the decode cache only. */
static const struct a64_class *find_class(u32 word)
{
	const struct a64_class *const *tables = groups[a64_bits(word, 28, 25)];

	for (; *tables; tables++)
		for (const struct a64_class *c = *tables; c->decode; c++)
			if ((word & c->mask) == c->value)
				return c;
	return NULL;
}

/*
 * Derives which registers a64_ops.load() has to supply. `reads` may be a
 * superset of what is needed, which costs a read; `writes` must not be, or a
 * register would count as valid that is not. Decoders of loads have set
 * `writes` themselves.
 */
static void set_registers(struct a64_insn *insn, const struct a64_class *class)
{
	u64 data = (1ULL << insn->rd | 1ULL << insn->ra) & ~insn->writes;

	if (class->sets_rd) {
		insn->writes = 1ULL << insn->rd;
		data = 1ULL << insn->ra;
	}
	insn->reads = 1ULL << insn->rn | 1ULL << insn->rm | data;
}

/* Not inlined, so that the hit path of fetch() stays small. */
static __attribute__((noinline)) void decode(struct a64_insn *insn, u32 word)
{
	const struct a64_class *class = find_class(word);

	*insn = (struct a64_insn) {
		.word = word,
		.rd = A64_SINK,
		.rn = A64_ZR,
		.rm = A64_ZR,
		.ra = A64_ZR,
	};
	if (!class || !class->decode(insn, word)) {
		*insn = (struct a64_insn) { .word = word, .run = stop };
		return;
	}
	set_registers(insn, class);
}

/*
 * Translates once per page, not per instruction; valid until a64_run() returns.
 */
static __attribute__((noinline)) bool turn_page(struct a64_cpu *cpu)
{
	cpu->page = cpu->ops->code(cpu, cpu->pc);
	cpu->page_va = cpu->page ? ALIGN_DOWN(cpu->pc, A64_PAGE) : NO_PAGE;
	return cpu->page;
}

/*
 * The decoded instruction at pc; NULL if code() has no page for it. The load is
 * atomic because another vCPU may be writing the word (DDI 0487, B2.2.5,
 * concurrent modification and execution).
 */
static inline const struct a64_insn *fetch(struct a64_cpu *cpu)
{
	struct a64_insn *insn = &cpu->cache[cpu->pc / 4 % A64_CACHE];
	const void *at;
	u32 word;

	if (ALIGN_DOWN(cpu->pc, A64_PAGE) != cpu->page_va && !turn_page(cpu))
		return NULL;
	at = cpu->page + cpu->pc % A64_PAGE;
	word = __atomic_load_n((const u32 *)at, __ATOMIC_RELAXED);
	if (word != insn->word)
		decode(insn, word);
	return insn;
}

/* Registers are read from KVM on first use: each costs an ioctl. */
static inline bool has_registers(struct a64_cpu *cpu,
				 const struct a64_insn *insn)
{
	u64 missing = insn->reads & ~cpu->have;

	return !missing || cpu->ops->load(cpu, missing);
}

void a64_init(struct a64_cpu *cpu, const struct a64_ops *ops, void *opaque)
{
	memset(cpu, 0, sizeof(*cpu));
	cpu->have = ~0ULL;
	cpu->ops = ops;
	cpu->opaque = opaque;
	for (size_t i = 0; i < A64_CACHE; i++)
		cpu->cache[i].run = stop; /* word 0 is UDF #0 */
}

/*
 * Handlers may change `left` through an op, hence the check before it is
 * decremented.
 */
u64 a64_run(struct a64_cpu *cpu)
{
	u64 done = 0;

	if (cpu->pstate & PSTATE_UNFIT || cpu->pc % 4)
		return 0;
	cpu->page_va = NO_PAGE;
	cpu->have |= 1ULL << A64_ZR | 1ULL << A64_SINK;
	while (cpu->left) {
		const struct a64_insn *insn = fetch(cpu);
		u64 step = insn && has_registers(cpu, insn)
				   ? insn->run(cpu, insn)
				   : A64_STOP;

		if (step == A64_STOP)
			break;
		cpu->have |= insn->writes;
		cpu->pc += step;
		cpu->left -= cpu->left != 0;
		done++;
	}
	return done;
}
