/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's performance monitor (PMUv3), by the vCPU's device attributes:
 * Linux Documentation/virt/kvm/devices/vcpu.rst, KVM_ARM_VCPU_PMU_V3_CTRL.
 *
 * On a machine with several kinds of cores each kind has a PMU of its own, and
 * KVM uses one of them for the VM. With --vcpu-affinity the one that serves all
 * of those CPUs is selected, as a vCPU on another core could not count. Main
 * thread, after the GIC has been created, which INIT depends on.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "gic.h"
#include "lkvm/util/log.h"
#include "lkvm/util/parse.h"
#include "machine.h"

/* Each PMU is a directory with files "cpus" (a list) and "type". */
#define PMU_DIR "/sys/bus/event_source/devices"

/* 0 or -errno; KVM reads the value at `arg`. */
static int set_attr(struct vcpu *vcpu, u64 attr, void *arg)
{
	struct kvm_device_attr args = {
		.group = KVM_ARM_VCPU_PMU_V3_CTRL,
		.attr = attr,
		.addr = (uintptr_t)arg,
	};

	return ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &args) < 0 ? -errno : 0;
}

/* A file of PMU `dir`, without its newline. */
static int read_line(const char *dir, const char *file, char *buf, size_t size)
{
	char path[512];
	FILE *f;
	int ret = 0;

	snprintf(path, sizeof(path), PMU_DIR "/%s/%s", dir, file);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	if (!fgets(buf, (int)size, f))
		ret = -EIO;
	fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
	return ret;
}

/* The type of PMU `name` if it serves all CPUs in `wanted`, else negative. */
static int covering_type(const char *name, const cpu_set_t *wanted)
{
	cpu_set_t served, both;
	char line[256];

	if (read_line(name, "cpus", line, sizeof(line)) ||
	    parse_cpulist(line, &served))
		return -ENOENT;
	CPU_AND(&both, &served, wanted);
	if (!CPU_EQUAL(&both, wanted) ||
	    read_line(name, "type", line, sizeof(line)))
		return -ENOENT;
	return atoi(line);
}

/* The number of the host PMU that serves all CPUs of the affinity list. */
static int find_pmu(const cpu_set_t *wanted)
{
	DIR *dir = opendir(PMU_DIR);
	struct dirent *entry;
	int type = -ENOENT;

	if (!dir)
		return -errno;
	while (type < 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			type = covering_type(entry->d_name, wanted);
	closedir(dir);
	return type;
}

/* Without an affinity, and on kernels without SET_PMU, KVM's choice stays. */
static int choose_pmu(struct machine *machine, struct vcpu *vcpu)
{
	struct kvm_device_attr has = {
		.group = KVM_ARM_VCPU_PMU_V3_CTRL,
		.attr = KVM_ARM_VCPU_PMU_V3_SET_PMU,
	};
	int type;

	if (!machine->config->cpu.has_affinity ||
	    ioctl(vcpu->fd, KVM_HAS_DEVICE_ATTR, &has) < 0)
		return 0;
	type = find_pmu(&machine->config->cpu.affinity);
	if (type < 0)
		return -ENODEV;
	return set_attr(vcpu, KVM_ARM_VCPU_PMU_V3_SET_PMU, &type);
}

/*
 * The order IRQ, INIT is KVM's; the interrupt is a PPI, so the same for all
 * vCPUs.
 */
int pmu_init_vcpu(struct machine *machine, struct vcpu *vcpu)
{
	int intid = PPI_PMU + 16;
	int ret;

	if (!machine->features.pmu)
		return 0;
	ret = choose_pmu(machine, vcpu);
	if (!ret)
		ret = set_attr(vcpu, KVM_ARM_VCPU_PMU_V3_IRQ, &intid);
	if (!ret)
		ret = set_attr(vcpu, KVM_ARM_VCPU_PMU_V3_INIT, NULL);
	if (ret == -ENODEV)
		pr_fatal("--pmu: no PMU of this host serves all CPUs of "
			 "--vcpu-affinity");
	else if (ret)
		pr_fatal("vCPU %u: unable to set up the PMU: %s", vcpu->id,
			 strerror(-ret));
	return ret;
}
