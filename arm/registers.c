/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the registers of all vCPUs are at one moment, and which functions they
 * are in, for `lkvm debug`. One that is at a device just then is in the middle
 * of that instruction.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "cpu.h"
#include "lkvm/arm/machine.h"
#include "lkvm/util/json.h"
#include "lkvm/vmm/pause.h"
#include "machine.h"
#include "stack.h"
#include "vcpu_memory.h"

#define GENERAL	   31
#define FRAME	   29
#define PSTATE_NRW BIT(4) /* in AArch32 state */

/* Behind X0 to X30, with the names that GDB has for them. */
static const struct {
	const char *name;
	u64 id;
} others[] = {
	{ "pc", CORE_REG(regs.pc) },
	{ "pstate", CORE_REG(regs.pstate) },
	{ "sp_el0", CORE_REG(regs.sp) },
	{ "sp_el1", CORE_REG(sp_el1) },
	{ "elr_el1", CORE_REG(elr_el1) },
	{ "spsr_el1", CORE_REG(spsr[KVM_SPSR_EL1]) },
	{ "esr_el1", ARM64_SYS_REG(3, 0, 5, 2, 0) },
	{ "far_el1", ARM64_SYS_REG(3, 0, 6, 0, 0) },
	{ "vbar_el1", ARM64_SYS_REG(3, 0, 12, 0, 0) },
	{ "sctlr_el1", ARM64_SYS_REG(3, 0, 1, 0, 0) },
	{ "tcr_el1", ARM64_SYS_REG(3, 0, 2, 0, 2) },
	{ "ttbr0_el1", ARM64_SYS_REG(3, 0, 2, 0, 0) },
	{ "ttbr1_el1", ARM64_SYS_REG(3, 0, 2, 0, 1) },
	{ "tpidr_el1", ARM64_SYS_REG(3, 0, 13, 0, 4) },
};

/* In hexadecimal, and so a string. One that cannot be read is left out. */
static void put(struct json_writer *json, const char *name, int ret, u64 value)
{
	char text[20];

	if (ret)
		return;
	snprintf(text, sizeof(text), "0x%016" PRIx64, value);
	json_string(json, name, text);
}

static const char *power_state(struct vcpu *vcpu)
{
	struct kvm_mp_state state = { 0 };

	if (ioctl(vcpu->fd, KVM_GET_MP_STATE, &state) < 0)
		return "not known";
	return state.mp_state == KVM_MP_STATE_STOPPED ? "off" : "on";
}

/*
 * From where it is now on outwards. In AArch32 state, and where a register
 * cannot be read, there is no more than that.
 */
static void put_stack(struct json_writer *json, struct vcpu *vcpu)
{
	const struct gmem *ram = &vcpu->vm->mem;
	u64 pc = 0, pstate = 0, fp = 0, at[STACK_MAX];
	struct stage1 mmu;
	unsigned int n = 0;

	json_begin_array(json, "stack");
	put(json, NULL, cpu_get_pc(vcpu, &pc), pc);
	if (!cpu_read(vcpu, CPU_PSTATE, &pstate) && !(pstate & PSTATE_NRW) &&
	    !cpu_read(vcpu, FRAME, &fp) && !vcpu_memory_init(&mmu, vcpu, ram))
		n = stack_walk(&mmu, ram, fp, at);
	for (unsigned int i = 0; i < n; i++)
		put(json, NULL, 0, at[i]);
	json_end_array(json);
}

/* A register that cannot be read does not keep the others from being shown. */
static void put_vcpu(struct json_writer *json, struct vcpu *vcpu)
{
	char name[8];
	u64 value = 0;
	int ret;

	json_begin_object(json, NULL);
	json_u64(json, "vcpu", vcpu->id);
	json_string(json, "power", power_state(vcpu));
	for (unsigned int i = 0; i < GENERAL; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		ret = cpu_read(vcpu, i, &value);
		put(json, name, ret, value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		ret = cpu_get_reg(vcpu, others[i].id, &value);
		put(json, others[i].name, ret, value);
	}
	put_stack(json, vcpu);
	json_end_object(json);
}

void machine_put_registers(struct machine *machine, struct json_writer *json,
			   const char *name)
{
	struct vm *vm = &machine->vm;

	json_begin_array(json, name);
	vm_pause(vm);
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		put_vcpu(json, vm->vcpus[i]);
	vm_resume(vm);
	json_end_array(json);
}
