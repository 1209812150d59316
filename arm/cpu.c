/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs of arm64: initialisation and reset (KVM_ARM_VCPU_INIT), registers
 * (KVM_GET_ONE_REG, KVM_SET_ONE_REG), boot state, and what exits need.
 *
 * A vCPU's registers can be accessed only while it is not in KVM_RUN: on its
 * own thread, or on any while the VM is paused. KVM has PSCI CPU_ON and CPU_OFF
 * itself; here is only what it passes to user space.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cpu.h"
#include "lkvm/util/log.h"
#include "machine.h"

#define CORE_REG_X(n) \
	(CORE_REG(regs.regs[0]) + (n) * (sizeof(u64) / sizeof(u32)))

/* Arm ARM, D23: op0, op1, CRn, CRm, op2. */
#define REG_MPIDR ARM64_SYS_REG(3, 0, 0, 0, 5)
#define REG_CLIDR ARM64_SYS_REG(3, 1, 0, 0, 1)
#define REG_SCTLR ARM64_SYS_REG(3, 0, 1, 0, 0)
#define REG_TTBR0 ARM64_SYS_REG(3, 0, 2, 0, 0)
#define REG_TTBR1 ARM64_SYS_REG(3, 0, 2, 0, 1)
#define REG_TCR	  ARM64_SYS_REG(3, 0, 2, 0, 2)
#define REG_TCR2  ARM64_SYS_REG(3, 0, 2, 0, 3)
#define REG_ESR	  ARM64_SYS_REG(3, 0, 5, 2, 0)
#define REG_FAR	  ARM64_SYS_REG(3, 0, 6, 0, 0)
#define REG_MAIR  ARM64_SYS_REG(3, 0, 10, 2, 0)
#define REG_MDSCR ARM64_SYS_REG(2, 0, 0, 2, 2)
#define REG_TPIDR ARM64_SYS_REG(3, 0, 13, 0, 4)

/* Arm ARM, SCTLR_EL1: the endianness of EL1; SPSR_ELx: Thumb. */
#define SCTLR_EE BIT(25)
#define PSTATE_T BIT(5)
/* AArch32: the endianness of data, which SETEND changes. */
#define PSTATE_E BIT(9)

/* Arm ARM, MPIDR_EL1: Aff3 at 39:32, Aff2..Aff0 at 23:0. */
#define MPIDR_AFFINITY 0xff00ffffffULL

#define SVE_VQ_BITS 128

/* Messages are the callers' part: -ENOENT is normal for optional registers. */
int cpu_get_reg(struct vcpu *vcpu, u64 id, u64 *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg) < 0 ? -errno : 0;
}

int cpu_set_reg(struct vcpu *vcpu, u64 id, u64 value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg) < 0 ? -errno : 0;
}

u64 cpu_mpidr(struct vcpu *vcpu)
{
	u64 mpidr = vcpu->id;

	if (cpu_get_reg(vcpu, REG_MPIDR, &mpidr))
		pr_warn("vCPU %u: unable to read MPIDR_EL1", vcpu->id);
	return mpidr & MPIDR_AFFINITY;
}

/* Linux 6.3 and later construct it; earlier ones show that of a host CPU. */
u64 cpu_clidr(struct vcpu *vcpu)
{
	u64 clidr = 0;

	if (cpu_get_reg(vcpu, REG_CLIDR, &clidr))
		pr_warn("vCPU %u: unable to read CLIDR_EL1", vcpu->id);
	return clidr;
}

int cpu_get_pc(struct vcpu *vcpu, u64 *pc)
{
	return cpu_get_reg(vcpu, CORE_REG(regs.pc), pc);
}

/* From enum cpu_reg to KVM's ID; 0, which KVM refuses, if there is none. */
static u64 reg_id(unsigned int reg)
{
	static const u64 ids[CPU_REGS] = {
		[CPU_SP_EL1] = CORE_REG(sp_el1),
		[CPU_PC] = CORE_REG(regs.pc),
		[CPU_PSTATE] = CORE_REG(regs.pstate),
		[CPU_SCTLR] = REG_SCTLR,
		[CPU_TCR] = REG_TCR,
		[CPU_TCR2] = REG_TCR2,
		[CPU_TTBR0] = REG_TTBR0,
		[CPU_TTBR1] = REG_TTBR1,
		[CPU_MAIR] = REG_MAIR,
		[CPU_MDSCR] = REG_MDSCR,
		[CPU_TPIDR] = REG_TPIDR,
	};

	if (reg < CPU_SP_EL1)
		return CORE_REG_X(reg);
	return reg < CPU_REGS ? ids[reg] : 0;
}

int cpu_read(struct vcpu *vcpu, unsigned int reg, u64 *value)
{
	return cpu_get_reg(vcpu, reg_id(reg), value);
}

int cpu_write(struct vcpu *vcpu, unsigned int reg, u64 value)
{
	return cpu_set_reg(vcpu, reg_id(reg), value);
}

/*
 * Leaves only vector lengths up to --sve-max-vl in the set that KVM offers:
 * bit n of the pseudo register stands for (n + 1) x 128 bits.
 */
static int limit_sve(struct machine *machine, struct vcpu *vcpu)
{
	u64 vls[KVM_ARM64_SVE_VLS_WORDS];
	struct kvm_one_reg reg = {
		.id = KVM_REG_ARM64_SVE_VLS,
		.addr = (uintptr_t)vls,
	};
	u32 max_vq = machine->config->cpu.sve_max_vl / SVE_VQ_BITS;

	if (!max_vq)
		return 0;
	if (ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg) < 0)
		return -errno;
	for (u32 bit = max_vq; bit < 64 * ARRAY_SIZE(vls); bit++)
		vls[bit / 64] &= ~BIT(bit % 64);
	if (!vcpu->id && !(vls[(max_vq - 1) / 64] & BIT((max_vq - 1) % 64)))
		pr_warn("--sve-max-vl: this host has no vectors of %u bits, "
			"the guest gets the next shorter ones",
			machine->config->cpu.sve_max_vl);
	return ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg) < 0 ? -errno : 0;
}

/*
 * Vector lengths are fixed by KVM_ARM_VCPU_FINALIZE, once in a vCPU's life; KVM
 * refuses to run the vCPU before (api.rst).
 */
static int finalize_sve(struct machine *machine, struct vcpu *vcpu)
{
	int feature = KVM_ARM_VCPU_SVE;
	int ret;

	if (!machine->features.sve)
		return 0;
	ret = limit_sve(machine, vcpu);
	if (!ret && ioctl(vcpu->fd, KVM_ARM_VCPU_FINALIZE, &feature) < 0)
		ret = -errno;
	if (ret)
		pr_fatal("vCPU %u: unable to set up SVE: %s", vcpu->id,
			 strerror(-ret));
	return ret;
}

/*
 * A second KVM_ARM_VCPU_INIT resets the vCPU. All but vCPU 0 wait for PSCI
 * CPU_ON then: KVM before Linux 6.2 refuses features that differ from the first
 * time, and counts POWER_OFF among them.
 */
static int init(struct machine *machine, struct vcpu *vcpu)
{
	struct kvm_vcpu_init args = { 0 };
	int ret = 0;

	if (ioctl(machine->vm.fd, KVM_ARM_PREFERRED_TARGET, &args) < 0) {
		ret = -errno;
		pr_fatal("KVM_ARM_PREFERRED_TARGET failed: %s", strerror(-ret));
		return ret;
	}
	args.features[0] = machine->features.vcpu_init;
	if (vcpu->id)
		args.features[0] |= BIT(KVM_ARM_VCPU_POWER_OFF);
	if (ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &args) < 0) {
		ret = -errno;
		pr_fatal("vCPU %u: KVM_ARM_VCPU_INIT with features 0x%x "
			 "failed: %s",
			 vcpu->id, args.features[0], strerror(-ret));
	}
	return ret;
}

int cpu_init_all(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->vm.nr_vcpus; i++) {
		struct vcpu *vcpu = machine->vm.vcpus[i];
		int ret = init(machine, vcpu);

		if (!ret)
			ret = finalize_sve(machine, vcpu);
		if (!ret)
			ret = pvtime_init_vcpu(machine, vcpu);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * KVM has one virtual counter for all vCPUs, which restarts from 0 here. SVE,
 * the PMU's interrupt and stolen time stay as they were set up.
 */
int cpu_reset_all(struct machine *machine)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < machine->vm.nr_vcpus; i++)
		ret = init(machine, machine->vm.vcpus[i]);
	if (ret)
		return ret;
	ret = cpu_set_reg(machine->vm.vcpus[0], KVM_REG_ARM_TIMER_CNT, 0);
	if (ret)
		pr_err("Unable to reset the counter: %s", strerror(-ret));
	return ret;
}

int cpu_set_mp_state(struct vcpu *vcpu, u32 state)
{
	struct kvm_mp_state args = { .mp_state = state };
	int ret = ioctl(vcpu->fd, KVM_SET_MP_STATE, &args) < 0 ? -errno : 0;

	if (ret)
		pr_err("vCPU %u: unable to set its state to %u: %s", vcpu->id,
		       state, strerror(-ret));
	return ret;
}

/*
 * The device tree declares the timer always-on, so that its registers have to
 * survive: a guest may have set it to wake it. (KVM has registers of the
 * physical timer since Linux 6.4.)
 */
static int init_but_timers(struct machine *machine, struct vcpu *vcpu)
{
	static const u64 ids[] = {
		KVM_REG_ARM_TIMER_CVAL,
		KVM_REG_ARM_TIMER_CTL,
		KVM_REG_ARM_PTIMER_CVAL,
		KVM_REG_ARM_PTIMER_CTL,
	};
	u64 values[ARRAY_SIZE(ids)];
	bool has[ARRAY_SIZE(ids)];
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		has[i] = !cpu_get_reg(vcpu, ids[i], &values[i]);
	ret = init(machine, vcpu);
	if (!ret)
		ret = cpu_set_mp_state(vcpu, KVM_MP_STATE_RUNNABLE);
	for (size_t i = 0; !ret && i < ARRAY_SIZE(ids); i++)
		if (has[i])
			ret = cpu_set_reg(vcpu, ids[i], values[i]);
	return ret;
}

static int set_bits(struct vcpu *vcpu, u64 id, u64 bits)
{
	u64 value = 0;
	int ret = cpu_get_reg(vcpu, id, &value);

	return ret ?: cpu_set_reg(vcpu, id, value | bits);
}

/*
 * The state that CPU_ON would start it in, with the endianness of the caller
 * (DEN 0022, 6.4).
 */
int cpu_wake(struct machine *machine, struct vcpu *vcpu, u64 entry, u64 context)
{
	bool aarch32 = machine->features.aarch32;
	bool thumb = aarch32 && entry & 1;
	u64 caller = 0, caller_pstate = 0;
	int ret = cpu_get_reg(vcpu, REG_SCTLR, &caller);

	if (!ret)
		ret = cpu_get_reg(vcpu, CORE_REG(regs.pstate), &caller_pstate);
	if (!ret)
		ret = init_but_timers(machine, vcpu);
	if (!ret)
		ret = set_bits(vcpu, REG_SCTLR, caller & SCTLR_EE);
	if (!ret && aarch32)
		ret = set_bits(vcpu, CORE_REG(regs.pstate),
			       (caller_pstate & PSTATE_E) |
				       (thumb ? PSTATE_T : 0));
	if (!ret)
		ret = cpu_set_reg(vcpu, CORE_REG(regs.pc), entry & ~(u64)thumb);
	if (!ret)
		ret = cpu_set_reg(vcpu, CORE_REG(regs.regs[0]), context);
	if (ret)
		pr_err("vCPU %u: unable to wake it: %s", vcpu->id,
		       strerror(-ret));
	return ret;
}

int cpu_set_x(struct vcpu *vcpu, unsigned int n, u64 value)
{
	int ret = cpu_set_reg(vcpu, CORE_REG_X(n), value);

	if (ret)
		pr_err("vCPU %u: unable to set its registers: %s", vcpu->id,
		       strerror(-ret));
	return ret;
}

/*
 * Linux booting.rst: the tree's address is in x0 (arm64), or in r2 with r1 all
 * ones (arm). KVM_ARM_VCPU_INIT has cleared all others.
 */
static int set_boot_regs(struct machine *machine, struct vcpu *vcpu)
{
	bool aarch32 = machine->features.aarch32;
	int ret = cpu_set_reg(vcpu, CORE_REG_X(aarch32 ? 2 : 0),
			      machine->dtb.base);

	if (!ret && aarch32)
		ret = cpu_set_reg(vcpu, CORE_REG_X(1), UINT32_MAX);
	if (!ret)
		ret = cpu_set_reg(vcpu, CORE_REG(regs.pc), machine->entry);
	return ret;
}

int cpu_set_boot_state(struct machine *machine)
{
	struct vcpu *vcpu = machine->vm.vcpus[0];
	int ret = set_boot_regs(machine, vcpu);

	if (ret)
		pr_fatal("vCPU 0: unable to set registers: %s", strerror(-ret));
	return ret;
}

/* A synchronous external data abort (api.rst, KVM_SET_VCPU_EVENTS). */
int cpu_inject_external_abort(struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = { 0 };
	int ret;

	if (ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events) < 0)
		goto err;
	events.exception.ext_dabt_pending = 1;
	if (ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events) < 0)
		goto err;
	return 0;

err:
	ret = -errno;
	pr_err("vCPU %u: unable to inject an external abort: %s", vcpu->id,
	       strerror(-ret));
	return ret;
}

/*
 * Instructions that are skipped have 4 bytes: A64, or coprocessor accesses of
 * A32 and T32.
 */
int cpu_skip_instruction(struct vcpu *vcpu)
{
	u64 pc = 0;
	int ret = cpu_get_pc(vcpu, &pc);

	if (!ret)
		ret = cpu_set_reg(vcpu, CORE_REG(regs.pc), pc + sizeof(u32));
	if (ret)
		pr_err("vCPU %u: unable to skip an instruction: %s", vcpu->id,
		       strerror(-ret));
	return ret;
}

/*
 * What cannot be read is shown as 0. The last three are those of the exception,
 * for a guest that has no vectors, or none that print it.
 */
void cpu_describe(struct vcpu *vcpu, char *buf, size_t size)
{
	static const struct {
		const char *name;
		u64 reg;
	} shown[] = {
		{ "PC", CORE_REG(regs.pc) },
		{ "LR", CORE_REG_X(30) },
		{ "SP_EL1", CORE_REG(sp_el1) },
		{ "PSTATE", CORE_REG(regs.pstate) },
		{ "ELR_EL1", CORE_REG(elr_el1) },
		{ "ESR_EL1", REG_ESR },
		{ "FAR_EL1", REG_FAR },
	};
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(shown) && len < size; i++) {
		u64 value = 0;

		cpu_get_reg(vcpu, shown[i].reg, &value);
		len += (size_t)snprintf(buf + len, size - len,
					"%s%s 0x%" PRIx64, i ? ", " : "",
					shown[i].name, value);
	}
}

/* FNV-1a, by words. */
static u64 add_to_hash(u64 hash, u64 value)
{
	return (hash ^ value) * 0x100000001b3;
}

/*
 * Compare values of the timers are among them: an OS that does nothing but
 * serve its ticks sets them anew.
 */
u64 cpu_fingerprint(struct vcpu *vcpu)
{
	static const u64 others[] = {
		CORE_REG(regs.pc),	 CORE_REG(regs.sp),
		CORE_REG(regs.pstate),	 CORE_REG(sp_el1),
		CORE_REG(elr_el1),	 KVM_REG_ARM_TIMER_CVAL,
		KVM_REG_ARM_PTIMER_CVAL,
	};
	u64 hash = 0xcbf29ce484222325;

	for (unsigned int i = 0; i < 31; i++) {
		u64 value = 0;

		cpu_get_reg(vcpu, CORE_REG_X(i), &value);
		hash = add_to_hash(hash, value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		u64 value = 0;

		cpu_get_reg(vcpu, others[i], &value);
		hash = add_to_hash(hash, value);
	}
	return hash;
}
