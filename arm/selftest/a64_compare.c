/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The A64 interpreter against the CPU that lkvm runs on: random instructions
 * with random registers, run by both. It needs no KVM, but an arm64 machine.
 *
 * The code is made of slots: an instruction that does something with memory or
 * branches, or some that do not, and a BRK. A signal handler sets all
 * registers, the stack pointer included, and leaves for a slot; the BRK, or
 * that of the slot it branches to, comes back. Signal handlers have no argument
 * of their own: hence the one comparison of a process is a static variable.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "a64_compare.h"
#include "a64_words.h"
#include "lkvm/arm/a64/a64.h"

#define BRK	 0xd4200000
#define BATCH	 256 /* slots */
#define LENGTH	 16  /* instructions in a slot */
#define STRIDE	 (LENGTH + 1)
#define CODE	 (5 * SZ_4K)
#define DATA	 (64 * SZ_1K)
#define AROUND	 64 /* bytes of the data that are compared at once */
#define REPORTED 10

static const int signals[] = { SIGTRAP, SIGILL, SIGSEGV, SIGBUS };
#define NR_SIGNALS ARRAY_SIZE(signals)

/* <asm/hwcap.h>: with these features hints are not NOPs. */
#define HAS_PACA (1UL << 30)
#define HAS_BTI	 (1UL << 17) /* AT_HWCAP2 */

/*
 * What a64_ops present the data as, chosen for each instruction: RAM through
 * ram(), a device through device(), or neither, so that accesses stop.
 */
enum memory {
	RAM,
	DEVICE,
	FAULTY
};

/* What is compared: all that an instruction of these classes can change. */
struct state {
	u64 x[32]; /* and SP */
	u64 pc;
	u64 pstate;
};

/* Results by class of instructions. */
struct outcomes {
	unsigned long done;    /* CPU and interpreter did the same */
	unsigned long stopped; /* the CPU did it, the interpreter stopped */
	unsigned long faults;  /* neither did */
};

static struct {
	u32 *code;  /* BATCH slots */
	u8 *data;   /* what the CPU sees */
	u8 *shadow; /* what the interpreter sees for it */
	struct {
		size_t class[LENGTH]; /* indices into word_classes */
		size_t length;	      /* 1 or LENGTH */
	} slots[BATCH];
	size_t current;
	mcontext_t home; /* where the batch was started */
	bool away;
	struct state before;
	enum memory memory;
	u64 accessed; /* last by the interpreter */
	unsigned long mismatches;
	struct outcomes *outcomes; /* by class */
	struct a64_cpu cpu;
	FILE *out;
	stack_t stack, old_stack;
	struct sigaction old_actions[NR_SIGNALS];
} t;

/* The page as the CPU fetches it: both run the same words. */
static const void *code_page(struct a64_cpu *cpu, u64 va)
{
	(void)cpu;
	va = ALIGN_DOWN(va, A64_PAGE);
	return range_within(va, A64_PAGE, (uintptr_t)t.code, CODE)
		       ? t.code + (va - (uintptr_t)t.code) / 4
		       : NULL;
}

/* CPU and interpreter have a copy of the data each, compared afterwards. */
static u8 *shadow_of(u64 va, unsigned int len)
{
	t.accessed = va;
	return range_within(va, len, (uintptr_t)t.data, DATA)
		       ? t.shadow + (va - (uintptr_t)t.data)
		       : NULL;
}

static void *ram(struct a64_cpu *cpu, u64 va, unsigned int len, bool write)
{
	(void)cpu;
	(void)write;
	return t.memory == RAM ? shadow_of(va, len) : NULL;
}

/* Returns -EFAULT for addresses outside, where the CPU faults. */
static int device(struct a64_cpu *cpu, u64 va, unsigned int len, bool write,
		  u64 *value)
{
	u8 *at = shadow_of(va, len);

	(void)cpu;
	if (t.memory != DEVICE || !at)
		return -EFAULT;
	if (write)
		memcpy(at, value, len);
	else
		memcpy(value, at, len);
	return 0;
}

/*
 * Registers are supplied on demand only and are wrong before that, so that a
 * decoder which omits one from `reads` shows as a difference.
 */
static bool load(struct a64_cpu *cpu, u64 missing)
{
	for (unsigned int n = 0; n < ARRAY_SIZE(t.before.x); n++)
		if (missing >> n & 1)
			cpu->x[n] = t.before.x[n];
	cpu->have |= missing;
	return true;
}

static void forget_registers(void)
{
	for (unsigned int n = 0; n < ARRAY_SIZE(t.before.x); n++)
		t.cpu.x[n] = ~t.before.x[n];
	t.cpu.have = 0;
}

/* Registers that were not loaded keep their values. */
static void complete_registers(void)
{
	load(&t.cpu, A64_X_ALL & ~t.cpu.have);
}

static const struct a64_ops ops = {
	.code = code_page,
	.ram = ram,
	.device = device,
	.load = load,
};

/* ---- Instructions that do no harm ---------------------------------------- */

static u32 *slot_code(size_t slot)
{
	return t.code + STRIDE * slot;
}

/* An offset in words from the start of slot `from` to the BRK of any. */
static u32 way_to_brk(size_t from)
{
	size_t to = random_below(BATCH);

	return slot_code(to) - slot_code(from) + t.slots[to].length;
}

/* Offset in words from the slot to somewhere in the data, for literals. */
static u32 way_to_data(size_t from)
{
	u64 to = (uintptr_t)t.data + 4 * random_below(1024);

	return (to - (uintptr_t)slot_code(from)) / 4;
}

static u32 set_field(u32 word, unsigned int low, unsigned int width, u32 value)
{
	u32 mask = ((1U << width) - 1) << low;

	return (word & ~mask) | (value << low & mask);
}

/*
 * Random offsets of branches and literals are replaced: the CPU must not leave
 * the slots or touch other memory of this process.
 */
static u32 harmless_word(const struct word_class *class, size_t slot)
{
	u32 word = random_word(class);

	switch (class->kind) {
	case WORD_BRANCH26:
		return set_field(word, 0, 26, way_to_brk(slot));
	case WORD_BRANCH19:
		return set_field(word, 5, 19, way_to_brk(slot));
	case WORD_BRANCH14:
		return set_field(word, 5, 14, way_to_brk(slot));
	case WORD_LITERAL:
		return set_field(word, 5, 19, way_to_data(slot));
	default:
		return word;
	}
}

/* With room for offsets on both sides, aligned to 16 in most cases. */
static u64 base_value(void)
{
	static const u8 align[8] = { 1, 4, 8, 16, 16, 16, 16, 16 };
	u64 base = (uintptr_t)t.data + SZ_4K + random_below(2 * SZ_4K);

	return ALIGN_DOWN(base, align[random_below(8)]);
}

/* Small, once extended as the instruction says; some more bits if they go. */
static u64 index_value(u32 word)
{
	s64 index = (s64)random_below(512) - 256;
	u64 high = random_u64() << 32;

	if (random_below(4))
		index &= ~7;
	switch (word >> 13 & 7) {
	case 2:
		return high | (index & 255);
	case 6:
		return high | (u32)index;
	default:
		return index;
	}
}

static void choose_state(const struct word_class *class, u32 word)
{
	u64 *rn = &t.before.x[word >> 5 & 31];

	for (size_t i = 0; i < ARRAY_SIZE(t.before.x); i++)
		t.before.x[i] = random_value();
	t.before.pc = (uintptr_t)slot_code(t.current);
	t.before.pstate = random_u64() & A64_NZCV;
	t.memory = random_below(4) ? RAM : random_below(8) ? DEVICE : FAULTY;
	if (class->kind == WORD_BRANCH_REG) {
		*rn = t.before.pc + 4 * (s32)way_to_brk(t.current);
		if (!random_below(8))
			*rn += 1 + random_below(3);
	}
	if (class->kind == WORD_INDEX)
		t.before.x[word >> 16 & 31] = index_value(word);
	if (class->kind == WORD_MEMORY || class->kind == WORD_INDEX)
		*rn = base_value();
}

/* ---- Comparing ----------------------------------------------------------- */

static const struct word_class *class_of(size_t slot, size_t n)
{
	return &word_classes[t.slots[slot].class[n]];
}

static void report(const char *what)
{
	if (t.mismatches++ >= REPORTED)
		return;
	fprintf(t.out, "mismatch: %s, of:\n", what);
	for (size_t i = 0; i < t.slots[t.current].length; i++)
		fprintf(t.out, "  %08x %s\n", slot_code(t.current)[i],
			class_of(t.current, i)->name);
}

static void report_value(const char *name, u64 before, u64 real, u64 ours)
{
	if (real != ours && t.mismatches <= REPORTED)
		fprintf(t.out, "  %s was %#llx, is %#llx, ours %#llx\n", name,
			(unsigned long long)before, (unsigned long long)real,
			(unsigned long long)ours);
}

static bool same(const struct state *state)
{
	return !memcmp(state->x, t.cpu.x, sizeof(state->x)) &&
	       state->pc == t.cpu.pc && state->pstate == t.cpu.pstate;
}

static void report_state(const char *what, const struct state *real)
{
	char name[8];

	report(what);
	for (unsigned int i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		report_value(name, t.before.x[i], real->x[i], t.cpu.x[i]);
	}
	report_value("pc", t.before.pc, real->pc, t.cpu.pc);
	report_value("pstate", t.before.pstate, real->pstate, t.cpu.pstate);
}

/* Where the interpreter has been, both memories must hold the same. */
static bool same_around(void)
{
	u64 offset = t.accessed - (uintptr_t)t.data;

	if (!t.accessed || offset >= DATA)
		return true;
	offset = ALIGN_DOWN(offset, AROUND);
	return !memcmp(t.data + offset, t.shadow + offset, AROUND);
}

/* The CPU executed as many instructions as the interpreter. */
static void compare_end(const struct state *real)
{
	if (!same(real))
		report_state("other registers", real);
	else if (!same_around())
		report("other memory");
}

/* The interpreter stopped after `done` instructions, the CPU did not. */
static void compare_stop(u64 done, const struct state *real)
{
	t.outcomes[t.slots[t.current].class[done]].stopped++;
	if (done == 0 && !same(&t.before))
		report_state("it stopped, with changes", &t.before);
	if (t.cpu.pc != t.before.pc + 4 * done)
		report_state("it stopped elsewhere", real);
}

/* The slot was run for real and left `real`. */
static void compare(bool fault, const struct state *real)
{
	size_t length = t.slots[t.current].length;
	const size_t *class = t.slots[t.current].class;
	u64 done;

	forget_registers();
	t.cpu.pc = t.before.pc;
	t.cpu.pstate = t.before.pstate;
	t.cpu.left = length;
	t.accessed = 0;
	done = a64_run(&t.cpu);
	complete_registers();
	for (size_t i = 0; i < done; i++)
		t.outcomes[class[i]].done++;
	if (done < length && t.cpu.pc != real->pc) {
		compare_stop(done, real);
	} else {
		compare_end(real);
		if (done < length)
			t.outcomes[class[done]].faults++;
	}
	if (done == length && fault)
		report("was carried out, but is a fault");
	if (done < length && length == 1)
		memcpy(t.shadow, t.data, DATA);
}

/* ---- Running ------------------------------------------------------------- */

static void get_state(struct state *state, const mcontext_t *context)
{
	memcpy(state->x, context->regs, sizeof(context->regs));
	state->x[31] = context->sp;
	state->pc = context->pc;
	state->pstate = context->pstate & A64_NZCV;
}

static void set_state(const struct state *state, mcontext_t *context)
{
	memcpy(context->regs, state->x, sizeof(context->regs));
	context->sp = state->x[31];
	context->pc = state->pc;
	context->pstate = (t.home.pstate & ~A64_NZCV) | state->pstate;
}

static void go_home(mcontext_t *context)
{
	struct state state;

	get_state(&state, &t.home);
	state.pc += 4;
	set_state(&state, context);
	t.away = false;
}

/* Synchronous, whatever the signal: it may do all that others may. */
static void on_signal(int signal, siginfo_t *info, void *arg)
{
	mcontext_t *context = &((ucontext_t *)arg)->uc_mcontext;
	struct state real;

	(void)info;
	if (!t.away) {
		t.home = *context;
		t.away = true;
		t.current = 0;
	} else {
		get_state(&real, context);
		compare(signal != SIGTRAP, &real);
		t.current++;
	}
	if (t.current == BATCH) {
		go_home(context);
		return;
	}
	choose_state(class_of(t.current, 0), slot_code(t.current)[0]);
	set_state(&t.before, context);
}

static bool may_be_one_of_many(size_t class)
{
	return word_classes[class].kind <= WORD_ANY;
}

/* What would often end a slot early comes less often. */
static size_t random_class(void)
{
	size_t class = random_below(nr_word_classes);
	enum word_kind kind = word_classes[class].kind;

	if ((kind == WORD_OPTIONAL || kind == WORD_ANY) && random_below(4))
		return random_class();
	return class;
}

static void choose_classes(size_t slot)
{
	size_t *class = t.slots[slot].class;
	size_t n = 0;

	do {
		class[n] = random_class();
		if (may_be_one_of_many(class[n]))
			n++;
	} while (may_be_one_of_many(class[0]) && n < LENGTH);
	t.slots[slot].length = n ? n : 1;
}

static void fill_slot(size_t slot)
{
	size_t length = t.slots[slot].length;

	for (size_t i = 0; i < length; i++)
		slot_code(slot)[i] = harmless_word(class_of(slot, i), slot);
	slot_code(slot)[length] = BRK;
}

/* How many instructions were carried out by both. */
static unsigned long carried_out(void)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < nr_word_classes; i++)
		sum += t.outcomes[i].done;
	return sum;
}

unsigned long a64_compare_some(void)
{
	for (size_t i = 0; i < BATCH; i++)
		choose_classes(i);
	for (size_t i = 0; i < BATCH; i++)
		fill_slot(i);
	__builtin___clear_cache((char *)t.code, (char *)t.code + CODE);
	asm volatile("brk #0" ::: "memory");
	if (memcmp(t.data, t.shadow, DATA)) {
		fprintf(t.out, "a batch left other memory\n");
		t.mismatches++;
		memcpy(t.shadow, t.data, DATA);
	}
	return carried_out();
}

bool a64_compare_refuses(unsigned long count)
{
	for (unsigned long i = 0; i < count; i++) {
		u32 word = random_u64();

		if (i & 1) /* exceptions and system instructions */
			word = 0xd4000000 | (word & 0x01ffffff);
		if (word_is_known(word))
			continue;
		t.code[0] = word;
		t.cpu.pc = (uintptr_t)t.code;
		t.cpu.left = 1;
		if (a64_run(&t.cpu)) {
			fprintf(t.out, "word %08x was carried out\n", word);
			return false;
		}
	}
	return true;
}

static void take_signals(void)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigaltstack(&t.stack, &t.old_stack);
	for (size_t i = 0; i < NR_SIGNALS; i++)
		sigaction(signals[i], &action, &t.old_actions[i]);
}

/* A system that forbids code in writable memory has -EACCES or -EPERM. */
static int allocate(void)
{
	u8 *map = mmap(NULL, CODE + DATA, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	t.code = (u32 *)(void *)map;
	t.data = map + CODE;
	t.stack.ss_size = 256 * SZ_1K;
	t.stack.ss_sp = malloc(t.stack.ss_size);
	t.shadow = malloc(DATA);
	t.outcomes = calloc(nr_word_classes, sizeof(*t.outcomes));
	return t.stack.ss_sp && t.shadow && t.outcomes ? 0 : -ENOMEM;
}

static void release(void)
{
	if (t.code)
		munmap(t.code, CODE + DATA);
	free(t.stack.ss_sp);
	free(t.shadow);
	free(t.outcomes);
	memset(&t, 0, sizeof(t));
}

int a64_compare_start(u64 seed, FILE *out)
{
	int ret = allocate();

	if (ret) {
		release();
		return ret;
	}
	t.out = out;
	random_seed(seed);
	for (size_t i = 0; i < DATA; i++)
		t.data[i] = t.shadow[i] = (u8)random_u64();
	a64_init(&t.cpu, &ops, NULL);
	t.cpu.hints_are_nops = !(getauxval(AT_HWCAP) & HAS_PACA) &&
			       !(getauxval(AT_HWCAP2) & HAS_BTI);
	take_signals();
	return 0;
}

void a64_compare_end(void)
{
	for (size_t i = 0; i < NR_SIGNALS; i++)
		sigaction(signals[i], &t.old_actions[i], NULL);
	sigaltstack(&t.old_stack, NULL);
	release();
}

unsigned long a64_compare_mismatches(void)
{
	return t.mismatches;
}

/* Those that are never carried out on a CPU with BTI. */
static bool may_be_missing(const struct word_class *class)
{
	return class->kind == WORD_ANY ||
	       (!t.cpu.hints_are_nops &&
		(class->value & 0xffdfffff) == 0xd61f0000);
}

const char *a64_compare_missing(void)
{
	for (size_t i = 0; i < nr_word_classes; i++)
		if (!t.outcomes[i].done && !may_be_missing(&word_classes[i]))
			return word_classes[i].name;
	return NULL;
}

void a64_compare_list(void)
{
	for (size_t i = 0; i < nr_word_classes; i++)
		fprintf(t.out,
			"%-20s %6lu done, %6lu left to the CPU, %6lu faults\n",
			word_classes[i].name, t.outcomes[i].done,
			t.outcomes[i].stopped, t.outcomes[i].faults);
}
