/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch_rig.h"
#include "lkvm/arm/costs.h"
#include "lkvm/vmm/pause.h"

struct batch_rig t;

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

void mmio_ring_flush(struct mmio_ring *ring)
{
	assert_ptr_equal(ring, &t.vm.ring);
	t.flushes++;
}

bool vcpu_try_enter(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &t.vcpu);
	atomic_store(&vcpu->in_guest, !atomic_load(&t.vm.paused));
	return atomic_load(&vcpu->in_guest);
}

void vcpu_leave(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &t.vcpu);
	atomic_store(&vcpu->in_guest, false);
}

int cpu_read(struct vcpu *vcpu, unsigned int reg, u64 *value)
{
	assert_ptr_equal(vcpu, &t.vcpu);
	assert_in_range(reg, 0, CPU_REGS - 1);
	t.got[reg]++;
	if (reg == CPU_TCR2 && t.no_tcr2)
		return -ENOENT;
	if (t.unreadable >> reg & 1)
		return -EINVAL;
	*value = t.regs[reg];
	return 0;
}

int cpu_write(struct vcpu *vcpu, unsigned int reg, u64 value)
{
	assert_ptr_equal(vcpu, &t.vcpu);
	assert_in_range(reg, 0, CPU_PSTATE);
	t.put[reg]++;
	t.regs[reg] = value;
	return t.put_error;
}

int costs_measure(struct vcpu *vcpu, struct a64_cpu *scratch,
		  struct costs *costs)
{
	assert_ptr_equal(vcpu, &t.vcpu);
	assert_non_null(scratch);
	*costs = (struct costs) {
		.exit_ns = EXIT_NS,
		.return_ns = 800,
		.reg_ns = 400,
		.insn_ns = INSN_NS,
	};
	t.measured++;
	return t.costs_error;
}

void costs_exit_done(struct costs_clock *clock)
{
	clock->exits++;
}

void costs_exit_came(struct costs_clock *clock, struct costs *costs)
{
	(void)clock;
	(void)costs;
}

bool costs_exit_known(const struct costs_clock *clock)
{
	(void)clock;
	return true;
}

int __wrap_ioctl(int fd, unsigned long request, ...);

/* KVM_RUN that returns at once, with what it exited for completed. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	(void)fd;
	assert_int_equal(request, KVM_RUN);
	assert_int_equal(t.run.immediate_exit, 1);
	t.completions++;
	t.regs[CPU_PC] += 4;
	if (t.completed_at)
		t.regs[CPU_PC] = t.completed_at;
	if (t.kicked)
		atomic_store(&t.vm.stopping, true);
	if (t.no_completion)
		return 0;
	errno = EINTR;
	return -1;
}

static u64 device_read(struct mmio_region *region, u64 offset, unsigned int len)
{
	(void)region;
	(void)len;
	t.reads++;
	if (t.reads == t.at)
		t.then();
	return 0x1000 + offset;
}

static void device_write(struct mmio_region *region, u64 offset, u64 value,
			 unsigned int len)
{
	(void)region;
	assert_false(atomic_load(&t.vcpu.in_guest));
	assert_int_equal(len, 4);
	assert_true(t.writes < WORDS);
	t.offsets[t.writes] = offset;
	t.written[t.writes++] = value;
	if (t.writes == t.at)
		t.then();
}

static const struct mmio_ops device_ops = {
	.read = device_read,
	.write = device_write,
};

u64 *table(unsigned int n)
{
	return (u64 *)(void *)(t.ram + (TABLES - RAM) + n * SZ_4K);
}

#define PAGE (3ULL | 1ULL << 10)

/* RAM page by page at its own address, the device and its neighbour as blocks.
 */
static void write_tables(void)
{
	table(0)[0] = (TABLES + SZ_4K) | 3;
	table(1)[0] = (TABLES + 2 * SZ_4K) | 3;
	table(1)[2] = (TABLES + 3 * SZ_4K) | 3;
	table(2)[DEVICE / SZ_2M] = DEVICE | 1 | 1 << 10 | 1 << 2;
	table(2)[ELSE / SZ_2M] = ELSE | 1 | 1 << 10 | 1 << 2;
	table(3)[0] = (TABLES + 4 * SZ_4K) | 3;
	for (u64 at = 0; at < RAM_SIZE; at += SZ_4K)
		table(4)[at / SZ_4K] = (RAM + at) | PAGE;
}

void set_code(const u32 *words, size_t n)
{
	memcpy(t.ram + (CODE - RAM), words, n * sizeof(*words));
}

void set_registers(void)
{
	const u64 regs[CPU_REGS] = {
		[0] = DEVICE,
		[1] = DATA,
		[2] = 16,
		/* The access that exited came before the code. */
		[CPU_PC] = CODE - 4,
		[CPU_PSTATE] = EL1H | FLAGS,
		[CPU_SCTLR] = 5,
		[CPU_TCR] = 16 | 16 << 16 | 2U << 30,
		[CPU_TTBR0] = TABLES,
		[CPU_TTBR1] = TABLES,
		[CPU_MAIR] = 0xff | 0x04 << 8,
	};

	memcpy(t.regs, regs, sizeof(regs));
	memset(t.got, 0, sizeof(t.got));
	memset(t.put, 0, sizeof(t.put));
}

int set_up(void **state)
{
	u32 *data;

	(void)state;
	memset(&t, 0, sizeof(t));
	t.ram = aligned_alloc(SZ_4K, RAM_SIZE);
	memset(t.ram, 0, RAM_SIZE);
	assert_int_equal(gmem_add(&t.vm.mem, RAM, RAM_SIZE, t.ram), 0);
	mmio_bus_init(&t.vm.bus);
	t.region.name = "device";
	t.region.base = DEVICE;
	t.region.size = SZ_4K;
	t.region.ops = &device_ops;
	assert_int_equal(mmio_bus_add(&t.vm.bus, &t.region), 0);
	t.machine.config = &t.config;
	t.vm.arch = &t.machine;
	t.vcpu.vm = &t.vm;
	t.vcpu.run = &t.run;
	t.run.exit_reason = KVM_EXIT_MMIO;
	t.run.mmio.phys_addr = DEVICE;
	data = (u32 *)(void *)(t.ram + (DATA - RAM));
	for (u32 i = 0; i < SZ_4K / 4; i++)
		data[i] = 0xabcd0000 + i;
	write_tables();
	set_registers();
	return 0;
}

int tear_down(void **state)
{
	(void)state;
	batch_release(&t.vcpu);
	assert_null(t.vcpu.arch);
	mmio_bus_destroy(&t.vm.bus);
	free(t.ram);
	return 0;
}

void expect_copied(unsigned int n)
{
	assert_int_equal(t.writes, n);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(t.written[i], 0xabcd0000 + i);
		assert_int_equal(t.offsets[i], 4 * i);
	}
}

void expect_nothing(unsigned int completions)
{
	const u64 pc = CODE - 4 + 4 * completions;

	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.completions, completions);
	assert_int_equal(t.writes + t.reads, 0);
	assert_int_equal(t.regs[CPU_PC], pc);
	assert_int_equal(t.regs[0], DEVICE);
}
