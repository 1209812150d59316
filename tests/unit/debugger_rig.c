/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arm/batch.h"
#include "debugger_rig.h"
#include "lkvm/gdb/server.h"
#include "lkvm/vmm/hold.h"

struct debugger_rig t;

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
	void (*looked)(void) = t.looked;

	t.looked = NULL;
	if (looked)
		looked();
	return atomic_load(&vcpu->held);
}

static int access_register(void)
{
	return t.failing_access && !--t.failing_access ? -EIO : 0;
}

int cpu_read(struct vcpu *vcpu, unsigned int reg, u64 *value)
{
	if (access_register())
		return -EIO;
	*value = t.cpu[vcpu->id][reg];
	return 0;
}

int cpu_write(struct vcpu *vcpu, unsigned int reg, u64 value)
{
	if (access_register())
		return -EIO;
	t.cpu[vcpu->id][reg] = value;
	return 0;
}

int cpu_get_pc(struct vcpu *vcpu, u64 *pc)
{
	return cpu_read(vcpu, CPU_PC, pc);
}

int debugger_get(struct vcpu *vcpu, unsigned int reg, u8 *value)
{
	if (access_register())
		return -EIO;
	memcpy(value, &t.regs[vcpu->id][reg], 8);
	return 0;
}

int debugger_set(struct vcpu *vcpu, unsigned int reg, const u8 *value)
{
	if (access_register())
		return -EIO;
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

/* Only its address counts. */
static int fake_server;
#define SERVER ((struct gdb_server *)&fake_server)

int gdb_server_listen(const struct gdb_config *config, struct gdb_server **out)
{
	assert_ptr_equal(config, &t.config.debug.gdb);
	*out = SERVER;
	return t.listen_error;
}

int gdb_server_start(struct gdb_server *server, struct gdb_target *target,
		     struct evloop *loop)
{
	assert_ptr_equal(server, SERVER);
	assert_ptr_equal(loop, &t.machine.vm.loop);
	t.target = target;
	return 0;
}

void gdb_server_wake(struct gdb_server *server)
{
	assert_ptr_equal(server, SERVER);
	t.wakes++;
}

void gdb_server_exited(struct gdb_server *server, u8 status)
{
	assert_ptr_equal(server, SERVER);
	assert_int_equal(status, 124);
	t.ends++;
}

void gdb_server_destroy(struct gdb_server *server)
{
	assert_ptr_equal(server, SERVER);
	t.destroyed++;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

void pr_fatal(const char *fmt, ...)
{
	(void)fmt;
	t.fatals++;
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

int set_up(void **state)
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

int tear_down(void **state)
{
	unsigned int servers = t.machine.debugger ? 1 : 0;

	(void)state;
	t.destroyed = 0;
	debugger_close(&t.machine);
	assert_null(t.machine.debugger);
	debugger_close(&t.machine);
	assert_int_equal(t.destroyed, servers);
	return 0;
}

void start(void)
{
	assert_int_equal(debugger_open(&t.machine), 0);
	assert_int_equal(debugger_start(&t.machine), 0);
	assert_int_equal(t.target->nr_threads, NR_VCPUS);
}

void let_hold(void)
{
	for (unsigned int i = 0; i < NR_VCPUS; i++) {
		if (!atomic_load(&t.vcpus[i].hold) ||
		    atomic_exchange(&t.vcpus[i].held, true))
			continue;
		debugger_held(&t.vcpus[i]);
	}
}

bool stopped(void)
{
	return t.target->ops->stopped(t.target, &t.stop);
}

void attach(void)
{
	t.target->ops->stop(t.target);
	assert_false(stopped());
	let_hold();
	assert_true(stopped());
	assert_int_equal(t.stop.reason, GDB_REASON_ASKED);
	assert_true(t.forbidden);
}

void resume(enum gdb_action a, enum gdb_action b, enum gdb_action c)
{
	const enum gdb_action actions[] = { a, b, c };

	t.wakes = 0;
	assert_int_equal(t.target->ops->resume(t.target, actions), 0);
	assert_false(stopped());
}

void go(void)
{
	resume(GDB_CONTINUE, GDB_CONTINUE, GDB_CONTINUE);
}

int exits(unsigned int i, u32 syndrome)
{
	t.syndrome = syndrome;
	return debugger_exit(&t.vcpus[i]);
}

void expect_stop(unsigned int i, enum gdb_reason reason, enum gdb_break type)
{
	let_hold();
	while (!stopped())
		let_hold();
	assert_int_equal(t.stop.thread, i);
	assert_int_equal(t.stop.reason, reason);
	assert_int_equal(t.stop.type, type);
}

int insert(enum gdb_break type, u64 addr, u64 len)
{
	return t.target->ops->insert(t.target, 0, type, addr, len);
}

ssize_t read_memory(u64 addr, void *buf, size_t len)
{
	return t.target->ops->read_memory(t.target, 1, addr, buf, len);
}

int write_memory(u64 addr, const void *buf, size_t len)
{
	return t.target->ops->write_memory(t.target, 1, addr, buf, len);
}
