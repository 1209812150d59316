/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "a64_fixture.h"

struct a64_rig rig;

static const void *code_page(struct a64_cpu *cpu, u64 va)
{
	assert_ptr_equal(cpu, &rig.cpu);
	rig.fetches++;
	if (ALIGN_DOWN(va, A64_PAGE) == HIGH_CODE)
		return rig.code;
	if (!range_within(va, 4, CODE, SIZE))
		return NULL;
	return rig.code + ALIGN_DOWN(va - CODE, A64_PAGE) / 4;
}

static void *ram(struct a64_cpu *cpu, u64 va, unsigned int len, bool write)
{
	assert_ptr_equal(cpu, &rig.cpu);
	assert_in_range(len, 1, 16);
	assert_in_range(va % A64_PAGE + len, 1, A64_PAGE);
	rig.rams++;
	if (!range_within(va, len, MEM, SIZE) || (write && rig.read_only))
		return NULL;
	return rig.mem + (va - MEM);
}

static int device(struct a64_cpu *cpu, u64 va, unsigned int len, bool write,
		  u64 *value)
{
	assert_ptr_equal(cpu, &rig.cpu);
	assert_true(is_power_of_2(len) && len <= 8 && va % len == 0);
	rig.dev.calls++;
	rig.dev.va = va;
	rig.dev.len = len;
	rig.dev.write = write;
	if (!range_within(va, len, DEV, SIZE))
		return -EFAULT;
	if (rig.dev.left || rig.dev.stop)
		cpu->left = rig.dev.left;
	if (write)
		rig.dev.value = *value;
	else
		*value = rig.dev.value;
	return rig.dev.error;
}

static bool load(struct a64_cpu *cpu, u64 missing)
{
	assert_int_equal(missing & cpu->have, 0);
	if (rig.no_load)
		return false;
	for (unsigned int n = 0; n < 32; n++)
		if (missing >> n & 1)
			cpu->x[n] = rig.x[n];
	rig.loaded |= missing;
	cpu->have |= missing;
	return true;
}

static const struct a64_ops ops = {
	.code = code_page,
	.ram = ram,
	.device = device,
	.load = load,
};

void rig_reset(void)
{
	memset(&rig, 0, sizeof(rig));
	for (size_t i = 0; i < ARRAY_SIZE(rig.code); i++)
		rig.code[i] = NOP;
	for (size_t i = 0; i < SIZE; i++)
		rig.mem[i] = 0x80 + i % 113;
	a64_init(&rig.cpu, &ops, &rig);
	rig.cpu.x[0] = UNTOUCHD;
	for (u64 i = 1; i < 31; i++)
		rig.cpu.x[i] = i * 0x0101;
	rig.cpu.x[A64_SP] = MEM + 0x100;
	rig.cpu.pc = CODE;
}

void rig_set(u32 word, u64 x1, u64 x2, u64 x3)
{
	rig_reset();
	rig.code[0] = word;
	rig.cpu.x[1] = x1;
	rig.cpu.x[2] = x2;
	rig.cpu.x[3] = x3;
}

void rig_forget(void)
{
	memcpy(rig.x, rig.cpu.x, sizeof(rig.x));
	memset(rig.cpu.x, 0x5a, sizeof(rig.x));
	rig.cpu.have = 0;
	rig.loaded = 0;
}

bool rig_step(void)
{
	rig.cpu.left = 1;
	if (!a64_run(&rig.cpu))
		return false;
	assert_int_equal(rig.cpu.left, 0);
	assert_int_equal(rig.cpu.x[A64_ZR], 0);
	return true;
}

void rig_refuses(const char *what)
{
	struct a64_rig before;

	rig.cpu.left = 1;
	before = rig;
	if (a64_run(&rig.cpu))
		fail_msg("%s was carried out", what);
	assert_int_equal(rig.cpu.left, 1);
	assert_int_equal(rig.cpu.pc, before.cpu.pc);
	assert_int_equal(rig.cpu.pstate, before.cpu.pstate);
	if (memcmp(rig.cpu.x, before.cpu.x, 32 * sizeof(u64)) ||
	    memcmp(rig.mem, before.mem, SIZE))
		fail_msg("%s stopped with changes", what);
}
