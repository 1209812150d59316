/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arm64 side of vCPUs: features, registers, exits that only arm64 has. */
#include <errno.h>
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
#define REG_MAIR  ARM64_SYS_REG(3, 0, 10, 2, 0)
#define REG_MDSCR ARM64_SYS_REG(2, 0, 0, 2, 2)

/* Arm ARM, SCTLR_EL1: the endianness of EL1; SPSR_ELx: Thumb. */
#define SCTLR_EE BIT(25)
#define PSTATE_T BIT(5)

/* Arm ARM, MPIDR_EL1: Aff3 at 39:32, Aff2..Aff0 at 23:0. */
#define MPIDR_AFFINITY 0xff00ffffffULL

#define SVE_VQ_BITS 128

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

/* Linux 6.3 and later make it up, earlier ones show that of a CPU of theirs. */
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

/* Registers that only newer CPUs or kernels have read as 0. */
static int get_optional(struct vcpu *vcpu, u64 id, u64 *value)
{
	int ret = cpu_get_reg(vcpu, id, value);

	if (ret)
		*value = 0;
	return ret == -ENOENT ? 0 : ret;
}

int cpu_get_regs(struct vcpu *vcpu, struct cpu_regs *regs)
{
	const struct {
		u64 id;
		u64 *value;
	} others[] = {
		{ CORE_REG(sp_el1), &regs->x[31] },
		{ CORE_REG(regs.pc), &regs->pc },
		{ CORE_REG(regs.pstate), &regs->pstate },
		{ REG_SCTLR, &regs->sctlr },
		{ REG_TCR, &regs->tcr },
		{ REG_TTBR0, &regs->ttbr[0] },
		{ REG_TTBR1, &regs->ttbr[1] },
		{ REG_MAIR, &regs->mair },
		{ REG_MDSCR, &regs->mdscr },
	};
	int ret = get_optional(vcpu, REG_TCR2, &regs->tcr2);

	for (unsigned int n = 0; !ret && n < 31; n++)
		ret = cpu_get_reg(vcpu, CORE_REG_X(n), &regs->x[n]);
	for (size_t i = 0; !ret && i < ARRAY_SIZE(others); i++)
		ret = cpu_get_reg(vcpu, others[i].id, others[i].value);
	return ret;
}

static int put_changed(struct vcpu *vcpu, u64 id, u64 old, u64 value)
{
	return old == value ? 0 : cpu_set_reg(vcpu, id, value);
}

int cpu_put_regs(struct vcpu *vcpu, const struct cpu_regs *old,
		 const struct cpu_regs *regs)
{
	int ret = put_changed(vcpu, CORE_REG(regs.pc), old->pc, regs->pc);

	if (!ret)
		ret = put_changed(vcpu, CORE_REG(regs.pstate), old->pstate,
				  regs->pstate);
	if (!ret)
		ret = put_changed(vcpu, CORE_REG(sp_el1), old->x[31],
				  regs->x[31]);
	for (unsigned int n = 0; !ret && n < 31; n++)
		ret = put_changed(vcpu, CORE_REG_X(n), old->x[n], regs->x[n]);
	if (ret)
		pr_err("vCPU %u: unable to set its registers: %s", vcpu->id,
		       strerror(-ret));
	return ret;
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
	u32 max_vq = machine->config->sve_max_vl / SVE_VQ_BITS;

	if (!max_vq)
		return 0;
	if (ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg) < 0)
		return -errno;
	for (u32 bit = max_vq; bit < 64 * ARRAY_SIZE(vls); bit++)
		vls[bit / 64] &= ~BIT(bit % 64);
	if (!vcpu->id && !(vls[(max_vq - 1) / 64] & BIT((max_vq - 1) % 64)))
		pr_warn("--sve-max-vl: this host has no vectors of %u bits, "
			"the guest gets the next shorter ones",
			machine->config->sve_max_vl);
	return ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg) < 0 ? -errno : 0;
}

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

/* Once more it is a reset. `on`: it runs, and does not wait for PSCI CPU_ON. */
static int init(struct machine *machine, struct vcpu *vcpu, bool on)
{
	struct kvm_vcpu_init args = { 0 };
	int ret = 0;

	if (ioctl(machine->vm.fd, KVM_ARM_PREFERRED_TARGET, &args) < 0) {
		ret = -errno;
		pr_fatal("KVM_ARM_PREFERRED_TARGET failed: %s", strerror(-ret));
		return ret;
	}
	args.features[0] = machine->features.vcpu_init;
	if (!on)
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
		int ret = init(machine, vcpu, !i);

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
 * KVM has one virtual counter for all vCPUs, which starts with them from 0.
 * What was set up before they ran for the first time - SVE, the interrupt of
 * the PMU, stolen time - they keep.
 */
int cpu_reset_all(struct machine *machine)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < machine->vm.nr_vcpus; i++)
		ret = init(machine, machine->vm.vcpus[i], !i);
	if (ret)
		return ret;
	ret = cpu_set_reg(machine->vm.vcpus[0], KVM_REG_ARM_TIMER_CNT, 0);
	if (ret)
		pr_err("Unable to reset the counter: %s", strerror(-ret));
	return ret;
}

/*
 * The device tree calls the timer always-on: a guest that set it to be woken by
 * it finds it as it has left it. (The physical one needs Linux 6.4: before, KVM
 * showed its registers to nobody.)
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
	ret = init(machine, vcpu, true);
	for (size_t i = 0; !ret && i < ARRAY_SIZE(ids); i++)
		if (has[i])
			ret = cpu_set_reg(vcpu, ids[i], values[i]);
	return ret;
}

/* DEN 0022, 6.4: as CPU_ON starts one, with the caller's endianness. */
int cpu_wake(struct machine *machine, struct vcpu *vcpu, u64 entry, u64 context)
{
	bool thumb = machine->features.aarch32 && entry & 1;
	u64 pstate = 0, caller = 0, sctlr = 0;
	int ret = cpu_get_reg(vcpu, REG_SCTLR, &caller);

	if (!ret)
		ret = init_but_timers(machine, vcpu);
	if (!ret)
		ret = cpu_get_reg(vcpu, REG_SCTLR, &sctlr);
	if (!ret)
		ret = cpu_set_reg(vcpu, REG_SCTLR, sctlr | (caller & SCTLR_EE));
	if (!ret)
		ret = cpu_get_reg(vcpu, CORE_REG(regs.pstate), &pstate);
	if (!ret && thumb)
		ret = cpu_set_reg(vcpu, CORE_REG(regs.pstate),
				  pstate | PSTATE_T);
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
 * Linux booting.rst (arm64) and booting (arm): x0, or r2, is the tree. All
 * others are 0 since KVM_ARM_VCPU_INIT.
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
