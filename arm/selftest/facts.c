/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this machine is and what its KVM offers: CPU (MIDR_EL1), kernel, page
 * size, caches, GIC, optional features. The first part of a report, so that a
 * failure can be related to hardware.
 *
 * Notes only, no check: a machine without a feature passes. What cannot be read
 * is left out. Main thread, with a VM and a vCPU that never runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../cpu.h"
#include "lkvm/util/log.h"
#include "selftest.h"

/* Arm ARM (DDI 0487), D23: MIDR_EL1, ID_AA64PFR1_EL1, CTR_EL0. */
#define REG_MIDR    ARM64_SYS_REG(3, 0, 0, 0, 0)
#define REG_PFR1    ARM64_SYS_REG(3, 0, 0, 4, 1)
#define MAX_MIDRS   8
#define IPA_DEFAULT 40 /* api.rst: without KVM_CAP_ARM_VM_IPA_SIZE */
#define PFR1_BT	    0xf
#define CTR_IDC	    BIT(28)
#define CTR_DIC	    BIT(29)
#define SYSFS_MIDR  "/sys/devices/system/cpu/cpu%ld/regs/identification/midr_el1"

/* Capabilities by the names that the report uses; api.rst, chapters 4 and 8. */
static const struct {
	const char *name;
	int cap;
} features[] = {
	{ "PAC", KVM_CAP_ARM_PTRAUTH_ADDRESS },
	{ "SVE", KVM_CAP_ARM_SVE },
	{ "MTE", KVM_CAP_ARM_MTE },
	{ "AArch32", KVM_CAP_ARM_EL1_32BIT },
	{ "PMU", KVM_CAP_ARM_PMU_V3 },
	{ "pvtime", KVM_CAP_STEAL_TIME },
	{ "NISV", KVM_CAP_ARM_NISV_TO_USER },
	{ "read-only-memory", KVM_CAP_READONLY_MEM },
	{ "coalesced-MMIO", KVM_CAP_COALESCED_MMIO },
	{ "irqfd-resample", KVM_CAP_IRQFD_RESAMPLE },
	{ "MSI", KVM_CAP_SIGNAL_MSI },
	{ "system-suspend", KVM_CAP_ARM_SYSTEM_SUSPEND },
};

static const struct {
	const char *name;
	u32 type;
} gics[] = {
	{ "GICv2", KVM_DEV_TYPE_ARM_VGIC_V2 },
	{ "GICv3", KVM_DEV_TYPE_ARM_VGIC_V3 },
	{ "ITS", KVM_DEV_TYPE_ARM_VGIC_ITS },
};

/* Appends a word to a list that has room for `size` bytes. */
static void append(char *list, size_t size, const char *word)
{
	size_t len = strlen(list);

	snprintf(list + len, size - len, "%s%s", len ? " " : "", word);
}

/* Linux 4.7 and later show it; offline CPUs have none. */
static bool read_midr(long cpu, u64 *midr)
{
	char path[96];
	FILE *file;
	bool good;

	snprintf(path, sizeof(path), SYSFS_MIDR, cpu);
	file = fopen(path, "re");
	if (!file)
		return false;
	good = fscanf(file, "%" SCNx64, midr) == 1;
	fclose(file);
	return good;
}

/* True if `value` is not in the list so far. */
static bool is_new(const u64 *list, size_t n, u64 value)
{
	while (n)
		if (list[--n] == value)
			return false;
	return true;
}

/*
 * One of each kind, as there may be large and small cores. sysfs has those of
 * all CPUs; without it, KVM's value is that of the CPU this runs on.
 */
static void note_midrs(struct vcpu *vcpu, struct test_result *result)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	u64 midrs[MAX_MIDRS], midr;
	char list[128] = "", word[24];
	size_t n = 0;

	for (long cpu = 0; cpu < cpus && n < MAX_MIDRS; cpu++)
		if (read_midr(cpu, &midr) && is_new(midrs, n, midr))
			midrs[n++] = midr;
	if (!n && !cpu_get_reg(vcpu, REG_MIDR, &midr))
		midrs[n++] = midr;
	for (size_t i = 0; i < n; i++) {
		snprintf(word, sizeof(word), "0x%08" PRIx64, midrs[i]);
		append(list, sizeof(list), word);
	}
	result_note(result, "MIDR", "%s", list);
}

/* What decides about KVM's faults, and how large slots must be. */
static void note_kernel(struct test_result *result)
{
	struct utsname name;

	if (!uname(&name))
		result_note(result, "kernel", "%s %s %s", name.sysname,
			    name.release, name.machine);
	result_note(result, "page-size", "%ld", sysconf(_SC_PAGESIZE));
	result_note(result, "CPUs", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
}

/* CTR_EL0: whether caches need no maintenance for code that was written. */
static void note_caches(struct test_result *result)
{
	u64 ctr = 0;

#ifdef __aarch64__
	asm("mrs %0, ctr_el0" : "=r"(ctr));
#endif
	result_note(result, "CTR", "0x%08" PRIx64 "%s%s", ctr,
		    ctr & CTR_IDC ? " IDC" : "", ctr & CTR_DIC ? " DIC" : "");
}

/* KVM_CREATE_DEVICE_TEST creates nothing. */
static bool has_gic(const struct vm *vm, u32 type)
{
	struct kvm_create_device args = { .type = type,
					  .flags = KVM_CREATE_DEVICE_TEST };

	return !ioctl(vm->fd, KVM_CREATE_DEVICE, &args);
}

/* A GICv3 host may offer its guests a GICv2 as well. */
static void note_gics(const struct vm *vm, struct test_result *result)
{
	char list[64] = "";

	for (size_t i = 0; i < ARRAY_SIZE(gics); i++)
		if (has_gic(vm, gics[i].type))
			append(list, sizeof(list), gics[i].name);
	result_note(result, "GIC", "%s", list);
}

/* BTI has no capability: ID_AA64PFR1_EL1.BT of the guest shows it. */
static void note_features(const struct vm *vm, struct test_result *result)
{
	char has[128] = "", lacks[128] = "";
	u64 pfr1 = 0;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		bool there = vm_check_cap(vm, features[i].cap) > 0;

		append(there ? has : lacks, sizeof(has), features[i].name);
	}
	cpu_get_reg(vm->vcpus[0], REG_PFR1, &pfr1);
	append(pfr1 & PFR1_BT ? has : lacks, sizeof(has), "BTI");
	result_note(result, "has", "%s", has);
	result_note(result, "lacks", "%s", lacks);
}

static void note_kvm(const struct vm *vm, struct test_result *result)
{
	int ipa = vm_check_cap(vm, KVM_CAP_ARM_VM_IPA_SIZE);

	result_note(result, "IPA-bits", "%d", ipa > 0 ? ipa : IPA_DEFAULT);
	result_note(result, "vCPUs", "%u, recommended %u", vm_max_vcpus(vm),
		    vm_recommended_vcpus(vm));
	note_gics(vm, result);
	note_features(vm, result);
}

static int failed(const char *what)
{
	int err = errno;

	pr_fatal("selftest: %s failed: %s", what, strerror(err));
	return -err;
}

/* A vCPU has registers once it is initialised. */
static int create_vcpu(struct vm *vm)
{
	struct kvm_vcpu_init init = { 0 };
	int ret = vm_create_vcpus(vm, 1);

	if (ret)
		return ret;
	if (ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init) < 0)
		return failed("KVM_ARM_PREFERRED_TARGET");
	if (ioctl(vm->vcpus[0]->fd, KVM_ARM_VCPU_INIT, &init) < 0)
		return failed("KVM_ARM_VCPU_INIT");
	return 0;
}

/* The first thing that needs KVM: if it fails, no test can run. */
int facts_gather(const struct selftest *st, struct test_result *result)
{
	struct vm vm;
	int ret = vm_open(&vm, st->config->kvm_dev);

	if (ret)
		return ret;
	note_kernel(result);
	note_caches(result);
	ret = vm_create(&vm, 0);
	if (!ret)
		ret = create_vcpu(&vm);
	if (!ret) {
		note_midrs(vm.vcpus[0], result);
		note_kvm(&vm, result);
	}
	vm_destroy(&vm);
	return ret;
}
