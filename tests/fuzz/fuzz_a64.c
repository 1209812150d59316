/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/a64/decode.c arm/a64/barrier.c */
/* SOURCES: arm/a64/a64.c arm/a64/alu.c arm/a64/bits.c arm/a64/branch.c */
/* SOURCES: arm/a64/mem.c */
/*
 * The A64 interpreter with any words for code and any registers. It must not
 * touch but what it was given, and must not have changed anything where it
 * stops.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/arm/a64/a64.h"

#define CODE   0x400000ULL /* one page */
#define MEM    0x800000ULL /* two pages, the second is read-only */
#define DEV    0xc00000ULL
#define BUDGET 64

/* The head of an input; its code follows. */
struct input {
	u8 pc;	    /* the word to start at */
	u8 pstate;  /* bits 31:28, and 0 for those that stop it */
	u8 budget;  /* up to BUDGET */
	u8 flags;   /* 1: hints are NOPs; 2: devices fail; 4: they stop it */
	u8 kind[8]; /* of registers, 2 bits each: see choose_registers() */
	u8 value[32];
};

static struct {
	struct a64_cpu cpu;
	struct input in;
	u8 *code; /* exactly a page, so that the sanitizer sees its end */
	u8 *mem;  /* exactly the two */
	u8 *before;
	bool single;  /* one instruction at a time */
	bool written; /* in the step under way */
	u64 write_at; /* where */
	u64 write_len;
	u64 events; /* calls of device() that succeeded */
} t;

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool what)
{
	if (!what)
		abort();
}

static const void *code_page(struct a64_cpu *cpu, u64 va)
{
	require(cpu == &t.cpu && va % 4 == 0);
	return ALIGN_DOWN(va, A64_PAGE) == CODE ? t.code : NULL;
}

static void *ram(struct a64_cpu *cpu, u64 va, unsigned int len, bool write)
{
	u64 readable = write ? A64_PAGE : 2 * A64_PAGE;

	require(cpu == &t.cpu && is_power_of_2(len) && len <= 16);
	require(va % A64_PAGE + len <= A64_PAGE);
	if (!range_within(va, len, MEM, readable))
		return NULL;
	require(va % (len == 1 ? 1 : len / 2) == 0);
	if (write) {
		require(!t.written || !t.single);
		t.written = true;
		t.write_at = va - MEM;
		t.write_len = len;
	}
	return t.mem + (va - MEM);
}

static int device(struct a64_cpu *cpu, u64 va, unsigned int len, bool write,
		  u64 *value)
{
	require(cpu == &t.cpu && is_power_of_2(len) && len <= 8);
	require(va % len == 0 && cpu->left);
	if (write)
		require(len == 8 || *value >> (8 * len) == 0);
	else
		*value = 0x8899aabbccddeeff;
	if (t.in.flags & 2 || !range_within(va, len, DEV, A64_PAGE))
		return -EFAULT;
	if (t.in.flags & 4)
		cpu->left = 0;
	t.events++;
	return 0;
}

static const struct a64_ops ops = {
	.code = code_page,
	.ram = ram,
	.device = device,
};

static void choose_registers(void)
{
	for (unsigned int i = 0; i < 32; i++) {
		u64 value = t.in.value[i];

		switch (t.in.kind[i / 4] >> (i % 4 * 2) & 3) {
		case 0: /* any, all over */
			value *= 0x0101010101010101;
			break;
		case 1:
			value = MEM + A64_PAGE - 1024 + 8 * value;
			break;
		case 2:
			value = DEV + value;
			break;
		case 3:
			value = CODE + 4 * value;
			break;
		}
		t.cpu.x[i] = value;
	}
}

/* What ram() handed out for writing may be different from now on. */
static void note_write(void)
{
	if (t.written)
		memcpy(t.before + t.write_at, t.mem + t.write_at, t.write_len);
}

static bool step(void)
{
	struct {
		u64 x[A64_SP + 1], pc, pstate;
	} old;
	u64 done;

	memcpy(old.x, t.cpu.x, sizeof(old.x));
	old.pc = t.cpu.pc;
	old.pstate = t.cpu.pstate;
	t.written = false;
	t.events = 0;
	t.cpu.left = 1;
	done = a64_run(&t.cpu);
	require(done <= 1);
	require(t.cpu.x[A64_ZR] == 0);
	require(!((t.cpu.pstate ^ old.pstate) & ~A64_NZCV));
	if (done) {
		require(t.cpu.pc % 4 == 0 && t.cpu.pc != old.pc);
		require(t.cpu.left == 0 && t.events <= 1);
		note_write();
		return true;
	}
	require(!memcmp(old.x, t.cpu.x, sizeof(old.x)));
	require(old.pc == t.cpu.pc && old.pstate == t.cpu.pstate);
	require(!t.events);
	return false;
}

static void start(const u8 *data, size_t size)
{
	memcpy(&t.in, data, sizeof(t.in));
	data += sizeof(t.in);
	size -= sizeof(t.in);
	memset(t.code, 0, A64_PAGE);
	memcpy(t.code, data, MIN(size, A64_PAGE));
	memset(t.mem, 0x97, 2 * A64_PAGE);
	memset(t.before, 0x97, 2 * A64_PAGE);
	a64_init(&t.cpu, &ops, NULL);
	choose_registers();
	t.cpu.pc = CODE + 4 * t.in.pc;
	t.cpu.pstate = (u64)t.in.pstate << 24 & A64_NZCV;
	t.cpu.hints_are_nops = t.in.flags & 1;
	t.single = true;
}

/* The same at one go: `left` is kept, and the end is the same. */
static void check_run(const u8 *data, size_t size, u64 budget, u64 done)
{
	u64 x[A64_SP + 1], pc = t.cpu.pc, pstate = t.cpu.pstate;
	u8 *mem = malloc(2 * A64_PAGE);

	memcpy(x, t.cpu.x, sizeof(x));
	memcpy(mem, t.mem, 2 * A64_PAGE);
	start(data, size);
	t.in.flags &= ~4;
	t.cpu.left = budget;
	t.single = false;
	require(a64_run(&t.cpu) == done);
	require(t.cpu.left == budget - done);
	require(t.cpu.pc == pc && t.cpu.pstate == pstate);
	require(!memcmp(x, t.cpu.x, sizeof(x)));
	require(!memcmp(mem, t.mem, 2 * A64_PAGE));
	free(mem);
}

static void allocate(void)
{
	if (t.code)
		return;
	t.code = aligned_alloc(16, A64_PAGE);
	t.mem = aligned_alloc(16, 2 * A64_PAGE);
	t.before = malloc(2 * A64_PAGE);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u64 done = 0;
	u64 budget;

	if (size < sizeof(t.in))
		return 0;
	allocate();
	start(data, size);
	budget = t.in.budget % BUDGET;
	while (done < budget && step())
		done++;
	require(!memcmp(t.before, t.mem, 2 * A64_PAGE));
	check_run(data, size, budget, done);
	return 0;
}
