/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/batch.c arm/batch_account.c arm/batch_veto.c util/json.c */
/* SOURCES: arm/a64/?*.c vmm/mmio.c vmm/gmem.c */
/* WRAP: ioctl */
/*
 * A vCPU whose registers, page tables, code and device are all here: what a
 * batch does to them, and when it keeps its hands off.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arm/batch.h"
#include "arm/cpu.h"
#include "arm/machine.h"
#include "lkvm/arm/costs.h"
#include "lkvm/vmm/pause.h"

#define RAM	 0x80000000ULL
#define RAM_SIZE SZ_64K
#define DEVICE	 0x02000000ULL
#define ELSE	 0x03000000ULL /* where no region is */
#define CODE	 (RAM + 0x8000)
#define DATA	 (RAM + 0x9000)
#define TABLES	 (RAM + 0xa000)
#define WORDS	 512

#define EL1H  5ULL
#define FLAGS 0x60000000ULL

/* Assembled; x0 is the device, x1 memory, x2 a count. */
#define COPY_LOOP                                    \
	0xb8404423,	    /* ldr w3, [x1], #4 */   \
		0xb8004403, /* str w3, [x0], #4 */   \
		0xf1000442, /* subs x2, x2, #1 */    \
		0x54ffffa1, /* b.ne, to the first */ \
		0xd4200000  /* brk #0, which is not emulated */
#define LDR_W4_X0_4 0xb9400404
#define LDR_W3_X0   0xb9400003
#define STR_W3_X0   0xb9000003
#define ADD_X5	    0x910004a5 /* add x5, x5, #1 */
#define BRK	    0xd4200000

/* As of a server; between accesses 300 instructions may pass. */
#define EXIT_NS 2400
#define INSN_NS 8

static struct {
	struct vm_config config;
	struct machine machine;
	struct vm vm;
	struct vcpu vcpu;
	struct kvm_run run;
	struct mmio_region region;
	u64 regs[CPU_REGS];
	bool no_tcr2;		    /* this CPU has none */
	unsigned int got[CPU_REGS]; /* how often they were read... */
	unsigned int put[CPU_REGS]; /* ...and written */
	u8 *ram;
	u64 written[WORDS];
	u64 offsets[WORDS];
	unsigned int writes, reads, flushes;
	unsigned int completions;
	bool no_completion; /* KVM_RUN does not behave */
	u64 completed_at;   /* where it leaves the vCPU; 0: where it should */
	bool kicked;	    /* while KVM_RUN is at it */
	unsigned int at;    /* access at which `then` is called */
	void (*then)(void);
	int put_error;
} t;

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
	return 0;
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

static u64 *table(unsigned int n)
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

static void set_code(const u32 *words, size_t n)
{
	memcpy(t.ram + (CODE - RAM), words, n * sizeof(*words));
}

#define SET_CODE(...)                                       \
	do {                                                \
		static const u32 words[] = { __VA_ARGS__ }; \
		set_code(words, ARRAY_SIZE(words));         \
	} while (0)

static void set_registers(void)
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

static int set_up(void **state)
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

static int tear_down(void **state)
{
	(void)state;
	batch_release(&t.vcpu);
	assert_null(t.vcpu.arch);
	mmio_bus_destroy(&t.vm.bus);
	free(t.ram);
	return 0;
}

static void expect_copied(unsigned int n)
{
	assert_int_equal(t.writes, n);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(t.written[i], 0xabcd0000 + i);
		assert_int_equal(t.offsets[i], 4 * i);
	}
}

/* Nothing was carried out; KVM was asked to complete the exit or not. */
static void expect_nothing(unsigned int completions)
{
	const u64 pc = CODE - 4 + 4 * completions;

	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.completions, completions);
	assert_int_equal(t.writes + t.reads, 0);
	assert_int_equal(t.regs[CPU_PC], pc);
	assert_int_equal(t.regs[0], DEVICE);
}

static void copies_words(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	assert_int_equal(batch_continue(&t.vcpu), 0);
	expect_copied(16);
	assert_int_equal(t.completions, 1);
	assert_int_equal(t.run.immediate_exit, 0);
	/* Before each access what other vCPUs wrote. */
	assert_int_equal(t.flushes, 16);
	assert_int_equal(t.regs[CPU_PC], CODE + 16);
	assert_int_equal(t.regs[0], DEVICE + 64);
	assert_int_equal(t.regs[1], DATA + 64);
	assert_int_equal(t.regs[2], 0);
	assert_int_equal(t.regs[3], 0xabcd000f);
	/* Z and C; the mode is as it was. */
	assert_int_equal(t.regs[CPU_PSTATE], EL1H | 0x60000000);
	assert_int_equal(atomic_load(&t.vcpu.stats.batched), 16);
	assert_int_equal(atomic_load(&t.vcpu.stats.batches), 1);
	assert_int_equal(atomic_load(&t.vcpu.stats.instructions), 64);
	assert_int_equal(atomic_load(&t.region.batched_writes), 16);
	assert_int_equal(atomic_load(&t.region.batched_reads), 0);
}

static void reads(void **state)
{
	(void)state;
	SET_CODE(LDR_W3_X0, LDR_W4_X0_4, BRK);
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.reads, 2);
	assert_int_equal(t.regs[3], 0x1000);
	assert_int_equal(t.regs[4], 0x1004);
	assert_int_equal(atomic_load(&t.region.batched_reads), 2);
}

/* The guest can read it without us, as it can the rest of the array. */
static void no_reads_of_what_is_mapped(void **state)
{
	struct memslot slot = { .mapped = true };

	(void)state;

	SET_CODE(STR_W3_X0, LDR_W3_X0, BRK);
	t.region.slot = &slot;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.writes, 1);
	assert_int_equal(t.reads, 0);
	assert_int_equal(t.regs[CPU_PC], CODE + 4);
}

/* The interrupt controller, say, is not ours. */
static void no_access_to_what_has_no_region(void **state)
{
	(void)state;
	SET_CODE(LDR_W3_X0, BRK);
	t.regs[0] = ELSE;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.regs[CPU_PC], CODE);
	assert_int_equal(atomic_load(&t.vm.bus.unclaimed), 0);
	/* Nor to what runs over a region's end. */
	t.regs[0] = DEVICE + SZ_4K - 4;
	SET_CODE(0xf9400003 /* ldr x3, [x0] */);
	t.regs[CPU_PC] = CODE - 4;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.reads, 0);
}

static void not_for_long_without_access(void **state)
{
	(void)state;
	SET_CODE(ADD_X5, 0x17ffffff /* b, back */);
	assert_int_equal(batch_continue(&t.vcpu), 0);
	/* They cost as much as an exit does. */
	assert_in_range(t.regs[5], EXIT_NS / INSN_NS / 2,
			EXIT_NS / INSN_NS / 2 + 32);
}

static void not_for_ever(void **state)
{
	(void)state;
	SET_CODE(LDR_W3_X0, ADD_X5, 0x17fffffe /* b, to the first */);
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_in_range(t.reads, 10000, 11000);
	assert_in_range(t.regs[5], t.reads - 1, t.reads);
}

static void pause_now(void)
{
	atomic_store(&t.vm.paused, true);
}

static void kick_now(void)
{
	t.run.immediate_exit = 1;
}

static void end_now(void)
{
	atomic_store(&t.vm.exit_reason, VM_EXIT_POWER_CUT);
}

/* The access at which it becomes known is the last. */
static void stops_when_wanted(void **state)
{
	static void (*const how[])(void) = { pause_now, kick_now, end_now };

	for (size_t i = 0; i < ARRAY_SIZE(how); i++) {
		tear_down(state);
		set_up(state);
		SET_CODE(COPY_LOOP);
		t.at = 5;
		t.then = how[i];
		assert_int_equal(batch_continue(&t.vcpu), 0);
		expect_copied(5);
		assert_int_equal(t.regs[0], DEVICE + 20);
		assert_int_equal(t.regs[CPU_PC], CODE + 8);
		/* Whoever kicked finds it as he left it. */
		assert_int_equal(t.run.immediate_exit, how[i] == kick_now);
		assert_false(atomic_load(&t.vcpu.in_guest));
	}
}

static void not_in_a_pause(void **state)
{
	(void)state;
	SET_CODE(ADD_X5, ADD_X5, BRK);
	pause_now();
	expect_nothing(1);
	assert_int_equal(t.regs[5], 0);
}

/* An exception was pending: the vCPU is at its vector, say. */
static void not_where_it_was_not_completed(void **state)
{
	static const u64 places[] = { CODE - 4, CODE + 0x200 };
	static const u32 store[] = { STR_W3_X0 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		tear_down(state);
		set_up(state);
		SET_CODE(COPY_LOOP);
		memcpy(t.ram + (places[i] - RAM), store, sizeof(store));
		t.completed_at = places[i];
		assert_int_equal(batch_continue(&t.vcpu), 0);
		assert_int_equal(t.completions, 1);
		assert_int_equal(t.writes, 0);
		assert_int_equal(t.regs[CPU_PC], places[i]);
		assert_int_equal(t.regs[0], DEVICE);
	}
}

static void not_if_kicked_before(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.kicked = true;
	expect_nothing(1);
}

static void not_without_completion(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.no_completion = true;
	expect_nothing(1);
}

static void only_plain_el1(void **state)
{
	static const u64 others[] = {
		0,		/* EL0 */
		4,		/* EL1 with SP_EL0 */
		9,		/* EL2 */
		0x13,		/* AArch32 */
		EL1H | 1 << 10, /* BTYPE */
		EL1H | 1 << 20, /* illegal state */
		EL1H | 1 << 21, /* single step */
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		tear_down(state);
		set_up(state);
		SET_CODE(COPY_LOOP);
		t.regs[CPU_PSTATE] = others[i];
		expect_nothing(1);
	}
}

static void not_under_a_debugger(void **state)
{
	SET_CODE(COPY_LOOP);
	t.regs[CPU_MDSCR] = 1;
	expect_nothing(1);
	tear_down(state);
	set_up(state);
	SET_CODE(COPY_LOOP);
	t.regs[CPU_MDSCR] = 1 << 15;
	expect_nothing(1);
}

static void not_with_unknown_translation(void **state)
{
	SET_CODE(COPY_LOOP);
	t.regs[CPU_TCR2] = 2; /* TCR2_EL1.PIE */
	expect_nothing(1);
	tear_down(state);
	set_up(state);
	SET_CODE(COPY_LOOP);
	t.regs[CPU_SCTLR] = 0;
	expect_nothing(1);
}

/* Memory the guest may not write, or that it sees past the caches. */
static void only_memory_as_the_guest_sees_it(void **state)
{
	u64 *entry;

	SET_CODE(COPY_LOOP);
	entry = &table(4)[(DATA - RAM) / SZ_4K];
	*entry |= 1 << 2; /* device */
	expect_nothing(1);
	tear_down(state);
	set_up(state);
	SET_CODE(0xf9000025 /* str x5, [x1] */, BRK);
	entry = &table(4)[(DATA - RAM) / SZ_4K];
	*entry |= 1 << 7; /* read-only */
	expect_nothing(1);
}

static void hide_data(void)
{
	table(4)[(DATA - RAM) / SZ_4K] = 0;
}

static void hide_code(void)
{
	table(4)[(CODE - RAM) / SZ_4K] = 0;
}

/* That is by instructions, whether there are accesses or not. */
static void translation_of_code_does_not_last(void **state)
{
	(void)state;
	SET_CODE(LDR_W3_X0, ADD_X5, 0x17ffffff /* b, back */);
	t.at = 1;
	t.then = hide_code;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.reads, 1);
	assert_in_range(t.regs[5], 1, 32);
	assert_int_equal(t.regs[3], 0x1000);
}

static void translation_of_data_does_not_last(void **state)
{
	(void)state;
	SET_CODE(LDR_W3_X0, 0xb9400024 /* ldr w4, [x1] */, ADD_X5,
		 0x17fffffe /* b, to the second */);
	t.at = 1;
	t.then = hide_data;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_in_range(t.regs[5], 0, 22);
	assert_int_equal(t.regs[CPU_PC], CODE + 4);
}

/* Another vCPU's change to the tables is noticed before long. */
static void translations_do_not_last(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.regs[2] = 100;
	t.at = 20;
	t.then = hide_data;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_in_range(t.writes, 20, 20 + 64 / 4);
	assert_int_equal(t.regs[CPU_PC], CODE);
	assert_int_equal(t.regs[2], 100 - t.writes);
}

/* A loop that uses four of them, in the lower half. */
static void reads_what_it_needs(void **state)
{
	static const unsigned int once[] = { 0,		 1,	    2,
					     CPU_PSTATE, CPU_MDSCR, CPU_TCR2,
					     CPU_SCTLR,	 CPU_TCR,   CPU_MAIR,
					     CPU_TTBR0 };
	unsigned int sum = 0, written = 0;

	(void)state;
	SET_CODE(COPY_LOOP);
	assert_int_equal(batch_continue(&t.vcpu), 0);
	expect_copied(16);
	for (size_t i = 0; i < ARRAY_SIZE(once); i++)
		assert_int_equal(t.got[once[i]], 1);
	assert_int_equal(t.got[CPU_PC], 2);
	for (unsigned int i = 0; i < CPU_REGS; i++) {
		sum += t.got[i];
		written += t.put[i];
	}
	assert_int_equal(sum, ARRAY_SIZE(once) + 2);
	/* PC, and X0 to X3; the flags are as they were. */
	assert_int_equal(written, 5);
	assert_int_equal(
		t.put[CPU_PC] + t.put[0] + t.put[1] + t.put[2] + t.put[3], 5);
	assert_int_equal(atomic_load(&t.vcpu.stats.registers), sum + written);
	assert_int_equal(atomic_load(&t.vcpu.stats.attempts), 1);
}

/* One that is set without having been read is written, whatever it was. */
static void writes_what_it_has_not_read(void **state)
{
	(void)state;
	SET_CODE(0xd2800006 /* movz x6, #0 */, BRK);
	t.regs[6] = 1234;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.got[6], 0);
	assert_int_equal(t.regs[6], 0);
	assert_int_equal(t.put[6], 1);
	assert_int_equal(t.regs[CPU_PC], CODE + 4);
}

/* Where nothing can be carried out. */
static void reads_little_in_vain(void **state)
{
	unsigned int sum = 0;

	(void)state;
	SET_CODE(BRK);
	t.no_tcr2 = true;
	expect_nothing(1);
	assert_int_equal(t.got[CPU_TCR2], 1);
	set_registers();
	t.completions = 0;
	expect_nothing(1);
	for (unsigned int i = 0; i < CPU_REGS; i++)
		sum += t.got[i] + t.put[i];
	/* PC twice, PSTATE, MDSCR, SCTLR, TCR, MAIR, TTBR0. */
	assert_int_equal(sum, 8);
	tear_down(state);
	set_up(state);
	t.regs[CPU_PSTATE] = 0;
	expect_nothing(1);
	assert_int_equal(t.got[CPU_SCTLR], 0);
}

/* Debug exceptions are masked there, so what enables them does not count. */
static void masked_breakpoints(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.regs[CPU_PSTATE] |= 1 << 9;
	t.regs[CPU_MDSCR] = 1 | 1 << 15;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	expect_copied(16);
	assert_int_equal(t.got[CPU_MDSCR], 0);
}

static void refusals_are_counted(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.regs[CPU_PSTATE] = 0;
	expect_nothing(1);
	assert_int_equal(atomic_load(&t.machine.batch_refusals[BATCH_PSTATE]),
			 1);
	set_registers();
	t.completions = 0;
	t.regs[CPU_SCTLR] = 4;
	expect_nothing(1);
	assert_int_equal(atomic_load(&t.machine.batch_refusals[BATCH_MMU_OFF]),
			 1);
}

/* What forbids batches in a VM, at start and later. */
static void vetoes_of_the_vm(void **state)
{
	(void)state;
	batch_setup(&t.machine);
	assert_true(atomic_load(&t.machine.batch_allowed));
	t.machine.features.pmu = true;
	batch_setup(&t.machine);
	assert_false(atomic_load(&t.machine.batch_allowed));
	assert_int_equal(batch_vm_veto(&t.machine), BATCH_PMU);
	t.config.no_batch = true;
	assert_int_equal(batch_vm_veto(&t.machine), BATCH_OFF);
	t.machine.features.pmu = false;
	t.config.no_batch = false;
	batch_forbid(&t.machine, BATCH_DIRTY_LOG, true);
	assert_false(atomic_load(&t.machine.batch_allowed));
	assert_int_equal(batch_vm_veto(&t.machine), BATCH_DIRTY_LOG);
	batch_forbid(&t.machine, BATCH_DIRTY_LOG, false);
	assert_true(atomic_load(&t.machine.batch_allowed));
}

static void vain_attempts_are_few(void **state)
{
	unsigned int tries = 0;

	(void)state;
	SET_CODE(BRK);
	for (unsigned int i = 0; i < 2000; i++) {
		t.regs[CPU_PC] = CODE - 4;
		assert_int_equal(batch_continue(&t.vcpu), 0);
	}
	tries = t.completions;
	assert_in_range(tries, 4, 30);
	/* Another address has not been tried. */
	t.run.mmio.phys_addr = DEVICE + 4;
	t.regs[CPU_PC] = CODE - 4;
	assert_int_equal(batch_continue(&t.vcpu), 0);
	assert_int_equal(t.completions, tries + 1);
	assert_false(atomic_load(&t.region.in_batches));
}

static void success_brings_it_back(void **state)
{
	unsigned int exits = 0;

	(void)state;
	SET_CODE(BRK);
	for (unsigned int i = 0; i < 2000; i++) {
		t.regs[CPU_PC] = CODE - 4;
		assert_int_equal(batch_continue(&t.vcpu), 0);
	}
	SET_CODE(COPY_LOOP);
	while (!t.writes && ++exits < 1500) {
		set_registers();
		assert_int_equal(batch_continue(&t.vcpu), 0);
	}
	expect_copied(16);
	/* From then on at every exit. */
	for (unsigned int i = 0; i < 100; i++) {
		t.writes = 0;
		set_registers();
		assert_int_equal(batch_continue(&t.vcpu), 0);
		expect_copied(16);
	}
	assert_true(atomic_load(&t.region.in_batches));
}

static void lost_registers_end_the_run(void **state)
{
	(void)state;
	SET_CODE(COPY_LOOP);
	t.put_error = -EINVAL;
	assert_int_equal(batch_continue(&t.vcpu), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copies_words),
		TEST(reads),
		TEST(no_reads_of_what_is_mapped),
		TEST(no_access_to_what_has_no_region),
		TEST(not_for_long_without_access),
		TEST(not_for_ever),
		TEST(stops_when_wanted),
		TEST(not_in_a_pause),
		TEST(not_where_it_was_not_completed),
		TEST(not_if_kicked_before),
		TEST(not_without_completion),
		TEST(only_plain_el1),
		TEST(not_under_a_debugger),
		TEST(not_with_unknown_translation),
		TEST(only_memory_as_the_guest_sees_it),
		TEST(translations_do_not_last),
		TEST(translation_of_code_does_not_last),
		TEST(translation_of_data_does_not_last),
		TEST(reads_what_it_needs),
		TEST(writes_what_it_has_not_read),
		TEST(reads_little_in_vain),
		TEST(masked_breakpoints),
		TEST(refusals_are_counted),
		TEST(vetoes_of_the_vm),
		TEST(vain_attempts_are_few),
		TEST(success_brings_it_back),
		TEST(lost_registers_end_the_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
