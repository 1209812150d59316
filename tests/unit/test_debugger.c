/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/debugger.c arm/debugger_exit.c arm/debugger_memory.c */
/* SOURCES: arm/debugger_break.c arm/vcpu_memory.c arm/a64/stage1.c vmm/gmem.c */
/* SOURCES: gdb/aarch64.c */
/* A machine as a debugger's target, with fake vCPUs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arm/batch.h"
#include "arm/cpu.h"
#include "arm/debugger.h"
#include "arm/machine.h"
#include "lkvm/gdb/aarch64.h"
#include "lkvm/gdb/server.h"
#include "lkvm/vmm/hold.h"

#define NR_VCPUS  3
#define BASE	  0x80000000ULL
#define FLASH	  0x0ULL
#define NOP	  0xd503201fU
#define BRK	  0xd4200000U
#define SVC	  0xd4000001U
#define ISB	  0xd5033fdfU
#define READ_DAIF 0xd53b4220U
#define SET_DAIF  0xd50342dfU

/* ESR_EL2.EC */
#define EC(n) ((u32)(n) << 26)
#define STEP  EC(0x32)
#define BREAK EC(0x30)
#define WATCH EC(0x34)
#define TRAP  (EC(0x3c) | 0x2000800)

#define EL1H 0x5
#define DAIF 0x3c0
#define I_F  0xc0
#define VBAR 0x80000800ULL

static struct {
	struct vm_config config;
	struct machine machine;
	struct vcpu vcpus[NR_VCPUS];
	struct vcpu *list[NR_VCPUS];
	u64 regs[NR_VCPUS][GDB_AARCH64_REGISTERS];
	u64 cpu[NR_VCPUS][CPU_REGS];
	u32 ram[4096];
	u32 flash[1024];
	struct mmio_region region, *regions[1];
	struct memslot slot;
	struct gdb_target *target;
	unsigned int wakes, completes, ends;
	unsigned int failing; /* one more than the vCPU of that kind, or 0 */
	enum vm_exit end;
	bool forbidden, no_debug, steps[NR_VCPUS];
	u32 syndrome;
	u64 far, completed_pc;
	struct gdb_stop stop;
} t;

/* ---- What a machine is made of ------------------------------------------- */

void vcpu_hold(struct vcpu *vcpu)
{
	atomic_store(&vcpu->hold, true);
}

void vcpu_release(struct vcpu *vcpu)
{
	atomic_store(&vcpu->hold, false);
	atomic_store(&vcpu->held, false);
}

bool vcpu_is_held(struct vcpu *vcpu)
{
	return atomic_load(&vcpu->held);
}

int cpu_read(struct vcpu *vcpu, unsigned int reg, u64 *value)
{
	*value = t.cpu[vcpu->id][reg];
	return 0;
}

int cpu_write(struct vcpu *vcpu, unsigned int reg, u64 value)
{
	t.cpu[vcpu->id][reg] = value;
	return 0;
}

int cpu_get_pc(struct vcpu *vcpu, u64 *pc)
{
	return cpu_read(vcpu, CPU_PC, pc);
}

int debugger_get(struct vcpu *vcpu, unsigned int reg, u8 *value)
{
	memcpy(value, &t.regs[vcpu->id][reg], 8);
	return 0;
}

int debugger_set(struct vcpu *vcpu, unsigned int reg, const u8 *value)
{
	memcpy(&t.regs[vcpu->id][reg], value, 8);
	return 0;
}

int debugger_get_u64(struct vcpu *vcpu, unsigned int reg, u64 *value)
{
	return debugger_get(vcpu, reg, (u8 *)value);
}

int debugger_set_u64(struct vcpu *vcpu, unsigned int reg, u64 value)
{
	return debugger_set(vcpu, reg, (u8 *)&value);
}

int debugger_apply(struct vcpu *vcpu, const struct debugger_breaks *breaks,
		   bool step)
{
	assert_ptr_equal(breaks, &t.machine.debugger->breaks);
	assert_true(vcpu_is_held(vcpu));
	t.steps[vcpu->id] = step;
	return t.failing == vcpu->id + 1 ? -EIO : 0;
}

void debugger_complete(struct vcpu *vcpu)
{
	t.completes++;
	t.cpu[vcpu->id][CPU_PC] = t.completed_pc;
}

u32 debugger_syndrome(const struct vcpu *vcpu, u64 *far)
{
	(void)vcpu;
	*far = t.far;
	return t.syndrome;
}

bool debugger_is_off(struct vcpu *vcpu)
{
	return vcpu->id == 2;
}

void batch_forbid(struct machine *machine, enum batch_veto veto, bool forbid)
{
	assert_ptr_equal(machine, &t.machine);
	assert_int_equal(veto, BATCH_DEBUGGER);
	assert_int_not_equal(t.forbidden, forbid);
	t.forbidden = forbid;
}

int vm_check_cap(const struct vm *vm, int cap)
{
	(void)vm;
	if (cap == KVM_CAP_SET_GUEST_DEBUG)
		return !t.no_debug;
	return cap == KVM_CAP_GUEST_DEBUG_HW_BPS ? 6 : 4;
}

void vm_request_exit(struct vm *vm, enum vm_exit reason)
{
	assert_ptr_equal(vm, &t.machine.vm);
	t.end = reason;
}

int gdb_server_listen(const struct gdb_config *config, struct gdb_server **out)
{
	static int server;

	assert_ptr_equal(config, &t.config.debug.gdb);
	*out = (struct gdb_server *)&server;
	return 0;
}

int gdb_server_start(struct gdb_server *server, struct gdb_target *target,
		     struct evloop *loop)
{
	(void)server;
	assert_ptr_equal(loop, &t.machine.vm.loop);
	t.target = target;
	return 0;
}

void gdb_server_wake(struct gdb_server *server)
{
	(void)server;
	t.wakes++;
}

void gdb_server_exited(struct gdb_server *server, u8 status)
{
	(void)server;
	assert_int_equal(status, 124);
	t.ends++;
}

void gdb_server_destroy(struct gdb_server *server)
{
	(void)server;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

void pr_fatal(const char *fmt, ...)
{
	(void)fmt;
}

static void fill_vcpu(unsigned int i)
{
	t.list[i] = &t.vcpus[i];
	t.vcpus[i].vm = &t.machine.vm;
	t.vcpus[i].id = i;
	t.cpu[i][CPU_PSTATE] = EL1H;
	t.cpu[i][CPU_PC] = BASE + 16 * i;
	t.regs[i][GDB_VBAR_EL1] = VBAR;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.machine.config = &t.config;
	t.machine.vm.arch = &t.machine;
	t.machine.vm.vcpus = t.list;
	t.machine.vm.nr_vcpus = NR_VCPUS;
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		fill_vcpu(i);
	for (size_t i = 0; i < ARRAY_SIZE(t.ram); i++)
		t.ram[i] = NOP;
	gmem_add(&t.machine.vm.mem, BASE, sizeof(t.ram), t.ram);
	t.slot = (struct memslot) { .gpa = FLASH, .hva = t.flash };
	t.slot.size = sizeof(t.flash);
	t.region.slot = &t.slot;
	t.regions[0] = &t.region;
	t.machine.vm.bus.regions = t.regions;
	t.machine.vm.bus.nr_regions = 1;
	t.config.debug.gdb.path = "s";
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	debugger_close(&t.machine);
	return 0;
}

static void start(void)
{
	assert_int_equal(debugger_open(&t.machine), 0);
	assert_int_equal(debugger_start(&t.machine), 0);
	assert_int_equal(t.target->nr_threads, NR_VCPUS);
}

/* Those that are asked to are held, on their threads. */
static void let_hold(void)
{
	for (unsigned int i = 0; i < NR_VCPUS; i++) {
		if (!atomic_load(&t.vcpus[i].hold) ||
		    atomic_exchange(&t.vcpus[i].held, true))
			continue;
		debugger_held(&t.vcpus[i]);
	}
}

static bool stopped(void)
{
	return t.target->ops->stopped(t.target, &t.stop);
}

static void attach(void)
{
	t.target->ops->stop(t.target);
	assert_false(stopped());
	let_hold();
	assert_true(stopped());
	assert_int_equal(t.stop.reason, GDB_REASON_ASKED);
	assert_true(t.forbidden);
}

static void resume(enum gdb_action a, enum gdb_action b, enum gdb_action c)
{
	const enum gdb_action actions[] = { a, b, c };

	t.wakes = 0;
	assert_int_equal(t.target->ops->resume(t.target, actions), 0);
	assert_false(stopped());
}

static void go(void)
{
	resume(GDB_CONTINUE, GDB_CONTINUE, GDB_CONTINUE);
}

/* The vCPU exits; returns what its exit comes to. */
static int exits(unsigned int i, u32 syndrome)
{
	t.syndrome = syndrome;
	return debugger_exit(&t.vcpus[i]);
}

static void expect_stop(unsigned int i, enum gdb_reason reason,
			enum gdb_break type)
{
	let_hold();
	while (!stopped())
		let_hold();
	assert_int_equal(t.stop.thread, i);
	assert_int_equal(t.stop.reason, reason);
	assert_int_equal(t.stop.type, type);
}

static int insert(enum gdb_break type, u64 addr, u64 len)
{
	return t.target->ops->insert(t.target, 0, type, addr, len);
}

/* ---- Tests --------------------------------------------------------------- */

static void without_it(void **state)
{
	(void)state;
	t.config.debug.gdb.path = NULL;
	assert_int_equal(debugger_open(&t.machine), 0);
	assert_null(t.machine.debugger);
	assert_int_equal(debugger_start(&t.machine), 0);
	assert_int_equal(debugger_exit(&t.vcpus[0]), -ENOTSUP);
	debugger_exit_done(&t.vcpus[0]);
	debugger_held(&t.vcpus[0]);
	debugger_reset(&t.machine);
	machine_tell_debugger(&t.machine, 124);
	assert_int_equal(t.wakes + t.ends, 0);
}

static void old_kvm(void **state)
{
	(void)state;
	t.no_debug = true;
	assert_int_equal(debugger_open(&t.machine), 0);
	assert_int_equal(debugger_start(&t.machine), -ENOTSUP);
}

static void all_stop(void **state)
{
	(void)state;
	start();
	assert_false(stopped());
	assert_false(atomic_load(&t.vcpus[0].hold));
	attach();
	assert_int_equal(t.wakes, NR_VCPUS);
	go();
	assert_false(atomic_load(&t.vcpus[0].hold));
	/* The second one is the first of two. */
	assert_int_equal(exits(1, BREAK), 0);
	assert_true(atomic_load(&t.vcpus[1].hold));
	assert_false(atomic_load(&t.vcpus[2].hold));
	assert_int_equal(exits(0, BREAK), 0);
	expect_stop(1, GDB_REASON_BREAK, GDB_BREAK_HARDWARE);
	/* Others stay as they are. */
	resume(GDB_STAY, GDB_STAY, GDB_CONTINUE);
	assert_true(atomic_load(&t.vcpus[0].hold));
	assert_false(atomic_load(&t.vcpus[2].hold));
	t.target->ops->stop(t.target);
	let_hold();
	assert_true(stopped());
	machine_tell_debugger(&t.machine, 124);
	assert_int_equal(t.ends, 1);
}

static void the_end(void **state)
{
	(void)state;
	start();
	attach();
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, BASE, 4), 0);
	t.target->ops->detach(t.target);
	assert_int_equal(t.ram[0], NOP);
	assert_false(t.forbidden);
	assert_false(atomic_load(&t.vcpus[0].hold));
	assert_false(stopped());
	attach();
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, BASE, 4), 0);
	t.target->ops->lost(t.target);
	assert_int_equal(t.ram[0], NOP);
	assert_false(atomic_load(&t.vcpus[0].hold));
	t.target->ops->kill(t.target);
	assert_int_equal(t.end, VM_EXIT_KILLED);
}

/* --gdb-wait: held until a debugger says so, and not because it goes. */
static void waiting(void **state)
{
	(void)state;
	t.config.debug.gdb.wait = true;
	start();
	assert_true(atomic_load(&t.vcpus[NR_VCPUS - 1].hold));
	let_hold();
	assert_false(stopped());
	t.target->ops->stop(t.target);
	assert_true(stopped());
	t.target->ops->lost(t.target);
	assert_true(atomic_load(&t.vcpus[0].hold));
	assert_false(stopped());
	t.target->ops->stop(t.target);
	assert_true(stopped());
	go();
	t.target->ops->stop(t.target);
	let_hold();
	assert_true(stopped());
	t.target->ops->lost(t.target);
	assert_false(atomic_load(&t.vcpus[0].hold));
}

static void steps(void **state)
{
	(void)state;
	start();
	attach();
	resume(GDB_STEP, GDB_STAY, GDB_CONTINUE);
	assert_true(t.steps[0]);
	assert_false(t.steps[2]);
	/* Not the one that steps. */
	assert_int_equal(exits(2, STEP), 0);
	assert_false(atomic_load(&t.vcpus[2].hold));
	t.cpu[0][CPU_PC] += 4;
	assert_int_equal(exits(0, STEP), 0);
	expect_stop(0, GDB_REASON_STEP, 0);
	/* One that ends in another exit, at last. */
	resume(GDB_STEP, GDB_STAY, GDB_STAY);
	t.completed_pc = t.cpu[0][CPU_PC];
	debugger_exit_done(&t.vcpus[0]);
	assert_int_equal(t.completes, 1);
	assert_false(atomic_load(&t.vcpus[0].hold));
	t.completed_pc += 4;
	debugger_exit_done(&t.vcpus[0]);
	expect_stop(0, GDB_REASON_STEP, 0);
	go();
	debugger_exit_done(&t.vcpus[0]);
	assert_int_equal(t.completes, 2);
	assert_int_equal(exits(0, EC(0x15)), -ENOTSUP);
}

/* Masked for the step, and then as they were. */
static void masked_steps(void **state)
{
	static const struct {
		u32 word;
		bool masked;
	} cases[] = {
		{ NOP, true },	       { ISB, true },
		{ SVC, false },	       { BRK, false },
		{ READ_DAIF, false },  { SET_DAIF, false },
		{ 0xd69f03e0, false }, /* ERET */
		{ 0xd51b4221, false }, /* MSR DAIF, X1 */
		{ 0xd538d080, true },  /* MRS X0, TPIDR_EL1 */
	};

	(void)state;
	start();
	attach();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		t.cpu[0][CPU_PC] = BASE;
		t.cpu[0][CPU_PSTATE] = EL1H;
		t.ram[0] = cases[i].word;
		resume(GDB_STEP, GDB_STAY, GDB_STAY);
		assert_int_equal(t.cpu[0][CPU_PSTATE],
				 EL1H | (cases[i].masked ? I_F : 0));
		t.cpu[0][CPU_PC] += 4;
		assert_int_equal(exits(0, STEP), 0);
		expect_stop(0, GDB_REASON_STEP, 0);
		assert_int_equal(t.cpu[0][CPU_PSTATE], EL1H);
	}
	/* It has taken an exception: what that saved is put right. */
	t.cpu[0][CPU_PC] = BASE;
	t.ram[0] = NOP;
	resume(GDB_STEP, GDB_STAY, GDB_STAY);
	t.regs[0][GDB_ELR_EL1] = BASE;
	t.regs[0][GDB_SPSR_EL1] = EL1H | I_F;
	t.cpu[0][CPU_PC] = VBAR + 0x200;
	t.cpu[0][CPU_PSTATE] = EL1H | DAIF;
	assert_int_equal(exits(0, STEP), 0);
	expect_stop(0, GDB_REASON_STEP, 0);
	assert_int_equal(t.cpu[0][CPU_PSTATE], EL1H | DAIF);
	assert_int_equal(t.regs[0][GDB_SPSR_EL1], EL1H);
	/* They were masked. */
	resume(GDB_STEP, GDB_STAY, GDB_STAY);
	assert_int_equal(exits(0, STEP), 0);
	expect_stop(0, GDB_REASON_STEP, 0);
	assert_int_equal(t.cpu[0][CPU_PSTATE], EL1H | DAIF);
}

/* None goes on, and nothing is left of it. */
static void resume_fails(void **state)
{
	const enum gdb_action actions[] = { GDB_STEP, GDB_STEP, GDB_STEP };

	(void)state;
	start();
	attach();
	t.failing = NR_VCPUS;
	assert_int_equal(t.target->ops->resume(t.target, actions), -EIO);
	assert_int_equal(t.cpu[0][CPU_PSTATE], EL1H);
}

static void watchpoints(void **state)
{
	(void)state;
	start();
	attach();
	assert_int_equal(insert(GDB_WATCH_WRITE, 0x1010, 8), 0);
	go();
	t.far = 0x1014;
	assert_int_equal(exits(1, WATCH), 0);
	expect_stop(1, GDB_REASON_WATCH, GDB_WATCH_WRITE);
	assert_int_equal(t.stop.addr, 0x1014);
	/* An access that begins before it. */
	go();
	t.far = 0x1008;
	assert_int_equal(exits(1, WATCH), 0);
	expect_stop(1, GDB_REASON_WATCH, GDB_WATCH_WRITE);
	assert_int_equal(t.stop.addr, 0x1010);
}

/* A BRK that is no breakpoint, at each level. */
static void own_traps(void **state)
{
	static const struct {
		u64 pstate, offset;
	} cases[] = {
		{ 0x4, 0 },
		{ EL1H, 0x200 },
		{ 0, 0x400 },
		{ 0x10, 0x600 },
	};

	(void)state;
	start();
	attach();
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, BASE + 4, 4), 0);
	assert_int_equal(t.ram[1], BRK);
	go();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		t.cpu[0][CPU_PC] = BASE;
		t.cpu[0][CPU_PSTATE] = cases[i].pstate | 0xf0000000 | BIT(20);
		t.cpu[0][CPU_SCTLR] = BIT(23);
		assert_int_equal(exits(0, TRAP), 0);
		assert_false(atomic_load(&t.vcpus[0].hold));
		assert_int_equal(t.cpu[0][CPU_PC], VBAR + cases[i].offset);
		assert_int_equal(t.cpu[0][CPU_PSTATE],
				 0xf0000000 | DAIF | EL1H);
		assert_int_equal(t.regs[0][GDB_ELR_EL1], BASE);
		assert_int_equal(t.regs[0][GDB_ESR_EL1], TRAP);
		assert_int_equal(t.regs[0][GDB_SPSR_EL1],
				 cases[i].pstate | 0xf0000000 | BIT(20));
	}
	/* PAN is set, unless SCTLR_EL1.SPAN says no. */
	t.cpu[0][CPU_SCTLR] = 0;
	t.cpu[0][CPU_PC] = BASE;
	assert_int_equal(exits(0, TRAP), 0);
	assert_true(t.cpu[0][CPU_PSTATE] & BIT(22));
	/* And the breakpoint. */
	t.cpu[0][CPU_PC] = BASE + 4;
	assert_int_equal(exits(0, TRAP), 0);
	expect_stop(0, GDB_REASON_BREAK, GDB_BREAK_SOFTWARE);
}

static ssize_t read_memory(u64 addr, void *buf, size_t len)
{
	return t.target->ops->read_memory(t.target, 1, addr, buf, len);
}

static int write_memory(u64 addr, const void *buf, size_t len)
{
	return t.target->ops->write_memory(t.target, 1, addr, buf, len);
}

/* With the MMU off: by physical addresses. */
static void physical(void **state)
{
	u32 word = 0x12345678, buf[2048];

	(void)state;
	start();
	attach();
	t.flash[3] = 0xcafe;
	assert_int_equal(read_memory(FLASH + 12, buf, 4), 4);
	assert_int_equal(buf[0], 0xcafe);
	assert_int_equal(write_memory(FLASH + 12, &word, 4), -EFAULT);
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, FLASH, 4), -EFAULT);
	assert_int_equal(insert(GDB_BREAK_HARDWARE, FLASH, 4), 0);
	assert_int_equal(write_memory(BASE + 0xffe, &word, 4), 0);
	assert_int_equal(t.ram[0x3ff] >> 16, 0x5678);
	assert_int_equal(read_memory(BASE + 0xffe, buf, 4), 4);
	assert_int_equal(buf[0], word);
	/* To the end of RAM, and not beyond. */
	assert_int_equal(read_memory(BASE + sizeof(t.ram) - SZ_4K - 8, buf,
				     sizeof(buf)),
			 SZ_4K + 8);
	assert_int_equal(read_memory(BASE + sizeof(t.ram), buf, 4), -EFAULT);
	assert_int_equal(read_memory(UINT64_MAX, buf, 4), -EFAULT);
	assert_int_equal(write_memory(BASE - 2, &word, 4), -EFAULT);
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, BASE, 4), 0);
	assert_int_equal(read_memory(BASE, buf, 8), 8);
	assert_int_equal(buf[0], NOP);
	t.target->ops->remove(t.target, 0, GDB_BREAK_SOFTWARE, BASE, 4);
	assert_int_equal(t.ram[0], NOP);
}

/* 4 KiB pages, 39 bits: level 1 at RAM + 4 KiB, then 2, then 3. */
static void virtual(void **state)
{
	const u64 va = 0xffffff8000001000;
	u64 *tables = (u64 *)&t.ram[1024];
	u32 buf[2];

	(void)state;
	start();
	attach();
	memset(tables, 0, 3 * SZ_4K);
	tables[0] = (BASE + 0x2000) | 3;
	tables[512] = (BASE + 0x3000) | 3;
	tables[1024 + 1] = BASE | 0x403;
	t.cpu[1][CPU_SCTLR] = 1;
	t.cpu[1][CPU_TCR] = 25ULL << 16 | 2ULL << 30;
	t.cpu[1][CPU_TTBR1] = BASE + 0x1000;
	t.ram[2] = 0xabcd;
	assert_int_equal(read_memory(va + 8, buf, 4), 4);
	assert_int_equal(buf[0], 0xabcd);
	/* The page behind it is not mapped. */
	assert_int_equal(read_memory(va + 0xffc, buf, 8), 4);
	assert_int_equal(read_memory(va + 0x1000, buf, 8), -EFAULT);
	assert_int_equal(read_memory(BASE, buf, 8), -EFAULT);
	assert_int_equal(write_memory(va + 8, buf, 4), 0);
	assert_int_equal(t.target->ops->insert(t.target, 1, GDB_BREAK_SOFTWARE,
					       va + 4, 4),
			 0);
	assert_int_equal(t.ram[1], BRK);
	assert_int_equal(t.target->ops->insert(t.target, 1, GDB_BREAK_SOFTWARE,
					       va + 0x1000, 4),
			 -EFAULT);
}

static void resets(void **state)
{
	(void)state;
	start();
	attach();
	assert_int_equal(insert(GDB_BREAK_SOFTWARE, BASE, 4), 0);
	assert_int_equal(t.target->ops->reset(t.target), 0);
	assert_int_equal(t.end, VM_EXIT_RESET);
	/* Threads end, and start again. */
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		atomic_store(&t.vcpus[i].held, false);
	assert_false(stopped());
	memset(t.ram, 0, sizeof(t.ram));
	debugger_reset(&t.machine);
	assert_int_equal(t.ram[0], BRK);
	let_hold();
	assert_true(stopped());
	assert_int_equal(t.stop.reason, GDB_REASON_ASKED);
	t.machine.vm.no_reboot = true;
	assert_int_equal(t.target->ops->reset(t.target), -EPERM);
}

static void threads(void **state)
{
	char text[64];

	(void)state;
	start();
	attach();
	t.target->ops->describe(t.target, 1, text, sizeof(text));
	assert_string_equal(text, "vCPU 1, EL1");
	t.target->ops->describe(t.target, 2, text, sizeof(text));
	assert_string_equal(text, "vCPU 2, off");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_it),   TEST(old_kvm),	TEST(all_stop),
		TEST(the_end),	    TEST(waiting),	TEST(steps),
		TEST(masked_steps), TEST(resume_fails), TEST(watchpoints),
		TEST(own_traps),    TEST(physical),	TEST(virtual),
		TEST(resets),	    TEST(threads),
	};

	return cmocka_run_group_tests_name("debugger", tests, NULL, NULL);
}
