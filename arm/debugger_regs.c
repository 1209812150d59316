/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's registers by a debugger's numbers, through KVM_GET_ONE_REG and
 * KVM_SET_ONE_REG (api.rst, 4.68): what is part of struct kvm_regs has IDs by
 * its place there, other system registers by their encoding.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cpu.h"
#include "debugger.h"
#include "lkvm/gdb/aarch64.h"
#include "machine.h"

#define CORE(size, name)                                          \
	(KVM_REG_ARM64 | KVM_REG_SIZE_##size | KVM_REG_ARM_CORE | \
	 KVM_REG_ARM_CORE_REG(name))

/* Arm ARM, C5.2: SPSR_ELx.M of EL1 and EL0 with SP_EL0, of AArch64. */
#define PSTATE_MODE 0x1fU
#define MODE_EL1H   0x05U

/* Bytes of a slice of a Z register, which has the V register in front. */
#define SVE_SLICE 256

/* Arm ARM, D23: op0, op1, CRn, CRm, op2. */
static const u64 system_ids[GDB_AARCH64_REGISTERS - GDB_SYSTEM] = {
	[GDB_SCTLR_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 1, 0, 0),
	[GDB_CPACR_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 1, 0, 2),
	[GDB_TTBR0_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 2, 0, 0),
	[GDB_TTBR1_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 2, 0, 1),
	[GDB_TCR_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 2, 0, 2),
	[GDB_MAIR_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 10, 2, 0),
	[GDB_VBAR_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 12, 0, 0),
	[GDB_ELR_EL1 - GDB_SYSTEM] = CORE(U64, elr_el1),
	[GDB_SPSR_EL1 - GDB_SYSTEM] = CORE(U64, spsr[KVM_SPSR_EL1]),
	[GDB_ESR_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 5, 2, 0),
	[GDB_FAR_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 6, 0, 0),
	[GDB_PAR_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 7, 4, 0),
	[GDB_SP_EL0 - GDB_SYSTEM] = CORE(U64, regs.sp),
	[GDB_SP_EL1 - GDB_SYSTEM] = CORE(U64, sp_el1),
	[GDB_TPIDR_EL0 - GDB_SYSTEM] = ARM64_SYS_REG(3, 3, 13, 0, 2),
	[GDB_TPIDRRO_EL0 - GDB_SYSTEM] = ARM64_SYS_REG(3, 3, 13, 0, 3),
	[GDB_TPIDR_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 13, 0, 4),
	[GDB_CONTEXTIDR_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 13, 0, 1),
	[GDB_CNTKCTL_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 14, 1, 0),
	/* KVM's names for the timer's are not their encodings. */
	[GDB_CNTV_CTL_EL0 - GDB_SYSTEM] = KVM_REG_ARM_TIMER_CTL,
	[GDB_CNTV_CVAL_EL0 - GDB_SYSTEM] = KVM_REG_ARM_TIMER_CVAL,
	[GDB_MIDR_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 0, 0, 0),
	[GDB_MPIDR_EL1 - GDB_SYSTEM] = ARM64_SYS_REG(3, 0, 0, 0, 5),
};

static int transfer(struct vcpu *vcpu, bool set, u64 id, void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };
	unsigned long request = set ? KVM_SET_ONE_REG : KVM_GET_ONE_REG;

	return ioctl(vcpu->fd, request, &reg) < 0 ? -errno : 0;
}

/* With SVE KVM has V registers as part of Z registers only. */
static int transfer_v(struct vcpu *vcpu, bool set, unsigned int n, u8 *value)
{
	const struct machine *machine = vcpu->vm->arch;
	u8 slice[SVE_SLICE] = { 0 };
	u64 id;
	int ret;

	if (!machine->features.sve) {
		id = CORE(U128, fp_regs.vregs[0]) +
		     n * (sizeof(__uint128_t) / sizeof(u32));
		return transfer(vcpu, set, id, value);
	}
	id = KVM_REG_ARM64_SVE_ZREG(n, 0);
	ret = transfer(vcpu, false, id, slice);
	if (ret)
		return ret;
	if (!set) {
		memcpy(value, slice, GDB_REGISTER_MAX);
		return 0;
	}
	memcpy(slice, value, GDB_REGISTER_MAX);
	return transfer(vcpu, true, id, slice);
}

/* The stack pointer in use is one of two. */
static int stack_pointer(struct vcpu *vcpu, unsigned int *reg)
{
	u64 pstate = 0;
	int ret = cpu_read(vcpu, CPU_PSTATE, &pstate);

	*reg = (pstate & PSTATE_MODE) == MODE_EL1H ? GDB_SP_EL1 : GDB_SP_EL0;
	return ret;
}

/* KVM has 64 bits of PSTATE, a debugger 32 of cpsr. */
static int transfer_cpsr(struct vcpu *vcpu, bool set, u8 *value)
{
	u64 pstate = 0;
	int ret;

	if (set) {
		memcpy(&pstate, value, sizeof(u32));
		return cpu_write(vcpu, CPU_PSTATE, pstate);
	}
	ret = cpu_read(vcpu, CPU_PSTATE, &pstate);
	memcpy(value, &pstate, sizeof(u32));
	return ret;
}

/*
 * From a debugger's numbers to KVM's IDs. SP is replaced first by the register
 * that it stands for, which is one of the system registers.
 */
static int transfer_any(struct vcpu *vcpu, bool set, unsigned int reg,
			u8 *value)
{
	int ret;

	if (reg == GDB_SP) {
		ret = stack_pointer(vcpu, &reg);
		if (ret)
			return ret;
	}
	if (reg < GDB_SP)
		return transfer(vcpu, set,
				CORE(U64, regs.regs[0]) +
					reg * (sizeof(u64) / sizeof(u32)),
				value);
	if (reg == GDB_PC)
		return transfer(vcpu, set, CORE(U64, regs.pc), value);
	if (reg == GDB_CPSR)
		return transfer_cpsr(vcpu, set, value);
	if (reg < GDB_FPSR)
		return transfer_v(vcpu, set, reg - GDB_V0, value);
	if (reg < GDB_SYSTEM)
		return transfer(vcpu, set,
				reg == GDB_FPSR ? CORE(U32, fp_regs.fpsr)
						: CORE(U32, fp_regs.fpcr),
				value);
	if (reg < GDB_AARCH64_REGISTERS)
		return transfer(vcpu, set, system_ids[reg - GDB_SYSTEM], value);
	return -ENOENT;
}

int debugger_get(struct vcpu *vcpu, unsigned int reg, u8 *value)
{
	return transfer_any(vcpu, false, reg, value);
}

int debugger_set(struct vcpu *vcpu, unsigned int reg, const u8 *value)
{
	u8 copy[GDB_REGISTER_MAX];

	memcpy(copy, value, sizeof(copy));
	return transfer_any(vcpu, true, reg, copy);
}

int debugger_get_u64(struct vcpu *vcpu, unsigned int reg, u64 *value)
{
	u8 bytes[GDB_REGISTER_MAX] = { 0 };
	int ret = debugger_get(vcpu, reg, bytes);

	memcpy(value, bytes, sizeof(*value));
	return ret;
}

int debugger_set_u64(struct vcpu *vcpu, unsigned int reg, u64 value)
{
	u8 bytes[GDB_REGISTER_MAX] = { 0 };

	memcpy(bytes, &value, sizeof(value));
	return debugger_set(vcpu, reg, bytes);
}
