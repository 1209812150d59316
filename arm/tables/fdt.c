/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fixed part of the device tree: what describes the CPUs, RAM, the
 * architecture's timers and firmware interfaces, and how to boot. Devices write
 * their own nodes next to the code that decodes their registers. Bindings are
 * those of Linux's Documentation/devicetree/bindings and of the Devicetree
 * Specification; where these leave a choice, kvmtool's is taken.
 *
 * Built before the first vCPU runs, and again at each reset, while none runs.
 * The firmware or kernel may change its copy in guest memory; nothing here
 * reads it again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "arm/boot.h"
#include "arm/cpu.h"
#include "arm/gic.h"
#include "arm/machine.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"

/* arm,gic.yaml: the third cell of an interrupt. */
#define IRQ_TYPE_LEVEL_HIGH 4
#define IRQ_TYPE_LEVEL_LOW  8
#define GIC_PPI		    1 /* the first cell; INTIDs count from 16 */

/* PSCI (Arm DEN0022) 0.1 had no fixed numbers; these are those of 0.2. */
#define PSCI_CPU_SUSPEND32 0x84000001
#define PSCI_CPU_SUSPEND64 0xc4000001
#define PSCI_CPU_OFF	   0x84000002
#define PSCI_CPU_ON32	   0x84000003
#define PSCI_CPU_ON64	   0xc4000003
#define PSCI_MIGRATE32	   0x84000005
#define PSCI_MIGRATE64	   0xc4000005

#define RNG_SEED_SIZE 64 /* bytes */

/*
 * Devicetree Specification, section 3.6, and Linux's chosen properties. Both
 * seeds change with each boot, so a guest that resets does not see the same
 * numbers twice, unless the user has fixed the KASLR seed.
 */
static void chosen_node(struct machine *machine, struct fdt_writer *fdt)
{
	u64 kaslr_seed = machine->config->boot.kaslr_seed;
	u8 seeds[sizeof(kaslr_seed) + RNG_SEED_SIZE];
	bool random = getrandom(seeds, sizeof(seeds), 0) == sizeof(seeds);

	fdt_node_begin(fdt, "chosen");
	fdt_prop_string(fdt, "bootargs", machine->cmdline);
	/* Without entropy no seed at all is better than a guessable one. */
	if (!machine->config->boot.has_kaslr_seed && random)
		memcpy(&kaslr_seed, seeds, sizeof(kaslr_seed));
	fdt_prop_u64(fdt, "kaslr-seed", kaslr_seed);
	if (random)
		fdt_prop(fdt, "rng-seed", seeds + sizeof(kaslr_seed),
			 RNG_SEED_SIZE);
	if (machine->initrd.size) {
		fdt_prop_u64(fdt, "linux,initrd-start", machine->initrd.base);
		fdt_prop_u64(fdt, "linux,initrd-end",
			     machine->initrd.base + machine->initrd.size);
	}
	/*
	 * Last, because EDK2 2022.11 looks for the end of the path with the
	 * arguments swapped: a byte 8, such as the length of a 64-bit property,
	 * must not follow within 58 bytes (fixed in its commit 47b1d61169).
	 */
	fdt_prop_string(fdt, "stdout-path", "serial0");
	fdt_node_end(fdt);
}

/* One bank from the machine's base on; reserved parts have no nodes. */
static void memory_node(struct machine *machine, struct fdt_writer *fdt)
{
	fdt_node_begin_unit(fdt, "memory", machine->ram.base);
	fdt_prop_string(fdt, "device_type", "memory");
	fdt_prop_reg1(fdt, machine->ram.base, machine->ram.size);
	fdt_node_end(fdt);
}

/*
 * A generic "compatible", as the guest identifies its CPUs by MIDR_EL1. EDK2's
 * ACPI generator accepts "arm,arm-v8" and few others. #address-cells is 1, so
 * only Aff0 to Aff2 fit into "reg"; KVM leaves Aff3 at 0.
 */
static void cpu_nodes(struct machine *machine, struct fdt_writer *fdt)
{
	const char *compatible = machine->features.aarch32 ? "arm,cortex-a15"
							   : "arm,arm-v8";

	fdt_node_begin(fdt, "cpus");
	fdt_prop_u32(fdt, "#address-cells", 1);
	fdt_prop_u32(fdt, "#size-cells", 0);
	for (unsigned int i = 0; i < machine->vm.nr_vcpus; i++) {
		u64 mpidr = cpu_mpidr(machine->vm.vcpus[i]);

		fdt_node_begin_unit(fdt, "cpu", mpidr);
		fdt_prop_string(fdt, "device_type", "cpu");
		fdt_prop_string(fdt, "compatible", compatible);
		fdt_prop_string(fdt, "enable-method", "psci");
		fdt_prop_u32(fdt, "reg", (u32)mpidr);
		fdt_node_end(fdt);
	}
	fdt_node_end(fdt);
}

/*
 * arm,arch_timer.yaml: secure, physical, virtual and hypervisor timer, all PPIs
 * of each CPU. "always-on", as KVM keeps the timers of idle vCPUs.
 */
static void timer_node(struct machine *machine, struct fdt_writer *fdt)
{
	const u32 flags = gic_ppi_flags(machine, IRQ_TYPE_LEVEL_LOW);
	const u32 cells[] = {
		GIC_PPI, PPI_TIMER_SECURE, flags,
		GIC_PPI, PPI_TIMER_PHYS,   flags,
		GIC_PPI, PPI_TIMER_VIRT,   flags,
		GIC_PPI, PPI_TIMER_HYP,	   flags,
	};

	fdt_node_begin(fdt, "timer");
	fdt_prop_strings(fdt, "compatible",
			 "arm,armv8-timer\0arm,armv7-timer\0");
	fdt_prop_cells(fdt, "interrupts", cells, ARRAY_SIZE(cells));
	fdt_prop_empty(fdt, "always-on");
	if (machine->config->cpu.cntfrq)
		fdt_prop_u32(fdt, "clock-frequency",
			     machine->config->cpu.cntfrq);
	fdt_node_end(fdt);
}

/* Only with --pmu and where KVM offers it. */
static void pmu_node(struct machine *machine, struct fdt_writer *fdt)
{
	const u32 cells[] = { GIC_PPI, PPI_PMU,
			      gic_ppi_flags(machine, IRQ_TYPE_LEVEL_HIGH) };

	if (!machine->features.pmu)
		return;
	fdt_node_begin(fdt, "pmu");
	fdt_prop_string(fdt, "compatible", "arm,armv8-pmuv3");
	fdt_prop_cells(fdt, "interrupts", cells, ARRAY_SIZE(cells));
	fdt_node_end(fdt);
}

/*
 * psci.yaml. The function IDs are for drivers of PSCI 0.1; later ones ignore
 * them.
 */
static void psci_node(struct machine *machine, struct fdt_writer *fdt)
{
	bool wide = !machine->features.aarch32;

	fdt_node_begin(fdt, "psci");
	fdt_prop_strings(fdt, "compatible",
			 "arm,psci-1.0\0arm,psci-0.2\0arm,psci\0");
	fdt_prop_string(fdt, "method", "hvc");
	fdt_prop_u32(fdt, "cpu_suspend",
		     wide ? PSCI_CPU_SUSPEND64 : PSCI_CPU_SUSPEND32);
	fdt_prop_u32(fdt, "cpu_off", PSCI_CPU_OFF);
	fdt_prop_u32(fdt, "cpu_on", wide ? PSCI_CPU_ON64 : PSCI_CPU_ON32);
	fdt_prop_u32(fdt, "migrate", wide ? PSCI_MIGRATE64 : PSCI_MIGRATE32);
	fdt_node_end(fdt);
}

/* The PL0xx bindings require a clock, whose frequency drivers query. */
static void clock_node(struct machine *machine, struct fdt_writer *fdt)
{
	if (!machine->type->clock)
		return;
	fdt_node_begin(fdt, "apb-pclk");
	fdt_prop_string(fdt, "compatible", "fixed-clock");
	fdt_prop_u32(fdt, "#clock-cells", 0);
	fdt_prop_u32(fdt, "clock-frequency", machine->type->clock);
	fdt_prop_u32(fdt, "phandle", FDT_PHANDLE_CLOCK);
	fdt_node_end(fdt);
}

/* The path names the node that the UART's model writes. */
static void aliases_node(struct machine *machine, struct fdt_writer *fdt)
{
	fdt_node_begin(fdt, "aliases");
	for (unsigned int i = 0; i < machine->type->nr_serial; i++) {
		char alias[24], path[32];

		snprintf(alias, sizeof(alias), "serial%u", i);
		snprintf(path, sizeof(path), "/serial@%" PRIx64,
			 machine->type->serial[i].base);
		fdt_prop_string(fdt, alias, path);
	}
	fdt_node_end(fdt);
}

/* The writer collects errors; they are returned by fdt_writer_finish(). */
static int build(struct machine *machine, void **blob, size_t *size)
{
	struct fdt_writer fdt;
	int ret = fdt_writer_init(&fdt);

	if (ret) {
		pr_fatal("Unable to build the device tree: %s", strerror(-ret));
		return ret;
	}
	fdt_prop_u32(&fdt, "interrupt-parent", FDT_PHANDLE_GIC);
	fdt_prop_string(&fdt, "compatible", "linux,dummy-virt");
	fdt_prop_string(&fdt, "model", "linux,dummy-virt");
	fdt_prop_u32(&fdt, "#address-cells", 2);
	fdt_prop_u32(&fdt, "#size-cells", 2);
	chosen_node(machine, &fdt);
	aliases_node(machine, &fdt);
	memory_node(machine, &fdt);
	cpu_nodes(machine, &fdt);
	gic_fdt_node(machine, &fdt);
	timer_node(machine, &fdt);
	pmu_node(machine, &fdt);
	psci_node(machine, &fdt);
	clock_node(machine, &fdt);
	device_fdt_nodes(&machine->vm.devices, &fdt);
	return fdt_writer_finish(&fdt, blob, size);
}

/* Of the first boot only: each reset would overwrite it. */
static int dump(const char *path, const void *blob, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int ret = fd < 0 ? -errno : 0;

	if (!ret)
		ret = write_full(fd, blob, size);
	if (fd >= 0 && close(fd) < 0 && !ret)
		ret = -errno;
	if (ret)
		pr_fatal("--dump-dtb: unable to write %s: %s", path,
			 strerror(-ret));
	return ret;
}

/* Fails if the tree exceeds the place that the memory map reserves for it. */
int machine_write_fdt(struct machine *machine)
{
	size_t size = 0;
	void *blob;
	int ret = build(machine, &blob, &size);

	if (ret)
		return ret;
	if (size > machine->dtb.size) {
		pr_fatal("the device tree needs %zu bytes, there is room for "
			 "%" PRIu64,
			 size, machine->dtb.size);
		ret = -ENOSPC;
	}
	if (!ret && machine->config->debug.dump_dtb && !machine->again)
		ret = dump(machine->config->debug.dump_dtb, blob, size);
	ram_use_huge_pages(machine, false);
	if (!ret)
		ret = gmem_write(&machine->vm.mem, machine->dtb.base, blob,
				 size);
	free(blob);
	return ret;
}
