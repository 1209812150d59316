/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Optional features of the guest's CPUs, chosen once at start by KVM's
 * capabilities (api.rst). Main thread, before the first vCPU is created.
 *
 * Features that kvmtool enables by itself (pointer authentication, SVE, MTE,
 * stolen time) are used where the host has them; those that an option names are
 * refused with a message where it has not.
 */
#include <errno.h>

#include "batch.h"
#include "lkvm/util/log.h"
#include "machine.h"

/* The VM's file descriptor, as some capabilities depend on the VM. */
static bool has(struct machine *machine, int cap)
{
	return vm_check_cap(&machine->vm, cap) > 0;
}

/* -ENOTSUP after a message that names the option. */
static int refuse(const char *option, const char *why)
{
	pr_fatal("%s: %s", option, why);
	return -ENOTSUP;
}

static int choose_aarch32(struct machine *machine)
{
	const struct vm_config *config = machine->config;

	if (!config->cpu.aarch32)
		return 0;
	if (!has(machine, KVM_CAP_ARM_EL1_32BIT))
		return refuse("--aarch32", "this host's CPUs or KVM cannot run "
					   "32-bit guests");
	if (config->cpu.sve_max_vl)
		return refuse("--aarch32", "a 32-bit guest has no SVE: leave "
					   "out --sve-max-vl");
	machine->features.aarch32 = true;
	machine->features.vcpu_init |= BIT(KVM_ARM_VCPU_EL1_32BIT);
	return 0;
}

static int choose_pmu(struct machine *machine)
{
	if (!machine->config->cpu.pmu)
		return 0;
	if (!has(machine, KVM_CAP_ARM_PMU_V3))
		return refuse("--pmu", "this host's CPUs or KVM have no PMUv3 "
				       "for guests");
	machine->features.pmu = true;
	machine->features.vcpu_init |= BIT(KVM_ARM_VCPU_PMU_V3);
	return 0;
}

/* A 32-bit guest has no SVE: not an error unless an option names it. */
static int choose_sve(struct machine *machine)
{
	bool sve = has(machine, KVM_CAP_ARM_SVE);

	if (machine->config->cpu.sve_max_vl && !sve)
		return refuse("--sve-max-vl", "this host's CPUs or KVM have no "
					      "SVE for guests");
	if (!sve || machine->features.aarch32)
		return 0;
	machine->features.sve = true;
	machine->features.vcpu_init |= BIT(KVM_ARM_VCPU_SVE);
	return 0;
}

/* Both kinds or none (api.rst, KVM_ARM_VCPU_INIT). */
static void choose_ptrauth(struct machine *machine)
{
	if (machine->features.aarch32 ||
	    !has(machine, KVM_CAP_ARM_PTRAUTH_ADDRESS) ||
	    !has(machine, KVM_CAP_ARM_PTRAUTH_GENERIC))
		return;
	machine->features.vcpu_init |= BIT(KVM_ARM_VCPU_PTRAUTH_ADDRESS) |
				       BIT(KVM_ARM_VCPU_PTRAUTH_GENERIC);
}

/*
 * Has to be enabled before the first vCPU is created. Files have no tags, and
 * KVM takes none of them for memory of a guest with MTE.
 */
static int choose_mte(struct machine *machine)
{
	int ret;

	if (machine->config->cpu.disable_mte || machine->features.aarch32 ||
	    !has(machine, KVM_CAP_ARM_MTE))
		return 0;
	if (machine->config->pmem.count) {
		pr_info("--pmem: the guest has no memory tagging");
		return 0;
	}
	ret = vm_enable_cap(&machine->vm, KVM_CAP_ARM_MTE, 0);
	if (ret) {
		pr_fatal("Unable to enable MTE for the guest (error %d); "
			 "--disable-mte does without",
			 -ret);
		return ret;
	}
	machine->features.mte = true;
	return 0;
}

/*
 * With it, an access that KVM cannot describe exits to lkvm and gets an
 * external abort; without it KVM_RUN fails with -ENOSYS and the run ends.
 */
static void choose_nisv(struct machine *machine)
{
	machine->features.nisv =
		!vm_enable_cap(&machine->vm, KVM_CAP_ARM_NISV_TO_USER, 0);
	if (!machine->features.nisv)
		pr_warn("this kernel's KVM has no KVM_CAP_ARM_NISV_TO_USER "
			"(Linux 5.5): a guest that reaches a device with an "
			"instruction without syndrome ends the run");
}

/* Order: AArch32 first, as it excludes others; batches last, by the result. */
int features_choose(struct machine *machine)
{
	int ret;

	machine->features.vcpu_init = BIT(KVM_ARM_VCPU_PSCI_0_2);
	if (!has(machine, KVM_CAP_ARM_PSCI_0_2))
		return refuse("KVM", "this kernel has no KVM_CAP_ARM_PSCI_0_2 "
				     "(Linux 3.16 or newer needed)");
	ret = choose_aarch32(machine);
	if (ret)
		return ret;
	ret = choose_pmu(machine);
	if (ret)
		return ret;
	ret = choose_sve(machine);
	if (ret)
		return ret;
	choose_ptrauth(machine);
	choose_nisv(machine);
	machine->features.pvtime = !machine->config->cpu.no_pvtime &&
				   has(machine, KVM_CAP_STEAL_TIME);
	ret = choose_mte(machine);
	batch_setup(machine);
	return ret;
}
