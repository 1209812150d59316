/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --gdb: the machine's vCPUs as threads that a debugger stops and lets go on.
 * On the event loop's thread, which never waits for a vCPU: those that are to
 * stop are asked to, and each tells when it is held.
 *
 * As long as a debugger is attached there are no batches: instructions that
 * lkvm carries out itself meet no breakpoint.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "cpu.h"
#include "debugger.h"
#include "lkvm/gdb/aarch64.h"
#include "lkvm/gdb/server.h"
#include "lkvm/util/log.h"
#include "lkvm/vmm/hold.h"
#include "machine.h"

#define PSTATE_IF    (3U << 6)
#define PSTATE_EL(p) ((p) >> 2 & 3)

static struct debugger *from_target(struct gdb_target *target)
{
	return container_of(target, struct debugger, target);
}

static struct vm *vm_of(const struct debugger *debugger)
{
	return &debugger->machine->vm;
}

/* ---- Stopping ------------------------------------------------------------ */

static void hold_all(struct debugger *debugger)
{
	struct vm *vm = vm_of(debugger);

	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		if (!vcpu_is_held(vm->vcpus[i]))
			vcpu_hold(vm->vcpus[i]);
}

static void target_stop(struct gdb_target *target)
{
	struct debugger *debugger = from_target(target);

	debugger->asked = true;
	hold_all(debugger);
}

static bool all_are_held(const struct debugger *debugger)
{
	const struct vm *vm = vm_of(debugger);

	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		if (!vcpu_is_held(vm->vcpus[i]))
			return false;
	return true;
}

/*
 * Once one has stopped, or the debugger has asked, all are held; it is told
 * when they are.
 */
static bool target_stopped(struct gdb_target *target, struct gdb_stop *stop)
{
	struct debugger *debugger = from_target(target);
	unsigned int first = atomic_load(&debugger->first);

	if (!first && !debugger->asked)
		return false;
	hold_all(debugger);
	if (!all_are_held(debugger))
		return false;
	/* Nobody is in a batch. */
	if (!debugger->attached)
		batch_forbid(debugger->machine, BATCH_DEBUGGER, true);
	debugger->attached = true;
	*stop = (struct gdb_stop) { .reason = GDB_REASON_ASKED };
	/* One that was the first before all were held. */
	first = atomic_load(&debugger->first);
	if (first)
		*stop = debugger->vcpus[first - 1].stop;
	return true;
}

/* ---- Going on ------------------------------------------------------------ */

/*
 * Arm ARM, C4.1: instructions that read or set PSTATE.DAIF, or save it
 * somewhere: exception generation, ERET, MRS and MSR of DAIF, MSR DAIFSet and
 * DAIFClr.
 */
static bool uses_daif(u32 word)
{
	return word >> 24 == 0xd4 || (word & 0xffff0000) == 0xd69f0000 ||
	       (word & 0xffdfffe0) == 0xd51b4220 ||
	       (word & 0xfff8f01f) == 0xd500401f;
}

/*
 * The clock goes on while a debugger's user thinks, so that the timer's
 * interrupt is pending at each step, and would be all that is ever stepped
 * into. So interrupts are masked for the one instruction, unless it could tell.
 */
static int mask_interrupts(struct debugger *debugger, struct vcpu *vcpu, u64 pc)
{
	u64 pstate, bits;
	u32 word;
	int ret = cpu_read(vcpu, CPU_PSTATE, &pstate);

	if (ret ||
	    debugger_read(debugger, vcpu, pc, (u8 *)&word, sizeof(word)) !=
		    sizeof(word) ||
	    uses_daif(word))
		return ret;
	bits = PSTATE_IF & ~pstate;
	if (!bits)
		return 0;
	debugger->vcpus[vcpu->id].masked = bits;
	return cpu_write(vcpu, CPU_PSTATE, pstate | bits);
}

/*
 * For a step the place it begins at is kept, and interrupts are masked, so that
 * it does not end in a handler.
 */
static int prepare(struct debugger *debugger, struct vcpu *vcpu, bool step)
{
	struct debugger_vcpu *state = &debugger->vcpus[vcpu->id];
	int ret = debugger_apply(vcpu, &debugger->breaks, step);

	state->stepping = step;
	if (!ret && step)
		ret = cpu_get_pc(vcpu, &state->from);
	if (!ret && step)
		ret = mask_interrupts(debugger, vcpu, state->from);
	if (ret)
		pr_err("gdb: vCPU %u cannot be debugged: %s", vcpu->id,
		       strerror(-ret));
	return ret;
}

/* All are prepared before the first one goes on, or none stays prepared. */
static int target_resume(struct gdb_target *target,
			 const enum gdb_action *actions)
{
	struct debugger *debugger = from_target(target);
	struct vm *vm = vm_of(debugger);
	int ret = 0;

	for (unsigned int i = 0; i < vm->nr_vcpus && !ret; i++)
		ret = prepare(debugger, vm->vcpus[i], actions[i] == GDB_STEP);
	if (ret) {
		for (unsigned int i = 0; i < vm->nr_vcpus; i++)
			debugger_unmask(vm->vcpus[i]);
		return ret;
	}
	debugger->asked = debugger->wait = false;
	atomic_store(&debugger->first, 0);
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		if (actions[i] != GDB_STAY)
			vcpu_release(vm->vcpus[i]);
	return 0;
}

/* As if there had never been a debugger. All vCPUs are held. */
static void forget(struct debugger *debugger)
{
	struct vm *vm = vm_of(debugger);

	debugger_break_remove_all(&debugger->breaks, &vm->mem);
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		prepare(debugger, vm->vcpus[i], false);
	if (debugger->attached)
		batch_forbid(debugger->machine, BATCH_DEBUGGER, false);
	debugger->attached = debugger->asked = false;
	atomic_store(&debugger->first, 0);
}

static void release_all(struct debugger *debugger)
{
	struct vm *vm = vm_of(debugger);

	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		vcpu_release(vm->vcpus[i]);
}

static void target_detach(struct gdb_target *target)
{
	struct debugger *debugger = from_target(target);

	forget(debugger);
	debugger->wait = false;
	release_all(debugger);
}

static void target_lost(struct gdb_target *target)
{
	struct debugger *debugger = from_target(target);

	forget(debugger);
	if (!debugger->wait)
		release_all(debugger);
}

/* ---- State --------------------------------------------------------------- */

static struct vcpu *vcpu_of(struct gdb_target *target, unsigned int thread)
{
	return vm_of(from_target(target))->vcpus[thread];
}

static int target_read_register(struct gdb_target *target, unsigned int thread,
				unsigned int reg, u8 *value)
{
	return debugger_get(vcpu_of(target, thread), reg, value);
}

static int target_write_register(struct gdb_target *target, unsigned int thread,
				 unsigned int reg, const u8 *value)
{
	return debugger_set(vcpu_of(target, thread), reg, value);
}

static ssize_t target_read_memory(struct gdb_target *target,
				  unsigned int thread, u64 addr, u8 *buf,
				  size_t len)
{
	return debugger_read(from_target(target), vcpu_of(target, thread), addr,
			     buf, len);
}

static int target_write_memory(struct gdb_target *target, unsigned int thread,
			       u64 addr, const u8 *buf, size_t len)
{
	return debugger_write(from_target(target), vcpu_of(target, thread),
			      addr, buf, len);
}

static int target_insert(struct gdb_target *target, unsigned int thread,
			 enum gdb_break type, u64 addr, u64 len)
{
	struct debugger *debugger = from_target(target);
	struct debugger_break new = { .type = type, .addr = addr, .len = len };

	if (type == GDB_BREAK_SOFTWARE &&
	    debugger_translate(debugger, vcpu_of(target, thread), addr,
			       &new.pa))
		return -EFAULT;
	return debugger_break_add(&debugger->breaks, &vm_of(debugger)->mem,
				  &new);
}

static int target_remove(struct gdb_target *target, unsigned int thread,
			 enum gdb_break type, u64 addr, u64 len)
{
	struct debugger *debugger = from_target(target);

	(void)thread;
	debugger_break_remove(&debugger->breaks, &vm_of(debugger)->mem, type,
			      addr, len);
	return 0;
}

static void target_describe(struct gdb_target *target, unsigned int thread,
			    char *buf, size_t size)
{
	struct vcpu *vcpu = vcpu_of(target, thread);
	u64 pstate = 0;

	cpu_read(vcpu, CPU_PSTATE, &pstate);
	if (debugger_is_off(vcpu))
		snprintf(buf, size, "vCPU %u, off", thread);
	else
		snprintf(buf, size, "vCPU %u, EL%u", thread,
			 (unsigned int)PSTATE_EL(pstate));
}

/* ---- The machine --------------------------------------------------------- */

/* vCPUs are held when they start anew. */
static int target_reset(struct gdb_target *target)
{
	struct debugger *debugger = from_target(target);

	if (vm_of(debugger)->no_reboot)
		return -EPERM;
	debugger->asked = true;
	atomic_store(&debugger->first, 0);
	hold_all(debugger);
	vm_request_exit(vm_of(debugger), VM_EXIT_RESET);
	return 0;
}

static void target_kill(struct gdb_target *target)
{
	vm_request_exit(vm_of(from_target(target)), VM_EXIT_KILLED);
}

static const struct gdb_target_ops target_ops = {
	.stop = target_stop,
	.stopped = target_stopped,
	.lost = target_lost,
	.resume = target_resume,
	.detach = target_detach,
	.read_register = target_read_register,
	.write_register = target_write_register,
	.read_memory = target_read_memory,
	.write_memory = target_write_memory,
	.insert = target_insert,
	.remove = target_remove,
	.reset = target_reset,
	.kill = target_kill,
	.describe = target_describe,
};

void debugger_reset(struct machine *machine)
{
	struct debugger *debugger = machine->debugger;

	if (!debugger)
		return;
	for (unsigned int i = 0; i < machine->vm.nr_vcpus; i++)
		debugger->vcpus[i].masked = 0;
	debugger_break_replant(&debugger->breaks, &machine->vm.mem);
}

/* ---- Start and end ------------------------------------------------------- */

int debugger_open(struct machine *machine)
{
	const struct gdb_config *config = &machine->config->debug.gdb;
	struct debugger *debugger;
	int ret;

	if (!gdb_config_is_on(config))
		return 0;
	debugger = calloc(1, sizeof(*debugger));
	if (!debugger) {
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	debugger->machine = machine;
	debugger->wait = config->wait;
	ret = gdb_server_listen(config, &debugger->server);
	if (ret)
		free(debugger);
	else
		machine->debugger = debugger;
	return ret;
}

/* Numbers of registers are given with the capability; 0: none can be used. */
static int check_caps(struct debugger *debugger)
{
	struct vm *vm = vm_of(debugger);
	int bps = vm_check_cap(vm, KVM_CAP_GUEST_DEBUG_HW_BPS);
	int wps = vm_check_cap(vm, KVM_CAP_GUEST_DEBUG_HW_WPS);

	if (!vm_check_cap(vm, KVM_CAP_SET_GUEST_DEBUG)) {
		pr_fatal("--gdb: this kernel's KVM has no "
			 "KVM_CAP_SET_GUEST_DEBUG");
		return -ENOTSUP;
	}
	debugger->breaks.max_bps = MIN((unsigned int)bps, DEBUGGER_MAX_HW);
	debugger->breaks.max_wps = MIN((unsigned int)wps, DEBUGGER_MAX_HW);
	pr_debug("gdb: %d hardware breakpoints, %d watchpoints", bps, wps);
	return 0;
}

/* What does not fit the table of regions is not read: RAM is the first. */
static void collect_memory(struct debugger *debugger)
{
	const struct machine *machine = debugger->machine;
	const struct mmio_bus *bus = &machine->vm.bus;

	debugger->readable = machine->vm.mem;
	for (size_t i = 0; i < bus->nr_regions; i++) {
		const struct memslot *slot = bus->regions[i]->slot;

		if (slot)
			gmem_add(&debugger->readable, slot->gpa, slot->size,
				 slot->hva);
	}
	for (unsigned int i = 0; i < MACHINE_MAX_VIRTIO; i++)
		if (machine->pmems[i].hva)
			gmem_add(&debugger->readable, machine->pmems[i].base,
				 machine->pmems[i].size, machine->pmems[i].hva);
}

int debugger_start(struct machine *machine)
{
	struct debugger *debugger = machine->debugger;
	struct vm *vm = &machine->vm;
	int ret;

	if (!debugger)
		return 0;
	debugger->vcpus = calloc(vm->nr_vcpus, sizeof(*debugger->vcpus));
	if (!debugger->vcpus) {
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	debugger->target.ops = &target_ops;
	debugger->target.nr_threads = vm->nr_vcpus;
	gdb_aarch64_describe(&debugger->target);
	collect_memory(debugger);
	ret = check_caps(debugger);
	if (ret)
		return ret;
	if (debugger->wait)
		hold_all(debugger);
	return gdb_server_start(debugger->server, &debugger->target, &vm->loop);
}

void debugger_close(struct machine *machine)
{
	struct debugger *debugger = machine->debugger;

	if (!debugger)
		return;
	gdb_server_destroy(debugger->server);
	free(debugger->vcpus);
	free(debugger);
	machine->debugger = NULL;
}

void machine_tell_debugger(struct machine *machine, int status)
{
	if (machine->debugger)
		gdb_server_exited(machine->debugger->server, (u8)status);
}
