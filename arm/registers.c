/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the registers of all vCPUs are at one moment, for `lkvm debug`. One that
 * is at a device just then is in the middle of that instruction.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "cpu.h"
#include "lkvm/arm/machine.h"
#include "lkvm/util/json.h"
#include "lkvm/vmm/pause.h"
#include "machine.h"

#define GENERAL 31

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
