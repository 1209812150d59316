/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Batches: random instructions between accesses to a device, whose exits make
 * lkvm interpret what follows, must leave the registers and memory that the CPU
 * leaves. Each sequence runs twice from the same state: with a byte
 * of a device that can be written and read, and with a byte of RAM in its
 * place. seed=N, n=N sequences.
 */
#include "a64_words.h"
#include "code.h"
#include "io.h"
#include "tests.h"

#define PIECES	   8
#define PIECE	   6 /* random instructions between accesses */
#define DATA_SIZE  0x1100
#define DATA_MID   0x800 /* where x27 points to */
#define REPORTED   3
#define STRB_W(rt) (0x39000380U | (rt)) /* strb wt, [x28] */
#define LDRB_W(rt) (0x39400380U | (rt))
#define X27	   27U

static u32 code[PIECES * (PIECE + 1) + 2] __attribute__((aligned(256)));
static u8 start[DATA_SIZE], data[DATA_SIZE] __attribute__((aligned(4096)));
static u8 by_cpu[DATA_SIZE];
static u64 before[SLOT_STATE], after[2][SLOT_STATE];
static u32 mismatches, faults;

/* x28 is not the same in both runs: no word may have it as a source. */
static bool may_read_x28(u32 word)
{
	return (word >> 5 & 31) == 28 || (word >> 10 & 31) == 28 ||
	       (word >> 16 & 31) == 28;
}

/* Ends no sequence, leaves x27 and up alone, and cannot wait for ever. */
static bool is_usable(const struct word_class *class, u32 word)
{
	if ((word & 31) >= X27 || may_read_x28(word))
		return false;
	switch (class->kind) {
	case WORD_REGISTERS:
		return true;
	case WORD_ANY: /* most of them end a batch */
		return !random_below(16);
	case WORD_MEMORY:
		/* Only what leaves its base as it is; see memory_word(). */
		return class->value == 0x39000000 ||
		       class->value == 0x38000000 || class->value == 0x29000000;
	default:
		return class->value == 0xd503301f; /* barriers */
	}
}

/*
 * The base becomes x27 and the offset small. The second register of a pair must
 * not be a reserved one.
 */
static u32 memory_word(u32 word)
{
	word = (word & ~(31U << 5)) | X27 << 5;
	if ((word & 0x3f000000) == 0x39000000)
		word &= ~(0xf00U << 10);
	if ((word & 0x3f800000) == 0x29000000 && (word >> 10 & 31) >= X27)
		word ^= 16U << 10;
	return word;
}

/* Draws until a word qualifies. */
static u32 usable_word(void)
{
	const struct word_class *class;
	u32 word;

	do {
		class = &word_classes[random_below((u32)nr_word_classes)];
		word = random_word(class);
	} while (!is_usable(class, word));
	return class->kind == WORD_MEMORY ? memory_word(word) : word;
}

/*
 * An access, then pieces of random instructions, each followed by an access: a
 * batch can extend over all of them.
 */
static void write_code(void)
{
	u32 *at = code;

	*at++ = STRB_W(random_below(X27));
	for (u32 i = 0; i < PIECES; i++) {
		u32 rt = random_below(X27);

		for (u32 n = 0; n < PIECE; n++)
			*at++ = usable_word();
		*at++ = random_below(2) ? STRB_W(rt) : LDRB_W(rt);
	}
	*at = RET;
	cache_clean(code, sizeof(code));
	icache_invalidate();
}

/* Memory changes a little each time: what is left over is random, too. */
static void choose_state(void)
{
	for (u32 i = 0; i < SLOT_REGS; i++)
		before[i] = random_value();
	before[SLOT_REGS] = random_u64() & 0xf0000000;
	for (u32 i = 0; i < 512; i++)
		start[random_below(DATA_SIZE)] = (u8)random_u64();
}

/* Undefined instructions are skipped by the exception handler, in both runs. */
static void run(u32 which, u64 byte)
{
	u64 *state = after[which];

	memcpy(state, before, sizeof(before));
	memcpy(data, start, DATA_SIZE);
	state[SLOT_REGS + 1] = (u64)data + DATA_MID;
	state[SLOT_REGS + 2] = byte;
	fault_expect();
	run_slot(state, code);
	faults += (u32)fault_end()->count;
}

static u32 first_other_reg(void)
{
	u32 i = 0;

	while (i <= SLOT_REGS && after[0][i] == after[1][i])
		i++;
	return i;
}

static u32 first_other_byte(void)
{
	u32 i = 0;

	while (i < DATA_SIZE && data[i] == by_cpu[i])
		i++;
	return i;
}

/* Only the first few, with the code, in lines that judge.c keeps as notes. */
static void report(u32 reg, u32 byte)
{
	if (mismatches++ >= REPORTED)
		return;
	if (reg <= SLOT_REGS)
		check(false, "%s%u is 0x%lx, by the CPU 0x%lx",
		      reg == SLOT_REGS ? "NZCV of x" : "x", reg, after[1][reg],
		      after[0][reg]);
	else
		check(false, "byte 0x%x of memory is 0x%x, by the CPU 0x%x",
		      byte, data[byte], by_cpu[byte]);
	for (u32 i = 0; code[i] != RET; i++)
		print("%s%08x", i % 16 ? " " : "\ncode ", code[i]);
	print("\n");
}

/*
 * Run 0 with a byte of RAM: no exit, hence the CPU alone. Run 1 with a device.
 */
static void one_sequence(void)
{
	static u8 ram_byte;
	u32 reg, byte;

	write_code();
	choose_state();
	ram_byte = 0;
	run(0, (u64)&ram_byte);
	memcpy(by_cpu, data, DATA_SIZE);
	write8(SCRATCH, 0);
	run(1, SCRATCH);
	reg = first_other_reg();
	byte = first_other_byte();
	if (reg <= SLOT_REGS || byte < DATA_SIZE)
		report(reg, byte);
}

void test_batch(void)
{
	u32 n = (u32)param("n", 200);

	random_seed(param("seed", 1));
	for (u32 i = 0; i < n; i++) {
		one_sequence();
		if (i % 16 == 0)
			alive();
	}
	check_eq(mismatches, 0, "sequences that differ");
	note("sequences %u", n);
	note("undefined %u", faults);
}
